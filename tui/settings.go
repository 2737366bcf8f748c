package tui

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// settings shows the configuration as the user's nix resolves it.
type settings struct {
	b    board
	all  *list
	rows []int // for each row, the index of its setting; stops for why Nix stops
	*view
}

// stops is in place of an index for the row that says why Nix stops.
const stops = -1

func newSettings() *settings {
	s := &settings{}
	s.all = &list{
		title: "Settings",
		cols: []column{{min: 1, most: 4}, {title: "setting", min: 23, give: 1}, {title: "value", min: 12, soft: 30, keep: keepEnds},
			{title: "set by", min: 12, most: 26, keep: keepEnds, drop: 1}},
		empty: []string{"The configuration could not be resolved.", "Press ! to see why."},
	}
	s.b = board{lists: []*list{s.all}, detail: &text{title: "Setting"}}
	return s
}

func (s *settings) name() string  { return "Settings" }
func (s *settings) board() *board { return &s.b }

func (s *settings) load(v *view) {
	s.view = v
	s.rows = s.rows[:0]
	var rows []row
	if f := s.fatal(); f != nil {
		s.rows = append(s.rows, stops)
		rows = append(rows, newRow("stops", own(explain.Bad, v.theme.glyphs.Bad), own(explain.Bad, "Nix stops here"), cell{safetext.Line(f.Message), explain.Bad},
			cell{safetext.Line(base(explain.Style{}.Spot(f.Pos))), explain.Faint}))
	}
	for i := range v.report.Settings {
		if r := &v.report.Settings[i]; r.Value != nil && r.Value.Setting != nil {
			s.rows = append(s.rows, i)
		}
	}
	known := s.rows[len(rows):]
	slices.SortStableFunc(known, func(a, b int) int {
		return rankOf(v.report.Settings[a].Value) - rankOf(v.report.Settings[b].Value)
	})
	for _, i := range known {
		rows = append(rows, s.row(&v.report.Settings[i]))
	}
	s.all.set(rows)
	s.follow()
}

// fatal returns what makes every Nix command fail, nil when the configuration loads.
func (s *settings) fatal() *nixconf.Diagnostic {
	if s.report.Client == nil {
		return nil
	}
	return s.report.Client.Fatal
}

// aboutTrust are the settings that decide whose binaries are believed, in the
// order in which a reader asks for them.
var aboutTrust = []string{"substituters", "trusted-substituters", "trusted-public-keys", "trusted-users", "accept-flake-config", "require-sigs"}

// rankOf orders settings: what somebody set before what is a default, and in
// each of them what is about trust before the rest.
func rankOf(v *nixconf.Value) int {
	rank := slices.Index(aboutTrust, v.Setting.Name)
	switch {
	case rank >= 0:
	case v.Setting.Risk == nixconf.RiskCache:
		rank = len(aboutTrust)
	default:
		rank = len(aboutTrust) + 1
	}
	if !v.Set() {
		rank += len(aboutTrust) + 2
	}
	return rank
}

// about returns the findings that are about a line which sets the value, and
// how many others only name the setting: a flake's or an answer's.
func (s *settings) about(r *trust.SettingReport) (own []trust.Finding, others int) {
	set := map[nixconf.Pos]bool{}
	for _, v := range []*nixconf.Value{r.Value, r.Daemon} {
		if v == nil {
			continue
		}
		for _, a := range v.History {
			set[nixconf.Pos{File: a.Origin.Pos.File, Line: a.Origin.Pos.Line}] = true
		}
	}
	for _, i := range r.Findings {
		if i < 0 || i >= len(s.report.Findings) {
			continue
		}
		f := s.report.Findings[i]
		if f.Where.File != "" && set[nixconf.Pos{File: f.Where.File, Line: f.Where.Line}] {
			own = append(own, f)
		} else {
			others++
		}
	}
	return own, others
}

func (s *settings) row(r *trust.SettingReport) row {
	g := s.theme.glyphs
	v := r.Value
	mark := own(explain.Plain, "")
	found, _ := s.about(r)
	switch {
	case len(found) > 0:
		worst := slices.MaxFunc(found, func(a, b trust.Finding) int { return int(a.Severity) - int(b.Severity) })
		m := explain.SeverityMark(worst.Severity, g)
		mark = own(m.Role, m.Glyph)
	case r.Daemon != nil:
		mark = own(explain.Caution, g.Asks)
	}
	from := "default"
	if v.Set() {
		last := v.History[len(v.History)-1].Origin
		from = base(explain.Style{}.Spot(last.Pos))
		if from == "" {
			from = explain.LayerName(last.Layer)
		}
	}
	out := newRow(v.Setting.Name, mark, cell{safetext.Line(v.Setting.Name), explain.Plain}, cell{valueText(v), explain.Plain}, cell{safetext.Line(from), explain.Faint})
	out.old = !v.Set()
	return out
}

// typeWord is a type in words.
func typeWord(t nixconf.Type) string {
	switch t {
	case nixconf.TypeRefs:
		return "list of stores"
	case nixconf.TypeRefSet:
		return "set of stores"
	case nixconf.TypeBool:
		return "true or false"
	case nixconf.TypeSandbox:
		return "true, false or relaxed"
	case nixconf.TypeInt:
		return "number"
	case nixconf.TypeOptional:
		return "text, or nothing"
	case nixconf.TypeString:
		return "text"
	case nixconf.TypeMap:
		return "names with values"
	}
	return string(t)
}

