package grants

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Kind says in one stable word what is wrong with a grants.toml.
type Kind string

const (
	KindSyntax    Kind = "syntax"    // not TOML
	KindConflict  Kind = "conflict"  // it has git's conflict markers
	KindVersion   Kind = "version"   // no version, or one that this program does not know
	KindUnknown   Kind = "unknown"   // a table or key that the format does not have
	KindValue     Kind = "value"     // a value is missing, or of the wrong type or spelling
	KindDuplicate Kind = "duplicate" // said twice
	KindLimit     Kind = "limit"     // too large
)

// An Error is the first thing wrong with a grants.toml. Nothing in the file
// counts then, and it is not changed.
type Error struct {
	Kind  Kind
	Pos   nixconf.Pos
	Other nixconf.Pos // the earlier place that this one repeats
	Text  string      // a sentence without its full stop
	Hint  string      // what to do about it, or ""
}

// Error returns "FILE:LINE:COL: TEXT", and the other place when there is one.
func (e *Error) Error() string {
	s := place(e.Pos) + ": " + e.Text
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
