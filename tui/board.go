package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A board is the panes of a screen: one or two lists, and a text about what is
// selected. The focus is on one of them.
type board struct {
	lists  []*list
	detail *text
	shape  shape
	steps  bool // enter goes from the first list to the second, as with listBeside
	focus  int  // an index of lists, or len(lists) for the detail
	last   int  // the list that had the focus last: the detail is about it
	zoom   bool // the detail has the whole screen
	places []place
	w, h   int
}

// A shape is how the panes of a wide screen are put.
type shape int

const (
	listsLeft  shape = iota // the lists above each other, the detail beside them
	listBeside              // the first list on the left; the second above the detail
)

// Widths of the screen from which a layout is used.
const (
	wideFrom  = 100 // panes beside each other, each in a box
	stackFrom = 60  // panes above each other, each under a rule
	stackRows = 15  // with fewer rows only the focused pane is shown
)

// A place is where a pane is drawn. Its zero value is not drawn.
type place struct {
	x, y, w, h int
	boxed      bool // it has a frame on all sides, else a rule above
}

func (p place) inner() (w, h int) {
	if p.boxed {
		return p.w - 4, p.h - 2
	}
	return p.w - 2, p.h - 1
}

func (b *board) onDetail() bool { return b.zoom || b.focus >= len(b.lists) }

// list returns the list that has the focus, nil when the detail has it.
func (b *board) list() *list {
	if b.onDetail() {
		return nil
	}
	return b.lists[b.focus]
}

// resize gives every pane its place in w by h cells.
func (b *board) resize(w, h int) {
	b.w, b.h = w, h
	b.place()
}

// place works out the places anew: they depend on the size, the focus and how
// many rows there are.
func (b *board) place() {
	n := len(b.lists)
	b.places = make([]place, n+1)
	switch {
	case b.zoom:
		b.places[n] = place{0, 0, b.w, b.h, b.w >= wideFrom}
	case b.w >= wideFrom && b.h >= stackRows:
		b.placeWide()
	case b.w >= stackFrom && b.h >= stackRows-2:
		b.placeStack()
	default:
		b.places[b.focus] = place{0, 0, b.w, b.h, false}
	}
	for i, l := range b.lists {
		w, h := b.places[i].inner()
		if l.headed(h) {
			h--
		}
		if b.places[i].h > 0 && w > 0 {
			l.resize(h)
		}
	}
	if b.places[n].h > 0 {
		b.detail.resize(b.places[n].inner())
	}
}

func (b *board) placeWide() {
	n := len(b.lists)
	left := max(b.w*11/20, min(b.w*3/5, b.w-50))
	if b.shape == listBeside { // no wider than its rows
		left = max(b.w/4, min(b.w*2/5, b.lists[0].broad()+6))
	}
	switch {
	case n == 1:
		b.places[0] = place{0, 0, left, b.h, true}
		b.places[1] = place{left, 0, b.w - left, b.h, true}
	case b.shape == listBeside:
		top := max(b.lists[1].tall()+2, 6)
		if most := b.h * 2 / 5; top > most { // then without headings
			top = min(max(b.lists[1].count()+2, 6), most)
		}
		b.places[0] = place{0, 0, left, b.h, true}
		b.places[1] = place{left, 0, b.w - left, top, true}
		b.places[2] = place{left, top, b.w - left, b.h - top, true}
	default:
		most := max(b.h*2/5, b.h-b.lists[0].tall()-4) // what the first does not need
		bottom := min(max(b.lists[1].count()+3, 5), most)
		b.places[0] = place{0, 0, left, b.h - bottom, true}
		b.places[1] = place{0, b.h - bottom, left, bottom, true}
		b.places[2] = place{left, 0, b.w - left, b.h, true}
	}
}

func (b *board) placeStack() {
	n := len(b.lists)
	y := 0
	for i, l := range b.lists {
		most := b.h / (n + 2)
		if b.focus == i {
			most = b.h / (n + 1)
		}
		rows := l.tall()
		if rows == 0 {
			rows = 4 // for what to do then
		}
		h := min(max(rows+1, 3), max(most, 3))
		b.places[i] = place{0, y, b.w, h, false}
		y += h
	}
	b.places[n] = place{0, y, b.w, b.h - y, false}
}

// at returns the pane at a cell of the board and, for a list, the row there;
// -1 for none.
func (b *board) at(x, y int) (pane, row int) {
	for i, p := range b.places {
		if p.h == 0 || x < p.x || x >= p.x+p.w || y < p.y || y >= p.y+p.h {
			continue
		}
		if i == len(b.lists) {
			return i, -1
		}
		l := b.lists[i]
		_, h := p.inner()
		first := p.y + 1
		if l.headed(h) {
			first++
		}
		return i, l.rowAt(y - first)
	}
	return -1, -1
}

// draw returns the board as lines of exactly its width.
func (b *board) draw(t *theme) []string {
	rows := make([]string, b.h)
	filled := make([]int, b.h)
	// Panes are put left to right: for the same line, the one with the smaller
	// x comes first in places, except that a left one may be listed later.
	for x := 0; x < max(b.w, 1); {
		next := b.w
		for i, p := range b.places {
			if p.h == 0 || p.x < x {
				continue
			}
			if p.x > x {
				next = min(next, p.x)
				continue
			}
			for j, l := range b.pane(i, t) {
				if y := p.y + j; y < b.h {
					rows[y] += strings.Repeat(" ", max(0, p.x-filled[y])) + l
					filled[y] = p.x + p.w
				}
			}
		}
		x = max(next, x+1)
	}
	for y := range rows {
		rows[y] += strings.Repeat(" ", max(0, b.w-filled[y]))
	}
	return rows
}

// pane draws one pane as lines of exactly its place's width.
func (b *board) pane(i int, t *theme) []string {
	p := b.places[i]
	focused := i == b.focus || b.zoom && i == len(b.lists)
	var title string
	var body []string
	w, h := p.inner()
	if i < len(b.lists) {
		title, body = b.lists[i].label(), b.lists[i].lines(w, h, focused, t)
	} else {
		title, body = b.detail.label(), b.detail.draw(t)
	}
	return frame(p, title, body, focused, t)
}

// frame puts a border or a rule and a title around lines.
func frame(p place, title string, body []string, focused bool, t *theme) []string {
	bx, st := t.box, t.border
	if focused {
		bx, st = t.focusBox, t.focus
	}
	name := ansi.Truncate(safetext.Line(title).String(), max(p.w-6, 0), t.glyphs.More)
	label := t.title.Render(name)
	fill := max(0, p.w-ansi.StringWidth(name)-5)
	out := make([]string, 0, p.h)
	w, h := p.inner()
	if !p.boxed {
		out = append(out, st.Render(bx.h+bx.h)+" "+label+" "+st.Render(strings.Repeat(bx.h, max(0, fill+1))))
		out[0] = pad(out[0], p.w)
		for i := range h {
			line := ""
			if i < len(body) {
				line = body[i]
			}
			out = append(out, " "+pad(line, w)+" ")
		}
		return out
	}
	out = append(out, st.Render(bx.tl+bx.h)+" "+label+" "+st.Render(strings.Repeat(bx.h, fill)+bx.tr))
	side := st.Render(bx.v)
	for i := range h {
		line := ""
		if i < len(body) {
			line = body[i]
		}
		out = append(out, side+" "+pad(line, w)+" "+side)
	}
	return append(out, st.Render(bx.bl+strings.Repeat(bx.h, max(0, p.w-2))+bx.br))
}
