package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The Caches screen shows how each cache answered when it was last probed, and
// when that was. It probes none by itself.

// A probed is what is known of the caches by probes.
type probed struct {
	backend ProbeBackend // nil when there is none
	reading lane
	work    lane // probes, and diagnoses
	readOf  *trust.Report
	last    map[string]probe.Result // by trust.BareURL
	info    Probes
	err     error // why earlier probes are not known
}

// wanted starts to read the results of earlier probes when they are shown for the
// first time, and when everything was read again.
func (s *caches) wanted() tea.Cmd {
	p := &s.probes
	if s.view == nil || s.report == nil || p.backend == nil || p.readOf == s.report {
		return nil
	}
	p.readOf = s.report
	b := p.backend
	return begin(&p.reading, "reading earlier probes", safetext.S{}, func(ctx ctx, _ progress) (Probes, error) {
		return b.Probes(ctx)
	}, func(found Probes, err error) tea.Cmd {
		if p.err = err; err == nil {
			p.info = found
			p.note(found.Results)
		}
		s.fill()
		return nil
	})
}

// note takes results, of each cache the newer one.
func (p *probed) note(results []probe.Result) {
	if p.last == nil {
		p.last = map[string]probe.Result{}
	}
	for _, r := range results {
		if at := trust.BareURL(r.URL); !r.At.Before(p.last[at].At) {
			p.last[at] = r
		}
	}
}

// of is the last probe of a cache. A priority in the cache's own URL comes before
// that of the URL that was probed.
func (p *probed) of(c *trust.CacheReport) (probe.Result, bool) {
	r, ok := p.last[trust.BareURL(c.URL)]
	if n, err := strconv.Atoi(c.Priority); ok && err == nil {
		r.Priority = n
	}
	return r, ok
}

func (s *caches) age(at time.Time) string { return explain.ProbeAge(at, s.probes.work.now()) }

// probeCell is the last probe in a column.
func (s *caches) probeCell(c *trust.CacheReport) cell {
	r, ok := s.probes.of(c)
	if !ok {
		return cell{}
	}
	now := s.probes.work.now()
	m := explain.ProbeMark(r, s.theme.glyphs)
	what := m.Word
	if m.Role == explain.Good {
		if took := cmp.Or(r.Miss.Typical, r.Hit.Typical); took > 0 {
			what = explain.Span(took)
		}
	}
	if explain.OldProbe(r.At, now) {
		m.Role = explain.Faint
	}
	return own(m.Role, m.Glyph+" "+briefAge(now.Sub(r.At))+" "+what) // the end is what may be cut
}

// briefAge is an age in the fewest characters.
func briefAge(d time.Duration) string {
	switch {
	case d < -time.Minute:
		return "?"
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return itoa(int(d/time.Hour)) + "h"
	}
	return itoa(int(d/(24*time.Hour))) + "d"
}

// lastProbe adds what the last probe of a cache found.
func (d *doc) lastProbe(s *caches, c *trust.CacheReport) {
	p := &s.probes
	if p.backend == nil {
		return
	}
	r, ok := p.of(c)
	switch {
	case p.err != nil:
		d.gap()
		d.para(explain.Unsure, safetext.Join(safetext.Line(d.theme.glyphs.Unsure+" Earlier probes are not known:"), safetext.Text(safetext.Redact(p.err.Error()))))
	case !ok:
		d.gap()
		d.para(explain.Faint, safetext.Line("It was never probed. Press p to ask it how it is."))
	}
	if !ok {
		return
	}
	old := explain.OldProbe(r.At, p.work.now())
	m := explain.ProbeMark(r, d.theme.glyphs)
	role := explain.Plain
	if old { // no colour says that it is so now
		m.Role, role = explain.Faint, explain.Faint
	}
	d.title("Last probe, " + s.age(r.At))
	d.para(m.Role, safetext.Line(m.String()))
	for _, l := range explain.ProbeLines(r, max(p.info.AtOnce, 0)) {
		d.para(role, safetext.Text(l))
	}
	if text := s.turnOf(c); c.InEffect && text != "" {
		d.para(role, safetext.Line(text))
	}
}

// turnOf says when Nix asks a cache in effect, among those that were probed; ""
// when it does not.
func (s *caches) turnOf(c *trust.CacheReport) string {
	var urls []string
	var list []probe.Result
	unknown := 0
	for i := range s.report.Caches {
		o := &s.report.Caches[i]
		if !o.InEffect {
			continue
		}
		r, ok := s.probes.of(o)
		if !ok {
			unknown++
			continue
		}
		urls, list = append(urls, o.URL), append(list, r)
	}
	asked, rest := probe.Order(list)
	is := func(i int) bool { return urls[i] == c.URL }
	at := slices.IndexFunc(asked, is)
	if at < 0 {
		if slices.ContainsFunc(rest, is) {
			return "Going by that, it is not known when Nix asks it."
		}
		return ""
	}
	text := fmt.Sprintf("Going by that, Nix asks it as number %d of %d, with priority %d: lower ones come first.", at+1, len(asked), list[asked[at]].Priority)
	if len(asked) == 1 {
		text = fmt.Sprintf("Going by that, its priority is %d: caches with a lower one are asked before it.", list[asked[at]].Priority)
	}
	if n := unknown + len(rest); n > 0 {
		text += " The place of " + counted(n, "other cache") + " is not known."
	}
	return text
}

