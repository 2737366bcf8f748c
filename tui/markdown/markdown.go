// Package markdown writes outside text for a comment or a summary page, so that
// nothing of it has a meaning there: no link, no mention, no number of a ticket,
// no picture and no HTML. Whatever is more than a plain word is in a code span.
// Text that is our own, such as a title, is written as it is.
package markdown

import (
	"strings"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// Sentence writes a sentence: words of letters stay, and everything else is code.
func Sentence(s safetext.S) string {
	words := strings.Split(s.String(), " ")
	for i, w := range words {
		bare := strings.TrimRight(strings.TrimPrefix(w, "("), ".,:;?)")
		if i == 0 && bare != "" && strings.Trim(bare, "0123456789") == "" {
			bare = w // with its full stop it would begin a list
		}
		if bare != "" && !lettered(bare) {
			at := strings.Index(w, bare)
			words[i] = w[:at] + fenced(bare) + w[at+len(bare):]
		}
	}
	return strings.Join(words, " ")
}

// lettered reports whether a word is made of ASCII letters and digits, and of
// what stands between them in English.
func lettered(w string) bool {
	return strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'’") == ""
}

// Code writes a text as a code span, "" for none. The fence is longer than any
// run of backticks inside.
func Code(s safetext.S) string { return fenced(s.String()) }

func fenced(s string) string {
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// Cell makes what was written fit a cell of a table, where a bar would end the
// cell even in code.
func Cell(written string) string { return strings.ReplaceAll(written, "|", `\|`) }

// Block writes lines that are to be copied as a block of code, each line of it
// after indent.
func Block(lines []safetext.S, indent string) string {
	fence := "```"
	for _, l := range lines {
		for strings.Contains(l.String(), fence) {
			fence += "`"
		}
	}
	var b strings.Builder
	b.WriteString(indent + fence + "\n")
	for _, l := range lines {
		b.WriteString(strings.TrimRight(indent+l.String(), " ") + "\n")
	}
	b.WriteString(indent + fence + "\n")
	return b.String()
}
