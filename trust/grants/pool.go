package grants

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// A Pool is all that may be served: the pins of every active grant. The zero
// Pool serves nothing.
type Pool struct {
	pins      map[string]pinned // by the hash part of the path, which is all that a request has
	conflicts []Conflict
}

// A pinned is a path as the pool has it.
type pinned struct {
	path lock.StorePath
	pin  lock.Pin
	by   *backers
}

// backers are the grants that pin a path: the caches that may deliver it, by
// URL, and the flakes, sorted. All paths that the same grants pin share them.
type backers struct {
	caches []lock.Cache
	flakes []Identity
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
	g := gathering{pool: &Pool{}, sides: map[string][]Side{}, unions: map[[2]*backers]*backers{}}
	// Grants of one lock pin the same, so that it is gone through once.
	type lot struct {
		first Standing
		by    *backers
	}
	lots := map[string]*lot{}
	var order []*lot
	for _, s := range standings {
		if !s.Serves() {
			continue
		}
		by := &backers{caches: s.Grant.Caches, flakes: []Identity{s.Grant.Flake}}
		key := s.Grant.Lock + " " + strings.Join(s.Grant.Systems, " ")
		if l := lots[key]; l != nil {
			l.by = g.union(l.by, by)
			continue
		}
		lots[key] = &lot{s, by}
		order = append(order, lots[key])
	}
	most := 0
	for _, l := range order {
		for _, system := range l.first.Grant.Systems {
			if section := l.first.served.Systems[system]; section != nil {
				most += len(section.Paths)
			}
		}
	}
	// Locks may pin the same over and over, so that what is made at once is bounded.
	g.pool.pins = make(map[string]pinned, min(most, 1<<17))
	for _, l := range order {
		for _, system := range l.first.Grant.Systems {
			if section := l.first.served.Systems[system]; section != nil {
				for path, pin := range section.Paths {
					g.add(pinned{path, pin, l.by})
				}
			}
		}
	}
	return g.end()
}

// A gathering is a pool that is being made.
type gathering struct {
	pool *Pool
	// sides has, of a hash part that grants disagree on, all that is said.
	sides  map[string][]Side
	unions map[[2]*backers]*backers
}

// add takes one pin in.
func (g *gathering) add(p pinned) {
	h := p.path.Digest()
	have, known := g.pool.pins[h]
	if !known {
		g.pool.pins[h] = p
		return
	}
	differs := have.path != p.path || !have.pin.Same(p.pin)
	switch {
	case !differs && g.sides[h] == nil:
		have.by = g.union(have.by, p.by)
		g.pool.pins[h] = have
		return
	case g.sides[h] == nil:
		g.say(h, have)
	}
	g.say(h, p)
}

// say notes what some grants pin under a hash part that others disagree on.
func (g *gathering) say(h string, p pinned) {
	for _, id := range p.by.flakes {
		if !slices.ContainsFunc(g.sides[h], func(o Side) bool { return o.Flake == id && o.Path == p.path && o.Pin.Same(p.pin) }) {
			g.sides[h] = append(g.sides[h], Side{id, p.path, p.pin})
		}
	}
}

// union is the backers of a path that two lots of grants pin. Most paths that two
// lots share they share with many others.
func (g *gathering) union(a, b *backers) *backers {
	if a == b {
		return a
	}
	if u := g.unions[[2]*backers{a, b}]; u != nil {
		return u
	}
	flakes := slices.Concat(a.flakes, b.flakes)
	slices.Sort(flakes)
	u := &backers{caches: joined(a.caches, b.caches), flakes: slices.Compact(flakes)}
	g.unions[[2]*backers{a, b}] = u
	return u
}

// end takes out what grants disagree on.
func (g *gathering) end() *Pool {
	for _, h := range slices.Sorted(maps.Keys(g.sides)) {
		delete(g.pool.pins, h)
		list := g.sides[h]
		slices.SortStableFunc(list, func(a, b Side) int {
			return cmp.Or(cmp.Compare(a.Flake, b.Flake), cmp.Compare(a.Path, b.Path))
		})
		g.pool.conflicts = append(g.pool.conflicts, Conflict{HashPart: h, Sides: list})
	}
	return g.pool
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
	if !ok {
		return Served{}, false
	}
	return Served{Path: s.path, Pin: s.pin, From: s.by.caches, By: s.by.flakes}, true
}

// HashParts are those of all paths that may be served, in no order.
func (p *Pool) HashParts() iter.Seq[string] {
	if p == nil {
		return maps.Keys(map[string]pinned(nil))
	}
	return maps.Keys(p.pins)
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
