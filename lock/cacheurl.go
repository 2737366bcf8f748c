package lock

import (
	"errors"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// maxURL is the longest URL of a cache, in bytes.
const maxURL = 2048

// CheckURL reports why a lock may not have this text as the URL of a cache.
// One cache has one spelling: http, https or file in lower case, no user, no
// parameters, no fragment, no default port, no slash at the end.
func CheckURL(s string) error {
	if len(s) > maxURL {
		return errors.New("the URL of a cache has at most 2048 bytes")
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte("\"\\<>^`{|}", s[i]) >= 0 {
			return errors.New("the URL of a cache is printable ASCII; encode other characters with %")
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("this is no URL")
	}
	switch u.Scheme {
	case "http", "https":
		if u.Hostname() == "" {
			return errors.New("the URL of a cache needs a host")
		}
	case "file":
		if u.Host != "" || u.Path == "" {
			return errors.New("a file cache is written file:///FOLDER")
		}
	default:
		return errors.New("a cache in a lock is http, https or file")
	}
	switch {
	case u.User != nil:
		return errors.New("the URL has a user name, and a lock is no place for credentials: put them into the netrc file")
	case strings.Contains(s, "?"):
		return errors.New("the URL has parameters, and none belongs in a lock: leave out the question mark and what follows")
	case strings.Contains(s, "#"):
		return errors.New("the URL has a fragment, which no cache sees: leave it out")
	case strings.Trim(u.Hostname(), "abcdefghijklmnopqrstuvwxyz0123456789.-_:") != "" || !strings.HasPrefix(s, u.Scheme):
		return errors.New("the scheme and host of a cache are lower-case letters, digits, dots and dashes; other names are written xn--…")
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80", strings.HasSuffix(u.Host, ":"):
		return errors.New("the default port is left out")
	case u.Port() != "" && !isPort(u.Port()):
		return errors.New("a port is a number from 1 to 65535")
	case strings.HasSuffix(u.Host, "."):
		return errors.New("the host of a cache has no dot at its end")
	case strings.HasSuffix(s, "/"):
		return errors.New("the URL of a cache has no slash at its end")
	}
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.Path != "" && path.Clean(u.Path) != u.Path || plain.String() != s {
		return errors.New("the path of the URL is not in its plain form, without empty parts, dots and needless %")
	}
	return nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// CanonicalURL returns the spelling that a lock has for a cache's store URL as
// Nix takes it: without parameters and slashes at the end, the scheme and host
// in lower case, an absolute path as a file URL. A store that is no http, https
// or file cache, and one with credentials in its URL, is an error.
func CanonicalURL(storeURL string) (string, error) {
	if strings.HasPrefix(storeURL, "/") {
		storeURL = (&url.URL{Scheme: "file", Path: storeURL}).String()
	}
	u, err := url.Parse(storeURL)
	if err != nil || u.Opaque != "" {
		return "", errors.New("this is no URL of a cache: https://, http:// or file:// is expected")
	}
	plain := url.URL{Scheme: strings.ToLower(u.Scheme), User: u.User, Host: strings.ToLower(u.Host), Path: path.Clean("/" + u.Path)}
	if port := u.Port(); port == "443" && plain.Scheme == "https" || port == "80" && plain.Scheme == "http" {
		plain.Host = strings.TrimSuffix(plain.Host, ":"+port)
	}
	s := strings.TrimSuffix(plain.String(), "/")
	return s, CheckURL(s)
}
