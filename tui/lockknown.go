package tui

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/explain"
)

type (
	ctx      = context.Context
	progress = func(done, all int)
)

var (
	errLockCount = errors.New("the locks that were read are not those of the flakes")
	errNothing   = errors.New("nothing came back, so that nothing is known")
)

// A knowledge is what this session found out about one lock, nil for what it
// did not. It is kept by the lock's digest: a lock that changed is unknown again.
type knowledge struct {
	check   *outcome[LockCheck]
	verify  *outcome[*verify.Report]
	changes *outcome[comparison]
	votes   *outcome[*challenge.Report]
	// contents says that verify read the bytes, too.
	contents bool
}

// An outcome is what an action gave, and when. With an err it gave nothing.
type outcome[T any] struct {
	value T
	err   error
	at    time.Time
}

// A comparison is what changed from another lock to this one.
type comparison struct {
	with string // the other's name
	diff lock.Diff
}

// about returns what is known of a lock, never nil.
func (s *locks) about(f *LockFile) *knowledge {
	if f == nil || f.Lock == nil || f.Digest == "" {
		return &knowledge{}
	}
	key := f.Path + "\n" + f.Digest
	k := s.known[key]
	if k == nil {
		k = &knowledge{}
		s.known[key] = k
	}
	return k
}

// mark sums up what is known of a lock, the gravest first.
func (s *locks) mark(f *LockFile) explain.Mark {
	g := s.theme.glyphs
	k := s.about(f)
	switch {
	case !f.Seen:
		return explain.Mark{Glyph: g.Unsure, Word: "unknown", Role: explain.Unsure}
	case f.Err != nil:
		return explain.Mark{Glyph: g.Unsure, Word: "unreadable", Role: explain.Unsure}
	case f.Lock == nil:
		return explain.Mark{Glyph: g.None, Word: "none", Role: explain.Faint}
	case k.bad():
		word := "bad signature"
		for _, p := range k.verify.value.Pins {
			if p.Verdict == verify.Mismatch {
				word = "mismatch"
			}
		}
		return explain.Mark{Glyph: g.Bad, Word: word, Role: explain.Bad}
	case k.changes != nil && k.changes.err == nil && k.changes.value.diff.Alarm():
		return explain.Mark{Glyph: g.Alarm, Word: "rehashed", Role: explain.Danger}
	case k.check == nil || k.check.err != nil:
		return explain.Mark{Glyph: g.Unsure, Word: "not checked", Role: explain.Unsure}
	case len(k.check.value.Changes) > 0:
		return explain.Mark{Glyph: g.Asks, Word: "stale", Role: explain.Caution}
	case k.check.value.Fresh(f.Lock):
		m := explain.Mark{Glyph: g.Good, Word: "fresh", Role: explain.Plain}
		if k.fine() { // not in the colour of what is good before the bytes are
			m.Role = explain.Good
		}
		return m
	}
	return explain.Mark{Glyph: g.Unsure, Word: "unknown", Role: explain.Unsure}
}

func (k *knowledge) bad() bool {
	return k.verify != nil && k.verify.err == nil && k.verify.value.Outcome() == verify.Bad
}

func (k *knowledge) fine() bool {
	return k.verify != nil && k.verify.err == nil && k.verify.value.Outcome() == verify.Fine
}

// verifiedMark sums up what the caches said of a lock.
func (s *locks) verifiedMark(f *LockFile) explain.Mark {
	g := s.theme.glyphs
	v := s.about(f).verify
	if v == nil || v.err != nil {
		return explain.Mark{Glyph: g.Unsure, Word: "not verified", Role: explain.Unsure}
	}
	good, bad := 0, 0
	for _, p := range v.value.Pins {
		switch w := worst(&p); {
		case w.Bad():
			bad++
		case w == verify.Verified:
			good++
		}
	}
	m := explain.Mark{Glyph: g.Unsure, Word: fmt.Sprintf("%d of %d", good, len(v.value.Pins)), Role: explain.Unsure}
	switch v.value.Outcome() {
	case verify.Fine:
		m.Glyph, m.Role = g.Good, explain.Good
	case verify.Unproved:
		m.Glyph, m.Role = g.Asks, explain.Caution
	case verify.Bad:
		m = explain.Mark{Glyph: g.Bad, Word: itoa(bad) + " bad", Role: explain.Bad}
	}
	return m
}

// worst is the verdict on a pin, or the one cache's that is bad although
// another cache proves the pin.
func worst(p *verify.Pin) verify.Verdict {
	if p.Verdict.Bad() {
		return p.Verdict
	}
	for _, a := range p.Answers {
		if a.Verdict.Bad() {
			return a.Verdict
		}
	}
	return p.Verdict
}

// verdictMark is how one verdict looks.
func verdictMark(v verify.Verdict, asked bool, g explain.Glyphs) explain.Mark {
	m := explain.Mark{Glyph: g.Unsure, Word: v.String(), Role: explain.Unsure}
	switch v {
	case verify.Verified:
		m.Glyph, m.Role = g.Good, explain.Good
	case verify.Mismatch, verify.WrongKey, verify.BadSignature:
		m.Glyph, m.Role = g.Bad, explain.Bad
	case verify.Absent, verify.Unsigned, verify.UnknownSigner:
		m.Glyph, m.Role = g.Asks, explain.Caution
	}
	if !asked {
		return explain.Mark{Glyph: g.Unsure, Word: "not verified", Role: explain.Unsure}
	}
	return m
}

// weigh returns how many paths a lock pins, and how many bytes they are. What
// is more than a number holds stays at its greatest.
func weigh(l *lock.Lock) (pins int, bytes int64) {
	seen := map[lock.StorePath]bool{}
	for _, sec := range l.Systems {
		for p, pin := range sec.Paths {
			if !seen[p] {
				seen[p] = true
				bytes = addSize(bytes, pin.Size)
			}
		}
	}
	return len(seen), bytes
}

func addSize(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// sizeText writes a number of bytes in few characters.
func sizeText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), 0
	for f >= 999.95 && unit < 6 {
		f /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", f, " kMGTPE"[unit])
}

// ageText says how long ago something was, roughly.
func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return itoa(int(d/time.Minute)) + " min ago"
	}
	return itoa(int(d/time.Hour)) + " h ago"
}
