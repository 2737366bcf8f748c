// Package challenge asks everybody who may know what the bytes of a store path
// are, and compares what they say: binary caches, Trustix nodes, the local store,
// a lock, and a rebuild. Nothing is imported, so nothing has to be signed; who signed what
// is told, and decides how many voters are distinct.
package challenge

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/trustix"
)

// Options say who votes. Client is needed with caches.
type Options struct {
	Client *bincache.Client
	// Caches are voters. The keys of all of them are believed from each.
	Caches []lock.Cache
	// Keys are believed, too, and before those of Caches where two have a name.
	Keys  []string
	Lock  *lock.Lock // votes with its pins; nil: does not
	Store Local      // the local store; nil: does not vote
	// Trustix are nodes whose decisions vote, each as one voter.
	Trustix []*trustix.Node
	Build   Rebuilder // rebuilds what the store has, so that it needs Store; nil: nobody does
	// Require is how many distinct voters have to agree; below 1 it is 2.
	Require  int
	StoreDir string // "" is /nix/store
	// Progress is called after each answer, one call at a time; it may be nil.
	Progress func(done, all int)
}

// Hosts returns the hosts that learn of every path that is challenged, sorted.
func (o Options) Hosts() (hosts []string) {
	for _, c := range o.Caches {
		v := cacheVoter(o.Client, c.URL)
		if u, err := url.Parse(v.Name); err == nil && v.err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	for _, n := range o.Trustix {
		if h := n.Host(); h != "" {
			hosts = append(hosts, h)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// Run asks every voter about every path. What a voter does wrong is in the
// report; Run itself fails when ctx ends, without a path, and without a voter.
func Run(ctx context.Context, paths []lock.StorePath, o Options) (*Report, error) {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	paths = slices.Compact(paths)
	for _, p := range paths {
		if _, err := bincache.ParseStorePath(string(p)); err != nil {
			return nil, err
		}
	}
	if o.Require < 1 {
		o.Require = 2
	}
	if o.StoreDir == "" {
		o.StoreDir = bincache.DefaultStoreDir
	}
	r := &run{o: o, paths: paths, ring: ringOf(o)}
	r.assemble()
	switch {
	case len(paths) == 0:
		return nil, errors.New("there is no path to challenge")
	case len(r.voters) == 0:
		return nil, errors.New("there is nobody to ask: name a cache, or let the local store vote")
	case o.Build != nil && o.Store == nil:
		return nil, errors.New("a rebuild is compared with what the local store has, so that the store has to vote, too")
	}
	r.steps = len(paths) * len(r.voters)
	report := &Report{Require: o.Require}
	votes := map[lock.StorePath][]Vote{}
	for _, p := range paths {
		votes[p] = make([]Vote, len(r.voters))
	}
	if err := r.ask(ctx, votes); err != nil {
		return nil, err
	}
	for _, v := range r.voters {
		report.Voters = append(report.Voters, v.Voter)
	}
	for _, p := range paths {
		item := Item{Path: p, Votes: votes[p]}
		judge(&item, report.Voters, o.Require)
		report.Items = append(report.Items, item)
	}
	return report, nil
}

type run struct {
	o      Options
	paths  []lock.StorePath
	ring   *bincache.Keyring
	voters []voter

	mu          sync.Mutex
	done, steps int
}

// A voter also has what is needed to ask it.
type voter struct {
	Voter
	cache *bincache.Cache // of a cache that can be asked
	err   error           // why a cache cannot be asked
	node  *trustix.Node   // of a Trustix node
	mark  string          // of a cache or node: what it is wherever it is named; see distinct
}

// ringOf takes every key that can be read: one that cannot be makes Nix check
// nothing, and here would only make voters out of one who are two.
func ringOf(o Options) *bincache.Keyring {
	var good []string
	add := func(keys []string) {
		for _, k := range keys {
			if key, err := bincache.ParsePublicKey(k); err == nil && !key.Weak() {
				good = append(good, key.String())
			}
		}
	}
	add(o.Keys)
	for _, c := range o.Caches {
		add(c.Keys)
	}
	return bincache.NewKeyring(good)
}

// assemble lists the voters: each cache once, the store, the lock, the rebuild.
func (r *run) assemble() {
	for _, c := range r.o.Caches {
		v := cacheVoter(r.o.Client, c.URL)
		if !slices.ContainsFunc(r.voters, func(o voter) bool { return o.Name == v.Name }) {
			r.voters = append(r.voters, v)
		}
	}
	for _, n := range r.o.Trustix {
		v := voter{Voter: Voter{Trustix, n.Name()}, node: n, mark: cacheMark(n.Name())}
		if !slices.ContainsFunc(r.voters, func(o voter) bool { return o.Voter == v.Voter }) {
			r.voters = append(r.voters, v)
		}
	}
	if r.o.Store != nil {
		r.voters = append(r.voters, voter{Voter: Voter{Store, "the local store"}})
	}
	if r.o.Lock != nil {
		r.voters = append(r.voters, voter{Voter: Voter{Lock, "the lock"}})
	}
	if r.o.Build != nil {
		r.voters = append(r.voters, voter{Voter: Voter{Rebuild, "a rebuild"}})
	}
}

func cacheVoter(client *bincache.Client, storeURL string) voter {
	v := voter{Voter: Voter{Cache, CacheName(storeURL)}}
	if client == nil {
		v.err = errors.New("it was not asked")
		return v
	}
	v.cache, v.err = client.Cache(storeURL)
	v.mark = cacheMark(v.Name)
	return v
}

// cacheMark is what a cache of that name is, wherever it is named.
func cacheMark(name string) string {
	if u, err := url.Parse(name); err == nil && u.Scheme == "http" {
		u.Scheme = "https" // the same host either way
		name = u.String()
	}
	return "cache " + name
}

// CacheName is how a cache is called: its URL in the spelling of a lock where
// it has one, and never with credentials.
func CacheName(storeURL string) string {
	if name, err := lock.CanonicalURL(storeURL); err == nil {
		return name
	}
	u, err := url.Parse(storeURL)
	if err != nil {
		return "a cache whose URL cannot be read"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	if name, err := lock.CanonicalURL(u.String()); err == nil {
		return name
	}
	return u.String()
}

// ask fills in the votes. The caches and the store are asked at the same time.
func (r *run) ask(ctx context.Context, votes map[lock.StorePath][]Vote) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var infos map[lock.StorePath]nix.Info
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.askCaches(ctx, votes); err != nil {
			cancel(err)
		}
	})
	for i, v := range r.voters {
		if v.node != nil {
			all.Go(func() { r.askTrustix(ctx, i, votes) })
		}
	}
	if i := r.find(Store); i >= 0 {
		all.Go(func() { infos = r.askStore(ctx, i, votes) })
	}
	if i := r.find(Lock); i >= 0 {
		for _, p := range r.paths {
			votes[p][i] = lockVote(r.o.Lock, p)
		}
		r.step(len(r.paths))
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if i := r.find(Rebuild); i >= 0 {
		for _, p := range r.paths {
			info, valid := infos[p]
			if infos == nil {
				votes[p][i] = Vote{Text: "the local store, which a rebuild is compared with, could not be asked"}
			} else {
				votes[p][i] = r.rebuild(ctx, p, info, valid)
			}
			r.step(1)
		}
	}
	return context.Cause(ctx)
}

func (r *run) find(kind VoterKind) int {
	return slices.IndexFunc(r.voters, func(v voter) bool { return v.Kind == kind })
}

// step reports that n more answers are there.
func (r *run) step(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += n
	if r.o.Progress != nil {
		r.o.Progress(min(r.done, r.steps), r.steps)
	}
}
