package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// groupText is the detail of a row of the first list.
func (s *store) groupText(g *group, w int) []string {
	d := newDoc(s.view, w)
	name := g.name(s.stock)
	switch g.kind {
	case groupAll:
		name = s.stock.Store.Dir
	case groupClass:
		name = explain.ClassTitle(g.class)
	case groupClaim:
		name = cmp.Or(name, "no name")
	}
	d.head(s.mark(g), safetext.Line(name))
	switch g.kind {
	case groupClass:
		s.classText(d, g)
	case groupKey:
		s.keyText(d, g)
	case groupClaim:
		s.claimText(d, g)
	case groupMore:
		d.para(explain.Plain, safetext.Line("Anybody can write any number of signatures into the database. `nix-trust audit --json` has all of them."))
	default:
		s.allText(d)
	}
	d.ways(s.fixes())
	return d.lines
}

// allText is about the store as a whole: what it comes to, and what is not known.
func (s *store) allText(d *doc) {
	st := s.stock
	switch {
	case st.empty():
		d.para(explain.Plain, safetext.Line("The database has no path."))
	case st.Outcome == StoreVouched:
		d.para(explain.Plain, safetext.Line("Something that is believed vouches for every path."))
	case st.Outcome == StoreUnvouched:
		d.para(explain.Plain, safetext.Line("Nothing that is believed vouches for some of the paths."))
	case st.Outcome == StoreForged:
		d.para(explain.Plain, safetext.Line("A signature stands under a believed key's name that the key did not make. Any user can write one into the database: somebody did, or a key was replaced."))
	default:
		d.para(explain.Plain, safetext.Line("Something that decides is not known."))
	}
	for _, text := range st.Doubts {
		d.gap()
		d.para(explain.Unsure, safetext.Text(text))
	}
	d.gap()
	d.tally("in all", st.total)
	d.field("roots", safetext.Line(counted(len(st.Roots.List), "root")))
	for _, text := range st.Roots.Unseen {
		d.fieldIn(explain.Unsure, "not seen", safetext.Text(text))
	}
	if told := st.Store.Told; told != nil {
		d.fieldIn(explain.Place, "told by", safetext.Join(safetext.Line("the daemon at"), s.style(0).Path(told.Socket)))
		d.fieldIn(explain.Faint, "", safetext.Text("as the database could not be read: "+told.Why))
	} else {
		d.fieldIn(explain.Place, "read", s.style(0).Path(st.Source))
	}
	age := ageText(s.now().Sub(st.at))
	if s.err != nil {
		d.fieldIn(explain.Unsure, "age", safetext.Text(age+", and it was not audited again: "+s.err.Error()))
	} else {
		d.field("age", safetext.Line(age))
	}
	d.gap()
	t := s.theme
	d.para(explain.Faint, safetext.Line("The bars are shares of the store: "+t.full+" rests on one alone, for "+t.shared+" something else vouches, too. The files themselves were not read: the database says what they are."))
	unused := 0
	for _, c := range st.Caches {
		if c.Use != audit.UseNone && c.Use != audit.UseSpare || !c.InEffect {
			continue
		}
		if unused++; unused == 1 {
			d.title("Caches that could be dropped")
		}
		d.para(explain.Caution, safetext.URL(c.URL))
		d.note(explain.Plain, safetext.Line(explain.UseMeans(c.Use)))
	}
}

// tally adds how much something is, and how much of it is kept.
func (d *doc) tally(label string, t audit.Tally) {
	size := sizeText(t.All.Size)
	if !d.brief && t.All.Size >= 1000 {
		size += fmt.Sprintf(" (%d bytes)", t.All.Size)
	}
	d.field(label, safetext.Line(counted(t.All.Paths, "path")+", "+size))
	if t.All.Paths == 0 {
		return
	}
	text := sizeText(t.Live.Size) + " kept"
	if t.Dead.Paths > 0 {
		text += ", " + sizeText(t.Dead.Size) + " not"
	}
	if n := t.All.Paths - t.Live.Paths - t.Dead.Paths; n > 0 {
		text += fmt.Sprintf(", of %s it is not known", counted(n, "path"))
	}
	d.fieldIn(explain.Faint, "", safetext.Line(text))
}

