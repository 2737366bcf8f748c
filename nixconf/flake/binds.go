package flake

import (
	"sort"
	"strings"
)

// binds reads bindings up to the token that ends them, which stays. Where
// there is neither, expected is what Nix says it expected.
func (p *parser) binds(s int32, end tokenKind, expected ...tokenKind) {
	symbols := 4 // the brace, the bindings so far, the name and the equals sign
	if p.lexer.version.AtLeast(2, 25) {
		symbols = 3
	}
	for p.peek() != end {
		if p.peek() == tInherit {
			p.inherit(s)
			symbols = 4
			continue
		}
		switch p.peek() {
		case tID, tOrKw, '"', tDollarCurly:
		default:
			if !p.lexer.version.AtLeast(2, 25) {
				expected = nil
			}
			p.unexpected(expected...)
		}
		mark := len(p.path)
		off := p.look(0).off
		p.attrPath()
		if p.peek() != '=' {
			p.unexpected('.', '=')
		}
		p.take()
		p.weigh(symbols)
		value := p.expr()
		p.weigh(-symbols)
		p.expect(';')
		symbols = 4
		p.addPath(s, mark, off, value)
		p.path = p.path[:mark]
	}
}

// attrPath reads "a.b.${c}" and pushes its names on p.path.
func (p *parser) attrPath() {
	p.attrName()
	for p.peek() == '.' {
		p.take()
		p.attrName()
	}
}

func (p *parser) attrName() {
	t := *p.look(0)
	name := attrName{sym: -1, off: t.off}
	switch t.kind {
	case tID, tOrKw:
		p.take()
		name.sym = p.intern(p.src[t.off:t.end])
	case '"':
		p.take()
		p.nameOf(&name, p.stringParts(t.off))
	case tDollarCurly:
		p.take()
		n := p.expr()
		p.expect('}')
		p.nameOf(&name, n)
	default:
		p.unexpected(tID, tOrKw, tDollarCurly, '"')
	}
	p.path = append(p.path, name)
}

// nameOf takes a string literal for the name it is.
func (p *parser) nameOf(name *attrName, n int32) {
	if text, ok := p.literal(n); ok {
		name.sym = p.intern(text)
		return
	}
	name.node = n
}

// inherit reads "inherit a b;" and "inherit (e) a b;".
func (p *parser) inherit(s int32) {
	kind, from := attrInherited, int32(-1)
	at := p.take().end // where old versions say that all the names are
	if p.peek() == '(' {
		p.take()
		from = p.expr()
		at = p.expect(')').end
		kind = attrFrom
	}
	mark := len(p.path)
	for p.peek() != ';' {
		switch p.peek() {
		case tID, tOrKw, '"', tDollarCurly:
		default:
			p.unexpected()
		}
		p.attrName()
		if name := &p.path[len(p.path)-1]; name.sym < 0 {
			p.fail(name.off, "dynamic attributes not allowed in inherit")
		}
	}
	p.take()
	if from >= 0 {
		p.sets[s].froms = append(p.sets[s].froms, from)
	}
	for _, name := range p.path[mark:] {
		a := attr{kind: kind, sym: name.sym, off: name.off, name: name.off}
		if !p.lexer.version.AtLeast(2, 21) {
			a.off = at
		}
		if kind == attrInherited {
			off := a.off
			if !p.lexer.version.AtLeast(2, 21) {
				off = p.sets[s].open
			}
			a.node = p.add(node{nVar, off, name.sym, 0})
		} else {
			a.node = p.thunk(a.off)
		}
		set := &p.sets[s]
		if j := set.find(a.sym); j >= 0 {
			p.duplicate(p.quoted(a.sym), a.off, set.attrs[j].off)
		}
		set.add(a)
	}
	p.path = p.path[:mark]
}

func (p *parser) duplicate(name string, off, earlier uint32) {
	at := position(p.name, []byte(p.src), int(earlier))
	p.fail(off, "attribute '%s' already defined at %s:%d:%d", name, at.File, at.Line, at.Col)
}

