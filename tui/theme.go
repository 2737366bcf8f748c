package tui

import (
	"image/color"

	"charm.land/bubbles/v2/spinner"
	"charm.land/lipgloss/v2"

	"github.com/nix-trust/nix-trust/tui/explain"
)

// A theme has a style for each thing that is drawn. Its colours are the
// terminal's own sixteen, so that a user's palette wins. Whatever a colour says
// is also said by a glyph, a word or a shape.
type theme struct {
	glyphs explain.Glyphs
	roles  map[explain.Role]lipgloss.Style

	cursor   lipgloss.Style // the selected row of the focused pane
	selected lipgloss.Style // the selected row of another pane
	match    lipgloss.Style // what a filter or a search found
	stale    lipgloss.Style // data that may no longer be true
	border   lipgloss.Style
	focus    lipgloss.Style // the focused pane's border
	title    lipgloss.Style
	brand    lipgloss.Style
	demo     lipgloss.Style
	tab      lipgloss.Style // the active tab
	key      lipgloss.Style

	mark     string // before the selected row
	box      box
	focusBox box
	spinner  spinner.Spinner
	bar      string // between facts of one line
	full     string // a part of a progress bar that is done
	rest     string // and one that is not
	shared   string // a part of a share that does not stand by itself
	coarse   bool   // there are no parts of a cell
}

// A box is the characters of a pane's frame.
type box struct{ h, v, tl, tr, bl, br string }

func newTheme(dark, ascii bool) *theme {
	pick := lipgloss.LightDark(dark)
	c := func(light, dark string) color.Color { return pick(lipgloss.Color(light), lipgloss.Color(dark)) }
	st := lipgloss.NewStyle
	t := &theme{
		glyphs: explain.Unicode(),
		roles: map[explain.Role]lipgloss.Style{
			explain.Plain:   st(),
			explain.Strong:  st().Bold(true),
			explain.Faint:   st().Faint(true),
			explain.Good:    st().Foreground(c("2", "10")),
			explain.Bad:     st().Foreground(c("1", "9")).Bold(true),
			explain.Unsure:  st().Foreground(c("5", "13")).Bold(true),
			explain.Caution: st().Foreground(c("3", "11")),
			explain.Danger:  st().Foreground(c("1", "9")).Bold(true),
			explain.Command: st().Foreground(c("6", "14")),
			explain.Quote:   st().Italic(true),
			explain.Place:   st().Foreground(c("4", "12")),
		},
		cursor:   st().Reverse(true),
		selected: st().Bold(true),
		match:    st().Reverse(true).Bold(true),
		stale:    st().Faint(true),
		border:   st().Faint(true),
		focus:    st().Foreground(c("4", "12")).Bold(true),
		title:    st().Bold(true),
		brand:    st().Bold(true),
		demo:     st().Reverse(true).Bold(true),
		tab:      st().Bold(true).Underline(true),
		key:      st().Bold(true),
		mark:     "▸",
		box:      box{"─", "│", "╭", "╮", "╰", "╯"},
		focusBox: box{"━", "┃", "┏", "┓", "┗", "┛"},
		spinner:  spinner.MiniDot,
		bar:      "│",
		full:     "█",
		rest:     "░",
		shared:   "▒",
	}
	if ascii {
		t.glyphs = explain.ASCII()
		t.mark = ">"
		t.box = box{"-", "|", "+", "+", "+", "+"}
		t.focusBox = box{"=", "#", "#", "#", "#", "#"}
		t.spinner = spinner.Line
		t.bar = "|"
		t.full, t.rest, t.shared, t.coarse = "#", ".", "=", true
	}
	return t
}

// paint colours a piece of text for its role.
func (t *theme) paint(r explain.Role, s string) string {
	if s == "" || r == explain.Plain {
		return s
	}
	return t.roles[r].Render(s)
}
