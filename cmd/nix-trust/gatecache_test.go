package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/keeper/keepertest"
)

// A slowCache is a cache with one path, whose contents stop half-way until rest
// is closed.
type slowCache struct {
	*httptest.Server
	t          *testing.T
	path       lock.StorePath
	nar        []byte
	half, rest chan struct{}
	wrong      bool // it delivers something else
}

func newSlowCache(t *testing.T, size int) *slowCache {
	c := &slowCache{t: t, path: keepertest.PathOf(99), nar: []byte(strings.Repeat("contents", size/8)), half: make(chan struct{}), rest: make(chan struct{})}
	once := sync.OnceFunc(func() { close(c.half) })
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/nix-cache-info":
			fmt.Fprint(w, "StoreDir: /nix/store\n")
		case "/" + c.path.Digest() + ".narinfo":
			fmt.Fprintf(w, "StorePath: /nix/store/%s\nURL: nar/one.nar\nCompression: none\nNarHash: %s\nNarSize: %d\nReferences: \n", c.path, lock.Hash(sha256.Sum256(c.nar)).Nix32(), len(c.nar))
		case "/nar/one.nar":
			text := append([]byte{}, c.nar...)
			if c.wrong {
				text[0] ^= 1
			}
			w.Write(text[:len(text)/2])
			w.(http.Flusher).Flush()
			once()
			select {
			case <-c.rest:
			case <-r.Context().Done():
			}
			w.Write(text[len(text)/2:])
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// accept keeps a lock of the cache's path.
func (c *slowCache) accept(h *gateHome) string {
	c.t.Helper()
	l := lock.New()
	l.Caches = []lock.Cache{{URL: c.URL}}
	l.Section("x86_64-linux").Paths[c.path] = lock.Pin{NAR: sha256.Sum256(c.nar), Size: int64(len(c.nar))}
	digest, err := l.Digest()
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := l.Print()
	if err != nil {
		c.t.Fatal(err)
	}
	h.Write(filepath.Join(h.Own, "locks", digest+".cache-lock"), text)
	return digest
}
