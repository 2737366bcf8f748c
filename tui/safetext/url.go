package safetext

import (
	"regexp"
	"strings"
)

// URL makes one line of a store URL. All of it is written in ASCII, so that a
// letter of another alphabet cannot pass for a Latin one, and credentials in
// it are replaced by ***.
func URL(s string) S {
	s, cut := clip(s)
	out := escape(Redact(s), ascii)
	return finish(out, len(out), cut)
}

// Text is Line for a sentence or a value that may have URLs in it: credentials
// in them are replaced by ***, and words with a URL are written in ASCII.
func Text(s string) S {
	s, cut := clip(s)
	s = Redact(s)
	if plain(s) || !strings.Contains(s, "://") {
		line := Line(s)
		return finish(line.text, line.width, cut)
	}
	words := strings.Split(s, " ")
	parts := make([]S, len(words))
	for i, w := range words {
		if strings.Contains(w, "://") {
			parts[i] = ASCII(w)
		} else {
			parts[i] = Line(w)
		}
	}
	line := Join(parts...)
	return finish(line.text, line.width, cut)
}

var (
	// The greediness matters: an @ in the password is part of the user
	// information, and the host starts after the last one.
	userInfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*)?://[^/?#\s"'<>]*@`)
	// A line of nix.conf that is quoted in an error, with tokens in it.
	secretLine  = regexp.MustCompile(`((?:access-tokens|impure-env)[ \t]*=?[ \t]*)[^'"\n]*=[^'"\n]*`)
	secretParam = regexp.MustCompile(`(?i)([?&;][^=&#\s"'<>]*(?:token|secret|passw|passphrase|api_?-?key|access_?-?key|private-?_?key|credential|signature|\bsig\b|\bauth)[^=&#\s"'<>]*=)[^&#\s"'<>]+`)
)

// Redact replaces what is secret in a text by ***: the user and password before
// the host of a URL, query parameters whose name says that they are secret, and
// the tokens of a quoted line of nix.conf. A bare name stays where it is the
// account of an ssh URL, or passes for a host, which is a trick to be seen and
// no secret; elsewhere it is often a token. The result is not yet safe to show.
func Redact(s string) string {
	s = CoverURLs(s, func(string) string { return "***" })
	if strings.Contains(s, "=") {
		s = secretLine.ReplaceAllString(s, "${1}***")
	}
	return s
}

// CoverURLs is what Redact does with URLs, with a text of the caller's in the
// place of each secret: a user, with its password if it has one, or a parameter's
// value.
func CoverURLs(s string, cover func(secret string) string) string {
	if strings.Contains(s, "@") {
		s = userInfo.ReplaceAllStringFunc(s, func(m string) string {
			scheme, user, _ := strings.Cut(m, "://")
			user = strings.TrimSuffix(user, "@")
			password := strings.Contains(user, ":")
			if !password && (strings.Contains(user, ".") || strings.HasPrefix(scheme, "ssh") || strings.HasSuffix(scheme, "+ssh")) {
				return m
			}
			return scheme + "://" + cover(user) + "@"
		})
	}
	if strings.Contains(s, "=") {
		s = secretParam.ReplaceAllStringFunc(s, func(m string) string {
			name := secretParam.FindStringSubmatch(m)[1]
			return name + cover(m[len(name):])
		})
	}
	return s
}

// IsSecret reports whether the values of a setting are secrets, each after its
// name and "=".
func IsSecret(setting string) bool {
	name := strings.TrimPrefix(setting, "extra-")
	return name == "access-tokens" || name == "impure-env"
}

// RedactValue returns the value of a setting with *** for what is secret in it.
// The result is not yet safe to show.
func RedactValue(setting, value string) string {
	if !IsSecret(setting) {
		return Redact(value)
	}
	tokens := strings.Fields(value)
	for i, t := range tokens {
		name, _, ok := strings.Cut(t, "=")
		if !ok {
			name = ""
		} else {
			name += "="
		}
		tokens[i] = name + "***"
	}
	return strings.Join(tokens, " ")
}
