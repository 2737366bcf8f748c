package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// grants shows what was granted and denied, whether it still counts, and how the
// gates do that serve it.
type grants struct {
	b   board
	all *list
	*view

	backend ChangeBackend // nil when there are none
	reading lane
	readOf  *trust.Report
	found   GrantList
	err     error
	rows    []grantRow

	gates    *gates // nil when the backend knows of none
	fetching lane
	fetched  map[string]*outcome[FetchOutcome] // by flake, in this session
}

// A grantRow is what a row is about: one of its fields is set.
type grantRow struct {
	item    *GrantItem
	problem string
	alarm   string
}

func newGrants(b ChangeBackend, g GateBackend, reading, looking, fetching lane) *grants {
	s := &grants{backend: b, reading: reading, fetching: fetching, fetched: map[string]*outcome[FetchOutcome]{}}
	s.all = &list{
		title: "Grants and denials",
		cols: []column{{title: "state", min: 14, most: 16}, {title: "flake", min: 18, keep: keepEnds}, {title: "paths", min: 5, most: 7, drop: 2, right: true},
			{title: "expires", min: 10, most: 10, drop: 1}},
	}
	s.b = board{lists: []*list{s.all}, detail: &text{title: "Grant"}}
	if g != nil {
		s.gates = newGates(g, looking)
		s.b.lists = append(s.b.lists, s.gates.list)
	}
	return s
}

func (s *grants) name() string  { return "Grants" }
func (s *grants) board() *board { return &s.b }

// onGates reports whether the detail is about the gates.
func (s *grants) onGates() bool { return s.b.last == 1 }

// wanted starts reading the grants when that was not done since the report, and
// looks at the gates.
func (s *grants) wanted() tea.Cmd {
	if s.view == nil || s.report == nil {
		return nil
	}
	if s.gates == nil {
		return s.readGrants()
	}
	return tea.Batch(s.readGrants(), s.gates.due(s.fillGates))
}

func (s *grants) readGrants() tea.Cmd {
	if s.backend == nil || s.readOf == s.report {
		return nil
	}
	s.readOf = s.report
	b := s.backend
	return begin(&s.reading, "reading the grants", safetext.S{}, func(ctx ctx, _ progress) (GrantList, error) {
		return b.Grants(ctx)
	}, func(g GrantList, err error) tea.Cmd {
		s.found, s.err = g, err
		s.fill()
		return nil
	})
}

func (s *grants) load(v *view) {
	s.view = v
	s.fill()
}

func (s *grants) fill() {
	if s.view == nil {
		return
	}
	s.b.detail.renew()
	switch {
	case s.backend == nil:
		s.all.empty = []string{"Grants cannot be read here."}
	case s.err != nil:
		s.all.empty = []string{"The grants could not be read: " + s.err.Error(), "Press r to try again. What is granted is unknown."}
	case s.readOf != s.report || s.reading.current != nil:
		s.all.empty = []string{"reading the grants…"}
	default:
		s.all.empty = []string{"Nothing is granted, and nothing is denied.", "A grant lets a flake's caches deliver what its lock pins, and nothing else: select a flake with a lock on screen 1 or 5, and press t."}
	}
	s.rows = s.rows[:0]
	var rows []row
	add := func(r grantRow, id string, m explain.Mark, cells ...cell) {
		s.rows = append(s.rows, r)
		rows = append(rows, newRow(id, append([]cell{own(m.Role, m.String())}, cells...)...))
	}
	g := s.theme.glyphs
	for _, p := range s.found.Problems {
		add(grantRow{problem: p}, "problem "+p, explain.Mark{Glyph: g.Unsure, Word: "unreadable", Role: explain.Unsure}, cell{safetext.Text(p), explain.Unsure})
	}
	for _, a := range s.found.Alarms {
		add(grantRow{alarm: a}, "alarm "+a, explain.Mark{Glyph: g.Alarm, Word: "ALARM", Role: explain.Danger}, cell{safetext.Text(a), explain.Danger})
	}
	for i := range s.found.Items {
		it := &s.found.Items[i]
		paths, expires := "", ""
		if !it.Denied {
			paths, expires = itoa(it.Paths), "never"
			if !it.Expires.IsZero() {
				expires = it.Expires.UTC().Format(time.DateOnly)
			}
		}
		add(grantRow{item: it}, it.File+"\n"+it.Flake+"\n"+it.State, s.mark(it), cell{s.identity(it.Flake), explain.Plain}, own(explain.Plain, paths), own(explain.Plain, expires))
		rows[len(rows)-1].old = !it.Own
	}
	s.all.set(rows)
	s.fillGates()
}

