package gate

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A catalogue is what may be served in a span of time in which no grant begins
// or ends. It has no clock; covers tells whether a moment is in the span.
type catalogue struct {
	pool       *grants.Pool
	key        *Key
	storeDir   string
	from       time.Time // zero: since ever
	until      time.Time // zero: for ever
	digest     string    // of all that is said of paths
	parts      []string  // the hash parts of what is in pool, sorted
	caches     []string  // the URLs of all that may deliver, sorted
	signatures sync.Map  // hash part → *signature, of paths that are in pool
}

// A signature is made when its path is asked for first: that takes some 40 µs.
// The text around it is put together each time, as it is ten times as long.
type signature struct {
	once  sync.Once
	bytes [ed25519.SignatureSize]byte
}

// newCatalogue takes the active grants among standings whose time is now. It
// takes over the signatures of the catalogue before, which may be nil.
func newCatalogue(standings []grants.Standing, now time.Time, storeDir string, key *Key, before *catalogue) *catalogue {
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
	for _, s := range active {
		for _, cache := range s.Grant.Caches {
			c.caches = append(c.caches, cache.URL)
		}
	}
	slices.Sort(c.caches)
	c.caches = slices.Compact(c.caches)
	c.parts = slices.Sorted(c.pool.HashParts())
	c.digest = c.sum()
	c.inherit(before)
	return c
}

// sum digests what is said of every path, and by which key.
func (c *catalogue) sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", c.key.Public(), c.storeDir)
	var text []byte
	for _, part := range c.parts {
		s, _ := c.pool.Find(part)
		text = c.appendText(text[:0], s, [ed25519.SignatureSize]byte{})
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// within says whether all that is served now was served before, alike.
func (c *catalogue) within(before *catalogue) bool {
	if before == nil || before.key != c.key || before.storeDir != c.storeDir {
		return false
	}
	for _, part := range c.parts {
		is, _ := c.pool.Find(part)
		if was, ok := before.pool.Find(part); !ok || was.Path != is.Path || !was.Pin.Same(is.Pin) {
			return false
		}
	}
	return true
}

func (c *catalogue) inherit(before *catalogue) {
	if before == nil || before.key != c.key || before.storeDir != c.storeDir {
		return
	}
	for part, sig := range before.signatures.Range {
		is, ok := c.pool.Find(part.(string))
		if was, _ := before.pool.Find(part.(string)); ok && was.Path == is.Path && was.Pin.Same(is.Pin) {
			c.signatures.Store(is.Path.Digest(), sig)
		}
	}
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

// describe is what is said of a path, without a signature.
func (c *catalogue) describe(s grants.Served) *bincache.NarInfo {
	return &bincache.NarInfo{
		StoreDir: c.storeDir, Path: s.Path, URL: narURL(s), Compression: "none",
		NarHash: s.Pin.NAR, NarSize: uint64(s.Pin.Size), References: s.Pin.Refs, CA: s.Pin.CA,
	}
}

// narinfo returns what is served for a hash part, or nil.
func (c *catalogue) narinfo(hashPart string) []byte {
	s, ok := c.pool.Find(hashPart)
	if !ok {
		return nil
	}
	v, ok := c.signatures.Load(hashPart)
	if !ok {
		// The text from a request must not keep the request's memory alive.
		v, _ = c.signatures.LoadOrStore(s.Path.Digest(), &signature{})
	}
	sig := v.(*signature)
	sig.once.Do(func() { sig.bytes = c.key.sign(c.describe(s)) })
	return c.text(s, sig.bytes)
}

// text is the signed narinfo of a path as NarInfo.String has it, put together
// without the garbage.
func (c *catalogue) text(s grants.Served, sig [ed25519.SignatureSize]byte) []byte {
	size := 400 + 2*len(s.Path) + len(c.storeDir) + len(c.key.name) + len(s.Pin.CA)
	for _, ref := range s.Pin.Refs {
		size += len(ref) + 1
	}
	return c.appendText(make([]byte, 0, size), s, sig)
}

func (c *catalogue) appendText(b []byte, s grants.Served, sig [ed25519.SignatureSize]byte) []byte {
	hash := s.Pin.NAR.Nix32()
	b = append(append(append(append(b, "StorePath: "...), c.storeDir...), '/'), s.Path...)
	b = append(append(b, "\nURL: "...), narName(s, hash)...)
	b = append(append(b, "\nCompression: none\nNarHash: "...), hash...)
	b = strconv.AppendInt(append(b, "\nNarSize: "...), s.Pin.Size, 10)
	b = append(b, "\nReferences: "...)
	for i, ref := range s.Pin.Refs {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, ref...)
	}
	b = append(append(append(b, "\nSig: "...), c.key.name...), ':')
	b = append(base64.StdEncoding.AppendEncode(b, sig[:]), '\n')
	if s.Pin.CA != "" {
		b = append(append(append(b, "CA: "...), s.Pin.CA...), '\n')
	}
	return b
}

// narURL names the path and the pinned bytes, so that a URL that Nix remembers
// for 30 days leads to these bytes or to nothing, whatever is granted by then.
func narURL(s grants.Served) string { return narName(s, s.Pin.NAR.Nix32()) }

func narName(s grants.Served, hash string) string {
	return "nar/" + s.Path.Digest() + "-" + strings.TrimPrefix(hash, "sha256:") + ".nar"
}

// nar finds the path whose contents a URL names.
func (c *catalogue) nar(url string) (grants.Served, bool) {
	digest, _, _ := strings.Cut(strings.TrimPrefix(url, "nar/"), "-")
	s, ok := c.pool.Find(digest)
	return s, ok && narURL(s) == url
}
