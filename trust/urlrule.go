package trust

import (
	"net/url"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// urlRule says when two spellings of a substituter are the same to a daemon:
// as strings before 2.34, as parsed store references since.
// Nix: src/libstore/daemon.cc, ClientSettings::apply, setSubstituters.
type urlRule struct{ refs bool }

// admits finds the listed URL that admits what the client sends: the same one,
// or the same with one more slash at the end.
func (u urlRule) admits(listed []nixconf.Item, sent string) (index int, ok bool) {
	if !u.refs {
		if i := slices.IndexFunc(listed, func(it nixconf.Item) bool { return it.Text == sent }); i >= 0 {
			return i, true
		}
		if strings.HasSuffix(sent, "/") {
			return 0, false
		}
		i := slices.IndexFunc(listed, func(it nixconf.Item) bool { return it.Text == sent+"/" })
		return i, i >= 0
	}
	ref, err := nixconf.ParseStoreRef(sent)
	if err != nil {
		return 0, false
	}
	if i, ok := findRef(listed, ref); ok {
		return i, true
	}
	if with, ok := ref.WithSlash(); ok {
		return findRef(listed, with)
	}
	return 0, false
}

func findRef(listed []nixconf.Item, want nixconf.StoreRef) (int, bool) {
	for i, it := range listed {
		if it.StoreRef().Equal(want) {
			return i, true
		}
	}
	return 0, false
}

// sentAs is how a client of a version writes a URL that it was given: from
// 2.34 on it parses the URL and prints it again.
func sentAs(url string, client nixconf.Version) string {
	if !client.AtLeast(2, 34) {
		return url
	}
	ref, err := nixconf.ParseStoreRef(url)
	if err != nil {
		return url
	}
	return ref.String()
}

// openable says whether Nix can open a substituter: by the kind of store that
// its scheme names. Stores without a scheme, and kinds that are experimental,
// are unknown here. Nix: the uriSchemes of src/libstore/*-store.hh.
func openable(s string) Outcome {
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		return Unknown
	}
	switch scheme {
	case "http", "https", "file", "s3", "ssh", "ssh-ng", "unix":
		return Pass
	case "local", "daemon", "auto", "dummy", "local-overlay", "mounted-ssh-ng", "experimental-ssh-ng":
		return Unknown
	}
	return Fail
}

// near finds a listed URL that differs from the sent one only in ways that
// people overlook, and says how.
func (u urlRule) near(listed []nixconf.Item, sent string) (index int, how string, ok bool) {
	want := parseLoose(sent)
	if want.host == "" {
		return 0, "", false
	}
	for i, it := range listed {
		have := parseLoose(it.Text)
		if have.host != want.host || have.path != want.path {
			continue
		}
		switch {
		case have.scheme != want.scheme:
			how = "it has " + have.scheme + " instead of " + want.scheme
		case have.port != want.port:
			how = "its port differs"
		case have.query != want.query:
			how = "its parameters differ"
		case have.slashes != want.slashes:
			how = "the slashes at the end differ"
		case !strings.EqualFold(it.Text, sent):
			how = "it is written differently"
		default:
			how = "its upper and lower case differ"
		}
		return i, how, true
	}
	return 0, "", false
}

// looseURL is a URL with the parts that people overlook set apart.
type looseURL struct {
	scheme, host, port, path, query string
	slashes                         int
}

func parseLoose(s string) looseURL {
	p, err := url.Parse(s)
	if err != nil || p.Host == "" {
		return looseURL{}
	}
	path := strings.TrimRight(p.Path, "/")
	host := strings.ToLower(p.Hostname())
	if host == "localhost" || host == "::1" {
		host = "127.0.0.1"
	}
	return looseURL{strings.ToLower(p.Scheme), host, p.Port(), path, p.RawQuery, len(p.Path) - len(path)}
}

// hostOf is the host a URL names, lower case, "" when it names none.
func hostOf(s string) string {
	p, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return strings.ToLower(p.Hostname())
}

// param is the value of a parameter in a substituter's URL. The first one of a
// name counts. Before 2.34 an encoded name is another name.
// Nix: src/libutil/url.cc, decodeQuery.
func (u urlRule) param(s, name string) (value string, set bool) {
	if u.refs {
		ref, _ := nixconf.ParseStoreRef(s)
		value, set = ref.Params[name]
		return value, set
	}
	s, _, _ = strings.Cut(s, "#")
	_, query, _ := strings.Cut(s, "?")
	for part := range strings.SplitSeq(query, "&") {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			if v, err := url.PathUnescape(value); err == nil {
				return v, true
			}
			return value, true
		}
	}
	return "", false
}

// trusts reports whether the URL turns signature checks off.
func (u urlRule) trusts(s string) bool {
	switch v, _ := u.param(s, "trusted"); v {
	case "true", "yes", "1":
		return true
	}
	return false
}

// trustedParam reports whether the URL turns signature checks off for any Nix.
func trustedParam(s string) bool { return urlRule{}.trusts(s) || urlRule{refs: true}.trusts(s) }
