package gate

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A catalogue is what may be served in a span of time in which no grant begins
// or ends. It has no clock; covers tells whether a moment is in the span.
type catalogue struct {
	pool     *grants.Pool
	key      *Key
	storeDir string
	from     time.Time // zero: since ever
	until    time.Time // zero: for ever
	narinfos sync.Map  // hash part → *narinfo, of paths that are in pool
}

// A narinfo is signed when it is asked for first: that takes some 40 µs.
type narinfo struct {
	once sync.Once
	text []byte
}

// newCatalogue takes the active grants among standings whose time is now.
func newCatalogue(standings []grants.Standing, now time.Time, storeDir string, key *Key) *catalogue {
	c := &catalogue{key: key, storeDir: storeDir}
	var active []grants.Standing
	for _, s := range standings {
		if !s.Serves() {
			continue
		}
		c.bound(s.Grant.Granted, now)
		if !s.Grant.Expires.IsZero() {
			c.bound(s.Grant.Expires, now)
		}
		if !now.Before(s.Grant.Granted) && (s.Grant.Expires.IsZero() || now.Before(s.Grant.Expires)) {
			active = append(active, s)
		}
	}
	c.pool = grants.NewPool(active)
	return c
}

// bound ends the span at a moment at which something changes.
func (c *catalogue) bound(at, now time.Time) {
	if at.After(now) {
		if c.until.IsZero() || at.Before(c.until) {
			c.until = at
		}
	} else if at.After(c.from) {
		c.from = at
	}
}

func (c *catalogue) covers(now time.Time) bool {
	return !now.Before(c.from) && (c.until.IsZero() || now.Before(c.until))
}

// narinfo returns what is served for a hash part, or nil.
func (c *catalogue) narinfo(hashPart string) []byte {
	s, ok := c.pool.Find(hashPart)
	if !ok {
		return nil
	}
	v, ok := c.narinfos.Load(hashPart)
	if !ok {
		// The text from a request must not keep the request's memory alive.
		v, _ = c.narinfos.LoadOrStore(s.Path.Digest(), &narinfo{})
	}
	n := v.(*narinfo)
	n.once.Do(func() {
		info := &bincache.NarInfo{
			StoreDir: c.storeDir, Path: s.Path, URL: narURL(s), Compression: "none",
			NarHash: s.Pin.NAR, NarSize: uint64(s.Pin.Size), References: slices.Clone(s.Pin.Refs), CA: s.Pin.CA,
		}
		c.key.sign(info)
		n.text = []byte(info.String())
	})
	return n.text
}

// narURL names the path and the pinned bytes, so that a URL that Nix remembers
// for 30 days leads to these bytes or to nothing, whatever is granted by then.
func narURL(s grants.Served) string {
	return "nar/" + s.Path.Digest() + "-" + strings.TrimPrefix(s.Pin.NAR.Nix32(), "sha256:") + ".nar"
}

// nar finds the path whose contents a URL names.
func (c *catalogue) nar(url string) (grants.Served, bool) {
	digest, _, _ := strings.Cut(strings.TrimPrefix(url, "nar/"), "-")
	s, ok := c.pool.Find(digest)
	return s, ok && narURL(s) == url
}
