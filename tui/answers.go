package tui

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// answers shows each decision that is saved in a trusted-settings.json.
type answers struct {
	b    board
	all  *list
	rows []int // for each row, the index of its answer, or -1-i for the i-th file that cannot be read
	*view
}

func newAnswers() *answers {
	s := &answers{}
	s.all = &list{
		title: "Saved answers",
		cols: []column{{title: "answer", min: 14}, {title: "setting", min: 18, give: 1, drop: 1}, {title: "value", min: 18, soft: 32, keep: keepEnds},
			{title: "used by", min: 9, most: 12, drop: 2}},
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
	// A file of the user's own that cannot be read may hold any answer, and one
	// that Nix cannot read stops it: they come first of all. Root's file is
	// seldom readable and does not count for the user: it comes last.
	for i, f := range v.report.AnswerFiles {
		if explain.AnswersTrouble(f) == "" {
			continue
		}
		m := explain.Mark{Glyph: v.theme.glyphs.Unsure, Word: "unknown", Role: explain.Unsure}
		whose := "your answers"
		if i > 0 {
			whose = "root's answers"
		}
		r := newRow("file "+f.Path, own(m.Role, m.String()), own(explain.Plain, whose), own(explain.Unsure, explain.AnswersTrouble(f)))
		at := len(rows)
		if i == 0 || f.Err != nil {
			at = 0
		}
		s.rows = slices.Insert(s.rows, at, -1-i)
		rows = slices.Insert(rows, at, r)
	}
	s.all.set(rows)
	s.follow()
}

func (s *answers) row(a *trust.AnswerReport) row {
	m := explain.AnswerMark(*a, s.theme.glyphs)
	used, role := "orphan", explain.Caution
	switch {
	case a.Skeleton:
		used, role = "all", explain.Danger
	case len(a.Asked) > 0:
		used, role = counted(len(a.Asked), "flake"), explain.Plain
	case len(a.Near) > 0:
		used, role = "near miss", explain.Caution
	}
	value := explain.Value(a.Setting, a.Value)
	valueRole := explain.Plain
	if a.Skeleton {
		valueRole = explain.Danger
	}
	r := newRow(a.File+"\n"+a.Setting+"\n"+a.Value,
		own(m.Role, m.String()), cell{safetext.Line(a.Setting), valueRole}, cell{value, valueRole}, own(role, used))
	r.old = a.Root
	return r
}

func (s *answers) answer() *trust.AnswerReport {
	if i := s.all.selected(); i >= 0 && s.rows[i] >= 0 {
		return &s.report.Answers[s.rows[i]]
	}
	return nil
}

// file returns the selected file, when it is one that cannot be read.
func (s *answers) file() *trust.AnswersFile {
	if i := s.all.selected(); i >= 0 && s.rows[i] < 0 {
		return &s.report.AnswerFiles[-1-s.rows[i]]
	}
	return nil
}

func (s *answers) follow() {
	if f := s.file(); f != nil {
		s.b.detail.show("file "+f.Path, "File", func(w int) []string { return s.fileText(f, w) })
		return
	}
	a := s.answer()
	if a == nil {
		s.b.detail.show("", "Answer", nil)
		return
	}
	s.b.detail.show(a.File+"\n"+a.Setting+"\n"+a.Value, "Answer", func(w int) []string { return s.text(a, w) })
}

func (s *answers) text(a *trust.AnswerReport, w int) []string {
	d := newDoc(s.view, w)
	d.head(explain.AnswerMark(*a, s.theme.glyphs), safetext.Line(a.Setting))
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
	if a.Risk != "" && !a.Skeleton {
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
			d.alarm(why)
		}
	}
	if a.Orphan && len(a.Near) == 0 {
		d.gap()
		d.para(explain.Caution, safetext.Line("Orphan: no flake known here asks for it today. It still counts for the next one that does."))
	}
	d.flakes("Flakes that ask for exactly this", a.Asked)
	d.flakes("Near misses: flakes that ask for another value with a part of this one", a.Near)
	return d.lines
}

func (s *answers) fileText(f *trust.AnswersFile, w int) []string {
	d := newDoc(s.view, w)
	d.head(explain.Mark{Glyph: s.theme.glyphs.Unsure, Word: "unknown", Role: explain.Unsure}, s.style(0).Path(f.Path))
	if f.Err == nil {
		d.para(explain.Plain, safetext.Line("What is saved in this file is unknown: it "+explain.AnswersTrouble(*f)+"."))
		return d.lines
	}
	d.para(explain.Plain, safetext.Line("Nix stops with an error at the first setting that it has to look up here. No answer of this file counts."))
	d.gap()
	if f.Err.Line > 0 {
		d.fieldIn(explain.Place, "at", s.style(0).Path(fmt.Sprintf("%s:%d:%d", f.Path, f.Err.Line, f.Err.Col)))
	}
	d.field("means", safetext.Text(f.Err.Text))
	d.field("Nix prints", safetext.Text("error: "+f.Err.Message))
	return d.lines
}

func (s *answers) value() (what, text string) {
	if a := s.answer(); a != nil {
		return "value", explain.Redact(a.Setting, a.Value)
	}
	return "", ""
}

func (s *answers) fixes() []trust.Fix { return nil }
