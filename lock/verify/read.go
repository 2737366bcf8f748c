package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// readers is how many NARs are read from caches at a time: each may hold a
// decoder's window.
const readers = 32

// patience is after how many NARs in a row that did not come a cache is not
// asked for more, so that one which keeps connections open ends all the same.
const patience = 16

// A job is one NAR to read.
type job struct {
	size int64 // of the pin
	do   func(io.Writer)
}

// read reads the NARs of what is as pinned so far: those of the caches, when
// they are asked for, and what the local store has.
func (r *run) read(ctx context.Context, found []bincache.Found) {
	var fetch, dump []job
	for _, f := range found {
		pin := r.pins[f.Path].Pin
		for _, got := range f.Answers {
			if r.o.Contents && got.Err == nil && len(Compare(pin, got.Info)) == 0 {
				fetch = append(fetch, job{pin.Size, func(w io.Writer) { r.fetch(ctx, got, w) }})
			}
		}
		if r.store != nil && r.store.has(f.Path) {
			dump = append(dump, job{pin.Size, func(w io.Writer) { r.store.hash(ctx, f.Path, w) }})
		}
	}
	m := &meter{tell: r.o.Bytes}
	for _, j := range append(fetch, dump...) {
		m.all += j.size
	}
	var both sync.WaitGroup
	both.Go(func() { work(ctx, fetch, readers, m) })
	both.Go(func() { work(ctx, dump, runtime.GOMAXPROCS(0), m) })
	both.Wait()
}

// work does jobs, several at a time, until all are done or ctx ends.
func work(ctx context.Context, jobs []job, workers int, m *meter) {
	next := make(chan job)
	var all sync.WaitGroup
	for range min(workers, len(jobs)) {
		all.Go(func() {
			for j := range next {
				part := &part{ctx: ctx, meter: m, left: j.size}
				j.do(part)
				part.end()
			}
		})
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		next <- j
	}
	close(next)
	all.Wait()
}

// A meter adds up the bytes of all jobs.
type meter struct {
	tell func(done, all int64) // may be nil

	mu        sync.Mutex
	done, all int64
}

func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done += n; m.tell != nil {
		m.tell(m.done, m.all)
	}
}

// A part counts the bytes of one job, never more than were announced. It stops
// the job when ctx ends: a decoder has much to unpack after its last input.
type part struct {
	ctx   context.Context
	meter *meter
	left  int64
}

func (p *part) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n := min(int64(len(b)), p.left)
	p.left -= n
	p.meter.add(n)
	return len(b), nil
}

// end counts what will not come any more.
func (p *part) end() {
	p.meter.add(p.left)
	p.left = 0
}

// fetch reads one NAR of a cache. It keeps nothing once ctx has ended.
func (r *run) fetch(ctx context.Context, got bincache.Answer, w io.Writer) {
	c := r.caches[got.Cache]
	c.mu.Lock()
	lost := c.failed >= patience
	c.mu.Unlock()
	if lost {
		c.keep(got.Info.Path, read{err: &bincache.Error{Kind: bincache.Unreachable, Cache: c.url,
			Text: fmt.Sprintf("the contents were not asked for, as %d files in a row did not come", patience)}})
		return
	}
	contents, err := got.Cache.ContentsTo(ctx, got.Info, nil, w)
	c.keep(got.Info.Path, read{done: err == nil, contents: contents, err: err})
}

func (c *cache) keep(path lock.StorePath, file read) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[path] = file
	switch {
	case errors.Is(file.err, bincache.Unreachable):
		c.failed++
	case c.failed < patience:
		c.failed = 0
	}
}
