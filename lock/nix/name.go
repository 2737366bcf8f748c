package nix

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// perSystem are the categories of a flake's outputs whose attributes lie below
// the name of a system, which a lock leaves out.
var perSystem = []string{
	"packages", "legacyPackages", "devShells", "checks", "formatter", "apps", "bundlers",
	"defaultPackage", "devShell", "defaultApp", "defaultBundler",
}

// withSystem puts the system into an attribute path that leaves it out.
func withSystem(path []string, system string) []string {
	if !slices.Contains(perSystem, path[0]) {
		return path
	}
	return slices.Insert(slices.Clone(path), 1, system)
}

// parseName splits an attribute path at its dots. A part in quotes may have
// dots; there are no escapes. Nix: src/libexpr/attr-path.cc.
func parseName(s string) ([]string, error) {
	var parts []string
	var part strings.Builder
	quoted, open := false, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted, open = true, !open
		case r == '.' && !open:
			if part.Len() == 0 && !quoted {
				return nil, fmt.Errorf("the attribute path %q has an empty part", clip(s))
			}
			parts, quoted = append(parts, part.String()), false
			part.Reset()
		case r == '^' && !open:
			return nil, fmt.Errorf("the attribute path %q names an output; all outputs are meant", clip(s))
		default:
			part.WriteRune(r)
		}
	}
	if open {
		return nil, fmt.Errorf("the attribute path %q has a quote that does not end", clip(s))
	}
	if part.Len() == 0 && !quoted {
		return nil, fmt.Errorf("the attribute path %q has an empty part", clip(s))
	}
	return append(parts, part.String()), nil
}

// formatName writes an attribute path in its one spelling: a part that is no
// identifier stands in quotes.
func formatName(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		if parts[i] = p; !isIdentifier(p) {
			parts[i] = `"` + p + `"`
		}
	}
	return strings.Join(parts, ".")
}

// isIdentifier reports whether Nix takes a name without quotes.
// Nix: src/libexpr/lexer.l, ID.
func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '\'' || c == '-')) {
			return false
		}
	}
	return s != ""
}

// checkName holds an attribute path against docs/cache-lock.md, and against
// what can be written on a command line of Nix.
func checkName(path []string) error {
	for _, p := range path {
		if strings.ContainsAny(p, `"^`) {
			return errors.New(`an attribute with " or ^ in its name cannot be named in a lock`)
		}
	}
	name := formatName(path)
	if name == "" || len(name) > 512 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("an attribute with a name of more than 512 bytes, with characters that are not seen or of no UTF-8 cannot be named in a lock")
	}
	return nil
}
