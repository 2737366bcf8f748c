package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// journal shows every change that was made with this program, newest first.
type journal struct {
	b   board
	all *list
	*view

	backend ChangeBackend // nil when there is none
	reading lane          // of the journal
	opening lane          // of one entry
	readOf  *trust.Report
	history History
	err     error
	rows    []int // for each row, the index of its entry, or -1-i for the i-th line that cannot be read
	plans   map[int]*outcome[trust.Plan]
}

func newJournal(b ChangeBackend, reading, opening lane) *journal {
	s := &journal{backend: b, reading: reading, opening: opening, plans: map[int]*outcome[trust.Plan]{}}
	s.all = &list{
		title: "Journal",
		cols: []column{{title: "no", min: 2, most: 6, right: true}, {title: "state", min: 12, most: 14}, {title: "when", min: 11, most: 11, drop: 1},
			{title: "change", min: 16, give: 1}},
	}
	s.b = board{lists: []*list{s.all}, detail: &text{title: "Change"}}
	return s
}

func (s *journal) name() string  { return "Journal" }
func (s *journal) board() *board { return &s.b }

// wanted starts reading the journal of the report, or the entry that is
// selected, when that was not done yet.
func (s *journal) wanted() tea.Cmd {
	switch {
	case s.view == nil || s.backend == nil || s.report == nil:
		return nil
	case s.readOf != s.report:
		s.readOf = s.report
		return begin(&s.reading, "reading the journal", safetext.S{}, func(ctx ctx, _ progress) (History, error) {
			return s.backend.History(ctx)
		}, func(h History, err error) tea.Cmd {
			s.history, s.err = h, err
			clear(s.plans)
			s.fill()
			return s.wanted()
		})
	}
	e := s.entry()
	if e == nil || s.plans[e.N] != nil || s.opening.current != nil {
		return nil
	}
	n, b := e.N, s.backend
	return begin(&s.opening, "reading an entry", safetext.S{}, func(ctx ctx, _ progress) (trust.Plan, error) {
		return b.Entry(ctx, n)
	}, func(p trust.Plan, err error) tea.Cmd {
		s.plans[n] = &outcome[trust.Plan]{value: p, err: err}
		s.b.detail.renew()
		s.follow()
		return s.wanted()
	})
}

func (s *journal) load(v *view) {
	s.view = v
	s.fill()
}

func (s *journal) fill() {
	if s.view == nil {
		return
	}
	s.b.detail.renew()
	switch {
	case s.backend == nil:
		s.all.empty = []string{"There is no journal here."}
	case s.err != nil:
		s.all.empty = []string{"The journal could not be read: " + s.err.Error(), "What was changed is unknown. Press r to try again."}
	case s.readOf != s.report || s.reading.current != nil:
		s.all.empty = []string{"reading the journal…"}
	default:
		s.all.empty = []string{"Nothing was changed with nix-trust yet.", "A change is made on the screen where the thing is: press 3 for the saved answers."}
	}
	s.rows = s.rows[:0]
	var rows []row
	for i, d := range s.history.Damage {
		m := explain.Mark{Glyph: s.theme.glyphs.Unsure, Word: "unreadable", Role: explain.Unsure}
		s.rows = append(s.rows, -1-i)
		rows = append(rows, newRow("damage "+itoa(i), cell{}, own(m.Role, m.String()), cell{}, cell{safetext.Text(d), explain.Unsure}))
	}
	for i := len(s.history.Entries) - 1; i >= 0; i-- {
		e := &s.history.Entries[i]
		m := s.mark(e)
		r := newRow("entry "+itoa(e.N), own(explain.Plain, itoa(e.N)), own(m.Role, m.String()), own(explain.Faint, e.Time.Local().Format("01-02 15:04")), cell{safetext.Text(e.Summary), explain.Plain})
		r.old = e.UndoneBy != 0 || e.State == EntryNotApplied
		s.rows = append(s.rows, i)
		rows = append(rows, r)
	}
	s.all.set(rows)
	s.follow()
}

