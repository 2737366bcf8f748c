package flake

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A lexMode is what the lexer is inside of.
type lexMode uint8

const (
	modeBottom  lexMode = iota // outside of every bracket; never left
	modeDefault                // inside { } or ${ }
	modeString
	modeIndString
	modePath      // after a path that may end here
	modePathSlash // after a path that must go on
)

// A lexer cuts Nix source into tokens as Nix's does: the longest match wins,
// and of equally long ones the first rule.
//
// Nix: src/libexpr/lexer.l.
type lexer struct {
	src   string
	pos   int
	modes []lexMode
	// last and previous are the latest two matches, white space and comments
	// included. Nix reports the end of a file there.
	last, previous span
	version        nixconf.Version
	features       []string
	err            *refusal
	// Up to these offsets it is known that no path and no URI begins: the run of
	// characters that could begin one ends there with something else.
	noPath, noURI int
}

func (l *lexer) fail(off int, format string, args ...any) token {
	l.err = &refusal{off: off, message: fmt.Sprintf(format, args...)}
	return token{kind: tErr, off: uint32(off), end: uint32(off)}
}

type span struct{ off, end int }

// A refusal is what Nix says of a file, and the offset it says it of; -1 when
// it names no place.
type refusal struct {
	off     int
	message string
	unsure  bool // it is ours: Nix may say something else
}

func (l *lexer) mode() lexMode {
	if len(l.modes) == 0 {
		return modeBottom
	}
	return l.modes[len(l.modes)-1]
}

func (l *lexer) push(m lexMode) { l.modes = append(l.modes, m) }

func (l *lexer) pop() {
	if len(l.modes) > 0 {
		l.modes = l.modes[:len(l.modes)-1]
	}
}

// at returns the byte n after the current one, and whether there is one.
func (l *lexer) at(n int) (byte, bool) {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n], true
	}
	return 0, false
}

func (l *lexer) is(n int, c byte) bool {
	return l.pos+n < len(l.src) && l.src[l.pos+n] == c
}

// take makes a token of the next n bytes.
func (l *lexer) take(kind tokenKind, n int) token {
	t := token{kind: kind, off: uint32(l.pos), end: uint32(l.pos + n)}
	l.matched(n)
	return t
}

// matched passes over n bytes.
func (l *lexer) matched(n int) {
	l.previous, l.last = l.last, span{l.pos, l.pos + n}
	l.pos += n
}

func (l *lexer) end() token {
	return token{kind: tEOF, off: uint32(l.last.off), end: uint32(l.last.end)}
}

func (l *lexer) next() token {
	if l.err != nil {
		return token{kind: tErr, off: uint32(l.pos), end: uint32(l.pos)}
	}
	switch l.mode() {
	case modeString:
		return l.inString()
	case modeIndString:
		return l.inIndString()
	case modePath, modePathSlash:
		if t, ok := l.inPath(); ok {
			return t
		}
	}
	return l.code()
}

// skip passes over white space and comments.
func (l *lexer) skip() {
	src := l.src
	for l.pos < len(src) {
		c := src[l.pos]
		switch {
		case class[c]&isSpace != 0:
			n := 1
			for l.pos+n < len(src) && class[src[l.pos+n]]&isSpace != 0 {
				n++
			}
			l.matched(n)
		case c == '#':
			n := strings.IndexAny(src[l.pos:], "\r\n")
			if n < 0 {
				n = len(src) - l.pos
			}
			l.matched(n)
		case c == '/' && l.is(1, '*'):
			n := strings.Index(src[l.pos+2:], "*/")
			if n < 0 {
				return // not a comment then, but '/' and '*'
			}
			l.matched(n + 4)
		default:
			return
		}
	}
}

