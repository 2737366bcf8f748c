package bundle

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/nix-trust/nix-trust/trust/host"
)

// A Recording notes every path that is looked at in some files, each link and
// each folder on the way to it too, and what was found there. The zero Recording
// is ready to use.
type Recording struct {
	mu    sync.Mutex
	of    host.Files
	tree  tree
	asked map[string][]string // path of a file that was read → the names it was asked for by
}

// Files returns the files as they are to be looked at while they are recorded.
func (r *Recording) Files(of host.Files) host.Files {
	r.of = of
	r.tree.nodes, r.asked = map[string]*node{}, map[string][]string{}
	return asking{host.In(noting{r}), r}
}

// asking notes by which names files are read.
type asking struct {
	host.Files
	r *Recording
}

func (a asking) ReadFile(name string) ([]byte, error) {
	if at, err := a.Resolve(name); err == nil {
		a.r.mu.Lock()
		if name = path.Clean(name); !slices.Contains(a.r.asked[at], name) {
			a.r.asked[at] = append(a.r.asked[at], name)
		}
		a.r.mu.Unlock()
	}
	return a.Files.ReadFile(name)
}

// noting is a file system whose paths have no links: host.In follows them, and
// so comes by everything that lies on the way.
type noting struct{ *Recording }

// note changes what is noted of a path.
func (r *Recording) note(name string, change func(*node)) {
	p := absolute(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.tree.nodes[p]
	if n == nil {
		n = &node{}
		r.tree.nodes[p] = n
	}
	change(n)
}

func absolute(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name
}

func (r noting) Lstat(name string) (fs.FileInfo, error) {
	info, err := r.of.Lstat(absolute(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		r.note(name, func(n *node) { *n = node{absent: true} })
		return nil, err
	case err != nil:
		r.note(name, func(n *node) { *n = node{unseen: cause(err)} })
		return nil, err
	}
	if info.Mode()&fs.ModeCharDevice != 0 {
		// The null device reads as an empty file, and is one from here on.
		if data, err := r.of.ReadFile(absolute(name)); err == nil && len(data) == 0 {
			info = null{info}
		}
	}
	r.note(name, func(n *node) {
		n.absent, n.unseen = false, ""
		n.mode, n.size, n.modified = info.Mode(), info.Size(), info.ModTime()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			n.uid, n.gid, r.tree.owners = st.Uid, st.Gid, true
		}
	})
	return info, nil
}

// null is the null device as an empty file.
type null struct{ fs.FileInfo }

func (n null) Mode() fs.FileMode { return n.FileInfo.Mode().Perm() }
func (null) Size() int64         { return 0 }

func (r noting) ReadLink(name string) (string, error) {
	if _, err := r.Lstat(name); err != nil {
		return "", err
	}
	link, err := r.of.ReadLink(absolute(name))
	r.note(name, func(n *node) {
		if n.link = link; err != nil && n.mode.Type() == fs.ModeSymlink {
			n.unseen = cause(err)
		}
	})
	return link, err
}

func (r noting) Open(name string) (fs.File, error) {
	info, err := r.Lstat(name)
	if err != nil {
		return nil, err
	}
	f := &notingFile{r: r, name: name, info: info}
	if info.IsDir() {
		return f, nil
	}
	data, err := r.of.ReadFile(absolute(name))
	r.note(name, func(n *node) {
		if n.data, n.read = data, err == nil; err != nil {
			n.unread = cause(err)
		}
	})
	f.text = strings.NewReader(string(data))
	return f, err
}

// notingFile is a file or a folder that is being looked at.
type notingFile struct {
	r    noting
	name string
	info fs.FileInfo
	text *strings.Reader
}

func (f *notingFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *notingFile) Close() error               { return nil }

func (f *notingFile) Read(p []byte) (int, error) {
	if f.text == nil {
		return 0, io.EOF
	}
	return f.text.Read(p)
}

func (f *notingFile) ReadDir(limit int) ([]fs.DirEntry, error) {
	list, err := f.r.of.ReadDir(absolute(f.name), limit)
	f.r.note(f.name, func(n *node) {
		n.listed = err == nil
		if err != nil {
			n.unlisted = cause(err)
			return
		}
		n.entries = nil
		for _, e := range list {
			n.entries = append(n.entries, entry{e.Name(), e.Type()})
		}
	})
	return list, err
}
