package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// inStore matches a path through a store of any place: a folder named store,
// and in it an entry that begins with a hash. Nix: src/libstore/path.cc.
var inStore = regexp.MustCompile(`/store/[0-9a-df-np-sv-z]{32}-[^/]`)

// open follows the links of the path, refuses what belongs to a store, and opens
// the folder.
func (s *swap) open(w Writer) error {
	if err := w.at("open"); err != nil {
		return s.fault("could not be looked at", err)
	}
	path, err := filepath.Abs(s.named)
	if err != nil {
		return s.fault("could not be looked at", err)
	}
	path, missing, err := resolve(path)
	if err != nil {
		return s.resolveFault(err)
	}
	if w.stored(path) {
		return storeFault(s.named, path)
	}
	s.path, s.name = path, filepath.Base(path)
	dir := filepath.Dir(path)
	for range missing {
		dir = filepath.Dir(dir)
	}
	if len(missing) > 0 && !s.parents {
		return refuse(s.named, "the folder "+filepath.Join(dir, missing[0])+" does not exist", "make the folder first")
	}
	if s.dir, err = os.OpenRoot(dir); err != nil {
		return s.fault("its folder could not be opened", err)
	}
	return s.makeParents(dir, missing)
}

// stored reports whether a path without links is in a store.
func (w Writer) stored(path string) bool {
	if inStore.MatchString(path) {
		return true
	}
	return slices.ContainsFunc(append([]string{"/nix/store"}, w.Stores...), func(dir string) bool {
		real, err := filepath.EvalSymlinks(dir)
		return within(dir, path) || err == nil && within(real, path)
	})
}

// makeParents makes the missing folders and steps into them. They are for their
// owner alone. Where root makes them for a file of its own that all may read,
// the others are let through to it, and see what is beside it.
func (s *swap) makeParents(at string, missing []string) error {
	const doing = "its folder could not be made"
	for i, name := range missing {
		info, err := s.dir.Stat(".")
		if err != nil {
			return s.fault(doing, err)
		}
		err = s.dir.Mkdir(name, 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return s.fault(doing, err)
		}
		at = filepath.Join(at, name)
		if err == nil {
			s.made = append(s.made, at)
			if os.Geteuid() == 0 {
				uid, gid := owner(info)
				if err := s.dir.Lchown(name, uid, gid); err != nil {
					return s.fault(doing, err)
				}
				if uid == 0 && s.after.Mode&0o004 != 0 {
					mode := fs.FileMode(0o711)
					if i == len(missing)-1 {
						mode = 0o755
					}
					if err := s.dir.Chmod(name, mode); err != nil {
						return s.fault(doing, err)
					}
				}
			}
			if err := s.syncDir(); err != nil {
				return s.fault(doing, err)
			}
		}
		next, err := s.dir.OpenRoot(name)
		if err != nil {
			return s.fault(doing, err)
		}
		s.dir.Close()
		s.dir = next
	}
	return nil
}

// close gives everything back. After a failure it removes what was made.
func (s *swap) close(w Writer, failed bool) {
	if s.dir == nil {
		return
	}
	if s.staged && s.sidecar != nil && w.at("remove") == nil {
		s.dir.Remove(s.fresh())
	}
	s.unlock(w)
	s.dir.Close()
	if failed {
		for _, dir := range slices.Backward(s.made) {
			os.Remove(dir) // only when it is empty
		}
	}
}

// resolve follows every link of a path. The last parts of it may be missing:
// the file, and the folders above it that are returned, outermost first.
func resolve(path string) (resolved string, missing []string, err error) {
	resolved, err = filepath.EvalSymlinks(path)
	if err == nil {
		return resolved, nil, nil
	}
	var rest []string
	for dir := path; errors.Is(err, fs.ErrNotExist); {
		if _, lerr := os.Lstat(dir); lerr == nil {
			return "", nil, errDangling
		}
		rest = append(rest, filepath.Base(dir))
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
		if resolved, err = filepath.EvalSymlinks(dir); err == nil {
			slices.Reverse(rest)
			return filepath.Join(append([]string{resolved}, rest...)...), rest[:len(rest)-1], nil
		}
	}
	return "", nil, err
}

var errDangling = errors.New("a link on the way leads nowhere")

// within reports whether path is dir or below it.
func within(dir, path string) bool {
	dir = strings.TrimRight(filepath.Clean(dir), "/")
	return dir == "" || path == dir || strings.HasPrefix(path, dir+"/")
}

// linkNew moves a file to a name that has to be free, in two steps that are both
// safe to stop after.
func linkNew(dir *os.Root, from, to string) error {
	if err := dir.Link(from, to); err != nil {
		return err
	}
	return dir.Remove(from)
}
