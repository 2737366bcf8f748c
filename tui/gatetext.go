package tui

import (
	"fmt"
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// show brings the detail to what is selected among the gates.
func (g *gates) show(x *text, v *view) {
	r := g.at()
	if i := g.list.selected(); i >= 0 {
		x.show("gates\n"+g.list.rows[i].id, r.title(), func(w int) []string {
			d := newDoc(v, w)
			g.text(d, r)
			return d.lines
		})
		return
	}
	x.show("gates", "Gate", nil)
}

func (r gateRow) title() string {
	switch {
	case r.evidence != nil:
		return "Wrong bytes"
	case r.cache != nil:
		return "Cache behind the gate"
	case r.event != nil:
		return "Asked for"
	case r.conflict != "":
		return "Alarm"
	case r.problem != "", r.trouble != "":
		return "Not known"
	}
	return "Gate"
}

func (g *gates) text(d *doc, r gateRow) {
	switch {
	case r.trouble != "":
		d.para(explain.Unsure, safetext.Text(r.trouble))
		d.para(explain.Plain, safetext.Line("What is listed is what was seen before. It is tried again every second."))
		return
	case r.problem != "":
		d.para(explain.Unsure, safetext.Text(r.problem))
		d.para(explain.Plain, safetext.Line("Nothing that depends on it is served."))
	case r.conflict != "":
		d.alarm(safetext.Text(r.conflict))
	case r.evidence != nil:
		d.evidence(r.evidence)
	case r.cache != nil:
		d.cache(r.cache, g.reading.now())
	case r.event != nil:
		d.event(r.event)
	case r.gate != nil:
		d.gate(r.gate, g.reading.now())
		return
	default:
		return
	}
	d.field("gate", safetext.Text(r.gate.Name))
}

func (d *doc) evidence(e *gate.Evidence) {
	d.alarm(safetext.Line("A cache had something else than what was accepted."))
	d.para(explain.Plain, safetext.Line("Nothing of it was passed on as whole: another cache was asked, or the path was refused. Take it for an attack until you know better: ask whoever runs the cache."))
	d.gap()
	d.field("path", safetext.ASCII(string(e.Path)))
	d.field("cache", safetext.URL(e.Cache))
	d.fieldIn(explain.Good, "pinned", safetext.Line(e.Pinned.String()))
	d.fieldIn(explain.Danger, "came", safetext.Text(e.Got))
	d.field("when", safetext.Line(momentText(e.When)))
}

func (d *doc) cache(c *gate.CacheStatus, now time.Time) {
	m := cacheMark(c, now, d.theme.glyphs)
	d.head(m, safetext.URL(c.URL))
	if means := gateMeans[m.Word]; means != "" {
		d.para(explain.Plain, safetext.Line(means))
	}
	d.gap()
	d.field("delivered", safetext.Line(counted(int(c.Delivered), "path")+", "+sizeText(c.Bytes)))
	if c.Begins > 0 {
		d.field("begins", safetext.Line("after "+c.Begins.Round(time.Millisecond/10).String()))
	}
	d.number(explain.Plain, "absent", c.Absent, "pinned path that it does not have", "pinned paths that it does not have")
	d.number(explain.Caution, "failed", c.Failed, "question without an answer", "questions without an answer")
	d.number(explain.Danger, "wrong", c.Wrong, "answer that was not what is pinned", "answers that were not what is pinned")
	if now.Before(c.Until) {
		d.fieldIn(explain.Caution, "skipped", safetext.Line("for "+c.Until.Sub(now).Round(time.Second).String()+" more, as it failed"))
	}
}

// number adds a count when it is not zero.
func (d *doc) number(role explain.Role, label string, n int64, one, many string) {
	switch n {
	case 0:
	case 1:
		d.fieldIn(role, label, safetext.Line("1 "+one))
	default:
		d.fieldIn(role, label, safetext.Line(fmt.Sprintf("%d %s", n, many)))
	}
}

func (d *doc) event(e *gate.Event) {
	d.head(eventMark(e, d.theme.glyphs), pathName(e.Path))
	means := eventMeans[e.Result]
	if means == "" {
		means = "How it ended is not known."
	}
	d.para(explain.Plain, safetext.Line(means))
	d.gap()
	d.field("path", safetext.ASCII(e.Path))
	if e.Cache == "" {
		d.field("cache", safetext.Line("none"))
	} else {
		d.field("cache", safetext.URL(e.Cache))
	}
	d.field("sent", safetext.Line(sizeText(e.Bytes)))
	d.field("when", safetext.Line(momentText(e.When)))
}

func (d *doc) gate(v *GateView, now time.Time) {
	m := gateMark(v, d.theme.glyphs)
	d.head(m, safetext.Text(v.Name))
	if means := gateMeans[m.Word]; means != "" {
		d.para(explain.Plain, safetext.Line(means))
	}
	if v.Text != "" {
		d.para(explain.Plain, safetext.Text(v.Text))
	}
	d.gap()
	d.field("address", safetext.Text(v.Address))
	role, key := keyWord(v.Key)
	d.fieldIn(role, "key", safetext.Line(key))
	if v.KeyText != "" {
		d.note(explain.Faint, safetext.Text(v.KeyText))
	}
	if v.State == GateRunning {
		d.status(&v.Status, now)
	}
	if v.Dir != "" {
		d.field("folder", d.style(0).Path(v.Dir))
	}
	for i, f := range v.Start {
		if i == 0 {
			d.title("What to do")
		}
		d.para(explain.Plain, safetext.Text(f.Title))
		if f.Detail != "" {
			d.note(explain.Faint, safetext.Text(f.Detail))
		}
		for _, l := range safetext.Verbatim(f.Command) {
			d.cut(4, explain.Command, l.String())
		}
	}
}

func keyWord(k KeyState) (explain.Role, string) {
	switch k {
	case KeyInForce:
		return explain.Good, "in force"
	case KeyNotInForce:
		return explain.Caution, "not in force: the daemon refuses what it signs"
	case KeyMissing:
		return explain.Caution, "there is none yet"
	}
	return explain.Unsure, "not known whether it is in force"
}

// status adds what a gate says of itself.
func (d *doc) status(s *gate.Status, now time.Time) {
	if s.PublicKey != "" {
		d.field("public", safetext.ASCII(s.PublicKey))
	}
	epoch := "fresh: what is granted now is found at once"
	if !s.Fresh {
		epoch = "used within the hour: a daemon may remember that a path was not there"
	}
	d.field("epoch", safetext.Line(itoa(s.Epoch)+", "+epoch))
	serves := "nothing, as nothing is granted"
	if len(s.Grants) > 0 {
		serves = counted(s.Paths, "path") + " of " + counted(len(s.Grants), "grant")
	}
	d.field("serves", safetext.Line(serves))
	if !s.Started.IsZero() {
		d.field("started", safetext.Line(momentText(s.Started)+", "+ageText(now.Sub(s.Started))))
	}
	d.title("Since it was started")
	c := s.Served
	asked := "nothing yet"
	if c.Infos+c.Misses > 0 {
		asked = counted(int(c.Infos), "time") + " for what is pinned, " + counted(int(c.Misses), "time") + " for what is not"
	}
	d.field("asked", safetext.Line(asked))
	d.field("sent", safetext.Line(counted(int(c.Contents), "path")+", "+sizeText(c.Bytes)))
	d.number(explain.Bad, "refused", c.Refused, "path", "paths")
	d.number(explain.Danger, "wrong", c.Wrong, "answer of a cache that was not what is pinned", "answers of caches that were not what is pinned")
	for i, g := range limited(s.Grants) {
		if i == 0 {
			d.title("Grants that it was told of")
		}
		d.para(explain.Plain, safetext.Join(safetext.Text(g.Flake), safetext.Line(d.theme.glyphs.Dot), safetext.Text(g.State), safetext.Line(d.theme.glyphs.Dot), safetext.Line(counted(g.Paths, "path"))))
	}
	d.gap()
}

func momentText(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Local().Format(time.DateTime)
}
