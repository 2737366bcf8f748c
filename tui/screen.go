package tui

import (
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// A screen shows one side of a report. It is not a tea.Model: the root tells it
// what happened.
type screen interface {
	// name is shown in the tabs.
	name() string
	board() *board
	// load takes a new report. It keeps selections.
	load(v *view)
	// follow brings what depends on the selections up to date.
	follow()
	// value returns what `y` copies, and what to call it; "" for nothing.
	value() (what, text string)
	// fixes returns the ways out of what is selected.
	fixes() []trust.Fix
}

// A view is a report and how it is drawn. Screens share it.
type view struct {
	report *trust.Report
	theme  *theme
	home   string
	brief  bool // the detail shares the screen with lists
	now    func() time.Time
}

// time is when it is drawn, zero when that is not known.
func (v *view) time() time.Time {
	if v.now == nil {
		return time.Time{}
	}
	return v.now()
}

// style returns the style in which explanations are drawn at a width.
func (v *view) style(w int) explain.Style {
	return explain.Style{Width: w, Glyphs: v.theme.glyphs, Paint: v.theme.paint, Fit: true, Brief: v.brief, Home: v.home, Now: v.time()}
}

// command returns the first fix that has something to copy.
func command(fixes []trust.Fix) (trust.Fix, bool) {
	for _, f := range fixes {
		if f.Command != "" {
			return f, true
		}
	}
	return trust.Fix{}, false
}
