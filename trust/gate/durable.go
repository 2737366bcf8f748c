package gate

import (
	"errors"
	"os"
	"path/filepath"
)

// replaceFile puts a content in the place of a file's: at every moment the file
// is the old one or the new one, whole, and when replaceFile returns without an
// error it is the new one on the disk. A link in its place is replaced. Nobody
// else may read it.
func replaceFile(file string, content []byte) error {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, "."+filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
