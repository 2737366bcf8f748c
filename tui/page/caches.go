package page

import (
	"strconv"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// caches are all caches of the machine, each by itself.
func (b *builder) caches() section {
	s := section{ID: "caches", Title: "Caches", Count: strconv.Itoa(len(b.r.Caches))}
	if len(b.r.Caches) == 0 {
		s.Blocks = []block{text(say("No cache is in effect and no flake asks for one. Nix then builds everything itself."))}
		return s
	}
	s.Blocks = []block{text(say("Each by itself, whatever the flake; in effect are those that Nix asks for every build, in its order."))}
	t := table{Caption: "Not in effect by themselves: flakes ask for them", Head: []string{"cache", "state", "admitted by", "keys", "asked for by"}}
	most, rest := b.few(len(b.r.Caches))
	for i := range b.r.Caches[:most] {
		c := &b.r.Caches[i]
		if !c.InEffect && len(c.Reasons) == 1 && c.Reasons[0].Code == trust.CodeNotInList {
			t.Rows = append(t.Rows, b.cacheRow(c))
			continue
		}
		s.Blocks = append(s.Blocks, b.oneCache(i))
	}
	if len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, t)
	}
	s.Blocks = append(s.Blocks, rest...)
	return s
}

// cacheRow is a cache of which there is no more to say than that flakes ask for it.
func (b *builder) cacheRow(c *trust.CacheReport) []cell {
	state := cellOf(badgeOf(explain.CacheMark(c.State, b.glyphs)))
	state.Lines = append(state.Lines, line{say(c.Reasons[0].Code.Title())})
	row := []cell{cellOf(b.url(c.URL)), state, {Lines: b.admitted(c)}, {}, {}}
	row[2].Lines = append(row[2].Lines, linesOf(b.originRows(c.Origins))...)
	row[3].Lines = linesOf(b.keyRows(c.Keys))
	row[4].Lines = linesOf(b.flakeRows("", c.Flakes))
	for _, l := range linesOf(b.flakeRows("", c.Granted)) {
		row[4].Lines = append(row[4].Lines, append(line{say("granted to")}, l...))
	}
	return row
}

func linesOf(rows []field) (out []line) {
	for _, r := range rows {
		out = append(out, r.Values...)
	}
	return out
}

// admitted are the daemon's lists that a cache is on.
func (b *builder) admitted(c *trust.CacheReport) (out []line) {
	for _, l := range c.ListedBy {
		out = append(out, line{b.code(l)})
	}
	if len(out) == 0 {
		out = []line{{say("no list of the daemon")}}
	}
	return out
}

func (b *builder) oneCache(i int) group {
	c := &b.r.Caches[i]
	mark := explain.CacheMark(c.State, b.glyphs)
	m := badgeOf(mark)
	effect := "not in effect by itself"
	if c.InEffect {
		effect = "in effect"
	}
	g := group{ID: cacheID(i), Class: m.Class, Open: c.InEffect && mark.Role != explain.Good, Title: line{m, b.url(c.URL), say(effect)}}
	g.Blocks = b.suspect(c.URL)
	facts := fields{}
	if c.Priority != "" {
		facts.Rows = append(facts.Rows, field{"priority", []line{{b.code(c.Priority)}}})
	}
	facts.Rows = append(facts.Rows, field{"admitted by", b.admitted(c)})
	facts.Rows = append(facts.Rows, b.originRows(c.Origins)...)
	facts.Rows = append(facts.Rows, b.keyRows(c.Keys)...)
	facts.Rows = append(facts.Rows, b.flakeRows("asked for by", c.Flakes)...)
	facts.Rows = append(facts.Rows, b.flakeRows("granted to", c.Granted)...)
	g.Blocks = append(g.Blocks, facts)
	g.Blocks = append(g.Blocks, b.probed(c.Probed)...)
	g.Blocks = append(g.Blocks, b.reasons(c.Reasons, explain.Settles(mark, c.Reasons), c.URL)...)
	return g
}

