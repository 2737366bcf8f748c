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
		if r := p.input(name, m.value, m.off); r != nil {
			return r
		}
	}
	return nil
}

func (p *parser) overridden(off uint32) *refusal {
	return &refusal{off: int(off), unsure: true, message: "the attribute '__overrides' changes others; only Nix knows how"}
}

func (p *parser) input(name string, v *value, off uint32) *refusal {
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
				r = p.address(a)
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
	if !typed && !url && !follows && !p.lexer.version.AtLeast(2, 30) && !isFlakeName(name) {
		return refuse(off, "'%s' is not a valid flake ID", name)
	}
	return nil
}

// address refuses a URL with a fragment, and one of a scheme that no version of
// Nix has. What else may be wrong with a URL is not looked at.
func (p *parser) address(a member) *refusal {
	url := p.text(a.value)
	if _, fragment, ok := strings.Cut(url, "#"); ok && fragment != "" && !strings.Contains(fragment, "%") {
		return refuse(a.off, "unexpected fragment '%s' in flake reference '%s'", fragment, url)
	}
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok || !isScheme(scheme) || strings.Contains(scheme, "+") || !isWord(rest, "/._-") {
		return nil
	}
	switch scheme {
	case "path", "flake", "indirect", "github", "gitlab", "sourcehut", "git", "http", "https", "file", "tarball", "hg", "s3":
		return nil
	}
	return refuse(a.off, "input '%s' is unsupported", url)
}

// arguments checks the names that the outputs take: each is an input.
func (p *parser) arguments(v *value) *refusal {
	if v.node < 0 {
		return nil
	}
	f := &p.funs[p.nodes[v.node].a]
	var bad *formal
	for i := range f.formals {
		x := &f.formals[i]
		if !isFlakeName(p.names[x.sym]) && (bad == nil || p.before(x.sym, bad.sym)) {
			bad = x
		}
	}
	if bad == nil {
		return nil
	}
	return refuse(bad.off, "flake reference '%s' is not an absolute path", p.names[bad.sym])
}

// isFlakeName tells whether a registry could have the name.
func isFlakeName(s string) bool { return isWord(s, "_-") && letter(s[0]) }

// follows checks the path of names that an input follows.
func (p *parser) follows(a member) *refusal {
	word := "flake input attribute path"
	if !p.lexer.version.AtLeast(2, 27) {
		word = "flake input path"
	}
	for _, elem := range strings.FieldsFunc(p.text(a.value), func(r rune) bool { return r == '/' }) {
		if !isFlakeName(elem) {
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
