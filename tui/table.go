package tui

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A column is one field of every row of a list.
type column struct {
	title string
	min   int  // it is never narrower while it is shown
	give  int  // columns with a higher number are made narrower first
	soft  int  // before any other it is made this narrow, as its cells can be very long; 0 for not
	most  int  // it is never wider; 0 for as wide as its widest cell
	drop  int  // columns with a higher number go first when there is no room; 0 never
	spare bool // it goes before any other column is made narrower
	keep  end  // what is kept of a cell that is too wide
	right bool // flush right
}

// An end is the part of a text that says most.
type end int

const (
	keepStart end = iota // words
	keepEnds             // URLs and paths: both who it starts with and what it ends in
)

const gap = 2 // cells between two columns

// fit returns how wide each column is drawn so that a line takes at most w
// cells, -1 for a column that is left out. wide has the widest cell of each.
func fit(cols []column, wide []int, w int) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = wide[i]
		if c.most > 0 {
			out[i] = min(out[i], c.most)
		}
		if wide[i] == 0 {
			out[i] = -1
		}
	}
	for i, c := range cols {
		if c.spare && total(out) > w {
			out[i] = -1
		}
	}
	for i, c := range cols {
		if over := total(out) - w; c.soft > 0 && over > 0 && out[i] > c.soft {
			out[i] = max(c.soft, out[i]-over)
		}
	}
	for {
		over := total(out) - w
		if over <= 0 {
			return out
		}
		// First take from the widest that has more than its minimum.
		give := -1
		for i, c := range cols {
			if out[i] > c.min {
				give = max(give, c.give)
			}
		}
		if i := widest(out, func(i int) bool { return out[i] > cols[i].min && cols[i].give == give }); i >= 0 {
			next := cols[i].min
			for j := range out { // not below the next widest, so that they shrink together
				if j != i && cols[j].give == give && out[j] > next && out[j] < out[i] && out[j] > cols[j].min {
					next = out[j]
				}
			}
			out[i] -= min(over, max(1, out[i]-next))
			continue
		}
		last, drop := -1, 0
		for i, c := range cols {
			if out[i] >= 0 && c.drop > drop {
				last, drop = i, c.drop
			}
		}
		if last >= 0 {
			out[last] = -1
			// What was taken before can be given back.
			for i, c := range cols {
				if out[i] >= 0 {
					out[i] = wide[i]
					if c.most > 0 {
						out[i] = min(out[i], c.most)
					}
				}
			}
			continue
		}
		if i := widest(out, func(i int) bool { return out[i] > 1 }); i >= 0 {
			out[i]--
			continue
		}
		// Not even one cell each: the last one goes.
		for i := len(out) - 1; i >= 0; i-- {
			if out[i] >= 0 {
				out[i] = -1
				break
			}
		}
		if total(out) == 0 {
			return out
		}
	}
}

func total(widths []int) int {
	sum, n := 0, 0
	for _, w := range widths {
		if w >= 0 {
			sum += w
			n++
		}
	}
	return sum + gap*max(0, n-1)
}

func widest(widths []int, ok func(int) bool) int {
	best := -1
	for i, w := range widths {
		if w >= 0 && ok(i) && (best < 0 || w > widths[best]) {
			best = i
		}
	}
	return best
}

// shorten cuts a cell's text to its column.
func shorten(c column, s safetext.S, w int, t *theme) string {
	if c.keep == keepEnds {
		return explain.Shorten(s, w, t.glyphs.More)
	}
	return explain.Trim(s, w, t.glyphs.More)
}

// each calls f for every column that is drawn, with its cell's text cut and
// the spaces before and after it.
func each(cols []column, widths []int, r row, t *theme, f func(lead string, text string, role explain.Role, trail string)) {
	lead := ""
	for i, c := range cols {
		w := widths[i]
		if w < 0 {
			continue
		}
		var text string
		role := explain.Plain
		if i < len(r.cells) {
			text, role = shorten(c, r.cells[i].text, w, t), r.cells[i].role
		}
		space := strings.Repeat(" ", max(0, w-ansi.StringWidth(text)))
		if c.right {
			f(lead+space, text, role, "")
		} else {
			f(lead, text, role, space)
		}
		lead = strings.Repeat(" ", gap)
	}
}

// rowText draws a row without colours.
func rowText(cols []column, widths []int, r row, t *theme) string {
	var b strings.Builder
	each(cols, widths, r, t, func(lead, text string, _ explain.Role, trail string) {
		b.WriteString(lead + text + trail)
	})
	return b.String()
}

// rowPainted draws a row in its roles, with what the filter found marked.
func rowPainted(cols []column, widths []int, r row, filter string, t *theme) string {
	var b strings.Builder
	each(cols, widths, r, t, func(lead, text string, role explain.Role, trail string) {
		if r.old && role == explain.Plain {
			role = explain.Faint
		}
		b.WriteString(lead)
		b.WriteString(highlight(text, filter, role, t))
		b.WriteString(trail)
	})
	return b.String()
}

// highlight paints a text in its role with every place where the needle occurs
// marked, whatever its case.
func highlight(text, needle string, role explain.Role, t *theme) string {
	if needle == "" {
		return t.paint(role, text)
	}
	var b strings.Builder
	for {
		i, n := indexFold(text, needle)
		if i < 0 {
			b.WriteString(t.paint(role, text))
			return b.String()
		}
		b.WriteString(t.paint(role, text[:i]))
		b.WriteString(t.match.Render(text[i : i+n]))
		text = text[i+n:]
	}
}

// indexFold returns where the needle occurs in s whatever the case, and how
// many bytes it takes there.
func indexFold(s, needle string) (at, n int) {
	needle = strings.ToLower(needle)
	for i := range s {
		rest, want := s[i:], needle
		for want != "" && rest != "" {
			r, size := utf8.DecodeRuneInString(rest)
			low := strings.ToLower(string(r))
			if !strings.HasPrefix(want, low) {
				break
			}
			want, rest = want[len(low):], rest[size:]
		}
		if want == "" {
			return i, len(s) - i - len(rest)
		}
	}
	return -1, 0
}

func heading(cols []column, widths []int) string {
	var parts []string
	for i, c := range cols {
		if widths[i] < 0 {
			continue
		}
		title := ansi.Truncate(c.title, widths[i], "")
		space := strings.Repeat(" ", widths[i]-ansi.StringWidth(title))
		if c.right {
			parts = append(parts, space+title)
		} else {
			parts = append(parts, title+space)
		}
	}
	return strings.Join(parts, strings.Repeat(" ", gap))
}

// pad fills a line with spaces up to w cells, and cuts it there.
func pad(s string, w int) string {
	n := ansi.StringWidth(s)
	if n > w {
		s = ansi.Truncate(s, max(w, 0), "")
		n = ansi.StringWidth(s)
	}
	return s + strings.Repeat(" ", max(0, w-n))
}

func itoa(n int) string { return strconv.Itoa(n) }