func (l *lexer) code() token {
	l.skip()
	if l.pos >= len(l.src) {
		return l.end()
	}
	c := l.src[l.pos]
	bits := class[c]
	if bits&isIDStart != 0 {
		return l.word()
	}
	if bits&isDigit != 0 {
		return l.number()
	}
	if bits&isPathChar != 0 || c == '/' {
		if n, interpolated := l.path(); n > 0 {
			return l.takePath(tPath, n, interpolated)
		}
	}
	one := func(second byte, kind tokenKind) token {
		if l.is(1, second) {
			return l.take(kind, 2)
		}
		return l.take(tokenKind(c), 1)
	}
	switch c {
	case 0: // what ends the input for Nix's parser
		return l.take(tEOF, 1)
	case '{':
		l.push(modeDefault)
	case '}':
		l.pop()
	case '"':
		l.push(modeString)
	case '$':
		if l.is(1, '{') {
			l.push(modeDefault)
			return l.take(tDollarCurly, 2)
		}
	case '\'':
		if l.is(1, '\'') {
			l.push(modeIndString)
			n := 2
			for l.is(n, ' ') {
				n++
			}
			if l.is(n, '\n') {
				return l.take(tIndOpen, n+1)
			}
			return l.take(tIndOpen, 2)
		}
	case '.':
		if l.is(1, '.') && l.is(2, '.') {
			return l.take(tEllipsis, 3)
		}
		if b, ok := l.at(1); ok && class[b]&isDigit != 0 {
			return l.number()
		}
	case '-':
		return one('>', tImpl)
	case '+':
		return one('+', tConcat)
	case '/':
		return one('/', tUpdate)
	case '=':
		return one('=', tEq)
	case '!':
		return one('=', tNeq)
	case '>':
		return one('=', tGeq)
	case '&':
		return one('&', tAnd)
	case '|':
		if l.is(1, '>') && l.version.AtLeast(2, 24) {
			return l.pipe(tPipeInto)
		}
		return one('|', tOr)
	case '<':
		if n := l.searchPath(); n > 0 {
			return l.take(tSearchPath, n)
		}
		if l.is(1, '|') && l.version.AtLeast(2, 24) {
			return l.pipe(tPipeFrom)
		}
		return one('=', tLeq)
	case '~':
		if l.is(1, '/') {
			if n, interpolated := l.homePath(); n > 0 {
				return l.takePath(tHomePath, n, interpolated)
			}
		}
	}
	return l.take(tokenKind(c), 1)
}

func (l *lexer) pipe(kind tokenKind) token {
	if !l.enabled("pipe-operators") {
		return l.fail(l.pos, "experimental Nix feature 'pipe-operators' is disabled; add '--extra-experimental-features pipe-operators' to enable it")
	}
	return l.take(kind, 2)
}

func (l *lexer) enabled(feature string) bool {
	for _, f := range l.features {
		if f == feature {
			return true
		}
	}
	return false
}

// word reads what begins with a letter or underscore: an identifier, a
// keyword, a path or a URI.
func (l *lexer) word() token {
	src, start := l.src, l.pos
	end := start + 1
	for end < len(src) && class[src[end]]&isIDChar != 0 {
		end++
	}
	if end < len(src) {
		switch src[end] {
		case '/', '.', '+', ':':
			path, interpolated := l.path()
			uri := l.uri()
			if n := end - start; path > n || uri > n {
				if path >= uri {
					return l.takePath(tPath, path, interpolated)
				}
				return l.take(tURI, uri)
			}
		}
	}
	kind, _ := keyword(src[start:end])
	return l.take(kind, end-start)
}

// number reads what begins with a digit, or with a dot before one.
func (l *lexer) number() token {
	src, start := l.src, l.pos
	digits := func(i int) int {
		for i < len(src) && class[src[i]]&isDigit != 0 {
			i++
		}
		return i
	}
	whole := digits(start)
	end, kind := whole, tInt
	if whole < len(src) && src[whole] == '.' {
		frac := digits(whole + 1)
		// Either digits that do not begin with 0 before the dot, or at most one 0
		// before it and something after it.
		if whole > start && src[start] != '0' || frac > whole+1 && whole-start <= 1 {
			end, kind = frac, tFloat
			if end < len(src) && (src[end] == 'e' || src[end] == 'E') {
				exp := end + 1
				if exp < len(src) && (src[exp] == '+' || src[exp] == '-') {
					exp++
				}
				if n := digits(exp); n > exp {
					end = n
				}
			}
		}
	}
	if end < len(src) && (class[src[end]]&isPathChar != 0 || src[end] == '/') || kind == tFloat {
		if n, interpolated := l.path(); n > end-start {
			return l.takePath(tPath, n, interpolated)
		}
	}
	text := src[start:end]
	if kind == tInt {
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return l.fail(start, "invalid integer '%s'", text)
		}
	} else if !floatFits(text) {
		return l.fail(start, "invalid float '%s'", text)
	}
	return l.take(kind, end-start)
}

