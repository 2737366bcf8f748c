package flake

import "github.com/nix-trust/nix-trust/nixconf"

// A tokenKind is a terminal of the Nix grammar. Single characters stand for
// themselves; the others start above them.
type tokenKind uint16

const (
	tEOF tokenKind = 0
	// tErr is what the lexer itself refuses; lexer.err says why.
	tErr tokenKind = 256 + iota
	tID
	tStr
	tIndStr
	tInt
	tFloat
	tPath
	tHomePath
	tSearchPath
	tPathEnd
	tURI
	tIf
	tThen
	tElse
	tAssert
	tWith
	tLet
	tIn
	tRec
	tInherit
	tEq
	tNeq
	tAnd
	tOr
	tImpl
	tOrKw
	tPipeFrom
	tPipeInto
	tDollarCurly
	tIndOpen
	tIndClose
	tEllipsis
	tLeq
	tGeq
	tUpdate
	tConcat
	tokenKinds
)

// A token is a piece of the source.
type token struct {
	kind     tokenKind
	off, end uint32
	// sub tells the pieces of an indented string apart.
	sub partKind
}

// keyword tells whether a word is one.
func keyword(word string) (tokenKind, bool) {
	switch word {
	case "if":
		return tIf, true
	case "then":
		return tThen, true
	case "else":
		return tElse, true
	case "assert":
		return tAssert, true
	case "with":
		return tWith, true
	case "let":
		return tLet, true
	case "in":
		return tIn, true
	case "rec":
		return tRec, true
	case "inherit":
		return tInherit, true
	case "or":
		return tOrKw, true
	}
	return tID, false
}

// What Nix calls each token in a syntax error: up to 2.33 by the grammar's own
// names, later for people.
var tokenNames = map[tokenKind][2]string{
	tID: {"ID", "identifier"}, tStr: {"STR", "string"}, tIndStr: {"IND_STR", "indented string"},
	tInt: {"INT_LIT", "integer"}, tFloat: {"FLOAT_LIT", "floating-point literal"},
	tPath: {"PATH", "path"}, tHomePath: {"HPATH", "'~/…' path"}, tSearchPath: {"SPATH", "'<…>' path"},
	tPathEnd: {"PATH_END", "end of path"}, tURI: {"URI", "URI"},
	tIf: {"IF", "'if'"}, tThen: {"THEN", "'then'"}, tElse: {"ELSE", "'else'"}, tAssert: {"ASSERT", "'assert'"},
	tWith: {"WITH", "'with'"}, tLet: {"LET", "'let'"}, tIn: {"IN_KW", "'in'"}, tRec: {"REC", "'rec'"},
	tInherit: {"INHERIT", "'inherit'"}, tOrKw: {"OR_KW", "'or'"},
	tEq: {"EQ", "'=='"}, tNeq: {"NEQ", "'!='"}, tAnd: {"AND", "'&&'"}, tOr: {"OR", "'||'"}, tImpl: {"IMPL", "'->'"},
	tLeq: {"LEQ", "'<='"}, tGeq: {"GEQ", "'>='"}, tUpdate: {"UPDATE", "'//'"}, tConcat: {"CONCAT", "'++'"},
	tPipeFrom: {"PIPE_FROM", "'<|'"}, tPipeInto: {"PIPE_INTO", "'|>'"},
	tDollarCurly: {"DOLLAR_CURLY", "'${'"},
	tIndOpen:     {"IND_STRING_OPEN", "start of an indented string"},
	tIndClose:    {"IND_STRING_CLOSE", "end of an indented string"},
	tEllipsis:    {"ELLIPSIS", "'...'"},
}

// name is the token in a syntax error of this Nix.
func (k tokenKind) name(v nixconf.Version) string {
	if k == tEOF {
		return "end of file"
	}
	if names, ok := tokenNames[k]; ok {
		if v.AtLeast(2, 34) {
			return names[1]
		}
		if !v.AtLeast(2, 20) {
			switch k {
			case tInt:
				return "INT"
			case tFloat:
				return "FLOAT"
			case tIn:
				return "IN"
			}
		}
		return names[0]
	}
	switch k {
	case '<', '>', '+', '-', '*', '/', '?', ':', '@', ';', '=', '.', '"', '(', ')', '{', '}', '[', ']', ',', '!':
		return "'" + string(rune(k)) + "'"
	}
	return "invalid token"
}

// Character classes of the lexer.
const (
	isIDStart = 1 << iota
	isIDChar
	isPathChar
	isSchemeChar
	isURIChar
	isDigit
	isSpace
)

var class = func() (c [256]uint8) {
	set := func(s string, bits uint8) {
		for i := range len(s) {
			c[s[i]] |= bits
		}
	}
	set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", isIDStart|isIDChar|isPathChar|isSchemeChar|isURIChar)
	set("0123456789", isIDChar|isPathChar|isSchemeChar|isURIChar|isDigit)
	set("_", isIDStart|isIDChar|isPathChar|isURIChar)
	set("'", isIDChar|isURIChar)
	set("-", isIDChar|isPathChar|isSchemeChar|isURIChar)
	set("+.", isPathChar|isSchemeChar|isURIChar)
	set("%/?:@&=$,!~*", isURIChar)
	set(" \t\r\n", isSpace)
	return c
}()
