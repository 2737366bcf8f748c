package flake

import "strings"

// A partKind is a piece of an indented string.
type partKind uint8

const (
	partText   partKind = iota // as written; its indentation counts
	partDollar                 // "$"
	partQuote                  // "'"
	partQuotes                 // "''"
	partEscape                 // ''\x
	partExpr                   // ${…}
)

// inString reads inside "…": the text up to an interpolation, the
// interpolation's opening, or the closing quote.
func (l *lexer) inString() token {
	src, i := l.src, l.pos
scan:
	for i < len(src) {
		switch src[i] {
		case '"':
			break scan
		case '\\':
			if i+1 >= len(src) {
				break scan
			}
			i += 2
		case '$':
			switch {
			case i+1 >= len(src), src[i+1] == '{':
				break scan
			case src[i+1] == '"':
				i++
			case src[i+1] == '\\':
				if i+2 >= len(src) {
					break scan
				}
				i += 3
			default:
				i += 2
			}
		default:
			i++
		}
	}
	if i > l.pos {
		if l.version.AtLeast(2, 26) && bareNull(src[l.pos:i]) {
			return l.nullByte(src[l.pos:i])
		}
		return l.take(tStr, i-l.pos)
	}
	switch {
	case l.is(0, '"'):
		l.pop()
		return l.take('"', 1)
	case l.is(0, '$') && l.is(1, '{'):
		l.push(modeDefault)
		return l.take(tDollarCurly, 2)
	case l.pos < len(src): // a dangling $ or \ before the end of the file
		if !l.version.AtLeast(2, 9) {
			return l.take(tStr, len(src)-l.pos)
		}
		return l.take(tEOF, len(src)-l.pos)
	}
	return l.end()
}

func (l *lexer) nullByte(text string) token {
	return l.fail(l.pos, "input string '%s' cannot be represented as Nix string because it contains null bytes",
		strings.ReplaceAll(text, "\x00", "␀"))
}

// bareNull reports whether the text holds a NUL that no backslash precedes:
// Nix does not see the others.
func bareNull(text string) bool {
	if strings.IndexByte(text, 0) < 0 {
		return false
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case 0:
			return true
		}
	}
	return false
}

// inIndString reads inside ”…”.
func (l *lexer) inIndString() token {
	src, i := l.src, l.pos
scan:
	for i < len(src) {
		switch src[i] {
		case '$':
			if i+1 >= len(src) || src[i+1] == '{' || src[i+1] == '\'' {
				break scan
			}
			i += 2
		case '\'':
			if i+1 >= len(src) || src[i+1] == '\'' || src[i+1] == '$' {
				break scan
			}
			i += 2
		default:
			i++
		}
	}
	part := func(kind partKind, n int) token {
		t := l.take(tIndStr, n)
		t.sub = kind
		return t
	}
	switch {
	case i > l.pos:
		if l.version.AtLeast(2, 26) && strings.IndexByte(src[l.pos:i], 0) >= 0 {
			return l.nullByte(src[l.pos:i])
		}
		return part(partText, i-l.pos)
	case l.pos >= len(src):
		return l.end()
	case src[l.pos] == '$':
		if l.is(1, '{') {
			l.push(modeDefault)
			return l.take(tDollarCurly, 2)
		}
		return part(partDollar, 1)
	case !l.is(1, '\''):
		return part(partQuote, 1)
	case l.is(2, '$'):
		return part(partDollar, 3)
	case l.is(2, '\''):
		return part(partQuotes, 3)
	case l.is(2, '\\') && l.pos+3 < len(src):
		return part(partEscape, 4)
	}
	l.pop()
	return l.take(tIndClose, 2)
}

// unescape turns the text of a "…" string into its value.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 && strings.IndexByte(s, '\r') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			switch c = s[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
		case c == '\r':
			c = '\n'
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// An indPart is one piece of an indented string.
type indPart struct {
	kind    partKind
	text    string
	literal bool // of partExpr: text is its value
}

// indText is the value of an indented string of these pieces, and whether it
// is a literal at all: as soon as two pieces are left, Nix makes it a
// computation, even without any interpolation.
//
// Nix: src/libexpr/parser-state.hh, ParserState::stripIndentation.
func indText(parts []indPart, dropEmpty bool) (string, bool) {
	const far = 1000000
	minimum, current, start := far, 0, true
	end := func() {
		if start {
			start = false
			minimum = min(minimum, current)
		}
	}
	for _, p := range parts {
		if p.kind != partText {
			end()
			continue
		}
		for i := range len(p.text) {
			switch c := p.text[i]; {
			case c == '\n':
				start, current = true, 0
			case start && c == ' ':
				current++
			case start:
				end()
			}
		}
	}
	text, kept, literal := "", 0, true
	start, dropped := true, 0
	for n, p := range parts {
		if p.kind == partExpr {
			start, dropped = false, 0
			kept++
			text, literal = p.text, p.literal
			continue
		}
		out := make([]byte, 0, len(p.text))
		for i := range len(p.text) {
			c := p.text[i]
			switch {
			case !start:
				start = c == '\n'
			case c == ' ':
				dropped++
				if dropped <= minimum {
					continue
				}
			case c == '\n':
				dropped = 0
			default:
				start, dropped = false, 0
			}
			out = append(out, c)
		}
		if n == len(parts)-1 {
			if at := strings.LastIndexByte(string(out), '\n'); at >= 0 && strings.Trim(string(out[at+1:]), " ") == "" {
				out = out[:at+1]
			}
		}
		if len(out) > 0 || !dropEmpty {
			kept++
			text = string(out)
		}
	}
	return text, kept <= 1 && literal
}
