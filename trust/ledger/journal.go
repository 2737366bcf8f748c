package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust"
)

// MaxLine is the longest line of a journal: 32 MiB. A plan that needs more is
// refused before anything is changed.
const MaxLine = 32 << 20

// A Journal is the record of the plans that were applied, a line each with what
// takes it back, and a line for how it ended. Lines are only ever added.
//
// It has the old and new contents of the files, saved answers and whatever is
// secret in them included, so the file and its folder are for their owner alone.
type Journal struct {
	// Dir is the folder of journal.jsonl. It is made with the first plan, for its
	// owner alone.
	Dir string
	// Shared: others may pass through the folder to what lies in it besides, such
	// as accepted locks, but neither list it nor read the journal.
	Shared bool
	Writer Writer
	Now    func() time.Time // time.Now when nil
}

// Path is the file.
func (j Journal) Path() string { return filepath.Join(j.Dir, "journal.jsonl") }

// StateDir is the folder of the journal of the process's own user: the one that
// NIX_TRUST_STATE_DIR names; for root /var/lib/nix-trust; for others nix-trust
// under XDG_STATE_HOME, or under ~/.local/state. A relative folder counts as
// none. XDG_STATE_HOME says nothing to root, whom sudo may hand another user's.
func StateDir(uid int, getenv func(string) string) (string, error) {
	if dir := getenv("NIX_TRUST_STATE_DIR"); filepath.IsAbs(dir) {
		return dir, nil
	}
	if uid == 0 {
		return "/var/lib/nix-trust", nil
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nix-trust"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local/state/nix-trust"), nil
	}
	return "", errors.New("there is no folder for the journal: neither HOME nor XDG_STATE_HOME names one")
}

// Apply makes a plan's changes, all or none, and returns the number that the
// journal has it under. What it will do is in the journal before it is done, so
// that a crash between the two is noticed. Without a journal nothing is changed.
func (j Journal) Apply(ctx context.Context, p trust.Plan) (n int, err error) {
	if p.Empty() {
		return 0, refuse(j.Path(), "the plan changes nothing", "")
	}
	f, err := j.open(ctx)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	last, open, err := f.unsettled()
	if err != nil {
		return 0, err
	}
	for _, e := range open {
		if err := f.add(result(e.N, e.settled())); err != nil {
			return 0, err
		}
	}
	n = last + 1
	now := time.Now
	if j.Now != nil {
		now = j.Now
	}
	line, err := lineOf(n, now(), p)
	if err != nil {
		return 0, refuse(j.Path(), err.Error(), "")
	}
	if err := j.Writer.at("journal"); err != nil {
		return 0, journalFault(j.Path(), err)
	}
	if err := f.add(line); err != nil {
		return 0, err
	}
	if err := j.Writer.Apply(ctx, p.Steps); err != nil {
		// A line that cannot be added leaves the entry interrupted: the files
		// then say that it was not applied.
		f.add(result(n, NotApplied))
		return 0, err
	}
	// The change is made. Should this line fail, the files will say so too.
	if j.Writer.at("result") == nil {
		f.add(result(n, Applied))
	}
	return n, nil
}

// unsettled is the highest number of the journal, and the entries of which it
// does not say how they ended. It reads most lines by their beginning alone:
// what it would not believe of the others is for whoever lists them.
func (f *journalFile) unsettled() (last int, open []Entry, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, nil, journalFault(f.path, err)
	}
	plans := map[int][]byte{}
	err = lines(f, func(_ int, line []byte, ended bool) {
		n, ok := number(line)
		last = max(last, n)
		if !ok || !ended {
			return
		}
		if bytes.HasPrefix(line, resultStart(n)) {
			delete(plans, n)
		} else if _, known := plans[n]; !known {
			plans[n] = bytes.Clone(line)
		}
	})
	if err != nil {
		return 0, nil, journalFault(f.path, err)
	}
	for _, n := range slices.Sorted(maps.Keys(plans)) {
		if r, err := readRecord(plans[n]); err == nil && r.Result == "" {
			open = append(open, entryOf(r))
		}
	}
	return last, open, nil
}

