package flake

// pipes reads a chain of <| or of |>, or what binds tighter.
func (p *parser) pipes() int32 {
	off := p.look(0).off
	first := p.op(0)
	kind := p.peek()
	if kind != tPipeFrom && kind != tPipeInto {
		return first
	}
	mark := len(p.stack)
	p.pushKid(first)
	for p.peek() == kind {
		p.take()
		p.pushKid(p.op(0))
	}
	return p.gather(nThunk, off, mark)
}

type fixity uint8

const (
	leftward fixity = iota + 1
	rightward
	neither
)

const (
	precNot    = 7
	precNegate = 12
)

// binary returns an operator's precedence, 0 when it is none.
func binary(k tokenKind) (int, fixity) {
	switch k {
	case tImpl:
		return 1, rightward
	case tOr:
		return 2, leftward
	case tAnd:
		return 3, leftward
	case tEq, tNeq:
		return 4, neither
	case '<', '>', tLeq, tGeq:
		return 5, neither
	case tUpdate:
		return 6, rightward
	case '+', '-':
		return 8, leftward
	case '*', '/':
		return 9, leftward
	case tConcat:
		return 10, rightward
	case '?':
		return 11, leftward // what follows is no expression, so it cannot clash
	}
	return 0, 0
}

// op reads operators that bind at least as tight as this.
func (p *parser) op(tightness int) int32 {
	t := *p.look(0)
	mark := len(p.stack)
	switch t.kind {
	case '!', '-':
		p.take()
		p.deeper(t.off)
		p.weigh(1)
		if t.kind == '!' {
			p.pushKid(p.op(precNot + 1))
		} else {
			p.pushKid(p.op(precNegate + 1))
		}
		p.depth--
		p.weigh(-1)
		p.pushKid(p.gather(nThunk, t.off, mark))
	default:
		p.pushKid(p.apply())
	}
	done := 0 // the precedence that must not come again
	for {
		prec, fix := binary(p.peek())
		if prec == 0 || prec < tightness {
			break
		}
		if prec == done {
			p.unexpected()
		}
		done = 0
		if p.take().kind == '?' {
			p.attrPathKids()
		} else {
			// Which side groups first makes no difference here.
			p.pushKid(p.op(prec + 1))
		}
		if fix == neither {
			done = prec
		}
	}
	if len(p.stack) == mark+1 {
		n := p.stack[mark]
		p.stack = p.stack[:mark]
		return n
	}
	return p.gather(nThunk, t.off, mark)
}

// attrPathKids reads an attribute path and pushes the names to be computed.
func (p *parser) attrPathKids() {
	mark := len(p.path)
	p.attrPath()
	for _, name := range p.path[mark:] {
		if name.sym < 0 {
			p.pushKid(name.node)
		}
	}
	p.path = p.path[:mark]
}

// apply reads a function with its arguments.
func (p *parser) apply() int32 {
	off := p.look(0).off
	first := p.selection()
	if !p.atSimple() {
		return first
	}
	mark := len(p.stack)
	p.pushKid(first)
	for p.atSimple() {
		p.pushKid(p.selection())
	}
	return p.gather(nThunk, off, mark)
}

func (p *parser) atSimple() bool {
	switch p.peek() {
	case tID, tInt, tFloat, '"', tIndOpen, tPath, tHomePath, tSearchPath, tURI, '(', tLet, tRec, '{', '[':
		return true
	}
	return false
}

// selection reads "e", "e.a.b", "e.a or e" and "e or".
func (p *parser) selection() int32 {
	off := p.look(0).off
	e := p.simple()
	mark := len(p.stack)
	switch p.peek() {
	case '.':
		p.take()
		p.pushKid(e)
		p.attrPathKids()
		if p.peek() == tOrKw {
			p.take()
			p.deeper(off)
			p.pushKid(p.selection())
			p.depth--
		}
	case tOrKw:
		p.take()
		p.stack = append(p.stack, e, p.add(node{nVar, off, p.intern("or"), 0}))
	default:
		return e
	}
	return p.gather(nThunk, off, mark)
}
