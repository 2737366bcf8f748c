package bincache

import (
	"net/url"
	"strings"
)

// A Netrc is the credentials of a netrc file, by host. It has no way to be
// printed.
type Netrc struct {
	hosts map[string]*url.Userinfo
	other *url.Userinfo // of a default entry
}

// ParseNetrc reads a netrc file as curl does, which Nix hands it to: the first
// entry of a host counts, "default" is for hosts without one, macros are
// skipped, values may be quoted. Words that it does not know are skipped.
func ParseNetrc(data []byte) *Netrc {
	n := &Netrc{hosts: map[string]*url.Userinfo{}}
	host, login, password := "", "", ""
	open, isDefault := false, false
	end := func() {
		if !open {
			return
		}
		user := url.UserPassword(login, password)
		if isDefault {
			if n.other == nil {
				n.other = user
			}
		} else if _, taken := n.hosts[host]; !taken {
			n.hosts[host] = user
		}
	}
	words := netrcWords(string(data))
	value := func(i int) string {
		if i+1 < len(words) {
			return words[i+1]
		}
		return ""
	}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "machine":
			end()
			host, login, password, open, isDefault = strings.ToLower(value(i)), "", "", true, false
			i++
		case "default":
			end()
			login, password, open, isDefault = "", "", true, true
		case "login":
			login = value(i)
			i++
		case "password":
			password = value(i)
			i++
		case "account":
			i++
		}
	}
	end()
	return n
}

// netrcWords cuts the text into words, without comments and macros. A macro
// lasts until an empty line.
func netrcWords(s string) (words []string) {
	macro := false
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			macro = false
		}
		if macro || strings.HasPrefix(line, "#") {
			continue
		}
		for line != "" {
			var word string
			word, line = netrcWord(line)
			if word == "macdef" {
				macro = true
				break
			}
			words = append(words, word)
		}
	}
	return words
}

func netrcWord(s string) (word, rest string) {
	if s[0] != '"' {
		i := strings.IndexAny(s, " \t")
		if i < 0 {
			return s, ""
		}
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), strings.TrimLeft(s[i+1:], " \t")
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// Find returns the credentials for a host, or nil.
func (n *Netrc) Find(host string) *url.Userinfo {
	if n == nil {
		return nil
	}
	if user, ok := n.hosts[strings.ToLower(host)]; ok {
		return user
	}
	return n.other
}

// Named returns the entries that name their host. A flake or a lock may name any
// host as its cache, and "default" would give each of them the password.
func (n *Netrc) Named() *Netrc {
	if n == nil {
		return nil
	}
	return &Netrc{hosts: n.hosts}
}

// String keeps credentials out of what prints a Netrc by accident.
func (n *Netrc) String() string { return "netrc" }

// GoString does the same for %#v.
func (n *Netrc) GoString() string { return "netrc" }
