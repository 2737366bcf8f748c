package audit

import (
	"cmp"
	"math"
	"slices"
)

// A Sum counts paths and the bytes of their NARs.
type Sum struct {
	Paths int
	Size  int64
}

func (s *Sum) add(size int64) {
	s.Paths++
	if s.Size += size; s.Size < 0 { // a database may say anything
		s.Size = math.MaxInt64
	}
}

// A Tally is a sum, and what of it is kept.
type Tally struct {
	All, Live, Dead Sum // the rest is not known
}

func (t *Tally) add(p *Path, size int64) {
	t.All.add(size)
	switch p.Live {
	case Alive:
		t.Live.add(size)
	case Dead:
		t.Dead.add(size)
	}
}

// Total sums all paths up.
func (r *Report) Total() Tally { return r.Tally(nil) }

// Tally sums up the paths of which which is true; nil takes all.
func (r *Report) Tally(which func(i int32, p *Path) bool) (t Tally) {
	for i := range r.Paths {
		if p := &r.Paths[i]; which == nil || which(int32(i), p) {
			t.add(p, r.Store.Rows[i].NarSize)
		}
	}
	return t
}

// Sum sums up some paths.
func (r *Report) Sum(paths []int32) (t Tally) {
	for _, i := range paths {
		t.add(&r.Paths[i], r.Store.Rows[i].NarSize)
	}
	return t
}

// ByClass sums the paths up by class; each counts once.
func (r *Report) ByClass() map[Class]Tally {
	out := map[Class]Tally{}
	for _, c := range Classes {
		out[c] = r.Tally(func(_ int32, p *Path) bool { return p.Class == c })
	}
	return out
}

// A Signer is what one key signed.
type Signer struct {
	Key    int   // index of the report's
	Signed Tally // a path that two keys signed counts for both
	Alone  Tally // what nothing else vouches for
}

// Signers has every key, those that signed most first.
func (r *Report) Signers() []Signer {
	out := make([]Signer, len(r.Keys))
	for k := range out {
		out[k].Key = k
	}
	for i := range r.Paths {
		p, size := &r.Paths[i], r.Store.Rows[i].NarSize
		for _, k := range p.Signers {
			out[k].Signed.add(p, size)
			if r.alone(p, []int{int(k)}) {
				out[k].Alone.add(p, size)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Signer) int { return cmp.Compare(b.Signed.All.Size, a.Signed.All.Size) })
	return out
}

// Alone reports whether some keys signed a path, and nothing else vouches for it.
func (r *Report) Alone(i int32, keys ...int) bool { return r.alone(&r.Paths[i], keys) }

func (r *Report) alone(p *Path, keys []int) bool {
	if p.Built || p.Address >= AddressNamed {
		return false
	}
	signed := false
	for _, k := range p.Signers {
		switch {
		case slices.Contains(keys, int(k)):
			signed = true
		case r.Keys[k].Believed:
			return false
		}
	}
	return signed
}

// A Radius is what would have to be doubted if keys were not their owner's alone.
type Radius struct {
	Signed Tally   // by any of the keys
	Alone  Tally   // what nothing else vouches for
	Paths  []int32 // the latter, the largest first
	Roots  []int   // what keeps any of them: indexes of the report's roots
}

// Radius finds out what rests on some keys alone. A signature by a key that is
// not believed is no second opinion.
func (r *Report) Radius(keys ...int) Radius {
	var out Radius
	for i := range r.Paths {
		p, size := &r.Paths[i], r.Store.Rows[i].NarSize
		if slices.ContainsFunc(p.Signers, func(k int32) bool { return slices.Contains(keys, int(k)) }) {
			out.Signed.add(p, size)
		}
		if r.alone(p, keys) {
			out.Alone.add(p, size)
			out.Paths = append(out.Paths, int32(i))
		}
	}
	r.bySize(out.Paths)
	out.Roots = r.KeptBy(out.Paths)
	return out
}

// Of are the paths of some classes, the largest first.
func (r *Report) Of(classes ...Class) []int32 {
	var out []int32
	for i := range r.Paths {
		if slices.Contains(classes, r.Paths[i].Class) {
			out = append(out, int32(i))
		}
	}
	r.bySize(out)
	return out
}

func (r *Report) bySize(paths []int32) {
	rows := r.Store.Rows
	slices.SortFunc(paths, func(a, b int32) int {
		return cmp.Or(cmp.Compare(rows[b].NarSize, rows[a].NarSize), cmp.Compare(rows[a].Path, rows[b].Path))
	})
}

// A Claimed is what stands in the database under one name and proves nothing.
type Claimed struct {
	Name  string
	Kind  ClaimKind
	Other bool    // a known key of that name, which is not the believed one, made some
	Paths []int32 // the largest first
}

// Claims are the signatures that prove nothing, by kind and name.
func (r *Report) Claims() []Claimed {
	type key struct {
		name string
		kind ClaimKind
	}
	at := map[key]int{}
	var out []Claimed
	for i := range r.Paths {
		for _, c := range r.Paths[i].Claims {
			k, ok := at[key{c.Name, c.Kind}]
			if !ok {
				k = len(out)
				at[key{c.Name, c.Kind}] = k
				out = append(out, Claimed{Name: c.Name, Kind: c.Kind})
			}
			out[k].Other = out[k].Other || c.Other
			if n := len(out[k].Paths); n == 0 || out[k].Paths[n-1] != int32(i) {
				out[k].Paths = append(out[k].Paths, int32(i))
			}
		}
	}
	for _, c := range out {
		r.bySize(c.Paths)
	}
	slices.SortStableFunc(out, func(a, b Claimed) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(len(b.Paths), len(a.Paths)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// A Use is what a believed key is good for in this store.
type Use uint8

const (
	UseUnknown Use = iota // none of what it signed was seen to be kept, and not every root was seen
	UseNone               // it signed nothing that is kept
	UseSpare              // something else vouches for all that it signed and may be kept
	UseNeeded             // something that is kept rests on it alone
)

func (u Use) String() string {
	return [...]string{"unknown", "none", "spare", "needed"}[min(u, UseNeeded)]
}

// Use says what a key is good for.
func (s Signer) Use() Use {
	switch {
	case s.Signed.All.Paths == s.Signed.Dead.Paths:
		return UseNone
	case s.Alone.Live.Paths > 0:
		return UseNeeded
	case s.Signed.Live.Paths == 0:
		return UseUnknown
	case s.Alone.All.Paths == s.Alone.Dead.Paths:
		return UseSpare
	}
	return UseUnknown
}
