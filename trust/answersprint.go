package trust

import (
	"fmt"
	"maps"
	"unicode/utf8"
)

// Print writes the answers exactly as Nix writes the file: on one line, in the
// byte order of the names, without a newline at the end. Text that is not UTF-8
// has no form in it: Nix fails to save such an answer, and this does too.
// Nix: src/libflake/config.cc, writeTrustedList; the JSON library's dump.
func (a Answers) Print() ([]byte, error) {
	out := []byte{'{'}
	for i, name := range a.Names() {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendJSONString(out, name); err != nil {
			return nil, err
		}
		out = append(out, ':', '{')
		for j, value := range a.Values(name) {
			if j > 0 {
				out = append(out, ',')
			}
			if out, err = appendJSONString(out, value); err != nil {
				return nil, err
			}
			out = fmt.Appendf(out, ":%t", a[name][value])
		}
		out = append(out, '}')
	}
	return append(out, '}'), nil
}

func appendJSONString(out []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%q is not valid UTF-8, and Nix cannot save an answer to it", s)
	}
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			if c < 0x20 {
				out = fmt.Appendf(out, `\u%04x`, c)
			} else {
				out = append(out, c)
			}
		}
	}
	return append(out, '"'), nil
}

// clone copies the answers, which may then be changed.
func (a Answers) clone() Answers {
	out := make(Answers, len(a))
	for name, values := range a {
		out[name] = maps.Clone(values)
	}
	return out
}

// answerLine is one answer, or a name without any.
type answerLine struct {
	name, value string
	yes, none   bool
}

// lines lists the answers by name and value.
func (a Answers) lines() []answerLine {
	var out []answerLine
	for _, name := range a.Names() {
		if len(a[name]) == 0 {
			out = append(out, answerLine{name: name, none: true})
		}
		for _, value := range a.Values(name) {
			out = append(out, answerLine{name: name, value: value, yes: a[name][value]})
		}
	}
	return out
}