// mark says what became of an entry.
func (s *journal) mark(e *Entry) explain.Mark {
	g := s.theme.glyphs
	switch {
	case e.UndoneBy != 0:
		return explain.Mark{Glyph: g.Off, Word: "taken back", Role: explain.Faint}
	case e.State == EntryApplied:
		return explain.Mark{Glyph: g.Good, Word: "in force", Role: explain.Good}
	case e.State == EntryNotApplied:
		return explain.Mark{Glyph: g.Off, Word: "not made", Role: explain.Faint}
	case e.State == EntryPartly:
		return explain.Mark{Glyph: g.Bad, Word: "half made", Role: explain.Bad}
	case e.State == EntryInterrupted:
		return explain.Mark{Glyph: g.Unsure, Word: "stopped", Role: explain.Unsure}
	}
	return explain.Mark{Glyph: g.Unsure, Word: "unclear", Role: explain.Unsure}
}

// entryMeans says in a sentence what became of an entry.
func entryMeans(e *Entry) string {
	switch {
	case e.UndoneBy != 0:
		return "It was taken back by number " + itoa(e.UndoneBy) + "."
	case e.State == EntryApplied:
		return "It was made. Press z to take it back."
	case e.State == EntryNotApplied:
		return "It was not made: nothing was changed."
	case e.State == EntryPartly:
		return "The program was stopped between two files. Press z to take back what was made."
	case e.State == EntryInterrupted:
		return "The program was stopped, or is at it. The next change finds out what became of it."
	}
	return "The program was stopped, and the files were changed since: look at them."
}

// entry returns the selected entry.
func (s *journal) entry() *Entry {
	if i := s.all.selected(); i >= 0 && i < len(s.rows) && s.rows[i] >= 0 {
		return &s.history.Entries[s.rows[i]]
	}
	return nil
}

func (s *journal) follow() {
	i := s.all.selected()
	switch e := s.entry(); {
	case e != nil:
		s.b.detail.show("entry "+itoa(e.N), "Change "+itoa(e.N), func(w int) []string { return s.text(e, w) })
	case i >= 0 && i < len(s.rows):
		damage := s.history.Damage[-1-s.rows[i]]
		s.b.detail.show("damage "+damage, "A line that cannot be read", func(w int) []string {
			d := newDoc(s.view, w)
			d.para(explain.Unsure, safetext.Text(damage))
			d.para(explain.Plain, safetext.Line("The other lines still count."))
			d.field("file", s.style(0).Path(s.history.File))
			return d.lines
		})
	default:
		s.b.detail.show("", "Change", nil)
	}
}

func (s *journal) text(e *Entry, w int) []string {
	d := newDoc(s.view, w)
	d.head(s.mark(e), safetext.Text(e.Summary))
	d.para(explain.Plain, safetext.Line(entryMeans(e)))
	d.gap()
	d.field("when", safetext.Line(e.Time.Local().Format("2006-01-02 15:04:05")))
	if e.Undoes != 0 {
		d.field("took back", safetext.Line("number "+itoa(e.Undoes)))
	}
	role, risk := planRisk(e.Risk)
	d.fieldIn(role, "risk", safetext.Line(risk))
	for _, f := range e.Files {
		d.field("file", s.style(0).Path(f))
	}
	for i, c := range e.Changes {
		if i == 0 {
			d.gap()
		}
		d.para(explain.Plain, safetext.Text(c))
	}
	switch p := s.plans[e.N]; {
	case p == nil:
		d.gap()
		d.para(explain.Faint, safetext.Line("reading what it changed…"))
	case p.err != nil:
		d.gap()
		d.para(explain.Unsure, safetext.Text(p.err.Error()))
	default:
		for _, step := range p.value.Steps {
			d.gap()
			d.diff(step.Diff())
		}
	}
	return d.lines
}

func (s *journal) value() (what, text string) {
	if e := s.entry(); e != nil {
		return "command that takes it back", "nix-trust undo " + itoa(e.N)
	}
	return "", ""
}

func (s *journal) fixes() []trust.Fix {
	if _, text := s.value(); text != "" {
		return []trust.Fix{{Title: "Take it back from a shell", Command: text}}
	}
	return nil
}

func (s *journal) action(k ActionKind) (Action, string) {
	if k != Undo {
		return Action{}, ""
	}
	switch e := s.entry(); {
	case e == nil:
		return Action{}, "There is no change here to take back."
	case e.UndoneBy != 0:
		return Action{}, "It was taken back already, by number " + itoa(e.UndoneBy) + "."
	case e.State == EntryNotApplied:
		return Action{}, "It was not made, so there is nothing to take back."
	default:
		return Action{Kind: Undo, Entry: e.N}, ""
	}
}
