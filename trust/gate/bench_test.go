package gate

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

func BenchmarkNarinfo(b *testing.B) {
	up := newUpstream(b)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(contents(1, 1000), storePath(1), storePath(2))}
	g := serve(b, Options{}, standing(b, "a", time.Time{}, pins, up.URL))
	for name, path := range map[string]string{"pinned": storePath(1).Digest(), "miss": storePath(2).Digest()} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					read(b, g.url+"/"+path+".narinfo")
				}
			})
		})
	}
}

// BenchmarkNar has a plain reverse proxy beside the gate.
func BenchmarkNar(b *testing.B) {
	const size = 64 << 20
	nar := contents(1, size)
	up := newUpstream(b)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	g := serve(b, Options{}, standing(b, "a", time.Time{}, pins, up.URL))
	to, err := url.Parse(up.URL)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(to))
	defer proxy.Close()
	for name, url := range map[string]string{
		"gate":  g.url + "/" + narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]}),
		"proxy": proxy.URL + "/nar/" + storePath(1).Digest(),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if n := read(b, url); n != size {
					b.Fatal(n)
				}
			}
		})
	}
}

func read(b *testing.B, url string) int64 {
	r, err := http.Get(url)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer r.Body.Close()
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		b.Error(err)
	}
	return n
}
