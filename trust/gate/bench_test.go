package gate

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// BenchmarkNarinfo has Go's own file server beside the gate.
func BenchmarkNarinfo(b *testing.B) {
	up := newUpstream(b)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(contents(1, 1000), storePath(1), storePath(2))}
	g := serve(b, Options{}, standing(b, "a", time.Time{}, pins, up.URL))
	dir := b.TempDir()
	if err := os.WriteFile(dir+"/"+storePath(1).Digest()+".narinfo", g.current().narinfo(storePath(1).Digest()), 0o600); err != nil {
		b.Fatal(err)
	}
	files := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer files.Close()
	// As many connections as there are askers are kept.
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	for _, c := range []struct{ name, url string }{
		{"gate", g.url + "/" + storePath(1).Digest()}, {"file-server", files.URL + "/" + storePath(1).Digest()}, {"gate-miss", g.url + "/" + storePath(2).Digest()},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					read(b, client, c.url+".narinfo")
				}
			})
		})
	}
	if up.asked.Load() != 0 {
		b.Errorf("%d questions to the cache", up.asked.Load())
	}
}

// BenchmarkNar has a plain reverse proxy beside the gate, in turn; the best of
// each counts, as other programs take their time too. "paced" is a cache that
// sends 400 MB/s, so that a core is free on two; with GOMAXPROCS=1 none is.
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
	best := func(b *testing.B, url string, so time.Duration) time.Duration {
		start := time.Now()
		if n := read(b, http.DefaultClient, url); n != size {
			b.Fatal(n)
		}
		return min(so, time.Since(start))
	}
	for _, pace := range []int{0, 400 << 20} {
		name := "unbound"
		if pace > 0 {
			name = "paced"
		}
		b.Run(name, func(b *testing.B) {
			up.handle(func(w http.ResponseWriter, r *http.Request) bool {
				if pace == 0 || !strings.HasPrefix(r.URL.Path, "/nar/") {
					return false
				}
				w.Header().Set("Content-Length", strconv.Itoa(size))
				start := time.Now()
				for at := 0; at < size; at += 1 << 20 {
					time.Sleep(time.Until(start.Add(time.Duration(at) * time.Second / time.Duration(pace))))
					w.Write(nar[at : at+1<<20])
				}
				return true
			})
			gate, plain := time.Hour, time.Hour
			for b.Loop() {
				gate = best(b, g.url+"/"+narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]}), gate)
				plain = best(b, proxy.URL+"/nar/"+storePath(1).Digest(), plain)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(size/1e6/gate.Seconds(), "gate-MB/s")
			b.ReportMetric(size/1e6/plain.Seconds(), "proxy-MB/s")
			b.ReportMetric(plain.Seconds()/gate.Seconds(), "gate:proxy")
		})
	}
}

// BenchmarkPacked is how fast contents come that the gate unpacks, in bytes of
// contents; half of them do not pack.
func BenchmarkPacked(b *testing.B) {
	const size = 32 << 20
	nar := append(contents(1, size/2), repeated(size/2)...)
	for name, file := range map[string][]byte{"zstd": zstdPacked(b, nar, 2<<20), "xz": xzPacked(b, nar, 8<<20)} {
		b.Run(name, func(b *testing.B) {
			up := newUpstream(b)
			pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
			up.put(storePath(1), pins[storePath(1)], name, file)
			g := serve(b, Options{}, standing(b, "a", time.Time{}, pins, up.URL))
			b.SetBytes(size)
			for b.Loop() {
				if n := read(b, http.DefaultClient, g.url+"/"+narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]})); n != size {
					b.Fatal(n)
				}
			}
		})
	}
}

func read(b *testing.B, client *http.Client, url string) int64 {
	r, err := client.Get(url)
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
