package lock

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Kind says in one stable word what is wrong with a lock.
type Kind string

const (
	KindSyntax    Kind = "syntax"    // not TOML, or not one statement a line
	KindConflict  Kind = "conflict"  // it has git's conflict markers
	KindVersion   Kind = "version"   // no version, or one that this program does not know
	KindUnknown   Kind = "unknown"   // a table or key that the format does not have
	KindValue     Kind = "value"     // a value of the wrong type or spelling
	KindDuplicate Kind = "duplicate" // said twice
	KindTwoPins   Kind = "two-pins"  // one path, two pins
	KindLimit     Kind = "limit"     // too large
)

// An Error is the first thing wrong with a lock. The lock then means nothing.
type Error struct {
	Kind  Kind
	Pos   nixconf.Pos
	Other nixconf.Pos // the earlier line that this one disagrees with
	Text  string      // a sentence without its full stop
	Hint  string      // what to do about it, or ""
}

// Error returns "FILE:LINE:COL: TEXT", and the other line when there is one.
func (e *Error) Error() string {
	s := e.Text
	if e.Pos.File != "" || e.Pos.Line > 0 {
		s = place(e.Pos) + ": " + s
	}
	if e.Other.Line > 0 {
		s += fmt.Sprintf(" (the other is at %s)", place(e.Other))
	}
	return s
}

func place(p nixconf.Pos) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}
