package host

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// openFile opens a file of this machine to read it. O_NONBLOCK: what was a file
// a moment ago may be a pipe now.
func openFile(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return -1, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return fd, nil
	}
}

// readFD reads an open file, checking once more what it is. A file can grow
// while it is read, and files of /proc have no size: hence the limit.
// Thousands of files are read in one look, so it asks the kernel for no more
// than it needs.
func readFD(fd int, path string) ([]byte, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := readable(path, fdInfo{path, st}); err != nil {
		return nil, err
	}
	data := make([]byte, 0, st.Size+1)
	for {
		n, err := syscall.Read(fd, data[len(data):cap(data)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		data = data[:len(data)+n]
		switch {
		case len(data) > MaxFile:
			return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: at most %d bytes are read", nixconf.ErrTooLarge, MaxFile)}
		case n == 0, st.Size > 0 && int64(len(data)) == st.Size:
			return data, nil
		}
		if len(data) == cap(data) {
			data = append(data, make([]byte, 4096)...)[:len(data)]
		}
	}
}

// fdInfo is a stat of an open file.
type fdInfo struct {
	name string
	st   syscall.Stat_t
}

func (i fdInfo) Name() string { return i.name }
func (i fdInfo) Size() int64  { return i.st.Size }
func (i fdInfo) Sys() any     { return &i.st }
func (i fdInfo) IsDir() bool  { return i.Mode().IsDir() }

// ModTime is not looked at here.
func (i fdInfo) ModTime() time.Time { return time.Time{} }

func (i fdInfo) Mode() fs.FileMode {
	mode := fs.FileMode(i.st.Mode & 0o777)
	switch i.st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		mode |= fs.ModeDir
	case syscall.S_IFLNK:
		mode |= fs.ModeSymlink
	case syscall.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case syscall.S_IFSOCK:
		mode |= fs.ModeSocket
	case syscall.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case syscall.S_IFBLK:
		mode |= fs.ModeDevice
	default:
		mode |= fs.ModeIrregular
	}
	return mode
}