func (s *store) classText(d *doc, g *group) {
	d.para(explain.Plain, safetext.Line(explain.ClassMeans(g.class)))
	if g.class == audit.Signed {
		for _, text := range s.stock.Doubts {
			d.para(explain.Unsure, safetext.Text(text))
		}
	}
	d.gap()
	d.tally("in all", g.sum)
	if g.class == audit.Addressed {
		proved := s.stock.Tally(func(_ int32, p *audit.Path) bool {
			return p.Class == audit.Addressed && p.Address == audit.AddressProved
		})
		d.field("contents", safetext.Line(fmt.Sprintf("of %d the name proves the contents, of the others the address alone", proved.All.Paths)))
	}
	s.largest(d, "The largest", s.firstOf(g))
	if !g.class.Vouched() {
		s.keptBy(d, "What keeps any of them")
	}
}

// firstOf are the largest paths of a group.
func (s *store) firstOf(g *group) (out []int32) {
	in := g.holds(s.stock)
	for _, i := range s.stock.order[orderSize] {
		if in(i) {
			if out = append(out, i); len(out) > s.most() {
				break
			}
		}
	}
	return out
}

// largest lists paths with what keeps them. One more than is shown says that
// there are more.
func (s *store) largest(d *doc, title string, paths []int32) {
	if len(paths) == 0 {
		return
	}
	d.title(title)
	for n, i := range paths {
		if n == s.most() {
			d.para(explain.Faint, safetext.Line("and more: press enter for the list"))
			return
		}
		row, p := &s.stock.Store.Rows[i], &s.stock.Paths[i]
		name := pathText(row.Path)
		if row.Path == "" {
			name = safetext.Line(row.Text)
		}
		d.para(explain.Plain, safetext.Join(safetext.Line(sizeText(row.NarSize)), name))
		switch {
		case row.Damage != "":
			d.note(explain.Unsure, safetext.Text(row.Damage))
		case p.Root >= 0:
			d.note(explain.Faint, safetext.Join(safetext.Line("kept by"), s.rootText(s.stock.Roots.List[p.Root])))
		case p.Live == audit.Dead:
			d.note(explain.Faint, safetext.Line("no root keeps it"))
		}
	}
}

// keyText is about one key: what it signed, and what would have to be doubted if
// it were not its owner's alone.
func (s *store) keyText(d *doc, g *group) {
	st := s.stock
	key := st.Keys[g.signer.Key]
	switch {
	case !st.sure():
		d.para(explain.Unsure, safetext.Line("Whether it is believed is not certain:"))
		for _, text := range st.Doubts {
			d.note(explain.Unsure, safetext.Text(text))
		}
	case key.Believed && key.Gate:
		d.para(explain.Plain, safetext.Line("It is believed, and a gate's: it signs what grants pin."))
	case key.Believed:
		d.para(explain.Plain, safetext.Line("It is believed: Nix takes what it signs from any cache that is asked."))
	default:
		d.para(explain.Plain, safetext.Line("It is known here and not believed: its signatures vouch for nothing."))
	}
	d.gap()
	d.field("key", safetext.ASCII(key.String()))
	for _, from := range key.From {
		d.fieldIn(explain.Place, "from", s.style(0).Path(from))
	}
	for _, c := range st.cachesOf(g.signer.Key) {
		text := safetext.URL(c.URL)
		if !c.InEffect {
			text = safetext.Join(text, safetext.Line("(not in effect by itself)"))
		}
		d.field("cache", text)
	}
	d.gap()
	d.tally("signed", g.signer.Signed)
	d.tally("alone", g.signer.Alone)
	if key.Believed && !key.Gate && st.sure() {
		use := g.signer.Use()
		m := explain.UseMark(use, s.theme.glyphs)
		d.fieldIn(m.Role, "use", safetext.Line(m.String()+": "+explain.UseMeans(use)))
	}
	if g.signer.Alone.All.Paths == 0 {
		text := "Nothing rests on it alone: something else vouches for all that it signed."
		if g.signer.Signed.All.Paths == 0 {
			text = "It signed nothing that is in this store."
		}
		d.gap()
		d.para(explain.Plain, safetext.Line(text))
		return
	}
	d.gap()
	text := "If it were stolen, all of this would have to be doubted:"
	if !key.Believed {
		text = "All of this rests on a key that nobody here believes:"
	}
	d.para(explain.Caution, safetext.Line(text))
	t, ok := s.tracedNow()
	if !ok {
		d.para(explain.Faint, safetext.Line("looking for roots…"))
		return
	}
	s.largest(d, "Nothing else vouches for", t.paths)
	s.keptBy(d, "What keeps any of it")
}

