package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// complainer is a screen on which a cache can be selected.
type complainer interface {
	// complaint is the selected cache for its flake, or why there is none.
	complaint() (Complaint, string)
}

func (s *overview) complaint() (Complaint, string) {
	f, c := s.selectedFlake(), s.selectedClaim()
	switch {
	case f == nil:
		return Complaint{}, "No flake is selected."
	case c.cache == nil:
		return Complaint{}, "No cache is selected. Press enter, and select one that the flake asks for."
	}
	return Complaint{Cache: c.cache.URL, Flake: f.ID}, ""
}

func (s *caches) complaint() (Complaint, string) {
	c := s.cache()
	switch {
	case s.onKeys():
		return Complaint{}, "A key is selected. Press shift+tab, and select a cache."
	case c == nil:
		return Complaint{}, "No cache is selected."
	case len(c.Flakes) == 1 && !c.InEffect:
		return Complaint{Cache: c.URL, Flake: s.report.Flakes[c.Flakes[0]].ID}, ""
	}
	return Complaint{Cache: c.URL}, ""
}

func (m *root) complaint() (Complaint, string) {
	if s, ok := m.screen().(complainer); ok {
		return s.complaint()
	}
	return Complaint{}, "No cache is selected here: press 1 or 2."
}

func (m *root) whyNoDiagnosis() string {
	if why := m.whyNoProbe(); why != "" {
		return why
	}
	if m.opt.NoDiagnosis != "" {
		return m.opt.NoDiagnosis
	}
	_, why := m.complaint()
	return why
}

// askDiagnosis asks whether the selected cache may be asked how it is.
func (m *root) askDiagnosis() tea.Cmd {
	q, _ := m.complaint()
	hosts := probe.Hosts([]string{q.Cache})
	if len(hosts) == 0 { // a folder tells nobody
		return m.diagnose(q)
	}
	return m.ask("Ask the network?", m.diagnosing(q), func(d *doc) {
		d.asked(hosts, 1, m.opt.Demo)
		d.why(m, q)
	})
}

// diagnosing is the question before a diagnosis.
func (m *root) diagnosing(q Complaint) *question {
	return &question{makes: "Ask", yes: func(m *root) tea.Cmd { return m.diagnose(q) }}
}

// why says for what the network is asked.
func (d *doc) why(m *root, q Complaint) {
	d.gap()
	text := "The answer is put together with what this machine says of it, to tell why the cache is not used, or that it is"
	if q.Flake != (trust.FlakeID{}) {
		d.para(explain.Plain, safetext.Line(text+", for the flake"))
		d.note(explain.Place, m.complained(q))
		return
	}
	d.para(explain.Plain, safetext.Line(text+", whatever the flake."))
}

// complained is the flake that a diagnosis is for.
func (m *root) complained(q Complaint) safetext.S {
	if q.Flake.Path != "" {
		return m.view.style(0).Path(q.Flake.Path)
	}
	return safetext.Text(q.Flake.Ref)
}

// typePath asks for the path that does not come.
func (m *root) typePath() tea.Cmd {
	q, _ := m.complaint()
	m.input = &input{prompt: "store path", submit: func(m *root, path string) tea.Cmd {
		if q.Path = strings.TrimSpace(path); q.Path == "" {
			return m.say(explain.Plain, safetext.Line("No path was named."))
		}
		return m.askPath(q)
	}}
	m.toast = nil
	return nil
}

// askPath finds what the cache would learn, and asks.
func (m *root) askPath(q Complaint) tea.Cmd {
	b := m.caches.probes.backend
	return begin(&m.caches.probes.work, "looking at", safetext.Line(q.Path), func(ctx ctx, _ progress) (Told, error) {
		return b.DiagnosisAsks(ctx, q)
	}, func(told Told, err error) tea.Cmd {
		switch {
		case err != nil:
			return m.cannot("This cannot be diagnosed", err)
		case len(told.Hosts) == 0:
			return m.diagnose(q)
		}
		m.input = nil
		ask := m.diagnosing(q)
		ask.since = m.jobs.now()
		return m.ask("Ask the network?", ask, func(d *doc) {
			d.told(told.Hosts, told.Folders, told.Paths, m.opt.Demo)
			d.why(m, q)
		})
	})
}

func (m *root) diagnose(q Complaint) tea.Cmd {
	s := m.caches
	b := s.probes.backend
	return begin(&s.probes.work, "diagnosing", safetext.URL(q.Cache), func(ctx ctx, _ progress) (Diagnosis, error) {
		return b.Diagnose(ctx, q)
	}, func(d Diagnosis, err error) tea.Cmd {
		if err == nil && d == nil {
			err = errNothing
		}
		if err != nil {
			return m.cannot("This was not diagnosed", err)
		}
		m.input = nil
		v := &m.view
		return tea.Batch(m.jobs.start(), m.ages.keep(), m.show("Why it is used or not", func(w int) []string {
			out := newDoc(v, w)
			if q.Flake != (trust.FlakeID{}) {
				out.para(explain.Faint, safetext.Join(safetext.Line("for"), m.complained(q)))
				out.gap()
			}
			return append(out.lines, d.Lines(v.style(w))...)
		}))
	})
}
