package page

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// flakes are the flakes one by one, with every step that decides.
func (b *builder) flakes() section {
	s := section{ID: "flakes", Title: "Why, flake by flake"}
	var have []int
	for _, i := range b.told() {
		if asks(&b.r.Flakes[i]) {
			have = append(have, i)
		}
	}
	if len(have) == 0 {
		s.Blocks = []block{text(say("There is no flake that asks for anything."))}
		return s
	}
	most, rest := b.few(len(have))
	for _, i := range have[:most] {
		s.Blocks = append(s.Blocks, b.oneFlake(i))
	}
	s.Blocks = append(s.Blocks, rest...)
	return s
}

func (b *builder) oneFlake(i int) sub {
	f := &b.r.Flakes[i]
	out := sub{ID: flakeID(i), Title: line{b.flake(f)}}
	facts := fields{Rows: []field{{"state", []line{{badgeOf(explain.FlakeMark(f, b.glyphs))}}}}}
	if f.ID.Ref != "" && f.ID.Ref != "path:"+f.ID.Path {
		facts.Rows = append(facts.Rows, field{"reference", []line{{b.url(f.ID.Ref)}}})
	}
	if len(f.Found) > 0 {
		var found []line
		most, _ := b.few(len(f.Found))
		for _, how := range f.Found[:most] {
			found = append(found, line{b.prose(how)})
		}
		facts.Rows = append(facts.Rows, field{"found", found})
	}
	if f.Locked {
		facts.Rows = append(facts.Rows, field{"lock", []line{{say("a flake.cache-lock lies beside it")}}})
	}
	out.Blocks = append(out.Blocks, facts)
	switch {
	case f.Rejected != nil:
		out.Blocks = append(out.Blocks, b.reasons([]trust.Reason{*f.Rejected}, 0, "")...)
		return out
	case f.Err != "":
		out.Blocks = append(out.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("unreadable")), b.prose(f.Err)}},
			text(say("Nothing is known about what it asks for. Take nothing of it for trusted.")))
		return out
	}
	var rest []trust.CacheVerdict
	own := 0
	for k, c := range f.Caches {
		if c.Own() {
			own++
			if own <= b.limit.rows {
				out.Blocks = append(out.Blocks, b.cache(claimID(i, k), c))
			}
		} else {
			rest = append(rest, c)
		}
	}
	_, more := b.few(own)
	out.Blocks = append(out.Blocks, more...)
	var others []trust.SettingVerdict
	for _, v := range f.Settings {
		if !aboutCaches(v.Name) {
			others = append(others, v)
		}
	}
	most, more := b.few(len(others))
	for _, v := range others[:most] {
		out.Blocks = append(out.Blocks, b.setting(v))
	}
	out.Blocks = append(append(out.Blocks, more...), b.cacheSettings(f)...)
	if own == 0 && len(f.Settings) == 0 {
		out.Blocks = append(out.Blocks, text(say("It asks for no cache and no other setting.")))
	}
	out.Blocks = append(out.Blocks, b.inEffect(rest)...)
	return sub{ID: out.ID, Title: out.Title, Blocks: append(out.Blocks, b.inputs(f)...)}
}

// cache is the verdict on one cache with its chain.
func (b *builder) cache(id string, c trust.CacheVerdict) group {
	mark := explain.CacheMark(c.State, b.glyphs)
	at := explain.Settles(mark, c.Reasons)
	m := badgeOf(mark)
	g := group{ID: id, Class: m.Class, Open: mark.Role != explain.Good, Title: line{m, b.url(c.URL)}}
	if at >= 0 {
		g.Title = append(g.Title, say(c.Reasons[at].Code.Title()))
	}
	g.Blocks = append(g.Blocks, text(say(explain.CacheMeans(c.State))))
	g.Blocks = append(g.Blocks, b.suspect(c.URL)...)
	facts := fields{}
	if where, ok := b.place(c.Where); ok {
		facts.Rows = append(facts.Rows, field{"asked for at", []line{{where}}})
		if !c.Claimed {
			facts.Rows[0].Label = "named at"
		}
	}
	facts.Rows = append(facts.Rows, b.keyRows(c.Keys)...)
	if grant := c.Grant; grant != nil {
		facts.Rows = append(facts.Rows, field{"grant", []line{{b.code(grant.Identity), b.prose(string(grant.State))}}})
	}
	if len(facts.Rows) > 0 {
		g.Blocks = append(g.Blocks, facts)
	}
	g.Blocks = append(g.Blocks, b.probed(c.Probed)...)
	g.Blocks = append(g.Blocks, b.reasons(c.Reasons, at, c.URL)...)
	return g
}