// cachesOf are the caches that a key belongs to, as far as is known.
func (s *stock) cachesOf(key int) (out []StoreCache) {
	for _, c := range s.Caches {
		if slices.Contains(c.Keys, key) {
			out = append(out, c)
		}
	}
	return out
}

func (s *store) claimText(d *doc, g *group) {
	d.para(explain.Plain, safetext.Line(explain.ClaimMeans(g.claim.Kind)))
	if g.claim.Other {
		d.para(explain.Plain, safetext.Line("Another key of that name, which is known here and not believed, made some of them."))
	}
	d.para(explain.Faint, safetext.Line("Any user can write a signature into the database, and Nix does not look at it when it does."))
	d.gap()
	d.tally("on", g.sum)
	s.largest(d, "The largest", g.claim.Paths)
	s.keptBy(d, "What keeps any of them")
}

// fixes are the ways on from what is selected.
func (s *store) fixes() []trust.Fix {
	g := s.group()
	switch {
	case g == nil:
		return nil
	case s.onPaths():
		return s.pathFixes(s.path())
	case g.kind == groupKey && g.signer.Alone.All.Paths > 0:
		return explain.RadiusFixes(g.command(s.stock), s.stock.Keys[g.signer.Key].Believed, s.stock.without(g.signer.Key))
	case g.kind == groupKey && s.dropped(g):
		return []trust.Fix{{Title: "Believe it no longer", Detail: "It says where the key stands, and grants its cache to the flakes that need it.", Command: "nix-trust narrow"}}
	case (g.kind == groupAll || g.kind == groupClass) && s.unvouched(g):
		return explain.UnvouchedFixes()
	case g.kind == groupClaim:
		return []trust.Fix{{Title: "Ask caches whether they have the same", Command: s.challenge(g.claim.Paths)}}
	}
	return nil
}

// challenge is a command that asks caches about some paths, of many the largest.
func (s *store) challenge(paths []int32) string {
	const most = 10
	words := []string{"nix-trust challenge"}
	for _, i := range paths {
		if s.stock.Store.Rows[i].Path != "" && len(words) <= most {
			words = append(words, quote(s.stock.pathOf(i)))
		}
	}
	if len(words) == 1 {
		return ""
	}
	return strings.Join(words, " ")
}

// dropped reports whether a believed key is seen to be of no use.
func (s *store) dropped(g *group) bool {
	use, key := g.signer.Use(), s.stock.Keys[g.signer.Key]
	return key.Believed && !key.Gate && s.stock.sure() && (use == audit.UseNone || use == audit.UseSpare)
}

// unvouched reports whether nothing vouches for some paths of a group.
func (s *store) unvouched(g *group) bool {
	if g.kind == groupClass {
		return g.class == audit.NotBelieved || g.class == audit.Imported
	}
	return slices.ContainsFunc(s.stock.groups, func(g group) bool {
		return g.kind == groupClass && (g.class == audit.NotBelieved || g.class == audit.Imported)
	})
}

// without are the believed keys but for one, whole.
func (s *stock) without(key int) (out []string) {
	for i, k := range s.Keys {
		if k.Believed && i != key {
			out = append(out, k.String())
		}
	}
	return out
}
