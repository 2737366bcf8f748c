package tui

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// mostShown is how many entries of a long list a detail shows.
const mostShown = 40

// fileText is the detail of one flake's lock.
func (s *locks) fileText(f *LockFile, w int) []string {
	d := newDoc(s.view, w)
	d.head(s.mark(f), s.flakeName(f.Flake))
	switch {
	case !f.Seen:
		d.para(explain.Plain, safetext.Line("Whether it has a lock is unknown."))
		if f.Err != nil {
			d.para(explain.Plain, safetext.Text(f.Err.Error()))
		}
	case f.Err != nil:
		s.brokenText(d, f)
	case f.Lock == nil:
		d.para(explain.Plain, safetext.Line("It has no flake.cache-lock. What its caches deliver is pinned by nothing: whoever holds a key that Nix believes decides on the bytes."))
	default:
		s.knownText(d, f)
	}
	d.ways(s.fixes())
	return d.lines
}

// brokenText says why a lock cannot be read.
func (s *locks) brokenText(d *doc, f *LockFile) {
	d.para(explain.Plain, safetext.Line("The lock cannot be read, so it pins nothing."))
	d.gap()
	var e *lock.Error
	if !errors.As(f.Err, &e) {
		d.field("because", safetext.Text(f.Err.Error()))
		return
	}
	d.fieldIn(explain.Place, "at", s.style(0).Path(fmt.Sprintf("%s:%d:%d", e.Pos.File, e.Pos.Line, e.Pos.Col)))
	d.field("because", safetext.Text(e.Text))
	if e.Other.Line > 0 {
		d.fieldIn(explain.Place, "and at", s.style(0).Path(fmt.Sprintf("%s:%d:%d", e.Other.File, e.Other.Line, e.Other.Col)))
	}
	if e.Hint != "" {
		d.field("to do", safetext.Text(e.Hint))
	}
}

// knownText says what a lock is and what is known of it.
func (s *locks) knownText(d *doc, f *LockFile) {
	k := s.about(f)
	s.verifiedText(d, k)
	s.checkedText(d, f, k)
	if c := k.changes; c != nil {
		d.gap()
		switch {
		case c.err != nil:
			d.fieldIn(explain.Unsure, "changes", safetext.Text("unknown: "+c.err.Error()))
		case c.value.diff.Alarm():
			d.alarm(safetext.Text("A store path stands for something else than in " + c.value.with + ". Press p for the changes."))
		default:
			d.field("changes", safetext.Text(fmt.Sprintf("%s since %s", counted(len(c.value.diff), "change"), c.value.with)))
		}
	}
	d.gap()
	d.field("pins", safetext.Line(fmt.Sprintf("%s of %s (%d bytes)", counted(len(f.pins), "path"), sizeText(f.bytes), f.bytes)))
	for _, name := range f.Lock.SystemNames() {
		sec := f.Lock.Systems[name]
		d.field("system", safetext.Line(fmt.Sprintf("%s: %s, %s", name, counted(len(sec.Paths), "pin"), counted(len(sec.Outputs), "output"))))
	}
	for _, c := range f.Lock.Caches {
		d.field("cache", safetext.URL(c.URL))
	}
	d.fieldIn(explain.Place, "file", s.style(0).Path(f.Path))
	d.fieldIn(explain.Faint, "digest", safetext.Line(f.Digest))
	if !f.Lock.Source.IsZero() {
		d.fieldIn(explain.Faint, "source", safetext.Line(f.Lock.Source.String()))
		d.para(explain.Plain, safetext.Line("It is detached: it belongs to this one source tree."))
	}
}

// verifiedText says what the caches said, and when.
func (s *locks) verifiedText(d *doc, k *knowledge) {
	v := k.verify
	switch {
	case v == nil:
		d.fieldIn(explain.Unsure, "bytes", safetext.Line("not verified: no cache was asked yet (press v)"))
		return
	case v.err != nil:
		d.fieldIn(explain.Unsure, "bytes", safetext.Text("not verified: "+v.err.Error()))
		return
	}
	r := v.value
	counts := r.Counts()
	text := fmt.Sprintf("%d of %s verified, %s", counts[verify.Verified], counted(len(r.Pins), "path"), s.age(v.at))
	role := explain.Unsure
	switch r.Outcome() {
	case verify.Fine:
		role = explain.Good
	case verify.Bad:
		role = explain.Bad
		text += "; something is wrong, press p for the pins"
	case verify.Unproved:
		role = explain.Caution
		text += "; nothing proves the others"
	default:
		text += "; not every cache answered"
	}
	d.fieldIn(role, "bytes", safetext.Line(text))
	how := "hashes, sizes, references and signatures; the contents were not read"
	if k.contents {
		how = "hashes, sizes, references, signatures and contents"
	}
	d.fieldIn(explain.Faint, "compared", safetext.Line(how))
	for _, v := range gravest {
		if n := counts[v]; n > 0 && v != verify.Verified {
			m := verdictMark(v, true, s.theme.glyphs)
			d.fieldIn(m.Role, "of them", safetext.Line(fmt.Sprintf("%d %s", n, m.String())))
		}
	}
}

