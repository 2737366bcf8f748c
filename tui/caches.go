package tui

import (
	"fmt"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// caches shows every cache and every key across the machine.
type caches struct {
	b    board
	urls *list
	keys *list
	*view
	probes probed
}

func newCaches(b ProbeBackend, reading, work lane) *caches {
	s := &caches{probes: probed{backend: b, reading: reading, work: work}}
	s.urls = &list{
		title: "Caches",
		cols: []column{{title: "by itself", min: 11}, {title: "cache", min: 28, keep: keepEnds}, {title: "in effect", min: 9, most: 9, drop: 3},
			{title: "prio", min: 4, most: 6, drop: 4, right: true}, {title: "asked by", min: 8, most: 10, drop: 2}, {title: "probed", min: 11, most: 18, drop: 1}},
		empty: []string{"No cache is in effect and no flake asks for one.", "Nix then builds everything itself."},
	}
	s.keys = &list{
		title: "Keys",
		cols:  []column{{min: 16}, {min: 14, keep: keepEnds}},
		empty: []string{"No key is in effect: no signature is accepted."},
	}
	s.b = board{lists: []*list{s.urls, s.keys}, detail: &text{title: "Cache"}, shape: listsLeft}
	return s
}

func (s *caches) name() string  { return "Caches" }
func (s *caches) board() *board { return &s.b }

func (s *caches) load(v *view) {
	s.view = v
	s.fill()
}

// probedMin is how narrow the column of probes may get beside its glyph: the age
// and how long a miss takes have to be seen.
const probedMin = 10

// fill makes the rows anew.
func (s *caches) fill() {
	v := s.view
	if v == nil || v.report == nil {
		return
	}
	s.b.detail.renew()
	s.urls.cols[len(s.urls.cols)-1].min = probedMin + ansi.StringWidth(v.theme.glyphs.Good)
	g := v.theme.glyphs
	rows := make([]row, len(v.report.Caches))
	for i := range v.report.Caches {
		c := &v.report.Caches[i]
		m := explain.CacheMark(c.State, g)
		effect := "no"
		if c.InEffect {
			effect = "yes"
		}
		flakes := ""
		if n := len(c.Flakes); n > 0 {
			flakes = counted(n, "flake")
		}
		if n := len(c.Granted); n > 0 { // that goes for this flake alone, not for the cache by itself
			flakes = fmt.Sprintf("%d granted", n)
		}
		url := cell{safetext.URL(c.URL), explain.Plain}
		if _, bad := safetext.SuspectHost(c.URL); bad {
			url = cell{safetext.Join(safetext.Line(g.Alarm), url.text), explain.Danger}
		}
		rows[i] = newRow(c.URL, own(m.Role, m.String()), url, own(explain.Plain, effect), cell{safetext.Line(c.Priority), explain.Faint}, own(explain.Plain, flakes), s.probeCell(c))
		rows[i].old = !c.InEffect
	}
	s.urls.set(rows)
	rows = make([]row, len(v.report.Keys))
	for i := range v.report.Keys {
		k := &v.report.Keys[i]
		m := explain.KeyMark(*k, s.theme.glyphs)
		rows[i] = newRow(k.Text, own(m.Role, m.String()), cell{safetext.ASCII(k.Text), explain.Plain})
		rows[i].old = !k.InEffect
	}
	s.keys.set(rows)
	s.follow()
}

func (s *caches) cache() *trust.CacheReport {
	if i := s.urls.selected(); i >= 0 {
		return &s.report.Caches[i]
	}
	return nil
}

func (s *caches) key() *trust.KeyReport {
	if i := s.keys.selected(); i >= 0 {
		return &s.report.Keys[i]
	}
	return nil
}

// onKeys reports whether the detail is about the selected key.
func (s *caches) onKeys() bool { return s.b.last == 1 }

func (s *caches) follow() {
	if s.onKeys() {
		if k := s.key(); k != nil {
			s.b.detail.show("key "+k.Text, "Key", func(w int) []string { return s.keyText(k, w) })
			return
		}
	}
	if c := s.cache(); c != nil {
		s.b.detail.show("cache "+c.URL, "Cache", func(w int) []string { return s.cacheText(c, w) })
		return
	}
	s.b.detail.show("", "Cache", nil)
}

func (s *caches) cacheText(c *trust.CacheReport, w int) []string {
	d := newDoc(s.view, w)
	d.head(explain.CacheMark(c.State, s.theme.glyphs), safetext.URL(c.URL))
	if c.InEffect {
		d.para(explain.Plain, safetext.Line("It is in effect for you, whatever the flake."))
	} else {
		d.para(explain.Plain, safetext.Line("It is not in effect by itself; only a flake asks for it."))
	}
	if why, bad := safetext.SuspectHost(c.URL); bad {
		d.alarm(why)
	}
	d.gap()
	if c.Priority != "" {
		d.field("priority", safetext.Line(c.Priority))
	}
	for _, l := range c.ListedBy {
		d.field("admitted by", safetext.Line(l))
	}
	if len(c.ListedBy) == 0 {
		d.fieldIn(explain.Faint, "admitted by", safetext.Line("no list of the daemon"))
	}
	d.origins(c.Origins)
	d.lastProbe(s, c)
	if len(c.Keys) > 0 {
		d.title("Keys named after it")
		for _, k := range c.Keys {
			d.field("key", safetext.ASCII(k))
			for i := range s.report.Keys {
				if s.report.Keys[i].Text == k {
					d.origins(s.report.Keys[i].Origins)
				}
			}
		}
	}
	d.flakes("Flakes that ask for it", c.Flakes)
	d.flakes("Flakes for which pinned paths of it come through the gate", c.Granted)
	if len(c.Reasons) > 0 {
		d.gap()
		d.lines = append(d.lines, explain.Chain(c.Reasons, s.style(w))...)
	}
	return d.lines
}

func (s *caches) keyText(k *trust.KeyReport, w int) []string {
	d := newDoc(s.view, w)
	d.head(explain.KeyMark(*k, s.theme.glyphs), safetext.ASCII(k.Name))
	d.field("key", safetext.ASCII(k.Text))
	if k.InEffect {
		d.para(explain.Plain, safetext.Line("Whoever holds its secret half can supply any path that Nix substitutes here."))
	} else {
		d.para(explain.Plain, safetext.Line("No signature by it is accepted; only a flake asks for it."))
	}
	d.origins(k.Origins)
	if k.Problem != nil {
		d.gap()
		d.lines = append(d.lines, explain.Chain([]trust.Reason{*k.Problem}, s.style(w))...)
	}
	d.flakes("Flakes that ask for it", k.Flakes)
	return d.lines
}

func (s *caches) value() (what, text string) {
	if s.onKeys() {
		if k := s.key(); k != nil {
			return "key", k.Text
		}
	} else if c := s.cache(); c != nil {
		return "URL", c.URL
	}
	return "", ""
}

func (s *caches) fixes() []trust.Fix {
	if s.onKeys() {
		if k := s.key(); k != nil && k.Problem != nil {
			return k.Problem.Fixes
		}
		return nil
	}
	if c := s.cache(); c != nil {
		return explain.Fixes(c.Reasons)
	}
	return nil
}

// origin says where a value comes from, in words. It is not yet safe to show.
func (d *doc) origin(o nixconf.Origin) string { return explain.Style{Home: d.home}.Origin(o) }

// origins adds where something comes from.
func (d *doc) origins(all []nixconf.Origin) {
	for _, o := range all {
		d.field("set by", safetext.Line(d.origin(o)))
	}
}

// flakes adds a list of flakes by their index in the report.
func (d *doc) flakes(title string, indexes []int) {
	const most = 50
	if len(indexes) == 0 {
		return
	}
	d.title(title)
	for n, i := range indexes {
		if n == most {
			d.para(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", len(indexes)-most)))
			break
		}
		if i < 0 || i >= len(d.report.Flakes) {
			continue
		}
		f := &d.report.Flakes[i]
		name := safetext.Text(f.ID.Ref)
		if f.ID.Path != "" {
			name = d.style(0).Path(f.ID.Path)
		}
		m := explain.FlakeMark(f, d.theme.glyphs)
		room := d.w - ansi.StringWidth(m.String()) - 3
		d.lines = append(d.lines, pad("  "+d.theme.paint(m.Role, m.String())+" "+explain.Shorten(name, max(room, 4), d.theme.glyphs.More), d.w))
	}
}
