package page

import (
	"slices"
	"strconv"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// matrixWidth is how many caches are beside each other.
const matrixWidth = 5

// Anchors.
func flakeID(i int) string       { return "flake-" + strconv.Itoa(i+1) }
func claimID(i, k int) string    { return flakeID(i) + "-cache-" + strconv.Itoa(k+1) }
func cacheID(i int) string       { return "cache-" + strconv.Itoa(i+1) }
func tableTitle(i, n int) string { return "part " + strconv.Itoa(i+1) + " of " + strconv.Itoa(n) }

// asks reports whether there is something to tell of a flake.
func asks(f *trust.FlakeReport) bool {
	return f.Rejected != nil || f.Err != "" || len(f.Settings) > 0 || len(f.Inputs) > 0 || slices.ContainsFunc(f.Caches, trust.CacheVerdict.Own)
}

// matrix is every flake with every cache that it has to do with.
func (b *builder) matrix() section {
	s := section{ID: "matrix", Title: "Flakes and caches"}
	told := b.told()
	if len(told) == 0 {
		s.Blocks = []block{text(say("No flake was found. The caches in effect without one are below."))}
		return s
	}
	s.Count = strconv.Itoa(len(told))
	var rows []int
	for _, i := range told {
		if asks(&b.r.Flakes[i]) {
			rows = append(rows, i)
		}
	}
	if quiet := len(told) - len(rows); quiet > 0 {
		defer func() {
			n := counted(quiet, "flake asks", "flakes ask") + " for nothing, and use the caches that are in effect for every flake."
			s.Blocks = append(s.Blocks, text(say(n)))
		}()
	}
	most, rest := b.few(len(rows))
	rows = rows[:most]
	urls := b.columns(rows)
	cut := 0
	if over := len(urls) - b.limit.rows; over > 0 {
		urls, cut = urls[:b.limit.rows], over
	}
	parts := (len(urls) + matrixWidth - 1) / matrixWidth
	for n := range parts {
		s.Blocks = append(s.Blocks, b.matrixTable(rows, urls[n*matrixWidth:min((n+1)*matrixWidth, len(urls))], n, parts))
	}
	s.Blocks = append(s.Blocks, rest...)
	if cut > 0 {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{say("%d more caches are left out of the table; nix-trust status --json has all.", cut)}})
	}
	s.Blocks = append(s.Blocks, b.meanings())
	return s
}

// columns are the caches of a matrix: what flakes ask for or are granted, then
// what is in effect.
func (b *builder) columns(rows []int) (urls []string) {
	add := func(u string) {
		if !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	for _, own := range []bool{true, false} {
		for _, i := range rows {
			for _, c := range b.r.Flakes[i].Caches {
				if c.Own() == own {
					add(c.URL)
				}
			}
		}
	}
	return urls
}

func (b *builder) matrixTable(rows []int, urls []string, n, parts int) table {
	t := table{Caption: "How each cache stands for each flake", Wide: true, Heads: []line{{say("flake")}}}
	if parts > 1 {
		t.Caption += ", " + tableTitle(n, parts)
	}
	for _, u := range urls {
		t.Heads = append(t.Heads, line{b.url(u)})
	}
	for _, i := range rows {
		f := &b.r.Flakes[i]
		name := b.flake(f)
		name.To = flakeID(i)
		row := []cell{cellOf(name)}
		for _, u := range urls {
			row = append(row, b.matrixCell(i, u))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (b *builder) matrixCell(i int, url string) cell {
	f := &b.r.Flakes[i]
	switch {
	case f.Rejected != nil, f.Err != "":
		m := badgeOf(explain.FlakeMark(f, b.glyphs))
		m.To = flakeID(i)
		return cellOf(m)
	}
	at := slices.IndexFunc(f.Caches, func(c trust.CacheVerdict) bool { return c.URL == url })
	if at < 0 {
		m := badgeOf(explain.Mark{Glyph: b.glyphs.None, Word: "not asked for"})
		m.Class = "none"
		return cellOf(m)
	}
	c := f.Caches[at]
	m := badgeOf(explain.CacheMark(c.State, b.glyphs))
	out := cell{Lines: []line{{m}}}
	if !c.Own() {
		out.Lines = append(out.Lines, line{quiet("in effect for every flake")})
		return out
	}
	out.Lines[0][0].To = claimID(i, at)
	if k := explain.Settles(explain.CacheMark(c.State, b.glyphs), c.Reasons); k >= 0 {
		out.Lines = append(out.Lines, line{say(c.Reasons[k].Code.Title())})
	}
	return out
}

// meanings says what the words of the matrix mean.
func (b *builder) meanings() group {
	g := group{ID: "words", Title: line{say("What the words mean")}}
	f := fields{}
	for s := trust.StateUnknown; s < trust.StateNone; s++ {
		m := explain.CacheMark(s, b.glyphs)
		f.Rows = append(f.Rows, field{m.String(), []line{{say(explain.CacheMeans(s))}}})
	}
	g.Blocks = []block{f}
	return g
}
