// Package explain renders verdicts, reasons and findings as lines of text. The
// terminal program and the text commands both use it, so that they cannot say
// different things.
//
// Everything that it is given is taken for hostile and goes through safetext.
package explain

import (
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A Role is what a piece of text is for; a theme gives each a colour. No role
// carries a meaning that the text does not also say.
type Role int

const (
	Plain   Role = iota
	Strong       // titles, subjects
	Faint        // codes, places, labels
	Good         // usable, pass
	Bad          // refused, fail
	Unsure       // unknown
	Caution      // depends on something
	Danger       // a finding that lets others in
	Command      // something to copy
	Quote        // what another program prints
	Place        // file:line
)

// Glyphs are the marks of states and layout. All of a set's state marks are as
// wide as each other.
type Glyphs struct {
	Good, Bad, Unsure, Asks, Off, None string
	Alarm                              string // before a finding or a suspicious host
	Quote                              string // before a line that another program prints
	Prompt                             string // before a command
	More                               string // for what was cut from a line
	Dot                                string // between two short facts
	Wrap                               string // before the rest of a command that was wrapped
}

// Unicode and ASCII return the two sets of glyphs.
func Unicode() Glyphs {
	return Glyphs{Good: "✓", Bad: "✗", Unsure: "?", Asks: "~", Off: "–", None: "·", Alarm: "!", Quote: "│", Prompt: "$", More: "…", Dot: "·", Wrap: "↪"}
}

func ASCII() Glyphs {
	return Glyphs{Good: "[ok]", Bad: "[NO]", Unsure: "[??]", Asks: "[~~]", Off: "[--]", None: "[  ]", Alarm: "!", Quote: "|", Prompt: "$", More: "~", Dot: "-", Wrap: ">"}
}

// Style says how to render. The zero Style is plain ASCII text of any width.
type Style struct {
	// Width is how many cells a line may take, 0 for any number. Widths under
	// 20 are taken for 20.
	Width  int
	Glyphs Glyphs
	// Paint colours a piece of text without changing its width; nil leaves it.
	Paint func(role Role, s string) string
	// Fit wraps commands too, for a screen that cannot be scrolled sideways.
	// Without it a command stays on its own line however long it is, so that
	// it can be copied.
	Fit bool
	// Brief gives each step that does not settle the matter one line, and puts
	// what a reader needs last, such as keys, at the end.
	Brief bool
	// Home is shown as ~ at the start of a path; "" for never.
	Home string
	// Now is when it is read, so that ages can be told; zero for not known.
	Now time.Time
}

func (s Style) glyphs() Glyphs {
	if s.Glyphs == (Glyphs{}) {
		return ASCII()
	}
	return s.Glyphs
}

func (s Style) paint(role Role, text string) string {
	if s.glyphs() == ASCII() {
		text = ToASCII(text)
	}
	if s.Paint == nil || text == "" {
		return text
	}
	return s.Paint(role, text)
}

func (s Style) width() int {
	if s.Width <= 0 {
		return 0
	}
	return max(s.Width, 20)
}

// Path shortens a path in the user's home and makes it safe to show.
func (s Style) Path(p string) safetext.S { return safetext.Line(s.Tilde(p)) }

// Spot returns a place as "file:line", "" when there is none. It is not yet
// safe to show.
func (s Style) Spot(p nixconf.Pos) string {
	if p.File == "" {
		return ""
	}
	file := s.Tilde(p.File)
	if p.Line > 0 {
		file += ":" + strconv.Itoa(p.Line)
	}
	return file
}

// Tilde writes ~ for the user's home.
func (s Style) Tilde(p string) string {
	home := strings.TrimSuffix(s.Home, "/")
	if home == "" {
		return p
	}
	if p == home {
		return "~"
	}
	if rest, ok := strings.CutPrefix(p, home+"/"); ok {
		return "~/" + rest
	}
	return p
}

// ToASCII replaces every character of a text that is not ASCII by one that
// looks like it, or by a question mark for each cell that it takes.
func ToASCII(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return r > '~' })
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	for _, r := range s[i:] {
		switch r {
		case '“', '”', '„':
			b.WriteByte('"')
		case '‘', '’':
			b.WriteByte('\'')
		case '–', '—', '·':
			b.WriteByte('-')
		case '…':
			b.WriteByte('~')
		case '→':
			b.WriteByte('>')
		case '←':
			b.WriteByte('<')
		default:
			if r <= '~' {
				b.WriteRune(r)
			} else {
				b.WriteString(strings.Repeat("?", ansi.StringWidth(string(r))))
			}
		}
	}
	return b.String()
}
