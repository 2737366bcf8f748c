// Package safetext makes outside text safe to show on a terminal.
//
// A flake, a cache, a configuration file or a program's output may hold
// escape sequences that repaint the screen, newlines that forge a line,
// direction controls that swap words, characters that cannot be seen, and
// host names that look like well-known ones. Text that went through this
// package has none of the first four, and its width is known on every
// terminal. The last is reported by SuspectHost.
//
// It does not decide whether a text is true, and it does not quote for a
// shell: see Exact before something is put on the clipboard.
package safetext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Limit is how many bytes of one text are shown. What is cut is said.
const Limit = 64 << 10

// S is one line of text that is safe to show. Only this package makes one.
// The zero S is the empty line.
type S struct {
	text  string
	width int
}

// String returns the text, in valid UTF-8 without control characters.
func (s S) String() string { return s.text }

// Width returns how many terminal cells the text takes.
func (s S) Width() int { return s.width }

// Line makes one line of a text. Whatever could move the cursor, end the line,
// reorder it or hide in it is written as an escape that can be read: \n, \x1b,
// \u{202e}. A backslash becomes two, so that no text can imitate an escape.
func Line(s string) S {
	s, cut := clip(s)
	if plain(s) {
		return finish(s, len(s), cut)
	}
	out := escape(s, readable)
	w, ok := measure(out)
	if !ok {
		out = escape(s, ascii)
		w = len(out)
	}
	return finish(out, w, cut)
}

// measure returns the width of a text, and whether it is the same everywhere.
// Terminals measure either character by character or by whole clusters: a text
// on which the two disagree would shift the columns on some of them. A sign
// that joins what stands before or behind the text, which its own width does
// not show, would do so as soon as it is put into a line.
func measure(text string) (width int, ok bool) {
	width = ansi.StringWidthWc(text)
	return width, ansi.StringWidth(text) == width && ansi.StringWidth(" "+text+" ") == width+2
}

// Join puts lines after each other with a space between them.
func Join(parts ...S) S {
	var out S
	for i, p := range parts {
		if i > 0 {
			out.text += " "
			out.width++
		}
		out.text += p.text
		out.width += p.width
	}
	return out
}

// sentence puts lines into a text of our own, in ASCII, at each %s of it.
func sentence(text string, parts ...S) S {
	var b strings.Builder
	width := 0
	for _, p := range parts {
		before, after, _ := strings.Cut(text, "%s")
		b.WriteString(before)
		b.WriteString(p.text)
		width += len(before) + p.width
		text = after
	}
	b.WriteString(text)
	return S{b.String(), width + len(text)}
}

// ASCII is Line for what is compared letter by letter, such as a key or a
// host: whatever is not ASCII is written as an escape too.
func ASCII(s string) S {
	s, cut := clip(s)
	if plain(s) {
		return finish(s, len(s), cut)
	}
	out := escape(s, ascii)
	return finish(out, len(out), cut)
}

// Block splits a text at its newlines and makes a line of each.
func Block(s string) []S {
	s = strings.TrimRight(s, "\n")
	if s == "" {
		return nil
	}
	s, cut := clip(s)
	parts := strings.Split(s, "\n")
	out := make([]S, len(parts))
	for i, p := range parts {
		out[i] = Line(strings.TrimSuffix(p, "\r"))
	}
	if cut > 0 {
		out = append(out, Line(fmt.Sprintf("(%d more bytes)", cut)))
	}
	return out
}

// Verbatim splits what is to be copied from the screen, such as a command, at
// its newlines, and leaves backslashes alone, so that what is selected is what
// was meant. A text that hides something is shown as by Block instead.
func Verbatim(s string) []S {
	if !Exact(s) {
		return Block(s)
	}
	parts := strings.Split(strings.TrimRight(s, "\n"), "\n")
	out := make([]S, len(parts))
	for i, p := range parts {
		if w, ok := measure(p); ok {
			out[i] = S{p, w}
		} else {
			out[i] = Line(p)
		}
	}
	return out
}

// Exact reports whether every line of s shows exactly what it is: nothing in
// it would be hidden from a reader who then pastes it into a shell.
func Exact(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		for _, r := range line {
			if r == utf8.RuneError || !readable(r) {
				return false
			}
		}
	}
	return len(s) <= Limit
}

// clip cuts s to Limit bytes at a character's start; cut is what is missing.
func clip(s string) (_ string, cut int) {
	if len(s) <= Limit {
		return s, 0
	}
	n := Limit
	for n > Limit-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], len(s) - n
}

func finish(text string, width, cut int) S {
	if cut > 0 {
		more := fmt.Sprintf(" (%d more bytes)", cut)
		text, width = text+more, width+len(more)
	}
	return S{text, width}
}

// plain reports whether s is printable ASCII without a backslash.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// escape writes s with an escape for each character that keep refuses.
func escape(s string, keep func(rune) bool) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	mark := true // a mark at the start has no letter to stand on
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			mark = true
		case r == '\\':
			b.WriteString(`\\`)
			mark = true
		case !keep(r) || unicode.Is(unicode.M, r) && mark:
			writeEscape(&b, r)
			mark = true
		default:
			b.WriteRune(r)
			mark = unicode.Is(unicode.M, r) // one mark a letter
		}
		i += n
	}
	return b.String()
}

func writeEscape(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r < 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	default:
		fmt.Fprintf(b, `\u{%x}`, r)
	}
}

func ascii(r rune) bool { return r >= ' ' && r <= '~' }

// readable reports whether a character shows itself and stays in its place.
// Letters of right-to-left scripts are refused: terminals do not agree on
// where to put them and what stands beside them, and order is what a URL means.
func readable(r rune) bool {
	if r < 0x80 {
		return ascii(r)
	}
	return unicode.IsPrint(r) && !unicode.Is(unseen, r) && !unicode.In(r, rightToLeft...)
}

// unseen are printable characters that show nothing or change their neighbour.
// Unicode: DerivedCoreProperties, Default_Ignorable_Code_Point; and blanks.
var unseen = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian selectors
		{Lo: 0x20dd, Hi: 0x20e0, Stride: 1}, // enclosing marks
		{Lo: 0x20e2, Hi: 0x20e4, Stride: 1},
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // blank Braille
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // halfwidth Hangul filler
		{Lo: 0xfff9, Hi: 0xfffd, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // musical null note head
		{Lo: 0x1f3fb, Hi: 0x1f3ff, Stride: 1}, // skin tones
		{Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}, // tags, selectors
	},
}

// rightToLeft are the scripts written from right to left.
var rightToLeft = []*unicode.RangeTable{
	unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko,
	unicode.Samaritan, unicode.Mandaic, unicode.Adlam, unicode.Mende_Kikakui,
	unicode.Hanifi_Rohingya, unicode.Yezidi, unicode.Old_Hungarian,
	{
		R16: []unicode.Range16{ // presentation forms, which those scripts' tables leave out in part
			{Lo: 0x0590, Hi: 0x08ff, Stride: 1},
			{Lo: 0xfb1d, Hi: 0xfdff, Stride: 1},
			{Lo: 0xfe70, Hi: 0xfeff, Stride: 1},
		},
		R32: []unicode.Range32{
			{Lo: 0x10800, Hi: 0x10fff, Stride: 1},
			{Lo: 0x1e800, Hi: 0x1efff, Stride: 1},
		},
	},
}
