package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// header draws the first line: what this is, and whom and what it speaks of.
func (m *root) header() string {
	t := m.view.theme
	left := t.brand.Render("nix-trust")
	if m.opt.Demo {
		left += " " + t.demo.Render(" DEMO: a made-up host ")
	}
	right := m.standing(0)
	room := m.w - ansi.StringWidth(left) - 2
	if ansi.StringWidth(right) > room {
		if m.opt.Demo {
			left = t.brand.Render("nix-trust") + " " + t.demo.Render(" DEMO ")
			room = m.w - ansi.StringWidth(left) - 2
		}
		for brief := 1; ansi.StringWidth(right) > room && brief <= 3; brief++ {
			right = m.standing(brief)
		}
		right = ansi.Truncate(right, max(room, 0), t.glyphs.More)
	}
	return left + strings.Repeat(" ", m.w-ansi.StringWidth(left)-ansi.StringWidth(right)) + right
}

// standing says who the user is to the daemon, in fewer words the briefer.
func (m *root) standing(brief int) string {
	t := m.view.theme
	var parts []string
	add := func(most int, role explain.Role, s safetext.S) {
		if brief <= most && s.Width() > 0 {
			parts = append(parts, t.paint(role, s.String()))
		}
	}
	sep := " " + t.paint(explain.Faint, t.glyphs.Dot) + " "
	if m.headRows() == 1 && m.opt.Demo {
		parts = append(parts, t.demo.Render("DEMO"))
		sep = " "
	}
	if r := m.jobs.current; r != nil && r.slow && m.view.report != nil {
		add(3, explain.Caution, safetext.Line(m.spinner()+"reading again, shown is "+m.age()+" old"))
	}
	if r := m.view.report; r != nil {
		mark := explain.TrustMark(r, t.glyphs)
		if brief == 0 && mark.Role == explain.Caution {
			mark.Word += " (as root)"
		}
		add(2, explain.Plain, safetext.Line(r.User.Name))
		add(3, mark.Role, safetext.Line(mark.String()))
		add(1, explain.Plain, safetext.Line("Nix "+versionOf(r)))
		add(0, explain.Plain, safetext.Line(storeWord(r.Nix.Store)))
	}
	if m.opt.ReadOnly {
		add(2, explain.Faint, safetext.Line("read-only"))
	}
	return strings.Join(parts, sep)
}

func versionOf(r *trust.Report) string {
	if v := r.Nix.Version.String(); v != "unknown" {
		return v
	}
	if v := r.Daemon.Version.String(); v != "unknown" {
		return v
	}
	return "version unknown"
}

func storeWord(k trust.StoreKind) string {
	switch k {
	case trust.StoreDaemon:
		return "store: daemon"
	case trust.StoreLocal:
		return "store: opened directly"
	case trust.StoreOther:
		return "store: another kind"
	case trust.StoreNone:
		return "no Nix here"
	}
	return "store: unknown"
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing + "s"
	case 1:
		return "1 " + thing
	}
	return itoa(n) + " " + thing + "s"
}

// worst returns the highest severity of the findings.
func (m *root) worst() trust.Severity {
	worst := trust.Info
	if m.view.report != nil {
		for _, f := range m.view.report.Findings {
			worst = max(worst, f.Severity)
		}
	}
	return worst
}
