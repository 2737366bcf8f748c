package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A scope is where a binding works. Bindings of one scope have no key in
// common, and those of a pane have none in common with everywhere.
type scope string

const (
	everywhere scope = "Everywhere"
	inLists    scope = "In a list"
	inTexts    scope = "In a text"
	inPopups   scope = "In a popup"
	inInput    scope = "While typing a filter or a search"
)

// scopes are in the order in which help shows them.
var scopes = []scope{everywhere, inLists, inTexts, inPopups, inInput}

// A binding is one thing that keys do. Dispatch, footer, help and docs/keys.md
// all come from it.
type binding struct {
	keys  []string // as tea.KeyPressMsg.String returns them
	show  string   // as help writes them, when it is not the keys themselves
	what  string   // what it does, for help
	brief string   // the same in a word or two, for the footer; "" to leave it out
	rank  int      // the footer shows low ranks first
	scope scope
	do    func(*root) tea.Cmd
	// why says why it does nothing now, "" when it works. nil always works.
	why func(*root) string
}

// label is how the keys are written.
func (b binding) label() string {
	if b.show != "" {
		return b.show
	}
	return strings.Join(b.keys, " ")
}

// bindings returns every key of the program.
func bindings() []binding {
	return []binding{
		{keys: []string{"q"}, what: "quit", brief: "quit", rank: 9, scope: everywhere, do: (*root).quit},
		{keys: []string{"ctrl+c"}, what: "quit at once, with exit status 130", scope: everywhere, do: (*root).interrupt},
		{keys: []string{"ctrl+z"}, what: "suspend", scope: everywhere, do: func(*root) tea.Cmd { return tea.Suspend }},
		{keys: []string{"?"}, what: "show every key", brief: "help", rank: 8, scope: everywhere, do: (*root).help},
		{keys: []string{"esc"}, what: "go back one step: popup, filter, full screen, reading, pane", brief: "back", rank: 2, scope: everywhere, do: (*root).back, why: (*root).whyNoBack},
		{keys: []string{"1"}, what: "Overview: what each flake asks for, and why it is used or not", scope: everywhere, do: goTo(0)},
		{keys: []string{"2"}, what: "Caches: every cache and key on this machine", scope: everywhere, do: goTo(1)},
		{keys: []string{"3"}, what: "Answers: every decision that Nix saved", scope: everywhere, do: goTo(2)},
		{keys: []string{"4"}, what: "Settings: what is in force, and which line set it", scope: everywhere, do: goTo(3)},
		{keys: []string{"!"}, what: "Findings: what is wrong or dangerous", scope: everywhere, do: goTo(4)},
		{keys: []string{"tab"}, what: "next pane", brief: "next pane", rank: 5, scope: everywhere, do: func(m *root) tea.Cmd { return m.turn(1) }},
		{keys: []string{"shift+tab"}, what: "previous pane", scope: everywhere, do: func(m *root) tea.Cmd { return m.turn(-1) }},
		{keys: []string{"r"}, what: "read everything again", scope: everywhere, do: (*root).refresh, why: (*root).whyNoRefresh},
		{keys: []string{"y"}, what: "copy the selected value", brief: "copy", rank: 4, scope: everywhere, do: (*root).copyValue, why: (*root).whyNoValue},
		{keys: []string{"Y"}, what: "copy the command or snippet of the first way out", brief: "copy fix", rank: 3, scope: everywhere, do: (*root).copyFix, why: (*root).whyNoFix},
		{keys: []string{"@"}, what: "show what was read, and how long it took", scope: everywhere, do: (*root).readLog},
		{keys: []string{"/"}, what: "filter a list, search a text", brief: "filter", rank: 2, scope: everywhere, do: (*root).startInput},

		{keys: []string{"enter", "right", "l"}, show: "enter → l", what: "open: the next pane, then the explanation on the full screen", brief: "open", rank: 1, scope: inLists, do: (*root).open},
		{keys: []string{"left", "h"}, show: "← h", what: "previous pane", scope: inLists, do: func(m *root) tea.Cmd { return m.left() }},
		{keys: []string{"down", "j"}, show: "↓ j", what: "down", scope: inLists, do: byRows(1)},
		{keys: []string{"up", "k"}, show: "↑ k", what: "up", scope: inLists, do: byRows(-1)},
		{keys: []string{"ctrl+d", "pgdown"}, what: "half a page down", scope: inLists, do: byHalf(1)},
		{keys: []string{"ctrl+u", "pgup"}, what: "half a page up", scope: inLists, do: byHalf(-1)},
		{keys: []string{"g", "home"}, what: "first row", scope: inLists, do: byRows(-1 << 30)},
		{keys: []string{"G", "end"}, what: "last row", scope: inLists, do: byRows(1 << 30)},

		{keys: []string{"enter"}, what: "full screen, and back", brief: "full screen", rank: 1, scope: inTexts, do: (*root).zoom},
		{keys: []string{"left", "h"}, show: "← h", what: "back to the list", scope: inTexts, do: func(m *root) tea.Cmd { return m.left() }},
		{keys: []string{"down", "j"}, show: "↓ j", what: "down", scope: inTexts, do: byRows(1)},
		{keys: []string{"up", "k"}, show: "↑ k", what: "up", scope: inTexts, do: byRows(-1)},
		{keys: []string{"ctrl+d", "pgdown", "space"}, what: "half a page down", scope: inTexts, do: byHalf(1)},
		{keys: []string{"ctrl+u", "pgup"}, what: "half a page up", scope: inTexts, do: byHalf(-1)},
		{keys: []string{"g", "home"}, what: "start", scope: inTexts, do: byRows(-1 << 30)},
		{keys: []string{"G", "end"}, what: "end", scope: inTexts, do: byRows(1 << 30)},
		{keys: []string{"n"}, what: "next place that the search found", scope: inTexts, do: byHits(1), why: (*root).whyNoHit},
		{keys: []string{"N"}, what: "previous place that the search found", scope: inTexts, do: byHits(-1), why: (*root).whyNoHit},

		{keys: []string{"esc", "q", "enter", "?", "@"}, what: "close", brief: "close", rank: 1, scope: inPopups, do: (*root).closePopup},
		{keys: []string{"ctrl+c"}, what: "quit at once, with exit status 130", scope: inPopups, do: (*root).interrupt},
		{keys: []string{"ctrl+z"}, what: "suspend", scope: inPopups, do: func(*root) tea.Cmd { return tea.Suspend }},
		{keys: []string{"j", "down"}, show: "↓ j", what: "down", brief: "scroll", rank: 2, scope: inPopups, do: byRows(1)},
		{keys: []string{"up", "k"}, show: "↑ k", what: "up", scope: inPopups, do: byRows(-1)},
		{keys: []string{"ctrl+d", "pgdown", "space"}, what: "half a page down", scope: inPopups, do: byHalf(1)},
		{keys: []string{"ctrl+u", "pgup"}, what: "half a page up", scope: inPopups, do: byHalf(-1)},
		{keys: []string{"g", "home"}, what: "start", scope: inPopups, do: byRows(-1 << 30)},
		{keys: []string{"G", "end"}, what: "end", scope: inPopups, do: byRows(1 << 30)},

		{keys: []string{"enter"}, what: "keep it", brief: "keep", rank: 1, scope: inInput, do: (*root).keepInput},
		{keys: []string{"esc"}, what: "drop it", brief: "drop", rank: 2, scope: inInput, do: (*root).dropInput},
		{keys: []string{"backspace", "ctrl+h"}, what: "delete a character", scope: inInput, do: (*root).eraseChar},
		{keys: []string{"ctrl+w"}, what: "delete a word", scope: inInput, do: (*root).eraseWord},
		{keys: []string{"ctrl+u"}, what: "delete all", scope: inInput, do: (*root).eraseAll},
		{keys: []string{"ctrl+c"}, what: "quit at once, with exit status 130", scope: inInput, do: (*root).interrupt},
	}
}

