package ledger

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/nix-trust/nix-trust/trust"
)

// swap is one file on its way from one content to another. Everything happens
// relative to the open folder, so that no link that is exchanged meanwhile can
// lead elsewhere.
type swap struct {
	named   string        // as the change names it
	before  *trust.Digest // what it has to be now
	existed bool
	after   trust.FileState
	parents bool

	path     string // with every link followed
	name     string // in dir
	dir      *os.Root
	made     []string // folders that were made for it
	sidecar  *os.File
	info     fs.FileInfo // of the file that is there
	old      []byte
	staged   bool // the new file is beside the old one
	swapped  bool // the new file is in its place
	traded   bool // and the old one is where the new one was
	uid, gid int
}

// fresh is the name of the new file until it is in its place, and of the old
// one after that. One that is there when the lock is had was left by a crash.
func (s *swap) fresh() string { return "." + s.name + ".nix-trust-new" }

// read reads the file. No file is no error.
func (s *swap) read(name string) (data []byte, info fs.FileInfo, err error) {
	for range 10 {
		data, info, err = s.readOnce(name)
		if !errors.Is(err, errReplaced) {
			return data, info, err
		}
	}
	return nil, nil, s.moved("it was replaced again and again while it was read")
}

// errReplaced says that another file has the name than a moment before.
var errReplaced = errors.New("replaced while it was opened")

func (s *swap) readOnce(name string) (data []byte, info fs.FileInfo, err error) {
	info, err = s.dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, s.fault("could not be looked at", err)
	}
	switch {
	case info.IsDir():
		return nil, nil, refuse(s.named, "it is a folder", "")
	case !info.Mode().IsRegular():
		return nil, nil, refuse(s.named, "it is no regular file", "")
	case info.Size() > MaxFile:
		return nil, nil, refuse(s.named, "it is larger than anything that belongs there", "")
	}
	f, err := s.dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errReplaced
	}
	if err != nil {
		return nil, nil, s.fault("could not be read", err)
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, nil, errReplaced
	}
	if data, err = io.ReadAll(io.LimitReader(f, MaxFile+1)); err != nil {
		return nil, nil, s.fault("could not be read", err)
	}
	return data, info, nil
}

// check compares the file with what the change was made from, and finds out
// whether it may be replaced as it is.
func (s *swap) check(w Writer) error {
	if err := w.at("read"); err != nil {
		return s.fault("could not be read", err)
	}
	data, info, err := s.read(s.name)
	if err != nil {
		return err
	}
	switch {
	case info == nil && s.existed:
		return s.moved("it is gone since the change was worked out")
	case info != nil && !s.existed:
		return s.moved("it was made since the change was worked out")
	case info != nil && sha256.Sum256(data) != *s.before:
		return s.moved("it was changed since the change was worked out")
	}
	s.old, s.info = data, info
	return s.mayReplace()
}

// mayReplace finds the owner that the new file gets, and refuses where the
// outcome would not be what the file was.
func (s *swap) mayReplace() error {
	me := os.Geteuid()
	if s.info == nil {
		dir, err := s.dir.Stat(".")
		if err != nil {
			return s.fault("could not be looked at", err)
		}
		// Root makes a user's files the user's own.
		s.uid, s.gid = -1, -1
		if me == 0 {
			s.uid, s.gid = owner(dir)
		}
		return nil
	}
	s.uid, s.gid = owner(s.info)
	if me != 0 && s.uid != me {
		return refuse(s.named, "it belongs to another user", "ask its owner, or the administrator")
	}
	if s.info.Mode().Perm()&0o200 == 0 {
		return refuse(s.named, "it is marked as not to be written", "chmod u+w it if it may be changed")
	}
	return nil
}

