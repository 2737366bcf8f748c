package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// ErrNotIn says that a path was not looked at when a bundle was made. Whether
// anything is there is not known.
var ErrNotIn = errors.New("it is not in the bundle")

// A node is what was seen at one path without links on the way to it.
type node struct {
	absent bool   // nothing is there
	unseen string // why it could not be looked at, "" otherwise

	mode     fs.FileMode
	size     int64
	modified time.Time // zero when unknown
	uid, gid uint32
	link     string

	data    []byte
	read    bool   // data is the file's
	unread  string // why it is not, for what is a file
	leftOut bool   // because it was not for the bundle

	listed   bool
	entries  []entry
	omitted  int    // files that are not among the entries
	unlisted string // why a folder could not be listed
}

// An entry is one of a folder's.
type entry struct {
	name string
	kind fs.FileMode // its type bits
}

func (n *node) there() bool { return !n.absent && n.unseen == "" }

// tree has nodes by their absolute paths. It is a file system whose paths have
// no links, for host.In, which follows them.
type tree struct {
	nodes  map[string]*node
	owners bool // the files have owners
}

// at finds a node. What is not known is an error, and never "not there".
func (t *tree) at(op, name string) (*node, error) {
	p := "/" + name
	if name == "." {
		p = "/"
	}
	n := t.nodes[p]
	fail := func(err error) (*node, error) { return nil, &fs.PathError{Op: op, Path: p, Err: err} }
	switch {
	case n == nil:
		return fail(ErrNotIn)
	case n.absent:
		return fail(syscall.ENOENT)
	case n.unseen != "":
		return fail(failure(n.unseen))
	}
	return n, nil
}

func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.at("lstat", name)
	if err != nil {
		return nil, err
	}
	return info{n, path.Base(name), t.owners}, nil
}

func (t *tree) ReadLink(name string) (string, error) {
	n, err := t.at("readlink", name)
	if err == nil && n.mode.Type() != fs.ModeSymlink {
		err = &fs.PathError{Op: "readlink", Path: "/" + name, Err: syscall.EINVAL}
	}
	if err != nil {
		return "", err
	}
	return n.link, nil
}

func (t *tree) Open(name string) (fs.File, error) {
	n, err := t.at("open", name)
	if err != nil {
		return nil, err
	}
	f := &file{node: n, info: info{n, path.Base(name), t.owners}, name: "/" + name}
	if n.mode.IsRegular() && !n.read {
		return nil, f.fail("open", failure(orNotIn(n.unread)))
	}
	return f, nil
}

func orNotIn(why string) string {
	if why == "" {
		return ErrNotIn.Error()
	}
	return why
}

// info is a node as a file's description.
type info struct {
	*node
	name   string
	owners bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.mode.IsDir() }

func (i info) Sys() any {
	if !i.owners {
		return nil
	}
	return &syscall.Stat_t{Uid: i.uid, Gid: i.gid}
}

// file is an open node.
type file struct {
	*node
	info info
	name string
	done int
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

func (f *file) fail(op string, err error) error { return &fs.PathError{Op: op, Path: f.name, Err: err} }

func (f *file) Read(p []byte) (int, error) {
	if f.done == len(f.data) {
		return 0, io.EOF
	}
	n := copy(p, f.data[f.done:])
	f.done += n
	return n, nil
}

// ReadDir lists a folder as it was listed when it was looked at.
func (f *file) ReadDir(limit int) ([]fs.DirEntry, error) {
	switch {
	case f.unlisted != "":
		return nil, f.fail("readdir", failure(f.unlisted))
	case !f.listed:
		return nil, f.fail("readdir", ErrNotIn)
	}
	rest := f.entries[min(f.done, len(f.entries)):]
	if limit > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if limit > 0 && len(rest) > limit {
		rest = rest[:limit]
	}
	f.done += len(rest)
	out := make([]fs.DirEntry, len(rest))
	for i, e := range rest {
		out[i] = dirEntry{e}
	}
	return out, nil
}

type dirEntry struct{ entry }

func (d dirEntry) Name() string      { return d.name }
func (d dirEntry) IsDir() bool       { return d.kind.IsDir() }
func (d dirEntry) Type() fs.FileMode { return d.kind }

// Info would have to look at the entry itself, which a listing does not.
func (d dirEntry) Info() (fs.FileInfo, error) { return nil, ErrNotIn }

// known are the errors that somebody tells from others.
var known = []error{
	syscall.EACCES, syscall.EPERM, syscall.EIO, syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EINVAL,
	nixconf.ErrNotRegular, ErrNotIn,
}

// cause is an error without the call and the path that failed.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error()
}

// failure is the error that cause was taken of. One that says that nothing is
// there is not among them: that is told by absent alone.
func failure(text string) error {
	for _, err := range known {
		if err.Error() == text {
			return err
		}
	}
	if rest, ok := strings.CutPrefix(text, nixconf.ErrTooLarge.Error()); ok {
		return fmt.Errorf("%w%s", nixconf.ErrTooLarge, rest)
	}
	return errors.New(text)
}
