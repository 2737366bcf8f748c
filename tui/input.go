package tui

import (
	"cmp"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// An input is a filter or a search being typed. bubbles/textinput is not used
// for it: it comes with a package that looks for clipboard programs in PATH at
// every start, and runs them.
type input struct {
	text   []rune
	at     int   // the cursor is before this rune
	list   *list // what it filters, nil for a search
	detail *text // what it searches
	before string
	// submit takes the text when it is kept, instead of a filter or a search;
	// prompt says what it is.
	submit func(m *root, text string) tea.Cmd
	prompt string
	byHand bool   // nothing can be pasted
	note   string // is said instead of which keys there are
}

// longestInput is how many characters can be typed.
const longestInput = 300

func (m *root) startInput() tea.Cmd {
	b := m.screen().board()
	in := &input{list: b.list(), detail: b.detail, before: b.detail.search}
	if in.list != nil {
		in.detail, in.before = nil, in.list.filter
	}
	in.text = []rune(in.before)
	in.at = len(in.text)
	m.input = in
	m.toast = nil
	return nil
}

func (m *root) whyNoInput() string {
	if m.view.report == nil {
		return "Nothing was read yet."
	}
	if l := m.screen().board().list(); l != nil && l.count() == 0 {
		return "There is nothing here to filter."
	}
	return ""
}

// typed adds characters at the cursor. What cannot be seen is left out.
func (in *input) typed(s string) {
	in.note = ""
	var fresh []rune
	for _, r := range s {
		if safetext.Exact(string(r)) && r != '\n' {
			fresh = append(fresh, r)
		}
	}
	if len(in.text)+len(fresh) > longestInput {
		return
	}
	in.text = append(in.text[:in.at:in.at], append(fresh, in.text[in.at:]...)...)
	in.at += len(fresh)
	in.apply()
}

// apply filters or searches for the text.
func (in *input) apply() {
	if in.submit != nil {
		return
	}
	if in.list != nil {
		in.list.setFilter(string(in.text))
		return
	}
	in.detail.find(string(in.text))
	in.detail.next(0)
}

func (in *input) moveTo(i int) { in.at = max(0, min(i, len(in.text))) }

// erase deletes what lies between the cursor and a place.
func (in *input) erase(to int) {
	from := in.at
	in.moveTo(to)
	from, to = min(from, in.at), max(from, in.at)
	in.text = append(in.text[:from:from], in.text[to:]...)
	in.at = from
	in.apply()
}

// word returns the start of the word before the cursor.
func (in *input) word() int {
	i := in.at
	for i > 0 && in.text[i-1] == ' ' {
		i--
	}
	for i > 0 && in.text[i-1] != ' ' {
		i--
	}
	return i
}

func editing(do func(*input)) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd {
		do(m.input)
		return nil
	}
}

func (m *root) keepInput() tea.Cmd {
	in := m.input
	m.input = nil
	if in.submit != nil {
		return in.submit(m, string(in.text))
	}
	return nil
}

// dropInput goes back to what was there before the typing, and a second time
// to nothing.
func (m *root) dropInput() tea.Cmd {
	in := m.input
	if string(in.text) == in.before {
		in.before = ""
	}
	in.text = []rune(in.before)
	in.apply()
	m.input = nil
	return nil
}

// count says how much the text finds.
func (in *input) count() string {
	switch {
	case in.submit != nil:
		return ""
	case in.list != nil:
		return itoa(len(in.list.shown)) + "/" + itoa(in.list.count())
	}
	return itoa(len(in.detail.hits)) + " found"
}

// inputLine draws the text with its cursor, and how much it finds.
func (m *root) inputLine() string {
	t, in := m.view.theme, m.input
	keys := "enter keep  esc drop"
	if in.submit != nil {
		keys = "enter go on  esc cancel"
	}
	hint := strings.TrimSpace(in.count() + "  " + keys)
	if m.w < 60 {
		hint = in.count()
	}
	hint = cmp.Or(in.note, hint)
	prompt := cmp.Or(in.prompt, "/")
	room := m.w - len(hint) - len(prompt) - 4
	before, under, after := safetext.Line(string(in.text[:in.at])), " ", ""
	if in.at < len(in.text) {
		under = safetext.Line(string(in.text[in.at])).String()
		after = safetext.Line(string(in.text[in.at+1:])).String()
	}
	shown := before.String()
	if before.Width() > room {
		shown = t.glyphs.More + ansi.TruncateLeft(shown, before.Width()-room+ansi.StringWidth(t.glyphs.More), "")
	}
	left := t.key.Render(prompt) + " " + shown + t.cursor.Render(under)
	left += ansi.Truncate(after, max(0, m.w-ansi.StringWidth(left)-len(hint)-1), "")
	return pad(left+strings.Repeat(" ", max(0, m.w-ansi.StringWidth(left)-len(hint)))+t.paint(explain.Faint, hint), m.w)
}
