package ledger

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// exchangeNames lets two files of a folder change places in one step. It reports
// false when the kernel or the file system cannot do that.
func (w Writer) exchangeNames(dir *os.Root, a, b string) (bool, error) {
	if w.noExchange {
		return false, nil
	}
	err := renameat2(dir, a, b, unix.RENAME_EXCHANGE)
	if cannot(err) {
		return false, nil
	}
	return err == nil, err
}

// placeNew moves a file to a name that has to be free. The error matches
// fs.ErrExist when it is not.
func (w Writer) placeNew(dir *os.Root, from, to string) error {
	if w.noExchange {
		return linkNew(dir, from, to)
	}
	err := renameat2(dir, from, to, unix.RENAME_NOREPLACE)
	if cannot(err) {
		return linkNew(dir, from, to)
	}
	return err
}

func cannot(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP)
}

func renameat2(dir *os.Root, from, to string, flags uint) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Renameat2(int(d.Fd()), from, int(d.Fd()), to, flags); err != nil {
		return &fs.PathError{Op: "rename", Path: to, Err: err}
	}
	return nil
}
