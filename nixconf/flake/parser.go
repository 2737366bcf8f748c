package flake

import (
	"github.com/nix-trust/nix-trust/nixconf"
)

// maxDepth limits how deep expressions may be nested. Nix has such a limit,
// too, but it depends on the size of its stack.
const maxDepth = 10000

// A parser reads the whole of the Nix language, as strictly as Nix: what it
// takes, Nix takes, and the other way round.
//
// Nix: src/libexpr/parser.y.
type parser struct {
	tree
	lexer lexer
	// The tokens that were looked at and not consumed are ahead[head:head+count].
	ahead       [8]token
	head, count int
	depth       int
	load        int    // see weigh
	name        string // of the file
	pure        bool   // as flakes are evaluated: no paths in the home folder
	stack       []int32
	path        []attrName
	forms       []formal
	binder      binder
}

// An attrName is one name of an attribute path: a symbol, or when sym is -1 an
// expression.
type attrName struct {
	sym, node int32
	off       uint32
}

// fail ends the parse; parse recovers it.
func (p *parser) fail(off uint32, format string, args ...any) {
	panic(refuse(off, format, args...))
}

// parse reads one file. Its result is valid until the parser's next one.
func (p *parser) parse(name, src string, v nixconf.Version, pure bool, features []string) (r *refusal) {
	p.tree.reset(src)
	p.lexer = lexer{src: src, version: v, features: features, modes: p.lexer.modes[:0]}
	p.head, p.count, p.depth, p.load, p.pure = 0, 0, 0, 0, pure
	p.name = name
	p.stack, p.path, p.forms = p.stack[:0], p.path[:0], p.forms[:0]
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *refusal:
			r = e
		default:
			panic(e)
		}
	}()
	p.root = p.expr()
	p.expect(tEOF)
	p.bindAll()
	return nil
}

// look returns the token n after the next one.
func (p *parser) look(n int) *token {
	for p.count <= n {
		p.ahead[(p.head+p.count)&7] = p.lexer.next()
		p.count++
	}
	return &p.ahead[(p.head+n)&7]
}

func (p *parser) peek() tokenKind {
	if p.count == 0 {
		p.look(0)
	}
	return p.ahead[p.head].kind
}

func (p *parser) take() token {
	t := *p.look(0)
	p.head = (p.head + 1) & 7
	p.count--
	return t
}

// expect consumes a token of this kind or ends the parse.
func (p *parser) expect(kind tokenKind) token {
	if p.peek() != kind {
		p.unexpected(kind)
	}
	return p.take()
}

// unexpected ends the parse at the next token. Nix names what it expected when
// that is four things or fewer.
func (p *parser) unexpected(expected ...tokenKind) {
	t := p.look(0)
	if t.kind == tErr {
		panic(p.lexer.err)
	}
	v := p.lexer.version
	message := "syntax error, unexpected " + t.kind.name(v)
	for i, kind := range expected {
		if i == 0 {
			message += ", expecting " + kind.name(v)
		} else {
			message += " or " + kind.name(v)
		}
	}
	off := t.off
	if t.kind == tEOF && v.AtLeast(2, 21) {
		off = t.end
	}
	p.fail(off, "%s", message)
}

// weigh counts what Nix's parser has on its stack around what is read next: so
// many symbols more, or fewer. Up to 2.31 the stack held no more than this.
func (p *parser) weigh(symbols int) {
	const room = 10000
	if p.load += symbols; p.load > room && !p.lexer.version.AtLeast(2, 32) {
		p.fail(p.look(0).off, "memory exhausted")
	}
}

func (p *parser) deeper(off uint32) {
	if p.depth++; p.depth > maxDepth {
		panic(&refusal{off: int(off), message: "this is nested deeper than nix-trust reads", unsure: true})
	}
}

// gather makes a node of what was pushed since mark, and pops it.
func (p *parser) gather(kind nodeKind, off uint32, mark int) int32 {
	a := len(p.kids)
	p.kids = append(p.kids, p.stack[mark:]...)
	p.stack = p.stack[:mark]
	return p.add(node{kind, off, int32(a), int32(len(p.kids) - a)})
}

func (p *parser) pushKid(n int32) { p.stack = append(p.stack, n) }

// expr reads any expression.
func (p *parser) expr() int32 {
	p.deeper(p.look(0).off)
	n := p.prefix()
	p.depth--
	return n
}

// prefix reads what begins with the name of a construct or of an argument, or
// else operators.
func (p *parser) prefix() int32 {
	t := *p.look(0)
	switch t.kind {
	case tID:
		switch p.look(1).kind {
		case ':':
			p.take()
			p.take()
			f := lambda{arg: p.intern(p.src[t.off:t.end])}
			return p.lambda(t.off, f)
		case '@':
			p.take()
			p.take()
			arg := p.intern(p.src[t.off:t.end])
			f := p.formals()
			f.arg = arg
			p.expect(':')
			return p.lambda(t.off, f)
		}
	case '{':
		if p.atFormals() {
			f := p.formals()
			switch p.peek() {
			case '@':
				p.take()
				id := p.expect(tID)
				f.arg = p.intern(p.src[id.off:id.end])
				p.expect(':')
			case ':':
				p.take()
			default:
				p.unexpected(':', '@')
			}
			return p.lambda(t.off, f)
		}
	case tAssert, tWith:
		p.take()
		a := p.expr()
		p.expect(';')
		b := p.expr()
		if t.kind == tWith {
			return p.add(node{nWith, t.off, a, b})
		}
		return p.thunk(t.off, a, b)
	case tLet:
		if p.look(1).kind != '{' {
			return p.let()
		}
	case tIf:
		p.take()
		a := p.expr()
		p.expect(tThen)
		b := p.expr()
		p.expect(tElse)
		return p.thunk(t.off, a, b, p.expr())
	}
	return p.pipes()
}

