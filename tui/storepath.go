package tui

import (
	"cmp"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// pathText is the detail of one path.
func (s *store) pathText(i int32, w int) []string {
	st := s.stock
	row, p := &st.Store.Rows[i], &st.Paths[i]
	d := newDoc(s.view, w)
	head := safetext.ASCII(row.Path.Name())
	if row.Path == "" {
		head = safetext.Line(row.Text)
	}
	d.head(explain.ClassMark(p.Class, st.sure(), s.theme.glyphs), head)
	d.para(explain.Plain, safetext.Line(pathMeans(p.Class)))
	if row.Damage != "" {
		d.fieldIn(explain.Unsure, "damage", safetext.Text(row.Damage))
	}
	d.gap()
	d.field("path", safetext.Line(st.pathOf(i)))
	size := sizeText(row.NarSize) + " (" + itoa(int(row.NarSize)) + " bytes)"
	if row.NarSize == 0 {
		size = "not recorded"
	}
	d.field("size", safetext.Line(size))
	s.signersText(d, p)
	for _, c := range p.Claims {
		m := explain.ClaimMark(c.Kind, s.theme.glyphs)
		d.fieldIn(m.Role, "claim", safetext.Join(safetext.Line(m.String()+":"), safetext.Line(cmp.Or(c.Name, "no name"))))
	}
	if p.Built {
		d.field("built", safetext.Line("on this machine, says the database"))
	}
	if row.CA != "" {
		d.field("address", safetext.Line(row.CA))
		role := explain.Faint
		if p.Address < audit.AddressNamed {
			role = explain.Caution
		}
		d.fieldIn(role, "", safetext.Line(explain.AddressMeans(p.Address)))
	}
	if row.Deriver != "" {
		d.fieldIn(explain.Faint, "deriver", safetext.ASCII(string(row.Deriver)))
	}
	d.fieldIn(explain.Faint, "registered", safetext.Line(registeredText(row.Registered)))
	d.fieldIn(explain.Faint, "refers to", safetext.Line(counted(len(row.Refs), "path")))
	m := explain.LiveMark(p.Live, s.theme.glyphs)
	d.fieldIn(m.Role, "collector", safetext.Line(m.String()))
	s.keptBy(d, "What keeps it")
	d.ways(s.fixes())
	return d.lines
}

// signersText tells whose signatures verify, and what each is worth.
func (s *store) signersText(d *doc, p *audit.Path) {
	for _, k := range p.Signers {
		key := s.stock.Keys[k]
		word, role := "not believed", explain.Caution
		switch {
		case key.Believed && !s.stock.sure():
			word, role = "whether it is believed is not certain", explain.Unsure
		case key.Believed:
			word, role = "believed", explain.Good
		}
		d.fieldIn(role, "signed by", safetext.Join(safetext.Line(key.Name), safetext.Line("("+word+")")))
	}
	if len(p.Signers) == 0 && p.Class != audit.Unknown {
		d.fieldIn(explain.Faint, "signed by", safetext.Line("nobody whose key is known"))
	}
}

// pathMeans says of one path what its class comes to.
func pathMeans(c audit.Class) string {
	switch c {
	case audit.Signed:
		return "A signature of a key that Nix goes by verifies."
	case audit.Built:
		return "This machine built it, and no believed key signed it."
	case audit.Addressed:
		return "Its name was computed of its content address, so that nobody has to vouch for it."
	case audit.NotBelieved:
		return "Only keys that nobody here believes signed it: nothing vouches for it."
	case audit.Imported:
		return "Nothing vouches for it: it came without a signature that could be checked."
	}
	return "What the database says of it cannot be believed, so that nothing is known of it."
}

// registeredText is when a path came into the store. A database may say anything.
func registeredText(at int64) string {
	t := time.Unix(at, 0)
	if at <= 0 || t.Year() > 9999 {
		return "at no time that can be"
	}
	return momentText(t)
}

// pathFixes are the ways on from one path.
func (s *store) pathFixes(i int32) []trust.Fix {
	if s.stock.Store.Rows[i].Path == "" {
		return nil
	}
	path := quote(s.stock.pathOf(i))
	return []trust.Fix{
		{Title: "Ask caches whether they have the same", Command: s.challenge([]int32{i})},
		{Title: "See whether its files are what was registered", Command: "nix store verify --no-trust " + path},
		{Title: "See what leads to it", Command: "nix-store --query --roots " + path},
	}
}
