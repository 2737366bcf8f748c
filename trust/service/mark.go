package service

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Each file says in its first lines who wrote it, and the digest of the rest, so
// that a file somebody has changed since is not taken for ours.

const markText = "Written by `nix-trust gate install`, and taken away by `nix-trust gate uninstall` while it is unchanged: "

var markLine = regexp.MustCompile("(?m)^.*Written by `nix-trust gate install`.*: ([0-9a-f]{64}).*\n")

// marked puts the line in front of a text, or in the place of the first line
// that is only @MARK@.
func marked(open, end, text string) string {
	sum := sha256.Sum256([]byte(strings.Replace(text, "@MARK@\n", "", 1)))
	line := open + markText + hex.EncodeToString(sum[:]) + end + "\n"
	if strings.Contains(text, "@MARK@\n") {
		return strings.Replace(text, "@MARK@\n", line, 1)
	}
	return line + text
}

// A Making says whose a file is.
type Making int

const (
	Foreign   Making = iota // somebody else's
	Changed                 // ours, and changed since
	Unchanged               // as it was installed
)

// MadeBy says whose a text is.
func MadeBy(text []byte) Making {
	at := markLine.FindSubmatchIndex(text)
	if at == nil {
		return Foreign
	}
	rest := append(append([]byte{}, text[:at[0]]...), text[at[1]:]...)
	sum := sha256.Sum256(rest)
	if hex.EncodeToString(sum[:]) != string(text[at[2]:at[3]]) {
		return Changed
	}
	return Unchanged
}
