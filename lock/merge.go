package lock

import (
	"maps"
	"slices"
)

// A Conflict is one thing that two sides of a merge disagree about.
type Conflict struct {
	What   string // "path", "output", "caches" or "source"
	System string // "" for caches and source
	Name   string // the store path or the output's name; "" for caches and source
	// Ours and Theirs are the lines of each side, "" where it has none.
	Ours, Theirs string
}

// A Merged is the outcome of a merge.
type Merged struct {
	Lock      *Lock      // what both sides agree on; printed only without conflicts
	Conflicts []Conflict // in the order of the file
	// Kept are the paths that one side took away and that stay, because
	// something that stays refers to them. They are sorted.
	Kept []StorePath
}

// Merge joins what two sides made of one lock: all that either has added stays,
// and what one side took away is gone when the other side left it alone and
// nothing that stays needs it. A store path with two different pins is always a
// conflict, even when one side did not touch it: no honest update changes what
// a path stands for. The order of the sides does not matter.
//
// The three are locks as Parse and New make them; an empty base is New().
func Merge(base, ours, theirs *Lock) *Merged {
	m := &merger{base: base, sides: [2]*Lock{ours, theirs}, out: New(), conflicts: &conflicts{blocks: map[conflictPlace][2]string{}}}
	m.source()
	m.caches()
	var kept []StorePath
	for _, system := range union(ours.Systems, theirs.Systems) {
		if s := m.section(system, &kept); s != nil {
			m.out.Systems[system] = s
		}
	}
	m.disagreements()
	slices.Sort(kept)
	return &Merged{Lock: m.out, Conflicts: m.conflicts.list(), Kept: slices.Compact(kept)}
}

type merger struct {
	base      *Lock
	sides     [2]*Lock
	out       *Lock
	conflicts *conflicts
}

// pick decides what becomes of one thing. bOK, oOK and tOK say whether the base
// and the sides have it.
func pick[V any](same func(a, b V) bool, b V, bOK bool, o V, oOK bool, t V, tOK bool) (v V, has, conflict bool) {
	eq := func(x V, xOK bool, y V, yOK bool) bool { return xOK == yOK && (!xOK || same(x, y)) }
	switch {
	case eq(o, oOK, t, tOK), eq(t, tOK, b, bOK):
		return o, oOK, false
	case eq(o, oOK, b, bOK):
		return t, tOK, false
	}
	return v, false, true
}

func equal[V comparable](a, b V) bool { return a == b }

func (m *merger) source() {
	b, o, t := m.base.Source, m.sides[0].Source, m.sides[1].Source
	h, has, conflict := pick(equal, b, !b.IsZero(), o, !o.IsZero(), t, !t.IsZero())
	if conflict {
		var block [2]string
		for i, h := range []Hash{o, t} {
			if !h.IsZero() {
				block[i] = sourceLine(h)
			}
		}
		m.conflicts.blocks[placeSource] = block
	} else if has {
		m.out.Source = h
	}
}

// caches merges the caches and, for each, its keys. Two keys of one name are a
// conflict of all caches: the reader has to see them side by side.
func (m *merger) caches() {
	type keyAt struct{ url, key string }
	var urls [3]map[string]bool
	var keys [3]map[keyAt]bool
	for i, l := range []*Lock{m.base, m.sides[0], m.sides[1]} {
		urls[i], keys[i] = map[string]bool{}, map[keyAt]bool{}
		for _, c := range l.Caches {
			urls[i][c.URL] = true
			for _, k := range c.Keys {
				keys[i][keyAt{c.URL, k}] = true
			}
		}
	}
	stays := func(b, o, t bool) bool { // of three booleans two agree: there is no conflict
		_, has, _ := pick(equal, b, b, o, o, t, t)
		return has
	}
	for _, url := range union(urls[1], urls[2]) {
		c := Cache{URL: url}
		for _, k := range m.keysOf(url) {
			at := keyAt{url, k}
			if stays(keys[0][at], keys[1][at], keys[2][at]) {
				c.Keys = append(c.Keys, k)
			}
		}
		// A key that one side added keeps the cache that the other took away.
		if stays(urls[0][url], urls[1][url], urls[2][url]) || slices.ContainsFunc(c.Keys, func(k string) bool { return !keys[0][keyAt{url, k}] }) {
			m.out.Caches = append(m.out.Caches, c)
		}
	}
	if m.out.validateCaches() != nil {
		m.out.Caches = nil
		m.conflicts.blocks[placeCaches] = [2]string{cacheLines(m.sides[0].Caches), cacheLines(m.sides[1].Caches)}
	}
}