func (p *parser) thunk(off uint32, kids ...int32) int32 {
	mark := len(p.stack)
	p.stack = append(p.stack, kids...)
	return p.gather(nThunk, off, mark)
}

func (p *parser) let() int32 {
	t := p.take()
	s := p.newSet(t.off)
	p.sets[s].open = t.end
	p.binds(s, tIn, tIn, tInherit)
	p.take()
	p.weigh(3)
	body := p.expr()
	p.weigh(-3)
	if len(p.sets[s].dyn) > 0 {
		p.fail(t.off, "dynamic attributes not allowed in let")
	}
	return p.add(node{nLet, t.off, s, body})
}

// atFormals tells whether the brace that comes next begins a function's
// arguments.
func (p *parser) atFormals() bool {
	switch p.look(1).kind {
	case tEllipsis:
		return true
	case '}':
		k := p.look(2).kind
		return k == ':' || k == '@'
	case tID:
		k := p.look(2).kind
		return k == ',' || k == '?' || k == '}'
	}
	return false
}

// formals reads "{ a, b ? c, ... }".
func (p *parser) formals() lambda {
	f := lambda{arg: -1, set: true}
	mark := len(p.forms)
	p.expect('{')
	for {
		switch p.peek() {
		case '}':
			p.take()
			f.formals = append(f.formals, p.forms[mark:]...)
			p.forms = p.forms[:mark]
			return f
		case tEllipsis:
			p.take()
			if p.peek() != '}' {
				p.unexpected('}')
			}
			continue
		case tID:
		default:
			if p.lexer.version.AtLeast(2, 25) {
				p.unexpected(tID, tEllipsis, '}')
			}
			p.unexpected('}')
		}
		id := p.take()
		form := formal{p.intern(p.src[id.off:id.end]), -1, id.off}
		if p.peek() == '?' {
			p.take()
			form.def = p.expr()
		}
		p.forms = append(p.forms, form)
		switch p.peek() {
		case ',':
			p.take()
		case '}':
		default:
			if p.lexer.version.AtLeast(2, 25) {
				p.unexpected('}', ',')
			}
			p.unexpected('}')
		}
	}
}

// lambda reads the body of a function. Nix looks for names that come twice only
// after that.
func (p *parser) lambda(off uint32, f lambda) int32 {
	p.weigh(2)
	f.body = p.expr()
	p.weigh(-2)
	twice, named := p.repeated(f)
	if twice != nil {
		p.fail(twice.off, "duplicate formal function argument '%s'", p.names[twice.sym])
	}
	if named {
		p.fail(off, "duplicate formal function argument '%s'", p.names[f.arg])
	}
	p.funs = append(p.funs, f)
	return p.add(node{nLambda, off, int32(len(p.funs) - 1), 0})
}

// simple reads an expression without operators.
func (p *parser) simple() int32 {
	t := *p.look(0)
	if t.kind == tPath || t.kind == tHomePath {
		return p.pathLiteral()
	}
	if !p.atSimple() {
		p.unexpected()
	}
	p.take()
	text := node{off: t.off, a: int32(t.off), b: int32(t.end)}
	switch t.kind {
	case tID:
		name := p.src[t.off:t.end]
		if name == "__curPos" {
			return p.thunk(t.off)
		}
		return p.add(node{nVar, t.off, p.intern(name), 0})
	case tInt:
		text.kind = nInt
		return p.add(text)
	case tFloat:
		text.kind = nFloat
		return p.add(text)
	case tURI:
		if p.lexer.enabled("no-url-literals") {
			p.fail(t.off, "URL literals are disabled")
		}
		text.kind = nURI
		return p.add(text)
	case tSearchPath:
		return p.thunk(t.off)
	case '"':
		return p.stringParts(t.off)
	case tIndOpen:
		return p.indString(t.off)
	case '(':
		p.weigh(1)
		e := p.expr()
		p.weigh(-1)
		p.expect(')')
		return e
	case '[':
		mark := len(p.stack)
		p.deeper(t.off)
		p.weigh(2)
		for p.peek() != ']' {
			if !p.atSimple() {
				p.unexpected()
			}
			p.pushKid(p.selection())
		}
		p.depth--
		p.weigh(-2)
		p.take()
		return p.gather(nList, t.off, mark)
	}
	// A set: { }, rec { }, or let { }, of which the attribute body is selected.
	open := t.end
	if t.kind != '{' {
		open = p.expect('{').end
	}
	s := p.newSet(t.off)
	p.sets[s].open = open
	p.deeper(t.off)
	if t.kind == '{' {
		p.binds(s, '}', tInherit)
	} else {
		p.binds(s, '}', tInherit, '}')
	}
	p.depth--
	p.take()
	p.sets[s].rec = t.kind != '{'
	n := p.add(node{nSet, t.off, s, 0})
	if t.kind == tLet {
		return p.thunk(t.off, n)
	}
	return n
}

// repeated finds the first name that comes twice among a function's formals,
// and tells whether one of them has the name of the whole argument.
func (p *parser) repeated(f lambda) (twice *formal, named bool) {
	const few = 16 // up to here a search is faster than a map
	var seen map[int32]bool
	if len(f.formals) > few {
		seen = make(map[int32]bool, len(f.formals))
	}
	for i := range f.formals {
		x := &f.formals[i]
		again := seen[x.sym]
		if seen != nil {
			seen[x.sym] = true
		} else {
			for k := range i {
				again = again || f.formals[k].sym == x.sym
			}
		}
		if again && (twice == nil || p.before(x.sym, twice.sym)) {
			twice = x
		}
		named = named || x.sym == f.arg
	}
	return twice, named
}
