package tui

import (
	"fmt"

	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// The words for the state of a lock.
const (
	wordUnknown    = "unknown"
	wordUnreadable = "unreadable"
	wordNone       = "none"
	wordMismatch   = "mismatch"
	wordSignature  = "bad signature"
	wordRehashed   = "rehashed"
	wordUnchecked  = "not checked"
	wordStale      = "stale"
	wordFresh      = "fresh"
)

// lockMeans says in a sentence what a state of a lock comes to.
var lockMeans = map[string]string{
	wordUnknown:    "It could not be determined in full. Take it for neither.",
	wordUnreadable: "The file is no lock, or cannot be read. It pins nothing.",
	wordNone:       "There is no lock: nothing pins what the caches deliver.",
	wordMismatch:   "A cache has something else than the lock pins.",
	wordSignature:  "A cache has what is pinned, under a signature that is wrong.",
	wordRehashed:   "A store path stands for other bytes than in the lock it was compared with.",
	wordUnchecked:  "Whether the flake still has these outputs was not asked in this session: press c.",
	wordStale:      "The flake has other outputs by now. Renew the lock.",
	wordFresh:      "The flake has the outputs of the lock. With a mark of success, the caches have its bytes, too.",
}

// lockMark is how a state looks.
func lockMark(word string, g explain.Glyphs) explain.Mark {
	m := explain.Mark{Glyph: g.Unsure, Word: word, Role: explain.Unsure}
	switch word {
	case wordNone:
		m.Glyph, m.Role = g.None, explain.Faint
	case wordMismatch, wordSignature:
		m.Glyph, m.Role = g.Bad, explain.Bad
	case wordRehashed:
		m.Glyph, m.Role = g.Alarm, explain.Danger
	case wordStale:
		m.Glyph, m.Role = g.Asks, explain.Caution
	case wordFresh: // good only when the bytes are, too; see mark
		m.Glyph, m.Role = g.None, explain.Plain
	}
	return m
}

// lockMarks has every state, the gravest first.
func lockMarks(g explain.Glyphs) []explain.Mark {
	return marksOf(g, lockMark, wordMismatch, wordSignature, wordRehashed, wordUnreadable, wordUnknown, wordUnchecked, wordStale, wordFresh, wordNone)
}

// marksOf are the marks of some words, in their order.
func marksOf(g explain.Glyphs, mark func(word string, g explain.Glyphs) explain.Mark, words ...string) (marks []explain.Mark) {
	for _, w := range words {
		marks = append(marks, mark(w, g))
	}
	return marks
}

// state is what is known of a lock in one word, the gravest of all that is.
func (k *knowledge) state(f *LockFile) string {
	switch {
	case !f.Seen:
		return wordUnknown
	case f.Err != nil:
		return wordUnreadable
	case f.Lock == nil:
		return wordNone
	case k.bad():
		for _, p := range k.verify.value.Pins {
			if worst(&p) == verify.Mismatch {
				return wordMismatch
			}
		}
		return wordSignature
	case k.changes != nil && k.changes.err == nil && k.changes.value.diff.Alarm():
		return wordRehashed
	case k.check == nil || k.check.err != nil:
		return wordUnchecked
	case len(k.check.value.Changes) > 0:
		return wordStale
	case k.check.value.Fresh(f.Lock):
		return wordFresh
	}
	return wordUnknown
}

func (s *locks) mark(f *LockFile) explain.Mark {
	k := s.about(f)
	m := lockMark(k.state(f), s.theme.glyphs)
	if m.Word == wordFresh && k.fine() {
		m.Glyph, m.Role = s.theme.glyphs.Good, explain.Good
	}
	return m
}

// verifiedMark sums up what the caches said of a lock.
func (s *locks) verifiedMark(f *LockFile) explain.Mark {
	g := s.theme.glyphs
	v := s.about(f).verify
	if v == nil || v.err != nil {
		return explain.Mark{Glyph: g.Unsure, Word: "not verified", Role: explain.Unsure}
	}
	good := 0
	for _, p := range v.value.Pins {
		if worst(&p) == verify.Verified {
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
		m = explain.Mark{Glyph: g.Bad, Word: itoa(wrong(v.value)) + " wrong", Role: explain.Bad}
	}
	return m
}

// wrong returns how many pins some cache has otherwise, or wrongly signed.
func wrong(r *verify.Report) (n int) {
	for i := range r.Pins {
		if worst(&r.Pins[i]).Bad() {
			n++
		}
	}
	return n
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
