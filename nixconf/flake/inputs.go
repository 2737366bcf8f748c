package flake

import "strings"

// inputs checks the inputs of a flake as far as Nix does when it reads the
// file. Which ones there are is the lock's business.
//
// Nix: src/libflake/flake.cc, parseFlakeInputs.
func (p *parser) inputs(v *value, off uint32, top bool) *refusal {
	if r := p.want(vSet, v, off); r != nil {
		return r
	}
	for _, m := range v.attrs {
		name := p.names[m.sym]
		if name == "__overrides" {
			return p.overridden(m.off)
		}
		if name == "self" && p.lexer.version.AtLeast(2, 27) {
			if !top {
				return refuse(m.off, "'self' input attribute not allowed")
			}
			if r := p.want(vSet, m.value, m.off); r != nil {
				return r
			}
			for _, a := range m.value.attrs {
				if r := p.inputAttr(a); r != nil {
					return r
				}
			}
			continue
		}
		if r := p.input(m.value, m.off); r != nil {
			return r
		}
	}
	return nil
}

func (p *parser) overridden(off uint32) *refusal {
	return &refusal{off: int(off), unsure: true, message: "the attribute '__overrides' changes others; only Nix knows how"}
}

func (p *parser) input(v *value, off uint32) *refusal {
	if r := p.want(vSet, v, off); r != nil {
		return r
	}
	var typed, url, follows bool
	var extra *member
	for i := range v.attrs {
		a := v.attrs[i]
		var r *refusal
		switch name := p.names[a.sym]; name {
		case "url":
			url = true
			p.force(a.value)
			switch {
			case a.value.kind == vString:
			case !p.lexer.version.AtLeast(2, 26):
				r = p.want(vString, a.value, a.off)
			case a.value.kind != vPath:
				r = refuse(a.off, "expected a string or a path but got %s", a.value.kind)
			}
		case "flake":
			r = p.want(vBool, a.value, a.off)
		case "inputs":
			r = p.inputs(a.value, a.off, false)
		case "follows":
			follows = true
			if r = p.want(vString, a.value, a.off); r == nil {
				r = p.follows(a)
			}
		case "__overrides":
			r = p.overridden(a.off)
		default:
			r = p.inputAttr(a)
			typed = typed || name == "type"
			if extra == nil || name < p.names[extra.sym] {
				extra = &v.attrs[i]
			}
		}
		if r != nil {
			return r
		}
	}
	if !typed && extra != nil {
		return refuse(off, "unexpected flake input attribute '%s'", p.quoted(extra.sym))
	}
	if (typed || url) && follows && p.lexer.version.AtLeast(2, 30) {
		return refuse(off, "flake input has both a flake reference and a follows attribute")
	}
	return nil
}

// follows checks the path of names that an input follows.
func (p *parser) follows(a member) *refusal {
	word := "flake input attribute path"
	if !p.lexer.version.AtLeast(2, 27) {
		word = "flake input path"
	}
	for _, elem := range strings.FieldsFunc(p.text(a.value), func(r rune) bool { return r == '/' }) {
		if !letter(elem[0]) || !isWord(elem, "_-") {
			return refuse(a.off, "invalid %s element '%s'", word, elem)
		}
	}
	return nil
}

// inputAttr checks an attribute of the fetcher.
func (p *parser) inputAttr(a member) *refusal {
	switch a.value.kind {
	case vString, vBool, vInt:
		return nil
	}
	name := p.names[a.sym]
	if name == "publicKeys" && p.lexer.version.AtLeast(2, 19) {
		return refuse(a.off, "experimental Nix feature 'verified-fetches' is disabled; add '--extra-experimental-features verified-fetches' to enable it")
	}
	return refuse(a.off, "flake input attribute '%s' is %s while a string, Boolean, or integer is expected", p.quoted(a.sym), p.describe(a.value))
}
