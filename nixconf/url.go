package nixconf

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A url is a parsed URL. Nix uses a strict RFC 3986 parser and lets spaces and
// double quotes pass in the query, and circumflexes too in the fragment.
// Nix: src/libutil/url.cc, parseURL.
type url struct {
	scheme       string
	hasAuthority bool
	user, pass   *string
	host         string // decoded
	ip           bool   // host is an address in brackets
	port         string // "" when there is none
	path         []string
	query        map[string]string
}

var errURL = errors.New("not a URL")

const (
	digits     = "0123456789"
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	unreserved = letters + digits + "-._~"
	subDelims  = "!$&'()*+,;="
	pathChars  = unreserved + subDelims + ":@/"
	queryChars = pathChars + "?[]"
)

func parseURL(s string) (*url, error) {
	rest, fragment, hasFragment := strings.Cut(s, "#")
	if hasFragment && !valid(fragment, pathChars+`?# "^`) {
		return nil, errURL
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery && !valid(query, queryChars+` "`) {
		return nil, errURL
	}
	scheme, rest, ok := strings.Cut(rest, ":")
	if !ok || scheme == "" || !strings.Contains(letters, scheme[:1]) || strings.Trim(scheme, letters+digits+"+-.") != "" {
		return nil, errURL
	}
	u := &url{scheme: scheme}
	if authority, found := strings.CutPrefix(rest, "//"); found {
		rest = ""
		if i := strings.IndexByte(authority, '/'); i >= 0 {
			authority, rest = authority[:i], authority[i:]
		}
		if err := u.parseAuthority(authority); err != nil {
			return nil, err
		}
	}
	if !valid(rest, pathChars) {
		return nil, errURL
	}
	if _, transport, ok := strings.Cut(scheme, "+"); scheme == "file" || ok && transport == "file" {
		if u.host != "" {
			return nil, errURL
		}
		if rest == "" {
			rest = "/"
		}
	}
	for part := range strings.SplitSeq(rest, "/") {
		u.path = append(u.path, unescape(part))
	}
	var err error
	u.query, err = decodeQuery(query)
	return u, err
}

func (u *url) parseAuthority(s string) error {
	u.hasAuthority = true
	if userinfo, host, ok := strings.Cut(s, "@"); ok {
		if !valid(userinfo, unreserved+subDelims+":") {
			return errURL
		}
		user, pass, hasPass := strings.Cut(userinfo, ":")
		user = unescape(user)
		u.user = &user
		if hasPass {
			pass = unescape(pass)
			u.pass = &pass
		}
		s = host
	}
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || s[end+1:] != "" && s[end+1] != ':' {
			return errURL
		}
		host, port, u.ip = s[1:end], strings.TrimPrefix(s[end+1:], ":"), true
		return u.setHost(host, port)
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	return u.setHost(host, port)
}

func (u *url) setHost(host, port string) error {
	if !u.ip && !valid(host, unreserved+subDelims) {
		return errURL
	}
	u.host = unescape(host)
	if u.ip && !isIPvFuture(host) {
		addr, zone, hasZone := strings.Cut(host, "%25")
		if !isIPv6(addr) || hasZone && (zone == "" || !valid(zone, unreserved)) {
			return errURL
		}
		// Nix fills what decoding took away with NULs.
		u.host += strings.Repeat("\x00", len(host)-len(u.host))
	}
	if strings.Trim(port, digits) != "" {
		return errURL
	}
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return errURL
	}
	u.port = strconv.FormatUint(n, 10)
	return nil
}

func isIPv6(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is6() && ip.Zone() == "" && !strings.Contains(s, "%")
}

// isIPvFuture recognises v1.ANYTHING between brackets.
func isIPvFuture(s string) bool {
	v, rest, ok := strings.Cut(s, ".")
	return ok && len(v) > 1 && (v[0] == 'v' || v[0] == 'V') && strings.Trim(v[1:], "0123456789abcdefABCDEF") == "" &&
		rest != "" && strings.Trim(rest, unreserved+subDelims+":") == ""
}

// authorityAndPath prints what follows "SCHEME:" or "SCHEME://".
func (u *url) authorityAndPath() string {
	var b strings.Builder
	if u.user != nil {
		b.WriteString(escape(*u.user, ""))
		if u.pass != nil {
			b.WriteString(":" + escape(*u.pass, ""))
		}
		b.WriteByte('@')
	}
	if u.ip {
		b.WriteString("[" + escape(u.host, ":") + "]")
	} else {
		b.WriteString(escape(u.host, ""))
	}
	if u.port != "" {
		b.WriteString(":" + u.port)
	}
	b.WriteString(encodePath(u.path))
	return b.String()
}

// valid reports whether s has only the given characters and well-formed %XX.
func valid(s, chars string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return false
			}
			i += 2
		} else if strings.IndexByte(chars, s[i]) < 0 {
			return false
		}
	}
	return true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unescape decodes %XX in a string that is valid.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		} else {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// escape encodes all but the unreserved characters and those in keep.
func escape(s, keep string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c := s[i]; strings.IndexByte(unreserved, c) >= 0 || strings.IndexByte(keep, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func encodePath(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = escape(p, ":@")
	}
	return strings.Join(out, "/")
}

// decodeQuery reads k=v&k=v. The first one of a key stays, and what has no
// equals sign is dropped.
func decodeQuery(s string) (map[string]string, error) {
	if !valid(s, queryChars+` "`) {
		return nil, errURL
	}
	var params map[string]string
	for part := range strings.SplitSeq(s, "&") {
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		if params == nil {
			params = map[string]string{}
		}
		if k = unescape(k); params[k] == "" {
			if _, seen := params[k]; !seen {
				params[k] = unescape(v)
			}
		}
	}
	return params, nil
}

func encodeQuery(params map[string]string) string {
	const keep = ":@/?"
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		parts = append(parts, escape(k, keep)+"="+escape(params[k], keep))
	}
	return strings.Join(parts, "&")
}
