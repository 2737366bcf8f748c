package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

const system = "x86_64-linux"

// A loopback is a cache of this test. Its files may be changed while it runs.
type loopback struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	delay    time.Duration
	requests atomic.Int32
}

func newLoopback(t testing.TB) *loopback {
	c := &loopback{files: map[string][]byte{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		time.Sleep(c.delay)
		c.mu.Lock()
		data, ok := c.files[strings.TrimPrefix(r.URL.Path, "/")]
		c.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *loopback) put(n *bincache.NarInfo, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[n.Path.Digest()+".narinfo"] = []byte(n.String())
	c.files[n.URL] = data
}

// narOf is the NAR of one file.
func narOf(text string) []byte {
	var b bytes.Buffer
	for _, s := range []string{"nix-archive-1", "(", "type", "regular", "contents", text, ")"} {
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(s)))
		b.Write(size[:])
		b.WriteString(s)
		b.Write(make([]byte, (8-len(s)%8)%8))
	}
	return b.Bytes()
}

// pathOf is a path whose name begins with some characters of Nix's base 32.
func pathOf(start, name string) lock.StorePath {
	return lock.StorePath(start + strings.Repeat("0", 32-len(start)) + "-" + name)
}

// infoOf describes a NAR.
func infoOf(p lock.StorePath, data []byte, refs ...lock.StorePath) *bincache.NarInfo {
	return &bincache.NarInfo{
		StoreDir: bincache.DefaultStoreDir, Path: p, URL: "nar/" + p.Digest() + ".nar", Compression: "none",
		NarHash: sha256.Sum256(data), NarSize: uint64(len(data)), References: refs,
	}
}

func pinOf(n *bincache.NarInfo) lock.Pin {
	return lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References}
}

// lockOf pins what narinfos say, with caches that list one key each.
func lockOf(infos []*bincache.NarInfo, caches ...lock.Cache) *lock.Lock {
	l := lock.New()
	l.Caches = caches
	s := l.Section(system)
	for _, n := range infos {
		s.Paths[n.Path] = pinOf(n)
	}
	return l
}

func client() *bincache.Client {
	return bincache.NewClient(bincache.Options{Limits: bincache.Limits{Backoff: time.Nanosecond}})
}

func mustVerify(t testing.TB, l *lock.Lock, o Options) *Report {
	t.Helper()
	if o.Client == nil {
		o.Client = client()
	}
	r, err := Verify(context.Background(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
