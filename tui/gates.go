package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// gates is the pane of the Grants screen that shows how the gates do. What it
// shows is read again every second, as long as somebody looks.
type gates struct {
	list    *list
	backend GateBackend // nil when there is none
	reading lane
	views   []GateView
	err     error     // of the last reading
	read    time.Time // when views were read, zero for never
	asked   time.Time // when the last reading ended, well or not
	rows    []gateRow
}

// A gateRow is what a row is about: its gate, and one of the other fields or
// none.
type gateRow struct {
	gate     *GateView
	trouble  string // the gates could not be asked
	problem  string
	conflict string
	evidence *gate.Evidence
	cache    *gate.CacheStatus
	event    *gate.Event
}

const (
	gatePoll  = time.Second     // between two readings
	gateStale = 3 * gatePoll    // from this age on it is said how old it is
	gateWait  = 3 * time.Second // for one reading
	mostRows  = 256             // of a kind, of each gate
)

// gateTick says that it is time to look again.
type gateTick struct{}

func newGates(b GateBackend, reading lane) *gates {
	return &gates{backend: b, reading: reading, list: &list{
		title: "Gates",
		cols: []column{{title: "state", min: 13, most: 16}, {title: "what", min: 30, keep: keepEnds}, {title: "sent", min: 8, most: 8, drop: 1, right: true},
			{title: "when", min: 8, most: 8, drop: 2}},
		empty: []string{"looking at the gates…"},
	}}
}

// looking is the lane in which the gates are looked at.
func (s *grants) looking() *lane {
	if s.gates == nil {
		return &lane{name: "gates"}
	}
	return &s.gates.reading
}

// due starts to look again when the last look is a second old; then redraws what
// was found.
func (g *gates) due(redraw func()) tea.Cmd {
	g.head()
	now := g.reading.now()
	if g.reading.current != nil || !g.asked.IsZero() && now.Sub(g.asked) < gatePoll-50*time.Millisecond {
		return nil
	}
	b := g.backend
	return begin(&g.reading, "looking at the gates", safetext.S{}, func(ctx ctx, _ progress) ([]GateView, error) {
		ctx, cancel := context.WithTimeout(ctx, gateWait)
		defer cancel()
		return b.Gates(ctx)
	}, func(views []GateView, err error) tea.Cmd {
		g.asked = g.reading.now()
		if g.err = err; err == nil {
			g.views, g.read = views, g.asked
		}
		g.head()
		redraw()
		return tea.Tick(gatePoll, func(time.Time) tea.Msg { return gateTick{} })
	})
}

// age is how old what is shown is, 0 for not worth saying.
func (g *gates) age() time.Duration {
	if g.read.IsZero() {
		return 0
	}
	if d := g.reading.now().Sub(g.read); d >= gateStale || g.err != nil {
		return max(d, time.Second)
	}
	return 0
}

// head says in the title when what is shown is out of date, and draws it so.
func (g *gates) head() {
	g.list.title = "Gates"
	old := g.age() > 0
	if old {
		g.list.title = "Gates, as they were " + g.age().Truncate(time.Second).String() + " ago"
	}
	for i := range g.list.rows {
		g.list.rows[i].old = old
		if r := g.rows[i]; old && r.trouble == "" {
			for j := range g.list.rows[i].cells {
				g.list.rows[i].cells[j].role = explain.Plain // no colour says that it is so now
			}
		}
	}
}

