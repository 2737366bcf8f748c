package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// errLate ends a question to a cache that took longer than the deadline.
var errLate = errors.New("it did not begin to answer in time")

// A mismatch is the error of a cache that has something else than the pin.
type mismatch struct{ got string }

func (m *mismatch) Error() string { return "it has " + m.got }

// A source is a path's file as one cache begins to send it, still packed.
type source struct {
	cache       string
	compression string
	body        io.ReadCloser
	began       time.Time
	cancel      context.CancelCauseFunc
	err         error // with it nothing else but cache and began is set
}

func (s *source) close() {
	if s.err == nil {
		s.body.Close()
	}
	s.cancel(nil)
}

// errNoCache says that nobody delivers.
var errNoCache = errors.New("no cache of the grant delivers it now")

// open asks the caches in order, the next one whenever the one before has failed
// or has not answered in an eighth of the deadline, and returns the first that
// begins to send. So dead caches are waited for side by side. The caller closes
// the source.
func (g *Gate) open(ctx context.Context, s grants.Served, caches []string) (*source, error) {
	results := make(chan *source, len(caches))
	cancels := make([]context.CancelCauseFunc, 0, len(caches))
	next := time.NewTimer(0)
	defer next.Stop()
	open := 0
	// Those that are not wanted any more are cancelled, and closed when they
	// have noticed.
	drop := func(but string) {
		for i, cancel := range cancels {
			if caches[i] != but {
				cancel(nil)
			}
		}
		go func(open int) {
			for range open {
				(<-results).close()
			}
		}(open)
	}
	for open > 0 || len(cancels) < len(caches) {
		select {
		case <-ctx.Done():
			drop("")
			return nil, ctx.Err()
		case <-next.C:
			if len(cancels) < len(caches) {
				attempt, cancel := context.WithCancelCause(ctx)
				go g.ask(attempt, cancel, s, caches[len(cancels)], results)
				cancels = append(cancels, cancel)
				open++
				next.Reset(g.deadline / 8)
			}
		case r := <-results:
			open--
			if r.err == nil {
				g.health.answered(r.cache, time.Since(r.began), time.Now())
				drop(r.cache)
				return r, nil
			}
			r.close()
			if ctx.Err() == nil {
				g.refused(s, r.cache, r.began, r.err)
			}
			next.Reset(0)
		}
	}
	return nil, errNoCache
}

// ask gets one cache to send, within the deadline.
func (g *Gate) ask(ctx context.Context, cancel context.CancelCauseFunc, s grants.Served, cache string, results chan<- *source) {
	r := &source{cache: cache, began: time.Now(), cancel: cancel}
	late := time.AfterFunc(g.deadline, func() { cancel(errLate) })
	r.compression, r.body, r.err = g.begin(ctx, s, cache)
	if !late.Stop() && r.err == nil {
		r.body.Close()
		r.err = errLate
	}
	if r.err != nil && errors.Is(context.Cause(ctx), errLate) {
		r.err = errLate
	}
	results <- r
}

func (g *Gate) begin(ctx context.Context, s grants.Served, cache string) (compression string, body io.ReadCloser, err error) {
	k, err := g.client.Cache(cache)
	if err != nil {
		return "", nil, err
	}
	if said := g.ahead.take(question{cache, s.Path}, time.Now()); said != nil && agrees(said, s.Pin) == nil {
		if body, _, err = k.OpenNar(ctx, said); err == nil {
			return said.Compression, body, nil
		}
		// It may have moved the file since.
	}
	said, err := k.NarInfo(ctx, s.Path)
	if err != nil {
		return "", nil, err
	}
	if err := agrees(said, s.Pin); err != nil {
		return "", nil, err
	}
	body, _, err = k.OpenNar(ctx, said)
	return said.Compression, body, err
}

// agrees compares what a cache says with what is pinned.
func agrees(said *bincache.NarInfo, pin lock.Pin) error {
	switch {
	case said.NarHash != pin.NAR:
		return &mismatch{fmt.Sprintf("the hash %s in its narinfo", said.NarHash)}
	case said.NarSize != uint64(pin.Size):
		return &mismatch{fmt.Sprintf("the size %d in its narinfo, and %d bytes are pinned", said.NarSize, pin.Size)}
	case !slices.Equal(said.References, pin.Refs):
		return &mismatch{fmt.Sprintf("%d references in its narinfo that are not the %d that are pinned", len(said.References), len(pin.Refs))}
	}
	return nil
}

// refused notes why a cache did not deliver. That it does not have the path, or
// that nobody waits any more, says nothing against it.
func (g *Gate) refused(s grants.Served, cache string, began time.Time, err error) {
	now := time.Now()
	var other *mismatch
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, errRoom), errors.Is(err, zstd.ErrWindowSizeExceeded):
		g.health.wronged(cache, s.Path, false, now)
		g.log.Warn("a cache cannot deliver a pinned path", "cache", cache, "path", string(s.Path), "error", err.Error())
	case errors.As(err, &other), errors.Is(err, bincache.Misbehaved):
		got := err.Error()
		if other != nil {
			got = other.got
		}
		g.health.wronged(cache, s.Path, true, now)
		g.tally.wrong.Add(1)
		g.evidence.add(Evidence{When: g.now(), Path: s.Path, Cache: cache, Pinned: s.Pin.NAR, Got: got})
		g.log.Error("a cache does not have what is pinned", "cache", cache, "path", string(s.Path), "pinned", s.Pin.NAR.String(), "got", got)
	case errors.Is(err, bincache.Absent):
		g.health.missing(cache)
		g.log.Warn("a cache does not have a pinned path", "cache", cache, "path", string(s.Path))
	case errors.Is(err, bincache.Refused), errors.Is(err, bincache.Unsupported):
		g.health.wronged(cache, s.Path, false, now)
		g.log.Warn("a cache cannot deliver a pinned path", "cache", cache, "path", string(s.Path), "error", err.Error())
	case errors.Is(err, errLate):
		g.health.late(cache, began, now)
		g.log.Warn("a cache is slow or down", "cache", cache, "error", err.Error())
	default:
		g.health.failed(cache, began, now)
		g.log.Warn("a cache does not answer", "cache", cache, "error", err.Error())
	}
}
