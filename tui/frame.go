package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

var errStopped = errors.New("reading was stopped")

// headRows returns how many lines the header takes.
func (m *root) headRows() int {
	if m.h < 16 {
		return 1
	}
	return 2
}

func (m *root) bodyRows() int {
	n := m.h - m.headRows() - 1
	if m.banner() != "" {
		n--
	}
	return n
}

// frame draws the whole screen: exactly h lines of at most w cells.
func (m *root) frame() string {
	if m.opt.ASCII {
		return explain.ToASCII(m.compose())
	}
	return m.compose()
}

func (m *root) compose() string {
	if m.w <= 0 || m.h <= 0 {
		return ""
	}
	if m.w < minWidth || m.h < minHeight {
		lines := explain.Wrap(safetext.Line(fmt.Sprintf("terminal too small (%dx%d), needs %dx%d", m.w, m.h, minWidth, minHeight)), m.w)
		for i, l := range lines {
			lines[i] = ansi.Truncate(l, m.w, "")
		}
		return strings.Join(lines[:min(len(lines), m.h)], "\n")
	}
	var lines []string
	if m.headRows() == 1 {
		lines = append(lines, m.tabs(1))
	} else {
		lines = append(lines, m.header(), m.tabs(0))
	}
	if b := m.banner(); b != "" {
		lines = append(lines, pad(b, m.w))
	}
	lines = append(lines, m.body()...)
	lines = append(lines, m.footer())
	if m.popup != nil {
		return m.overlay(lines)
	}
	return strings.Join(lines, "\n")
}

// body draws the active screen, or that there is nothing to show yet.
func (m *root) body() []string {
	h := m.bodyRows()
	if m.view.report == nil {
		return m.waiting(h)
	}
	lines := m.screen().board().draw(m.view.theme)
	if m.stale() {
		for i, l := range lines {
			lines[i] = m.view.theme.stale.Render(ansi.Strip(l))
		}
	}
	return lines
}

// stale reports whether what is shown may no longer be true.
func (m *root) stale() bool {
	return m.view.report != nil && (m.err != nil || m.jobs.current != nil && m.jobs.current.slow)
}

// waiting fills the body while there is no report.
func (m *root) waiting(h int) []string {
	t := m.view.theme
	var text []string
	switch {
	case m.err != nil:
		text = append(text, t.paint(explain.Bad, t.glyphs.Bad+" This machine could not be read."))
		for _, l := range safetext.Block(m.err.Error()) {
			for _, part := range explain.Wrap(l, max(m.w-4, 8)) {
				text = append(text, part)
			}
		}
		text = append(text, "", t.paint(explain.Faint, "Press r to try again, q to quit."))
	case m.jobs.current != nil && m.jobs.current.slow:
		text = []string{m.spinner() + "reading…", "", t.paint(explain.Faint, "Nothing is changed and nothing is downloaded.")}
	default:
		text = []string{"reading…"}
	}
	out := make([]string, h)
	top := max(0, (h-len(text))/2)
	for i := range out {
		line := ""
		if n := i - top; n >= 0 && n < len(text) {
			line = strings.Repeat(" ", max(0, (m.w-ansi.StringWidth(text[n]))/2)) + text[n]
		}
		out[i] = pad(line, m.w)
	}
	return out
}

func (m *root) spinner() string {
	r := m.jobs.current
	if r == nil || m.opt.NoMotion {
		return ""
	}
	s := m.view.theme.spinner
	return s[r.frame%len(s)] + " "
}

// banner says on a line of its own that what is shown could not be read again.
func (m *root) banner() string {
	if m.err == nil || m.view.report == nil {
		return ""
	}
	t := m.view.theme
	text := safetext.Join(safetext.Line(t.glyphs.Alarm), safetext.Line("Could not read again, this is "+m.age()+" old:"), safetext.Line(m.err.Error()))
	return t.paint(explain.Bad, explain.Trim(text, m.w, t.glyphs.More))
}

// age returns how old what is shown is.
func (m *root) age() string {
	d := m.jobs.now().Sub(m.read).Round(time.Second)
	return max(d, 0).String()
}

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
		mark := explain.TrustMark(r.Trust, t.glyphs)
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