// valueText is a setting's value on one line.
func valueText(v *nixconf.Value) safetext.S {
	text := v.Text
	if len(v.Items) > 0 {
		parts := make([]string, len(v.Items))
		for i, it := range v.Items {
			parts[i] = it.Text
		}
		text = strings.Join(parts, " ")
	}
	if text == "" {
		return safetext.Line("(empty)")
	}
	return explain.Value(v.Setting.Name, text)
}

func (s *settings) setting() *trust.SettingReport {
	if i := s.all.selected(); i >= 0 && s.rows[i] != stops {
		return &s.report.Settings[s.rows[i]]
	}
	return nil
}

func (s *settings) follow() {
	r := s.setting()
	if f := s.fatal(); r == nil && f != nil && len(s.all.shown) > 0 {
		s.b.detail.show("stops", "Configuration", func(w int) []string { return s.fatalText(f, w) })
		return
	}
	if r == nil {
		s.b.detail.show("", "Setting", nil)
		return
	}
	s.b.detail.show(r.Value.Setting.Name, "Setting", func(w int) []string { return s.text(r, w) })
}

func (s *settings) fatalText(f *nixconf.Diagnostic, w int) []string {
	d := newDoc(s.view, w)
	d.head(explain.Mark{Glyph: s.theme.glyphs.Bad, Word: "fails", Role: explain.Bad}, safetext.Line("every Nix command"))
	d.para(explain.Plain, safetext.Text(f.Text))
	d.para(explain.Plain, safetext.Line("Until it is repaired Nix does nothing at all, and what is shown of the configuration here is what Nix would have read up to there."))
	d.gap()
	if at := s.style(0).Spot(f.Pos); at != "" {
		d.fieldIn(explain.Place, "at", safetext.Line(at))
	}
	d.field("Nix prints", safetext.Text(f.Message))
	return d.lines
}

func (s *settings) text(r *trust.SettingReport, w int) []string {
	v := r.Value
	d := newDoc(s.view, w)
	d.lines = append(d.lines, d.theme.paint(explain.Strong, explain.Shorten(safetext.Line(v.Setting.Name), w, d.theme.glyphs.More)))
	d.field("type", safetext.Line(typeWord(v.Setting.Type)))
	if v.Setting.Risk != nixconf.RiskNone {
		d.field("risk", safetext.Line("a flake that sets it gains: "+string(v.Setting.Risk)))
	}
	if len(v.Setting.Aliases) > 0 {
		d.field("also named", safetext.Line(strings.Join(v.Setting.Aliases, ", ")))
	}
	if v.Setting.Feature != "" {
		d.field("needs", safetext.Line("experimental feature "+v.Setting.Feature))
	}
	if v.Forwarded {
		d.field("daemon", safetext.Line("your nix sends its whole value to the daemon"))
	}
	d.title("In force for you")
	s.valueLines(d, v)
	if r.Daemon != nil {
		d.title("For the daemon, as its files say")
		s.valueLines(d, r.Daemon)
	}
	overridden := false
	for _, a := range v.History {
		if a.OverriddenBy == nil {
			continue
		}
		if !overridden {
			d.title("Overridden")
			overridden = true
		}
		d.strike(explain.Value(v.Setting.Name, a.Value))
		d.note(explain.Place, safetext.Line("at "+d.origin(a.Origin)))
		d.note(explain.Faint, safetext.Line("replaced by "+d.origin(*a.OverriddenBy)))
	}
	found, others := s.about(r)
	for _, f := range found {
		d.gap()
		d.lines = append(d.lines, explain.Finding(f, s.style(w))...)
	}
	if others > 0 {
		d.gap()
		d.para(explain.Faint, safetext.Line("Flakes or saved answers that set it have findings of their own: press !"))
	}
	return d.lines
}

// valueLines adds a value with the origin of each of its items.
func (s *settings) valueLines(d *doc, v *nixconf.Value) {
	if len(v.Items) == 0 {
		d.para(explain.Strong, valueText(v))
		d.note(explain.Place, safetext.Line(d.origin(v.Origin)))
		return
	}
	for _, it := range v.Items {
		d.para(explain.Strong, explain.Value(v.Setting.Name, it.Text))
		d.note(explain.Place, safetext.Line(d.origin(it.Origin)))
	}
}

// strike adds a value that is no longer in force, marked beyond colour.
func (d *doc) strike(s safetext.S) {
	d.para(explain.Faint, safetext.Join(safetext.Line(d.theme.glyphs.Bad), s))
}

func (s *settings) value() (what, text string) {
	r := s.setting()
	if r == nil {
		return "", ""
	}
	text = r.Value.Text
	if len(r.Value.Items) > 0 {
		parts := make([]string, len(r.Value.Items))
		for i, it := range r.Value.Items {
			parts[i] = it.Text
		}
		text = strings.Join(parts, " ")
	}
	return "line", r.Value.Setting.Name + " = " + explain.Redact(r.Value.Setting.Name, text)
}

func (s *settings) fixes() []trust.Fix {
	r := s.setting()
	if r == nil {
		return nil
	}
	var out []trust.Fix
	found, _ := s.about(r)
	for _, f := range found {
		out = append(out, f.Fixes...)
	}
	return out
}
