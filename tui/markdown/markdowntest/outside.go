// Package markdowntest reads Markdown as tests have to.
package markdowntest

import (
	"regexp"
	"strings"
)

// OutsideCode is what of a line is outside of its code spans, as CommonMark has
// them: they end at the next run of backticks that is as long as the one they
// began with.
func OutsideCode(line string) string {
	runs := regexp.MustCompile("`+")
	var out strings.Builder
	for line != "" {
		at := runs.FindStringIndex(line)
		if at == nil {
			return out.String() + line
		}
		out.WriteString(line[:at[0]])
		fence, rest := line[at[0]:at[1]], line[at[1]:]
		end := -1
		for _, r := range runs.FindAllStringIndex(rest, -1) {
			if r[1]-r[0] == len(fence) {
				end = r[1]
				break
			}
		}
		if end < 0 {
			return out.String() + fence + rest // it is text: nothing closes it
		}
		line = rest[end:]
	}
	return out.String()
}
