package bincache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// WalkOptions say how a walk goes. The zero value follows references and stops
// asking at the first cache that answers.
type WalkOptions struct {
	// Accept judges an answer, say by its signatures. Its error is kept as the
	// cache's answer, and the next cache is asked. nil accepts every answer.
	Accept func(*Cache, *NarInfo) error
	// All asks every cache for every path, instead of the first that has it.
	All bool
	// Shallow asks for the given paths only.
	Shallow bool
	// Skip leaves a path and what only it refers to out, say as it is known
	// already. It may be nil.
	Skip func(StorePath) bool
	// Next says where to go from a path, one call at a time. nil is to all that
	// its accepted answers refer to, or nowhere when Shallow.
	Next func(Found) []StorePath
	// Progress is called after each path, one call at a time; it may be nil.
	Progress func(done, known int)
	// MaxPaths ends a walk that grows without end; 0 is a million.
	MaxPaths int
	// Workers is how many paths are asked for at a time; 0 is Limits.PerHost.
	Workers int
}

// A Found is what the caches said of one path.
type Found struct {
	Path    StorePath
	Answers []Answer // of the caches that were asked, in their order
}

// An Answer is what one cache said. Exactly one of Info and Err is set, except
// that an answer which Accept refused has both.
type Answer struct {
	Cache *Cache
	Info  *NarInfo
	Err   error
}

// Accepted returns the first answer that is fit for use, or nil.
func (f Found) Accepted() *NarInfo {
	for _, a := range f.Answers {
		if a.Err == nil {
			return a.Info
		}
	}
	return nil
}

// Walk asks the caches, most preferred first, for the narinfos of the roots and
// of all that those refer to, many at a time. The result is sorted by path and
// does not depend on the order in which answers came. What one cache does
// wrong is in its Answer; Walk itself fails when ctx ends, and on a closure of
// more than MaxPaths.
//
// A cache that cannot be reached 16 times in a row is not asked again, and its
// answers for the rest say so.
//
// With more than one accepted answer for a path the references of all of them
// are followed.
func Walk(ctx context.Context, caches []*Cache, roots []StorePath, o WalkOptions) ([]Found, error) {
	if len(caches) == 0 {
		return nil, errors.New("no cache to ask")
	}
	if o.MaxPaths <= 0 {
		o.MaxPaths = 1_000_000
	}
	if o.Workers <= 0 {
		o.Workers = caches[0].client.limits.PerHost
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &walk{o: o, caches: caches, known: map[StorePath]bool{}, failures: map[*Cache]int{}, stop: cancel}
	w.wake.L = &w.mu
	defer context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wake.Broadcast()
	})()
	w.add(roots)
	var all sync.WaitGroup
	for range o.Workers {
		all.Go(func() { w.work(ctx) })
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(w.found, func(a, b Found) int { return cmp.Compare(a.Path, b.Path) })
	return w.found, nil
}

type walk struct {
	o      WalkOptions
	caches []*Cache
	stop   context.CancelCauseFunc

	mu    sync.Mutex
	wake  sync.Cond // something was queued, or the walk is over
	known map[StorePath]bool
	// failures counts, by cache, those in a row.
	failures map[*Cache]int
	queue    []StorePath
	busy     int
	found    []Found
}

// add queues the paths that are new. The caller holds mu, or is alone.
func (w *walk) add(paths []StorePath) {
	for _, p := range paths {
		if w.known[p] || w.o.Skip != nil && w.o.Skip(p) {
			continue
		}
		if len(w.known) == w.o.MaxPaths {
			w.stop(fmt.Errorf("the closure has more than %d paths; a cache may be making it up", w.o.MaxPaths))
			return
		}
		w.known[p] = true
		w.queue = append(w.queue, p)
	}
}

func (w *walk) work(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ctx.Err() == nil {
		if len(w.queue) == 0 {
			if w.busy == 0 {
				return
			}
			w.wake.Wait()
			continue
		}
		p := w.queue[0]
		w.queue = w.queue[1:]
		w.busy++
		w.mu.Unlock()
		f := w.ask(ctx, p)
		w.mu.Lock()
		w.busy--
		w.keep(f)
		w.wake.Broadcast()
	}
}

func (w *walk) keep(f Found) {
	w.found = append(w.found, f)
	switch {
	case w.o.Next != nil:
		w.add(w.o.Next(f))
	case !w.o.Shallow:
		for _, a := range f.Answers {
			if a.Err == nil {
				w.add(a.Info.References)
			}
		}
	}
	if w.o.Progress != nil {
		w.o.Progress(len(w.found), len(w.known))
	}
}

// ask asks the caches in turn, or all at once.
func (w *walk) ask(ctx context.Context, p StorePath) Found {
	f := Found{Path: p}
	if w.o.All {
		f.Answers = make([]Answer, len(w.caches))
		var all sync.WaitGroup
		for i, k := range w.caches {
			all.Go(func() { f.Answers[i] = w.askOne(ctx, k, p) })
		}
		all.Wait()
		return f
	}
	for _, k := range w.caches {
		a := w.askOne(ctx, k, p)
		f.Answers = append(f.Answers, a)
		if a.Err == nil {
			break
		}
	}
	return f
}

func (w *walk) askOne(ctx context.Context, k *Cache, p StorePath) Answer {
	if w.givenUp(k) {
		return Answer{Cache: k, Err: about(failf(Unreachable, "not asked for, as the cache could not be reached %d times in a row", patience), k.shown, p.Digest()+".narinfo")}
	}
	info, err := k.NarInfo(ctx, p)
	w.count(k, errors.Is(err, Unreachable))
	if err == nil && w.o.Accept != nil {
		err = w.o.Accept(k, info)
	}
	return Answer{k, info, err}
}

// patience is after how many failures in a row a walk gives a cache up, so that
// one which never answers does not cost its deadline for every path.
const patience = 16

func (w *walk) givenUp(k *Cache) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures[k] >= patience
}

func (w *walk) count(k *Cache, failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case failed:
		w.failures[k]++
	case w.failures[k] < patience:
		w.failures[k] = 0
	}
}
