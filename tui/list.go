package tui

import (
	"strings"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A cell is one field of a row.
type cell struct {
	text safetext.S
	role explain.Role
}

// own is a cell with this program's own words.
func own(role explain.Role, text string) cell { return cell{safetext.Line(text), role} }

// A row is one entry of a list. Its id says which entry it is after the data
// was read again; find is what a filter looks through, in lower case.
type row struct {
	id    string
	cells []cell
	find  string
	group string // what it belongs to: a heading where there is room for all of them
	old   bool   // drawn faint: in force elsewhere, overridden, or a default
}

// newRow makes a row that a filter finds by any of its cells.
func newRow(id string, cells ...cell) row {
	var b strings.Builder
	for _, c := range cells {
		b.WriteString(c.text.String())
		b.WriteByte('\n')
	}
	return row{id: id, cells: cells, find: strings.ToLower(b.String())}
}

// A list is a table of rows with a selection, a scroll position and a filter,
// all of which survive new rows and a new size.
type list struct {
	title string
	cols  []column
	empty []string // what to say when there is no row at all
	rows  []row
	many  source // has the rows instead, when there can be very many
	wide  []int  // the widest cell of each column

	shown  []int // indexes of the rows that the filter lets through
	at     int   // the selection, an index of shown
	offset int   // the first row that is drawn, an index of shown
	height int   // rows that can be drawn
	filter string
}

// A source has rows that are made when they are drawn, and not before. They have
// no groups. Its methods take the index of a row.
type source interface {
	len() int
	row(i int) row
	id(i int) string // that of the row
	// matches reports whether a filter in lower case lets the row through.
	matches(i int, needle string) bool
	// wide has the widest cell of each column, or more.
	wide() []int
}

// setMany replaces the rows by those of a source; see set.
func (l *list) setMany(rows source) {
	id := l.selectedID()
	l.rows, l.many, l.wide = nil, rows, rows.wide()
	l.refilter(id)
}

// count is how many rows there are, and row one of them.
func (l *list) count() int {
	if l.many != nil {
		return l.many.len()
	}
	return len(l.rows)
}

func (l *list) row(i int) row {
	if l.many != nil {
		return l.many.row(i)
	}
	return l.rows[i]
}

func (l *list) selectedID() string {
	if i := l.selected(); i >= 0 {
		return l.idOf(i)
	}
	return ""
}

// set replaces the rows. The selection stays on the row with the same id, or
// else in its place.
func (l *list) set(rows []row) {
	id := l.selectedID()
	l.rows, l.many = rows, nil
	l.wide = make([]int, len(l.cols))
	for _, r := range rows {
		for i, c := range r.cells {
			if n := c.text.Width(); i < len(l.wide) && n > 0 { // a column without any cell needs no title
				l.wide[i] = max(l.wide[i], n, len(l.cols[i].title))
			}
		}
	}
	l.refilter(id)
}

// refilter works out which rows are shown and selects the one with the id.
func (l *list) refilter(id string) {
	l.shown = l.shown[:0]
	needle := strings.ToLower(l.filter)
	at := -1
	for i := range l.count() {
		if needle != "" && !l.matches(i, needle) {
			continue
		}
		if at < 0 && id != "" && l.idOf(i) == id {
			at = len(l.shown)
		}
		l.shown = append(l.shown, i)
	}
	if at < 0 {
		at = l.at
	}
	l.at = at
	l.reveal()
}

func (l *list) matches(i int, needle string) bool {
	if l.many != nil {
		return l.many.matches(i, needle)
	}
	return strings.Contains(l.rows[i].find, needle)
}

func (l *list) idOf(i int) string {
	if l.many != nil {
		return l.many.id(i)
	}
	return l.rows[i].id
}

func (l *list) setFilter(s string) {
	id := l.selectedID()
	l.filter = s
	l.refilter(id)
}

// selected returns the index of the selected row, -1 when none is shown.
func (l *list) selected() int {
	if l.at < 0 || l.at >= len(l.shown) {
		return -1
	}
	return l.shown[l.at]
}

// choose selects the row with an index of rows, if it is shown.
func (l *list) choose(i int) {
	for at, s := range l.shown {
		if s == i {
			l.at = at
			l.reveal()
			return
		}
	}
}

// move moves the selection by n rows and stops at the ends.
func (l *list) move(n int) {
	l.at += n
	l.reveal()
}

// resize sets how many rows can be drawn.
func (l *list) resize(height int) {
	l.height = max(height, 0)
	l.reveal()
}

// reveal keeps the selection in range and in sight.
func (l *list) reveal() {
	l.at = max(0, min(l.at, len(l.shown)-1))
	h := max(l.height, 1)
	l.offset = max(l.at-h+1, min(l.offset, l.at, max(0, len(l.shown)-h)))
	l.offset = max(l.offset, 0)
}

// label is the list's title with how many rows there are and are shown.
func (l *list) label() string {
	switch {
	case l.filter != "":
		return l.title + " " + itoa(len(l.shown)) + "/" + itoa(l.count()) + " with “" + l.filter + "”"
	case l.count() > 0:
		return l.title + " " + itoa(min(l.at+1, l.count())) + " of " + itoa(l.count())
	}
	return l.title
}

// headings returns how many headings the shown rows have.
func (l *list) headings() int {
	n := 0
	if l.many != nil {
		return 0
	}
	for i := range l.shown {
		if l.heads(i) {
			n++
		}
	}
	return n
}

// heads reports whether a heading is due before the row at an index of shown.
func (l *list) heads(i int) bool {
	if l.many != nil {
		return false
	}
	group := l.rows[l.shown[i]].group
	return group != "" && (i == 0 || group != l.rows[l.shown[i-1]].group)
}

// grouped reports whether headings are drawn: only where every row is in sight
// with them, so that none of them costs a row.
func (l *list) grouped() bool {
	return len(l.shown) <= l.height && len(l.shown)+l.headings() <= l.height
}

// tall is how many lines the rows take with their headings.
func (l *list) tall() int { return l.count() + l.headings() }

// broad is how many cells the rows take when none of their cells is cut.
func (l *list) broad() int {
	if l.count() == 0 {
		return 0
	}
	return total(fit(l.cols, l.wide, 1<<20))
}

// rowAt returns the index of shown that is drawn on a line, -1 for none.
func (l *list) rowAt(line int) int {
	if line < 0 || line >= l.height {
		return -1
	}
	grouped := l.grouped()
	for i := l.offset; i < len(l.shown) && line >= 0; i++ {
		if grouped && l.heads(i) {
			line--
		}
		if line == 0 {
			return i
		}
		line--
	}
	return -1
}

// lines draws the list into w cells and at most h lines.
func (l *list) lines(w, h int, focused bool, t *theme) []string {
	if l.count() == 0 {
		return paragraph(l.empty, w, h, t)
	}
	if len(l.shown) == 0 {
		needle := safetext.Line(l.filter)
		return paragraph([]string{"Nothing matches “" + needle.String() + "”.", "Press esc to see all " + itoa(l.count()) + "."}, w, h, t)
	}
	widths := fit(l.cols, l.wide, w-2)
	var out []string
	if l.headed(h) {
		out = append(out, t.paint(explain.Faint, "  "+heading(l.cols, widths)))
		h--
	}
	grouped := l.grouped()
	for i := l.offset; i < len(l.shown) && i < l.offset+h; i++ {
		r := l.row(l.shown[i])
		if grouped && l.heads(i) {
			out = append(out, t.paint(explain.Faint, explain.Trim(safetext.Line(r.group), w, t.glyphs.More)))
		}
		switch {
		case i == l.at && focused:
			out = append(out, t.cursor.Render(t.mark+" "+pad(rowText(l.cols, widths, r, t), w-2)))
		case i == l.at:
			out = append(out, t.selected.Render(t.mark)+" "+rowPainted(l.cols, widths, r, l.filter, t))
		default:
			out = append(out, "  "+rowPainted(l.cols, widths, r, l.filter, t))
		}
	}
	return out
}

// headed reports whether the columns' titles are drawn in h lines.
func (l *list) headed(h int) bool {
	return h >= 5 && len(l.cols) > 0 && l.cols[len(l.cols)-1].title != ""
}

// paragraph wraps plain lines into w cells and at most h lines.
func paragraph(texts []string, w, h int, t *theme) []string {
	var out []string
	for _, s := range texts {
		for _, l := range explain.Wrap(safetext.Line(s), w) {
			out = append(out, t.paint(explain.Faint, l))
		}
	}
	return out[:min(len(out), max(h, 0))]
}
