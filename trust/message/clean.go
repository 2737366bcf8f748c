package message

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// escapes are what a terminal is told rather than shown: colours, titles, links.
var escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[@-Z\\\\^_]|\x1b[()][0-9A-Za-z]")

// clean takes colour and progress bars off a line. What a progress bar was
// overwritten with is what stays.
func clean(line string) string {
	if i := strings.LastIndex(line, "\r\x1b[K"); i >= 0 {
		line = line[i:]
	}
	line = strings.TrimRight(escapes.ReplaceAllString(line, ""), "\r\n")
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

// machineLine is what a clean line of --log-format internal-json says to a person:
// a message, or nothing where it is about progress or a build's output.
// Nix: src/libutil/logging.cc, JSONLogger.
func machineLine(line string) (said string, ok bool) {
	object, ok := strings.CutPrefix(line, "@nix ")
	if !ok {
		return "", false
	}
	var l struct{ Action, Msg string }
	if json.Unmarshal([]byte(object), &l) != nil {
		return "", false
	}
	if l.Action != "msg" {
		return "", true
	}
	return l.Msg, true
}

// framed are the signs with which nom and nh draw beside what Nix says.
const framed = "┃│┏┗┣├└╭╰▏⏵▶•⚠ \t"

// stamps are the times and names that logs put before a line: those of CI
// services, and the journal's for the daemon.
var stamps = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?: \S+ nix[a-z-]*\[\d+\]:)?(?: |$)`)

// body takes indentation, frames and a log's times off a line. built says that it
// is the output of a build, where anybody can write anything: "NAME> text" as
// nix -L shows it, and nix's own summary of a failed build's last lines, "> text".
func body(line string) (text string, built bool) {
	line = strings.TrimLeft(line, framed)
	line = strings.TrimLeft(line[len(stamps.FindString(line)):], framed)
	name, rest, ok := strings.Cut(line, "> ")
	if ok && !strings.ContainsAny(name, " '\"`:") && utf8.RuneCountInString(name) < 256 {
		return rest, true
	}
	return line, line == ">"
}

// quotes are signs that stand for the apostrophe of Nix's messages after
// something has made them beautiful.
var quotes = strings.NewReplacer("‘", "'", "’", "'")

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
