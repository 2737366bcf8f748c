package tui

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

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
	n -= len(m.banners())
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
	lines = append(lines, m.banners()...)
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
			text = append(text, explain.Wrap(l, max(m.w-4, 8))...)
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
	if m.opt.NoMotion {
		return ""
	}
	return m.spin.View() + " "
}

// banners are the lines between the header and the body: what went wrong, and
// what goes on.
func (m *root) banners() (lines []string) {
	if b := m.banner(); b != "" {
		lines = append(lines, pad(b, m.w))
	}
	if t := m.going(); t != nil && t.slow {
		lines = append(lines, t.line(m.w, m.jobs.now(), m.view.theme, m.opt.NoMotion))
	}
	return lines
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

// overlay draws the popup over the lines of the frame.
func (m *root) overlay(lines []string) string {
	t := m.view.theme
	p := m.popupPlace(m.headRows(), m.bodyRows())
	box := frame(p, m.popup.label(), m.popup.draw(t), true, t)
	for i := m.headRows(); i < len(lines)-1; i++ { // what lies under it steps back
		lines[i] = t.stale.Render(ansi.Strip(lines[i]))
	}
	canvas := lipgloss.NewCanvas(m.w, m.h)
	canvas.Compose(lipgloss.NewCompositor(
		lipgloss.NewLayer(strings.Join(lines, "\n")).Z(0),
		lipgloss.NewLayer(strings.Join(box, "\n")).X(p.x).Y(p.y).Z(1),
	))
	return canvas.Render()
}
