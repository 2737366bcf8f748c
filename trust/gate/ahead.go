package gate

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

const (
	aheadJobs = 16          // questions at a time
	aheadSpan = time.Minute // from a narinfo to its contents, and from a cache's answer to its use
	mostTold  = 1024        // paths that are kept in mind
	mostAhead = 4096        // answers that are kept
)

// An ahead asks caches beforehand what they say of paths whose contents will be
// asked for soon, which spares each the wait for one answer. Those are the paths
// whose narinfos were asked for within the last minute, and not before somebody
// asks for the contents of one: who only looks makes no cache hear of it.
//
// What is learnt so counts no more than what is asked for later: it is compared
// with the pin, and the contents are hashed.
type ahead struct {
	mu      sync.Mutex
	told    [mostTold]toldPath     // a ring
	newest  int                    // how many were ever told
	oldest  int                    // how many of those are done with
	begun   map[[32]byte]time.Time // when contents were asked for
	answers map[question]answer
	jobs    int

	stop    func()
	context context.Context
	running sync.WaitGroup
}

type toldPath struct {
	digest [32]byte // the hash part
	at     time.Time
}

type question struct {
	cache string
	path  lock.StorePath
}

type answer struct {
	said *bincache.NarInfo
	at   time.Time
}

func newAhead() *ahead {
	a := &ahead{answers: map[question]answer{}, begun: map[[32]byte]time.Time{}}
	var cancel context.CancelFunc
	a.context, cancel = context.WithCancel(context.Background())
	// No job begins while somebody waits for the last one to end, which panics.
	a.stop = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		cancel()
	}
	return a
}

// tell keeps in mind that a client got the narinfo of a hash part.
func (a *ahead) tell(digest string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := &a.told[a.newest%mostTold]
	copy(t.digest[:], digest)
	t.at = time.Now()
	a.newest++
	a.oldest = max(a.oldest, a.newest-mostTold)
}

// wanted notes that contents are asked for: it is too late to ask ahead of it.
func (a *ahead) wanted(digest string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if len(a.begun) >= mostTold {
		maps.DeleteFunc(a.begun, func(_ [32]byte, at time.Time) bool { return now.Sub(at) >= aheadSpan })
	}
	if len(a.begun) < mostAhead {
		a.begun[[32]byte([]byte(digest))] = now
	}
}

// next is the hash part of a path that was told lately.
func (a *ahead) next(now time.Time) (digest string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.oldest < a.newest {
		t := a.told[a.oldest%mostTold]
		a.oldest++
		if now.Sub(t.at) < aheadSpan && !a.begun[t.digest].After(t.at) {
			return string(t.digest[:]), true
		}
	}
	return "", false
}

// begin says whether a further job is wanted, which has to call end.
func (a *ahead) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.jobs == aheadJobs || a.oldest == a.newest || a.context.Err() != nil {
		return false
	}
	a.jobs++
	a.running.Add(1)
	return true
}

func (a *ahead) end() {
	a.mu.Lock()
	a.jobs--
	a.mu.Unlock()
	a.running.Done()
}

func (a *ahead) put(q question, said *bincache.NarInfo, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.answers) >= mostAhead {
		maps.DeleteFunc(a.answers, func(_ question, old answer) bool { return now.Sub(old.at) >= aheadSpan })
		if len(a.answers) >= mostAhead {
			return
		}
	}
	a.answers[q] = answer{said, now}
}

// take returns what a cache said of a path lately, once, or nil.
func (a *ahead) take(q question, now time.Time) *bincache.NarInfo {
	a.mu.Lock()
	defer a.mu.Unlock()
	got, ok := a.answers[q]
	delete(a.answers, q)
	if !ok || now.Sub(got.at) >= aheadSpan {
		return nil
	}
	return got.said
}

// askAhead begins to ask, for as long as contents are asked for.
func (g *Gate) askAhead() {
	for g.ahead.begin() {
		go func() {
			defer g.ahead.end()
			for len(g.streams) > 0 && g.ahead.context.Err() == nil {
				digest, ok := g.ahead.next(time.Now())
				if !ok {
					return
				}
				if s, ok := g.current().pool.Find(digest); ok {
					g.askOne(s)
				}
			}
		}()
	}
}

// askOne asks the cache that would be asked first. What is wrong with its answer
// is noted when the contents are asked for.
func (g *Gate) askOne(s grants.Served) {
	caches := slices.DeleteFunc(g.health.order(s, time.Now()), g.self.is)
	if len(caches) == 0 {
		return
	}
	cache, err := g.client.Cache(caches[0])
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(g.ahead.context, g.deadline)
	defer cancel()
	if said, err := cache.NarInfo(ctx, s.Path); err == nil {
		g.ahead.put(question{caches[0], s.Path}, said, time.Now())
	}
}
