package trust

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonToken is one token of JSON.
type jsonToken int

const (
	tokNothing jsonToken = iota
	tokTrue
	tokFalse
	tokNull
	tokString
	tokNumber
	tokArray
	tokObject
	tokArrayEnd
	tokObjectEnd
	tokColon
	tokComma
	tokError
	tokOverflow
	tokEnd
	tokLiteralOrValue
)

func (t jsonToken) name() string {
	return [...]string{"<uninitialized>", "true literal", "false literal", "null literal", "string literal",
		"number literal", "'['", "'{'", "']'", "'}'", "':'", "','", "<parse error>", "number literal",
		"end of input", "'[', '{', or a literal"}[t]
}

func (t jsonToken) kind() jsonKind {
	switch t {
	case tokTrue:
		return kindTrue
	case tokFalse:
		return kindFalse
	case tokString:
		return kindString
	case tokNumber:
		return kindNumber
	}
	return kindNull
}

// jsonLexer reads bytes and counts lines and columns as the library does: a
// column is a byte read of the current line, the end of the input included.
type jsonLexer struct {
	src       []byte
	pos       int
	line, col int
	prevCol   int
	cur       int // the byte read last, -1 at the end
	began     bool
	token     []byte // the bytes since the last string or number began
	text      []byte // a string's content
	err       string
}

func (l *jsonLexer) get() int {
	l.prevCol = l.col
	l.col++
	if l.pos >= len(l.src) {
		l.pos++
		l.cur = -1
		return -1
	}
	l.cur = int(l.src[l.pos])
	l.pos++
	l.token = append(l.token, byte(l.cur))
	if l.cur == '\n' {
		l.line++
		l.col = 0
	}
	return l.cur
}

func (l *jsonLexer) unget() {
	l.pos--
	if l.cur == '\n' {
		l.line--
	}
	l.col = l.prevCol
	if l.cur >= 0 && len(l.token) > 0 {
		l.token = l.token[:len(l.token)-1]
	}
}

// restart makes the byte read last the first of the token. The library does so
// for strings and numbers alone, so in its messages a bad word drags along
// whatever came before it.
func (l *jsonLexer) restart() { l.token = append(l.token[:0], byte(l.cur)) }