// tabLabels returns the names of the screens as the tabs show them.
func (m *root) tabLabels() []string {
	compact := m.headRows() == 1
	short := m.w < 56 || compact
	out := make([]string, len(m.screens))
	for i, s := range m.screens {
		key, name := itoa(i+1), " "+s.name()
		if _, ok := s.(*findings); ok {
			key, name = "!", ""
			if m.view.report != nil {
				n := len(m.view.report.Findings)
				name = " " + itoa(n)
				if m.w >= 66 && !compact {
					name += " finding"
					if n != 1 {
						name += "s"
					}
				}
			}
		}
		if short && i != m.active && key != "!" {
			name = ""
		}
		switch {
		case i == m.active:
			out[i] = "[" + key + name + "]"
		case compact:
			out[i] = key + name
		default:
			out[i] = " " + key + name + " "
		}
	}
	return out
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

// footer draws the last line: what is typed, a toast, or the keys.
func (m *root) footer() string {
	t := m.view.theme
	switch {
	case m.input != nil:
		return m.inputLine()
	case m.toast != nil:
		return pad(t.paint(m.toast.role, explain.Trim(m.toast.text, m.w, t.glyphs.More)), m.w)
	}
	var keys []binding
	for _, sc := range m.scopesNow() {
		for _, b := range bindings() {
			if b.scope == sc && b.brief != "" && (b.why == nil || b.why(m) == "") {
				keys = append(keys, b)
			}
		}
	}
	slices.SortStableFunc(keys, func(a, b binding) int { return a.rank - b.rank })
	// Help and quit are always there; the others while there is room.
	const most, always = 6, 8
	room := m.w
	for _, b := range keys {
		if b.rank >= always {
			room -= ansi.StringWidth(m.keyHint(b)) + 3
		}
	}
	var parts []string
	for _, b := range keys {
		hint := m.keyHint(b)
		if b.rank < always {
			if w := ansi.StringWidth(hint) + 3; w > room || len(parts) >= most-2 {
				continue
			} else {
				room -= w
			}
		}
		parts = append(parts, hint)
	}
	return pad(strings.Join(parts, t.paint(explain.Faint, " "+t.bar+" ")), m.w)
}

func (m *root) keyHint(b binding) string {
	what := b.brief
	switch board := m.screen().board(); {
	case what == "filter" && board.onDetail():
		what = "search"
	case what == "full screen" && board.zoom:
		what = "panes"
	}
	return m.view.theme.key.Render(b.keys[0]) + " " + m.view.theme.paint(explain.Faint, what)
}

func (m *root) inputLine() string {
	t := m.view.theme
	count := itoa(len(m.input.detailHits())) + " found"
	if l := m.input.list; l != nil {
		count = itoa(len(l.shown)) + "/" + itoa(len(l.rows))
	}
	hint := count + "  enter keep  esc drop"
	if m.w < 60 {
		hint = count
	}
	typed := safetext.Line(m.input.text)
	room := m.w - len(hint) - 5
	shown := typed.String()
	if typed.Width() > room {
		shown = t.glyphs.More + ansi.TruncateLeft(shown, typed.Width()-room+ansi.StringWidth(t.glyphs.More), "")
	}
	left := t.key.Render("/") + " " + shown + t.cursor.Render(" ")
	return pad(left+strings.Repeat(" ", max(0, m.w-ansi.StringWidth(left)-len(hint)))+t.paint(explain.Faint, hint), m.w)
}

func (in *input) detailHits() []int {
	if in.detail == nil {
		return nil
	}
	return in.detail.hits
}

// overlay draws the popup over the lines of the frame.
func (m *root) overlay(lines []string) string {
	t := m.view.theme
	p := m.popupPlace(m.headRows(), m.bodyRows())
	box := frame(p, m.popup.label(), m.popup.draw(t), true, t)
	canvas := lipgloss.NewCanvas(m.w, m.h)
	canvas.Compose(lipgloss.NewCompositor(
		lipgloss.NewLayer(strings.Join(lines, "\n")).Z(0),
		lipgloss.NewLayer(strings.Join(box, "\n")).X(p.x).Y(p.y).Z(1),
	))
	return canvas.Render()
}
