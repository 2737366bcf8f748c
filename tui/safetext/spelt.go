package safetext

import (
	"regexp"
	"strconv"
	"strings"
)

var anEscape = regexp.MustCompile(`\\(\\|n|t|r|x[0-9a-f]{2}|u\{[0-9a-f]+\})`)

// Spelt returns the text for a sentence that is kept as plain text and made safe
// again where it is shown, which would double its backslashes: what was escaped
// is written as [U+0430], a byte that is no character as [byte 80].
func (s S) Spelt() string {
	return anEscape.ReplaceAllStringFunc(s.text, func(e string) string {
		code := ""
		switch e[1] {
		case '\\':
			return `\`
		case 'n':
			code = "a"
		case 't':
			code = "9"
		case 'r':
			code = "d"
		case 'x':
			if code = e[2:]; code >= "80" {
				return "[byte " + strings.ToUpper(code) + "]"
			}
		default:
			code = strings.Trim(e[2:], "{}")
		}
		n, err := strconv.ParseUint(code, 16, 32)
		if err != nil {
			return e // longer than any character: not an escape of this package
		}
		hex := strings.ToUpper(strconv.FormatUint(n, 16))
		return "[U+" + strings.Repeat("0", max(0, 4-len(hex))) + hex + "]"
	})
}
