package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// A scope is where a binding works. Bindings of one scope have no key in
// common, and those of a pane have none in common with everywhere.
type scope string

const (
	everywhere scope = "Everywhere"
	inLists    scope = "In a list"
	inTexts    scope = "In a text"
	onCache    scope = "On a cache: Overview and Caches"
	onCaches   scope = "On the Caches screen"
	onLocks    scope = "On the Locks screen"
	onGrants   scope = "On the Grants screen"
	onStore    scope = "On the Store screen"
	inChanges  scope = "To change something: each shows first what it would do"
	inPopups   scope = "In a popup"
	inQuestion scope = "In a question"
	inInput    scope = "While typing a filter or a search"
)

// scopes are in the order in which help shows them.
var scopes = []scope{everywhere, inLists, inTexts, onCache, onCaches, onLocks, onGrants, onStore, inChanges, inPopups, inQuestion, inInput}

// A binding is one thing that keys do. Dispatch, footer, help and docs/keys.md
// all come from it.
type binding struct {
	key.Binding        // its help says how the keys are written, and what they do
	brief       string // the same in a word or two, for the footer; "" to leave it out
	rank        int    // the footer shows low ranks first
	lead        string // the screen on which it is one of the first
	scope       scope
	do          func(*root) tea.Cmd
	// why says why it does nothing now, "" when it works. nil always works.
	why func(*root) string
}

// on binds keys, named as tea.KeyPressMsg.String names them, to what they do.
func on(what string, keys ...string) key.Binding {
	written := make([]string, len(keys))
	for i, k := range keys {
		written[i] = k
		if arrow := arrows[k]; arrow != "" {
			written[i] = arrow
		}
	}
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(strings.Join(written, " "), what))
}

// arrows are how help writes the keys that have one on them.
var arrows = map[string]string{"up": "↑", "down": "↓", "left": "←", "right": "→"}

