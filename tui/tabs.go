package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// A tabStyle is how much of the screens' names the tabs show.
type tabStyle struct {
	cut    int  // letters of a name; the active one is always whole
	spaced bool // space around each
	tight  bool // the brackets of the active one stand in place of spaces
	count  bool // "6 findings" in place of "6"
}

// tabStyles are tried in this order: the first that fits is taken.
var tabStyles = []tabStyle{
	{cut: whole, spaced: true, count: true}, {cut: whole, count: true}, {cut: whole}, {cut: whole, tight: true},
	{cut: 4}, {cut: 4, tight: true}, {cut: 3}, {cut: 3, tight: true}, {},
}

// whole is longer than any name.
const whole = 1 << 10

// A tab is the name of a screen as it is drawn, from its first cell to the one
// after its last.
type tab struct {
	text     string
	from, to int
}

// tabRow returns the tabs in the widest style that fits. Beside the standing of
// the user there is room for the keys alone.
func (m *root) tabRow() []tab {
	var out []tab
	for i, st := range tabStyles {
		if m.headRows() == 1 && i < len(tabStyles)-1 {
			continue
		}
		if out = m.tabsIn(st); out[len(out)-1].to <= m.w {
			break
		}
	}
	return out
}

func (m *root) tabsIn(st tabStyle) []tab {
	out := make([]tab, len(m.screens))
	x := 0
	for i, s := range m.screens {
		key, name := itoa(i+1), " "+s.name()
		switch _, ok := s.(*findings); {
		case ok:
			key, name = "!", ""
			if m.view.report != nil {
				n := len(m.view.report.Findings)
				if name = " " + itoa(n); st.count {
					name = " " + counted(n, "finding")
				}
			}
		case i != m.active && st.cut == 0:
			name = ""
		case i != m.active:
			name = name[:min(len(name), st.cut+1)]
		}
		label := key + name
		switch {
		case i == m.active:
			label = "[" + label + "]"
		case st.spaced:
			label = " " + label + " "
		}
		if i > 0 && (!st.tight || i != m.active && i-1 != m.active) {
			x++
		}
		out[i] = tab{label, x, x + ansi.StringWidth(label)}
		x = out[i].to
	}
	return out
}

// tabs draws the names of the screens and, when it is the only line of the
// header, who the user is to the daemon.
func (m *root) tabs(brief int) string {
	t := m.view.theme
	var b strings.Builder
	x := 0
	for i, tab := range m.tabRow() {
		l := tab.text
		switch {
		case i == m.active:
			l = t.tab.Render(l)
		case i == len(m.screens)-1 && m.worst() == trust.Danger:
			l = t.paint(explain.Bad, l)
		case i == len(m.screens)-1 && m.worst() == trust.Warn:
			l = t.paint(explain.Caution, l)
		default:
			l = t.paint(explain.Faint, l)
		}
		b.WriteString(strings.Repeat(" ", tab.from-x) + l)
		x = tab.to
	}
	left := b.String()
	room := m.w - ansi.StringWidth(left) - 1
	right := ""
	for ; brief > 0 && brief <= 3; brief++ {
		if right = m.standing(brief); ansi.StringWidth(right) <= room {
			break
		}
	}
	right = ansi.Truncate(right, max(room, 0), "")
	return pad(left+strings.Repeat(" ", max(0, m.w-ansi.StringWidth(left)-ansi.StringWidth(right)))+right, m.w)
}
