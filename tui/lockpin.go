package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// pinText is one pin, and what each cache has for it.
func (s *locks) pinText(d *doc, f *LockFile, p *verify.Pin) {
	v := s.about(f).verify
	asked := v != nil && v.err == nil
	d.head(verdictMark(worst(p), asked, s.theme.glyphs), safetext.ASCII(string(p.Path)))
	s.answersText(d, p)
	if asked && len(p.Answers) > 0 {
		d.title("What is pinned")
	}
	d.pin(p.Pin)
	d.field("systems", safetext.Line(strings.Join(p.Systems, ", ")))
}

// answersText says what each cache has for a pin, the gravest first.
func (s *locks) answersText(d *doc, p *verify.Pin) {
	answers := slices.Clone(p.Answers)
	slices.SortStableFunc(answers, func(a, b verify.Answer) int { return gravity(b.Verdict) - gravity(a.Verdict) })
	for _, a := range answers {
		d.gap()
		m := verdictMark(a.Verdict, true, s.theme.glyphs)
		d.para(m.Role, safetext.Join(safetext.Line(m.String()), safetext.Line("at"), safetext.URL(a.Cache)))
		for _, diff := range a.Differences {
			d.fieldIn(explain.Strong, diff.Field, safetext.Line("is not what is pinned"))
			if diff.Field == "references" {
				d.references(diff)
				continue
			}
			d.field("pinned", safetext.ASCII(diff.Pinned))
			d.fieldIn(explain.Bad, "got", safetext.ASCII(diff.Got))
		}
		d.note(explain.Plain, safetext.Text(safetext.Redact(a.Text)))
		if a.Contents {
			d.note(explain.Faint, safetext.Line("The bytes were read, and are what is pinned."))
		}
	}
}

// references shows what a cache's list of references has more or less.
func (d *doc) references(diff verify.Difference) {
	n := 0
	show := func(label string, role explain.Role, in, from string) {
		has := map[string]bool{"none": true}
		for w := range strings.FieldsSeq(from) {
			has[w] = true
		}
		for w := range strings.FieldsSeq(in) {
			if has[w] {
				continue
			}
			if n++; n <= mostShown {
				d.fieldIn(role, label, safetext.ASCII(w))
			}
		}
	}
	show("got more", explain.Bad, diff.Got, diff.Pinned)
	show("missing", explain.Bad, diff.Pinned, diff.Got)
	if n > mostShown {
		d.note(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", n-mostShown)))
	}
}

// pin shows what a path must be.
func (d *doc) pin(p lock.Pin) {
	d.field("narHash", safetext.Line(p.NAR.String()))
	d.field("narSize", safetext.Line(fmt.Sprintf("%d bytes", p.Size)))
	if p.CA != "" {
		d.field("address", safetext.ASCII(p.CA))
	}
	for i, r := range p.Refs {
		if i == mostShown {
			d.note(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", len(p.Refs)-i)))
			break
		}
		d.field("refers to", safetext.ASCII(string(r)))
	}
	if len(p.By) > 0 {
		d.fieldIn(explain.Faint, "signers", safetext.ASCII(strings.Join(p.By, ", ")))
		d.note(explain.Faint, safetext.Line("when it was locked; a label that proves nothing"))
	}
}

func (s *locks) changeText(d *doc, c *lock.Change) {
	word, role := changeWord(c.Class)
	m := explain.Mark{Word: word, Role: role}
	if c.Class.Alarm() {
		m.Glyph = s.theme.glyphs.Alarm
	}
	d.head(m, safetext.Text(c.Subject))
	if role == explain.Danger {
		d.alarm(safetext.Line(changeMeans(c.Class)))
	} else {
		d.para(explain.Plain, safetext.Line(changeMeans(c.Class)))
	}
	d.gap()
	if c.System != "" {
		d.field("system", safetext.Line(c.System))
	}
	d.fieldIn(explain.Faint, "class", safetext.Line(string(c.Class)))
	o, n := c.OldPin, c.NewPin
	switch {
	case o.NAR.IsZero() && n.NAR.IsZero():
		d.became(role, "", c.Old, c.New)
	case o.NAR.IsZero():
		d.title("Is pinned as")
		d.pin(n)
	case n.NAR.IsZero():
		d.title("Was pinned as")
		d.pin(o)
	default:
		d.became(role, "path", c.Old, c.New)
		d.became(role, "narHash", o.NAR.String(), n.NAR.String())
		d.became(role, "narSize", fmt.Sprintf("%d bytes", o.Size), fmt.Sprintf("%d bytes", n.Size))
		d.became(role, "address", o.CA, n.CA)
		d.becameRefs(o.Refs, n.Refs)
		d.became(explain.Plain, "signers", strings.Join(o.By, " "), strings.Join(n.By, " "))
	}
}

// became shows what something was and is, under each other, when that differs.
// role is how loud the change is.
func (d *doc) became(role explain.Role, what, was, is string) {
	if was == is {
		return
	}
	if what != "" {
		d.fieldIn(explain.Strong, what, safetext.Line("is not what it was"))
	}
	or := func(s string) safetext.S { return safetext.ASCII(cmp.Or(s, "none")) }
	d.field("was", or(was))
	d.fieldIn(role, "is", or(is))
}

// becameRefs shows which references came and went.
func (d *doc) becameRefs(was, is []lock.StorePath) {
	n := 0
	show := func(label string, in, from []lock.StorePath) {
		for _, p := range in {
			if _, has := slices.BinarySearch(from, p); has {
				continue
			}
			if n++; n <= mostShown {
				d.field(label, safetext.ASCII(string(p)))
			}
		}
	}
	if !slices.Equal(was, is) {
		d.fieldIn(explain.Strong, "references", safetext.Line("are not what they were"))
		show("gone", was, is)
		show("new", is, was)
	}
	if n > mostShown {
		d.note(explain.Faint, safetext.Line(fmt.Sprintf("and %d more", n-mostShown)))
	}
}