// bindings returns every key of the program.
func bindings() []binding {
	return []binding{
		{Binding: on("quit", "q"), brief: "quit", rank: 9, scope: everywhere, do: (*root).quit},
		{Binding: on("quit at once, with exit status 130", "ctrl+c"), scope: everywhere, do: (*root).interrupt},
		{Binding: on("suspend", "ctrl+z"), scope: everywhere, do: func(*root) tea.Cmd { return tea.Suspend }},
		{Binding: on("show every key", "?"), brief: "help", rank: 8, scope: everywhere, do: (*root).help},
		{Binding: on("go back one step: popup, filter, full screen, reading or task, pane, page", "esc"), brief: "back", rank: 2, scope: everywhere, do: (*root).back, why: (*root).whyNoBack},
		{Binding: on("Overview: what each flake asks for, and why it is used or not", "1"), scope: everywhere, do: goTo(0)},
		{Binding: on("Caches: every cache and key on this machine", "2"), scope: everywhere, do: goTo(1)},
		{Binding: on("Answers: every decision that Nix saved", "3"), scope: everywhere, do: goTo(2)},
		{Binding: on("Settings: what is in force, and which line set it", "4"), scope: everywhere, do: goTo(3)},
		{Binding: on("Locks: what is pinned for each flake, and whether it still holds", "5"), scope: everywhere, do: goTo(4)},
		{Binding: on("Grants and gate: what was granted, whether it still counts, and who serves it", "6"), scope: everywhere, do: goTo(5)},
		{Binding: on("Journal: every change that was made with this program", "7"), scope: everywhere, do: goTo(6)},
		{Binding: on("Store: what vouches for what is in it, and what rests on one key", "8"), scope: everywhere, do: goTo(7)},
		{Binding: on("Findings: what is wrong or dangerous", "!"), scope: everywhere, do: goTo(8)},
		{Binding: on("next pane", "tab"), brief: "next pane", rank: 5, scope: everywhere, do: func(m *root) tea.Cmd { return m.turn(1) }, why: (*root).whyNoPane},
		{Binding: on("previous pane", "shift+tab"), scope: everywhere, do: func(m *root) tea.Cmd { return m.turn(-1) }, why: (*root).whyNoPane},
		{Binding: on("read everything again", "r"), scope: everywhere, do: (*root).refresh, why: (*root).whyNoRefresh},
		{Binding: on("copy the selected value", "y"), brief: "copy", rank: 4, scope: everywhere, do: (*root).copyValue, why: (*root).whyNoValue},
		{Binding: on("copy the command or snippet of the first way out", "Y"), brief: "copy fix", rank: 3, scope: everywhere, do: (*root).copyFix, why: (*root).whyNoFix},
		{Binding: on("show what was read and changed, and how long it took", "@"), scope: everywhere, do: (*root).readLog},
		{Binding: on("filter a list, search a text", "/"), brief: "filter", rank: 2, scope: everywhere, do: (*root).startInput, why: (*root).whyNoInput},

		{Binding: on("open: the next pane, then the explanation on the full screen", "enter", "right", "l"), brief: "open", rank: 1, scope: inLists, do: (*root).open, why: (*root).whyNoOpen},
		{Binding: on("previous pane", "left", "h"), scope: inLists, do: func(m *root) tea.Cmd { return m.left() }},
		{Binding: on("down", "down", "j"), scope: inLists, do: byRows(1)},
		{Binding: on("up", "up", "k"), scope: inLists, do: byRows(-1)},
		{Binding: on("half a page down", "ctrl+d", "pgdown"), scope: inLists, do: byHalf(1)},
		{Binding: on("half a page up", "ctrl+u", "pgup"), scope: inLists, do: byHalf(-1)},
		{Binding: on("first row", "g", "home"), scope: inLists, do: byRows(-1 << 30)},
		{Binding: on("last row", "G", "end"), scope: inLists, do: byRows(1 << 30)},

		{Binding: on("full screen, and back", "enter"), brief: "full screen", rank: 1, scope: inTexts, do: (*root).zoom},
		{Binding: on("back to the list", "left", "h"), scope: inTexts, do: func(m *root) tea.Cmd { return m.left() }},
		{Binding: on("down", "down", "j"), scope: inTexts, do: byRows(1)},
		{Binding: on("up", "up", "k"), scope: inTexts, do: byRows(-1)},
		{Binding: on("half a page down", "ctrl+d", "pgdown", "space"), scope: inTexts, do: byHalf(1)},
		{Binding: on("half a page up", "ctrl+u", "pgup"), scope: inTexts, do: byHalf(-1)},
		{Binding: on("start", "g", "home"), scope: inTexts, do: byRows(-1 << 30)},
		{Binding: on("end", "G", "end"), scope: inTexts, do: byRows(1 << 30)},
		{Binding: on("next place that the search found", "n"), scope: inTexts, do: byHits(1), why: (*root).whyNoHit},
		{Binding: on("previous place that the search found", "N"), scope: inTexts, do: byHits(-1), why: (*root).whyNoHit},

		{Binding: on("diagnose: why this cache is not used for this flake, or that it is; asks the cache, after a question", "d"), brief: "diagnose", rank: 3, scope: onCache, do: (*root).askDiagnosis, why: (*root).whyNoDiagnosis},
		{Binding: on("diagnose for a store path that does not come", "D"), scope: onCache, do: (*root).typePath, why: (*root).whyNoDiagnosis},

		{Binding: on("probe the selected cache: how it answers, and how fast, after a question", "p"), brief: "probe", rank: 2, scope: onCaches, do: (*root).askProbeOne, why: (*root).whyNoProbeOne},
		{Binding: on("probe every cache in effect, after a question", "a"), brief: "probe all", rank: 4, scope: onCaches, do: (*root).askProbeAll, why: (*root).whyNoProbeAll},
		{Binding: on("the Store screen, at the key: what came by it, and what rests on it alone", "S"), brief: "store", rank: 6, scope: onCaches, do: (*root).toStore, why: (*root).whyNoKeyHere},

		{Binding: on("check whether the flake moved on: evaluates it with your nix, offline", "c"), brief: "check", rank: 3, scope: onLocks, do: onLock(checkLock), why: (*root).whyNoTask},
		{Binding: on("verify: ask the caches what they have, after a question", "v"), brief: "verify", rank: 2, scope: onLocks, do: onLock(askVerify), why: (*root).whyNoTask},
		{Binding: on("what changed since the version that git's HEAD has", "d"), brief: "diff", rank: 3, scope: onLocks, do: onLock(compareLock), why: (*root).whyNoTask},
		{Binding: on("what changed since the lock in another file", "D"), scope: onLocks, do: onLock(typeOther), why: (*root).whyNoTask},
		{Binding: on("challenge: ask the caches what the selected path is, or all that are not as pinned", "x"), brief: "challenge", rank: 4, scope: onLocks, do: onLock(askChallenge), why: (*root).whyNoChallenge},
		{Binding: on("next page: contents, pins, changes, challenge", "p"), brief: "page", rank: 4, scope: onLocks, do: onLock(turnPage), why: (*root).whyNoLock},

		{Binding: on("fetch what the grant pins, through the gate, after a question", "f"), brief: "fetch", rank: 2, scope: onGrants, do: (*root).askFetch, why: (*root).whyNoFetch},

		{Binding: on("sort the list in the next way", "s"), brief: "sort", rank: 3, scope: onStore, do: (*root).sortStore, why: (*root).whyNoSort},
		{Binding: on("the Caches screen, at a cache of the selected key", "c"), brief: "cache", rank: 4, scope: onStore, do: (*root).toCache, why: (*root).whyNoCacheOf},

		{Binding: on("forget the saved answer, or each that has the cache or key: Nix asks again", "f"), brief: "forget", rank: 3, lead: "Answers", scope: inChanges, do: changing(Forget), why: whyNo(Forget)},
		{Binding: on("forget every answer that no known flake asks for", "F"), scope: inChanges, do: changing(Orphans), why: whyNo(Orphans)},
		{Binding: on("save a yes: to the answer, or to the caches that the flake asks for", "+"), brief: "yes", rank: 4, scope: inChanges, do: changing(AnswerYes), why: whyNo(AnswerYes)},
		{Binding: on("save a no: to the answer, or to all that the flake asks for", "-"), brief: "no", rank: 4, scope: inChanges, do: changing(AnswerNo), why: whyNo(AnswerNo)},
		{Binding: on("trust what the flake's lock pins, from its caches, and nothing else", "t"), brief: "grant", rank: 5, lead: "Overview", scope: inChanges, do: changing(Grant), why: whyNo(Grant)},
		{Binding: on("block the flake: nothing that it offers can be granted", "b"), scope: inChanges, do: changing(Deny), why: whyNo(Deny)},
		{Binding: on("revoke the grant, or take the denial back", "R"), brief: "revoke", rank: 6, lead: "Grants", scope: inChanges, do: changing(Revoke), why: whyNo(Revoke)},
		{Binding: on("drop the grants that have expired, and those whose flake is gone", "P"), scope: inChanges, do: changing(Prune), why: whyNo(Prune)},
		{Binding: on("undo: the selected change of the Journal, elsewhere the latest one", "z"), brief: "undo", rank: 6, lead: "Journal", scope: inChanges, do: changing(Undo), why: whyNo(Undo)},

		{Binding: on("close", "esc", "q", "enter", "?", "@"), brief: "close", rank: 1, scope: inPopups, do: (*root).closePopup},
		{Binding: on("quit at once, with exit status 130", "ctrl+c"), scope: inPopups, do: (*root).interrupt},
		{Binding: on("suspend", "ctrl+z"), scope: inPopups, do: func(*root) tea.Cmd { return tea.Suspend }},
		{Binding: on("down", "j", "down"), brief: "scroll", rank: 2, scope: inPopups, do: byRows(1)},
		{Binding: on("up", "up", "k"), scope: inPopups, do: byRows(-1)},
		{Binding: on("half a page down", "ctrl+d", "pgdown", "space"), scope: inPopups, do: byHalf(1)},
		{Binding: on("half a page up", "ctrl+u", "pgup"), scope: inPopups, do: byHalf(-1)},
		{Binding: on("start", "g", "home"), scope: inPopups, do: byRows(-1 << 30)},
		{Binding: on("end", "G", "end"), scope: inPopups, do: byRows(1 << 30)},

		{Binding: on("no: nothing is asked of anybody, and nothing is changed", "n", "esc", "q"), brief: "no", rank: 1, scope: inQuestion, do: (*root).sayNo},
		{Binding: on("yes, once the end of the text was in sight; what widens trust has to be typed then", "y"), brief: "yes", rank: 2, scope: inQuestion, do: (*root).sayYes, why: (*root).whyNoYes},
		{Binding: on("the answer that is chosen: no at first", "enter"), scope: inQuestion, do: (*root).answer},
		{Binding: on("choose the other answer", "tab", "shift+tab", "left", "right", "h", "l"), brief: "choose", rank: 4, scope: inQuestion, do: (*root).choose},
		{Binding: on("copy the first command to run yourself", "Y"), brief: "copy command", rank: 3, scope: inQuestion, do: (*root).copyCommands, why: (*root).whyNoCommands},
		{Binding: on("read the contents, too, or not", "c"), brief: "contents", rank: 3, scope: inQuestion, do: (*root).toggle, why: (*root).whyNoToggle},
		{Binding: on("down", "j", "down"), scope: inQuestion, do: byRows(1)},
		{Binding: on("up", "up", "k"), scope: inQuestion, do: byRows(-1)},
		{Binding: on("half a page down", "space", "ctrl+d", "pgdown"), brief: "more", rank: 2, scope: inQuestion, do: byHalf(1), why: (*root).whyNoMore},
		{Binding: on("half a page up", "ctrl+u", "pgup"), scope: inQuestion, do: byHalf(-1)},
		{Binding: on("start", "g", "home"), scope: inQuestion, do: byRows(-1 << 30)},
		{Binding: on("end", "G", "end"), scope: inQuestion, do: byRows(1 << 30)},
		{Binding: on("quit at once, with exit status 130", "ctrl+c"), scope: inQuestion, do: (*root).interrupt},
		{Binding: on("suspend", "ctrl+z"), scope: inQuestion, do: func(*root) tea.Cmd { return tea.Suspend }},

		{Binding: on("keep it", "enter"), brief: "keep", rank: 1, scope: inInput, do: (*root).keepInput},
		{Binding: on("drop it", "esc"), brief: "drop", rank: 2, scope: inInput, do: (*root).dropInput},
		{Binding: on("move left", "left", "ctrl+b"), scope: inInput, do: editing(func(in *input) { in.moveTo(in.at - 1) })},
		{Binding: on("move right", "right", "ctrl+f"), scope: inInput, do: editing(func(in *input) { in.moveTo(in.at + 1) })},
		{Binding: on("move to the start", "home", "ctrl+a"), scope: inInput, do: editing(func(in *input) { in.moveTo(0) })},
		{Binding: on("move to the end", "end", "ctrl+e"), scope: inInput, do: editing(func(in *input) { in.moveTo(len(in.text)) })},
		{Binding: on("delete a character", "backspace", "ctrl+h"), scope: inInput, do: editing(func(in *input) { in.erase(in.at - 1) })},
		{Binding: on("delete the next character", "delete", "ctrl+d"), scope: inInput, do: editing(func(in *input) { in.erase(in.at + 1) })},
		{Binding: on("delete a word", "ctrl+w", "alt+backspace"), scope: inInput, do: editing(func(in *input) { in.erase(in.word()) })},
		{Binding: on("delete to the start", "ctrl+u"), scope: inInput, do: editing(func(in *input) { in.erase(0) })},
		{Binding: on("delete to the end", "ctrl+k"), scope: inInput, do: editing(func(in *input) { in.erase(len(in.text)) })},
		{Binding: on("quit at once, with exit status 130", "ctrl+c"), scope: inInput, do: (*root).interrupt},
	}
}

