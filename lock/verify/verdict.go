package verify

import "github.com/nix-trust/nix-trust/lock/bincache"

// A Verdict says what was found of one pin. The zero value says that nothing
// was determined.
type Verdict uint8

// The order is that of gravity, except for Unknown and Verified; see settle.
const (
	Unknown       Verdict = iota // nothing was determined: no right to ask, a format that is not read
	Absent                       // the cache does not have it
	Unsigned                     // what is pinned, and nothing proves it
	UnknownSigner                // what is pinned, signed by keys that the lock does not list for the cache
	Misbehaved                   // an answer that must not be believed
	Unreachable                  // no whole answer
	Verified                     // what is pinned, proved by a listed key or by its content address
	BadSignature                 // what is pinned, under a listed key's name with a signature that does not fit
	WrongKey                     // as BadSignature, and another key of that name, one that is known, made it
	Mismatch                     // not what is pinned
)

func (v Verdict) String() string {
	switch v {
	case Absent:
		return "absent"
	case Unsigned:
		return "unsigned"
	case UnknownSigner:
		return "unknown-signer"
	case Misbehaved:
		return "misbehaved"
	case Unreachable:
		return "unreachable"
	case Verified:
		return "verified"
	case BadSignature:
		return "bad-signature"
	case WrongKey:
		return "wrong-key"
	case Mismatch:
		return "mismatch"
	}
	return "unknown"
}

// Bad reports whether a hash, a size, a reference or a signature was seen to
// be wrong.
func (v Verdict) Bad() bool { return v == Mismatch || v == WrongKey || v == BadSignature }

// Open reports whether the question was not answered, so that asking again may
// give another verdict.
func (v Verdict) Open() bool { return v == Unknown || v == Unreachable || v == Misbehaved }

// ofSignatures is the verdict on a path by its signatures alone.
func ofSignatures(v bincache.Verdict) Verdict {
	switch v {
	case bincache.Unsigned:
		return Unsigned
	case bincache.UnknownSigner:
		return UnknownSigner
	case bincache.BadSignature:
		return BadSignature
	case bincache.WrongKey:
		return WrongKey
	case bincache.Verified:
		return Verified
	}
	return Unknown
}

// ofFailure is the verdict on a path of which a cache gave no good answer.
func ofFailure(err error) Verdict {
	switch bincache.KindOf(err) {
	case bincache.Absent:
		return Absent
	case bincache.Unreachable:
		return Unreachable
	case bincache.Misbehaved:
		return Misbehaved
	}
	return Unknown
}
