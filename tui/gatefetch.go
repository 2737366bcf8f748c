package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A fetch gets what a grant pins through a gate. As with all that goes to the
// network, it is said first who would learn of what.

// grantHere is the selected grant that can be fetched, or why there is none.
func (m *root) grantHere() (it *GrantItem, why string) {
	s := m.grants
	if s.gates == nil {
		return nil, "There is no gate here to fetch through."
	}
	it = s.at().item
	switch {
	case s.onGates():
		return nil, "Select a grant first: press tab."
	case it == nil:
		return nil, "There is no grant here to fetch: select a flake with a lock on screen 1 or 5, and press t."
	case it.Denied:
		return nil, "It is denied, so nothing of it is served."
	case !it.Counts || it.Unsure:
		return nil, "The grant does not count now, so nothing of it is fetched. Enter says why."
	}
	return it, ""
}

func (m *root) whyNoFetch() string {
	if why := m.whyNoChange(); why != "" {
		return why
	}
	if _, why := m.grantHere(); why != "" {
		return why
	}
	if t := m.grants.fetching.current; t != nil {
		return "One thing at a time: it is " + t.label + ". Press esc to stop that."
	}
	return ""
}

// askFetch says who would learn of what, and asks.
func (m *root) askFetch() tea.Cmd {
	s := m.grants
	it, _ := m.grantHere()
	id, b := it.Flake, s.gates.backend
	return begin(&s.fetching, "looking at what is pinned", safetext.S{}, func(ctx ctx, _ progress) (FetchAsk, error) {
		return b.FetchAsks(ctx, id)
	}, func(ask FetchAsk, err error) tea.Cmd {
		switch {
		case err != nil:
			return m.cannot("This cannot be fetched", err)
		case ask.Paths+ask.Left == 0 && ask.Had > 0:
			return m.say(explain.Good, safetext.Line("All of it is there already: "+counted(ask.Had, "path")+"."))
		case ask.Paths+ask.Left == 0:
			return m.say(explain.Caution, safetext.Line("There is nothing to fetch: the grant pins no path for this machine."))
		}
		m.input = nil
		q := &question{since: m.jobs.now(), makes: "Fetch it", yes: func(m *root) tea.Cmd { return m.fetch(id) }}
		return m.ask("Fetch through the gate?", q, func(d *doc) {
			d.para(explain.Plain, safetext.Line("What the grant pins is fetched through the gate, which lets the pinned bytes pass and nothing else. It goes into:"))
			d.note(explain.Place, safetext.Text(ask.Into))
			d.gap()
			if ask.Paths > 0 {
				d.told(ask.Hosts, ask.Folders, ask.Paths, m.opt.Demo)
				d.gap()
			}
			d.para(explain.Plain, safetext.Line(ask.amount()))
			if ask.Left > 0 {
				d.para(explain.Plain, safetext.Line(counted(ask.Left, "path")+" more, which the lock leaves out, would come from caches that this machine trusts anyway."))
			}
		})
	})
}

// amount says how much is to be fetched.
func (a FetchAsk) amount() string {
	text := "These have " + sizeText(a.Bytes) + ", unpacked."
	switch {
	case a.Had == 1:
		text += " 1 path more is there already."
	case a.Had > 1:
		text += " " + itoa(a.Had) + " paths more are there already."
	}
	return text
}

func (m *root) fetch(id string) tea.Cmd {
	s := m.grants
	b := s.gates.backend
	return begin(&s.fetching, "fetching", s.identity(id), func(ctx ctx, p progress) (FetchOutcome, error) {
		return b.Fetch(ctx, id, p)
	}, func(o FetchOutcome, err error) tea.Cmd {
		s.fetched[id] = &outcome[FetchOutcome]{o, err, s.fetching.now()}
		s.fill()
		switch {
		case err != nil:
			return m.cannot("Nothing was fetched", err)
		case o.Whole():
			return tea.Batch(m.ages.keep(), m.say(explain.Good, safetext.Join(safetext.Line(m.view.theme.glyphs.Good), safetext.Text(o.word()))))
		}
		m.input = nil
		v := &m.view
		return tea.Batch(m.ages.keep(), m.show("Not all of it was fetched", func(w int) []string {
			d := newDoc(v, w)
			d.fetched(o)
			return d.lines
		}))
	})
}

// word says what came, in a sentence.
func (o FetchOutcome) word() string {
	text := fmt.Sprintf("%s arrived, verified, %s", counted(o.Paths, "path"), sizeText(o.Bytes))
	switch {
	case o.Paths == 0 && o.Had > 0:
		text = "All of it was there already: " + counted(o.Had, "path")
	case o.Had > 0:
		text += fmt.Sprintf("; %d more were there already", o.Had)
	}
	return text + "."
}

// fetched adds what came of a fetch.
func (d *doc) fetched(o FetchOutcome) {
	g := d.theme.glyphs
	mark := explain.Mark{Glyph: g.Good, Word: "all of it is there", Role: explain.Good}
	if !o.Whole() {
		mark = explain.Mark{Glyph: g.Bad, Word: "not all of it is there", Role: explain.Bad}
	}
	d.para(mark.Role, safetext.Line(mark.String()))
	d.para(explain.Plain, safetext.Text(o.word()))
	if o.Into != "" {
		d.note(explain.Place, safetext.Text(o.Into))
	}
	for _, w := range o.Wrong {
		d.alarm(safetext.Text(w))
	}
	for i, r := range o.Refused {
		if i == mostRefused {
			d.para(explain.Faint, safetext.Line("and "+itoa(len(o.Refused)-i)+" more"))
			break
		}
		d.marked(explain.Mark{Glyph: g.Bad, Role: explain.Bad}, safetext.Text(r))
	}
	for _, n := range o.Notes {
		d.para(explain.Plain, safetext.Text(n))
	}
}

// marked adds wrapped text behind a glyph.
func (d *doc) marked(m explain.Mark, s safetext.S) {
	lead := "  " + m.Glyph + " "
	n := ansi.StringWidth(lead)
	for _, l := range explain.Wrap(s, max(d.w-n, 8)) {
		d.lines = append(d.lines, d.theme.paint(m.Role, lead+l))
		lead = strings.Repeat(" ", n)
	}
}

// mostRefused is how many paths that did not arrive are listed.
const mostRefused = 50
