package safetext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// wellKnown are the hosts that a look-alike would imitate. A name with a dot
// before it in its own domain, such as anything.nixos.org, belongs to the same
// owner and is no imitation, except where anybody can have one (shared).
var wellKnown = []string{
	"cache.nixos.org", "hydra.nixos.org", "cachix.org", "cache.flakehub.com",
	"install.determinate.systems", "cache.garnix.io", "cache.lix.systems",
	"cache.iog.io", "cache.numtide.com", "cuda-maintainers.cachix.org",
	"nix-community.cachix.org", "devenv.cachix.org", "hyprland.cachix.org",
	"numtide.cachix.org", "nix-gaming.cachix.org", "nixpkgs-wayland.cachix.org",
	"pre-commit-hooks.cachix.org", "helix.cachix.org",
}

// shared are domains under which anybody can have a name.
var shared = []string{"cachix.org"}

// Names shorter than these are one edit away from too many honest ones.
const (
	longName   = 6 // under a shared domain
	longDomain = 5 // of an owner, without the last label
)

// SuspectHost reports whether the host of a store URL is, or may be meant to
// be, mistaken for another one, and why, in a sentence that is safe to show.
// It reports false for a URL that names no host. A host that it does not
// suspect is not thereby known to be honest.
func SuspectHost(url string) (reason string, ok bool) {
	_, rest, found := strings.Cut(url, "://")
	if !found || len(url) > Limit {
		return "", false
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if authority == "" {
		return "", false
	}
	if i := strings.IndexFunc(authority, func(r rune) bool {
		return r == '\\' || r == '%' || r <= ' ' || r == 0x7f || r == utf8.RuneError || !readable(r)
	}); i >= 0 {
		return fmt.Sprintf("the host has a character that does not belong in one: %s", ASCII(authority)), true
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, host := authority[:i], authority[i+1:]
		name, _, _ := strings.Cut(user, ":")
		if strings.Contains(name, ".") {
			return fmt.Sprintf("the host is %s: what stands before the @ is only a user name", ASCII(host)), true
		}
		authority = host
	}
	return suspect(hostOnly(authority))
}

// hostOnly drops a port and the dot that may end a host, and folds case.
func hostOnly(authority string) string {
	if !strings.HasPrefix(authority, "[") {
		if i := strings.LastIndexByte(authority, ':'); i >= 0 {
			authority = authority[:i]
		}
	}
	return strings.ToLower(strings.TrimSuffix(authority, "."))
}

func suspect(host string) (string, bool) {
	read, puny := decodeHost(host)
	if puny {
		what := fmt.Sprintf("the host reads %q (%s) where other alphabets are shown", Line(read).String(), scripts(read))
		if known, like := imitates(fold(read)); like {
			what += ", and looks like " + known
		}
		return what, true
	}
	if !isASCII(host) {
		what := fmt.Sprintf("the host is written with letters of %s: %s", scripts(host), ASCII(host))
		if known, like := imitates(fold(host)); like {
			what += ", and looks like " + known
		}
		return what, true
	}
	if sk := skeleton(host); sk != host {
		for _, k := range wellKnown {
			if host != k && sk == skeleton(k) {
				return "the host looks like " + k + " and is another one", true
			}
		}
	}
	if known, like := imitates(host); like && known != host {
		return "the host looks like " + known + " and is another one", true
	}
	return "", false
}

// imitates reports the well-known host that a host equals, is one edit away
// from, or carries in its name without belonging to its owner.
func imitates(host string) (known string, ok bool) {
	for _, k := range wellKnown {
		if host == k {
			return k, true
		}
	}
	for _, k := range wellKnown {
		owner := domain(k)
		if domain(host) == owner {
			if label, _, _ := strings.Cut(k, "."); isShared(owner) && k != owner && len(label) >= longName && oneEdit(host, k) {
				return k, true
			}
			continue
		}
		name, _, _ := strings.Cut(owner, ".")
		stem := strings.TrimSuffix(k, owner) + name + "." // the host without its last label
		switch {
		case strings.HasPrefix(host, k+".") || strings.Contains(host, "."+k+"."):
			return k, true // the real owner is what comes last
		case squeeze(host) == squeeze(k), squeeze(domain(host)) == squeeze(k):
			return k, true
		case len(name) >= longDomain && (oneEdit(host, k) || oneEdit(domain(host), owner)):
			return k, true
		case strings.HasPrefix(host, stem) && !strings.Contains(host[len(stem):], "."):
			return k, true
		}
	}
	return "", false
}

func isShared(domain string) bool {
	for _, s := range shared {
		if s == domain {
			return true
		}
	}
	return false
}

// domain returns the last two labels of a host.
func domain(host string) string {
	i := strings.LastIndexByte(host, '.')
	if i < 0 {
		return host
	}
	return host[strings.LastIndexByte(host[:i], '.')+1:]
}

func squeeze(host string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' {
			return -1
		}
		return r
	}, host)
}

// oneEdit reports whether a becomes b by one inserted, dropped or changed
// character, or by two neighbours that change places.
func oneEdit(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 || a == b {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) > len(b) {
		return a[i+1:] == b[i:]
	}
	return a[i+1:] == b[i+1:] ||
		i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// scripts names the alphabets of a text, in order of appearance.
func scripts(s string) string {
	var names []string
	seen := map[string]bool{}
	for _, r := range s {
		if !unicode.IsLetter(r) {
			continue
		}
		for _, name := range []string{"Latin", "Cyrillic", "Greek", "Armenian", "Cherokee", "Georgian", "Hebrew", "Arabic", "Han", "Hiragana", "Katakana", "Hangul", "Thai", "Devanagari", ""} {
			if name == "" {
				name = "another script"
			} else if !unicode.Is(unicode.Scripts[name], r) {
				continue
			}
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
			break
		}
	}
	if len(names) == 0 {
		return "no letters"
	}
	return strings.Join(names, " and ")
}