func (s *grants) fillGates() {
	if s.gates != nil && s.view != nil {
		s.gates.fill(s.view)
		s.b.detail.renew()
	}
	s.follow()
}

// identity is a flake's identity, with the home folder as ~.
func (s *grants) identity(id string) safetext.S {
	if kind, path, ok := strings.Cut(id, ":/"); ok && (kind == "git" || kind == "path") {
		return safetext.Line(kind + ":" + s.style(0).Path("/"+path).String())
	}
	return safetext.Text(id)
}

func (s *grants) mark(it *GrantItem) explain.Mark {
	g := s.theme.glyphs
	switch {
	case it.Alarm:
		return explain.Mark{Glyph: g.Alarm, Word: "ALARM", Role: explain.Danger}
	case it.Denied:
		return explain.Mark{Glyph: g.Bad, Word: "denied", Role: explain.Bad}
	case it.Counts && !it.Unsure:
		return explain.Mark{Glyph: g.Good, Word: it.State, Role: explain.Good}
	case it.Unsure || it.State == "":
		return explain.Mark{Glyph: g.Unsure, Word: "unknown", Role: explain.Unsure}
	}
	return explain.Mark{Glyph: g.Asks, Word: strings.ReplaceAll(it.State, "-", " "), Role: explain.Caution}
}

func (s *grants) at() grantRow {
	if i := s.all.selected(); i >= 0 && i < len(s.rows) {
		return s.rows[i]
	}
	return grantRow{}
}

func (s *grants) follow() {
	if s.gates != nil && (s.onGates() || len(s.rows) == 0) {
		s.gates.show(s.b.detail, s.view)
		return
	}
	switch r := s.at(); {
	case r.item != nil:
		title := "Grant"
		if r.item.Denied {
			title = "Denial"
		}
		s.b.detail.show(r.item.File+"\n"+r.item.Flake+"\n"+r.item.State, title, func(w int) []string { return s.text(r.item, w) })
	case r.problem != "":
		s.b.detail.show(r.problem, "Unreadable", func(w int) []string {
			d := newDoc(s.view, w)
			d.para(explain.Unsure, safetext.Text(r.problem))
			d.para(explain.Plain, safetext.Line("No grant counts until the file can be read. It is left as it is."))
			return d.lines
		})
	case r.alarm != "":
		s.b.detail.show(r.alarm, "Alarm", func(w int) []string {
			d := newDoc(s.view, w)
			d.alarm(safetext.Text(r.alarm))
			d.para(explain.Plain, safetext.Line("Neither of them is served."))
			return d.lines
		})
	default:
		s.b.detail.show("", "Grant", nil)
	}
}

