package trust

import (
	"net/url"
	"strings"
	"time"
)

// A Probed is how a cache answered when the user last had it probed. It stands
// beside a verdict and is no part of one: no state is better or worse for it, as
// the cache may answer otherwise by now. The zero Probed was never made.
type Probed struct {
	URL   string // of the cache, without user, password and parameters
	At    time.Time
	Reach Reachability
	// Asked says whether Nix would have asked it then: Fail when it goes on
	// without it or, with Stops, fails whatever was to be built.
	Asked Outcome
	Stops bool
}

// Reachability is what a cache turned out to be. Only an explicit probe sets it.
type Reachability int

const (
	NotProbed    Reachability = iota
	ReachUnknown              // it was probed, and that allowed no conclusion
	Reachable                 // it answered, as a cache for this store
	Unreachable               // no whole answer in time
	WrongStore                // a cache for stores at another place
	NotACache                 // it answered, and not as a cache does
	Forbidden                 // it wanted credentials
)

var reachWords = [...]string{"not-probed", "unknown", "reachable", "unreachable", "wrong-store", "not-a-cache", "forbidden"}

// String is the stable word.
func (r Reachability) String() string {
	if r < 0 || int(r) >= len(reachWords) {
		return "unknown"
	}
	return reachWords[r]
}

// ParseReachability reads the word of a probe that was made; another one is
// ReachUnknown.
func ParseReachability(s string) Reachability {
	for i, w := range reachWords {
		if w == s && Reachability(i) != NotProbed {
			return Reachability(i)
		}
	}
	return ReachUnknown
}

// probed notes with each cache how it answered when it was probed.
func (e *engine) probed(r *Report) {
	if len(e.f.Probes) == 0 {
		return
	}
	last := make(map[string]Probed, len(e.f.Probes))
	for _, p := range e.f.Probes {
		if at := BareURL(p.URL); p.At.After(last[at].At) {
			last[at] = p
		}
	}
	r.probes = last
	for i := range r.Caches {
		r.Caches[i].Probed = r.LastProbe(r.Caches[i].URL)
	}
	for i := range r.Flakes {
		for j := range r.Flakes[i].Caches {
			c := &r.Flakes[i].Caches[j]
			c.Probed = r.LastProbe(c.URL)
		}
	}
}

// LastProbe returns how a cache answered when it was last probed, also one that
// is in no list and that no flake asks for.
func (r *Report) LastProbe(store string) Probed { return r.probes[BareURL(store)] }

// BareURL is what two spellings of a store URL have in common that lead to the
// same server: without user, password, parameters and slashes at the end.
func BareURL(store string) string {
	u, err := url.Parse(store)
	if err != nil {
		return store
	}
	if u.Scheme == "" && strings.HasPrefix(store, "/") {
		u.Scheme = "file"
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Host) + strings.TrimRight(u.EscapedPath(), "/")
}
