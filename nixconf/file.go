package nixconf

import (
	"bytes"
	"iter"
)

// A File is the text of one nix.conf. It keeps every byte: Bytes returns what
// Parse was given, whatever it was.
type File struct {
	Name string // a path, or "NIX_CONFIG"
	data []byte
}

// Parse takes the text as it is. Mistakes in it show as lines of LineBad.
func Parse(name string, data []byte) *File { return &File{Name: name, data: data} }

// Bytes returns the text.
func (f *File) Bytes() []byte { return f.data }

// LineKind says what Nix makes of a line.
type LineKind int

const (
	LineBlank   LineKind = iota // nothing but blanks and a comment
	LineAssign                  // NAME = VALUE
	LineInclude                 // include PATH or !include PATH
	LineBad                     // a syntax error: every Nix command fails
)

// A Line is one line of a File.
type Line struct {
	Kind   LineKind
	Number int    // from 1
	Raw    []byte // the bytes, with the newline when there is one
	Text   string // what Nix looks at: without comment and newline; "" for LineBlank
	Tokens []Token
}

// A Token is a run of bytes without blanks.
type Token struct {
	Text string
	Col  int // of its first byte, from 1
}

// Lines yields every line in order. Joined, their Raw is the whole text.
// Nix: src/libutil/configuration.cc, parseConfigFiles.
func (f *File) Lines() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		rest := f.data
		for n := 1; len(rest) > 0; n++ {
			raw := rest
			if i := bytes.IndexByte(rest, '\n'); i >= 0 {
				raw = rest[:i+1]
			}
			rest = rest[len(raw):]
			if !yield(readLine(n, raw)) {
				return
			}
		}
	}
}

func readLine(n int, raw []byte) Line {
	l := Line{Number: n, Raw: raw}
	text := bytes.TrimSuffix(raw, []byte("\n"))
	if i := bytes.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	if isBlank(text) {
		return l
	}
	l.Text = string(text)
	l.Tokens = tokens(l.Text)
	switch t := l.Tokens; {
	case t[0].Text == "include" || t[0].Text == "!include":
		l.Kind = LineInclude
		if len(t) != 2 {
			l.Kind = LineBad
		}
	case len(t) < 2 || t[1].Text != "=":
		l.Kind = LineBad
	default:
		l.Kind = LineAssign
	}
	return l
}

// isSpace is Nix's set of separators: a form feed or a NUL is data.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isBlank(b []byte) bool {
	for _, c := range b {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

// tokens splits s at separators. Its tokens are parts of s, not copies.
func tokens(s string) []Token {
	var ts []Token
	for i := 0; i < len(s); {
		if isSpace(s[i]) {
			i++
			continue
		}
		start := i
		for i < len(s) && !isSpace(s[i]) {
			i++
		}
		ts = append(ts, Token{s[start:i], start + 1})
	}
	return ts
}

// words are the texts of s's tokens.
func words(s string) []string {
	var ws []string
	for _, t := range tokens(s) {
		ws = append(ws, t.Text)
	}
	return ws
}
