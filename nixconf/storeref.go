package nixconf

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
)

// A StoreKind is the form of a store reference. Nix orders references by it.
type StoreKind int

const (
	StoreAuto   StoreKind = iota // "auto" or nothing
	StoreURL                     // SCHEME://…
	StoreDaemon                  // "daemon" without parameters
	StoreLocal                   // "local" without parameters
)

// A StoreRef names a store, as Nix from 2.34 on reads substituters. Earlier
// versions compare the text instead.
// Nix: src/libstore/store-reference.cc.
type StoreRef struct {
	Kind      StoreKind
	Scheme    string // as written, for StoreURL
	Authority string // host and path, percent-encoded again, for StoreURL
	Params    map[string]string
}

// ParseStoreRef reads a store reference as Nix does with "/" as the working
// directory, which is where the daemon is. The error's text is Nix's message.
func ParseStoreRef(s string) (StoreRef, error) { return parseStoreRef(s, "/") }

// parseStoreRef is ParseStoreRef with the folder that a relative path starts from.
func parseStoreRef(s, dir string) (StoreRef, error) {
	if u, err := parseURL(s); err == nil {
		return StoreRef{Kind: StoreURL, Scheme: u.scheme, Authority: u.authorityAndPath(), Params: u.query}, nil
	}
	base, query, _ := strings.Cut(s, "?")
	params, err := decodeQuery(query)
	if err != nil {
		return StoreRef{}, errors.New("invalid URI query '" + query + "': leftover")
	}
	ref := StoreRef{Kind: StoreURL, Params: params}
	switch {
	case base == "" || base == "auto":
		ref.Kind = StoreAuto
		return ref, nil
	case base == "daemon":
		if len(params) == 0 {
			ref.Kind = StoreDaemon
			return ref, nil
		}
		ref.Scheme = "unix"
		return ref, nil
	case base == "local":
		if len(params) == 0 {
			ref.Kind = StoreLocal
			return ref, nil
		}
		ref.Scheme = "local"
		return ref, nil
	case !strings.Contains(base, "://") && strings.Contains(base, "/"):
		if !strings.HasPrefix(base, "/") {
			base = dir + "/" + base
		}
		ref.Scheme, ref.Authority = "local", encodePath(strings.Split(path.Clean(base), "/"))
		return ref, nil
	}
	if scheme, authority, ok := bareIPv6(base); ok {
		ref.Scheme, ref.Authority = scheme, authority
		return ref, nil
	}
	return StoreRef{}, errors.New("Cannot parse Nix store '" + s + "'")
}

// StoreRef returns the reference that an item of substituters or
// trusted-substituters stands for, from 2.34 on. What a client sends is the
// item's text, which the daemon parses again, with ParseStoreRef.
func (it Item) StoreRef() StoreRef { return printedRef(it.Text) }

// printedRef reads back what String printed. Not all of that is what
// ParseStoreRef takes: "a:b:c" is printed as "a://b:c".
func printedRef(s string) StoreRef {
	s, query, _ := strings.Cut(s, "?")
	ref := StoreRef{}
	ref.Params, _ = decodeQuery(query)
	switch s {
	case "auto":
	case "daemon":
		ref.Kind = StoreDaemon
	case "local":
		ref.Kind = StoreLocal
	default:
		ref.Kind = StoreURL
		ref.Scheme, ref.Authority, _ = strings.Cut(s, "://")
	}
	return ref
}

// bareIPv6 reads SCHEME://[USER@]ADDRESS where the IPv6 address lacks its
// brackets or has an unencoded zone, which Nix accepts from of old.
func bareIPv6(s string) (scheme, authority string, ok bool) {
	scheme, host, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", false
	}
	host = strings.TrimPrefix(host, "//")
	user, rest, hasUser := strings.Cut(host, "@")
	if hasUser {
		host = rest
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	addr, zone, hasZone := strings.Cut(host, "%")
	if !isIPv6(addr) {
		return "", "", false
	}
	if hasUser {
		authority = user + "@"
	}
	authority += "[" + addr
	if hasZone {
		authority += "%25" + zone
	}
	return scheme, authority + "]", true
}

// String returns the reference as Nix prints it.
func (r StoreRef) String() string {
	s := r.base()
	if len(r.Params) > 0 {
		s += "?" + encodeQuery(r.Params)
	}
	return s
}

// base is the reference without its parameters.
func (r StoreRef) base() string {
	switch r.Kind {
	case StoreAuto:
		return "auto"
	case StoreDaemon:
		return "daemon"
	case StoreLocal:
		return "local"
	}
	return r.Scheme + "://" + r.Authority
}

// Equal reports whether Nix takes the two for the same store: everything
// counts, parameters too, and nothing is normalised beyond parsing.
func (r StoreRef) Equal(o StoreRef) bool { return r.Compare(o) == 0 }

// Compare orders references as Nix sorts sets of them.
func (r StoreRef) Compare(o StoreRef) int {
	if c := cmp.Compare(r.Kind, o.Kind); c != 0 {
		return c
	}
	if c := strings.Compare(r.Scheme, o.Scheme); c != 0 {
		return c
	}
	if c := strings.Compare(r.Authority, o.Authority); c != 0 {
		return c
	}
	rk, ok := slices.Sorted(maps.Keys(r.Params)), slices.Sorted(maps.Keys(o.Params))
	for i := range min(len(rk), len(ok)) {
		if c := strings.Compare(rk[i], ok[i]); c != 0 {
			return c
		}
		if c := strings.Compare(r.Params[rk[i]], o.Params[ok[i]]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(rk), len(ok))
}

// WithSlash returns the reference with a slash at its end, which is the second
// form that a daemon looks for in its lists. ok is false when it has one
// already, or is no URL.
// Nix: src/libstore/daemon.cc, ClientSettings::apply.
func (r StoreRef) WithSlash() (ref StoreRef, ok bool) {
	if r.Kind != StoreURL || strings.HasSuffix(r.Authority, "/") {
		return r, false
	}
	r.Authority += "/"
	return r, true
}
