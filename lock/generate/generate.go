// Package generate makes and renews one system's section of a cache lock from
// what binary caches and the local store say.
//
// Nothing new is pinned that is not proved by a key of the cache that has it,
// or by its own name, or that the local store was told to vouch for; what the
// host trusts anyway is compared and left out. What is found wrong is an alarm,
// and then there is no lock at all.
package generate

import (
	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// Options say what is locked. Client, System and Caches are needed.
type Options struct {
	Client *bincache.Client
	System string
	// Old is the lock to renew; nil is an empty one. It is not changed. Its
	// Source and its other systems stay.
	Old *lock.Lock
	// Outputs are what the section's outputs shall be; nil keeps those of Old.
	Outputs map[string]lock.StorePath
	// Roots are pinned with all that they refer to. One that no cache has is
	// Missing.
	Roots []lock.StorePath
	// Optional are pinned, with all that they refer to, where a cache of the
	// lock has them. The host's trusted caches are asked only then.
	Optional []lock.StorePath
	// Keep leaves the pins of Old that nothing needs any more in their place.
	Keep bool
	// Caches are those that may deliver the pins; they become the lock's. Of
	// Old's other caches those stay, and are not asked, that another system has
	// a pin from: one that none of Caches had signed, and they had. URLs and
	// keys may be in any spelling that Nix takes.
	Caches []lock.Cache
	// Trusted are the caches that the host trusts anyway, with the keys that it
	// trusts. What they serve is not pinned.
	Trusted []lock.Cache
	// Local is what the local store has: it answers for paths that no cache of
	// the lock proves yet. nil is nothing.
	Local map[lock.StorePath]nix.Info
	// MaxPaths ends what grows without end; 0 is a million.
	MaxPaths int
	// Progress is called after each path, one call at a time; it may be nil.
	Progress func(done, known int)
}

// A Result is what was found. Lock is nil when there is an alarm, or something
// could not be determined.
type Result struct {
	Lock *lock.Lock
	// Pinned are the pins of the lock's section; of them Added are new, and
	// Removed are gone from Old. They are 0 without a lock.
	Pinned, Added, Removed int
	// Redundant are the paths that the host's trusted caches serve with the
	// same bytes, or alone.
	Redundant int
	// FromLocal are the pins that only the local store vouches for. Sorted.
	FromLocal []lock.StorePath
	// Remembered are the pins that come from Old alone: nothing that was asked
	// proves them now, or, with Keep, nobody was asked. Sorted.
	Remembered []lock.StorePath
	// Problems are sorted by gravity, then path.
	Problems []Problem
}

// A Problem is one path that cannot be pinned as it should, or one cache that
// is of no use.
type Problem struct {
	Kind  Kind
	Path  lock.StorePath
	Cache string         // the cache's URL for Unreachable, which is told once a cache; else ""
	Text  string         // a sentence; what it quotes from outside is quoted
	Says  []Saying       // who says what, for Differs
	Wants lock.StorePath // a path that refers to this one, "" for a root
}

// A Saying is what one of them says a path's bytes are.
type Saying struct {
	Who    string // a cache's URL, "the lock", "the local store"
	Pin    lock.Pin
	Proved bool // by a key or by the path's name
}

// A Kind is what is wrong, by gravity. The zero Kind is the gravest.
type Kind uint8

const (
	// Differs: two of the caches, the local store and Old say different bytes,
	// references or sizes of one path.
	Differs Kind = iota
	// BadSignature: a cache's signature by a listed key does not fit.
	BadSignature
	// Unreachable: a cache that had to be asked gave no whole answer, or one
	// that must not be believed.
	Unreachable
	// Unproved: it is there, and no listed key signed it. A pin that Old has
	// for it stays.
	Unproved
	// Missing: no cache has it. A pin that Old has for it stays: a cache that
	// hides a path for a while must not make its bytes be forgotten.
	Missing
)

func (k Kind) String() string {
	switch k {
	case BadSignature:
		return "bad-signature"
	case Unreachable:
		return "unreachable"
	case Unproved:
		return "unproved"
	case Missing:
		return "missing"
	}
	return "differs"
}
