package tui

import (
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A claim is one row of what a flake asks for: a cache, another setting, or an
// input with settings of its own.
type claim struct {
	cache   *trust.CacheVerdict
	setting *trust.SettingVerdict
	input   *trust.InputReport
}

// listClaims fills in what the i-th flake asks for.
func (s *overview) listClaims(i int) {
	s.items = nil
	s.claims.empty = []string{"Select a flake to see what it asks for."}
	if i < 0 {
		s.claims.set(nil)
		return
	}
	f := &s.report.Flakes[i]
	switch {
	case f.Rejected != nil:
		s.claims.empty = []string{"Nix refuses this flake, so nothing of it is applied."}
	case f.Err != "":
		s.claims.empty = []string{"It could not be read. What it asks for is unknown."}
	default:
		s.claims.empty = []string{"This flake asks for nothing."}
	}
	g := s.theme.glyphs
	var rows []row
	add := func(group string, c claim, id string, m explain.Mark, what safetext.S, kind cell, where safetext.S, old bool) {
		s.items = append(s.items, c)
		r := newRow(id, own(m.Role, m.String()), cell{what, explain.Plain}, kind, cell{where, explain.Faint})
		r.group, r.old = group, old
		rows = append(rows, r)
	}
	at := func(file string) safetext.S { return safetext.Line(file) }
	caches := func(mine, claimed bool) {
		for j := range f.Caches {
			c := &f.Caches[j]
			if c.Own() != mine || c.Claimed != claimed {
				continue
			}
			group, kind, where := "Caches it asks for", own(explain.Faint, "cache"), s.style(0).Spot(c.Where)
			switch {
			case !mine:
				group, kind = "Caches in use for every flake", own(explain.Faint, "every flake")
			case !claimed:
				group, kind = "Caches that a grant names for it", own(explain.Faint, "granted")
			}
			if _, bad := safetext.SuspectHost(c.URL); bad {
				kind = own(explain.Danger, g.Alarm+" look-alike")
			}
			add(group, claim{cache: c}, "cache "+c.URL, explain.CacheMark(c.State, g), safetext.URL(c.URL), kind, at(base(where)), !mine)
		}
	}
	caches(true, true)
	caches(true, false)
	if f.Rejected == nil && f.Err == "" { // else nothing is used for it
		caches(false, false)
	}
	for j := range f.Settings {
		v := &f.Settings[j]
		add("Settings it sets", claim{setting: v}, "setting "+v.Name, explain.SettingMark(*v, g), safetext.Line(v.Name), settingKind(*v), at(base(s.style(0).Spot(v.Where))), false)
	}
	for j := range f.Inputs {
		in := &f.Inputs[j]
		add("What its inputs ask for, which Nix never applies", claim{input: in}, "input "+in.Name, explain.Mark{Glyph: g.Off, Word: "unused", Role: explain.Faint}, inputAsks(in), cell{safetext.Line("by " + in.Name), explain.Faint}, at(""), true)
	}
	if s.listed == f.ID {
		s.claims.set(rows)
		return
	}
	s.listed = f.ID
	s.claims.filter = ""
	s.claims.set(rows)
	s.claims.choose(s.firstFailing())
}

// inputAsks is what an input asks for, in one line.
func inputAsks(in *trust.InputReport) safetext.S {
	switch n := len(in.URLs); {
	case n == 1:
		return safetext.URL(in.URLs[0])
	case n > 1:
		return safetext.Line(counted(n, "cache"))
	case len(in.Settings) == 1:
		return safetext.Line(in.Settings[0].Name)
	case len(in.Settings) > 1:
		return safetext.Line(counted(len(in.Settings), "setting"))
	}
	return safetext.Line("unknown")
}

// firstFailing returns the claim that a person came for: the first cache that
// is asked for and not used, else the first claim.
func (s *overview) firstFailing() int {
	for i, c := range s.items {
		if c.cache != nil && c.cache.Own() && c.cache.State != trust.StateUsable && c.cache.State != trust.StateScoped {
			return i
		}
	}
	return 0
}

// settingKind says what a setting gives the flake, loudly when it is more than
// caches.
func settingKind(v trust.SettingVerdict) cell {
	switch v.Risk {
	case nixconf.RiskNone:
		return own(explain.Faint, "setting")
	case nixconf.RiskCache:
		return own(explain.Faint, string(v.Risk))
	}
	return own(explain.RiskRole(v.Risk), string(v.Risk))
}

// base returns the last part of a path, which is enough in a column.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