func (b *builder) originRows(all []nixconf.Origin) []field {
	if len(all) == 0 {
		return nil
	}
	most, _ := b.few(len(all))
	f := field{Label: "set by"}
	for _, o := range all[:most] {
		f.Values = append(f.Values, line{b.origin("", o)})
	}
	return []field{f}
}

func (b *builder) flakeRows(label string, flakes []int) []field {
	if len(flakes) == 0 {
		return nil
	}
	most, _ := b.few(len(flakes))
	f := field{Label: label}
	for _, i := range flakes[:most] {
		name := b.flake(&b.r.Flakes[i])
		name.To = flakeID(i)
		f.Values = append(f.Values, line{name})
	}
	if most < len(flakes) {
		f.Values = append(f.Values, line{say("and %d more", len(flakes)-most)})
	}
	return []field{f}
}

// keys are all public keys, in effect or asked for.
func (b *builder) keys() section {
	s := section{ID: "keys", Title: "Keys", Count: strconv.Itoa(len(b.r.Keys))}
	if len(b.r.Keys) == 0 {
		s.Blocks = []block{text(say("No key is in effect, so that no signature is accepted, and no flake asks for one."))}
		return s
	}
	s.Blocks = []block{text(say("Whoever holds the secret half of a key in effect can supply any path that Nix substitutes here."))}
	most, rest := b.few(len(b.r.Keys))
	t := table{Caption: "Public keys", Head: []string{"key", "state", "set by", "asked for by"}}
	for i := range b.r.Keys[:most] {
		t.Rows = append(t.Rows, b.keyRow(&b.r.Keys[i]))
	}
	s.Blocks = append(append(s.Blocks, t), rest...)
	return s
}

func (b *builder) keyRow(k *trust.KeyReport) []cell {
	row := []cell{cellOf(b.key(k.Text)), cellOf(badgeOf(explain.KeyMark(*k, b.glyphs))), {}, {}}
	if k.Problem != nil {
		row[1].Lines = append(row[1].Lines, line{b.prose(k.Problem.Text)})
	}
	row[2].Lines, row[3].Lines = linesOf(b.originRows(k.Origins)), linesOf(b.flakeRows("", k.Flakes))
	return row
}

// remembered is what Nix remembers of caches' answers.
func (b *builder) remembered() section {
	s := section{ID: "remembered", Title: "What Nix remembers of caches' answers"}
	for _, m := range b.r.Remembered {
		whose := "This user's own Nix keeps it in"
		if m.Daemon {
			whose = "The daemon keeps it in"
		}
		l := line{say(whose), b.path(m.File)}
		switch m.State {
		case nixconf.SourceRead:
		case nixconf.SourceMissing:
			s.Blocks = append(s.Blocks, text(append(l, say("which does not exist: nothing is remembered."))...))
			continue
		default:
			s.Blocks = append(s.Blocks, para{Class: "warn", Line: append(append(line{badgeOf(b.unsure("unknown"))}, l...), say("which cannot be read here."), b.prose(m.Err))})
			continue
		}
		s.Blocks = append(s.Blocks, text(l...))
		if !m.Complete {
			s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{say("Only the newest answers were counted, so that there may be more.")}})
		}
		most, rest := b.few(len(m.Caches))
		t := table{Caption: "Answers that still count", Head: []string{"cache", "does not have", "has"}}
		for _, c := range m.Caches[:most] {
			t.Rows = append(t.Rows, []cell{cellOf(b.url(c.URL)), tallyCell(c.Misses), tallyCell(c.Hits)})
		}
		if len(t.Rows) == 0 {
			s.Blocks = append(s.Blocks, text(say("It has no answer that still counts.")))
			continue
		}
		s.Blocks = append(append(s.Blocks, t), rest...)
	}
	if len(b.r.Remembered) == 0 {
		s.Blocks = []block{para{Line: line{badgeOf(b.unsure("unknown")), say("It was not looked at.")}}}
	}
	return s
}

func tallyCell(t trust.AnswerTally) cell {
	if t.Count == 0 {
		return cellOf(say("nothing"))
	}
	return cell{Lines: []line{{say(counted(t.Count, "path", "paths"))}, {say("from"), moment(t.Oldest), say("to"), moment(t.Newest)}}}
}
