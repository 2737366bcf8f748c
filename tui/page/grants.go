package page

import (
	"strconv"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// grants are what was granted to flakes, and the gates that serve it.
func (b *builder) grants() section {
	s := section{ID: "grants", Title: "Grants and gates", Count: strconv.Itoa(len(b.r.Grants))}
	if len(b.r.Grants) == 0 {
		s.Blocks = append(s.Blocks, text(say("No grant and no denial was found.")))
	}
	most, rest := b.few(len(b.r.Grants))
	for _, g := range b.r.Grants[:most] {
		s.Blocks = append(s.Blocks, b.grant(g))
	}
	s.Blocks = append(s.Blocks, rest...)
	return sectionWith(s, b.gates())
}

func sectionWith(s section, more ...block) section {
	s.Blocks = append(s.Blocks, more...)
	return s
}

func grantMark(g trust.Granted, glyphs explain.Glyphs) explain.Mark {
	switch g.State {
	case trust.GrantActive:
		if g.Paths > 0 {
			return explain.Mark{Glyph: glyphs.Good, Word: string(g.State), Role: explain.Good}
		}
		return explain.Mark{Glyph: glyphs.Bad, Word: "lets nothing through", Role: explain.Bad}
	case trust.GrantDenied:
		return explain.Mark{Glyph: glyphs.Bad, Word: string(g.State), Role: explain.Bad}
	case trust.GrantStale, trust.GrantRollback, trust.GrantExpired, trust.GrantNotYet, trust.GrantLockMissing, trust.GrantFlakeGone:
		return explain.Mark{Glyph: glyphs.Asks, Word: string(g.State), Role: explain.Caution}
	case trust.GrantUnreadable:
		return explain.Mark{Glyph: glyphs.Unsure, Word: string(g.State), Role: explain.Unsure}
	}
	return explain.Mark{Glyph: glyphs.Unsure, Word: "unknown", Role: explain.Unsure}
}

func (b *builder) grant(g trust.Granted) group {
	m := badgeOf(grantMark(g, b.glyphs))
	out := group{Class: m.Class, Open: g.State != trust.GrantActive, Title: line{m, b.code(g.Identity)}}
	if g.Text != "" {
		out.Blocks = append(out.Blocks, text(b.prose(g.Text)))
	}
	whose := "this user's"
	if g.Machine {
		whose = "the machine's"
	}
	facts := fields{Rows: []field{{"whose", []line{{say(whose)}}}}}
	if g.State != trust.GrantDenied {
		until := line{say("never")}
		if !g.Expires.IsZero() {
			until = line{moment(g.Expires)}
		}
		paths := line{say("%d come through the gate", g.Paths)}
		if g.Disputed > 0 {
			paths = append(paths, say("and %d do not, as another grant pins other bytes", g.Disputed))
		}
		facts.Rows = append(facts.Rows, field{"pinned paths", []line{paths}}, field{"lock", []line{{b.code(g.Lock)}}}, field{"ends", []line{until}})
		if len(g.Systems) > 0 {
			systems := field{Label: "systems"}
			for _, s := range g.Systems {
				systems.Values = append(systems.Values, line{b.code(s)})
			}
			facts.Rows = append(facts.Rows, systems)
		}
		for _, c := range g.Caches {
			facts.Rows = append(facts.Rows, field{"cache", append([]line{{b.url(c.URL)}}, linesOf(b.keyRows(c.Keys))...)})
		}
	}
	if at, ok := b.place(g.Where); ok {
		facts.Rows = append(facts.Rows, field{"at", []line{{at}}})
	}
	out.Blocks = append(out.Blocks, facts)
	return out
}

// gates are whether what the gates sign is believed.
func (b *builder) gates() block {
	out := sub{ID: "gates", Title: line{say("Gates")}}
	if len(b.r.Gates) == 0 {
		out.Blocks = []block{para{Line: line{badgeOf(b.unsure("unknown")), say("It was not looked whether there is a gate.")}}}
		return out
	}
	for _, g := range b.r.Gates {
		whose := "The user's:"
		if g.Machine {
			whose = "The machine's:"
		}
		mark := explain.OutcomeMark(g.Believed, b.glyphs)
		switch {
		case g.Believed == trust.Pass:
			mark.Word = "believed"
		case g.Believed == trust.Fail:
			mark = explain.Mark{Glyph: b.glyphs.None, Word: "not believed", Role: explain.Faint}
		}
		l := line{badgeOf(mark), say(whose), b.prose(g.Why.Text)}
		if g.Key != "" {
			l = append(l, b.key(g.Key))
		}
		if at, ok := b.place(g.Why.Where); ok {
			l = append(l, say("at"), at)
		}
		out.Blocks = append(out.Blocks, para{Line: l})
	}
	return out
}
