package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust"
)

// State is what became of a plan.
type State string

const (
	Applied     State = "applied"
	NotApplied  State = "not-applied" // it was refused or failed, and nothing was changed
	Interrupted State = "interrupted" // the program stopped in the middle, or is at it
	Partly      State = "partly"      // it stopped in the middle: some of the files were changed
	Unclear     State = "unclear"     // it stopped in the middle, and the files were changed since
)

// An Entry is one plan of the journal.
type Entry struct {
	N        int
	Time     time.Time
	Summary  string
	Changes  []string
	Risk     trust.PlanRisk
	State    State
	Undoes   int // the entry that this one took back, 0 for none
	UndoneBy int // the entry that took this one back, 0 for none
	Files    []EntryFile
}

// EntryFile is one file of an entry: the digests of what it was and what it
// became, zero for no file.
type EntryFile struct {
	Path          string
	Before, After trust.Digest
}

// Damage is a line that cannot be read. The other lines still count.
type Damage struct {
	Line int
	Text string // what is wrong, as the rest of a sentence that begins with the line
}

// History is what a journal says.
type History struct {
	Entries []Entry // oldest first
	Damage  []Damage

	wanted *record
}

// History reads the journal. None is no error: then nothing was ever changed.
func (j Journal) History() (History, error) {
	f, err := j.openToRead()
	if err != nil || f == nil {
		return History{}, err
	}
	defer f.Close()
	return j.scan(f, 0)
}

func (j Journal) openToRead() (*os.File, error) {
	fd, err := unix.Open(j.Path(), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		why, hint := cause(err)
		return nil, &Error{Path: j.Path(), Text: "the journal could not be read: " + why, Hint: hint, Err: err}
	}
	f := os.NewFile(uintptr(fd), j.Path())
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		f.Close()
		return nil, refuse(j.Path(), "it is no regular file", "find out who made it, and remove it")
	}
	if err == nil {
		if uid, _ := owner(info); uid != os.Geteuid() {
			f.Close()
			return nil, refuse(j.Path(), "the journal belongs to another user", "find out who made it; a journal is its owner's alone")
		}
	}
	return f, err
}

// scan reads all lines. The record of entry want is kept whole.
func (j Journal) scan(f io.ReadSeeker, want int) (History, error) {
	var h History
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, journalFault(j.Path(), err)
	}
	at := map[int]int{} // number → index
	damage := func(line int, text string) { h.Damage = append(h.Damage, Damage{line, text}) }
	err := lines(f, func(no int, line []byte, ended bool) {
		if line == nil && ended {
			damage(no, "it is longer than any line of a journal")
			return
		}
		r, err := readRecord(line)
		if err != nil && !ended {
			text := "it was not written to its end, so the program was stopped there, and what it was about to do was not done"
			if n, ok := number(line); ok {
				if _, known := at[n]; known {
					text = fmt.Sprintf("it was not written to its end, so the program was stopped there; what became of number %d shows in its files", n)
				}
			}
			damage(no, text)
			return
		}
		if err != nil {
			damage(no, err.Error())
			return
		}
		i, known := at[r.N]
		switch {
		case r.Result == "" && known:
			damage(no, fmt.Sprintf("it has the number %d, which another line has", r.N))
		case r.Result == "":
			at[r.N] = len(h.Entries)
			h.Entries = append(h.Entries, entryOf(r))
			if r.N == want {
				h.wanted = &r
			}
		case !known:
			damage(no, fmt.Sprintf("it is about number %d, which no line has", r.N))
		case h.Entries[i].State != Interrupted:
			damage(no, fmt.Sprintf("it says a second time how number %d ended", r.N))
		default:
			h.Entries[i].State = State(r.Result)
		}
	})
	if err != nil {
		return h, &Error{Path: j.Path(), Text: "the journal could not be read: " + err.Error(), Err: err}
	}
	// What took what back, in order: an undo that was undone itself does not count.
	for _, e := range h.Entries {
		if e.State != Applied || e.Undoes == 0 {
			continue
		}
		if i, ok := at[e.Undoes]; ok {
			h.Entries[i].UndoneBy = e.N
			if k, ok := at[h.Entries[i].Undoes]; ok {
				h.Entries[k].UndoneBy = 0
			}
		}
	}
	return h, nil
}

func entryOf(r record) Entry {
	e := Entry{N: r.N, Time: r.Time, Summary: r.Summary, Changes: r.Changes, Risk: riskOf(r.Risk), State: Interrupted, Undoes: r.Undoes}
	for _, s := range r.Steps {
		e.Files = append(e.Files, EntryFile{s.Path, s.Before.digest(), s.After.digest()})
	}
	return e
}

func (r stateRecord) digest() (d trust.Digest) {
	if r.Exists {
		hex.Decode(d[:], []byte(r.SHA256)[:min(len(r.SHA256), 2*len(d))])
	}
	return d
}

// settled says what became of an entry that was interrupted, by the files.
func (e Entry) settled() State {
	before, after := 0, 0
	for _, f := range e.Files {
		now, err := Read(f.Path)
		switch {
		case err != nil:
			return Unclear
		case now.Digest() == f.After:
			after++
		case now.Digest() == f.Before:
			before++
		default:
			return Unclear
		}
	}
	switch {
	case before == 0:
		return Applied
	case after == 0:
		return NotApplied
	}
	return Partly
}

// Read reads a file as a plan is made from it. No file is no error; links are
// followed, and one that leads nowhere is an error.
func Read(path string) (trust.FileState, error) {
	s := &swap{named: path}
	real, missing, err := resolve(path)
	if err != nil {
		return trust.FileState{}, s.resolveFault(err)
	}
	if len(missing) > 0 {
		return trust.FileState{}, nil
	}
	if s.dir, err = os.OpenRoot(filepath.Dir(real)); err != nil {
		return trust.FileState{}, s.fault("its folder could not be opened", err)
	}
	defer s.dir.Close()
	data, info, err := s.read(filepath.Base(real))
	if err != nil || info == nil {
		return trust.FileState{}, err
	}
	return trust.FileState{Exists: true, Data: data, Mode: info.Mode().Perm()}, nil
}
