package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A cover puts a fixed word in the place of each secret, the same one for the
// same secret wherever it stands: what was equal stays equal, and what was
// different stays so. Its zero value is ready to use.
type cover struct {
	words map[string]string
	count int // secrets covered since it was last set to zero
}

// covered is what a secret was replaced by.
var covered = regexp.MustCompile(`^redacted-[0-9]+(:redacted-[0-9]+)?$`)

// of returns the word for a secret. A user with a password stays one.
func (c *cover) of(secret string) string {
	if secret == "" || covered.MatchString(secret) {
		return secret
	}
	c.count++
	w, ok := c.words[secret]
	if ok {
		return w
	}
	if c.words == nil {
		c.words = map[string]string{}
	}
	w = fmt.Sprintf("redacted-%d", len(c.words)+1)
	if strings.Contains(secret, ":") {
		w += ":" + w
	}
	c.words[secret] = w
	return w
}

// tokens are secrets that can be told by their looks, wherever they stand: those
// of GitHub, GitLab, AWS, Slack and npm, JSON web tokens (Cachix's too), what
// follows "Bearer", PEM blocks, and the secret half of a Nix key.
var tokens = regexp.MustCompile(strings.Join([]string{
	`gh[pousr]_[A-Za-z0-9]{16,}`, `github_pat_[A-Za-z0-9_]{16,}`, `gl(?:pat|ptt|dt|rt|cbt|ft|soat)-[A-Za-z0-9_-]{16,}`,
	`A(?:KIA|SIA)[0-9A-Z]{16}`, `xox[abeoprs]-[A-Za-z0-9-]{10,}`, `npm_[A-Za-z0-9]{36}`,
	`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`, `(?i:bearer|basic) [A-Za-z0-9+/=_.~-]{12,}`,
	`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
	`[A-Za-z0-9+/]{86}==`,
}, "|"))

// text covers what is secret in any text.
func (c *cover) text(s string) string {
	return tokens.ReplaceAllStringFunc(safetext.CoverURLs(s, c.of), c.of)
}

// clean reports whether nothing in a text is secret.
func clean(s string) bool { return (&cover{}).text(s) == s }

// cleanPath is clean for a path, in which the slashes of a URL are one, and which
// JSON can hold.
func cleanPath(p string) bool {
	return clean(p) && clean(strings.ReplaceAll(p, ":/", "://")) && utf8.ValidString(p)
}

// words covers the values of a setting whose values are secrets: what follows
// "=" in each word, or all of it. What lies between the words stays.
func (c *cover) secretWords(s string) string {
	return notBlank.ReplaceAllStringFunc(s, func(w string) string {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return c.of(w)
		}
		return name + "=" + c.of(value)
	})
}

var notBlank = regexp.MustCompile(`[^ \t\r\n]+`)

// value covers the value of a setting.
func (c *cover) value(setting, s string) string {
	if safetext.IsSecret(setting) {
		return c.secretWords(s)
	}
	return c.text(s)
}

// inJSON covers what is secret in the strings of a JSON text, which need not be
// correct: every other byte stays as it is. Under says the setting that a string
// belongs to, given the names of the objects around it, "" for none; nil for a
// text without settings.
func (c *cover) inJSON(data []byte, under func(names []string) string) []byte {
	var out bytes.Buffer
	var names []string // of the objects that are open, the latest last
	last := ""         // string that was read
	for i := 0; i < len(data); {
		switch b := data[i]; b {
		case '{', '[':
			names = append(names, last)
			last = ""
		case '}', ']':
			names = names[:max(len(names)-1, 0)]
		case '"':
			end := stringEnd(data, i)
			literal := data[i:end]
			var s string
			if json.Unmarshal(literal, &s) != nil {
				s = string(literal) // not JSON's, and looked at as it is
			}
			setting := ""
			if under != nil {
				setting = under(names)
			}
			last = s
			if now := c.value(setting, s); now != s {
				quoted, err := json.Marshal(now)
				if err == nil {
					literal = quoted
				}
			}
			out.Write(literal)
			i = end
			continue
		}
		out.WriteByte(data[i])
		i++
	}
	return out.Bytes()
}

// stringEnd is the offset after the string that begins at one.
func stringEnd(data []byte, at int) int {
	for i := at + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}
