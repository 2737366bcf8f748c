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
	// Known are keys that are not listed in the lock. They verify nothing; a
	// signature by one of them tells WrongKey from BadSignature.
	Known []bincache.PublicKey
	// Progress is called after each path, one call at a time; it may be nil.
	Progress func(done, all int)
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

// readers is how many NARs are read at a time: each may hold a decoder's
// window.
const readers = 32

// patience is after how many NARs in a row that did not come a cache is not
// asked for more, so that one which keeps connections open ends all the same.
const patience = 16

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
	r := &run{o: o, pins: pins, slots: make(chan struct{}, readers), caches: map[*bincache.Cache]*cache{}}
	var asked []*bincache.Cache
	for _, c := range l.Caches {
		k, err := o.Client.Cache(c.URL)
		if err != nil {
			return nil, err
		}
		asked = append(asked, k)
		r.caches[k] = &cache{url: c.URL, ring: bincache.NewKeyring(c.Keys), answers: map[lock.StorePath]Answer{}}
	}
	found, err := bincache.Walk(ctx, asked, slices.Sorted(maps.Keys(pins)), bincache.WalkOptions{
		All: true, Shallow: true, Progress: o.Progress, MaxPaths: len(pins),
		Accept: func(k *bincache.Cache, n *bincache.NarInfo) error { return r.accept(ctx, k, n) },
	})
	if err != nil {
		return nil, err
	}
	return r.report(found), nil
}

type run struct {
	o      Options
	pins   map[lock.StorePath]*Pin
	caches map[*bincache.Cache]*cache
	slots  chan struct{} // for reading NARs
}

type cache struct {
	url  string
	ring *bincache.Keyring

	mu      sync.Mutex
	answers map[lock.StorePath]Answer
	failed  int // NARs in a row that did not come
}

// accept judges one narinfo, of the path that was asked for.
func (r *run) accept(ctx context.Context, k *bincache.Cache, n *bincache.NarInfo) error {
	c, pin := r.caches[k], r.pins[n.Path].Pin
	var file read
	if r.o.Contents && len(compare(pin, n)) == 0 {
		file = r.read(ctx, k, c, n)
	}
	a := judge(pin, n, c.ring, r.o.Known, file)
	a.Cache = c.url
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[n.Path] = a
	return nil
}

func (r *run) read(ctx context.Context, k *bincache.Cache, c *cache, n *bincache.NarInfo) read {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return read{err: ctx.Err()}
	}
	c.mu.Lock()
	lost := c.failed >= patience
	c.mu.Unlock()
	if lost {
		return read{err: &bincache.Error{Kind: bincache.Unreachable, Cache: c.url,
			Text: fmt.Sprintf("the contents were not asked for, as %d files in a row did not come", patience)}}
	}
	contents, err := k.Contents(ctx, n, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, bincache.Unreachable):
		c.failed++
	case c.failed < patience:
		c.failed = 0
	}
	return read{done: err == nil, contents: contents, err: err}
}

// report puts the answers together, in the order of the paths and caches.
func (r *run) report(found []bincache.Found) *Report {
	report := &Report{Pins: make([]Pin, 0, len(found))}
	for _, f := range found {
		p := *r.pins[f.Path]
		for _, got := range f.Answers {
			c := r.caches[got.Cache]
			a, judged := c.answers[f.Path]
			if !judged {
				a = judgeFailure(got.Err)
				a.Cache = c.url
			}
			p.Answers = append(p.Answers, a)
		}
		p.Verdict = settle(p.Answers)
		report.Pins = append(report.Pins, p)
	}
	return report
}