// tokenText is the token as messages show it.
func (l *jsonLexer) tokenText() string {
	var b strings.Builder
	for _, c := range l.token {
		if c <= 0x1f {
			fmt.Fprintf(&b, "<U+%04X>", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (l *jsonLexer) fail(msg string) jsonToken {
	l.err = msg
	return tokError
}

func (l *jsonLexer) scan() jsonToken {
	if !l.began {
		l.began = true
		if c := l.get(); c == 0xef {
			if l.get() != 0xbb || l.get() != 0xbf {
				return l.fail("invalid BOM; must be 0xEF 0xBB 0xBF if given")
			}
		} else {
			l.unget()
		}
	}
	c := l.get()
	for c == ' ' || c == '\t' || c == '\n' || c == '\r' {
		c = l.get()
	}
	switch c {
	case '[':
		return tokArray
	case ']':
		return tokArrayEnd
	case '{':
		return tokObject
	case '}':
		return tokObjectEnd
	case ':':
		return tokColon
	case ',':
		return tokComma
	case 't':
		return l.literal("true", tokTrue)
	case 'f':
		return l.literal("false", tokFalse)
	case 'n':
		return l.literal("null", tokNull)
	case '"':
		return l.string()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return l.number()
	case 0, -1:
		return tokEnd
	}
	return l.fail("invalid literal")
}

func (l *jsonLexer) literal(word string, t jsonToken) jsonToken {
	for i := 1; i < len(word); i++ {
		if l.get() != int(word[i]) {
			return l.fail("invalid literal")
		}
	}
	return t
}

var controlNames = [...]string{"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI",
	"DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"}

var shortEscapes = map[int]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}

func (l *jsonLexer) string() jsonToken {
	l.text = l.text[:0]
	l.restart()
	for {
		c := l.get()
		switch {
		case c == -1:
			return l.fail("invalid string: missing closing quote")
		case c == '"':
			return tokString
		case c == '\\':
			if t := l.escape(); t == tokError {
				return t
			}
		case c <= 0x1f:
			or := ""
			if s, ok := shortEscapes[c]; ok {
				or = " or " + s
			}
			return l.fail(fmt.Sprintf("invalid string: control character U+%04X (%s) must be escaped to \\u%04X%s", c, controlNames[c], c, or))
		case c < 0x80:
			l.text = append(l.text, byte(c))
		default:
			if t := l.multibyte(c); t == tokError {
				return t
			}
		}
	}
}

// multibyte reads the rest of a UTF-8 sequence, stopping at the first byte that
// cannot belong to it.
func (l *jsonLexer) multibyte(c int) jsonToken {
	lo, hi, n := 0x80, 0xbf, 0
	switch {
	case c >= 0xc2 && c <= 0xdf:
		n = 1
	case c == 0xe0:
		n, lo = 2, 0xa0
	case c == 0xed:
		n, hi = 2, 0x9f
	case c >= 0xe1 && c <= 0xef:
		n = 2
	case c == 0xf0:
		n, lo = 3, 0x90
	case c >= 0xf1 && c <= 0xf3:
		n = 3
	case c == 0xf4:
		n, hi = 3, 0x8f
	default:
		return l.fail("invalid string: ill-formed UTF-8 byte")
	}
	l.text = append(l.text, byte(c))
	for range n {
		b := l.get()
		if b < lo || b > hi {
			return l.fail("invalid string: ill-formed UTF-8 byte")
		}
		l.text = append(l.text, byte(b))
		lo, hi = 0x80, 0xbf
	}
	return tokString
}

func (l *jsonLexer) escape() jsonToken {
	c := l.get()
	if i := strings.IndexByte(`"\/bfnrt`, byte(c)); c >= 0 && i >= 0 {
		l.text = append(l.text, "\"\\/\b\f\n\r\t"[i])
		return tokString
	}
	if c != 'u' {
		return l.fail("invalid string: forbidden character after backslash")
	}
	r := l.hex4()
	switch {
	case r < 0:
		return l.fail(`invalid string: '\u' must be followed by 4 hex digits`)
	case r >= 0xd800 && r <= 0xdbff:
		const lone = "invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF"
		if l.get() != '\\' || l.get() != 'u' {
			return l.fail(lone)
		}
		low := l.hex4()
		if low < 0 {
			return l.fail(`invalid string: '\u' must be followed by 4 hex digits`)
		}
		if low < 0xdc00 || low > 0xdfff {
			return l.fail(lone)
		}
		r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
	case r >= 0xdc00 && r <= 0xdfff:
		return l.fail("invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF")
	}
	l.text = utf8.AppendRune(l.text, rune(r))
	return tokString
}

// hex4 reads four hex digits, or returns -1.
func (l *jsonLexer) hex4() int {
	v := 0
	for range 4 {
		c := l.get()
		d, err := strconv.ParseUint(string(rune(max(c, 0))), 16, 8)
		if err != nil {
			return -1
		}
		v = v<<4 | int(d)
	}
	return v
}

func isDigit(c int) bool { return c >= '0' && c <= '9' }

func (l *jsonLexer) number() jsonToken {
	c := l.cur
	l.restart()
	if c == '-' {
		if c = l.get(); !isDigit(c) {
			return l.fail("invalid number; expected digit after '-'")
		}
	}
	first := c
	c = l.get()
	for first != '0' && isDigit(c) {
		c = l.get()
	}
	if c == '.' {
		if c = l.get(); !isDigit(c) {
			return l.fail("invalid number; expected digit after '.'")
		}
		for isDigit(c) {
			c = l.get()
		}
	}
	if c == 'e' || c == 'E' {
		c = l.get()
		switch {
		case c == '+' || c == '-':
			if c = l.get(); !isDigit(c) {
				return l.fail("invalid number; expected digit after exponent sign")
			}
		case !isDigit(c):
			return l.fail("invalid number; expected '+', '-', or digit after exponent")
		}
		for isDigit(c) {
			c = l.get()
		}
	}
	l.unget()
	if f, _ := strconv.ParseFloat(string(l.token), 64); math.IsInf(f, 0) {
		return tokOverflow
	}
	return tokNumber
}
