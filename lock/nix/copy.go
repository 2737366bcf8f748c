package nix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxTreeBytes = 2 << 30
	maxTreeFiles = 500_000
	lockName     = "flake.cache-lock"
)

// copyTree copies a tree of the store, in which there are only folders, files
// and symbolic links. Links are copied and never followed; nothing is written
// outside to, which is made.
func copyTree(ctx context.Context, from, to string) error {
	if st, err := os.Lstat(from); err != nil || !st.IsDir() {
		return fmt.Errorf("%s is not a folder", from)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	src, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	files, room := 0, int64(maxTreeBytes)
	return fs.WalkDir(src.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || name == "." {
			return err
		}
		if files++; files > maxTreeFiles {
			return fmt.Errorf("it has more than %d files", maxTreeFiles)
		}
		switch {
		case e.IsDir():
			return dst.Mkdir(name, 0o700)
		case e.Type() == fs.ModeSymlink:
			target, err := src.Readlink(name)
			if err != nil {
				return err
			}
			return dst.Symlink(target, name)
		case e.Type().IsRegular():
			n, err := copyFile(dst, src, name, room)
			room -= n
			return err
		}
		return fmt.Errorf("%q is no file, folder or symbolic link", name)
	})
}

// copyFile copies one file of at most room bytes, and returns its size.
func copyFile(dst, src *os.Root, name string, room int64) (int64, error) {
	in, err := src.Open(name)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return 0, err
	}
	// Nix knows only whether a file is executable.
	out, err := dst.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600|st.Mode()&0o100)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, room+1))
	if err == nil && n > room {
		err = fmt.Errorf("it is larger than %d MiB", maxTreeBytes>>20)
	}
	return n, errors.Join(err, out.Close())
}

// changeLock gives the flake in a folder of a tree another cache lock than it
// had, if it had one.
func changeLock(tree, dir string) error {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Join(dir, lockName)
	old, err := readSmall(root, name)
	if err != nil {
		return err
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	text := old + "# another lock\n"
	if old == "" {
		text = "version = 1\n"
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// linkTop makes the flake in a folder of a tree that of the whole tree.
func linkTop(tree, dir string) error {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range []string{"flake.nix", "flake.lock"} {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		if _, err := root.Stat(filepath.Join(dir, name)); err != nil {
			continue
		}
		if err := root.Symlink(filepath.Join(dir, name), name); err != nil {
			return err
		}
	}
	return nil
}

// readSmall returns the start of a file, "" when there is none.
func readSmall(root *os.Root, name string) (string, error) {
	st, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Mode().IsRegular() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	_, err = io.Copy(&b, io.LimitReader(f, 1<<20))
	return b.String(), err
}