// keysOf returns the keys that either side has for a cache.
func (m *merger) keysOf(url string) (keys []string) {
	for _, l := range m.sides {
		for _, c := range l.Caches {
			if c.URL == url {
				keys = append(keys, c.Keys...)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// section merges one system; nil when it is gone.
func (m *merger) section(system string, kept *[]StorePath) *Section {
	b, o, t := m.base.Systems[system], m.sides[0].Systems[system], m.sides[1].Systems[system]
	_, has, conflict := pick(sameSection, b, b != nil, o, o != nil, t, t != nil)
	empty := &Section{}
	if b == nil {
		b = empty
	}
	if o == nil {
		o = empty
	}
	if t == nil {
		t = empty
	}
	out := &Section{Outputs: map[string]StorePath{}, Paths: map[StorePath]Pin{}}
	needed := map[StorePath]bool{}
	for _, name := range union(o.Outputs, t.Outputs) {
		bp, bOK := b.Outputs[name]
		op, oOK := o.Outputs[name]
		tp, tOK := t.Outputs[name]
		path, stays, clash := pick(equal, bp, bOK, op, oOK, tp, tOK)
		if clash {
			m.conflictOutput(system, name, op, oOK, tp, tOK)
			needed[op], needed[tp] = true, true
		} else if stays {
			out.Outputs[name] = path
			needed[path] = true
		}
	}
	gone := m.paths(system, b, o, t, out, needed)
	*kept = append(*kept, out.restore(gone, needed)...)
	if !has && !conflict && len(out.Outputs)+len(out.Paths) == 0 && !m.conflicts.in(system) {
		return nil
	}
	return out
}

// paths merges the pins of one system into out. It adds what they refer to to
// needed, and returns the pins that one side took away.
func (m *merger) paths(system string, b, o, t, out *Section, needed map[StorePath]bool) (gone map[StorePath]Pin) {
	gone = map[StorePath]Pin{}
	take := func(path StorePath) {
		bp, bOK := b.Paths[path]
		op, oOK := o.Paths[path]
		tp, tOK := t.Paths[path]
		switch {
		case oOK && tOK && op.Same(tp):
			op.By = signers(bp.By, op.By, tp.By)
			out.Paths[path] = op
		case oOK && tOK, bOK && oOK && !bp.Same(op), bOK && tOK && !bp.Same(tp):
			m.conflictPath(system, path)
			for _, ref := range slices.Concat(op.Refs, tp.Refs) {
				needed[ref] = true
			}
		case bOK && oOK:
			gone[path] = op
		case bOK:
			gone[path] = tp
		case oOK:
			out.Paths[path] = op
		default:
			out.Paths[path] = tp
		}
	}
	for path := range o.Paths {
		take(path)
	}
	for path := range t.Paths {
		if _, done := o.Paths[path]; !done {
			take(path)
		}
	}
	return gone
}

// restore puts back those pins that are needed, or that a pin which stays
// refers to, and returns their paths.
func (s *Section) restore(gone map[StorePath]Pin, needed map[StorePath]bool) (kept []StorePath) {
	if len(gone) == 0 {
		return nil
	}
	queue := slices.Collect(maps.Keys(needed))
	for _, p := range s.Paths {
		queue = append(queue, p.Refs...)
	}
	for len(queue) > 0 {
		path := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if p, ok := gone[path]; ok {
			delete(gone, path)
			s.Paths[path] = p
			kept = append(kept, path)
			queue = append(queue, p.Refs...)
		}
	}
	return kept
}

// signers merges the names of keys that signed.
func signers(b, o, t []string) (by []string) {
	for _, name := range slices.Concat(o, t) {
		if slices.Contains(b, name) && (!slices.Contains(o, name) || !slices.Contains(t, name)) {
			continue // one side took it away
		}
		by = append(by, name)
	}
	slices.Sort(by)
	return slices.Compact(by)
}

// disagreements makes conflicts of paths that stay in two systems with two
// pins, or under two names with one hash part.
func (m *merger) disagreements() {
	type place struct {
		system string
		path   StorePath
	}
	places := map[string][]place{}
	for system, s := range m.out.Systems {
		for path := range s.Paths {
			places[path.Digest()] = append(places[path.Digest()], place{system, path})
		}
	}
	for at := range m.conflicts.blocks {
		if at.table == tablePaths {
			path := StorePath(at.name)
			places[path.Digest()] = append(places[path.Digest()], place{at.system, path})
		}
	}
	for _, list := range places {
		pin := func(p place) Pin { return m.out.Systems[p.system].Paths[p.path] }
		first := list[0]
		agree := !slices.ContainsFunc(list[1:], func(p place) bool { return p.path != first.path || !pin(p).Same(pin(first)) })
		if agree {
			continue
		}
		for _, p := range list {
			delete(m.out.Systems[p.system].Paths, p.path)
			m.conflictPath(p.system, p.path)
		}
	}
}

func sameSection(a, b *Section) bool {
	return maps.Equal(a.Outputs, b.Outputs) && maps.EqualFunc(a.Paths, b.Paths, func(x, y Pin) bool { return x.Same(y) && slices.Equal(x.By, y.By) })
}
