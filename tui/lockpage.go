package tui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// layout is the title and the columns of a page.
func (p page) layout() (string, []column) {
	switch p {
	case pagePins:
		return "Pins", []column{{min: 14}, {min: 16}, {min: 7, most: 9, drop: 1, right: true}, {min: 8, most: 20, spare: true}}
	case pageVotes:
		return "Challenge", []column{{min: 14}, {min: 16}, {min: 10, most: 24, drop: 1}}
	case pageChanges:
		return "Changes", []column{{min: 12}, {min: 16, keep: keepEnds}, {min: 8, most: 20, spare: true}}
	}
	return "Contents", []column{{min: 8}, {min: 16, keep: keepEnds}, {min: 7, most: 12, right: true}, {min: 7, most: 9, drop: 1, right: true}, {min: 8, most: 12, spare: true, right: true}}
}

// list fills in the page of the selected lock.
func (s *locks) list() {
	s.entries = nil
	f := s.file()
	if f == nil || f.Lock == nil {
		s.items.empty = []string{"There is nothing to list."}
		if f != nil && f.Seen && f.Err == nil {
			s.items.empty = []string{"This flake has no lock."}
		}
		s.items.set(nil)
		return
	}
	var rows []row
	switch s.page {
	case pagePins:
		rows = s.listPins(f)
	case pageVotes:
		rows = s.listVotes(f)
	case pageChanges:
		rows = s.listChanges(f)
	default:
		rows = s.listContents(f)
	}
	s.items.set(rows)
}

func (it *lockItem) id() string {
	switch {
	case it.cache != nil:
		return "cache " + it.cache.URL
	case it.pin != nil:
		return "pin " + string(it.pin.Path)
	case it.voted != nil:
		return "voted " + string(it.voted.Path)
	case it.change != nil:
		return "change " + string(it.change.Class) + "\n" + it.change.System + "\n" + it.change.Subject + "\n" + it.change.Old + "\n" + it.change.New
	}
	return "system " + it.system
}

// kind is the title of the item's detail.
func (it *lockItem) kind() string {
	switch {
	case it.cache != nil:
		return "Cache"
	case it.pin != nil:
		return "Pin"
	case it.voted != nil:
		return "Who says what"
	case it.change != nil:
		return "Change"
	}
	return "System"
}

// add appends one row.
func (s *locks) add(rows []row, it lockItem, group string, cells ...cell) []row {
	s.entries = append(s.entries, it)
	r := newRow(it.id(), cells...)
	r.group = group
	r.find += "\n" + strings.ToLower(r.id) // what is not drawn in full, such as a path's hash
	return append(rows, r)
}

// listContents lists systems and caches.
func (s *locks) listContents(f *LockFile) (rows []row) {
	s.items.empty = []string{"The lock is empty: it pins nothing and names no cache."}
	for _, name := range f.Lock.SystemNames() {
		sec := f.Lock.Systems[name]
		var bytes int64
		for _, p := range sec.Paths {
			bytes = addSize(bytes, p.Size)
		}
		rows = s.add(rows, lockItem{system: name}, "Systems",
			own(explain.Faint, "system"), cell{safetext.Line(name), explain.Plain}, own(explain.Plain, counted(len(sec.Paths), "pin")), own(explain.Plain, sizeText(bytes)), own(explain.Plain, counted(len(sec.Outputs), "output")))
	}
	for i := range f.Lock.Caches {
		c := &f.Lock.Caches[i]
		url := cell{safetext.URL(c.URL), explain.Plain}
		if _, bad := safetext.SuspectHost(c.URL); bad {
			url = cell{safetext.Join(safetext.Line(s.theme.glyphs.Alarm), url.text), explain.Danger}
		}
		rows = s.add(rows, lockItem{cache: c}, "Caches that may deliver them",
			own(explain.Faint, "cache"), url, own(explain.Plain, counted(len(c.Keys), "key")))
	}
	return rows
}

// listPins lists every pin, the gravest verdict first.
func (s *locks) listPins(f *LockFile) (rows []row) {
	s.items.empty = []string{"The lock pins no path."}
	k := s.about(f)
	var pins []verify.Pin
	asked := k.verify != nil && k.verify.err == nil
	if asked {
		pins = slices.Clone(k.verify.value.Pins)
		slices.SortStableFunc(pins, func(a, b verify.Pin) int {
			return cmp.Or(cmp.Compare(gravity(worst(&b)), gravity(worst(&a))), byName(a.Path, b.Path))
		})
	} else {
		pins = f.pins
	}
	s.entries = make([]lockItem, 0, len(pins))
	rows = make([]row, 0, len(pins))
	for i := range pins {
		p := &pins[i]
		m := verdictMark(worst(p), asked, s.theme.glyphs)
		rows = s.add(rows, lockItem{pin: p}, "", own(m.Role, m.String()), cell{pathText(p.Path), explain.Plain},
			own(explain.Plain, sizeText(p.Pin.Size)), cell{safetext.Line(strings.Join(p.Systems, " ")), explain.Faint})
	}
	return rows
}

// pathText is a store path with its name first, which is what people know.
func pathText(p lock.StorePath) safetext.S {
	hash, name, ok := strings.Cut(string(p), "-")
	if !ok || len(hash) < 8 {
		return safetext.ASCII(string(p))
	}
	return safetext.ASCII(name + "  " + hash[:8] + "..")
}

func byName(a, b lock.StorePath) int {
	return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a, b))
}