func (s *grants) text(it *GrantItem, w int) []string {
	d := newDoc(s.view, w)
	d.head(s.mark(it), s.identity(it.Flake))
	role := explain.Plain
	if it.Alarm {
		role = explain.Danger
	}
	d.para(role, safetext.Text(it.Text))
	d.gap()
	if it.Denied {
		d.field("denied", safetext.Line(it.Since.UTC().Format(time.DateOnly)))
	} else {
		d.field("granted", safetext.Line(it.Since.UTC().Format(time.DateOnly)))
		expires := "never"
		if !it.Expires.IsZero() {
			expires = it.Expires.UTC().Format("2006-01-02 15:04 UTC")
		}
		d.field("expires", safetext.Line(expires))
		d.field("lock", safetext.Line(it.Lock))
		d.field("systems", safetext.Line(strings.Join(it.Systems, ", ")))
		d.field("paths", safetext.Line(itoa(it.Paths)+" may be served"))
	}
	if it.Note != "" {
		d.field("note", safetext.Line(it.Note))
	}
	if it.Seen != "" {
		d.field("seen at", s.style(0).Path(it.Seen))
	}
	d.field("file", s.style(0).Path(it.File))
	if !it.Own {
		d.field("of", safetext.Line("the system: its administrator changes it"))
	}
	if f := s.fetched[it.Flake]; f != nil {
		d.title("Fetched " + ageText(s.fetching.now().Sub(f.at)))
		if f.err != nil {
			d.para(explain.Bad, safetext.Text(f.err.Error()))
		} else {
			d.fetched(f.value)
		}
	}
	for i, c := range it.Caches {
		if i == 0 {
			d.title("Caches that may deliver it")
		}
		d.para(explain.Plain, safetext.URL(c.URL))
		for _, k := range c.Keys {
			d.note(explain.Faint, safetext.ASCII(k))
		}
	}
	if len(it.Diff) > 0 {
		d.title("What the lock on offer changes")
		d.lockDiff(it.Diff)
		d.gap()
		d.para(explain.Plain, safetext.Line("None of it counts until it is granted: press t."))
	}
	return d.lines
}

// mostChanges is how many changes of a lock are listed beside a grant.
const mostChanges = 200

// lockDiff adds what is different between two locks.
func (d *doc) lockDiff(diff lock.Diff) {
	for i, c := range diff {
		if i == mostChanges {
			d.para(explain.Faint, safetext.Line("and "+itoa(len(diff)-i)+" more; nix-trust lock diff lists all"))
			break
		}
		word, role := changeWord(c.Class)
		d.para(role, safetext.Text(strings.TrimSuffix(word+" "+c.Subject+" ("+c.System+")", " ()")))
		if c.Old != "" && c.Old != c.New {
			d.cut(4, explain.Bad, "- "+safetext.ASCII(c.Old).String())
		}
		if c.New != "" && c.Old != c.New {
			d.cut(4, explain.Good, "+ "+safetext.ASCII(c.New).String())
		}
	}
}

func (s *grants) value() (what, text string) {
	if s.gates != nil && s.onGates() {
		return s.gates.at().value()
	}
	if it := s.at().item; it != nil {
		return "identity", it.Flake
	}
	return "", ""
}

func (s *grants) fixes() []trust.Fix {
	if s.gates != nil && s.onGates() && s.gates.at().gate != nil {
		return s.gates.at().gate.Start
	}
	return nil
}

func (s *grants) action(k ActionKind) (Action, string) {
	if k == Prune {
		return Action{Kind: Prune}, ""
	}
	if s.onGates() {
		switch k {
		case Grant, Deny, Revoke:
			return Action{}, "Select a grant first: press tab."
		}
		return Action{}, ""
	}
	it := s.at().item
	if it == nil {
		return Action{}, ""
	}
	if !it.Own && k == Revoke {
		return Action{}, "This is the system's: its administrator takes it back, with sudo nix-trust revoke."
	}
	switch {
	case k == Revoke && it.Denied:
		return Action{Kind: Allow, Grant: it.Flake}, ""
	case k == Revoke:
		return Action{Kind: Revoke, Grant: it.Flake}, ""
	case k == Deny && it.Denied:
		return Action{}, "It is denied already. Press R to take that back."
	case k == Deny:
		return Action{Kind: Deny, Grant: it.Flake, Flake: trust.FlakeID{Path: it.Seen}}, ""
	case k == Grant && it.Denied:
		return Action{}, "It is denied. Press R to take that back first."
	case k == Grant && it.Seen == "":
		return Action{}, "The flake is not on this machine: run nix-trust grant with --lock."
	case k == Grant:
		return Action{Kind: Grant, Flake: trust.FlakeID{Path: it.Seen}}, ""
	}
	return Action{}, ""
}
