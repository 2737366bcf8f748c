package bincache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// An answer is the body of a 200. Close frees the host's place.
type answer struct {
	io.Reader
	length int64 // -1: not told
	close  func()
}

// open asks for a file until it gets an answer that is none of 5xx and 429,
// follows redirects as far as the cache may lead, and returns a 200's body.
// begin is called before each attempt and each wait, for the caller's clock.
func (k *Cache) open(ctx context.Context, at *url.URL, begin func()) (*answer, error) {
	c := k.client
	for attempt := 1; ; attempt++ {
		begin()
		a, wait, err := k.follow(ctx, at)
		if err == nil || wait < 0 {
			return a, err
		}
		if attempt == c.limits.Attempts {
			return nil, err
		}
		pause := c.limits.Backoff << (attempt - 1)
		// Clients that failed together should not come back together.
		pause += time.Duration(rand.Int64N(int64(pause)/2 + 1))
		if wait > c.limits.Patience {
			return nil, failf(Unreachable, "the cache asks to wait %v, longer than this program does; try again later", wait)
		}
		begin()
		if err := c.sleep(ctx, max(pause, wait)); err != nil {
			return nil, stopped(ctx, err)
		}
	}
}

// follow makes one attempt. A wait that is not negative means that another
// attempt is worth it, after that long at least.
func (k *Cache) follow(ctx context.Context, at *url.URL) (a *answer, wait time.Duration, err error) {
	for hop := 0; ; hop++ {
		release, err := k.client.slot(ctx, at.Host)
		if err != nil {
			return nil, -1, stopped(ctx, err)
		}
		reply, err := k.client.source.Get(ctx, at, k.userFor(at))
		if err != nil {
			release()
			return nil, -1, stopped(ctx, err)
		}
		done := func() {
			reply.Body.Close()
			release()
		}
		refuse := func() {
			// Only after an answer was read to its end can the connection be
			// used again, and most answers of a cache are a 404.
			io.CopyN(io.Discard, reply.Body, maxRefusal)
			done()
		}
		switch s := reply.Status; {
		case s == http.StatusOK:
			r, err := decoded(reply, k.client.limits)
			if err != nil {
				done()
				return nil, -1, err
			}
			return &answer{Reader: r, length: plainLength(reply), close: func() { r.Close(); done() }}, -1, nil
		case s == http.StatusTooManyRequests || s >= 500:
			refuse()
			return nil, reply.RetryAfter, failf(Unreachable, "the server answers %d %s; try again later", s, http.StatusText(s))
		case s >= 300 && s < 400 && reply.Location != "":
			refuse()
			if hop == k.client.limits.Redirects {
				return nil, -1, failf(Misbehaved, "the server redirects more than %d times in a row", hop)
			}
			if at, err = k.redirect(at, reply.Location); err != nil {
				return nil, -1, err
			}
		default:
			refuse()
			return nil, -1, statusError(s)
		}
	}
}

// maxRefusal is how many bytes of an answer that is not wanted are read.
const maxRefusal = 16 << 10

func (k *Cache) redirect(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil {
		return nil, failf(Misbehaved, "the server redirects to something that is not a URL")
	}
	to.Fragment, to.RawFragment = "", ""
	if to.User != nil || !k.mayLeadTo(from, to) {
		return nil, failf(Misbehaved, "the server redirects to %s; this program does not leave the cache's host or encryption unless that host is allowed", quote(shown(to)))
	}
	return to, nil
}

func statusError(status int) error {
	text := fmt.Sprintf("the server answers %d %s", status, http.StatusText(status))
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return failf(Absent, "the cache does not have it (%d)", status)
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return failf(Refused, "%s; put the cache's credentials into the netrc file", text)
	case http.StatusForbidden:
		// Nix takes a 403 for a 404, because S3 answers so when files may not be listed.
		return failf(Refused, "%s: the credentials are missing or wrong, or the cache hides that it does not have it", text)
	}
	return failf(Misbehaved, "%s, which a binary cache has no use for; is the URL right?", text)
}

// decoded undoes a Content-Encoding, which caches use for stored narinfos.
func decoded(reply *Reply, limits Limits) (io.ReadCloser, error) {
	if reply.Encoding == "" {
		return reply.Body, nil
	}
	return Decompress(reply.Encoding, reply.Body, 0, limits)
}

func plainLength(reply *Reply) int64 {
	if reply.Encoding != "" {
		return -1
	}
	return reply.Length
}

// stopped explains why there was no answer. The end of the caller's own
// context comes back as it is, because it says nothing about the cache.
func stopped(ctx context.Context, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Unreachable, Text: "no answer in time; the cache is slow or down, or something between drops the connection", Err: err}
	}
	return &Error{Kind: Unreachable, Text: fmt.Sprintf("it cannot be reached: %v", err), Err: err}
}

// small reads a whole short file: each attempt within Limits.Request, and no
// longer than most bytes.
func (k *Cache) small(ctx context.Context, at *url.URL, most int64) ([]byte, error) {
	limit := k.client.limits.Request
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := time.AfterFunc(limit, func() {
		cancel(failf(Unreachable, "it did not come whole within %v; the cache is too slow to use, or keeps connections open on purpose", limit))
	})
	defer clock.Stop()
	a, err := k.open(ctx, at, func() { clock.Reset(limit) })
	if err != nil {
		return nil, err
	}
	defer a.close()
	data, err := io.ReadAll(io.LimitReader(a, most+1))
	switch {
	case int64(len(data)) > most:
		return nil, failf(Misbehaved, "it is longer than %d bytes; the cache is broken or hostile", most)
	case err != nil:
		return nil, broke(ctx, err)
	}
	return data, nil
}

// broke explains an answer that stopped in the middle.
func broke(ctx context.Context, err error) error {
	var known *Error
	if ctx.Err() != nil || errors.As(err, &known) {
		return stopped(ctx, err)
	}
	return &Error{Kind: Unreachable, Text: fmt.Sprintf("the answer broke off: %v; try again", err), Err: err}
}
