package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
)

// Version is the version of the format that this package reads and writes.
const Version = 1

// A Lock is the content of one flake.cache-lock. The zero Lock has no version:
// it cannot be printed, and pins nothing. New makes an empty one.
//
// Within one lock a store path has one pin, whichever systems list it.
type Lock struct {
	Version int
	// Source is the narHash of the source tree that a detached lock belongs to.
	// It is zero in a lock that lies beside the flake that consumes what it pins.
	Source  Hash
	Caches  []Cache // sorted by URL once parsed
	Systems map[string]*Section
}

// A Cache is one binary cache that may deliver pinned paths.
type Cache struct {
	URL  string   // in the spelling of CheckURL
	Keys []string // public keys, NAME:BASE64 with padding; sorted once parsed
}

// A Section is what is pinned for one system, such as "x86_64-linux".
type Section struct {
	// Outputs has the store path of each of the flake's outputs that was
	// locked. Its keys are attribute paths without the system, such as
	// "packages.default", with "^OUTPUT" for an output other than the first.
	// The path need not be pinned: a cache that is trusted anyway may have it.
	Outputs map[string]StorePath
	// Paths has the pins.
	Paths map[StorePath]Pin
}

// A Pin is what the bytes of a store path must be. The zero Pin is not valid
// and matches nothing.
type Pin struct {
	NAR  Hash        // SHA-256 of the NAR
	Size int64       // bytes of the NAR, more than 0
	Refs []StorePath // sorted, each once; the path itself may be one
	CA   string      // Nix's content address, "" when it has none
	By   []string    // names of the keys that signed it when it was locked; they prove nothing
}

// New returns a lock that pins nothing.
func New() *Lock { return &Lock{Version: Version, Systems: map[string]*Section{}} }

// Section returns the section of a system, which it makes when it is missing.
func (l *Lock) Section(system string) *Section {
	if l.Systems == nil {
		l.Systems = map[string]*Section{}
	}
	s := l.Systems[system]
	if s == nil {
		s = &Section{Outputs: map[string]StorePath{}, Paths: map[StorePath]Pin{}}
		l.Systems[system] = s
	}
	return s
}

// SystemNames returns the systems that the lock has a section for, sorted.
func (l *Lock) SystemNames() []string { return slices.Sorted(maps.Keys(l.Systems)) }

// Keys returns every key of every cache, sorted, each once.
func (l *Lock) Keys() []string {
	var keys []string
	for _, c := range l.Caches {
		keys = append(keys, c.Keys...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Find returns the pin of a store path.
func (l *Lock) Find(path StorePath) (Pin, bool) {
	for _, s := range l.Systems {
		if p, ok := s.Paths[path]; ok {
			return p, true
		}
	}
	return Pin{}, false
}

// Same reports whether two pins ask for the same bytes, references and
// content address. Who signed does not matter. Two zero pins are not the same.
func (p Pin) Same(o Pin) bool {
	return !p.NAR.IsZero() && p.NAR == o.NAR && p.Size == o.Size && p.CA == o.CA && slices.Equal(p.Refs, o.Refs)
}

// Digest returns the SHA-256 of the canonical print in hexadecimal: the name
// that a lock is accepted under. A lock that cannot be printed has none.
func (l *Lock) Digest() (string, error) {
	text, err := l.Print()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
