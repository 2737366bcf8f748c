package explain

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A page collects lines that fit a style's width.
type page struct {
	Style
	lines []string
}

// A span is a piece of one line in one role.
type span struct {
	role Role
	text safetext.S
}

// own is text of this program.
func own(role Role, text string) span { return span{role, safetext.Line(text)} }

func (p *page) blank() {
	if n := len(p.lines); n > 0 && p.lines[n-1] != "" {
		p.lines = append(p.lines, "")
	}
}

// text adds a text wrapped at spaces, each line after the prefix.
func (p *page) text(prefix string, role Role, text safetext.S) {
	w := p.width()
	for _, l := range wrap(text.String(), w-ansi.StringWidth(prefix), w > 0) {
		p.lines = append(p.lines, prefix+p.paint(role, l))
	}
}

// spans adds pieces on one line with a space between them while they fit, and
// goes on below, indented, when they do not.
func (p *page) spans(first, next string, pieces ...span) {
	w := p.width()
	line, used := first, ansi.StringWidth(first)
	start := true
	for _, s := range pieces {
		if s.text.Width() == 0 {
			continue
		}
		switch {
		case start:
		case w > 0 && used+1+s.text.Width() > w:
			p.lines = append(p.lines, line)
			line, used, start = next, ansi.StringWidth(next), true
		default:
			line, used = line+" ", used+1
		}
		for i, part := range wrap(s.text.String(), w-used, w > 0) {
			if i > 0 {
				p.lines = append(p.lines, line)
				line, used = next, ansi.StringWidth(next)
			}
			line += p.paint(s.role, part)
			used += ansi.StringWidth(part)
		}
		start = false
	}
	p.lines = append(p.lines, line)
}

// code adds lines that are to be copied.
func (p *page) code(prefix, mark string, lines []safetext.S) {
	w := p.width()
	rest := strings.Repeat(" ", ansi.StringWidth(mark))
	for i, l := range lines {
		m := mark
		if i > 0 {
			m = rest
		}
		if !p.Fit || w == 0 {
			p.lines = append(p.lines, prefix+p.paint(Faint, m)+p.paint(Command, l.String()))
			continue
		}
		room := w - ansi.StringWidth(prefix) - ansi.StringWidth(mark)
		for j, part := range chop(l.String(), room) {
			if j > 0 {
				m = p.glyphs().Wrap + strings.Repeat(" ", max(0, ansi.StringWidth(mark)-ansi.StringWidth(p.glyphs().Wrap)))
			}
			p.lines = append(p.lines, prefix+p.paint(Faint, m)+p.paint(Command, part))
		}
	}
}

// wrap breaks a line at spaces into pieces of at most w cells, and inside a
// word that is longer than that. With bound false it is left whole.
func wrap(s string, w int, bound bool) []string {
	if !bound || s == "" {
		return []string{s}
	}
	w = max(w, 4)
	if ansi.StringWidth(s) <= w {
		return []string{s}
	}
	var out []string
	line, used := "", 0
	for word := range strings.SplitSeq(s, " ") {
		n := ansi.StringWidth(word)
		switch {
		case line == "" && used == 0:
		case used+1+n <= w:
			line, used = line+" "+word, used+1+n
			continue
		default:
			out = append(out, line)
		}
		line, used = word, n
		if n > w {
			parts := chop(word, w)
			out = append(out, parts[:len(parts)-1]...)
			line = parts[len(parts)-1]
			used = ansi.StringWidth(line)
		}
	}
	return append(out, line)
}

// chop cuts a line every w cells.
func chop(s string, w int) []string {
	w = max(w, 4)
	var out []string
	start, used := 0, 0
	for i, r := range s {
		n := ansi.StringWidth(string(r))
		if used+n > w {
			out = append(out, s[start:i])
			start, used = i, 0
		}
		used += n
	}
	return append(out, s[start:])
}

// Shorten cuts a text to w cells and marks that it did. It keeps the start and
// the end: what a URL or a path ends in says whose it is.
func Shorten(s safetext.S, w int, more string) string {
	if s.Width() <= w {
		return s.String()
	}
	m := ansi.StringWidth(more)
	if w <= m {
		return ansi.Truncate(s.String(), w, "")
	}
	head := (w - m) / 2
	tail := w - m - head
	text := s.String()
	left := ansi.Truncate(text, head, "")
	right := text
	for ansi.StringWidth(right) > tail {
		_, n := utf8.DecodeRuneInString(right)
		right = right[n:]
	}
	return left + more + right
}

// Trim cuts the end of a text so that it takes at most w cells.
func Trim(s safetext.S, w int, more string) string {
	if s.Width() <= w {
		return s.String()
	}
	if w < ansi.StringWidth(more) {
		more = ""
	}
	return ansi.Truncate(s.String(), max(w, 0), more)
}

// Wrap breaks a line at spaces into pieces of at most w cells.
func Wrap(s safetext.S, w int) []string { return wrap(s.String(), w, true) }
