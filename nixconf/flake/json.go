package flake

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/nixconf"
)

// The lock file and the registry are JSON. encoding/json folds the case of
// field names and forgets where things are; Nix does neither fold nor does a
// person like to search, so both are read into this small tree.

type jsonKind byte

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

func (k jsonKind) String() string {
	return [...]string{"null", "a Boolean", "a number", "a string", "an array", "an object"}[k]
}

// A jsonValue is one value with its place in the text.
type jsonValue struct {
	kind jsonKind
	off  int         // offset of its first byte
	text string      // of a string: decoded; of a number or Boolean: as written
	list []jsonValue // of an array: its elements; of an object: its values
	keys []string    // of an object, parallel to list
}

// get returns an object's member. Of a name that comes twice the last counts,
// as in Nix.
func (v *jsonValue) get(name string) *jsonValue {
	for i := len(v.keys) - 1; i >= 0; i-- {
		if v.keys[i] == name {
			return &v.list[i]
		}
	}
	return nil
}

const (
	maxFileSize  = 16 << 20 // bytes of any one file that is read here
	maxJSONDepth = 512      // nesting of arrays and objects
)

// A FormatError says what is wrong with a lock file, a registry or a
// reference, and where.
type FormatError struct {
	Pos     nixconf.Pos
	Message string // a sentence for a person
}

func (e *FormatError) Error() string {
	switch {
	case e.Pos.File == "":
		return e.Message
	case e.Pos.Line == 0:
		return e.Pos.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Pos.File, e.Pos.Line, e.Pos.Col, e.Message)
}

// A jsonFile is a parsed file that can tell positions.
type jsonFile struct {
	name  string
	src   []byte
	root  jsonValue
	lines []int // where each line begins
}

// pos returns the place of a value; nil is the file's beginning.
func (f *jsonFile) pos(v *jsonValue) nixconf.Pos {
	if v == nil {
		return nixconf.Pos{File: f.name, Line: 1, Col: 1}
	}
	if f.lines == nil {
		f.lines = append(f.lines, 0)
		for i, c := range f.src {
			if c == '\n' {
				f.lines = append(f.lines, i+1)
			}
		}
	}
	line := sort.SearchInts(f.lines, v.off+1)
	return nixconf.Pos{File: f.name, Line: line, Col: v.off - f.lines[line-1] + 1}
}

func (f *jsonFile) errorf(v *jsonValue, format string, args ...any) error {
	return &FormatError{f.pos(v), fmt.Sprintf(format, args...)}
}

// parseJSON reads one JSON text. Unlike the standard library it keeps places
// and the case of names; like Nix it refuses text that is not UTF-8.
func parseJSON(name string, data []byte) (*jsonFile, error) {
	if len(data) > maxFileSize {
		return nil, &FormatError{nixconf.Pos{File: name},
			fmt.Sprintf("the file has %d bytes; nix-trust reads up to %d", len(data), maxFileSize)}
	}
	if off, ok := conflictMarker(data); ok {
		return nil, &FormatError{position(name, data, off),
			"an unresolved merge conflict starts here; finish the merge, or take one side and lock again"}
	}
	p := &jsonParser{name: name, src: data, seen: map[string]string{}}
	if len(data) >= 3 && string(data[:3]) == "\xef\xbb\xbf" {
		p.off = 3
	}
	f := &jsonFile{name: name, src: data}
	if err := p.value(&f.root, 0); err != nil {
		return nil, err
	}
	if p.space(); p.off < len(data) {
		return nil, p.fail("there is something after the end of the JSON text")
	}
	return f, nil
}

// conflictMarker finds a line that version control left in an unmerged file.
func conflictMarker(data []byte) (int, bool) {
	for i := 0; i < len(data); {
		if data[i] == '<' || data[i] == '>' || data[i] == '=' || data[i] == '|' {
			n := i
			for n < len(data) && data[n] == data[i] {
				n++
			}
			if n-i == 7 && (n == len(data) || data[n] == ' ' || data[n] == '\n' || data[n] == '\r') {
				return i, true
			}
		}
		for i < len(data) && data[i] != '\n' {
			i++
		}
		i++
	}
	return 0, false
}

type jsonParser struct {
	name string
	src  []byte
	off  int
	// short strings come again and again: "type", "locked", …
	seen map[string]string
}

func (p *jsonParser) intern(text []byte) string {
	if len(text) > 16 {
		return string(text)
	}
	if s, ok := p.seen[string(text)]; ok {
		return s
	}
	s := string(text)
	p.seen[s] = s
	return s
}

func (p *jsonParser) fail(format string, args ...any) error {
	return &FormatError{position(p.name, p.src, p.off), "not JSON: " + fmt.Sprintf(format, args...)}
}

func (p *jsonParser) space() {
	for p.off < len(p.src) {
		switch p.src[p.off] {
		case ' ', '\t', '\n', '\r':
			p.off++
		default:
			return
		}
	}
}