// stage writes the new file beside the old one and brings it to the disk.
func (s *swap) stage(w Writer) (err error) {
	if err := s.dir.Remove(s.fresh()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.fault("what an earlier change left beside it could not be removed", err)
	}
	if !s.after.Exists {
		return nil
	}
	const doing = "the new content could not be written beside it"
	if err := w.at("create"); err != nil {
		return s.fault(doing, err)
	}
	f, err := s.dir.OpenFile(s.fresh(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s.fault(doing, err)
	}
	s.staged = true
	defer f.Close()
	mode := s.after.Mode.Perm()
	if s.info != nil {
		mode = s.info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	}
	for _, do := range []struct {
		step string
		run  func() error
	}{
		{"write", func() error { _, err := f.Write(s.after.Data); return err }},
		{"owner", func() error { return s.chown(f) }},
		{"attributes", func() error { return s.copyAttributes(f) }},
		{"mode", func() error { return f.Chmod(mode) }},
		{"sync", f.Sync},
		{"close", f.Close},
	} {
		err := w.at(do.step)
		if err == nil {
			err = do.run()
		}
		if err != nil {
			return s.fault(doing, err)
		}
	}
	return nil
}

// chown gives the new file its owner, where it is not so already.
func (s *swap) chown(f *os.File) error {
	if s.uid < 0 {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if uid, gid := owner(info); uid == s.uid && gid == s.gid {
		return nil
	}
	if err := f.Chown(s.uid, s.gid); err != nil {
		return refuse(s.named, "its owner and group could not be kept", "ask the administrator: the file belongs to a group that you are not in")
	}
	return nil
}

// copyAttributes gives the new file the access list and the other extended
// attributes of the old one. Without the list the mode would let others in: its
// group part is what the list allows at most.
func (s *swap) copyAttributes(to *os.File) error {
	if s.info == nil {
		return nil
	}
	from, err := s.dir.OpenFile(s.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := copyAttributes(from, to); err != nil {
		return refuse(s.named, "its access list or another attribute could not be kept: "+err.Error(), "remove the attribute, or ask the administrator")
	}
	return nil
}

// commit makes the change visible and durable.
func (s *swap) commit(w Writer) error {
	if err := w.at("swap"); err != nil {
		return s.fault("could not be replaced", err)
	}
	if err := s.exchange(w); err != nil {
		return err
	}
	s.swapped = true
	err := w.at("syncdir")
	if err == nil {
		err = s.syncDir()
	}
	if err != nil {
		bad := s.fault("the change could not be brought to the disk", err)
		if back := s.takeBack(w); back != nil {
			bad.Text += ", nor taken back: " + back.Error()
		}
		return bad
	}
	// A program that had looked the old file up by the swap may have written into
	// it since.
	return s.settle(w)
}

// exchange puts the new file into its place if what is there is still what it
// was a moment ago.
func (s *swap) exchange(w Writer) error {
	switch {
	case s.info == nil && !s.after.Exists:
		return nil
	case s.info == nil:
		err := w.placeNew(s.dir, s.fresh(), s.name)
		if errors.Is(err, fs.ErrExist) {
			return s.moved("it was made by another program at this moment")
		}
		if err != nil {
			return s.fault("could not be made", err)
		}
		s.staged = false
		return nil
	case !s.after.Exists:
		if err := s.dir.Rename(s.name, s.fresh()); err != nil {
			return s.fault("could not be removed", err)
		}
		s.staged = true
		if !s.still(s.fresh()) {
			// Unless yet another file came, the one that moved goes back.
			if err := w.placeNew(s.dir, s.fresh(), s.name); err == nil {
				s.staged = false
			}
			return s.moved("another program changed it at this moment")
		}
		return nil
	}
	ok, err := w.exchangeNames(s.dir, s.fresh(), s.name)
	if err != nil {
		return s.fault("could not be replaced", err)
	}
	if ok {
		s.traded = true
		return s.settle(w)
	}
	if !s.still(s.name) {
		return s.moved("another program changed it at this moment")
	}
	if err := s.dir.Rename(s.fresh(), s.name); err != nil {
		return s.fault("could not be replaced", err)
	}
	s.staged = false
	return nil
}

// settle refuses a swap whose other half turns out to be not what was checked,
// and puts that back.
func (s *swap) settle(w Writer) error {
	if !s.traded || s.still(s.fresh()) {
		return nil
	}
	s.swapped, s.traded = false, false
	if err := s.putBack(w); err != nil {
		s.staged = false // it stays
		return s.fault("another program changed it at this moment, and what it wrote is now in "+filepath.Join(filepath.Dir(s.path), s.fresh())+", because putting it back failed", err)
	}
	return s.moved("another program changed it at this moment")
}

// putBack swaps again after what came out was not what was expected. The other
// program may have written into the new file while that was in its place: then
// that is the latest, and goes back in turn.
func (s *swap) putBack(w Writer) error {
	placed := trust.DigestOf(s.after.Data)
	out, _, err := s.read(s.fresh())
	for try := 0; err == nil && try < 10; try++ {
		if _, err = w.exchangeNames(s.dir, s.fresh(), s.name); err != nil {
			break
		}
		in := trust.DigestOf(out)
		if out, _, err = s.read(s.fresh()); err == nil && trust.DigestOf(out) == placed {
			return nil
		}
		placed = in
	}
	if err == nil {
		err = errReplaced
	}
	return err
}

// still reports whether a name is the file that was checked, unchanged.
func (s *swap) still(name string) bool {
	data, info, err := s.read(name)
	return err == nil && info != nil && os.SameFile(info, s.info) && sha256.Sum256(data) == *s.before
}

// takeBack undoes a change that was made already, because another of the same
// plan failed.
func (s *swap) takeBack(w Writer) error {
	if !s.swapped {
		return nil
	}
	now, info, err := s.read(s.name)
	if err != nil {
		return err
	}
	if (info != nil) != s.after.Exists || string(now) != string(s.after.Data) && s.after.Exists {
		return s.moved("another program changed it meanwhile")
	}
	mode := fs.FileMode(0o600)
	if s.info != nil {
		mode = s.info.Mode()
	}
	back := &swap{
		named: s.named, path: s.path, name: s.name, dir: s.dir, info: info, uid: s.uid, gid: s.gid,
		existed: info != nil, after: trust.FileState{Exists: s.info != nil, Data: s.old, Mode: mode},
	}
	digest := trust.DigestOf(now)
	back.before = &digest
	w.step = nil
	if err := back.stage(w); err != nil {
		return err
	}
	if err := back.exchange(w); err != nil {
		return err
	}
	s.swapped = false
	if err := s.dir.Remove(s.fresh()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.syncDir()
}

func (s *swap) syncDir() error {
	d, err := s.dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// owner is the user and group of a file.
func owner(info fs.FileInfo) (uid, gid int) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}
