package main

import (
	"os"
	"strings"

	"github.com/charmbracelet/x/term"

	"github.com/nix-trust/nix-trust/tui/explain"
)

// sgr are the terminal's own colours for each role, so that a user's palette
// wins. Nothing is said by colour alone.
var sgr = map[explain.Role]string{
	explain.Strong: "1", explain.Faint: "2", explain.Good: "32", explain.Bad: "1;31", explain.Unsure: "1;35",
	explain.Caution: "33", explain.Danger: "1;4;31", explain.Command: "36", explain.Quote: "3", explain.Place: "34",
}

// painter colours text output, nil where the environment asks for none.
func painter(getenv func(string) string) func(explain.Role, string) string {
	if getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" || getenv("TERM") == "" {
		return nil
	}
	return func(r explain.Role, s string) string {
		if sgr[r] == "" || s == "" {
			return s
		}
		return "\x1b[" + sgr[r] + "m" + s + "\x1b[m"
	}
}

// asciiTerminal reports whether the terminal cannot be expected to show more
// than ASCII.
func asciiTerminal(getenv func(string) string) bool {
	if v := getenv("NIX_TRUST_ASCII"); v != "" && v != "0" {
		return true
	}
	switch getenv("TERM") {
	case "linux", "dumb", "":
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(strings.ReplaceAll(v, "-", ""))
			return !strings.Contains(v, "utf8")
		}
	}
	return false
}

// terminalWidth is the width of the terminal on stdout, at most 100 so that
// sentences stay readable.
func terminalWidth() int {
	w, _, err := term.GetSize(os.Stdout.Fd())
	if err != nil || w <= 0 {
		return 80
	}
	return min(w, 100)
}
