package page

import (
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// reasons are the steps of a verdict about something and then the ways out.
func (b *builder) reasons(rs []trust.Reason, decisive int, about string) []block {
	if len(rs) == 0 {
		return nil
	}
	c := chain{}
	for i, r := range rs {
		c.Steps = append(c.Steps, b.step(r, i == decisive, about))
	}
	return append([]block{c}, b.ways(explain.Fixes(rs), explain.StepsWithWays(rs) == 1)...)
}

func (b *builder) step(r trust.Reason, decisive bool, about string) step {
	s := step{Mark: badgeOf(explain.StepMark(r, b.glyphs)), Title: r.Code.Title(), Code: string(r.Code)}
	if decisive {
		s.Class = "decisive"
	}
	if r.Text != "" {
		s.Blocks = append(s.Blocks, text(b.prose(r.Text)))
	}
	if r.Subject != "" && r.Subject != about && !strings.Contains(r.Text, r.Subject) {
		s.Blocks = append(s.Blocks, text(say("about"), b.subject(r.Subject)))
	}
	if at, ok := b.place(r.Where); ok {
		s.Blocks = append(s.Blocks, text(say("at"), at))
	}
	switch {
	case r.NixSays != "":
		s.Blocks = append(s.Blocks, said{Who: "Nix prints", Lines: safetext.Block(b.redacted(r.NixSays))})
	case r.Outcome == trust.Fail && r.Code != trust.CodeUserUntrusted:
		s.Blocks = append(s.Blocks, text(quiet("Nix prints nothing about it.")))
	}
	return s
}

// ways are the ways out. ordered says that they are for one step, and so in the
// order of what they change.
func (b *builder) ways(fixes []trust.Fix, ordered bool) []block {
	if len(fixes) == 0 {
		return nil
	}
	w := ways{Title: "What to do"}
	if ordered && len(fixes) > 1 {
		w.Title = "What to do, the smallest change first"
	}
	for _, f := range fixes {
		one := way{Title: line{b.prose(f.Title)}, Admin: f.Admin && !strings.Contains(strings.ToLower(f.Title), "administrator")}
		if f.Detail != "" {
			one.Detail = line{b.prose(f.Detail)}
		}
		if f.Command != "" {
			one.Lines, one.Hidden = safetext.Verbatim(b.redacted(f.Command)), !safetext.Exact(f.Command)
			if f.File != "" {
				one.In = line{b.path(f.File)}
			}
		}
		w.Ways = append(w.Ways, one)
	}
	return []block{w}
}

// findings are what is wrong or dangerous, worst first.
func (b *builder) findings() section {
	s := section{ID: "findings", Title: "Findings", Count: strconv.Itoa(len(b.r.Findings))}
	if len(b.r.Findings) == 0 {
		s.Blocks = []block{text(say("Nothing wrong was found. What could not be looked at is not among it."))}
		return s
	}
	most, rest := b.few(len(b.r.Findings))
	for i, f := range b.r.Findings[:most] {
		mark := badgeOf(explain.SeverityMark(f.Severity, b.glyphs))
		g := group{ID: "finding-" + strconv.Itoa(i+1), Class: mark.Class, Open: f.Severity != trust.Info,
			Title: line{mark, loud(f.Code.Title()), b.code(string(f.Code))}}
		if f.Subject != "" {
			g.Blocks = append(g.Blocks, text(b.subject(f.Subject)))
			g.Blocks = append(g.Blocks, b.suspect(f.Subject)...)
		}
		g.Blocks = append(g.Blocks, text(b.prose(f.Text)))
		if at, ok := b.place(f.Where); ok {
			g.Blocks = append(g.Blocks, text(say("at"), at))
		}
		if e := f.Code.Explain(); e != "" {
			g.Blocks = append(g.Blocks, text(b.prose(e)))
		}
		g.Blocks = append(g.Blocks, b.ways(f.Fixes, true)...)
		s.Blocks = append(s.Blocks, g)
	}
	s.Blocks = append(s.Blocks, rest...)
	return s
}
