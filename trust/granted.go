package trust

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A GrantState is how a grant stands, by the stable words of docs/grants.md.
// Any other word, none too, is unknown, and only "active" lets anything through.
type GrantState string

const (
	GrantActive      GrantState = "active"
	GrantStale       GrantState = "stale"
	GrantRollback    GrantState = "rollback"
	GrantExpired     GrantState = "expired"
	GrantNotYet      GrantState = "not-yet"
	GrantDenied      GrantState = "denied"
	GrantLockMissing GrantState = "lock-missing"
	GrantFlakeGone   GrantState = "flake-gone"
	GrantUnreadable  GrantState = "unreadable"
	GrantUnknown     GrantState = "unknown"
)

// A Granted is one grant, or one denial, and how it stands for one flake. The
// zero Granted lets nothing through.
type Granted struct {
	Flake    FlakeID // one of Facts.Flakes; zero for a flake that was not found here
	Identity string  // how grants.toml calls it
	State    GrantState
	Text     string // why, in a sentence
	// Caches may deliver what is pinned, spelled as in a lock. A denial has none:
	// it is about whatever the flake asks for.
	Caches  []GrantedCache
	Lock    string // the first characters of the accepted lock's digest
	Systems []string
	Paths   int // pinned paths that a gate serves because of it
	// Disputed are pinned paths that a gate does not serve, as another grant pins
	// them to other bytes.
	Disputed int
	Expires  time.Time // zero: never
	// Machine says that it is root's, for the whole machine. The machine's gate
	// serves those alone, a user's gate serves them and the user's own.
	Machine bool
	Where   nixconf.Pos // in grants.toml
}

// A GrantedCache may deliver what a grant's lock pins.
type GrantedCache struct {
	URL  string
	Keys []string
}

// Covers reports whether the grant lets a cache deliver anything.
func (g Granted) Covers(url string) bool {
	name, ok := cacheName(url)
	return ok && slices.ContainsFunc(g.Caches, func(c GrantedCache) bool { return c.URL == name })
}

// A GrantFile is one grants.toml as it was found.
type GrantFile struct {
	Path  string
	State nixconf.SourceState
	Err   string      // why nothing in it counts, for a person; "" when it reads
	Where nixconf.Pos // of the mistake
}

// A GrantDispute is a path that two grants pin to different bytes. Neither is
// served.
type GrantDispute struct {
	Text  string
	Where nixconf.Pos
}

// Gate is what is known of the gates that may serve this user. The zero Gate
// was not looked at.
type Gate struct {
	User    GateKey // of the user's own gate; root's is the machine's
	Machine GateKey
	Address string   // where a gate is asked, on the loopback interface
	URLs    []string // all that a daemon has to admit for a user it does not trust
}

// A GateKey is the public half of a gate's key.
type GateKey struct {
	File  string              // where it belongs
	State nixconf.SourceState // missing: that gate was never set up
	Err   string              // why it could not be read, "" otherwise
	Key   string              // NAME:BASE64, for SourceRead
}

// An OfferedLock is the flake.cache-lock that lies beside a flake.nix.
type OfferedLock struct {
	File   string
	Caches []string // that it names; nil when that was not looked at
}

// names reports whether the lock names a cache, or may.
func (o *OfferedLock) names(url string) bool {
	name, ok := cacheName(url)
	return o != nil && ok && (o.Caches == nil || slices.Contains(o.Caches, name))
}

// cacheName is a cache's URL as a lock and a grant spell it: without parameters
// and slashes at the end, scheme and host in lower case. It is not ok for what
// they cannot name. lock.CanonicalURL is the same, for packages that may use it.
func cacheName(s string) (name string, ok bool) {
	if strings.HasPrefix(s, "/") {
		s = (&url.URL{Scheme: "file", Path: s}).String()
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.User != nil {
		return "", false
	}
	plain := url.URL{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(u.Host), Path: path.Clean("/" + u.Path)}
	switch plain.Scheme {
	case "http", "https":
		ok = u.Hostname() != ""
	case "file":
		ok = u.Host == "" && plain.Path != "/"
	}
	if port := u.Port(); port == "443" && plain.Scheme == "https" || port == "80" && plain.Scheme == "http" {
		plain.Host = strings.TrimSuffix(plain.Host, ":"+port)
	}
	return strings.TrimSuffix(plain.String(), "/"), ok
}
