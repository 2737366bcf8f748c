package host

import (
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Under returns the files of another system whose root folder is given. Its
// links are followed inside it, absolute ones too, and nothing outside it can
// be reached, not even by a link that is swapped while it is followed.
//
// The kernel does the following (openat2 with RESOLVE_IN_ROOT, Linux 5.6).
// Where it cannot, the portable way takes several times as long.
func Under(root string) Files {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return noFiles{err}
	}
	r := &rootFiles{dir: dir}
	fd, err := r.open("/", unix.O_PATH)
	if err != nil {
		unix.Close(dir)
		return portableUnder(root)
	}
	defer unix.Close(fd)
	if r.top, err = fdPath(fd); err != nil {
		unix.Close(dir)
		return portableUnder(root)
	}
	runtime.AddCleanup(r, func(dir int) { unix.Close(dir) }, dir)
	return r
}

// rootFiles is the file system below one open folder.
type rootFiles struct {
	dir int
	top string // the folder's own path
}

func (r *rootFiles) open(p string, flags uint64) (int, error) {
	name := strings.TrimPrefix(path.Clean("/"+p), "/")
	if name == "" {
		name = "."
	}
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	defer runtime.KeepAlive(r)
	for try := 0; ; try++ {
		fd, err := unix.Openat2(r.dir, name, &how)
		// EAGAIN: something on the way was renamed meanwhile.
		if err == nil || (err != unix.EAGAIN && err != unix.EINTR) || try == 10 {
			return fd, wrap("open", p, err)
		}
	}
}

func wrap(op, p string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: p, Err: err}
}

// look opens a path only to look at it, which touches no device, and stats it.
func (r *rootFiles) look(p string, flags uint64) (int, fs.FileInfo, error) {
	fd, err := r.open(p, unix.O_PATH|flags)
	if err != nil {
		return -1, nil, err
	}
	info, err := statFD(fd, path.Base(p))
	if err != nil {
		unix.Close(fd)
		return -1, nil, wrap("stat", p, err)
	}
	return fd, info, nil
}

func (r *rootFiles) Stat(p string) (fs.FileInfo, error) {
	fd, info, err := r.look(p, 0)
	if err == nil {
		unix.Close(fd)
	}
	return info, err
}

func (r *rootFiles) Lstat(p string) (fs.FileInfo, error) {
	fd, info, err := r.look(p, unix.O_NOFOLLOW)
	if err == nil {
		unix.Close(fd)
	}
	return info, err
}

func (r *rootFiles) Exists(p string) (bool, error) {
	fd, err := r.open(p, unix.O_PATH|unix.O_NOFOLLOW)
	if err == nil {
		unix.Close(fd)
	}
	return exists(nil, err)
}

func (r *rootFiles) ReadLink(p string) (string, error) {
	fd, err := r.open(p, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err == unix.ENOENT {
		err = unix.EINVAL // what the empty path gives for anything but a link
	}
	if err != nil {
		return "", wrap("readlink", p, err)
	}
	return string(buf[:n]), nil
}

func (r *rootFiles) Resolve(p string) (string, error) {
	fd, err := r.open(p, unix.O_PATH)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	at, err := fdPath(fd)
	if err != nil {
		return "", err
	}
	if at == r.top {
		return "/", nil
	}
	rest, ok := strings.CutPrefix(at, strings.TrimSuffix(r.top, "/")+"/")
	if !ok {
		return "", wrap("resolve", p, fs.ErrNotExist) // moved away meanwhile
	}
	return "/" + rest, nil
}

func (r *rootFiles) ReadFile(p string) ([]byte, error) {
	fd, info, err := r.look(p, 0)
	if err != nil {
		return nil, err
	}
	unix.Close(fd)
	if err := readable(p, info); err != nil {
		return nil, err
	}
	if fd, err = r.open(p, unix.O_RDONLY|unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readFD(fd, p)
}

func (r *rootFiles) ReadDir(p string, limit int) ([]fs.DirEntry, error) {
	fd, err := r.open(p, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), p)
	defer f.Close()
	return listOpen(f, limit)
}

// fdPath is the path of an open file.
func fdPath(fd int) (string, error) { return os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)) }

// statFD stats an open file, one opened only to look at it too.
func statFD(fd int, name string) (fs.FileInfo, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	return fdInfo{name, st}, nil
}

// Open opens a file to read a part of it; see opener.
func (r *rootFiles) Open(p string) (*os.File, error) {
	fd, err := r.open(p, openFlags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), p), nil
}
