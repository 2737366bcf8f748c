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
	for _, l := range wrap(text.String(), w-ansi.StringWidth(prefix), w-ansi.StringWidth(prefix), w > 0) {
		p.lines = append(p.lines, prefix+p.paint(role, l))
	}
}

// spans adds pieces on one line with a space between them while they fit, and
// goes on below, indented, when they do not.
func (p *page) spans(first, next string, pieces ...span) {
	w := p.width()
	line, used, start := first, ansi.StringWidth(first), true
	add := func(role Role, text string) {
		line += p.paint(role, text)
		used += ansi.StringWidth(text)
		start = false
	}
	turn := func() {
		p.lines = append(p.lines, line)
		line, used, start = next, ansi.StringWidth(next), true
	}
	for _, s := range pieces {
		if s.text.Width() == 0 {
			continue
		}
		space := 1
		if start {
			space = 0
		}
		room, full := w-used-space, w-ansi.StringWidth(next)
		if w > 0 && s.text.Width() > room && !start && (s.text.Width() <= full || room < 12) {
			turn()
			space, room = 0, full
		}
		line += strings.Repeat(" ", space)
		used += space
		for i, part := range wrap(s.text.String(), room, full, w > 0) {
			if i > 0 {
				turn()
			}
			add(s.role, part)
		}
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
		for j, part := range chop(l.String(), room, room) {
			if j > 0 {
				m = p.glyphs().Wrap + strings.Repeat(" ", max(0, ansi.StringWidth(mark)-ansi.StringWidth(p.glyphs().Wrap)))
			}
			p.lines = append(p.lines, prefix+p.paint(Faint, m)+p.paint(Command, part))
		}
	}
}

// wrap breaks a line at spaces into pieces of at most rest cells, the first of
// at most first, and inside a word that is longer than that. With bound false
// it is left whole.
func wrap(s string, first, rest int, bound bool) []string {
	if !bound || s == "" {
		return []string{s}
	}
	w, rest := max(first, 4), max(rest, 4)
	var out []string
	line, used, any := "", 0, false
	for word := range strings.SplitSeq(s, " ") {
		n := ansi.StringWidth(word)
		if any && used+1+n <= w {
			line, used = line+" "+word, used+1+n
			continue
		}
		if any {
			out = append(out, line)
			w = rest
		}
		any = true
		if n > w {
			parts := chop(word, w, rest)
			out = append(out, parts[:len(parts)-1]...)
			word = parts[len(parts)-1]
			n = ansi.StringWidth(word)
			if len(parts) > 1 {
				w = rest
			}
		}
		line, used = word, n
	}
	return append(out, line)
}

// chop cuts a line after first cells, and then every rest cells, or a little
// sooner where a part of a path or of a URL ends.
func chop(s string, first, rest int) []string {
	w := max(first, 4)
	var out []string
	start, used := 0, 0
	parted := strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~/") || strings.Contains(s, "://")
	slash, after := 0, 0 // the end of the last part, and the cells since
	for i, r := range s {
		n := ansi.StringWidth(string(r))
		if used+n > w {
			if slash > start && after <= w*2/3 {
				out = append(out, s[start:slash])
				start, used = slash, after
			} else {
				out = append(out, s[start:i])
				start, used = i, 0
			}
			w = max(rest, 4)
		}
		used += n
		after += n
		if r == '/' && parted {
			slash, after = i+1, 0
		}
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
	// From the end, so that the time it takes follows what is kept.
	start, used := len(text), 0
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(text[:start])
		used += ansi.StringWidth(string(r))
		if used > tail {
			break
		}
		start -= n
	}
	return ansi.Truncate(text, head, "") + more + text[start:]
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
func Wrap(s safetext.S, w int) []string { return wrap(s.String(), w, w, true) }
