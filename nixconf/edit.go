package nixconf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Adding returns the text with one more line at its end, which adds items to a
// list setting and takes none away. Everything else stays byte for byte; a last
// line that lacks its newline gets one. The lines end as the others do.
//
// It is an error when the setting cannot be added to, or when an item would not
// be read back as that one item.
func (f *File) Adding(name string, items []string) (*File, error) {
	s, extra, ok := Lookup(name)
	if !ok || extra || !s.Appendable {
		return nil, fmt.Errorf("%s is no list that can be added to", name)
	}
	if len(items) == 0 {
		return f, nil
	}
	for _, it := range items {
		if it == "" || strings.ContainsAny(it, "# \t\r\n\x00") {
			return nil, fmt.Errorf("%q cannot be written as an item of %s", it, name)
		}
	}
	eol := "\n"
	if i := bytes.IndexByte(f.data, '\n'); i > 0 && f.data[i-1] == '\r' {
		eol = "\r\n"
	}
	out := slices.Clone(f.data)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, eol...)
	}
	out = append(out, "extra-"+s.Name+" = "+strings.Join(items, " ")+eol...)
	return &File{Name: f.Name, data: out}, nil
}

// Without returns the text without the items of a setting that gone reports,
// wherever an assignment of this file has them, also under the setting's other
// names and in lines that a later one overrides. A line that only added such
// items goes, unless it has a comment; one that sets the whole list stays with
// what is left, as an empty list is not the default one. Everything else stays
// byte for byte. Includes are other files.
func (f *File) Without(name string, gone func(item string) bool) *File {
	s, _, ok := Lookup(name)
	if !ok {
		return f
	}
	var out []byte
	changed := false
	for l := range f.Lines() {
		raw := l.Raw
		if l.Kind == LineAssign {
			if of, extra, ok := Lookup(l.Tokens[0].Text); ok && of.Name == s.Name {
				raw = l.without(extra, gone)
				changed = changed || len(raw) != len(l.Raw)
			}
		}
		out = append(out, raw...)
	}
	if !changed {
		return f
	}
	return &File{Name: f.Name, data: out}
}

// without is the line's bytes without some of the value's tokens, each with the
// blanks before it. extra says that the line only adds.
func (l Line) without(extra bool, gone func(string) bool) []byte {
	value := l.Tokens[2:]
	left := slices.DeleteFunc(slices.Clone(value), func(t Token) bool { return gone(t.Text) })
	switch {
	case len(left) == len(value):
		return l.Raw
	case len(left) == 0 && extra && bytes.IndexByte(l.Raw, '#') < 0:
		return nil
	}
	out := slices.Clone(l.Raw)
	for i := len(l.Tokens) - 1; i >= 2; i-- {
		if t, before := l.Tokens[i], l.Tokens[i-1]; gone(t.Text) {
			out = slices.Delete(out, before.Col-1+len(before.Text), t.Col-1+len(t.Text))
		}
	}
	return out
}
