package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A toast is a short message in the footer that goes away by itself.
type toast struct {
	id   int
	role explain.Role
	text safetext.S
}

// toastMsg says that a toast's time is over.
type toastMsg struct{ id int }

func (m *root) say(role explain.Role, text safetext.S) tea.Cmd {
	m.toasts++
	id := m.toasts
	m.toast = &toast{id: id, role: role, text: text}
	return tea.Tick(toastFor, func(time.Time) tea.Msg { return toastMsg{id} })
}

// copied puts a text on the terminal's clipboard and shows it, for terminals
// that take no clipboard from a program. What a reader would not see is not
// copied, nor more lines than they expect: it may be pasted into a shell.
func (m *root) copied(what, text string, lines bool) tea.Cmd {
	if !safetext.Exact(text) || !lines && strings.Contains(text, "\n") {
		return m.say(explain.Danger, safetext.Line("Not copied: the "+what+" has characters that cannot be seen."))
	}
	first := safetext.Block(safetext.Redact(text))
	shown := safetext.Line("(empty)")
	if len(first) > 0 {
		shown = first[0]
	}
	if len(first) > 1 {
		shown = safetext.Join(shown, safetext.Line("(and "+itoa(len(first)-1)+" more lines)"))
	}
	return tea.Batch(tea.SetClipboard(text), m.say(explain.Good, safetext.Join(safetext.Line("copied the "+what+":"), shown)))
}
