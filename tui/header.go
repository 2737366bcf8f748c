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

// Widths from which the tabs have their names whole, and space around them.
const (
	namesFrom = 76
	roomyFrom = 100
)

// tabLabels returns the names of the screens as the tabs show them.
func (m *root) tabLabels() []string {
	compact := m.headRows() == 1
	short := m.w < 58 || compact
	out := make([]string, len(m.screens))
	for i, s := range m.screens {
		key, name := itoa(i+1), " "+s.name()
		if _, ok := s.(*findings); ok {
			key, name = "!", ""
			if m.view.report != nil {
				n := len(m.view.report.Findings)
				name = " " + itoa(n)
				if m.w >= 88 && !compact {
					name = " " + counted(n, "finding")
				}
			}
		}
		switch {
		case i == m.active || key == "!":
		case short:
			name = ""
		case m.w < namesFrom:
			name = name[:5]
		}
		out[i] = key + name
	}
	for i, l := range out {
		switch {
		case i == m.active:
			out[i] = "[" + l + "]"
		case !compact && m.w >= roomyFrom:
			out[i] = " " + l + " "
		}
	}
	return out
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

// tabSpans returns the first cell of each tab and the one after its last.
func (m *root) tabSpans() [][2]int {
	x := 0
	var out [][2]int
	for _, l := range m.tabLabels() {
		w := ansi.StringWidth(l)
		out = append(out, [2]int{x, x + w})
		x += w + 1
	}
	return out
}

// tabs draws the names of the screens and, when it is the only line of the
// header, who the user is to the daemon.
func (m *root) tabs(brief int) string {
	t := m.view.theme
	var parts []string
	for i, l := range m.tabLabels() {
		switch {
		case i == m.active:
			l = t.tab.Render(l)
		case i == len(m.screens)-1 && m.worst() == trust.Danger:
			l = t.paint(explain.Bad, l)
		case i == len(m.screens)-1 && m.worst() == trust.Warn:
			l = t.paint(explain.Caution, l)
		default:
			l = t.paint(explain.Faint, l)
		}
		parts = append(parts, l)
	}
	left := strings.Join(parts, " ")
	room := m.w - ansi.StringWidth(left) - 1
	right := ""
	for ; brief > 0 && brief <= 3; brief++ {
		if right = m.standing(brief); ansi.StringWidth(right) <= room {
			break
		}
	}
	right = ansi.Truncate(right, max(room, 0), "")
	return pad(left+strings.Repeat(" ", max(0, m.w-ansi.StringWidth(left)-ansi.StringWidth(right)))+right, m.w)
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
