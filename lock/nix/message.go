package nix

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// An Error is something that the user's nix could not do.
type Error struct {
	Text string // a sentence without its full stop
	Said string // Nix's own last error, "" when it gave none; it may quote what a flake says
	Hint string // what to do about it, or ""
}

// Error returns the sentence, and behind a colon what Nix said, on one line.
func (e *Error) Error() string {
	if e.Said == "" {
		return e.Text
	}
	return e.Text + ": " + strings.Join(strings.Fields(e.Said), " ")
}

// maxSaid bounds a message of Nix, in bytes: a flake may throw a whole file.
const maxSaid = 4 << 10

// lastError returns the last message of Nix in its stderr, safe to keep: without
// colours, control characters and what looks like a secret. Nix: the innermost
// "error:" of a trace comes last and says what is wrong.
func lastError(stderr []byte) string {
	text := plain(string(stderr))
	var kept []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		at := strings.TrimLeft(line, " ")
		if rest, ok := strings.CutPrefix(at, "error:"); ok {
			kept = append(kept[:0], strings.TrimLeft(rest, " "))
			continue
		}
		if excerpt.MatchString(at) || strings.HasPrefix(at, "(use '--show-trace'") || strings.HasPrefix(at, "(stack trace truncated") {
			continue
		}
		kept = append(kept, strings.TrimPrefix(line, "       "))
	}
	text = redact(strings.Trim(strings.Join(kept, "\n"), "\n "))
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	return text
}

// excerpt is a line of code that Nix shows below a message.
var excerpt = regexp.MustCompile(`^[0-9]*\|`)

var escapes = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\a\x1b]*(\a|\x1b\\\\)?)")

// plain drops colours, and puts a question mark for other control characters.
func plain(s string) string {
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}

// secrets are what credentials look like in messages and references; the first
// group of each stays.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/?#@\s'"]*@`),
	regexp.MustCompile(`(?i)((?:access[-_]?tokens?|private[-_]?token|token|passw(?:or)?d|secret|api[-_]?key|signature|credential)\s*[=:]\s*)[^\s&'",;]+`),
	regexp.MustCompile(`(?i)((?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`()\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,})`),
}

// redact hides the credentials that it recognises.
func redact(s string) string {
	for i, re := range secrets {
		with := "${1}***"
		if i == 0 {
			with += "@"
		}
		s = re.ReplaceAllString(s, with)
	}
	return s
}

// unfetched are parts of what Nix says when it cannot fetch what a flake names.
// Nix: src/libstore/filetransfer.cc, src/libfetchers/git.cc.
var unfetched = []string{"unable to download", "Failed to fetch git repository", "Cannot find Git revision", "program 'git' failed"}

// Unfetched reports whether an output could not be evaluated because an input or
// a file that the flake names is not here and could not be fetched. That says
// nothing of the output.
func (f Failure) Unfetched() bool {
	return slices.ContainsFunc(unfetched, func(part string) bool { return strings.Contains(f.Text, part) })
}