// floatFits tells whether C's strtod reads the number without a range error:
// it complains of what is too large and of what is too small.
func floatFits(text string) bool {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return false
	}
	const smallestNormal = 0x1p-1022
	if f >= smallestNormal {
		return true
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return strings.Trim(mantissa, "0.") == ""
}

// path returns the length of the path that begins here, 0 when there is none,
// and whether it is only a first segment before "${".
func (l *lexer) path() (n int, interpolated bool) {
	if l.pos < l.noPath {
		return 0, false
	}
	src, i := l.src, l.pos
	for i < len(src) && class[src[i]]&isPathChar != 0 {
		i++
	}
	if i+1 < len(src) && src[i] == '/' {
		if class[src[i+1]]&isPathChar != 0 {
			return l.segments(i) - l.pos, false
		}
		if src[i+1] == '$' && i+2 < len(src) && src[i+2] == '{' {
			return i + 1 - l.pos, true
		}
	}
	l.noPath = i
	return 0, false
}

// segments returns where the path ends of which "/x" is at i.
func (l *lexer) segments(i int) int {
	src := l.src
	for i+1 < len(src) && src[i] == '/' && class[src[i+1]]&isPathChar != 0 {
		for i++; i < len(src) && class[src[i]]&isPathChar != 0; i++ {
		}
	}
	if i < len(src) && src[i] == '/' {
		i++
	}
	return i
}

// homePath is path for what begins with "~/".
func (l *lexer) homePath() (n int, interpolated bool) {
	if b, ok := l.at(2); ok && class[b]&isPathChar != 0 {
		return l.segments(l.pos+1) - l.pos, false
	}
	if l.is(2, '$') && l.is(3, '{') {
		return 2, true
	}
	return 0, false
}

// takePath makes the token and goes on inside the path.
func (l *lexer) takePath(kind tokenKind, n int, interpolated bool) token {
	t := l.take(kind, n)
	if interpolated || l.src[t.end-1] == '/' {
		l.push(modePathSlash)
	} else {
		l.push(modePath)
	}
	return t
}

// inPath reads what continues a path. It reports false when the path is over
// and the next token is an ordinary one.
func (l *lexer) inPath() (token, bool) {
	src, i := l.src, l.pos
	if l.is(0, '$') && l.is(1, '{') {
		l.pop()
		l.push(modePath)
		l.push(modeDefault)
		return l.take(tDollarCurly, 2), true
	}
	for i < len(src) && class[src[i]]&isPathChar != 0 {
		i++
	}
	if i < len(src) && src[i] == '/' {
		if i+1 < len(src) && class[src[i+1]]&isPathChar != 0 {
			i = l.segments(i)
		} else {
			i++
		}
	}
	if i > l.pos {
		l.pop()
		if src[i-1] == '/' {
			l.push(modePathSlash)
		} else {
			l.push(modePath)
		}
		return l.take(tStr, i-l.pos), true
	}
	if l.mode() == modePathSlash {
		off := l.pos
		if off >= len(src) {
			off = l.last.off
		}
		return l.fail(off, "path has a trailing slash"), true
	}
	l.pop()
	if l.pos >= len(src) {
		l.last = l.previous // Nix steps back from a match that it did not make
	}
	return token{kind: tPathEnd, off: uint32(l.last.off), end: uint32(l.last.end)}, true
}

func (l *lexer) searchPath() int {
	src, i := l.src, l.pos+1
	for {
		start := i
		for i < len(src) && class[src[i]]&isPathChar != 0 {
			i++
		}
		if i == start || i >= len(src) {
			return 0
		}
		if src[i] == '>' {
			return i + 1 - l.pos
		}
		if src[i] != '/' {
			return 0
		}
		i++
	}
}

func (l *lexer) uri() int {
	if l.pos < l.noURI || l.src[l.pos] == '_' {
		return 0
	}
	src, i := l.src, l.pos
	for i < len(src) && class[src[i]]&isSchemeChar != 0 {
		i++
	}
	if i+1 < len(src) && src[i] == ':' && class[src[i+1]]&isURIChar != 0 {
		for i++; i < len(src) && class[src[i]]&isURIChar != 0; i++ {
		}
		return i - l.pos
	}
	l.noURI = i
	return 0
}