// scopesNow returns the scopes whose bindings work now, the narrowest first.
func (m *root) scopesNow() []scope {
	switch {
	case m.input != nil:
		return []scope{inInput}
	case m.popup != nil:
		return []scope{inPopups}
	case m.view.report == nil:
		return []scope{everywhere}
	case m.screen().board().onDetail():
		return []scope{inTexts, everywhere}
	}
	return []scope{inLists, everywhere}
}

// lookup returns the binding of a key in the scopes that work now.
func (m *root) lookup(key string) (binding, bool) {
	for _, sc := range m.scopesNow() {
		for _, b := range bindings() {
			if b.scope != sc {
				continue
			}
			for _, k := range b.keys {
				if k == key {
					return b, true
				}
			}
		}
	}
	return binding{}, false
}

// keyTable is every key as a page in Markdown, as docs/keys.md has it.
func keyTable() string {
	var b strings.Builder
	b.WriteString("# Keys\n\nMade from the program's own table of bindings; a test keeps it true.\n")
	for _, sc := range scopes {
		b.WriteString("\n## " + string(sc) + "\n\n| key | what it does |\n|---|---|\n")
		for _, bind := range bindings() {
			if bind.scope == sc {
				b.WriteString("| `" + strings.Join(bind.keys, "` `") + "` | " + bind.what + " |\n")
			}
		}
	}
	return b.String()
}
