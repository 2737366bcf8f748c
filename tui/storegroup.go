package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/storedb"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A group is a row of the Store screen's first list: paths that have something
// in common.
type group struct {
	kind   groupKind
	class  audit.Class
	signer audit.Signer
	claim  audit.Claimed
	more   int         // how many claims are not listed
	sum    audit.Tally // of its paths
	alone  audit.Sum   // of those that rest on it alone
}

type groupKind int

const (
	groupAll   groupKind = iota // every path
	groupClass                  // those for which the same vouches
	groupKey                    // those that a key signed
	groupClaim                  // those with a signature that proves nothing
	groupMore                   // claims that are not listed; it has no paths
)

// mostClaims is how many names of claims are listed: anybody can write any number
// of them into the database.
const mostClaims = 200

// An order is how a list is sorted.
type order int

const (
	orderSize order = iota
	orderSecond
	orderName
	orders
)

func (o order) groups() string { return [...]string{"by size", "by number", "by name"}[o] }
func (o order) paths() string  { return [...]string{"largest first", "newest first", "by name"}[o] }

// A stock is an audited store with what the screen needs of it, worked out once,
// outside the program's loop.
type stock struct {
	*StoreView
	at     time.Time
	total  audit.Tally
	groups []group
	order  [orders][]int32 // all paths
	bad    bool            // something is forged
	tracer
}

func stockOf(v *StoreView, at time.Time) *stock {
	s := &stock{StoreView: v, at: at, total: v.Total()}
	s.groups = append(s.groups, group{kind: groupAll, sum: s.total})
	sums := v.ByClass()
	for _, c := range audit.Classes {
		if sums[c].All.Paths > 0 {
			s.groups = append(s.groups, group{kind: groupClass, class: c, sum: sums[c], alone: sums[c].All})
		}
	}
	for _, k := range v.Signers() {
		if v.Keys[k.Key].Believed || k.Signed.All.Paths > 0 {
			s.groups = append(s.groups, group{kind: groupKey, signer: k, sum: k.Signed, alone: k.Alone.All})
		}
	}
	claims := v.Claims()
	for n, c := range claims {
		s.bad = s.bad || c.Kind == audit.ClaimForged
		if n >= mostClaims {
			s.groups = append(s.groups, group{kind: groupMore, more: len(claims) - n})
			break
		}
		s.groups = append(s.groups, group{kind: groupClaim, claim: c, sum: v.Sum(c.Paths)})
	}
	all := make([]int32, len(v.Paths))
	for i := range all {
		all[i] = int32(i)
	}
	for o := range s.order {
		s.order[o] = slices.Clone(all)
		slices.SortFunc(s.order[o], order(o).compare(v.Store))
	}
	return s
}

// compare compares two rows of a store for an order. No two are equal.
func (o order) compare(s *storedb.Store) func(a, b int32) int {
	return func(a, b int32) int {
		x, y := &s.Rows[a], &s.Rows[b]
		c := 0
		switch o {
		case orderSize:
			c = cmp.Compare(y.NarSize, x.NarSize)
		case orderSecond:
			c = cmp.Compare(y.Registered, x.Registered)
		default:
			c = cmp.Compare(x.Path.Name(), y.Path.Name())
		}
		if c == 0 {
			c = cmp.Compare(x.Path, y.Path)
		}
		if c == 0 {
			c = cmp.Compare(a, b)
		}
		return c
	}
}

// section is where a group stands: whole sections stay together.
func (g *group) section(s *stock) int {
	switch {
	case g.kind == groupKey && !s.Keys[g.signer.Key].Believed:
		return int(groupKey)*2 + 1
	}
	return int(g.kind) * 2
}

// sorted are the groups in an order. Classes stay as they are: the strongest first.
func (s *stock) sorted(o order) []group {
	out := slices.Clone(s.groups)
	slices.SortStableFunc(out, func(a, b group) int {
		if c := cmp.Compare(a.section(s), b.section(s)); c != 0 || a.kind == groupClass || a.kind == groupMore {
			return c
		}
		switch o {
		case orderSecond:
			return cmp.Compare(b.sum.All.Paths, a.sum.All.Paths)
		case orderName:
			return cmp.Compare(a.name(s), b.name(s))
		}
		if a.kind == groupClaim { // what is worse is told first
			return cmp.Or(cmp.Compare(a.claim.Kind, b.claim.Kind), cmp.Compare(b.sum.All.Size, a.sum.All.Size))
		}
		return cmp.Compare(b.sum.All.Size, a.sum.All.Size)
	})
	return out
}

// name is what a group is called. It is not yet safe to show.
func (g *group) name(s *stock) string {
	switch g.kind {
	case groupClass:
		return explain.ClassBy(g.class)
	case groupKey:
		return s.Keys[g.signer.Key].Name
	case groupClaim:
		return g.claim.Name
	case groupMore:
		return "and " + itoa(g.more) + " more names"
	}
	return "the whole store"
}

// id is the same for the same group of another audit.
func (g *group) id(s *stock) string {
	switch g.kind {
	case groupKey:
		return "key " + s.Keys[g.signer.Key].String()
	case groupClaim:
		return "claim " + g.claim.Kind.String() + " " + g.claim.Name
	case groupClass:
		return "class " + g.class.String()
	case groupMore:
		return "more"
	}
	return "all"
}

