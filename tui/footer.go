package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
)

// footer draws the last line: what is typed, a toast, or the keys.
func (m *root) footer() string {
	t := m.view.theme
	switch {
	case m.input != nil:
		return m.inputLine()
	case m.toast != nil:
		return pad(t.paint(m.toast.role, explain.Trim(m.toast.text, m.w, t.glyphs.More)), m.w)
	}
	var keys []binding
	for _, sc := range m.scopesNow() {
		for _, b := range m.keys {
			if b.scope == sc && b.brief != "" && (b.why == nil || b.why(m) == "") {
				keys = append(keys, b)
			}
		}
	}
	rank := func(b binding) int {
		if b.lead != "" && b.lead == m.screen().name() {
			return min(b.rank, 1)
		}
		return b.rank
	}
	slices.SortStableFunc(keys, func(a, b binding) int { return rank(a) - rank(b) })
	// Help and quit are always there; the others while there is room.
	const most, always = 6, 8
	room := m.w
	for _, b := range keys {
		if b.rank >= always {
			room -= ansi.StringWidth(m.keyHint(b)) + 3
		}
	}
	var parts []string
	for _, b := range keys {
		hint := m.keyHint(b)
		if b.rank < always {
			if w := ansi.StringWidth(hint) + 3; w > room || len(parts) >= most-2 {
				continue
			} else {
				room -= w
			}
		}
		parts = append(parts, hint)
	}
	return pad(strings.Join(parts, t.paint(explain.Faint, " "+t.bar+" ")), m.w)
}

func (m *root) keyHint(b binding) string {
	what := b.brief
	switch board := m.screen().board(); {
	case m.question != nil && m.question.no != "" && what == "no":
		what = "cancel"
	case m.question != nil && m.question.no != "" && what == "yes":
		what = "make it"
	case what == "filter" && board.onDetail():
		what = "search"
	case what == "full screen" && board.zoom:
		what = "panes"
	}
	return m.view.theme.key.Render(b.Keys()[0]) + " " + m.view.theme.paint(explain.Faint, what)
}
