//go:build !linux

package ledger

import "os"

func (w Writer) exchangeNames(*os.Root, string, string) (bool, error) { return false, nil }

// placeNew moves a file to a name that has to be free. The error matches
// fs.ErrExist when it is not.
func (w Writer) placeNew(dir *os.Root, from, to string) error { return linkNew(dir, from, to) }

func copyAttributes(_, _ *os.File) error { return nil }
