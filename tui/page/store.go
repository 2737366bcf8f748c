package page

import (
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// store is what vouches for the paths of the store. No path is named: a list of
// them would say what the user runs.
func (b *builder) store() section {
	s := section{ID: "store", Title: "The store, by signer"}
	if b.shown.Store == nil {
		s.Blocks = []block{text(say("The store was left out: what vouches for its paths was not looked at."))}
		return s
	}
	for _, d := range b.shown.Store.Doubts {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("not certain")), b.prose(d)}})
	}
	got := b.shown.Store.Audit
	if got == nil {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("unknown")), say("What vouches for the store's paths is not known:"), b.prose(b.shown.Store.Err)}})
		return s
	}
	total := got.Total()
	s.Count = counted(total.All.Paths, "path", "paths")
	s.Blocks = append(s.Blocks, fields{Rows: []field{
		{"store", []line{{b.path(got.Store.Dir)}}},
		{"in it", []line{{say(sumText(total.All))}}},
		{"kept", []line{{say(sumText(total.Live))}}},
		{"not kept", []line{{say(sumText(total.Dead))}}},
		{"roots", []line{{say("%d", len(got.Roots.List)), say(rootsText(got.Roots))}}},
	}})
	if told := got.Store.Told; told != nil {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("told")), say("The database could not be read, so this is what the daemon at"), b.path(told.Socket), say("says of it. Why it could not:"), b.prose(told.Why)}})
	}
	for _, u := range got.Roots.Unseen {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("not seen")), b.prose(u)}})
	}
	s.Blocks = append(s.Blocks, b.classes(got)...)
	s.Blocks = append(s.Blocks, b.signers(got)...)
	s.Blocks = append(s.Blocks, b.claims(got)...)
	s.Blocks = append(s.Blocks, text(say("The paths themselves are not named here.")), said{Who: "On the machine, this lists those that nothing believed vouches for", Lines: safetext.Block("nix-trust audit --list")})
	return s
}

func rootsText(r audit.Roots) string {
	switch {
	case r.Complete():
		return "were found, all of them"
	case r.Looked:
		return "were found; not all could be seen"
	}
	return "were found; nobody looked for them"
}

func sumText(s audit.Sum) string {
	return explain.Size(s.Size) + " in " + counted(s.Paths, "path", "paths")
}

// keptParts are the parts of a bar: what is kept, what is not, and what is not known.
var keptParts = []part{
	{Class: "one", Text: "kept by a root"},
	{Class: "two", Text: "kept by no root"},
	{Class: "three", Text: "not known"},
}

// sure reports whether it is certain which keys are believed.
func (b *builder) sure() bool { return len(b.shown.Store.Doubts) == 0 }

func (b *builder) classes(got *audit.Report) []block {
	sums := got.ByClass()
	var longest int64
	for _, c := range audit.Classes {
		longest = max(longest, sums[c].All.Size)
	}
	t := table{Caption: "What vouches for the paths, each counted once", Head: []string{"what vouches", "size", "paths", "kept or not, by size"}}
	for _, c := range audit.Classes {
		sum := sums[c]
		if sum.All.Paths == 0 {
			continue
		}
		mark := explain.ClassMark(c, b.sure(), b.glyphs)
		t.Rows = append(t.Rows, []cell{
			{Lines: []line{{badgeOf(mark)}, {say(explain.ClassTitle(c))}}}, figure(explain.Size(sum.All.Size)), figure(strconv.Itoa(sum.All.Paths)),
			{Bar: barOf(longest, keptParts, sum.Live.Size, sum.Dead.Size, sum.All.Size-sum.Live.Size-sum.Dead.Size)},
		})
	}
	if len(t.Rows) == 0 {
		return []block{text(say("There is no path in the store."))}
	}
	return []block{t, legend{keptParts}}
}

// aloneParts are the parts of a signer's bar.
var aloneParts = []part{
	{Class: "one", Text: "rests on this key alone"},
	{Class: "two", Text: "is vouched for otherwise, too"},
}

