// Package verify holds the pins of a cache lock against what its caches have.
// It asks the network; what the answers are worth is decided without it.
package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Options say what is verified. Client is needed.
type Options struct {
	Client  *bincache.Client
	Systems []string // those of the lock when empty
	// Contents reads every NAR as well.
	Contents bool
	// Store is the local store, whose copies are held against the pins too; nil:
	// it is not asked.
	Store Store
	// Known are keys that are not listed in the lock. They verify nothing; a
	// signature by one of them tells WrongKey from BadSignature.
	Known []bincache.PublicKey
	// Progress is called after each path that the caches were asked for, one
	// call at a time; it may be nil.
	Progress func(done, all int)
	// Bytes is called while NARs are read, once all were asked for: how many of
	// all of their bytes were read, or will not be. Often, one call at a time;
	// it may be nil.
	Bytes func(done, all int64)
}

// A Scope is what a verification would ask, and of whom.
type Scope struct {
	Paths   int
	Systems []string
	Hosts   []string // that learn of every path, sorted; "cache.example:8443"
	Folders int      // caches that are folders of this machine, and tell nobody
}

// ScopeOf says what verifying the systems of a lock (all when there are none)
// would ask. A system that the lock does not have is an error.
func ScopeOf(l *lock.Lock, systems []string) (Scope, error) {
	pins, systems, err := pinsOf(l, systems)
	if err != nil {
		return Scope{}, err
	}
	s := Scope{Paths: len(pins), Systems: systems}
	for _, c := range l.Caches {
		u, err := url.Parse(c.URL)
		switch {
		case err != nil:
			return Scope{}, fmt.Errorf("a cache of the lock has no readable URL")
		case u.Host == "":
			s.Folders++
		default:
			s.Hosts = append(s.Hosts, u.Host)
		}
	}
	slices.Sort(s.Hosts)
	s.Hosts = slices.Compact(s.Hosts)
	return s, nil
}

// pinsOf lists the pins of some systems by path.
func pinsOf(l *lock.Lock, systems []string) (map[lock.StorePath]*Pin, []string, error) {
	if len(systems) == 0 {
		systems = l.SystemNames()
	}
	systems = slices.Clone(systems)
	slices.Sort(systems)
	systems = slices.Compact(systems)
	pins := map[lock.StorePath]*Pin{}
	for _, name := range systems {
		s := l.Systems[name]
		if s == nil {
			return nil, nil, fmt.Errorf("the lock has nothing for the system %q; it has %q", name, l.SystemNames())
		}
		for path, pin := range s.Paths {
			if p := pins[path]; p != nil {
				p.Systems = append(p.Systems, name)
				continue
			}
			pins[path] = &Pin{Path: path, Systems: []string{name}, Pin: pin}
		}
	}
	return pins, systems, nil
}

// Verify asks every cache of the lock for every pin of the systems. The lock
// must be valid, as lock.Parse's are. What a cache does wrong is in the report;
// Verify itself fails when ctx ends, on a lock that is not valid, without a
// cache, and on a system that the lock does not have.
func Verify(ctx context.Context, l *lock.Lock, o Options) (*Report, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	pins, _, err := pinsOf(l, o.Systems)
	if err != nil {
		return nil, err
	}
	if len(pins) == 0 {
		return &Report{}, nil
	}
	if len(l.Caches) == 0 {
		return nil, errors.New("the lock names no cache, so that there is nobody to ask")
	}
	r := &run{o: o, pins: pins, caches: map[*bincache.Cache]*cache{}}
	var asked []*bincache.Cache
	for _, c := range l.Caches {
		k, err := o.Client.Cache(c.URL)
		if err != nil {
			return nil, err
		}
		asked = append(asked, k)
		r.caches[k] = &cache{url: c.URL, ring: bincache.NewKeyring(c.Keys), checks: map[lock.StorePath]bincache.SignatureCheck{}, files: map[lock.StorePath]read{}}
	}
	if o.Store != nil {
		r.store = &localStore{store: o.Store, dir: o.Client.StoreDir(), ring: bincache.NewKeyring(l.Keys()), known: o.Known}
	}
	found, err := r.ask(ctx, asked)
	if err != nil {
		return nil, err
	}
	r.read(ctx, found)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.report(found), nil
}

type run struct {
	o      Options
	pins   map[lock.StorePath]*Pin
	caches map[*bincache.Cache]*cache
	store  *localStore // nil: not asked
}

type cache struct {
	url  string
	ring *bincache.Keyring

	mu     sync.Mutex
	checks map[lock.StorePath]bincache.SignatureCheck
	files  map[lock.StorePath]read // NARs that were read
	failed int                     // NARs in a row that did not come
}

// ask asks the caches and the store's database what they have.
func (r *run) ask(ctx context.Context, asked []*bincache.Cache) ([]bincache.Found, error) {
	paths := slices.Sorted(maps.Keys(r.pins))
	var store sync.WaitGroup
	defer store.Wait()
	if r.store != nil {
		store.Go(func() { r.store.ask(ctx, paths) })
	}
	return bincache.Walk(ctx, asked, paths, bincache.WalkOptions{
		All: true, Shallow: true, Progress: r.o.Progress, MaxPaths: len(paths),
		// Here, as it takes the most time of all and many answers come at once.
		Accept: func(k *bincache.Cache, n *bincache.NarInfo) error {
			c := r.caches[k]
			check := bincache.CheckSignatures(n, c.ring, r.o.Known...)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.checks[n.Path] = check
			return nil
		},
	})
}

// report puts the answers together, in the order of the paths and caches.
func (r *run) report(found []bincache.Found) *Report {
	report := &Report{Pins: make([]Pin, 0, len(found))}
	for _, f := range found {
		p := *r.pins[f.Path]
		for _, got := range f.Answers {
			c := r.caches[got.Cache]
			var a Answer
			if got.Err != nil {
				a = judgeFailure(got.Err)
			} else {
				a = judge(p.Pin, got.Info, c.checks[f.Path], c.files[f.Path])
			}
			a.Cache = c.url
			p.Answers = append(p.Answers, a)
		}
		p.Verdict = settle(p.Answers)
		if r.store != nil {
			a := r.store.judge(f.Path, p.Pin)
			p.Answers = append(p.Answers, a)
			// The store says nothing about whether a cache can be used.
			if a.Verdict.Bad() {
				p.Verdict = settle(p.Answers)
			}
		}
		report.Pins = append(report.Pins, p)
	}
	return report
}
