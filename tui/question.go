package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A question is a dialog that asks for a yes before something leaves this
// machine. No is what is chosen at first, and the safe end of it: esc, a click
// outside and enter all say no. Yes works only once the end of the text was seen.
type question struct {
	text *text
	yes  func(*root) tea.Cmd
	onY  bool // yes is chosen
	seen bool // the end of the text was in sight
	// option is what a key switches on or off, "" for none.
	option string
	on     bool
}

// ask opens a question. body draws what is to be decided.
func (m *root) ask(title string, q *question, body func(d *doc)) tea.Cmd {
	cmd := m.show(title, func(w int) []string {
		d := newDoc(&m.view, w)
		body(d)
		d.gap()
		t := m.view.theme
		no, yes := "[No]", " Yes "
		if q.onY {
			no, yes = " No ", "[Yes]"
		}
		d.lines = append(d.lines, "  "+t.button(no, !q.onY)+"   "+t.button(yes, q.onY))
		return d.lines
	})
	m.question, q.text = q, m.popup
	return cmd
}

// button draws one of two answers; the brackets say which is chosen.
func (t *theme) button(label string, chosen bool) string {
	if chosen {
		return t.cursor.Render(label)
	}
	return t.key.Render(label)
}

// look notes whether the end of the question is in sight.
func (q *question) look() {
	if x := q.text; x.height > 0 && len(x.lines) > 0 && x.offset+x.height >= len(x.lines) {
		q.seen = true
	}
}

func (m *root) sayNo() tea.Cmd {
	m.closePopup()
	return m.say(explain.Plain, safetext.Line("Nothing was asked of anybody."))
}

func (m *root) sayYes() tea.Cmd {
	q := m.question
	m.closePopup()
	return q.yes(m)
}

func (m *root) whyNoYes() string {
	if q := m.question; q != nil && !q.seen {
		return "Read it to the end first: press j or space."
	}
	return ""
}

// answer says what is chosen.
func (m *root) answer() tea.Cmd {
	if !m.question.onY {
		return m.sayNo()
	}
	if why := m.whyNoYes(); why != "" {
		return m.say(explain.Faint, safetext.Line(why))
	}
	return m.sayYes()
}

// choose moves to the other answer.
func (m *root) choose() tea.Cmd {
	m.question.onY = !m.question.onY
	m.question.text.renew()
	return nil
}

// toggle switches the option. What follows from it is then read again.
func (m *root) toggle() tea.Cmd {
	m.question.on = !m.question.on
	m.question.seen = false
	m.question.text.renew()
	return nil
}

func (m *root) whyNoToggle() string {
	if m.question == nil || m.question.option == "" {
		return "There is nothing to switch here."
	}
	return ""
}