// scopesNow returns the scopes whose bindings work now, the narrowest first.
func (m *root) scopesNow() []scope {
	switch {
	case m.input != nil:
		return []scope{inInput}
	case m.question != nil:
		return []scope{inQuestion}
	case m.popup != nil:
		return []scope{inPopups}
	case m.view.report == nil:
		return []scope{everywhere}
	}
	now := []scope{inLists, inChanges, everywhere}
	if m.screen().board().onDetail() {
		now[0] = inTexts
	}
	if _, ok := m.screen().(complainer); ok {
		now = append([]scope{onCache}, now...)
	}
	if m.screen() == m.caches {
		now = append([]scope{onCaches}, now...)
	}
	if m.screen() == m.locks {
		now = append([]scope{onLocks}, now...)
	}
	if m.screen() == m.grants {
		now = append([]scope{onGrants}, now...)
	}
	if m.screen() == m.store {
		now = append([]scope{onStore}, now...)
	}
	return now
}

// lookup returns the binding of a key in the scopes that work now.
func (m *root) lookup(pressed fmt.Stringer) (binding, bool) {
	for _, sc := range m.scopesNow() {
		for _, b := range m.keys {
			if b.scope == sc && key.Matches(pressed, b.Binding) {
				return b, true
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
				b.WriteString("| `" + strings.Join(bind.Keys(), "` `") + "` | " + bind.Help().Desc + " |\n")
			}
		}
	}
	return b.String()
}
