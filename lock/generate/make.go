package generate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Make asks the caches, and makes the lock anew. What it finds wrong is in the
// Result. It fails when ctx ends, on options that make no sense, on a cache that
// it cannot ask (s3, ssh), and on a closure without end.
//
// Every cache of the lock and every trusted one has to answer for each path
// that is pinned or left out: one that is down may have other bytes.
func Make(ctx context.Context, o Options) (*Result, error) {
	m, err := newMaker(o)
	if err != nil {
		return nil, err
	}
	if err := m.gather(ctx); err != nil {
		return nil, err
	}
	return m.result()
}

type maker struct {
	o        Options
	storeDir string
	base     *lock.Lock         // the new lock; the section's pins come last
	before   *lock.Section      // of the old lock; never nil
	old      map[string]*oldPin // by the 32 characters
	voters   []*voter
	byCache  map[*bincache.Cache]*voter

	mu   sync.Mutex
	said map[*bincache.NarInfo]saying // until the path is decided

	// The rest is changed between walks, and by one call of a walk at a time.
	needed   map[lock.StorePath]decision
	weak     map[lock.StorePath]decision // paths that are not needed
	ask      []lock.StorePath            // what every voter is asked for next
	askWeak  []lock.StorePath            // what the lock's caches are asked for next
	refs     int                         // that all answers had
	maxRefs  int                         // that they may have
	finished int                         // answers to paths
	stop     context.CancelCauseFunc
}

const (
	defaultMaxPaths = 1_000_000
	// defaultMaxRefs bounds what a made-up closure may cost in memory: some 60
	// bytes each. A hundred thousand paths of nixpkgs have a million.
	defaultMaxRefs = 4_000_000
)

func newMaker(o Options) (*maker, error) {
	switch {
	case o.Client == nil:
		return nil, errors.New("there is no client to ask caches with")
	case len(o.Caches) == 0:
		return nil, errors.New("a lock needs a cache that may deliver what it pins, and none was named")
	case o.MaxPaths <= 0:
		o.MaxPaths = defaultMaxPaths
	}
	for _, p := range slices.Concat(o.Roots, o.Optional) {
		if _, err := bincache.ParseStorePath(string(p)); err != nil {
			return nil, err
		}
	}
	for p, i := range o.Local {
		if i.NAR.IsZero() || i.Size <= 0 {
			return nil, fmt.Errorf("the local store tells no hash or no size of %s", p)
		}
	}
	m := &maker{
		o: o, storeDir: o.Client.StoreDir(), maxRefs: defaultMaxRefs, before: &lock.Section{}, old: map[string]*oldPin{},
		byCache: map[*bincache.Cache]*voter{}, said: map[*bincache.NarInfo]saying{},
		needed: map[lock.StorePath]decision{}, weak: map[lock.StorePath]decision{},
	}
	old := cmp.Or(o.Old, lock.New())
	if err := old.Validate(); err != nil {
		return nil, err
	}
	caches, err := canonicalCaches(o.Caches)
	if err != nil {
		return nil, err
	}
	m.takeOld(old, keyNames(caches))
	if m.voters, err = newVoters(o.Client, caches, o.Trusted); err != nil {
		return nil, err
	}
	for _, v := range m.voters {
		m.byCache[v.cache] = v
	}
	m.base.Caches = m.withOldCaches(caches, old.Caches)
	return m, m.base.Validate()
}

// takeOld starts the new lock from the old one.
func (m *maker) takeOld(old *lock.Lock, listed map[string]bool) {
	m.base = lock.New()
	m.base.Source = old.Source
	for _, system := range old.SystemNames() {
		section, own := old.Systems[system], system == m.o.System
		if own {
			m.before = section
		} else {
			m.base.Systems[system] = section
		}
		for path, pin := range section.Paths {
			if own || m.old[path.Digest()] == nil {
				m.old[path.Digest()] = &oldPin{path: path, pin: pin, own: own, lies: m.lies(path, pin), labelled: onlyOf(listed, pin.By)}
			}
		}
	}
	outputs := m.o.Outputs
	if outputs == nil {
		outputs = m.before.Outputs
	}
	maps.Copy(m.base.Section(m.o.System).Outputs, outputs)
}

// lies reports whether a pin claims a content address that is not the path's.
func (m *maker) lies(path lock.StorePath, p lock.Pin) bool {
	n := &bincache.NarInfo{StoreDir: m.storeDir, Path: path, NarHash: p.NAR, NarSize: uint64(p.Size), References: p.Refs, CA: p.CA}
	return p.CA != "" && n.ProveContent() != nil
}

// withOldCaches adds those of the old lock's caches that another system needs:
// it has a pin that none of the new caches had signed, and this one had.
func (m *maker) withOldCaches(caches, old []lock.Cache) []lock.Cache {
	listed := keyNames(caches)
	needed := map[string]bool{} // names of keys; "" for pins that nobody had signed
	for system, s := range m.base.Systems {
		for _, pin := range s.Paths {
			if system == m.o.System || slices.ContainsFunc(pin.By, func(name string) bool { return listed[name] }) {
				continue
			}
			for _, name := range pin.By {
				needed[name] = true
			}
			needed[""] = needed[""] || len(pin.By) == 0
		}
	}
	for _, c := range old {
		known := slices.ContainsFunc(caches, func(o lock.Cache) bool { return o.URL == c.URL })
		names := keyNames([]lock.Cache{c})
		names[""] = len(c.Keys) == 0
		for name := range names {
			if !known && names[name] && needed[name] {
				caches = append(caches, c)
				break
			}
		}
	}
	slices.SortFunc(caches, func(a, b lock.Cache) int { return cmp.Compare(a.URL, b.URL) })
	return caches
}

// keyNames has the names of the caches' keys.
func keyNames(caches []lock.Cache) map[string]bool {
	names := map[string]bool{}
	for _, c := range caches {
		for _, k := range c.Keys {
			name, _, _ := strings.Cut(k, ":")
			names[name] = true
		}
	}
	return names
}

func onlyOf(set map[string]bool, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !set[n] })
}
