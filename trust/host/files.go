package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/nix-trust/nix-trust/nixconf"
)

// MaxFile is the largest file that is read: 16 MiB.
const MaxFile = 16 << 20

// Files is the file system of a Machine, read only. Paths are absolute and
// slash-separated. Links are followed except by Lstat and ReadLink. Errors
// match fs.ErrNotExist, fs.ErrPermission, syscall.EISDIR, syscall.ELOOP,
// nixconf.ErrTooLarge and ErrNotRegular where they apply.
type Files interface {
	// ReadFile reads a regular file of at most MaxFile bytes. Anything else is
	// an error and is not opened: no pipe can hold it up, no device is touched.
	// This machine's own null device is an empty file.
	ReadFile(path string) ([]byte, error)
	// Exists reports whether something is at path: as Nix does, a dangling link
	// exists. The error says that it could not be found out.
	Exists(path string) (bool, error)
	Stat(path string) (fs.FileInfo, error)
	Lstat(path string) (fs.FileInfo, error)
	ReadLink(path string) (string, error)
	// Resolve follows every link in path.
	Resolve(path string) (string, error)
	// ReadDir lists at most limit entries of a folder, in no order.
	ReadDir(path string, limit int) ([]fs.DirEntry, error)
}

// ErrNotRegular says that a path is a pipe, a socket or a device.
var ErrNotRegular = nixconf.ErrNotRegular

// hostFiles is the file system of this machine.
type hostFiles struct{}

func (hostFiles) ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(info, null) {
		return nil, nil // the usual way to say that there is nothing to read
	}
	if err := readable(path, info); err != nil {
		return nil, err
	}
	fd, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	return readFD(fd, path)
}

func (hostFiles) Exists(path string) (bool, error)       { return exists(os.Lstat(path)) }
func (hostFiles) Stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }
func (hostFiles) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (hostFiles) ReadLink(path string) (string, error)   { return os.Readlink(path) }
func (hostFiles) Resolve(path string) (string, error)    { return filepath.EvalSymlinks(path) }

func (hostFiles) ReadDir(path string, limit int) ([]fs.DirEntry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: syscall.ENOTDIR}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return listOpen(f, limit)
}

// readable says whether a file of this kind and size may be opened and read.
func readable(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	case info.Size() > MaxFile:
		return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: %d bytes, and at most %d are read", nixconf.ErrTooLarge, info.Size(), MaxFile)}
	}
	return nil
}

func listOpen(f fs.File, limit int) ([]fs.DirEntry, error) {
	dir, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil, syscall.ENOTDIR
	}
	entries, err := dir.ReadDir(limit)
	if err == io.EOF {
		err = nil
	}
	return entries, err
}

func exists(_ fs.FileInfo, err error) (bool, error) {
	if err == nil {
		return true, nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return false, err
}
