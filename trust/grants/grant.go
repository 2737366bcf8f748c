package grants

import (
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

// Version is the version of grants.toml that this package reads and writes.
const Version = 1

// A File is the content of one grants.toml. The zero File has no version: it
// cannot be printed, and grants nothing. New makes an empty one.
type File struct {
	Version int
	Grants  []Grant // by flake once parsed, one a flake
	Denies  []Deny  // by flake once parsed, one a flake
}

// A Grant is one flake's scoped trust. The zero Grant grants nothing.
type Grant struct {
	Flake Identity
	// Lock is the digest of the accepted lock, as lock.Lock.Digest returns it.
	Lock string
	// Caches may deliver what the lock pins, each with the keys said to sign
	// for it. They are spelled as in a lock. At least one.
	Caches []lock.Cache
	// Systems are those whose pins are granted. Sorted, at least one.
	Systems []string
	Granted time.Time // UTC, whole seconds
	Expires time.Time // zero: never. From this moment on it grants nothing.
	Note    string
	// Seen is where the flake was when it was granted, for a person to know it
	// by, and where it is looked for. It says nothing about which flake it is.
	Seen string
	// Offer is the file that had the lock, absolute, where another lock may be
	// on offer now. "" when the lock was handed over by itself.
	Offer string
	// Replaced are the digests that were accepted before Lock, oldest first.
	// One of them on offer again is a rollback.
	Replaced []string
}

// A Deny is a no to whatever a flake offers, until it is taken back.
type Deny struct {
	Flake Identity
	Since time.Time // UTC, whole seconds
	Note  string
}

// New returns a file that says nothing.
func New() *File { return &File{Version: Version} }

// Grant returns the grant of a flake.
func (f *File) Grant(id Identity) (Grant, bool) {
	if f == nil || id == "" {
		return Grant{}, false
	}
	i := slices.IndexFunc(f.Grants, func(g Grant) bool { return g.Flake == id })
	if i < 0 {
		return Grant{}, false
	}
	return f.Grants[i], true
}

// Deny returns the denial of a flake.
func (f *File) Deny(id Identity) (Deny, bool) {
	if f == nil || id == "" {
		return Deny{}, false
	}
	i := slices.IndexFunc(f.Denies, func(d Deny) bool { return d.Flake == id })
	if i < 0 {
		return Deny{}, false
	}
	return f.Denies[i], true
}

// WithGrant returns a copy in which the flake has this grant instead of the one
// it had. The digest that it replaces is remembered, so that the same lock on
// offer again is known for a rollback.
func (f *File) WithGrant(g Grant) *File {
	out := f.Without(g.Flake, false)
	old, had := f.Grant(g.Flake)
	if had && g.Replaced == nil {
		g.Replaced = old.Replaced
	}
	if had && old.Lock != g.Lock {
		g.Replaced = append(slices.Clone(g.Replaced), old.Lock)
	}
	g.Replaced = history(g.Replaced, g.Lock)
	out.Grants = append(out.Grants, g.clone())
	out.sort()
	return out
}

// history is a list of replaced digests with each once, its latest place kept,
// without the one that counts now, and no longer than the file may have it.
func history(list []string, now string) []string {
	var out []string
	for i, d := range list {
		if d != now && !slices.Contains(list[i+1:], d) {
			out = append(out, d)
		}
	}
	return out[max(0, len(out)-maxReplaced):]
}

// WithDeny returns a copy in which the flake is denied. Its grant goes.
func (f *File) WithDeny(d Deny) *File {
	out := f.Without(d.Flake, true)
	out.Denies = append(out.Denies, d)
	out.sort()
	return out
}

// Without returns a copy without the flake's grant, and with denial without its
// denial too.
func (f *File) Without(id Identity, denial bool) *File {
	out := f.clone()
	out.Grants = slices.DeleteFunc(out.Grants, func(g Grant) bool { return g.Flake == id })
	if denial {
		out.Denies = slices.DeleteFunc(out.Denies, func(d Deny) bool { return d.Flake == id })
	}
	return out
}

// Locks returns the digest of every accepted lock, sorted, each once: the locks
// that have to be kept.
func (f *File) Locks() []string {
	var out []string
	for _, g := range f.Grants {
		out = append(out, g.Lock)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