func (p *jsonParser) value(v *jsonValue, depth int) error {
	if depth > maxJSONDepth {
		return p.fail("it is nested more than %d deep", maxJSONDepth)
	}
	p.space()
	v.off = p.off
	if p.off >= len(p.src) {
		return p.fail("the file ends where a value is expected")
	}
	switch c := p.src[p.off]; c {
	case '{':
		return p.members(v, depth)
	case '[':
		return p.elements(v, depth)
	case '"':
		v.kind = jsonString
		var err error
		v.text, err = p.str()
		return err
	case 't':
		return p.word(v, jsonBool, "true")
	case 'f':
		return p.word(v, jsonBool, "false")
	case 'n':
		return p.word(v, jsonNull, "null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return p.number(v)
		}
	}
	return p.fail("unexpected %q", p.src[p.off])
}

func (p *jsonParser) word(v *jsonValue, kind jsonKind, word string) error {
	if !bytes.HasPrefix(p.src[p.off:], []byte(word)) {
		return p.fail("unexpected %q", p.src[p.off])
	}
	v.kind, v.text = kind, word
	p.off += len(word)
	return nil
}

func (p *jsonParser) members(v *jsonValue, depth int) error {
	v.kind = jsonObject
	p.off++
	if p.space(); p.take('}') {
		return nil
	}
	for {
		p.space()
		if p.off >= len(p.src) || p.src[p.off] != '"' {
			return p.fail("a name in quotes is expected here")
		}
		key, err := p.str()
		if err != nil {
			return err
		}
		if p.space(); !p.take(':') {
			return p.fail("':' is expected after the name %q", key)
		}
		v.keys = append(v.keys, key)
		v.list = append(v.list, jsonValue{})
		if err := p.value(&v.list[len(v.list)-1], depth+1); err != nil {
			return err
		}
		if p.space(); p.take('}') {
			return nil
		}
		if !p.take(',') {
			return p.fail("',' or '}' is expected here")
		}
	}
}

func (p *jsonParser) elements(v *jsonValue, depth int) error {
	v.kind = jsonArray
	p.off++
	if p.space(); p.take(']') {
		return nil
	}
	for {
		v.list = append(v.list, jsonValue{})
		if err := p.value(&v.list[len(v.list)-1], depth+1); err != nil {
			return err
		}
		if p.space(); p.take(']') {
			return nil
		}
		if !p.take(',') {
			return p.fail("',' or ']' is expected here")
		}
	}
}

func (p *jsonParser) take(c byte) bool {
	if p.off < len(p.src) && p.src[p.off] == c {
		p.off++
		return true
	}
	return false
}

func (p *jsonParser) digits() int {
	start := p.off
	for p.off < len(p.src) && p.src[p.off] >= '0' && p.src[p.off] <= '9' {
		p.off++
	}
	return p.off - start
}

func (p *jsonParser) number(v *jsonValue) error {
	v.kind = jsonNumber
	p.take('-')
	zero := p.off < len(p.src) && p.src[p.off] == '0'
	if n := p.digits(); n == 0 || zero && n > 1 {
		return p.fail("a malformed number")
	}
	if p.take('.') && p.digits() == 0 {
		return p.fail("a malformed number")
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if p.digits() == 0 {
			return p.fail("a malformed number")
		}
	}
	v.text = string(p.src[v.off:p.off])
	return nil
}

// str reads a string; p.off is at its opening quote.
func (p *jsonParser) str() (string, error) {
	p.off++
	start := p.off
	for p.off < len(p.src) && p.src[p.off] >= ' ' && p.src[p.off] < utf8.RuneSelf {
		switch p.src[p.off] {
		case '"':
			p.off++
			return p.intern(p.src[start : p.off-1]), nil
		case '\\':
			return p.slowStr(start)
		}
		p.off++
	}
	return p.slowStr(start)
}

// slowStr reads a string with escapes or other than ASCII, from p.off on.
func (p *jsonParser) slowStr(start int) (string, error) {
	out := append([]byte(nil), p.src[start:p.off]...)
	for p.off < len(p.src) {
		c := p.src[p.off]
		switch {
		case c == '"':
			p.off++
			return string(out), nil
		case c < ' ':
			return "", p.fail("a control character in a string")
		case c != '\\':
			r, n := utf8.DecodeRune(p.src[p.off:])
			if r == utf8.RuneError && n == 1 {
				return "", p.fail("a string that is not UTF-8")
			}
			out = append(out, p.src[p.off:p.off+n]...)
			p.off += n
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", p.fail("the file ends inside a string")
}

func (p *jsonParser) escape() (rune, error) {
	const named = "\"\\/bfnrt"
	const means = "\"\\/\b\f\n\r\t"
	if p.off+1 >= len(p.src) {
		return 0, p.fail("the file ends inside a string")
	}
	for i := range len(named) {
		if p.src[p.off+1] == named[i] {
			p.off += 2
			return rune(means[i]), nil
		}
	}
	hex := func() (rune, bool) {
		if len(p.src)-p.off < 6 || p.src[p.off] != '\\' || p.src[p.off+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(p.src[p.off+2:p.off+6]), 16, 16)
		return rune(n), err == nil
	}
	r, ok := hex()
	if !ok {
		return 0, p.fail("a malformed escape in a string")
	}
	p.off += 6
	if utf16.IsSurrogate(r) {
		low, ok := hex()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return 0, p.fail("half of a surrogate pair in a string")
		}
		p.off += 6
	}
	return r, nil
}
