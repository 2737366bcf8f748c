package explain

import (
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// FlakeMark sums up a flake.
func FlakeMark(f *trust.FlakeReport, g Glyphs) Mark {
	switch {
	case f.Rejected != nil:
		return Mark{Glyph: g.Bad, Word: "rejected", Role: Bad}
	case f.Err != "":
		return Mark{Glyph: g.Unsure, Word: "unreadable", Role: Unsure}
	}
	return CacheMark(f.State, g)
}

// AnswerMark returns the mark of a saved answer.
func AnswerMark(a trust.AnswerReport, g Glyphs) Mark {
	m := Mark{Glyph: g.Bad, Word: "no", Role: Bad}
	switch {
	case a.Skeleton:
		m = Mark{Glyph: g.Alarm, Word: "YES", Role: Danger}
	case a.Yes:
		m = Mark{Glyph: g.Good, Word: "yes", Role: Good}
	}
	if a.Root {
		m.Word = "root: " + m.Word
	}
	return m
}

// KeyMark returns the mark of a public key.
func KeyMark(k trust.KeyReport, g Glyphs) Mark {
	switch {
	case k.Problem != nil:
		return Mark{Glyph: g.Bad, Word: "problem", Role: Bad}
	case k.InEffect:
		return Mark{Glyph: g.Good, Word: "in effect", Role: Good}
	}
	return Mark{Glyph: g.Off, Word: "claimed", Role: Faint}
}

// AnswersTrouble says in a few words why the answers of a file are not known, ""
// when they are.
func AnswersTrouble(f trust.AnswersFile) string {
	switch {
	case f.Err != nil:
		return "cannot be read by Nix"
	case f.State == nixconf.SourceUnreadable:
		return "may not be read by you"
	case f.State == nixconf.SourceUnseen:
		return "cannot be seen from here"
	}
	return ""
}
