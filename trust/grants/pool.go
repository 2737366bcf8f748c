package grants

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
)

// A Pool is all that may be served: the pins of every active grant. The zero
// Pool serves nothing.
type Pool struct {
	pins      map[string]Served // by the hash part of the path, which is all that a request has
	conflicts []Conflict
}

// A Served is one path that may be served.
type Served struct {
	Path lock.StorePath
	Pin  lock.Pin
	// From are the caches that may deliver it, of all grants that pin it, by
	// URL, with the keys that each of them names.
	From []lock.Cache
	// By are the flakes whose grants pin it, sorted.
	By []Identity
}

// A Conflict is a path that grants disagree on. None of the sides is served.
type Conflict struct {
	HashPart string
	Sides    []Side // two or more, by flake
}

// A Side is what one flake's grant pins.
type Side struct {
	Flake Identity
	Path  lock.StorePath
	Pin   lock.Pin
}

// String is a sentence that names two of the sides.
func (c Conflict) String() string {
	if len(c.Sides) < 2 {
		return ""
	}
	a := c.Sides[0]
	b := c.Sides[len(c.Sides)-1]
	for _, s := range c.Sides[1:] {
		if s.Path != a.Path || !s.Pin.Same(a.Pin) {
			b = s
			break
		}
	}
	return fmt.Sprintf("%s is pinned to %s by %s and %s to %s by %s, so neither is served",
		a.Path, a.Pin.NAR, a.Flake, b.Path, b.Pin.NAR, b.Flake)
}

// NewPool gathers what may be served. Standings that are not active add
// nothing.
func NewPool(standings []Standing) *Pool {
	p := &Pool{pins: map[string]Served{}}
	sides := map[string][]Side{}
	for _, s := range standings {
		if !s.Serves() {
			continue
		}
		by := []Identity{s.Grant.Flake} // shared by all its pins
		for _, system := range s.Grant.Systems {
			if section := s.served.Systems[system]; section != nil {
				for path, pin := range section.Paths {
					p.add(Side{s.Grant.Flake, path, pin}, s.Grant.Caches, by, sides)
				}
			}
		}
	}
	for _, h := range slices.Sorted(maps.Keys(sides)) {
		delete(p.pins, h)
		list := sides[h]
		slices.SortStableFunc(list, func(a, b Side) int {
			return cmp.Or(cmp.Compare(a.Flake, b.Flake), cmp.Compare(a.Path, b.Path))
		})
		p.conflicts = append(p.conflicts, Conflict{HashPart: h, Sides: list})
	}
	for _, s := range p.pins {
		slices.Sort(s.By)
	}
	return p
}

// add takes one pin in. Under a hash part that grants disagree on, sides has
// everything that is said.
func (p *Pool) add(side Side, from []lock.Cache, by []Identity, sides map[string][]Side) {
	h := side.Path.Digest()
	have, known := p.pins[h]
	if !known {
		p.pins[h] = Served{Path: side.Path, Pin: side.Pin, From: from, By: by}
		return
	}
	differs := have.Path != side.Path || !have.Pin.Same(side.Pin)
	if differs && sides[h] == nil {
		for _, id := range have.By {
			sides[h] = append(sides[h], Side{id, have.Path, have.Pin})
		}
	}
	switch {
	case sides[h] != nil:
		if !slices.ContainsFunc(sides[h], func(o Side) bool { return o.Flake == side.Flake && o.Path == side.Path && o.Pin.Same(side.Pin) }) {
			sides[h] = append(sides[h], side)
		}
	case !slices.Contains(have.By, side.Flake):
		have.From = joined(have.From, from)
		have.By = append(slices.Clone(have.By), side.Flake)
		p.pins[h] = have
	}
}

// joined adds caches to caches.
func joined(a, b []lock.Cache) []lock.Cache {
	out := slices.Clone(a)
	for _, c := range b {
		i := slices.IndexFunc(out, func(o lock.Cache) bool { return o.URL == c.URL })
		if i < 0 {
			out = append(out, c)
			continue
		}
		keys := slices.Concat(out[i].Keys, c.Keys)
		slices.Sort(keys)
		out[i].Keys = slices.Compact(keys)
	}
	slices.SortFunc(out, func(a, b lock.Cache) int { return cmp.Compare(a.URL, b.URL) })
	return out
}

// Find returns what may be served under a hash part, the 32 characters that a
// store path begins with.
func (p *Pool) Find(hashPart string) (Served, bool) {
	if p == nil {
		return Served{}, false
	}
	s, ok := p.pins[hashPart]
	return s, ok
}

// Len is the number of paths that may be served.
func (p *Pool) Len() int {
	if p == nil {
		return 0
	}
	return len(p.pins)
}

// Conflicts are the paths that two grants disagree on, which is an alarm.
func (p *Pool) Conflicts() []Conflict {
	if p == nil {
		return nil
	}
	return p.conflicts
}
