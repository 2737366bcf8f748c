package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// What the bindings do. None of them reads or writes anything.

func (m *root) quit() tea.Cmd { return m.leave() }

func (m *root) interrupt() tea.Cmd {
	m.interrupted = true
	return m.leave()
}

func goTo(i int) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd {
		m.active = i
		m.toast = nil
		return nil
	}
}

// turn moves the focus to another pane, around the end.
func (m *root) turn(n int) tea.Cmd {
	b := m.screen().board()
	if b.zoom {
		b.zoom = false
		b.focusOn(b.last)
		return nil
	}
	panes := len(b.lists) + 1
	b.focusOn(((b.focus+n)%panes + panes) % panes)
	return nil
}

func (m *root) whyNoPane() string {
	if m.view.report == nil {
		return "Nothing was read yet."
	}
	return ""
}

// focusOn moves the focus to a pane.
func (b *board) focusOn(i int) {
	b.focus = i
	if i < len(b.lists) {
		b.last = i
	}
}

// open goes one step closer to what is selected.
func (m *root) open() tea.Cmd {
	b := m.screen().board()
	if (b.shape == listBeside || b.steps) && b.focus+1 < len(b.lists) && b.lists[b.focus+1].count() > 0 {
		b.focusOn(b.focus + 1)
		return nil
	}
	b.zoom = true
	return nil
}

func (m *root) whyNoOpen() string {
	b := m.screen().board()
	if l := b.list(); l != nil && len(l.shown) == 0 && len(b.detail.lines) == 0 {
		return "There is nothing here to open."
	}
	return ""
}

func (m *root) zoom() tea.Cmd {
	b := m.screen().board()
	b.zoom = !b.zoom
	return nil
}

func (m *root) left() tea.Cmd {
	b := m.screen().board()
	switch {
	case b.zoom:
		b.zoom = false
	case b.onDetail():
		b.focusOn(b.last)
	case b.focus > 0:
		b.focusOn(b.focus - 1)
	}
	return nil
}

// back goes back exactly one step.
func (m *root) back() tea.Cmd {
	if m.jobs.current != nil && m.jobs.current.slow {
		m.jobs.cancel()
		if m.view.report == nil {
			m.err = errStopped
			return nil
		}
		return m.say(explain.Plain, safetext.Line("Reading was stopped. This is what was read before."))
	}
	for _, l := range []*lane{&m.changes.plan, &m.locks.work, &m.grants.fetching, &m.caches.probes.work} {
		t := l.current
		if t == nil {
			continue
		}
		l.cancel()
		return m.say(explain.Plain, safetext.Join(safetext.Line("Stopped, and nothing of it is kept:"), safetext.Line(t.label), t.about))
	}
	if m.auditing() {
		m.store.stop()
		return m.say(explain.Plain, safetext.Line("The audit was stopped. Press r to begin again."))
	}
	b := m.screen().board()
	switch l := b.list(); {
	case l != nil && l.filter != "":
		l.setFilter("")
	case l == nil && b.detail.search != "":
		b.detail.find("")
	case b.zoom:
		b.zoom = false
	case b.onDetail():
		b.focusOn(b.last)
	case b.focus > 0:
		b.focusOn(0)
	case m.turned():
		m.locks.turnTo(pageContents)
	}
	return nil
}

// turned reports whether the Locks screen shows another page than its first.
func (m *root) turned() bool { return m.screen() == m.locks && m.locks.page != pageContents }

func (m *root) whyNoBack() string {
	b := m.screen().board()
	if m.jobs.current != nil && m.jobs.current.slow || m.changes.plan.current != nil || m.locks.work.current != nil || m.grants.fetching.current != nil || m.caches.probes.work.current != nil || m.auditing() || b.zoom || b.focus > 0 || m.turned() {
		return ""
	}
	if l := b.list(); l != nil && l.filter != "" {
		return ""
	}
	return "There is nothing to go back from. Press q to quit."
}

func (m *root) refresh() tea.Cmd { return m.jobs.start() }

func (m *root) whyNoRefresh() string {
	if m.jobs.current != nil {
		return "It is being read already. Press esc to stop."
	}
	return ""
}

func (m *root) copyValue() tea.Cmd {
	what, value := m.screen().value()
	return m.copied(what, value, false)
}

func (m *root) whyNoValue() string {
	if m.view.report == nil {
		return "Nothing was read yet."
	}
	if _, value := m.screen().value(); value == "" {
		return "Nothing is selected that could be copied."
	}
	return ""
}

func (m *root) copyFix() tea.Cmd {
	f, _ := command(m.screen().fixes())
	what := "command"
	if f.File != "" {
		what = "snippet for " + f.File
	}
	return m.copied(what, f.Command, true)
}

func (m *root) whyNoFix() string {
	if m.view.report == nil {
		return "Nothing was read yet."
	}
	if _, ok := command(m.screen().fixes()); !ok {
		return "Nothing here has a command to copy."
	}
	return ""
}

// scrolled is the text that keys scroll now, nil when a list has them.
func (m *root) scrolled() *text {
	switch {
	case m.popup != nil:
		return m.popup
	case m.screen().board().onDetail():
		return m.screen().board().detail
	}
	return nil
}

func byRows(n int) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd {
		m.move(n)
		return nil
	}
}

func byHalf(sign int) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd {
		half := 0
		if x := m.scrolled(); x != nil {
			half = x.height / 2
		} else {
			half = m.screen().board().list().height / 2
		}
		m.move(sign * max(half, 1))
		return nil
	}
}

func (m *root) move(n int) {
	if x := m.scrolled(); x != nil {
		x.scroll(n)
		return
	}
	m.screen().board().list().move(n)
}

func byHits(n int) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd {
		m.screen().board().detail.next(n)
		return nil
	}
}

func (m *root) whyNoHit() string {
	if len(m.screen().board().detail.hits) == 0 {
		return "Nothing was searched for, or nothing was found. Press / to search."
	}
	return ""
}