// title is that of the group's detail.
func (g *group) title() string {
	switch g.kind {
	case groupClass:
		return "What vouches"
	case groupKey:
		return "Key"
	case groupClaim, groupMore:
		return "Signatures that prove nothing"
	}
	return "Store"
}

// sure reports whether it is certain which keys are believed.
func (s *stock) sure() bool { return len(s.Doubts) == 0 }

// mark is a group's state.
func (s *store) mark(g *group) explain.Mark {
	gl := s.theme.glyphs
	switch g.kind {
	case groupClass:
		return explain.ClassMark(g.class, s.stock.sure(), gl)
	case groupKey:
		return keyMark(s.stock, g, gl)
	case groupClaim:
		return explain.ClaimMark(g.claim.Kind, gl)
	case groupMore:
		return explain.Mark{Glyph: gl.Unsure, Word: "more", Role: explain.Unsure}
	}
	return outcomeMark(s.stock, gl)
}

// empty reports whether the store has no path, so that nothing is vouched for.
func (s *stock) empty() bool { return s.Outcome == StoreVouched && len(s.Paths) == 0 }

func outcomeMark(s *stock, g explain.Glyphs) explain.Mark {
	switch {
	case s.empty():
		return explain.Mark{Glyph: g.None, Word: "empty", Role: explain.Faint}
	case s.Outcome == StoreVouched:
		return explain.Mark{Glyph: g.Good, Word: "vouched", Role: explain.Good}
	case s.Outcome == StoreUnvouched:
		return explain.Mark{Glyph: g.Bad, Word: "unvouched", Role: explain.Bad}
	case s.Outcome == StoreForged:
		return explain.Mark{Glyph: g.Bad, Word: "FORGED", Role: explain.Danger}
	}
	return explain.Mark{Glyph: g.Unsure, Word: "unknown", Role: explain.Unsure}
}

// keyMark says whether a key is believed, and whether it is of any use.
func keyMark(s *stock, g *group, gl explain.Glyphs) explain.Mark {
	key := s.Keys[g.signer.Key]
	switch {
	case !key.Believed && !s.sure():
		return explain.Mark{Glyph: gl.Unsure, Word: "not believed", Role: explain.Unsure}
	case !key.Believed && g.signer.Alone.All.Paths > 0:
		return explain.Mark{Glyph: gl.Bad, Word: "not believed", Role: explain.Bad}
	case !key.Believed:
		return explain.Mark{Glyph: gl.Off, Word: "not believed", Role: explain.Faint}
	case !s.sure():
		return explain.Mark{Glyph: gl.Unsure, Word: "believed", Role: explain.Unsure}
	case key.Gate:
		return explain.Mark{Glyph: gl.Good, Word: "a gate's", Role: explain.Good}
	case g.signer.Use() == audit.UseNone, g.signer.Use() == audit.UseSpare:
		return explain.UseMark(g.signer.Use(), gl)
	}
	return explain.Mark{Glyph: gl.Good, Word: "believed", Role: explain.Good}
}

// sections are the headings, by section.
var sections = map[int]string{
	int(groupAll) * 2: "The store", int(groupClass) * 2: "What vouches for a path", int(groupKey) * 2: "Keys that are believed",
	int(groupKey)*2 + 1: "Keys that are known and not believed", int(groupClaim) * 2: "Signatures that prove nothing", int(groupMore) * 2: "Signatures that prove nothing",
}

// barCells is how wide the bar of a share is.
const barCells = 10

// groupRow is one row of the first list.
func (s *store) groupRow(g *group) row {
	m := s.mark(g)
	name := cell{safetext.Line(g.name(s.stock)), explain.Plain}
	if m.Role == explain.Danger {
		name.role = m.Role
	}
	if g.kind == groupMore {
		r := newRow(g.id(s.stock), own(m.Role, m.String()), name)
		r.group = sections[g.section(s.stock)]
		return r
	}
	all := s.stock.total.All.Size
	bar := ""
	if g.kind != groupAll {
		bar = shareBar(g.alone.Size, g.sum.All.Size, all, barCells, s.theme)
	}
	r := newRow(g.id(s.stock), own(m.Role, m.String()), name, own(explain.Plain, bar), own(explain.Plain, sizeText(g.sum.All.Size)),
		own(explain.Plain, itoa(g.sum.All.Paths)), own(explain.Faint, keptShare(g.sum)))
	r.group = sections[g.section(s.stock)]
	r.find = strings.ToLower(m.Word + "\n" + name.text.String() + "\n" + g.id(s.stock))
	return r
}

// keptShare is how much of it is kept, of its size.
func keptShare(t audit.Tally) string {
	unknown := t.All.Paths - t.Live.Paths - t.Dead.Paths
	switch {
	case t.All.Paths == 0:
		return ""
	case unknown == t.All.Paths:
		return "?"
	case t.All.Size <= 0:
		return ""
	}
	share := itoa(int(float64(t.Live.Size)*100/float64(t.All.Size))) + "%"
	if unknown > 0 { // at least
		return share + "+"
	}
	return share
}

// command prints the group's paths, for scripts, as far as the program has one
// for it.
func (g *group) command(s *stock) string {
	switch {
	case g.kind == groupKey:
		return "nix-trust audit --key " + quote(s.Keys[g.signer.Key].String()) + " --list"
	case g.kind == groupAll, g.kind == groupClass && !g.class.Vouched():
		return "nix-trust audit --list"
	}
	return ""
}