// fill makes the rows: the gates, then what is wrong, who delivers, and what was
// asked for last.
func (g *gates) fill(v *view) {
	t := v.theme.glyphs
	var rows []row
	g.rows = g.rows[:0]
	add := func(r gateRow, id string, group string, m explain.Mark, cells ...cell) {
		g.rows = append(g.rows, r)
		r2 := newRow(id, append([]cell{own(m.Role, m.String())}, cells...)...)
		r2.group = group
		rows = append(rows, r2)
	}
	every := func(f func(v *GateView, id string)) {
		for i := range g.views {
			f(&g.views[i], g.views[i].Name+"\n")
		}
	}
	if g.err != nil {
		text := "The gates could not be asked: " + g.err.Error()
		add(gateRow{trouble: text}, "trouble", "", explain.Mark{Glyph: t.Unsure, Word: "unknown", Role: explain.Unsure}, cell{safetext.Text(text), explain.Unsure})
	}
	every(func(v *GateView, id string) {
		sent := ""
		if v.State == GateRunning {
			sent = sizeText(v.Status.Served.Bytes)
		}
		add(gateRow{gate: v}, id, "", gateMark(v, t), cell{safetext.Join(safetext.Text(v.Name), safetext.Text(v.Address)), explain.Plain}, own(explain.Plain, sent), cell{})
	})
	every(func(v *GateView, id string) {
		for _, p := range limited(v.Status.Problems) {
			add(gateRow{gate: v, problem: p}, id+"problem "+p, "", explain.Mark{Glyph: t.Unsure, Word: "unreadable", Role: explain.Unsure}, cell{safetext.Text(p), explain.Unsure})
		}
		for _, c := range limited(v.Status.Conflicts) {
			add(gateRow{gate: v, conflict: c}, id+"conflict "+c, "", explain.Mark{Glyph: t.Alarm, Word: "ALARM", Role: explain.Danger}, cell{safetext.Text(c), explain.Danger})
		}
		list := v.Status.Evidence
		for i := len(list) - 1; i >= max(0, len(list)-mostRows); i-- {
			e := &list[i]
			add(gateRow{gate: v, evidence: e}, id+"evidence "+itoa(i)+e.When.String()+string(e.Path)+e.Cache, "", wrongMark(t),
				cell{safetext.Join(safetext.ASCII(nameOf(e.Path)), safetext.Line("from"), safetext.URL(e.Cache)), explain.Danger}, cell{}, own(explain.Plain, clockText(e.When)))
		}
	})
	every(func(v *GateView, id string) {
		for i := range limited(v.Status.Caches) {
			c := &v.Status.Caches[i]
			add(gateRow{gate: v, cache: c}, id+"cache "+c.URL, "Caches behind the gate", cacheMark(c, g.reading.now(), t), cell{safetext.URL(c.URL), explain.Plain}, own(explain.Plain, sizeText(c.Bytes)), cell{})
		}
	})
	every(func(v *GateView, id string) {
		for i := range limited(v.Status.Recent) {
			e := &v.Status.Recent[i]
			add(gateRow{gate: v, event: e}, id+"event "+e.When.String()+e.Path+e.Cache, "Asked for last", eventMark(e, t),
				cell{pathName(e.Path), explain.Plain}, own(explain.Plain, sizeText(e.Bytes)), own(explain.Plain, clockText(e.When)))
		}
	})
	if len(rows) == 0 && !g.asked.IsZero() {
		g.list.empty = []string{"There is no gate here."}
	}
	g.list.set(rows)
	g.head()
}

// limited is as much of a list as is shown.
func limited[T any](list []T) []T { return list[:min(len(list), mostRows)] }

// pathName is a store path as the status of a gate names it.
func pathName(p string) safetext.S { return pathText(lock.StorePath(p)) }

// nameOf is the name in a store path, or all of what is none.
func nameOf(p lock.StorePath) string {
	if _, name, ok := strings.Cut(string(p), "-"); ok {
		return name
	}
	return string(p)
}

func clockText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.TimeOnly)
}

func (g *gates) at() gateRow {
	if i := g.list.selected(); i >= 0 && i < len(g.rows) {
		return g.rows[i]
	}
	return gateRow{}
}

// value is what `y` copies.
func (r gateRow) value() (what, text string) {
	switch {
	case r.evidence != nil:
		return "path", string(r.evidence.Path)
	case r.cache != nil:
		return "cache", r.cache.URL
	case r.event != nil:
		return "path", r.event.Path
	case r.gate != nil && r.problem == "" && r.conflict == "":
		return "gate's public key", r.gate.Status.PublicKey
	}
	return "", ""
}
