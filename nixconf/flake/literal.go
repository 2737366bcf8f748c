package flake

import (
	"fmt"
	"strings"
)

// pathLiteral reads a path, which may hold interpolations.
func (p *parser) pathLiteral() int32 {
	t := p.take()
	if t.kind == tHomePath && p.pure && p.lexer.version.AtLeast(2, 10) {
		panic(&refusal{off: -1, message: fmt.Sprintf("the path '%s' can not be resolved in pure mode", p.src[t.off:t.end])})
	}
	if p.peek() == tPathEnd {
		p.take()
		return p.add(node{nPath, t.off, int32(t.off), int32(t.end)})
	}
	mark := len(p.stack)
	if p.peek() == tStr {
		p.take()
		if p.peek() != tDollarCurly {
			p.unexpected(tDollarCurly)
		}
	}
	for p.peek() != tPathEnd {
		switch p.peek() {
		case tStr:
			p.take()
		case tDollarCurly:
			p.take()
			p.pushKid(p.expr())
			p.expect('}')
		default:
			p.unexpected()
		}
	}
	p.take()
	return p.gather(nThunk, t.off, mark)
}

// stringParts reads what follows an opening quote, the closing one included.
func (p *parser) stringParts(off uint32) int32 {
	text := node{kind: nString, off: off, a: int32(off) + 1, b: int32(off) + 1}
	mark := len(p.stack)
	if p.peek() == tStr {
		t := p.take()
		text = node{nString, off, int32(t.off), int32(t.end)}
	}
	if p.peek() == '"' {
		p.take()
		return p.add(text)
	}
	for {
		if text.a < text.b {
			p.pushKid(p.add(text))
		}
		if p.peek() == '"' {
			p.take()
			return p.gather(nConcat, off, mark)
		}
		if p.peek() != tDollarCurly {
			p.unexpected('"')
		}
		p.take()
		p.weigh(2)
		p.pushKid(p.expr())
		p.weigh(-2)
		p.expect('}')
		text.a, text.b = 0, 0
		if p.peek() == tStr {
			t := p.take()
			text = node{nString, off, int32(t.off), int32(t.end)}
		}
	}
}

func (p *parser) indString(off uint32) int32 {
	// Parts of strings inside of this one come to lie between its own, so they
	// are collected here first.
	var few [8]indToken
	parts := few[:0]
	for p.peek() != tIndClose {
		switch p.peek() {
		case tIndStr:
			t := p.take()
			parts = append(parts, indToken{kind: t.sub, off: t.off, end: t.end})
		case tDollarCurly:
			t := p.take()
			p.weigh(3)
			parts = append(parts, indToken{kind: partExpr, off: t.off, node: p.expr()})
			p.weigh(-3)
			p.expect('}')
		default:
			p.unexpected(tIndStr, tDollarCurly, tIndClose)
		}
	}
	p.take()
	a := len(p.parts)
	p.parts = append(p.parts, parts...)
	return p.add(node{nIndent, off, int32(a), int32(len(parts))})
}

// literal returns the value of a string literal, whichever way it is written.
func (p *parser) literal(n int32) (string, bool) {
	text, ok := p.written(n)
	if !p.lexer.version.AtLeast(2, 34) {
		text, _, _ = strings.Cut(text, "\x00") // Nix kept strings as C does
	}
	return text, ok
}

func (p *parser) written(n int32) (string, bool) {
	switch x := &p.nodes[n]; x.kind {
	case nString:
		return unescape(p.src[x.a:x.b]), true
	case nURI:
		return p.src[x.a:x.b], true
	case nIndent:
		parts := make([]indPart, 0, x.b)
		for _, t := range p.parts[x.a : x.a+x.b] {
			part := indPart{kind: t.kind}
			switch t.kind {
			case partText:
				part.text = p.src[t.off:t.end]
			case partDollar:
				part.text = "$"
			case partQuote:
				part.text = "'"
			case partQuotes:
				part.text = "''"
			case partEscape:
				part.text = unescape(p.src[t.off+2 : t.end])
			case partExpr:
				part.text, part.literal = p.written(t.node)
			}
			parts = append(parts, part)
		}
		return indText(parts, p.lexer.version.AtLeast(2, 24))
	}
	return "", false
}
