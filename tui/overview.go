package tui

import (
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// overview shows each flake, what it asks for, and why that is used or not.
type overview struct {
	b      board
	flakes *list
	claims *list
	*view
	open    string // the flake to open on, by reference or folder
	opened  bool
	shownOf int           // index of the flake whose claims are listed
	listed  trust.FlakeID // and what it is called
	items   []claim
}

// unlisted is the index of no flake, not even of none.
const unlisted = -2

func newOverview(open string) *overview {
	s := &overview{open: open, shownOf: unlisted}
	s.flakes = &list{
		title: "Flakes",
		cols:  []column{{min: 13}, {min: 20, keep: keepEnds}, {min: 4, most: 14, spare: true}},
		empty: []string{"No flake was found.", "Run nix-trust in a folder with a flake.nix, or name one: nix-trust why FLAKE."},
	}
	s.claims = &list{
		title: "Caches and settings",
		cols:  []column{{min: 13}, {min: 22, keep: keepEnds}, {min: 11, most: 14, drop: 2}, {min: 8, most: 20, keep: keepEnds, drop: 1}},
	}
	s.b = board{lists: []*list{s.flakes, s.claims}, detail: &text{title: "Why"}, shape: listBeside}
	return s
}

func (s *overview) name() string  { return "Overview" }
func (s *overview) board() *board { return &s.b }

func (s *overview) load(v *view) {
	s.view = v
	rows := make([]row, len(v.report.Flakes))
	for i := range v.report.Flakes {
		rows[i] = s.flakeRow(&v.report.Flakes[i])
	}
	s.flakes.set(rows)
	if !s.opened && len(rows) > 0 {
		s.opened = true
		s.flakes.choose(s.first())
	}
	s.shownOf = unlisted
	s.follow()
}

// first returns the flake to open on: the one that was asked for, else the one
// in the current folder, else the first.
func (s *overview) first() int {
	for i, f := range s.report.Flakes {
		if s.open != "" && (f.ID.Ref == s.open || f.ID.Path == s.open) {
			return i
		}
	}
	for i, f := range s.report.Flakes {
		if isHere(f) {
			return i
		}
	}
	return 0
}

// found reports whether the flake that was asked for is in the report.
func (s *overview) found() bool {
	if s.open == "" {
		return true
	}
	for _, f := range s.report.Flakes {
		if f.ID.Ref == s.open || f.ID.Path == s.open {
			return true
		}
	}
	return false
}

func isHere(f trust.FlakeReport) bool {
	for _, how := range f.Found {
		if how == "current folder" {
			return true
		}
	}
	return false
}

func (s *overview) flakeName(f *trust.FlakeReport) safetext.S {
	if f.ID.Path != "" {
		return s.style(0).Path(f.ID.Path)
	}
	return safetext.Text(f.ID.Ref)
}

func (s *overview) flakeRow(f *trust.FlakeReport) row {
	m := explain.FlakeMark(f, s.theme.glyphs)
	how, role := safetext.S{}, explain.Plain
	switch {
	case isHere(*f):
		how, role = safetext.Line("here"), explain.Strong
	case len(f.Found) == 0:
	case strings.HasPrefix(f.Found[0], gcRoot): // which one is told in full elsewhere
		how = safetext.Line("gc root")
	default:
		how = s.foundBy(f.Found[0])
	}
	return newRow(f.ID.Ref+"\n"+f.ID.Path,
		own(m.Role, m.String()), cell{s.flakeName(f), role}, cell{how, explain.Faint})
}

// How a report says where a flake was found, before a path.
const (
	gcRoot     = "gc root "
	searchRoot = "root "
)

// foundBy says how a flake was found.
func (s *overview) foundBy(how string) safetext.S {
	if link, ok := strings.CutPrefix(how, gcRoot); ok {
		return safetext.Join(safetext.Line("gc root"), s.style(0).Path(link))
	}
	if folder, ok := strings.CutPrefix(how, searchRoot); ok {
		return safetext.Join(safetext.Line("in"), s.style(0).Path(folder))
	}
	return safetext.Line(how)
}

func (s *overview) follow() {
	i := s.flakes.selected()
	if i != s.shownOf {
		s.shownOf = i
		s.listClaims(i)
	}
	s.explain()
}

func (s *overview) selectedFlake() *trust.FlakeReport {
	if i := s.flakes.selected(); i >= 0 {
		return &s.report.Flakes[i]
	}
	return nil
}

func (s *overview) selectedClaim() claim {
	if i := s.claims.selected(); i >= 0 {
		return s.items[i]
	}
	return claim{}
}

// explain fills in the detail.
func (s *overview) explain() {
	f := s.selectedFlake()
	if f == nil {
		s.b.detail.show("", "Your standing", s.standing)
		return
	}
	id := f.ID.Ref + "\n" + f.ID.Path
	c := s.selectedClaim()
	switch {
	case f.Rejected != nil || f.Err != "" || c == claim{}:
		s.b.detail.show(id, "Why", func(w int) []string { return s.flakeText(f, w) })
	case c.cache != nil:
		s.b.detail.show(id+c.cache.URL, "Why", func(w int) []string { return explain.Cache(*c.cache, s.style(w)) })
	case c.setting != nil:
		s.b.detail.show(id+c.setting.Name, "Why", func(w int) []string { return explain.Setting(*c.setting, s.style(w)) })
	default:
		s.b.detail.show(id+c.input.Name, "Why", func(w int) []string { return s.inputDetail(c.input, w) })
	}
}

// standing is shown while no flake is selected: whether the daemon trusts the
// user, and why.
func (s *overview) standing(w int) []string {
	d := newDoc(s.view, w)
	d.head(explain.TrustMark(s.report, s.theme.glyphs), safetext.Line(s.report.User.Name))
	d.para(explain.Plain, safetext.Line(explain.TrustMeans(s.report)))
	if len(s.report.TrustReasons) > 0 {
		d.gap()
		d.lines = append(d.lines, explain.Chain(s.report.TrustReasons, s.style(w))...)
	}
	return d.lines
}

func (s *overview) flakeText(f *trust.FlakeReport, w int) []string {
	d := newDoc(s.view, w)
	m := explain.FlakeMark(f, s.theme.glyphs)
	d.head(m, s.flakeName(f))
	for _, how := range f.Found {
		d.field("found", s.foundBy(how))
	}
	switch {
	case f.Rejected != nil:
		d.lines = append(d.lines, "")
		d.lines = append(d.lines, explain.Chain([]trust.Reason{*f.Rejected}, s.style(w))...)
	case f.Err != "":
		d.para(explain.Plain, safetext.Text(f.Err))
		d.para(explain.Faint, safetext.Line("Nothing is known about what it asks for. Take nothing of it for trusted."))
	default:
		d.para(explain.Plain, safetext.Line("It has no nixConfig, so it asks for no cache. It uses those that are in effect for every flake: press 2."))
	}
	return d.lines
}

func (s *overview) inputDetail(in *trust.InputReport, w int) []string {
	d := newDoc(s.view, w)
	g := s.theme.glyphs
	d.head(explain.Mark{Glyph: g.Off, Word: "never applied", Role: explain.Faint}, safetext.Line(in.Name))
	d.para(explain.Plain, safetext.Line("Nix applies the nixConfig of the flake that you name, never that of its inputs. To use these caches, this flake has to ask for them itself."))
	d.field("input", safetext.Text(in.Ref))
	if in.StorePath != "" {
		d.field("source", safetext.Line(in.StorePath))
	}
	if !in.Present {
		d.para(explain.Unsure, safetext.Line(g.Unsure+" Its source is not on this machine: what it declares is unknown."))
	}
	for _, u := range in.URLs {
		d.field("cache", safetext.URL(u))
	}
	for i := range in.Settings {
		d.gap()
		d.lines = append(d.lines, explain.Setting(in.Settings[i], s.style(w))...)
	}
	return d.lines
}

func (s *overview) value() (what, text string) {
	if s.b.focus == 0 && !s.b.zoom {
		if f := s.selectedFlake(); f != nil {
			if f.ID.Path != "" {
				return "folder", f.ID.Path
			}
			return "reference", f.ID.Ref
		}
		return "", ""
	}
	switch c := s.selectedClaim(); {
	case c.cache != nil:
		return "URL", c.cache.URL
	case c.setting != nil:
		return "value", explain.Redact(c.setting.Name, c.setting.Value)
	case c.input != nil:
		return "input", c.input.Ref
	}
	return "", ""
}

func (s *overview) fixes() []trust.Fix {
	if f := s.selectedFlake(); f != nil && f.Rejected != nil {
		return f.Rejected.Fixes
	}
	switch c := s.selectedClaim(); {
	case c.cache != nil:
		return explain.Fixes(c.cache.Reasons)
	case c.setting != nil:
		return explain.Fixes(c.setting.Reasons)
	}
	return nil
}
