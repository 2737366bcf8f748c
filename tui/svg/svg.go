// Package svg draws a terminal's screen as a picture, for documentation. It
// knows the escape sequences that set colours and attributes and drops every
// other one. The same frame gives the same bytes on every machine.
package svg

import (
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// A Palette has the colours of a terminal, as "#rrggbb".
type Palette struct {
	Text, Back, Bar, Edge string
	Sixteen               [16]string
}

// Dark returns the palette of the pictures in the documentation.
func Dark() Palette {
	return Palette{
		Text: "#d8dee9", Back: "#161a21", Bar: "#222832", Edge: "#323a47",
		Sixteen: [16]string{
			"#2b313c", "#e06c75", "#8fbf7f", "#d9b36a", "#6fa8dc", "#c08bd0", "#62b8c0", "#c8ced9",
			"#5b6472", "#f07f87", "#a5d492", "#ecc987", "#88bdf0", "#d6a3e4", "#7fd0d8", "#eceff4",
		},
	}
}

// Light returns a palette on white.
func Light() Palette {
	return Palette{
		Text: "#2b303b", Back: "#fbfbfa", Bar: "#ecebe8", Edge: "#d3d1cc",
		Sixteen: [16]string{
			"#2b303b", "#b3261e", "#3b7a2a", "#8a6100", "#1f5fae", "#7d3c98", "#11707a", "#c9c7c1",
			"#75736d", "#d13b32", "#4c9437", "#a87a08", "#2f74c8", "#9450b3", "#1b8791", "#ffffff",
		},
	}
}

// The size of one cell and what lies around the screen, in pixels.
const (
	cellW, cellH = 8.4, 18.0
	fontSize     = 14
	margin       = 14.0
	barH         = 34.0
)

// An attr is how a cell is drawn.
type attr struct {
	fg, bg                                 string // "" for the terminal's own
	bold, faint, italic, underline, strike bool
	reverse                                bool
}

// Render writes a window with the frame in it. The frame is lines of text with
// SGR sequences; the window is as wide as its widest line.
func Render(w io.Writer, title, frame string, p Palette) error {
	lines := strings.Split(strings.TrimRight(frame, "\n"), "\n")
	cols := 0
	for _, l := range lines {
		cols = max(cols, ansi.StringWidth(l))
	}
	width, height := float64(cols)*cellW+2*margin, float64(len(lines))*cellH+2*margin+barH
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.1f %.1f" width="%.0f" height="%.0f" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(&b, `<rect x="0.5" y="0.5" width="%.1f" height="%.1f" rx="9" fill="%s" stroke="%s"/>`+"\n", width-1, height-1, p.Back, p.Edge)
	fmt.Fprintf(&b, `<path d="M0.5 %.1fV9.5a9 9 0 0 1 9-9H%.1fa9 9 0 0 1 9 9V%.1fz" fill="%s"/>`+"\n", barH, width-9.5, barH, p.Bar)
	for i, c := range []string{"#ec6a5e", "#f4bf4f", "#61c554"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="%.1f" r="6" fill="%s"/>`+"\n", 20+20*i, barH/2, c)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-family="sans-serif" font-size="13" fill="%s" opacity="0.7">%s</text>`+"\n", width/2, barH/2+4.5, p.Text, html.EscapeString(title))
	fmt.Fprintf(&b, `<g font-family="'DejaVu Sans Mono','SFMono-Regular',Menlo,Consolas,monospace" font-size="%d" xml:space="preserve">`+"\n", fontSize)
	var a attr // it lasts over the end of a line, as on a terminal
	for y, l := range lines {
		a = drawLine(&b, y, l, a, p)
	}
	b.WriteString("</g>\n</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawLine draws one line as runs of cells with the same attributes, and
// returns those at its end.
func drawLine(b *strings.Builder, y int, line string, a attr, p Palette) attr {
	x := 0
	var run strings.Builder
	start := 0
	flush := func() {
		if run.Len() > 0 {
			drawRun(b, start, y, x-start, run.String(), a, p)
			run.Reset()
		}
		start = x
	}
	for line != "" {
		seq, w, n, _ := ansi.DecodeSequence(line, 0, nil)
		line = line[max(n, 1):]
		if w == 0 {
			if params, ok := sgr(seq); ok {
				flush()
				a.apply(params, p)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(seq)
		if lines, ok := boxes[r]; ok && size == len(seq) {
			flush()
			drawRun(b, x, y, w, " ", a, p)
			drawBox(b, x, y, lines, a, p)
			x += w
			start = x
			continue
		}
		run.WriteString(strings.Map(drawable, seq))
		x += w
	}
	flush()
	return a
}

// drawable drops what XML cannot hold.
func drawable(r rune) rune {
	if r < ' ' || r == 0xfffe || r == 0xffff {
		return -1
	}
	return r
}

// sgr returns the parameters of an SGR, and whether a sequence is one.
func sgr(seq string) (params string, ok bool) {
	rest, csi := strings.CutPrefix(seq, "\x1b[")
	if !csi {
		return "", false
	}
	return strings.CutSuffix(rest, "m")
}

// colours returns what a run is drawn in.
func (a attr) colours(p Palette) (fg, bg string) {
	fg, bg = a.fg, a.bg
	if fg == "" {
		fg = p.Text
	}
	if a.reverse {
		if bg == "" {
			bg = p.Back
		}
		fg, bg = bg, fg
	}
	return fg, bg
}

func drawRun(b *strings.Builder, x, y, w int, text string, a attr, p Palette) {
	fg, bg := a.colours(p)
	left, top := margin+float64(x)*cellW, barH+margin+float64(y)*cellH
	if bg != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", left, top, float64(w)*cellW, cellH, bg)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	var style string
	if a.bold {
		style += ` font-weight="bold"`
	}
	if a.faint {
		style += ` opacity="0.6"`
	}
	if a.italic {
		style += ` font-style="italic"`
	}
	if a.underline {
		style += ` text-decoration="underline"`
	} else if a.strike {
		style += ` text-decoration="line-through"`
	}
	for _, piece := range pieces(text) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
			left+float64(piece.cell)*cellW, top+cellH*0.74, float64(ansi.StringWidth(piece.text))*cellW, fg, style, html.EscapeString(piece.text))
	}
}

// A piece is a part of a run that is put in its place by itself.
type piece struct {
	cell int
	text string
}

// pieces splits a run where there is more than one space, and around what a
// font may have to borrow from another one with other widths, so that nothing
// drifts from its cell.
func pieces(run string) []piece {
	var out []piece
	cell, start, from := 0, 0, 0
	flush := func(end int) {
		text := run[start:end]
		trimmed := strings.TrimLeft(text, " ")
		from += len(text) - len(trimmed)
		if trimmed = strings.TrimRight(trimmed, " "); trimmed != "" {
			out = append(out, piece{from, trimmed})
		}
		start, from = end, cell
	}
	for i, r := range run {
		foreign := r > '~'
		if foreign || strings.HasPrefix(run[i:], "  ") {
			flush(i)
		}
		cell += ansi.StringWidth(string(r))
		if foreign {
			_, n := utf8.DecodeRuneInString(run[i:])
			flush(i + n)
		}
	}
	flush(len(run))
	return out
}

// A part is one arm of a box-drawing character: from the middle of the cell to
// the left, the right, up or down; heavy or not.
type part struct {
	left, right, up, down, heavy, round bool
}

// boxes are drawn as lines, so that they join whatever the font.
var boxes = map[rune]part{
	'─': {left: true, right: true}, '│': {up: true, down: true},
	'╭': {right: true, down: true, round: true}, '╮': {left: true, down: true, round: true},
	'╰': {right: true, up: true, round: true}, '╯': {left: true, up: true, round: true},
	'━': {left: true, right: true, heavy: true}, '┃': {up: true, down: true, heavy: true},
	'┏': {right: true, down: true, heavy: true}, '┓': {left: true, down: true, heavy: true},
	'┗': {right: true, up: true, heavy: true}, '┛': {left: true, up: true, heavy: true},
}

func drawBox(b *strings.Builder, x, y int, c part, a attr, p Palette) {
	fg, _ := a.colours(p)
	left, top := margin+float64(x)*cellW, barH+margin+float64(y)*cellH
	mx, my := left+cellW/2, top+cellH/2
	var d strings.Builder
	switch {
	case c.round:
		ex := left
		if c.right {
			ex = left + cellW
		}
		ey := top
		if c.down {
			ey = top + cellH
		}
		fmt.Fprintf(&d, "M%.1f %.1fQ%.1f %.1f %.1f %.1f", ex, my, mx, my, mx, ey)
	default:
		if c.left || c.right {
			from, to := mx, mx
			if c.left {
				from = left
			}
			if c.right {
				to = left + cellW
			}
			fmt.Fprintf(&d, "M%.1f %.1fH%.1f", from, my, to)
		}
		if c.up || c.down {
			from, to := my, my
			if c.up {
				from = top
			}
			if c.down {
				to = top + cellH
			}
			fmt.Fprintf(&d, "M%.1f %.1fV%.1f", mx, from, to)
		}
	}
	width, opacity := "1.1", ""
	if c.heavy {
		width = "2.2"
	}
	if a.faint {
		opacity = ` opacity="0.6"`
	}
	fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="%s" fill="none" stroke-linecap="square"%s/>`+"\n", d.String(), fg, width, opacity)
}
