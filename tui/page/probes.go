package page

import (
	"fmt"

	"github.com/nix-trust/nix-trust/tui/explain"
)

func (b *builder) bad(word string) explain.Mark {
	return explain.Mark{Glyph: b.glyphs.Bad, Word: word, Role: explain.Bad}
}

// probes are what earlier probes of caches found. They change no verdict.
func (b *builder) probes() section {
	s := section{ID: "probes", Title: "Probes of caches"}
	p := b.shown.Probes
	if p == nil {
		s.Blocks = []block{text(say("Whether caches were probed was not looked at: what is kept is of this machine and this user."))}
		return s
	}
	if p.Err != "" {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("unknown")), say("The results of earlier probes are not used:"), b.prose(p.Err)}})
	}
	if len(p.Kept) == 0 {
		s.Blocks = append(s.Blocks, text(say("Nothing is known of an earlier probe: whether the caches answer was not asked. This page asks nobody.")))
		return s
	}
	s.Count = fmt.Sprint(len(p.Kept))
	s.Blocks = append(s.Blocks, text(say("Kept from earlier, and no word on how the caches are now. A probe changes no verdict above.")))
	most, rest := b.few(len(p.Kept))
	t := table{Caption: "Results that were kept", Head: []string{"cache", "result", "when", "what was found"}}
	for _, k := range p.Kept[:most] {
		found := cell{}
		for _, l := range explain.ProbeLines(k, p.AtOnce) {
			found.Lines = append(found.Lines, line{b.prose(l)})
		}
		t.Rows = append(t.Rows, []cell{
			cellOf(b.url(k.URL)), cellOf(badgeOf(explain.ProbeMark(k, b.glyphs))),
			{Lines: []line{{say(explain.ProbeAge(k.At, b.r.Made))}, {moment(k.At)}}}, found,
		})
	}
	s.Blocks = append(append(s.Blocks, t), rest...)
	return s
}