// whyNoProbe says why nothing can be probed now.
func (m *root) whyNoProbe() string {
	p := &m.caches.probes
	switch {
	case p.backend == nil:
		return "There is nothing here to probe with."
	case p.work.current != nil:
		return "One thing at a time: it is " + p.work.current.label + ". Press esc to stop that."
	}
	return ""
}

func (m *root) whyNoProbeOne() string {
	s := m.caches
	switch {
	case m.whyNoProbe() != "":
		return m.whyNoProbe()
	case s.onKeys():
		return "A key is selected. Press shift+tab, and select a cache."
	case s.cache() == nil:
		return "No cache is selected."
	}
	return ""
}

func (m *root) whyNoProbeAll() string {
	if why := m.whyNoProbe(); why != "" {
		return why
	}
	if len(m.caches.inEffect()) == 0 {
		return "No cache is in effect."
	}
	return ""
}

// inEffect are the caches that every build asks.
func (s *caches) inEffect() (urls []string) {
	for i := range s.report.Caches {
		if c := &s.report.Caches[i]; c.InEffect {
			urls = append(urls, c.URL)
		}
	}
	return urls
}

func (m *root) askProbeOne() tea.Cmd { return m.askProbe([]string{m.caches.cache().URL}) }
func (m *root) askProbeAll() tea.Cmd { return m.askProbe(m.caches.inEffect()) }

// askProbe says which hosts would be asked, and asks. Folders tell nobody.
func (m *root) askProbe(urls []string) tea.Cmd {
	hosts := probe.Hosts(urls)
	if len(hosts) == 0 {
		return m.probe(urls)
	}
	unkept := m.caches.probes.info.Unkept
	q := &question{makes: "Ask", yes: func(m *root) tea.Cmd { return m.probe(urls) }}
	return m.ask("Ask the network?", q, func(d *doc) {
		d.asked(hosts, len(urls), m.opt.Demo)
		d.gap()
		d.para(explain.Plain, safetext.Line("Each is asked for its nix-cache-info and for paths that were made up, a few times, one after the other."))
		if unkept != "" {
			d.para(explain.Plain, safetext.Line("The results are shown here, and not kept: "+unkept))
		} else {
			d.para(explain.Plain, safetext.Line("The results are kept with their time, readable by you alone."))
		}
	})
}

// asked says who would be asked and learn of no path.
func (d *doc) asked(hosts []string, caches int, madeUp bool) {
	d.para(explain.Strong, safetext.Line(counted(len(hosts), "host")+" would be asked, and learn of no path that you use:"))
	d.hosts(hosts, madeUp)
	if n := caches - len(hosts); n > 0 {
		d.para(explain.Plain, safetext.Line(counted(caches, "cache")+" in all: folders of this machine tell nobody, and one host can have several."))
	}
}

func (m *root) probe(urls []string) tea.Cmd {
	s := m.caches
	b := s.probes.backend
	about := safetext.Line(counted(len(urls), "cache"))
	if len(urls) == 1 {
		about = safetext.URL(urls[0])
	}
	return begin(&s.probes.work, "probing", about, func(ctx ctx, p progress) ([]probe.Result, error) {
		return b.Probe(ctx, urls, p)
	}, func(results []probe.Result, err error) tea.Cmd {
		if err == nil && len(results) == 0 {
			err = errNothing
		}
		if err != nil {
			return m.cannot("Nothing was probed", err)
		}
		s.probes.note(results)
		s.fill()
		fine := 0
		for _, r := range results {
			if explain.ProbeMark(r, s.theme.glyphs).Role == explain.Good {
				fine++
			}
		}
		mark := explain.ProbeMark(results[0], s.theme.glyphs)
		said := safetext.Join(safetext.Line(mark.String()+":"), about)
		if len(results) > 1 {
			mark.Role = explain.Good
			if fine < len(results) {
				mark.Role = explain.Bad
			}
			said = safetext.Line(fmt.Sprintf("%d of %d are reachable, and Nix asks them.", fine, len(results)))
		}
		// The report tells of it, too, beside each flake that asks for it.
		return tea.Batch(m.jobs.start(), m.ages.keep(), m.say(mark.Role, said))
	})
}