func (b *builder) signers(got *audit.Report) []block {
	all := got.Signers()
	var longest int64
	n := 0
	for _, k := range all {
		longest = max(longest, k.Signed.All.Size)
		if k.Signed.All.Paths > 0 {
			n++
		}
	}
	if n == 0 {
		return []block{text(say("No key that is known here signed any path."))}
	}
	t := table{Caption: "Who signed what; a path that two keys signed counts for both", Head: []string{"key", "believed", "signed", "alone", "how much rests on it alone, by size"}}
	most, rest := b.few(n)
	for _, k := range all {
		if k.Signed.All.Paths == 0 || len(t.Rows) == most {
			continue
		}
		key := got.Keys[k.Key]
		name := cell{Lines: []line{{b.key(key.Name)}}}
		if key.Gate {
			name.Lines = append(name.Lines, line{say("a gate's: it signs what grants pin")})
		}
		for _, from := range key.From {
			what, place, _ := strings.Cut(from, ", ")
			name.Lines = append(name.Lines, line{b.prose(strings.TrimSuffix(what+", "+b.style.Tilde(place), ", "))})
		}
		mark := b.bad("not believed")
		if key.Believed {
			mark = explain.Mark{Glyph: b.glyphs.Good, Word: "believed", Role: explain.Good}
		}
		if !b.sure() {
			mark = b.unsure(mark.Word)
		}
		t.Rows = append(t.Rows, []cell{
			name, cellOf(badgeOf(mark)), tallyLines(k.Signed), tallyLines(k.Alone),
			{Bar: barOf(longest, aloneParts, k.Alone.All.Size, k.Signed.All.Size-k.Alone.All.Size)},
		})
	}
	return append([]block{t, legend{aloneParts}}, rest...)
}

// tallyLines say how much it is, and how much of it is kept.
func tallyLines(t audit.Tally) cell {
	c := cell{Lines: []line{{say(sumText(t.All))}}}
	if t.All.Paths == 0 {
		return cellOf(say("nothing"))
	}
	c.Lines = append(c.Lines, line{say(explain.Size(t.Live.Size) + " kept")})
	if t.Dead.Paths > 0 {
		c.Lines = append(c.Lines, line{say(explain.Size(t.Dead.Size) + " not kept")})
	}
	if n := t.All.Paths - t.Live.Paths - t.Dead.Paths; n > 0 {
		c.Lines = append(c.Lines, line{say(explain.Size(t.All.Size-t.Live.Size-t.Dead.Size) + " not known")})
	}
	return c
}

// claims are the signatures that prove nothing.
func (b *builder) claims(got *audit.Report) []block {
	all := got.Claims()
	if len(all) == 0 {
		return []block{text(say("Every signature in the database was made by the key whose name it has."))}
	}
	most, rest := b.few(len(all))
	t := table{Caption: "Signatures that prove nothing: any user can write one into the database", Head: []string{"name", "what it is", "paths"}}
	for _, c := range all[:most] {
		mark, says := b.unsure(c.Kind.String()), "no key of that name is known"
		switch c.Kind {
		case audit.ClaimForged:
			mark, says = explain.Mark{Glyph: b.glyphs.Alarm, Word: "FORGED", Role: explain.Danger}, "under the name of a believed key, and not made by it"
			if c.Other {
				says += "; another key of that name made some"
			}
		case audit.ClaimMisfit:
			says = "under the name of a known key, and not made by it"
		case audit.ClaimMalformed:
			says = "no signature at all"
		case audit.ClaimUnchecked:
			says = "cannot be checked, as the database has no size of the path"
		}
		t.Rows = append(t.Rows, []cell{cellOf(b.key(c.Name)), {Lines: []line{{badgeOf(mark)}, {say(says)}}}, figure(strconv.Itoa(len(c.Paths)))})
	}
	return append([]block{t}, rest...)
}

// barOf draws sizes as parts of the longest bar.
func barOf(longest int64, parts []part, sizes ...int64) *bar {
	out := &bar{}
	x := 0.0
	for i, n := range sizes {
		if n <= 0 || longest <= 0 {
			continue
		}
		p := parts[i]
		p.X, p.W = x, 100*float64(n)/float64(longest)
		x += p.W
		out.Parts = append(out.Parts, p)
		if out.Says != "" {
			out.Says += ", "
		}
		out.Says += explain.Size(n) + " " + p.Text
	}
	if out.Says == "" {
		out.Says = "nothing"
	}
	return out
}
