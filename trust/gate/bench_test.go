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

// BenchmarkNar has a plain reverse proxy beside the gate, in turn; the best of
// each counts, as other programs take their time too.
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
	best := func(url string, so time.Duration) time.Duration {
		start := time.Now()
		if n := read(b, url); n != size {
			b.Fatal(n)
		}
		return min(so, time.Since(start))
	}
	gate, plain := time.Hour, time.Hour
	for b.Loop() {
		gate = best(g.url+"/"+narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]}), gate)
		plain = best(proxy.URL+"/nar/"+storePath(1).Digest(), plain)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(size/1e6/gate.Seconds(), "gate-MB/s")
	b.ReportMetric(size/1e6/plain.Seconds(), "proxy-MB/s")
	b.ReportMetric(plain.Seconds()/gate.Seconds(), "gate:proxy")
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
