package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// addressed makes an unsigned path whose name is computed from its contents.
func addressed(t *testing.T, address string, data []byte, self bool, refs ...lock.StorePath) *bincache.NarInfo {
	t.Helper()
	ca, err := bincache.ParseContentAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ca.Path(bincache.DefaultStoreDir, "addressed", refs, self)
	if err != nil {
		t.Fatal(err)
	}
	if self {
		refs = append(refs, p)
		slices.Sort(refs)
	}
	n := infoOf(p, data, refs...)
	n.CA = address
	return n
}

func sum(data string) string {
	h := sha256.Sum256([]byte(data))
	return nixbase32.EncodeToString(h[:])
}

func TestAContentAddressProvesOnlyWhatTheNameCovers(t *testing.T) {
	data := narOf("content")
	tree := func(t *testing.T) *bincache.NarInfo {
		return addressed(t, "fixed:r:sha256:"+sum(string(data)), data, false, dep)
	}
	flat := func(t *testing.T) *bincache.NarInfo { return addressed(t, "fixed:sha256:"+sum("content"), data, false) }
	text := func(t *testing.T) *bincache.NarInfo {
		return addressed(t, "text:sha256:"+sum("content"), data, false, dep)
	}
	self := func(t *testing.T) *bincache.NarInfo {
		return addressed(t, "fixed:r:sha256:"+sum(string(data)), data, true, dep)
	}
	for _, c := range []struct {
		name     string
		info     func(*testing.T) *bincache.NarInfo
		served   func(*bincache.NarInfo)
		data     []byte
		contents bool
		want     Verdict
		says     string
	}{
		{name: "of the NAR", info: tree, want: Verified, says: "computed from its contents"},
		{name: "of the NAR, read", info: tree, contents: true, want: Verified},
		{name: "of one file, not read", info: flat, want: Unsigned, says: "reading the contents would prove it"},
		{name: "of one file, read", info: flat, contents: true, want: Verified},
		{name: "of a text, not read", info: text, want: Unsigned, says: "reading the contents would prove it"},
		{name: "of a text, read", info: text, contents: true, want: Verified},
		{name: "of the NAR without its own name", info: self, want: Unsigned, says: "reading the contents would prove it"},
		{name: "of the NAR without its own name, read", info: self, contents: true, want: Verified, says: "computed from its contents"},
		{name: "of the NAR without its own name, other bytes", info: func(t *testing.T) *bincache.NarInfo {
			n := self(t)
			n.NarHash = sha256.Sum256(narOf("swapped"))
			return n
		}, data: narOf("swapped"), contents: true, want: Mismatch, says: "the hash of the content address"},
		{name: "of the NAR, which cannot be read", info: tree, served: func(n *bincache.NarInfo) { n.Compression = "lzip" }, contents: true, want: Unknown},
		{name: "not told by the cache", info: tree, served: func(n *bincache.NarInfo) { n.CA = "" }, want: Unsigned},
		{name: "of a text, signed", info: text, served: func(n *bincache.NarInfo) { n.Signatures = []string{good.Sign(n)} }, want: Verified, says: "signed by"},
		{name: "in another spelling", info: tree, served: func(n *bincache.NarInfo) {
			h := sha256.Sum256(data)
			n.CA = "fixed:r:sha256:" + hex.EncodeToString(h[:])
		}, want: Verified},
		{name: "of something else", info: tree, served: func(n *bincache.NarInfo) { n.CA = "fixed:r:sha256:" + sum("else") }, want: Mismatch},
		{name: "as another kind", info: tree, served: func(n *bincache.NarInfo) { n.CA = "text:sha256:" + sum(string(data)) }, want: Mismatch},
		{name: "with other references", info: tree, served: func(n *bincache.NarInfo) { n.References = nil }, want: Mismatch},
		{name: "with other bytes", info: text, data: narOf("swapped"), contents: true, want: Mismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := newLoopback(t)
			n := c.info(t)
			l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
			p := l.Systems[system].Paths[n.Path]
			p.CA = n.CA
			l.Systems[system].Paths[n.Path] = p
			if c.served != nil {
				c.served(n)
			}
			if c.data == nil {
				c.data = data
			}
			cache.put(n, c.data)
			a := mustVerify(t, l, Options{Contents: c.contents}).Pins[0].Answers[0]
			if a.Verdict != c.want || !strings.Contains(a.Text, c.says) {
				t.Errorf("%v: %s; want %v", a.Verdict, a.Text, c.want)
			}
			if a.Addressed != (c.want == Verified && len(n.Signatures) == 0) {
				t.Errorf("Addressed = %v", a.Addressed)
			}
		})
	}
}

// A lock and a cache that agree on a false claim prove nothing.
func TestAFalseContentAddressInLockAndCacheProvesNothing(t *testing.T) {
	data := narOf("content")
	n := infoOf(pathOf("a", "addressed"), data)
	n.CA = "fixed:r:sha256:" + sum(string(data))
	cache := newLoopback(t)
	cache.put(n, data)
	l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: cache.URL})
	p := l.Systems[system].Paths[n.Path]
	p.CA = n.CA
	l.Systems[system].Paths[n.Path] = p
	a := mustVerify(t, l, Options{Contents: true}).Pins[0].Answers[0]
	if a.Verdict != Unsigned || !strings.Contains(a.Text, "asks for a signature") {
		t.Errorf("%v: %s", a.Verdict, a.Text)
	}
}