// addPath adds the binding of the names since mark to a set.
//
// Nix: src/libexpr/parser-state.hh, ParserState::addAttr.
func (p *parser) addPath(s int32, mark int, off uint32, value int32) {
	path := p.path[mark:]
	strict := p.lexer.version.AtLeast(2, 26)
	for i, name := range path[:len(path)-1] {
		if name.sym < 0 {
			inner := p.newSet(off)
			n := p.add(node{nSet, off, inner, 0})
			p.sets[s].dyn = append(p.sets[s].dyn, dynAttr{name.node, n, off})
			s = inner
			continue
		}
		if j := p.sets[s].find(name.sym); j >= 0 {
			old := p.sets[s].attrs[j]
			if p.nodes[old.node].kind != nSet {
				if strict {
					path = path[:i+1]
				}
				p.duplicate(p.pathText(path), off, old.off)
			}
			s = p.nodes[old.node].a
			continue
		}
		inner := p.newSet(off)
		n := p.add(node{nSet, off, inner, 0})
		p.sets[s].add(attr{sym: name.sym, node: n, off: off, name: name.off})
		s = inner
	}
	last := path[len(path)-1]
	if last.sym < 0 {
		p.sets[s].dyn = append(p.sets[s].dyn, dynAttr{last.node, value, off})
		return
	}
	p.addNamed(s, attr{sym: last.sym, node: value, off: off, name: last.off}, mark)
}

// addNamed adds an attribute, or merges it when both it and the one that is
// there are sets. The path since mark is its full name.
func (p *parser) addNamed(s int32, a attr, mark int) {
	j := p.sets[s].find(a.sym)
	if j < 0 {
		p.sets[s].add(a)
		return
	}
	old := p.sets[s].attrs[j]
	if p.nodes[old.node].kind != nSet || p.nodes[a.node].kind != nSet {
		p.duplicate(p.pathText(p.path[mark:]), a.off, old.off)
	}
	into, from := p.nodes[old.node].a, p.nodes[a.node].a
	attrs := append([]attr(nil), p.sets[from].attrs...)
	sort.SliceStable(attrs, func(i, k int) bool { return p.before(attrs[i].sym, attrs[k].sym) })
	for _, x := range attrs {
		if p.lexer.version.AtLeast(2, 26) {
			p.path = append(p.path, attrName{sym: x.sym})
			p.addNamed(into, x, mark)
			p.path = p.path[:len(p.path)-1]
			continue
		}
		if k := p.sets[into].find(x.sym); k >= 0 {
			p.duplicate(p.quoted(x.sym), p.sets[into].attrs[k].off, x.off)
		}
		p.sets[into].add(x)
	}
	target, source := &p.sets[into], &p.sets[from]
	if p.lexer.version.AtLeast(2, 17) {
		target.dyn = append(target.dyn, source.dyn...)
	}
	target.froms = append(target.froms, source.froms...)
	*source = set{off: source.off}
}

func (p *parser) pathText(path []attrName) string {
	var b strings.Builder
	for i, name := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		if name.sym >= 0 {
			b.WriteString(p.quoted(name.sym))
		} else {
			b.WriteString("\"${…}\"") // Nix prints the expression
		}
	}
	return b.String()
}

// quoted is a name as Nix prints it: in quotes unless it is an identifier.
func (p *parser) quoted(sym int32) string {
	name := p.names[sym]
	ok := name != "" && class[name[0]]&isIDStart != 0
	for i := range len(name) {
		ok = ok && class[name[i]]&isIDChar != 0
	}
	if _, reserved := keyword(name); ok && (!reserved || name == "or") {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		switch c := name[i]; c {
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			if c == '"' || c == '\\' || c == '$' && (!p.lexer.version.AtLeast(2, 9) || strings.HasPrefix(name[i:], "${")) {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
