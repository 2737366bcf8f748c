package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// popupPlace returns where the popup is drawn, below the header.
func (m *root) popupPlace(head, body int) place {
	w := min(m.w, 90)
	if m.w < stackFrom {
		w = m.w
	}
	h := body
	if n := len(m.popup.lines) + 2; m.popup.width > 0 && n < h {
		h = max(n, 5)
	}
	return place{x: (m.w - w) / 2, y: head + (body-h)/2, w: w, h: h, boxed: true}
}

func (m *root) show(title string, render func(w int) []string) tea.Cmd {
	m.popup = &text{title: title, render: render}
	m.question, m.toast = nil, nil // no answer to another text is one to this
	// It is laid out once at its width, so that its place can follow its length.
	m.layout()
	return nil
}

func (m *root) closePopup() tea.Cmd {
	m.popup, m.question = nil, nil
	return nil
}

// help shows every binding, with the reason of those that do nothing now.
func (m *root) help() tea.Cmd {
	now := m.scopesNow()
	type entry struct{ keys, what, why string }
	sections := map[scope][]entry{}
	for _, b := range m.keys {
		e := entry{keys: b.Help().Key, what: b.Help().Desc}
		if b.why != nil && slices.Contains(now, b.scope) {
			e.why = b.why(m)
		}
		sections[b.scope] = append(sections[b.scope], e)
	}
	t := m.view.theme
	return m.show("Keys and marks", func(w int) []string {
		var out []string
		for _, sc := range scopes {
			if len(out) > 0 {
				out = append(out, "")
			}
			out = append(out, t.paint(explain.Strong, string(sc)))
			for _, e := range sections[sc] {
				keys := e.keys
				if m.opt.ASCII {
					keys = asciiKeys.Replace(keys)
				}
				n := min(21, w/2)
				text := e.what
				if e.why != "" {
					text += " (now: " + strings.TrimSuffix(e.why, ".") + ")"
				}
				for i, l := range explain.Wrap(safetext.Line(text), w-n-2) {
					lead := strings.Repeat(" ", n+2)
					if i == 0 {
						lead = "  " + t.key.Render(keys) + strings.Repeat(" ", max(1, n-ansi.StringWidth(keys)))
					}
					out = append(out, lead+l)
				}
			}
		}
		out = append(out, "", t.paint(explain.Strong, "Marks"))
		g := t.glyphs
		for _, s := range []trust.CacheState{trust.StateUsable, trust.StateAsks, trust.StateDenied, trust.StateIgnored, trust.StateWrongKey, trust.StateOff, trust.StateUnknown} {
			mark := explain.CacheMark(s, g)
			for i, l := range explain.Wrap(safetext.Line(explain.CacheMeans(s)), w-20) {
				lead := strings.Repeat(" ", 20)
				if i == 0 {
					lead = "  " + t.paint(mark.Role, mark.String()) + strings.Repeat(" ", max(1, 18-ansi.StringWidth(mark.String())))
				}
				out = append(out, lead+l)
			}
		}
		for _, section := range []struct {
			title string
			marks []explain.Mark
			means map[string]string
		}{{"Marks of locks", lockMarks(g), lockMeans}, {"Marks of gates", gateMarks(g), gateMeans}} {
			out = append(out, "", t.paint(explain.Strong, section.title))
			for _, mark := range section.marks {
				for i, l := range explain.Wrap(safetext.Line(section.means[mark.Word]), w-20) {
					lead := strings.Repeat(" ", 20)
					if i == 0 {
						lead = "  " + t.paint(mark.Role, mark.String()) + strings.Repeat(" ", max(1, 18-ansi.StringWidth(mark.String())))
					}
					out = append(out, lead+l)
				}
			}
		}
		return out
	})
}

var asciiKeys = strings.NewReplacer("↑", "up", "↓", "down", "←", "left", "→", "right")

