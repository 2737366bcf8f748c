//go:build !linux

package host

// Under returns the files of another system whose root folder is given. Its
// links are followed inside it, absolute ones too, and nothing outside it can
// be reached, not even by a link that is swapped while it is followed.
func Under(root string) Files { return portableUnder(root) }
