package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A change goes the same way wherever it begins: a key makes an Action of what
// is selected, the backend works out its plan, a dialog shows the plan, and
// after a yes exactly that plan is made.

// A changeable screen has something selected that can be changed.
type changeable interface {
	// action is what a key of this kind means for what is selected, or why it
	// means nothing, in a sentence.
	action(k ActionKind) (a Action, why string)
}

// changes is what is under way.
type changes struct {
	backend ChangeBackend // nil when nothing can be changed
	plan    lane          // working out a plan: esc stops it
	write   lane          // making one: nothing stops it
	leaving bool          // the program ends once it is made
	done    []doneChange  // since the program started, oldest first
}

// A doneChange is a change that was made, and when.
type doneChange struct {
	n    int // of the journal
	plan trust.Plan
	at   time.Time
}

// whyNoChange says why nothing can be changed now.
func (m *root) whyNoChange() string {
	switch {
	case m.opt.ReadOnly && m.opt.ReadOnlyWhy != "":
		return "Read-only: " + m.opt.ReadOnlyWhy
	case m.opt.ReadOnly:
		return "Read-only: nothing can be changed from here."
	case m.changes.backend == nil:
		return "Nothing can be changed from here."
	case m.changes.write.current != nil:
		return "One thing at a time: a change is being written."
	}
	return ""
}

// changing makes a binding's action.
func changing(k ActionKind) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd {
		a, why := m.meant(k)
		if why != "" {
			return m.say(explain.Faint, safetext.Line(why))
		}
		if a.Kind == Grant {
			return m.askGrant(a)
		}
		return m.propose(a, nil)
	}
}

// whyNo says why a key that changes something does nothing now.
func whyNo(k ActionKind) func(*root) string {
	return func(m *root) string {
		if why := m.whyNoChange(); why != "" {
			return why
		}
		_, why := m.meant(k)
		return why
	}
}

// meant is what a key means now.
func (m *root) meant(k ActionKind) (Action, string) {
	if s, ok := m.screen().(changeable); ok && m.view.report != nil {
		if a, why := s.action(k); why != "" || a.Kind != NoAction {
			return a, why
		}
	}
	if k == Undo {
		return Action{Kind: Undo}, ""
	}
	return Action{}, noSuch[k]
}

// noSuch says where a key means something that means nothing here.
var noSuch = map[ActionKind]string{
	AnswerYes: "There is nothing here to answer: select what a flake asks for, or an answer.",
	AnswerNo:  "There is nothing here to answer: select what a flake asks for, or an answer.",
	Forget:    "There is no saved answer here to forget: select one, a cache or a key.",
	Orphans:   "Press 3 first: the answers are listed there.",
	Grant:     "There is no lock here to accept: select a flake.",
	Deny:      "There is nothing here to deny: select a flake.",
	Revoke:    "There is no grant here to take back: select a flake, or a grant.",
	Prune:     "Press 6 first: the grants are listed there.",
}

// propose works a plan out and shows it. moved is why the one before it could
// not be made, nil for none.
func (m *root) propose(a Action, moved error) tea.Cmd {
	b := m.changes.backend
	return begin(&m.changes.plan, "working out the change", safetext.S{}, func(ctx ctx, p progress) (trust.Plan, error) {
		return b.Plan(ctx, a, p)
	}, func(p trust.Plan, err error) tea.Cmd {
		m.input = nil
		switch {
		case err != nil:
			return m.cannot("This cannot be done", err)
		case p.Empty():
			return m.say(explain.Plain, safetext.Join(safetext.Text(p.Summary), safetext.Line("(it is so already)")))
		}
		return m.showPlan(a, p, moved)
	})
}

// askGrant says who would learn of what before a lock is compared with the
// caches that are trusted anyway, and asks.
func (m *root) askGrant(a Action) tea.Cmd {
	b := m.changes.backend
	return begin(&m.changes.plan, "looking at the lock", safetext.S{}, func(ctx ctx, _ progress) (Told, error) {
		return b.Asks(ctx, a)
	}, func(told Told, err error) tea.Cmd {
		m.input = nil
		switch {
		case err != nil:
			return m.cannot("This cannot be granted", err)
		case len(told.Hosts) == 0 || told.Paths == 0:
			return m.propose(a, nil)
		}
		q := &question{since: m.jobs.now(), yes: func(m *root) tea.Cmd { return m.propose(a, nil) }}
		return m.ask("Ask the network?", q, func(d *doc) {
			d.para(explain.Plain, safetext.Line("Before a lock is accepted, what it pins is compared with the caches that this machine trusts anyway."))
			d.gap()
			d.told(told.Hosts, told.Folders, told.Paths, m.opt.Demo)
		})
	})
}

// carryOut makes a plan's changes.
func (m *root) carryOut(a Action, p trust.Plan) tea.Cmd {
	b := m.changes.backend
	cmd := begin(&m.changes.write, "writing", safetext.Text(p.Summary), func(ctx ctx, _ progress) (int, error) {
		return b.Apply(context.WithoutCancel(ctx), p)
	}, func(n int, err error) tea.Cmd {
		switch {
		case errors.Is(err, ErrMoved):
			return m.propose(a, err)
		case err != nil:
			return m.cannot("Nothing was changed", err)
		}
		m.changes.done = append(m.changes.done, doneChange{n, p, m.jobs.now()})
		done := safetext.Join(safetext.Line("Done ("+itoa(n)+"); z takes it back:"), safetext.Text(p.Summary))
		return tea.Batch(m.jobs.start(), m.say(explain.Good, done))
	})
	m.changes.write.current.firm = true
	return cmd
}

// cannot shows an error that somebody has to do something about.
func (m *root) cannot(title string, err error) tea.Cmd {
	m.input = nil
	v := &m.view
	return m.show(title, func(w int) []string {
		d := newDoc(v, w)
		for _, l := range safetext.Block(safetext.Redact(err.Error())) {
			d.para(explain.Plain, l)
		}
		return d.lines
	})
}

// leave ends the program, after a change that is being written.
func (m *root) leave() tea.Cmd {
	if m.changes.write.current != nil {
		m.changes.leaving = true
		return m.say(explain.Caution, safetext.Line("A change is being written. The program ends as soon as that is done."))
	}
	return tea.Quit
}

// grace is how long after it opened by itself a dialog takes no yes: a key that
// was pressed before was not meant for it. While keys keep coming it lasts up to
// longestGrace.
const (
	grace        = 500 * time.Millisecond
	longestGrace = 3 * grace
)