// readLog shows what the report was made from, and how long that took.
func (m *root) readLog() tea.Cmd {
	v, took, at, err := &m.view, m.took, m.read, m.err
	done := m.changes.done
	return m.show("What was read and changed", func(w int) []string {
		d := newDoc(v, w)
		if err != nil {
			d.fieldIn(explain.Bad, "failed", safetext.Line(err.Error()))
		}
		r := v.report
		if r == nil {
			d.para(explain.Plain, safetext.Line("Nothing was read yet."))
			return d.lines
		}
		d.field("read at", safetext.Line(at.Format("15:04:05")))
		d.field("took", safetext.Line(took.Round(100*time.Microsecond).String()))
		d.field("nix", d.style(0).Path(r.Nix.Path))
		d.field("store", safetext.Line(strings.TrimPrefix(storeWord(r.Nix.Store), "store: ")))
		if r.Nix.StoreWhy != "" {
			d.field("because", safetext.Line(r.Nix.StoreWhy))
		}
		d.title("The daemon was asked")
		d.field("socket", d.style(0).Path(r.Daemon.Socket))
		d.field("reply", safetext.Line(strings.ReplaceAll(r.Daemon.State.String(), "-", " ")))
		if r.Daemon.Err != "" {
			d.fieldIn(explain.Bad, "trouble", safetext.Text(r.Daemon.Err))
		}
		d.field("version", safetext.Line(r.Daemon.Version.String()))
		if len(r.TrustReasons) > 0 {
			d.title("Your standing")
			d.para(explain.Plain, safetext.Line(explain.TrustMeans(r)))
			d.gap()
			d.lines = append(d.lines, explain.Chain(r.TrustReasons, d.style(w))...)
		}
		if r.Client != nil {
			d.title("Configuration, in the order of application")
			for _, src := range r.Client.Read {
				d.source(src.State, src.Path)
			}
		}
		d.title("Saved answers")
		for _, f := range r.AnswerFiles {
			d.source(f.State, f.Path)
		}
		d.title("Files that set something")
		for _, f := range filesOf(r) {
			d.para(explain.Place, d.style(0).Path(f))
		}
		if len(r.Notes) > 0 {
			d.title("What could not be seen")
			for _, n := range r.Notes {
				d.para(explain.Unsure, safetext.Join(safetext.Line(d.theme.glyphs.Unsure), d.style(0).Path(n.Path)))
				d.note(explain.Plain, safetext.Text(n.Text))
			}
		}
		d.title("Flakes")
		d.field("found", safetext.Line(itoa(len(r.Flakes))))
		for i, c := range done {
			if i == 0 {
				d.title("Changed since the program started")
			}
			d.para(explain.Plain, safetext.Join(safetext.Line(c.at.Format("15:04:05")+" ("+itoa(c.n)+")"), safetext.Text(c.plan.Summary)))
			for _, s := range c.plan.Steps {
				d.note(explain.Place, d.style(0).Path(s.Path))
			}
		}
		return d.lines
	})
}

// source adds what became of a file.
func (d *doc) source(state nixconf.SourceState, path string) {
	word, role := "not read", explain.Unsure
	switch state {
	case nixconf.SourceRead:
		word, role = "read", explain.Plain
	case nixconf.SourceMissing:
		word, role = "not there", explain.Faint
	case nixconf.SourceUnreadable:
		word = "unreadable"
	case nixconf.SourceUnseen:
		word = "unknown"
	}
	d.fieldIn(role, word, d.style(0).Path(path))
}

// filesOf returns the files that the report names as the source of something,
// in order of their names.
func filesOf(r *trust.Report) []string {
	seen := map[string]bool{}
	add := func(file string) {
		if file != "" {
			seen[file] = true
		}
	}
	for _, s := range r.Settings {
		if s.Value == nil {
			continue
		}
		for _, a := range s.Value.History {
			add(a.Origin.Pos.File)
			for _, inc := range a.Origin.Included {
				add(inc.File)
			}
		}
	}
	for _, a := range r.Answers {
		add(a.File)
	}
	for _, f := range r.Findings {
		add(f.Where.File)
	}
	out := make([]string, 0, len(seen))
	for f := range seen {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}
