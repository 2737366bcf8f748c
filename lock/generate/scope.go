package generate

import (
	"net/url"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
)

// A Scope is what making a lock would ask, and of whom. Each host learns of
// the roots and of all that they refer to. The hosts of the lock's caches also
// learn of every optional path, those of trusted caches only of what the
// former have.
type Scope struct {
	Roots, Optional int      // paths, each once; an optional root counts as a root
	Hosts           []string // all that learn of something, sorted; "cache.example:8443"
	Trusted         []string // of Hosts, those of trusted caches alone
	Folders         int      // caches that are folders of this machine, and tell nobody
}

// ScopeOf says what Make would ask. It asks nothing.
func ScopeOf(o Options) Scope {
	roots, optional := distinct(o.Roots), distinct(o.Optional)
	optional = slices.DeleteFunc(optional, func(p lock.StorePath) bool { _, is := slices.BinarySearch(roots, p); return is })
	s := Scope{Roots: len(roots), Optional: len(optional)}
	claimed, trusted, folders := map[string]bool{}, map[string]bool{}, map[string]bool{}
	place := func(list []lock.Cache, hosts map[string]bool) {
		for _, c := range list {
			at, _ := canonicalURL(c.URL) // what is none is refused by Make
			u, err := url.Parse(at)
			switch {
			case err != nil || at == "":
			case u.Host != "":
				hosts[u.Host] = true
			default:
				folders[u.Path] = true
			}
		}
	}
	place(o.Caches, claimed)
	place(o.Trusted, trusted)
	s.Folders = len(folders)
	for h := range claimed {
		s.Hosts = append(s.Hosts, h)
	}
	for h := range trusted {
		if !claimed[h] {
			s.Hosts = append(s.Hosts, h)
			s.Trusted = append(s.Trusted, h)
		}
	}
	slices.Sort(s.Hosts)
	slices.Sort(s.Trusted)
	return s
}

// distinct sorts a list and leaves out what is there twice.
func distinct[S ~string](list []S) []S {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