// journalFile is a journal that is open, locked against other writers.
type journalFile struct {
	*os.File
	path string
}

// open opens the journal for adding, makes it when there is none, and waits for
// whoever is adding to it.
func (j Journal) open(ctx context.Context) (_ *journalFile, err error) {
	if err := os.MkdirAll(j.Dir, 0o700); err != nil {
		return nil, journalFault(j.Path(), err)
	}
	if err := j.share(); err != nil {
		return nil, journalFault(j.Path(), err)
	}
	_, lerr := os.Lstat(j.Path())
	fd, err := unix.Open(j.Path(), unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, journalFault(j.Path(), err)
	}
	f := &journalFile{os.NewFile(uintptr(fd), j.Path()), j.Path()}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, journalFault(j.Path(), err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(j.Path(), "it is no regular file", "find out who made it, and remove it")
	}
	if uid, _ := owner(info); uid != os.Geteuid() {
		return nil, refuse(j.Path(), "the journal belongs to another user", "find out who made it; a journal is its owner's alone")
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return nil, journalFault(j.Path(), err)
		}
	}
	if errors.Is(lerr, fs.ErrNotExist) {
		if err := syncPath(j.Dir); err != nil {
			return nil, journalFault(j.Path(), err)
		}
	}
	return f, f.lock(ctx, j.Writer.Wait)
}

// share lets others through the folder when that is wanted.
func (j Journal) share() error {
	if !j.Shared {
		return nil
	}
	info, err := os.Stat(j.Dir)
	if err != nil || info.Mode().Perm()&0o111 == 0o111 {
		return err
	}
	return os.Chmod(j.Dir, info.Mode().Perm()|0o111)
}

func (f *journalFile) lock(ctx context.Context, wait time.Duration) error {
	if wait == 0 {
		wait = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return journalFault(f.path, err)
		}
		select {
		case <-ctx.Done():
			return &Error{Path: f.path, Text: "another nix-trust is making a change, and has not come to an end", Hint: "let it finish and try again", Err: ErrBusy}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// add adds a line and brings it to the disk. After a line that a crash left
// without an end it begins a new one, so that only that one is lost.
func (f *journalFile) add(line []byte) error {
	if len(line) > MaxLine {
		return refuse(f.path, fmt.Sprintf("the change is larger than the %d MiB that the journal takes", MaxLine>>20), "")
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return journalFault(f.path, err)
	}
	if end > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], end-1); err != nil {
			return journalFault(f.path, err)
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Truncate(end)
		return journalFault(f.path, err)
	}
	if err := f.Sync(); err != nil {
		return journalFault(f.path, err)
	}
	return nil
}

func journalFault(path string, err error) *Error {
	return (&swap{named: path}).fault("the journal could not be written, and without it nothing is changed", err)
}

func syncPath(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lines gives each line with its number. The last one may lack its end. A line
// that is too long comes as nil.
func lines(r io.Reader, each func(number int, line []byte, ended bool)) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var line []byte
	long := false
	for number := 1; ; {
		part, err := in.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > MaxLine+1 {
			line, long = nil, true
		}
		switch {
		case err == nil:
			if long {
				each(number, nil, true)
			} else {
				each(number, bytes.TrimSuffix(line, []byte{'\n'}), true)
			}
			line, long = line[:0], false
			number++
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if len(line) > 0 || long {
				each(number, line, false)
			}
			return nil
		default:
			return err
		}
	}
}

// mostEntries is more than any journal has. A line with a larger number is damaged.
const mostEntries = 1 << 40

// number is the number at the start of a line, which is all that is read of
// most lines.
func number(line []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"n":`))
	if !ok {
		return 0, false
	}
	end := bytes.IndexByte(rest, ',')
	if end < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(rest[:end]))
	if err != nil || n < 1 || n >= mostEntries {
		return 0, false
	}
	return n, true
}
