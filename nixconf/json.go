package nixconf

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// appendString appends s as a JSON string in the form that Nix prints: only
// quotes, backslashes and control characters are escaped. Nix fails to print
// what is not UTF-8; such bytes become U+FFFD here.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ':
			b = append(b, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			b = append(b, '\\', "btn\x00fr"[c-'\b'])
		default:
			b = fmt.Appendf(b, "\\u%04x", c)
		}
	}
	return append(b, '"')
}

func jsonString(s string) json.RawMessage { return appendString(nil, s) }

// jsonArray prints the items' texts as an array.
func jsonArray(items []Item) json.RawMessage {
	b := []byte{'['}
	for i, it := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, it.Text)
	}
	return append(b, ']')
}

// jsonObject prints keys and their ready-made values as an object, sorted by key.
func jsonObject(m map[string]json.RawMessage) json.RawMessage {
	b := []byte{'{'}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k), ':')
		b = append(b, m[k]...)
	}
	return append(b, '}')
}
