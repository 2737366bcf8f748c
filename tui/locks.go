package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// locks shows the cache lock of each flake: what it pins, and what became known
// of it since the program started. Until something was asked, nothing is known.
type locks struct {
	b     board
	files *list
	items *list
	*view

	backend LockBackend // nil when locks cannot be read here
	reading lane        // of the files
	work    lane        // what a key started
	readOf  *trust.Report
	all     []LockFile
	err     error // why the files were not read
	opened  bool
	ages    *ages
	known   map[string]*knowledge // by lock, as it was then

	page    page
	version int // of what the second list is made from
	listed  listing
	entries []lockItem
}

// A page is what the second list shows of a lock.
type page int

const (
	pageContents page = iota
	pagePins
	pageChanges
	pageVotes
	pages
)

// A listing says what the second list was made from.
type listing struct {
	file, version int
	page          page
}

// A lockItem is one row of the second list. One of its fields is set.
type lockItem struct {
	system string
	cache  *lock.Cache
	pin    *verify.Pin // its Answers are nil while it is not verified
	change *lock.Change
	voted  *challenge.Item
}

func newLocks(b LockBackend, reading, work lane, a *ages) *locks {
	s := &locks{backend: b, reading: reading, work: work, ages: a, known: map[string]*knowledge{}}
	s.files = &list{
		title: "Locks",
		cols: []column{{title: "state", min: 13}, {title: "flake", min: 12, keep: keepEnds}, {title: "caches say", min: 11, drop: 1},
			{title: "pins", min: 4, most: 8, spare: true, right: true}, {title: "bytes", min: 6, most: 8, spare: true, right: true}},
	}
	s.items = &list{}
	s.b = board{lists: []*list{s.files, s.items}, detail: &text{title: "Lock"}, shape: listsLeft}
	s.turnTo(pageContents)
	return s
}

func (s *locks) name() string  { return "Locks" }
func (s *locks) board() *board { return &s.b }

// turnTo shows another page.
func (s *locks) turnTo(p page) {
	s.page = p
	s.items.filter = ""
	s.items.at, s.items.offset = 0, 0
	s.items.title, s.items.cols = p.layout()
	s.items.set(nil)
	s.listed = listing{file: unlisted}
}

// wanted starts reading the locks of the report when that was not done yet.
func (s *locks) wanted() tea.Cmd {
	if s.view == nil || s.backend == nil || s.readOf == s.report || s.report == nil {
		return nil
	}
	s.readOf = s.report
	b, r := s.backend, s.report
	return begin(&s.reading, "reading the locks", safetext.S{}, func(ctx ctx, _ progress) ([]LockFile, error) {
		files, err := b.Locks(ctx, r)
		if err == nil && len(files) != len(r.Flakes) {
			err = errLockCount
		}
		if err != nil {
			return nil, err
		}
		files = slices.Clone(files)
		for i := range files {
			if f := &files[i]; f.Lock != nil {
				f.pins = pinsOf(f.Lock)
				for _, p := range f.pins {
					f.bytes = addSize(f.bytes, p.Pin.Size)
				}
			}
		}
		slices.SortStableFunc(files, func(a, b LockFile) int { return b.weight() - a.weight() })
		return files, nil
	}, func(files []LockFile, err error) tea.Cmd {
		s.all, s.err = files, err
		s.fill()
		return nil
	})
}

func (s *locks) load(v *view) {
	s.view = v
	s.fill()
}

// fill lists the locks anew.
func (s *locks) fill() {
	if s.view == nil {
		return // nothing was shown yet
	}
	s.version++
	s.b.detail.renew()
	switch {
	case s.backend == nil:
		s.files.empty = []string{"Locks cannot be read here."}
	case s.err != nil:
		s.files.empty = []string{"The locks could not be read: " + s.err.Error(), "Press r to try again. What is locked is unknown."}
	case s.readOf != s.report || s.reading.current != nil:
		s.files.empty = []string{"reading the locks…"}
	default:
		s.files.empty = []string{"No flake was found, so that there is no lock.", "Run nix-trust in a folder with a flake.nix."}
	}
	rows := make([]row, len(s.all))
	for i := range s.all {
		rows[i] = s.fileRow(&s.all[i])
	}
	s.files.set(rows)
	if !s.opened && len(rows) > 0 {
		s.opened = true
		s.files.choose(max(0, slices.IndexFunc(s.all, func(f LockFile) bool { return f.Here })))
	}
	s.follow()
}

// weight orders flakes: the one that is here, then those with a lock, then
// those of which it is not known.
func (f LockFile) weight() int {
	switch {
	case f.Here:
		return 3
	case f.Lock != nil || f.Seen && f.Err != nil:
		return 2
	case !f.Seen:
		return 1
	}
	return 0
}

// fileRow is one flake with its lock. A flake without one steps back.
func (s *locks) fileRow(f *LockFile) row {
	m := s.mark(f)
	said, pins, size := cell{}, "", ""
	if f.Lock != nil {
		v := s.verifiedMark(f)
		said = own(v.Role, v.String())
		pins, size = itoa(len(f.pins)), sizeText(f.bytes)
	}
	role := explain.Plain
	if f.Here {
		role = explain.Strong
	}
	r := newRow(fileID(f), own(m.Role, m.String()), cell{s.flakeName(f.Flake), role}, said, own(explain.Plain, pins), own(explain.Plain, size))
	r.old = f.Seen && f.Lock == nil && f.Err == nil
	return r
}

func fileID(f *LockFile) string { return f.Flake.Ref + "\n" + f.Flake.Path }

func (s *locks) flakeName(id trust.FlakeID) safetext.S {
	if id.Path != "" {
		return s.style(0).Path(id.Path)
	}
	return safetext.Text(id.Ref)
}

// file returns the selected flake's lock.
func (s *locks) file() *LockFile {
	if i := s.files.selected(); i >= 0 && i < len(s.all) {
		return &s.all[i]
	}
	return nil
}

func (s *locks) item() *lockItem {
	if i := s.items.selected(); i >= 0 && i < len(s.entries) {
		return &s.entries[i]
	}
	return nil
}

// onItems reports whether the detail is about a row of the second list.
func (s *locks) onItems() bool { return s.b.last == 1 }

func (s *locks) follow() {
	if at := (listing{s.files.selected(), s.version, s.page}); at != s.listed {
		if at.file != s.listed.file && s.listed.file >= 0 {
			s.items.filter = ""
		}
		s.listed = at
		s.list()
		s.b.detail.renew()
	}
	f := s.file()
	switch it := s.item(); {
	case f == nil:
		s.b.detail.show("", "Lock", nil)
	case s.onItems() && it != nil:
		s.b.detail.show(fileID(f)+it.id(), it.kind(), func(w int) []string { return s.itemText(f, it, w) })
	default:
		s.b.detail.show(fileID(f), "Lock", func(w int) []string { return s.fileText(f, w) })
	}
}

func (s *locks) value() (what, text string) {
	f, it := s.file(), s.item()
	switch {
	case f == nil:
		return "", ""
	case !s.onItems() || it == nil:
		return "path of the lock", f.Path
	case it.cache != nil:
		return "URL", it.cache.URL
	case it.pin != nil:
		return "store path", storeDir + string(it.pin.Path)
	case it.voted != nil:
		return "store path", storeDir + string(it.voted.Path)
	case it.change != nil:
		return "subject", it.change.Subject
	}
	return "system", it.system
}

// storeDir is where pinned paths lie; no other store can use a lock.
const storeDir = "/nix/store/"