// gravest has every verdict, the gravest first.
var gravest = func() []verify.Verdict {
	all := []verify.Verdict{verify.Unknown, verify.Absent, verify.Unsigned, verify.UnknownSigner, verify.Misbehaved,
		verify.Unreachable, verify.Verified, verify.BadSignature, verify.WrongKey, verify.Mismatch}
	slices.SortFunc(all, func(a, b verify.Verdict) int { return gravity(b) - gravity(a) })
	return all
}()

// checkedText says whether the flake still has the outputs of the lock.
func (s *locks) checkedText(d *doc, f *LockFile, k *knowledge) {
	c := k.check
	switch {
	case c == nil:
		d.fieldIn(explain.Unsure, "outputs", safetext.Line("not checked: whether the flake moved on is unknown (press c)"))
		return
	case c.err != nil:
		d.fieldIn(explain.Unsure, "outputs", safetext.Text("not checked: "+c.err.Error()))
		return
	case c.value.Fresh(f.Lock):
		d.fieldIn(explain.Plain, "outputs", safetext.Line("as the flake has them, checked "+s.age(c.at)))
		return
	case len(c.value.Changes) > 0:
		d.fieldIn(explain.Caution, "outputs", safetext.Line("stale: the flake moved on, checked "+s.age(c.at)))
	default:
		d.fieldIn(explain.Unsure, "outputs", safetext.Line("unknown in part, checked "+s.age(c.at)))
	}
	for i, ch := range c.value.Changes {
		if i == mostShown {
			d.note(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", len(c.value.Changes)-i)))
			break
		}
		word, role := changeWord(ch.Class)
		d.note(role, safetext.Text(fmt.Sprintf("%s %s (%s)", word, ch.Subject, ch.System)))
		if ch.Old != "" {
			d.fieldIn(explain.Faint, "lock", safetext.ASCII(ch.Old))
		}
		if ch.New != "" {
			d.fieldIn(explain.Faint, "flake", safetext.ASCII(ch.New))
		}
	}
	for i, text := range c.value.Unknown {
		if i == mostShown {
			d.note(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", len(c.value.Unknown)-i)))
			break
		}
		d.note(explain.Unsure, safetext.Text(text))
	}
}

// itemText is the detail of one row of the second list.
func (s *locks) itemText(f *LockFile, it *lockItem, w int) []string {
	d := newDoc(s.view, w)
	switch {
	case it.cache != nil:
		s.cacheText(d, f, it.cache)
	case it.pin != nil:
		s.pinText(d, f, it.pin)
	case it.voted != nil:
		s.votesText(d, f, it.voted)
	case it.change != nil:
		s.changeText(d, it.change)
	default:
		s.systemText(d, f, it.system)
	}
	d.ways(s.fixes())
	return d.lines
}

func (s *locks) systemText(d *doc, f *LockFile, name string) {
	sec := f.Lock.Systems[name]
	d.head(explain.Mark{Word: "system", Role: explain.Faint}, safetext.Line(name))
	if sec == nil {
		return
	}
	var bytes int64
	for _, p := range sec.Paths {
		bytes = addSize(bytes, p.Size)
	}
	d.field("pins", safetext.Line(fmt.Sprintf("%s of %s (%d bytes)", counted(len(sec.Paths), "path"), sizeText(bytes), bytes)))
	d.title("Outputs of the flake")
	if len(sec.Outputs) == 0 {
		d.para(explain.Plain, safetext.Line("None is named: the paths were locked by themselves."))
	}
	for i, out := range slices.Sorted(maps.Keys(sec.Outputs)) {
		if i == mostShown {
			d.para(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", len(sec.Outputs)-i)))
			break
		}
		path := sec.Outputs[out]
		d.para(explain.Plain, safetext.Text(out))
		d.note(explain.Faint, safetext.ASCII(string(path)))
		if _, pinned := sec.Paths[path]; !pinned {
			d.note(explain.Faint, safetext.Line("not pinned here: a cache that is trusted anyway had it"))
		}
	}
}

func (s *locks) cacheText(d *doc, f *LockFile, c *lock.Cache) {
	d.head(explain.Mark{Word: "cache", Role: explain.Faint}, safetext.URL(c.URL))
	if why, bad := safetext.SuspectHost(c.URL); bad {
		d.alarm(why)
	}
	d.para(explain.Plain, safetext.Line("Pinned paths may come from it, when a key below signed them or their name proves them. It is trusted with nothing else."))
	d.gap()
	for _, k := range c.Keys {
		d.field("key", safetext.ASCII(k))
	}
	if len(c.Keys) == 0 {
		d.fieldIn(explain.Caution, "key", safetext.Line("none: only what needs no signature can be verified"))
	}
	v := s.about(f).verify
	if v == nil || v.err != nil {
		return
	}
	counts := map[verify.Verdict]int{}
	for _, p := range v.value.Pins {
		for _, a := range p.Answers {
			if a.Cache == c.URL {
				counts[a.Verdict]++
			}
		}
	}
	d.title("What it said, " + s.age(v.at))
	for _, verdict := range gravest {
		if n := counts[verdict]; n > 0 {
			m := verdictMark(verdict, true, s.theme.glyphs)
			d.para(m.Role, safetext.Line(fmt.Sprintf("%d %s", n, m.String())))
		}
	}
}

// ways adds what can be done.
func (d *doc) ways(fixes []trust.Fix) {
	if len(fixes) == 0 {
		return
	}
	d.gap()
	d.lines = append(d.lines, explain.Ways(fixes, d.style(d.w))...)
}