// probed is how a cache answered when it was last probed, beside its verdict.
func (b *builder) probed(p trust.Probed) []block {
	says := explain.Probed(p, b.r.Made)
	if says == "" {
		return nil
	}
	return []block{text(b.prose(capital(says) + "."))}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (b *builder) keyRows(keys []string) []field {
	if len(keys) == 0 {
		return nil
	}
	most, _ := b.few(len(keys))
	f := field{Label: "keys"}
	for _, k := range keys[:most] {
		f.Values = append(f.Values, line{b.key(k)})
	}
	if most < len(keys) {
		f.Values = append(f.Values, line{say("and %d more", len(keys)-most)})
	}
	return []field{f}
}

// cacheSettings are the settings that name caches and keys: what decides is told
// with the caches.
func (b *builder) cacheSettings(f *trust.FlakeReport) []block {
	t := table{Caption: "Settings of the flake that name caches and keys", Head: []string{"setting", "state", "value", "set at"}}
	for _, v := range f.Settings {
		if !aboutCaches(v.Name) || len(t.Rows) == b.limit.rows {
			continue
		}
		mark := explain.SettingMark(v, b.glyphs)
		state := cellOf(badgeOf(mark))
		if at := explain.Settles(mark, v.Reasons); at >= 0 {
			state.Lines = append(state.Lines, line{say(v.Reasons[at].Code.Title())})
		}
		row := []cell{cellOf(b.code(v.Name)), state, {Lines: b.values(v.Name, itemsOf(v.Items, v.Value))}, {}}
		if at, ok := b.place(v.Where); ok {
			row[3] = cellOf(at)
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []block{t}
}

// itemsOf are the items of a value, or the value where it has none.
func itemsOf(items []string, value string) []string {
	if len(items) == 0 {
		return []string{value}
	}
	return items
}

// setting is the verdict on one setting of a flake with its chain.
func (b *builder) setting(v trust.SettingVerdict) group {
	mark := explain.SettingMark(v, b.glyphs)
	at := explain.Settles(mark, v.Reasons)
	m := badgeOf(mark)
	g := group{Class: m.Class, Open: mark.Role != explain.Good, Title: line{m, b.code(v.Name)}}
	if at >= 0 {
		g.Title = append(g.Title, say(v.Reasons[at].Code.Title()))
	}
	g.Blocks = append(g.Blocks, text(say(explain.SettingMeans(v))))
	values := itemsOf(v.Items, v.Value)
	g.Blocks = append(g.Blocks, b.suspect(values...)...)
	facts := fields{Rows: []field{{"value", b.values(v.Name, values)}}}
	if where, ok := b.place(v.Where); ok {
		facts.Rows = append(facts.Rows, field{"set at", []line{{where}}})
	}
	if v.Risk != nixconf.RiskNone {
		facts.Rows = append(facts.Rows, field{"gives the flake", []line{{b.prose(string(v.Risk))}}})
	}
	g.Blocks = append(g.Blocks, facts)
	g.Blocks = append(g.Blocks, b.reasons(v.Reasons, at, v.Name)...)
	return g
}

// values are the items of a setting, each on its line.
func (b *builder) values(setting string, all []string) (out []line) {
	most, _ := b.few(len(all))
	for _, v := range all[:most] {
		out = append(out, line{b.value(setting, v)})
	}
	if most < len(all) {
		out = append(out, line{say("and %d more", len(all)-most)})
	}
	return out
}

// aboutCaches reports whether a setting names caches or keys.
func aboutCaches(name string) bool {
	s, _, ok := nixconf.Lookup(name)
	return ok && (s.Name == "substituters" || s.Name == "trusted-public-keys")
}

// otherwise reports whether a cache that is in effect for every flake stands in
// another way for one than by itself.
func (b *builder) otherwise(c trust.CacheVerdict) bool {
	return !slices.ContainsFunc(b.r.Caches, func(alone trust.CacheReport) bool { return alone.URL == c.URL && alone.State == c.State })
}

// inEffect are the caches that are used whatever the flake, where one of them
// stands in another way for it. Their chains are told where the caches are.
func (b *builder) inEffect(rest []trust.CacheVerdict) []block {
	if !slices.ContainsFunc(rest, b.otherwise) {
		return nil
	}
	most, more := b.few(len(rest))
	t := table{Caption: "In effect whatever the flake", Head: []string{"cache", "state", "because", "at"}}
	for _, c := range rest[:most] {
		mark := explain.CacheMark(c.State, b.glyphs)
		row := []cell{cellOf(b.url(c.URL)), cellOf(badgeOf(mark)), {}, {}}
		where := c.Where
		if at := explain.Settles(mark, c.Reasons); at >= 0 {
			row[2] = cellOf(say(c.Reasons[at].Code.Title()))
			if c.Reasons[at].Where.File != "" {
				where = c.Reasons[at].Where
			}
		}
		if p, ok := b.place(where); ok {
			row[3] = cellOf(p)
		}
		t.Rows = append(t.Rows, row)
	}
	return append([]block{t}, more...)
}

// inputs are what the flake's inputs declare.
func (b *builder) inputs(f *trust.FlakeReport) []block {
	if len(f.Inputs) == 0 {
		return nil
	}
	most, more := b.few(len(f.Inputs))
	t := table{Caption: "Declared by inputs, which Nix never asks about or applies", Head: []string{"input", "reference", "caches", "settings"}}
	for _, in := range f.Inputs[:most] {
		row := []cell{cellOf(b.code(in.Name)), cellOf(b.url(in.Ref)), {}, {}}
		if !in.Present {
			row[0].Lines = append(row[0].Lines, line{badgeOf(b.unsure("not on this machine"))})
		}
		for _, u := range in.URLs {
			row[2].Lines = append(row[2].Lines, line{b.url(u)})
		}
		var names []string
		for _, v := range in.Settings {
			names = append(names, v.Name)
		}
		if len(names) > 0 {
			row[3] = cellOf(b.code(strings.Join(names, " ")))
		}
		t.Rows = append(t.Rows, row)
	}
	return append([]block{t}, more...)
}
