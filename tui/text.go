package tui

import (
	"slices"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
)

// A text is a pane of lines that scrolls and can be searched.
type text struct {
	title  string
	render func(w int) []string // what it shows at a width, painted
	about  string               // id of what it is about: another one starts at the top

	lines  []string
	width  int
	height int
	offset int

	search string
	hits   []int // lines that the search found
	hit    int   // the current one, an index of hits
}

// show makes the pane show something. The scroll position and a search stay
// when it is about the same thing.
func (x *text) show(about, title string, render func(w int) []string) {
	same := about == x.about && title == x.title
	x.about, x.title, x.render = about, title, render
	if !same {
		x.offset, x.search = 0, ""
		x.lay()
	}
}

// renew has the text laid out anew before it is drawn again.
func (x *text) renew() { x.width = 0 }

// resize sets the size and lays the text out anew.
func (x *text) resize(w, h int) {
	x.height = max(h, 0)
	if w != x.width {
		x.width = w
		x.lay()
	}
	x.clamp()
}

func (x *text) lay() {
	x.lines = nil
	if x.render != nil && x.width > 0 {
		x.lines = x.render(x.width)
	}
	hit := x.hit
	x.find(x.search)
	x.hit = max(0, min(hit, len(x.hits)-1))
	x.clamp()
}

func (x *text) clamp() {
	x.offset = max(0, min(x.offset, len(x.lines)-x.height))
}

func (x *text) scroll(n int) {
	x.offset += n
	x.clamp()
}

// find searches the lines for a text, whatever its case.
func (x *text) find(needle string) {
	x.search, x.hits, x.hit = needle, nil, 0
	if needle == "" {
		return
	}
	for i, l := range x.lines {
		if at, _ := indexFold(ansi.Strip(l), needle); at >= 0 {
			x.hits = append(x.hits, i)
		}
	}
}

// next goes to the n-th hit from the current one, around the end.
func (x *text) next(n int) {
	if len(x.hits) == 0 {
		return
	}
	x.hit = ((x.hit+n)%len(x.hits) + len(x.hits)) % len(x.hits)
	line := x.hits[x.hit]
	if line < x.offset || line >= x.offset+x.height {
		x.offset = line - x.height/2
		x.clamp()
	}
}

// label is the title with how much lies below, when not all lines are in sight.
func (x *text) label() string {
	switch {
	case x.search != "" && len(x.hits) > 0:
		return x.title + ", " + itoa(x.hit+1) + " of " + itoa(len(x.hits)) + " found"
	case x.search != "":
		return x.title + ", nothing found"
	case len(x.lines) > x.height && x.height > 0:
		if n := len(x.lines) - x.offset - x.height; n == 1 {
			return x.title + ", 1 more line"
		} else if n > 1 {
			return x.title + ", " + itoa(n) + " more lines"
		}
		return x.title + ", the end"
	}
	return x.title
}

// draw returns the lines that are in sight.
func (x *text) draw(t *theme) []string {
	last := min(len(x.lines), x.offset+x.height)
	out := make([]string, 0, x.height)
	for i := x.offset; i < last; i++ {
		l := x.lines[i]
		if x.search != "" {
			if _, hit := slices.BinarySearch(x.hits, i); hit {
				l = highlight(ansi.Strip(l), x.search, explain.Plain, t)
			}
		}
		out = append(out, l)
	}
	return out
}
