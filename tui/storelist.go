package tui

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// members are the paths of a group as the rows of a list.
type members struct {
	s  *store
	st *stock
	g  *group
	at []int32 // of the store
}

// membersOf lists the paths of a group in the order that is asked for.
func (s *store) membersOf(g *group) *members {
	m := &members{s: s, st: s.stock, g: g}
	all := s.stock.order[s.byPath]
	switch g.kind {
	case groupAll:
		m.at = all
		return m
	case groupMore:
		return m
	}
	m.at = make([]int32, 0, g.sum.All.Paths)
	in := g.holds(s.stock)
	for _, i := range all {
		if in(i) {
			m.at = append(m.at, i)
		}
	}
	return m
}

// holds says which paths are in a group.
func (g *group) holds(s *stock) func(i int32) bool {
	switch g.kind {
	case groupClass:
		return func(i int32) bool { return s.Paths[i].Class == g.class }
	case groupKey:
		return func(i int32) bool { return slices.Contains(s.Paths[i].Signers, int32(g.signer.Key)) }
	case groupClaim:
		marked := make([]bool, len(s.Paths))
		for _, i := range g.claim.Paths {
			marked[i] = true
		}
		return func(i int32) bool { return marked[i] }
	}
	return func(int32) bool { return g.kind == groupAll }
}

// id tells a path from all others of the store.
func (s *stock) id(i int32) string {
	if row := &s.Store.Rows[i]; row.Path != "" {
		return string(row.Path)
	}
	return "row " + itoa(int(i))
}

// pathOf is a row's path, or what stands there for one.
func (s *stock) pathOf(i int32) string {
	if row := &s.Store.Rows[i]; row.Path != "" {
		return row.Path.In(s.Store.Dir)
	}
	return s.Store.Rows[i].Text
}

func (m *members) len() int        { return len(m.at) }
func (m *members) id(i int) string { return m.st.id(m.at[i]) }

func (m *members) wide() []int {
	state := 6
	for _, c := range audit.Classes {
		state = max(state, len(explain.ClassWord(c)))
	}
	if len(m.at) == 0 {
		return []int{0, 0, 0, 0}
	}
	glyph := safetext.Line(m.s.theme.glyphs.Bad).Width() + 1
	return []int{state + glyph, 250, 8, len("not kept") + glyph}
}

func (m *members) row(n int) row {
	i := m.at[n]
	r, p := &m.st.Store.Rows[i], &m.st.Paths[i]
	mark := m.s.pathMark(m.g, i)
	name := pathText(r.Path)
	if r.Path == "" {
		name = safetext.Line(r.Text)
	}
	kept := explain.LiveMark(p.Live, m.s.theme.glyphs)
	return row{id: m.id(n), old: p.Live == audit.Dead, cells: []cell{own(mark.Role, mark.String()), {name, explain.Plain},
		own(explain.Plain, sizeText(r.NarSize)), own(kept.Role, kept.String())}}
}

// matches looks through the whole name, the hash, and what is damaged.
func (m *members) matches(n int, needle string) bool {
	r := &m.st.Store.Rows[m.at[n]]
	text := string(r.Path)
	if text == "" {
		text = r.Text
	}
	return holdsFold(text, needle)
}

// holdsFold reports whether a text has a needle that is in lower case. Names in
// the store are ASCII, and mostly in lower case: these are not copied.
func holdsFold(text, needle string) bool {
	return strings.Contains(text, needle) || strings.Contains(strings.ToLower(text), needle)
}

// pathMark says what vouches for a path; among a key's, whether anything else does.
func (s *store) pathMark(g *group, i int32) explain.Mark {
	gl := s.theme.glyphs
	p := &s.stock.Paths[i]
	switch {
	case g.kind == groupKey && s.stock.Keys[g.signer.Key].Believed && p.Class != audit.Unknown:
		if s.stock.Alone(i, g.signer.Key) {
			return explain.Mark{Glyph: gl.Asks, Word: "alone", Role: explain.Caution}
		}
		return explain.Mark{Glyph: gl.None, Word: "others too", Role: explain.Faint}
	}
	return explain.ClassMark(p.Class, s.stock.sure(), gl)
}
