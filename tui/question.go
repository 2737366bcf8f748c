package tui

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A question is a dialog that asks for a yes before something leaves this
// machine, or is changed on it. No is what is chosen at first, and the safe end of it: esc, a click
// outside and enter all say no. Yes works only once the end of the text was seen.
type question struct {
	text *text
	yes  func(*root) tea.Cmd
	onY  bool // yes is chosen
	seen bool // the end of the text was in sight
	// option is what a key switches on or off, "" for none.
	option string
	on     bool

	// since is when it opened by itself, zero when a key opened it: for a
	// while it then takes no yes. A key that comes in that while makes it
	// longer; quiet is the last one.
	since, quiet time.Time
	// words are what has to be typed for a yes, one after the other; empty for nothing.
	words     []safetext.S
	no, makes string      // the answers, "" for No and Yes
	declined  string      // what is said after a no
	commands  []trust.Fix // that can be copied
}

// ask opens a question. body draws what is to be decided.
func (m *root) ask(title string, q *question, body func(d *doc)) tea.Cmd {
	type drawn struct {
		w     int
		on    bool
		theme *theme
	}
	var has drawn // a plan can be long: it is drawn once, and the answers anew
	var lines []string
	cmd := m.show(title, func(w int) []string {
		t := m.view.theme
		d := newDoc(&m.view, w)
		if now := (drawn{w, q.on, t}); now != has {
			body(d)
			d.gap()
			has, lines = now, d.lines
		}
		d.lines = slices.Clip(lines)
		no, yes := "["+cmp.Or(q.no, "No")+"]", " "+cmp.Or(q.makes, "Yes")+" "
		if q.onY {
			no, yes = " "+cmp.Or(q.no, "No")+" ", "["+cmp.Or(q.makes, "Yes")+"]"
		}
		d.lines = append(d.lines, "  "+t.button(no, !q.onY)+"   "+t.button(yes, q.onY))
		return d.lines
	})
	m.question, q.text = q, m.popup
	if !q.since.IsZero() { // what the footer says changes then
		return tea.Batch(cmd, tea.Tick(grace, func(time.Time) tea.Msg { return graceMsg{} }))
	}
	return cmd
}

// graceMsg says that a question takes a yes by now.
type graceMsg struct{}

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
	said := cmp.Or(m.question.declined, "Nothing was asked of anybody.")
	m.closePopup()
	return m.say(explain.Plain, safetext.Line(said))
}

func (m *root) sayYes() tea.Cmd {
	if q := m.question; len(q.words) > 0 {
		return m.typeWords(q, q.words)
	}
	return m.agree(m.question)
}

// agree closes a question and does what it is about.
func (m *root) agree(q *question) tea.Cmd {
	m.closePopup()
	return q.yes(m)
}

func (m *root) whyNoYes() string {
	switch q := m.question; {
	case q == nil:
		return ""
	case m.early():
		return "It opened just now: read it first."
	case !q.seen:
		return "Read it to the end first: press j or space."
	}
	return ""
}

func (m *root) whyNoMore() string {
	if x := m.question.text; x.offset+x.height >= len(x.lines) {
		return "This is the end."
	}
	return ""
}

// early reports whether the question opened by itself only a moment ago, so that
// a key may not have been meant for it.
func (m *root) early() bool {
	q := m.question
	if q == nil || q.since.IsZero() {
		return false
	}
	now := m.jobs.now()
	return now.Before(q.since.Add(grace)) || now.Before(q.since.Add(longestGrace)) && now.Before(q.quiet.Add(grace))
}

// hush notes that a key came too early, which keeps a row of keys that were
// typed ahead, or one that is held down, from saying yes.
func (m *root) hush() {
	if m.early() {
		m.question.quiet = m.jobs.now()
	}
}

// answer says what is chosen.
func (m *root) answer() tea.Cmd {
	if m.early() {
		return nil
	}
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
