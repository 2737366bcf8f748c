package tui

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// findings shows what is wrong or dangerous on the machine, worst first.
type findings struct {
	b    board
	all  *list
	rows []int
	*view
}

func newFindings() *findings {
	s := &findings{}
	s.all = &list{
		title: "Findings",
		cols: []column{{title: "severity", min: 9, most: 9}, {title: "what", min: 24}, {title: "about", min: 13, give: 1, keep: keepEnds, drop: 1},
			{title: "at", min: 14, most: 24, keep: keepEnds, spare: true}},
		empty: []string{"Nothing wrong was found.", "What could not be looked at is not among it: press @ to see what was read."},
	}
	s.b = board{lists: []*list{s.all}, detail: &text{title: "Finding"}}
	return s
}

func (s *findings) name() string  { return "Findings" }
func (s *findings) board() *board { return &s.b }

func (s *findings) load(v *view) {
	s.view = v
	s.rows = s.rows[:0]
	for i := range v.report.Findings {
		s.rows = append(s.rows, i)
	}
	slices.SortStableFunc(s.rows, func(a, b int) int {
		return int(v.report.Findings[b].Severity) - int(v.report.Findings[a].Severity)
	})
	rows := make([]row, len(s.rows))
	for n, i := range s.rows {
		f := &v.report.Findings[i]
		m := explain.SeverityMark(f.Severity, v.theme.glyphs)
		rows[n] = newRow(string(f.Code)+"\n"+f.Subject+"\n"+f.Where.File+itoa(f.Where.Line),
			own(m.Role, m.String()), own(explain.Plain, f.Code.Title()), cell{subjectText(f), explain.Plain},
			cell{safetext.Line(base(explain.Style{}.Spot(f.Where))), explain.Faint})
	}
	s.all.set(rows)
	s.follow()
}

// subjectText is what a finding is about: a URL with every letter plain.
func subjectText(f *trust.Finding) safetext.S {
	if strings.Contains(f.Subject, "://") {
		return safetext.URL(f.Subject)
	}
	return safetext.Text(f.Subject)
}

func (s *findings) finding() *trust.Finding {
	if i := s.all.selected(); i >= 0 {
		return &s.report.Findings[s.rows[i]]
	}
	return nil
}

func (s *findings) follow() {
	f := s.finding()
	if f == nil {
		s.b.detail.show("", "Finding", nil)
		return
	}
	s.b.detail.show(s.all.rows[s.all.selected()].id, "Finding", func(w int) []string { return explain.Finding(*f, s.style(w)) })
}

func (s *findings) value() (what, text string) {
	if f := s.finding(); f != nil {
		return "subject", f.Subject
	}
	return "", ""
}

func (s *findings) fixes() []trust.Fix {
	if f := s.finding(); f != nil {
		return f.Fixes
	}
	return nil
}
