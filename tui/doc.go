package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A doc collects the painted lines of a detail.
type doc struct {
	*view
	w     int
	lines []string
}

func newDoc(v *view, w int) *doc { return &doc{view: v, w: w} }

// head adds the mark and the subject.
func (d *doc) head(m explain.Mark, subject safetext.S) {
	mark := m.String()
	n := ansi.StringWidth(mark) + 1
	for i, l := range explain.Wrap(subject, max(d.w-n, 8)) {
		lead := strings.Repeat(" ", min(n, d.w/2))
		if i == 0 {
			lead = d.theme.paint(m.Role, mark) + " "
		}
		d.lines = append(d.lines, lead+d.theme.paint(explain.Strong, l))
	}
}

// para adds wrapped text.
func (d *doc) para(role explain.Role, s safetext.S) { d.indented(2, role, s) }

// note adds wrapped text that belongs to the paragraph before it.
func (d *doc) note(role explain.Role, s safetext.S) { d.indented(4, role, s) }

func (d *doc) indented(n int, role explain.Role, s safetext.S) {
	for _, l := range explain.Wrap(s, max(d.w-n, 8)) {
		d.lines = append(d.lines, strings.Repeat(" ", n)+d.theme.paint(role, l))
	}
}

// field adds a label and a value.
func (d *doc) field(label string, value safetext.S) {
	d.fieldIn(explain.Plain, label, value)
}

func (d *doc) fieldIn(role explain.Role, label string, value safetext.S) {
	n := max(len(label), 10) + 3
	for i, l := range explain.Wrap(value, max(d.w-n, 8)) {
		lead := strings.Repeat(" ", n)
		if i == 0 {
			lead = "  " + d.theme.paint(explain.Faint, label) + strings.Repeat(" ", n-2-len(label))
		}
		d.lines = append(d.lines, lead+d.theme.paint(role, l))
	}
}

// title adds a heading.
func (d *doc) title(s string) {
	d.gap()
	for _, l := range explain.Wrap(safetext.Line(s), max(d.w, 8)) {
		d.lines = append(d.lines, d.theme.paint(explain.Strong, l))
	}
}

// alarm adds a warning.
func (d *doc) alarm(why safetext.S) {
	lead := "  " + d.theme.glyphs.Alarm + " "
	for _, l := range explain.Wrap(why, max(d.w-len(lead), 8)) {
		d.lines = append(d.lines, d.theme.paint(explain.Danger, lead+l))
		lead = strings.Repeat(" ", len(lead))
	}
}

func (d *doc) gap() {
	if n := len(d.lines); n > 0 && d.lines[n-1] != "" {
		d.lines = append(d.lines, "")
	}
}
