package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/nix-trust/nix-trust/nixconf"
)

// maxLinks is how many links one path may lead through, as in Linux.
const maxLinks = 40

// portableUnder is Under by following links itself.
func portableUnder(root string) Files {
	r, err := os.OpenRoot(root)
	if err != nil {
		return noFiles{err}
	}
	t := &tree{fsys: r.FS()}
	// O_NONBLOCK: what was a file a moment ago may be a pipe now.
	t.openFile = func(name string) (fs.File, error) {
		return r.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	return t
}

// In returns the files of a file system made up in memory or opened as a root.
// Where it has links it must be a [fs.ReadLinkFS].
func In(fsys fs.FS) Files { return &tree{fsys: fsys, openFile: fsys.Open} }

// tree follows the links of a file system itself, so that an absolute link
// leads to the tree's own root.
type tree struct {
	fsys     fs.FS
	openFile func(name string) (fs.File, error)
	dirs     sync.Map // absolute folder → its resolved path, as links are few and folders shared
}

// name is a resolved path as fs.FS wants it.
func name(p string) string {
	if p == "/" {
		return "."
	}
	return p[1:]
}

// follow returns path without links. The last element is followed too when
// final is set. What does not exist is an error that names the path.
func (t *tree) follow(p string, final bool) (string, error) {
	p = path.Clean("/" + p)
	dir, base := path.Split(p)
	dir = path.Clean(dir)
	if base == "" {
		return "/", nil
	}
	at, ok := t.dirs.Load(dir)
	if !ok {
		links := 0
		resolved, err := t.walk(dir, &links)
		if err != nil {
			return "", err
		}
		at, _ = t.dirs.LoadOrStore(dir, resolved)
	}
	here := path.Join(at.(string), base)
	if !final {
		return here, nil
	}
	info, err := fs.Lstat(t.fsys, name(here))
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return here, nil
	}
	links := 0
	return t.walk(here, &links)
}

// walk resolves a path element by element.
func (t *tree) walk(p string, links *int) (string, error) {
	done, rest := "/", strings.TrimPrefix(p, "/")
	for rest != "" {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		switch elem {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done)
			continue
		}
		here := path.Join(done, elem)
		info, err := fs.Lstat(t.fsys, name(here))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if rest != "" && !info.IsDir() {
				return "", &fs.PathError{Op: "resolve", Path: p, Err: syscall.ENOTDIR}
			}
			done = here
			continue
		}
		if *links++; *links > maxLinks {
			return "", &fs.PathError{Op: "resolve", Path: p, Err: syscall.ELOOP}
		}
		target, err := fs.ReadLink(t.fsys, name(here))
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			done = "/"
		}
		rest = target + "/" + rest
	}
	return done, nil
}

func (t *tree) Resolve(p string) (string, error) { return t.follow(p, true) }

func (t *tree) Stat(p string) (fs.FileInfo, error) {
	at, err := t.follow(p, true)
	if err != nil {
		return nil, err
	}
	return fs.Lstat(t.fsys, name(at))
}

func (t *tree) Lstat(p string) (fs.FileInfo, error) {
	at, err := t.follow(p, false)
	if err != nil {
		return nil, err
	}
	return fs.Lstat(t.fsys, name(at))
}

func (t *tree) Exists(p string) (bool, error) { return exists(t.Lstat(p)) }

func (t *tree) ReadLink(p string) (string, error) {
	at, err := t.follow(p, false)
	if err != nil {
		return "", err
	}
	return fs.ReadLink(t.fsys, name(at))
}

func (t *tree) ReadFile(p string) ([]byte, error) {
	f, err := t.open(p, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpen(p, f)
}

func (t *tree) ReadDir(p string, limit int) ([]fs.DirEntry, error) {
	f, err := t.open(p, true)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return listOpen(f, limit)
}

// open opens a regular file, or a folder when dir is set.
func (t *tree) open(p string, dir bool) (fs.File, error) {
	at, err := t.follow(p, true)
	if err != nil {
		return nil, err
	}
	info, err := fs.Lstat(t.fsys, name(at))
	if err != nil {
		return nil, err
	}
	if dir && !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: p, Err: syscall.ENOTDIR}
	}
	if !dir {
		if err := readable(p, info); err != nil {
			return nil, err
		}
	}
	return t.openFile(name(at))
}

// readOpen reads an open file of a made-up or another file system, checking once
// more what it is.
func readOpen(path string, f fs.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := readable(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: at most %d bytes are read", nixconf.ErrTooLarge, MaxFile)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// noFiles is a root that could not be opened: every path gives its error.
type noFiles struct{ err error }

func (n noFiles) fail(op, p string) error {
	err := n.err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	// A missing root is not a root without files: it must not read as "nothing
	// is there".
	if errors.Is(err, fs.ErrNotExist) {
		err = errRootMissing
	}
	return &fs.PathError{Op: op, Path: p, Err: err}
}

var errRootMissing = errors.New("the root folder does not exist")

func (n noFiles) ReadFile(p string) ([]byte, error)              { return nil, n.fail("open", p) }
func (n noFiles) Exists(p string) (bool, error)                  { return false, n.fail("stat", p) }
func (n noFiles) Stat(p string) (fs.FileInfo, error)             { return nil, n.fail("stat", p) }
func (n noFiles) Lstat(p string) (fs.FileInfo, error)            { return nil, n.fail("lstat", p) }
func (n noFiles) ReadLink(p string) (string, error)              { return "", n.fail("readlink", p) }
func (n noFiles) Resolve(p string) (string, error)               { return "", n.fail("resolve", p) }
func (n noFiles) ReadDir(p string, _ int) ([]fs.DirEntry, error) { return nil, n.fail("readdir", p) }
