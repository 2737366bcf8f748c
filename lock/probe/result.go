// Package probe asks binary caches how they are: whether they answer, as what,
// how fast, and what Nix makes of that. It tells a cache nothing of what the
// user has: it asks for nix-cache-info and for paths that do not exist, and for
// a real path only when it is given one.
package probe

import (
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// An Outcome is what a cache turned out to be. The zero value is unknown.
type Outcome uint8

const (
	Unknown     Outcome = iota // it was not asked, or what it said allows no conclusion
	Reachable                  // it answers, and is a cache for this store
	Unreachable                // no whole answer in time: no such host, refused, too slow, 5xx
	WrongStore                 // a cache for stores at another place
	NotACache                  // it answers, and not as a cache does
	Forbidden                  // it wants (other) credentials
)

var outcomeWords = [...]string{"unknown", "reachable", "unreachable", "wrong-store", "not-a-cache", "forbidden"}

// String is the stable word.
func (o Outcome) String() string { return word(outcomeWords[:], int(o)) }

// ParseOutcome reads a stable word; another one is unknown.
func ParseOutcome(s string) Outcome { return Outcome(index(outcomeWords[:], s)) }

// An Effect is what Nix makes of such an answer when it opens its substituters
// and has not remembered another one: nix-cache-info is asked for once in seven
// days. The zero value is unknown. Nix: src/libstore/store-api.cc,
// getDefaultSubstituters, and http-binary-cache-store.cc, init.
type Effect uint8

const (
	EffectUnknown Effect = iota
	Asks                 // it is asked, in the place that its priority gives
	Skips                // Nix warns, and goes on without it
	Stops                // Nix fails, whatever was to be built
)

var effectWords = [...]string{"unknown", "asks", "skips", "stops"}

// String is the stable word.
func (e Effect) String() string { return word(effectWords[:], int(e)) }

// ParseEffect reads a stable word; another one is unknown.
func ParseEffect(s string) Effect { return Effect(index(effectWords[:], s)) }

func word(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return words[0]
}

func index(words []string, s string) int {
	for i, w := range words {
		if w == s {
			return i
		}
	}
	return 0
}

// A Result is what one probe of a cache found. The zero one found nothing.
type Result struct {
	URL     string // without user, password and parameters
	At      time.Time
	Outcome Outcome
	Effect  Effect
	Text    string // a sentence; it may hold text of the cache's
	Status  int    // of the last answer about nix-cache-info as in HTTP; 0: none
	Info    bincache.CacheInfo
	// Priority is the one that Nix goes by: the URL's own before nix-cache-info's.
	// Lower is asked first, and a cache that tells none has 0. It is meaningless
	// unless Effect is Asks.
	Priority    int
	Hit         Latency // of nix-cache-info, which every cache has
	Miss        Miss
	TLS         *TLS // nil for http and folders, and when no connection came about
	Encrypted   bool // the URL is one of https
	Credentials bool // some were sent
	Paths       []Path
}

// Misleads reports whether Nix could take the answer for a good one though it is
// none: it then goes on to ask what is no cache.
func (r Result) Misleads() bool { return r.Outcome == NotACache && r.Effect == Asks }

// A Latency is how long some requests took, each from asking to its last byte.
type Latency struct {
	First   time.Duration // with finding the host, connecting and the TLS handshake
	Typical time.Duration // the middle one of those after it; 0: there was none
	Times   int           // how many were answered, the first one too
}

// Known reports whether a request after the first was timed.
func (l Latency) Known() bool { return l.Times > 1 }

// A MissAnswer is what a cache says of a path that does not exist. The zero
// value is unknown.
type MissAnswer uint8

const (
	MissUnknown MissAnswer = iota
	MissAbsent             // 404 or 410: that it does not have it
	MissRefused            // 401, 403 or 407
	MissFailed             // no answer, or 5xx
	MissOdd                // another answer, such as a page that it has for every name
)

var missWords = [...]string{"unknown", "absent", "refused", "failed", "odd"}

// String is the stable word.
func (m MissAnswer) String() string { return word(missWords[:], int(m)) }

// ParseMissAnswer reads a stable word; another one is unknown.
func ParseMissAnswer(s string) MissAnswer { return MissAnswer(index(missWords[:], s)) }

// A Miss is how a cache answers for paths that it does not have, which is the
// most frequent question of all.
type Miss struct {
	Answer  MissAnswer
	Status  int // as in HTTP; 0: none
	Typical time.Duration
	Text    string // what Nix makes of it, "" when that is what it should
}

// A TLS is how a connection is encrypted.
type TLS struct {
	Version string // "TLS 1.3"; "" when no connection came about
	Issuer  string // of the certificate, as it names itself
	Subject string
	Expires time.Time
	Problem string // why the certificate is not believed; "" when it is
}

// Expiring reports whether the certificate ends within a span from a time.
func (t *TLS) Expiring(now time.Time, within time.Duration) bool {
	return t != nil && !t.Expires.IsZero() && t.Expires.Before(now.Add(within))
}

// A PathState is what a cache has of a path, by its narinfo alone: the bytes
// are not looked at. The zero value is unknown.
type PathState uint8

const (
	PathUnknown      PathState = iota
	PathSigned                 // a signature by one of the keys fits
	PathAddressed              // its name proves it, so that Nix needs no signature
	PathUnsigned               // no signature at all
	PathUnknownKey             // signed by nobody of the keys
	PathBadSignature           // signed under a key's name, and not by that key
	PathAbsent                 // the cache does not have it
	PathRefused                // the cache wants credentials, or hides that it does not have it
	PathCorrupt                // a narinfo that no Nix takes, or of another path
	PathUnlike                 // of other contents than it has to be
)

var pathWords = [...]string{"unknown", "signed", "content-addressed", "unsigned", "unknown-signer", "bad-signature", "absent", "refused", "corrupt", "hash-mismatch"}

// String is the stable word.
func (p PathState) String() string { return word(pathWords[:], int(p)) }

// A Path is what a cache says of one path.
type Path struct {
	Path    bincache.StorePath
	State   PathState
	Text    string
	By      []string           // names of the keys that verified
	Others  []string           // names in the other signatures
	Deriver bincache.StorePath // as the cache claims; "" when not told
	Size    uint64             // of the NAR
	Took    time.Duration
}
