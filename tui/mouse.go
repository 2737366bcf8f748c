package tui

import (
	tea "charm.land/bubbletea/v2"
)

// wheel scrolls the pane under the pointer.
func (m *root) wheel(e tea.Mouse) tea.Cmd {
	n := 0
	switch e.Button {
	case tea.MouseWheelUp:
		n = -1
	case tea.MouseWheelDown:
		n = 1
	}
	if n == 0 || m.view.report == nil || m.w < minWidth || m.h < minHeight {
		return nil
	}
	if m.popup != nil {
		m.popup.scroll(3 * n)
		return nil
	}
	b := m.screen().board()
	switch pane, _ := b.at(e.X, e.Y-m.headRows()); {
	case pane == len(b.lists):
		b.detail.scroll(3 * n)
	case pane >= 0:
		b.lists[pane].move(n)
	}
	return nil
}

// click moves the focus to the pane and the selection to the row under the
// pointer, opens a tab, or closes a popup from outside. It never decides
// anything else.
func (m *root) click(e tea.Mouse) tea.Cmd {
	if e.Button != tea.MouseLeft || m.view.report == nil || m.input != nil || m.w < minWidth || m.h < minHeight {
		return nil
	}
	head := m.headRows()
	if m.popup != nil {
		p := m.popupPlace(head, m.bodyRows())
		if e.X < p.x || e.X >= p.x+p.w || e.Y < p.y || e.Y >= p.y+p.h {
			m.closePopup()
		}
		return nil
	}
	if e.Y == head-1 {
		for i, tab := range m.tabRow() {
			if e.X >= tab.from && e.X < tab.to {
				return goTo(i)(m)
			}
		}
		return nil
	}
	b := m.screen().board()
	pane, row := b.at(e.X, e.Y-head)
	if pane < 0 {
		return nil
	}
	if !b.zoom {
		b.focusOn(pane)
	}
	if row >= 0 {
		b.lists[pane].at = row
		b.lists[pane].reveal()
	}
	return nil
}