// gravity orders verdicts: what is bad, then what is not known, then what
// nothing proves, then what is verified.
func gravity(v verify.Verdict) int {
	switch {
	case v.Bad():
		return 100 + int(v)
	case v.Open():
		return 50 + int(v)
	case v == verify.Verified:
		return 0
	}
	return 10 + int(v)
}

// pinsOf lists the pins of a lock by path, unasked.
func pinsOf(l *lock.Lock) []verify.Pin {
	at := map[lock.StorePath]*verify.Pin{}
	for _, name := range l.SystemNames() {
		for path, pin := range l.Systems[name].Paths {
			if p := at[path]; p != nil {
				p.Systems = append(p.Systems, name)
				continue
			}
			at[path] = &verify.Pin{Path: path, Pin: pin, Systems: []string{name}}
		}
	}
	pins := make([]verify.Pin, 0, len(at))
	for _, path := range slices.SortedFunc(maps.Keys(at), byName) {
		pins = append(pins, *at[path])
	}
	return pins
}

// listChanges lists what changed since another lock, the gravest first.
func (s *locks) listChanges(f *LockFile) (rows []row) {
	c := s.about(f).changes
	s.items.title = "Changes"
	switch {
	case c == nil:
		s.items.empty = []string{"It was not compared with another lock.", "Press d to compare it with the one that git's HEAD has, D for another file."}
		return nil
	case c.err != nil:
		s.items.empty = []string{"It could not be compared: " + c.err.Error()}
		return nil
	}
	s.items.title = "Changes since " + c.value.with
	s.items.empty = []string{"It pins the same as " + c.value.with + "."}
	for i := range c.value.diff {
		ch := &c.value.diff[i]
		word, role := changeWord(ch.Class)
		m := explain.Mark{Word: word, Role: role}
		if ch.Class.Alarm() {
			m.Glyph = s.theme.glyphs.Alarm
		}
		what := safetext.Text(ch.Subject)
		if ch.NewPin.Size > 0 || ch.OldPin.Size > 0 {
			what = pathText(lock.StorePath(ch.Subject))
		}
		system := ch.System
		if system == ch.Subject {
			system = ""
		}
		rows = s.add(rows, lockItem{change: ch}, "", own(m.Role, m.String()), cell{what, roleOfChange(ch.Class)}, cell{safetext.Line(system), explain.Faint})
	}
	return rows
}

func roleOfChange(c lock.Class) explain.Role {
	if c.Alarm() {
		return explain.Danger
	}
	return explain.Plain
}

// changeWord is a class of changes in a word or two, and how loud it is.
func changeWord(c lock.Class) (string, explain.Role) {
	switch c {
	case lock.ClassRehashed:
		return "OTHER BYTES", explain.Danger
	case lock.ClassAltered:
		return "ALTERED", explain.Danger
	case lock.ClassKeyReplaced:
		return "OTHER KEY", explain.Danger
	case lock.ClassSourceChanged:
		return "other source", explain.Caution
	case lock.ClassCacheAdded:
		return "new cache", explain.Caution
	case lock.ClassKeyAdded:
		return "new key", explain.Caution
	case lock.ClassCacheRemoved:
		return "cache gone", explain.Plain
	case lock.ClassKeyRemoved:
		return "key gone", explain.Plain
	case lock.ClassSystemDropped:
		return "system gone", explain.Caution
	case lock.ClassSystemAdded:
		return "new system", explain.Plain
	case lock.ClassOutputOlder:
		return "older", explain.Caution
	case lock.ClassOutputMoved:
		return "moved", explain.Plain
	case lock.ClassOutputRemoved:
		return "output gone", explain.Plain
	case lock.ClassOutputAdded:
		return "new output", explain.Plain
	case lock.ClassPathAdded:
		return "new path", explain.Plain
	case lock.ClassPathRemoved:
		return "path gone", explain.Plain
	case lock.ClassSignedBy:
		return "signers", explain.Faint
	case ClassUnneeded:
		return "not needed", explain.Plain
	}
	return string(c), explain.Unsure
}

// changeMeans says in a sentence what a class of changes comes to.
func changeMeans(c lock.Class) string {
	switch c {
	case lock.ClassRehashed:
		return "The same store path now stands for other bytes. No update of a flake does that: it was built again with another outcome, or it was swapped. Do not take this lock before you know which."
	case lock.ClassAltered:
		return "The same bytes now come with other references, size or content address. The references decide what else comes into the store. No update of a flake does that."
	case lock.ClassKeyReplaced:
		return "Another key took the name of one that was there. Ask the cache's owner, by another way than the cache, whether it is theirs."
	case lock.ClassSourceChanged:
		return "The lock belongs to another source tree than before."
	case lock.ClassCacheAdded:
		return "Pinned paths may now come from this cache, too."
	case lock.ClassKeyAdded:
		return "Signatures by this key now count for pinned paths of the cache."
	case lock.ClassOutputOlder:
		return "The output moved to an older version. Somebody may be handing out what is known to be broken."
	case lock.ClassOutputMoved:
		return "The output moved to another store path, as an update does."
	case lock.ClassSystemDropped:
		return "Nothing is pinned for this system any more."
	case lock.ClassSignedBy:
		return "Other keys had signed it when it was locked. That is a label; the bytes are the same."
	}
	word, _ := changeWord(c)
	return fmt.Sprintf("%s: what the lock says changed here.", strings.ToUpper(word[:1])+word[1:])
}
