package tui

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// answers shows each decision that is saved in a trusted-settings.json.
type answers struct {
	b    board
	all  *list
	rows []int // for each row, the index of its answer
	*view
}

func newAnswers() *answers {
	s := &answers{}
	s.all = &list{
		title: "Saved answers",
		cols: []column{{title: "answer", min: 8, most: 8}, {title: "setting", min: 18, most: 28, keep: keepEnds, drop: 1}, {title: "value", min: 20, keep: keepEnds},
			{title: "used by", min: 11, most: 12, drop: 2}, {title: "of", min: 4, most: 5, drop: 3}},
		empty: []string{
			"No answer is saved.",
			"Nix saves one when you reply y to “do you want to permanently mark this value as trusted”. Until then it asks each time, or, without a terminal, ignores the setting.",
		},
	}
	s.b = board{lists: []*list{s.all}, detail: &text{title: "Answer"}}
	return s
}

func (s *answers) name() string  { return "Answers" }
func (s *answers) board() *board { return &s.b }

func answerMark(a *trust.AnswerReport, g explain.Glyphs) explain.Mark {
	switch {
	case a.Skeleton:
		return explain.Mark{Glyph: g.Alarm, Word: "YES", Role: explain.Danger}
	case a.Yes:
		return explain.Mark{Glyph: g.Good, Word: "yes", Role: explain.Good}
	}
	return explain.Mark{Glyph: g.Bad, Word: "no", Role: explain.Bad}
}

func (s *answers) load(v *view) {
	s.view = v
	s.rows = s.rows[:0]
	var rows []row
	// The user's own file first, root's after it.
	for _, root := range []bool{false, true} {
		for i := range v.report.Answers {
			a := &v.report.Answers[i]
			if a.Root != root {
				continue
			}
			s.rows = append(s.rows, i)
			rows = append(rows, s.row(a))
		}
	}
	s.all.set(rows)
	s.follow()
}

func (s *answers) row(a *trust.AnswerReport) row {
	m := answerMark(a, s.theme.glyphs)
	used, role := "orphan", explain.Caution
	switch {
	case a.Skeleton:
		used, role = "every flake", explain.Danger
	case len(a.Asked) == 1:
		used, role = "1 flake", explain.Plain
	case len(a.Asked) > 1:
		used, role = fmt.Sprintf("%d flakes", len(a.Asked)), explain.Plain
	case len(a.Near) > 0:
		used, role = "near miss", explain.Caution
	}
	owner := "you"
	if a.Root {
		owner = "root"
	}
	value := explain.Value(a.Setting, strings.Join(strings.Fields(a.Value), " "))
	valueRole := explain.Plain
	if a.Skeleton {
		valueRole = explain.Danger
	}
	r := newRow(a.File+"\n"+a.Setting+"\n"+a.Value,
		own(m.Role, m.String()), cell{safetext.Line(a.Setting), valueRole}, cell{value, valueRole}, own(role, used), own(explain.Faint, owner))
	r.old = a.Root
	return r
}

func (s *answers) answer() *trust.AnswerReport {
	if i := s.all.selected(); i >= 0 {
		return &s.report.Answers[s.rows[i]]
	}
	return nil
}

func (s *answers) follow() {
	a := s.answer()
	if a == nil {
		s.b.detail.show("", "Answer", nil)
		return
	}
	s.b.detail.show(a.File+"\n"+a.Setting+"\n"+a.Value, "Answer", func(w int) []string { return s.text(a, w) })
}

func (s *answers) text(a *trust.AnswerReport, w int) []string {
	d := newDoc(s.view, w)
	d.head(answerMark(a, s.theme.glyphs), safetext.Line(a.Setting))
	switch {
	case a.Skeleton:
		d.para(explain.Danger, safetext.Line("A yes to everything: every flake that asks for this has every later setting applied without a question."))
	case a.Yes:
		d.para(explain.Plain, safetext.Line("Nix applies this setting with exactly this value, for any flake that asks for it. The answer belongs to no flake."))
	default:
		d.para(explain.Plain, safetext.Line("Nix ignores this setting with exactly this value, for any flake, and never asks again."))
	}
	d.gap()
	d.field("file", s.style(0).Path(a.File))
	if a.Root {
		d.field("of", safetext.Line("root: it counts under sudo, not for you"))
	}
	if a.Risk != "" {
		d.field("gives", safetext.Line(string(a.Risk)))
	}
	d.title("Value")
	items := a.Items
	if len(items) == 0 {
		items = []string{a.Value}
	}
	for _, item := range items {
		d.para(explain.Plain, explain.Value(a.Setting, item))
		if why, bad := safetext.SuspectHost(item); bad {
			d.para(explain.Danger, safetext.Line(s.theme.glyphs.Alarm+" "+why))
		}
	}
	if a.Orphan && len(a.Near) == 0 {
		d.gap()
		d.para(explain.Caution, safetext.Line("Orphan: no flake known here asks for it today. It still counts for the next one that does."))
	}
	d.flakes("Flakes that ask for exactly this", a.Asked)
	d.flakes("Near misses: they ask for another value with a part of this one", a.Near)
	return d.lines
}

func (s *answers) value() (what, text string) {
	if a := s.answer(); a != nil {
		return "value", explain.Redact(a.Setting, a.Value)
	}
	return "", ""
}

func (s *answers) fixes() []trust.Fix { return nil }
