package nix

import (
	"bytes"
	"fmt"
)

// An aterm reads the text of a term from its start. After the first thing that
// is wrong it reads nothing more, and err says where that was.
type aterm struct {
	text []byte
	at   int
	err  error
}

func (r *aterm) fail(text string) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: %s", r.at, text)
	}
}

// expect reads what has to be there.
func (r *aterm) expect(s string) {
	if r.err != nil {
		return
	}
	if !bytes.HasPrefix(r.text[r.at:], []byte(s)) {
		r.fail(fmt.Sprintf("%q is expected", s))
		return
	}
	r.at += len(s)
}

// next reports whether c comes next.
func (r *aterm) next(c byte) bool {
	return r.err == nil && r.at < len(r.text) && r.text[r.at] == c
}

// list reads [ELEMENT,ELEMENT] with element for each.
func (r *aterm) list(element func()) {
	r.expect("[")
	for first := true; r.err == nil && !r.next(']'); first = false {
		if !first {
			r.expect(",")
		}
		element()
	}
	r.expect("]")
}

// string reads a string in quotes. Nix escapes the quote, the backslash,
// newline, carriage return and tab, and writes every other byte as it is.
func (r *aterm) string() string {
	r.expect(`"`)
	if r.err != nil {
		return ""
	}
	start := r.at
	var text []byte // with escapes replaced; nil while there was none
	for r.at < len(r.text) {
		c := r.text[r.at]
		if c == '"' {
			if text == nil {
				text = r.text[start:r.at]
			}
			r.at++
			return string(text)
		}
		if c != '\\' {
			if text != nil {
				text = append(text, c)
			}
			r.at++
			continue
		}
		if text == nil {
			text = append(make([]byte, 0, r.at-start+64), r.text[start:r.at]...)
		}
		if r.at+1 == len(r.text) {
			break
		}
		switch c = r.text[r.at+1]; c {
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case '"', '\\':
		default:
			r.fail(fmt.Sprintf("the escape \\%c is unknown", c))
			return ""
		}
		text = append(text, c)
		r.at += 2
	}
	r.fail("a string does not end")
	return ""
}
