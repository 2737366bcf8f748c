package safetext

import (
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
// be, mistaken for another one, and why, in a sentence. It reports false for a
// URL that names no host. A host that it does not suspect is not thereby known
// to be honest.
func SuspectHost(url string) (reason S, ok bool) {
	_, rest, found := strings.Cut(url, "://")
	if !found || len(url) > Limit {
		return S{}, false
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if authority == "" {
		return S{}, false
	}
	if i := strings.IndexFunc(authority, func(r rune) bool {
		return r == '\\' || r == '%' || r <= ' ' || r == 0x7f || r == utf8.RuneError || !readable(r)
	}); i >= 0 {
		return sentence("the host has a character that does not belong in one: %s", ASCII(authority)), true
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, host := authority[:i], authority[i+1:]
		name, _, _ := strings.Cut(user, ":")
		if strings.Contains(name, ".") {
			return sentence("the host is %s: what stands before the @ is only a user name", ASCII(host)), true
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

func suspect(host string) (S, bool) {
	if read, puny := decodeHost(host); puny {
		return likeness(sentence("the host reads \"%s\" (%s) where other alphabets are shown", Line(read), Line(scripts(read))), read), true
	}
	if !isASCII(host) {
		return likeness(sentence("the host is written with letters of %s: %s", Line(scripts(host)), ASCII(host)), host), true
	}
	if sk := skeleton(host); sk != host {
		for _, k := range wellKnown {
			if host != k && sk == skeleton(k) {
				return another(k), true
			}
		}
	}
	if known, like := imitates(host); like && known != host {
		return another(known), true
	}
	return S{}, false
}

// likeness adds what a host of other letters looks like.
func likeness(what S, host string) S {
	if known, like := imitates(fold(host)); like {
		return sentence("%s, and looks like %s", what, Line(known))
	}
	return what
}

func another(known string) S {
	return sentence("the host looks like %s and is another one", Line(known))
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
