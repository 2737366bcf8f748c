package flake

import (
	"sort"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A binder checks that every name is defined, as Nix does when it has parsed a
// file. A name inside of a "with" may come from it, so it is always right.
//
// Nix: src/libexpr/nixexpr.cc, the bindVars functions.
type binder struct {
	bound  []int32 // by symbol: the scopes around here that define it
	withs  int
	sorted bool // visit attributes in Nix's order: only the first error counts
	bad    int32
}

// bindAll ends the parse when a name is not defined.
func (p *parser) bindAll() {
	b := &p.binder
	b.reset(len(p.names))
	p.bind(p.root)
	if b.bad < 0 {
		return
	}
	b.reset(len(p.names))
	b.sorted = true
	p.bind(p.root)
	x := p.nodes[b.bad]
	p.fail(x.off, "undefined variable '%s'", p.names[x.a])
}

func (b *binder) reset(symbols int) {
	if cap(b.bound) < symbols {
		b.bound = make([]int32, symbols)
	}
	b.bound = b.bound[:symbols]
	clear(b.bound)
	b.withs, b.sorted, b.bad = 0, false, -1
}

func (p *parser) bind(n int32) {
	b := &p.binder
	if b.bad >= 0 {
		return
	}
	x := p.nodes[n]
	switch x.kind {
	case nThunk, nConcat, nList:
		for _, kid := range p.kids[x.a : x.a+x.b] {
			p.bind(kid)
		}
	case nIndent:
		for i := x.a; i < x.a+x.b; i++ {
			if p.parts[i].kind == partExpr {
				p.bind(p.parts[i].node)
			}
		}
	case nVar:
		p.lookup(n, 0)
	case nSet:
		p.bindSet(x.a, p.sets[x.a].rec)
		if p.sets[x.a].rec {
			p.scope(x.a, -1)
		}
	case nLet:
		p.bindSet(x.a, true)
		p.bind(x.b)
		p.scope(x.a, -1)
	case nWith:
		p.bind(x.a)
		b.withs++
		p.bind(x.b)
		b.withs--
	case nLambda:
		f := &p.funs[x.a]
		p.function(f, 1)
		for i := range f.formals {
			if def := f.formals[i].def; def >= 0 {
				p.bind(def)
			}
		}
		p.bind(f.body)
		p.function(f, -1)
	}
}

// lookup checks one variable; own is how many scopes to leave out.
func (p *parser) lookup(n, own int32) {
	b, sym := &p.binder, p.nodes[n].a
	if b.bound[sym] <= own && b.withs == 0 && !isGlobal(p.names[sym], p.lexer.version) {
		b.bad = n
	}
}

func (p *parser) function(f *lambda, by int32) {
	if f.arg >= 0 {
		p.binder.bound[f.arg] += by
	}
	for i := range f.formals {
		p.binder.bound[f.formals[i].sym] += by
	}
}

func (p *parser) scope(s, by int32) {
	for i := range p.sets[s].attrs {
		p.binder.bound[p.sets[s].attrs[i].sym] += by
	}
}

// bindSet checks a set; one that defines names for its own expressions leaves
// them defined.
func (p *parser) bindSet(s int32, scope bool) {
	own := int32(0)
	if scope {
		p.scope(s, 1)
		own = 1
	}
	set := p.sets[s]
	for _, from := range set.froms {
		p.bind(from)
	}
	attrs := set.attrs
	if p.binder.sorted {
		attrs = p.inOrder(s)
	}
	for i := range attrs {
		if attrs[i].kind == attrInherited {
			if p.binder.bad < 0 {
				p.lookup(attrs[i].node, own)
			}
			continue
		}
		p.bind(attrs[i].node)
	}
	for _, d := range set.dyn {
		p.bind(d.name)
		p.bind(d.node)
	}
}

// inOrder returns a set's attributes in the order in which Nix goes through
// them: that in which it first met their names.
func (p *parser) inOrder(s int32) []attr {
	attrs := append([]attr(nil), p.sets[s].attrs...)
	sort.Slice(attrs, func(i, k int) bool { return p.before(attrs[i].sym, attrs[k].sym) })
	return attrs
}

func (p *parser) before(a, b int32) bool {
	i, known := early[p.names[a]]
	k, both := early[p.names[b]]
	switch {
	case known && both:
		return i < k
	case known != both:
		return known
	}
	return a < b
}

// A global is a name that is defined everywhere.
type global struct {
	since nixconf.Version
	kind  valueKind
	text  string // of a constant
}

// isGlobal tells whether Nix defines the name itself, in pure evaluation with
// flakes enabled.
func isGlobal(name string, v nixconf.Version) bool {
	g, ok := globals[name]
	return ok && v.AtLeast(g.since.Major, g.since.Minor)
}
