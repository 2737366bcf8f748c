package message

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// escapes are what a terminal is told rather than shown: colours, titles, links.
var escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[@-Z\\\\^_]|\x1b[()][0-9A-Za-z]")

// clean takes colour, progress bars and frames off a line. What a progress bar
// was overwritten with is what stays.
func clean(line string) string {
	line = escapes.ReplaceAllString(strings.TrimRight(line, "\r\n"), "")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	line = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, line)
	return strings.TrimRight(line, " \t")
}

// framed are the signs with which nom and nh draw beside what Nix says.
const framed = "┃│┏┗┣├└╭╰▏⏵▶•⚠ \t"

// body takes indentation and frames off a line. built says that it is the output
// of a build, where anybody can write anything: "NAME> text" as nix -L shows it,
// and nix's own summary of a failed build's last lines, "> text".
func body(line string) (text string, built bool) {
	line = strings.TrimLeft(line, framed)
	name, rest, ok := strings.Cut(line, "> ")
	if ok && !strings.ContainsAny(name, " '\"`:") && utf8.RuneCountInString(name) < 256 {
		return rest, true
	}
	return line, line == ">"
}

var levels = regexp.MustCompile(`^(?:nix[a-z-]*: )?(error|warning|evaluation warning): *`)

// level cuts "error: " and "warning: " off; errors that came through a daemon
// say it twice.
func level(text string) (level, rest string) {
	for {
		m := levels.FindStringSubmatch(text)
		if m == nil {
			return level, text
		}
		if level == "" {
			level = m[1]
		}
		text = text[len(m[0]):]
	}
}
