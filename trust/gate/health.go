package gate

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

const (
	firstBackoff = time.Second     // after a failure, doubled for each further one
	mostBackoff  = 2 * time.Minute // and never more
	wrongBackoff = time.Minute     // for one path, after an answer that is of no use
	mostWrong    = 4096            // such answers that are kept when they count no more
)

// A health remembers how caches did, to ask the good ones first and the bad ones
// not at all for a while.
type health struct {
	mu     sync.Mutex
	caches map[string]*record
	wrong  map[offence]time.Time // until when a cache is not asked for a path
}

type record struct {
	failures int // in a row
	failed   time.Time
	alive    time.Time     // when it last began to send something
	until    time.Time     // not asked before
	answers  time.Duration // how long it takes until contents begin, smoothed

	contents, bytes, absent, lost, wrong int64 // as CacheStatus has them
}

type offence struct {
	cache string
	path  lock.StorePath
}

func newHealth() *health {
	return &health{caches: map[string]*record{}, wrong: map[offence]time.Time{}}
}

func (h *health) of(cache string) *record {
	r := h.caches[cache]
	if r == nil {
		r = &record{}
		h.caches[cache] = r
	}
	return r
}

// order returns the caches that may be asked for a path now, the best first.
func (h *health) order(s grants.Served, now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, c := range s.From {
		if now.Before(h.of(c.URL).until) || now.Before(h.wrong[offence{c.URL, s.Path}]) {
			continue
		}
		out = append(out, c.URL)
	}
	slices.SortStableFunc(out, func(a, b string) int {
		x, y := h.caches[a], h.caches[b]
		return cmp.Or(cmp.Compare(x.failures, y.failures), cmp.Compare(x.answers, y.answers))
	})
	return out
}

// answered notes that contents begin to come now, after this long.
func (h *health) answered(cache string, took time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(cache)
	r.alive = now
	if r.answers == 0 {
		r.answers = took
	}
	r.answers += (took - r.answers) / 4
}

// delivered notes that a path of this size came whole and right.
func (h *health) delivered(cache string, size int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(cache)
	r.failures, r.until = 0, time.Time{}
	r.contents++
	r.bytes += size
}

// missing notes that a cache does not have a pinned path.
func (h *health) missing(cache string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of(cache).absent++
}

// failed notes a failure of a question that began at a moment. Many questions
// that fail together are one failure.
func (h *health) failed(cache string, began, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(cache)
	r.lost++
	r.fail(began, now)
}

// late notes that a question which began at a moment was not answered in time.
// A cache that has answered another one since is busy, or this machine is, and
// it is not given up.
func (h *health) late(cache string, began, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(cache)
	r.lost++
	if !began.Before(r.alive) {
		r.fail(began, now)
	}
}

func (r *record) fail(began, now time.Time) {
	if began.Before(r.failed) {
		return
	}
	backoff := min(firstBackoff<<min(r.failures, 10), mostBackoff)
	r.failures++
	r.failed, r.until = now, now.Add(backoff)
}

// wronged notes that what a cache has for a path is of no use: it is not what is
// pinned, or it cannot be had.
func (h *health) wronged(cache string, path lock.StorePath, other bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if other {
		h.of(cache).wrong++
	} else {
		h.of(cache).lost++
	}
	if len(h.wrong) >= mostWrong {
		maps.DeleteFunc(h.wrong, func(_ offence, until time.Time) bool { return !now.Before(until) })
	}
	h.wrong[offence{cache, path}] = now.Add(wrongBackoff)
}

func (h *health) status() map[string]CacheStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]CacheStatus{}
	for url, r := range h.caches {
		out[url] = CacheStatus{URL: url, Delivered: r.contents, Bytes: r.bytes, Absent: r.absent, Failed: r.lost, Wrong: r.wrong, Until: r.until, Begins: r.answers}
	}
	return out
}
