package generate

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/bincache/bincachetest"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// numbered is a store path with a number in its hash.
func numbered(i int) lock.StorePath { return lock.StorePath(fmt.Sprintf("%032d-path", i)) }

// closure fills a cache with n signed paths: number i refers to 3i+1, 3i+2 and
// 3i+3. With share, only every so manyth path is there.
func closure(w *web, cache string, n, share int, by bincachetest.Signer) {
	for i := 0; i < n; i += share {
		var refs []lock.StorePath
		for _, to := range []int{3*i + 1, 3*i + 2, 3*i + 3} {
			if to < n {
				refs = append(refs, numbered(to))
			}
		}
		w.put(cache, info(numbered(i), fmt.Sprint("nar ", i), refs...), by)
	}
}

func TestTheOrderOfAnswersDoesNotMatter(t *testing.T) {
	w := newWeb()
	closure(w, flakeURL, 300, 1, flake)
	closure(w, hostURL, 300, 7, host)
	closure(w, secondURL, 300, 2, second)
	w.put(flakeURL, info(numbered(40), "evil"), flake)
	w.put(secondURL, info(numbered(61), "unsigned"))
	w.drop(flakeURL, numbered(61))
	w.drop(flakeURL, numbered(299))
	w.delay = func() time.Duration { return time.Duration(rand.IntN(300)) * time.Microsecond }
	var first *Result
	for range 8 {
		o := w.options(numbered(0))
		addSecond(&o)
		for i := range 300 {
			o.Optional = append(o.Optional, numbered(i))
		}
		rand.Shuffle(len(o.Optional), func(i, j int) { o.Optional[i], o.Optional[j] = o.Optional[j], o.Optional[i] })
		r := mustMake(t, o)
		if first == nil {
			first = r
		}
		if len(r.Problems) < 3 || !reflect.DeepEqual(r, first) {
			t.Fatalf("%s\n%s", summary(r), summary(first))
		}
	}
}

func TestTwentyThousandPathsFitIntoLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("signs 20 000 paths")
	}
	const n = 20_000
	w := newWeb()
	closure(w, flakeURL, n, 1, flake)
	closure(w, hostURL, n, 2, host)
	o := w.options(numbered(0))
	last, calls := 0, 0
	o.Progress = func(done, known int) {
		if done != last+1 || known < done {
			t.Errorf("%d of %d after %d", done, known, last)
		}
		last, calls = done, calls+1
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := mustMake(t, o)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if r.Outcome() != Fine || r.Pinned != n/2 || r.Redundant != n/2 || calls != n {
		t.Errorf("%v, %d pinned, %d redundant, %d calls", r.Outcome(), r.Pinned, r.Redundant, calls)
	}
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 50<<20 {
		t.Errorf("it holds %d MB", held>>20)
	}
}

// served is a web on loopback; every answer takes a while.
func served(b *testing.B, w *web, cache string, delay time.Duration) (*httptest.Server, *atomic.Int32) {
	asked := &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		time.Sleep(delay)
		text, ok := w.files[strings.TrimPrefix(cache, "https://")+r.URL.Path]
		switch {
		case r.URL.Path == "/nix-cache-info":
			io.WriteString(out, "StoreDir: /nix/store\n")
		case ok:
			io.WriteString(out, text)
		default:
			http.NotFound(out, r)
		}
	}))
	b.Cleanup(s.Close)
	return s, asked
}

const closureSize = 450

var delays = []time.Duration{0, 20 * time.Millisecond}

// BenchmarkMake starts from one path, with connections that are made anew. With
// two caches every path is asked of both.
func BenchmarkMake(b *testing.B) {
	w := newWeb()
	closure(w, flakeURL, closureSize, 1, flake)
	closure(w, hostURL, closureSize, 2, host)
	for _, caches := range []int{1, 2} {
		for _, delay := range delays {
			claimed, _ := served(b, w, flakeURL, delay)
			trusted, _ := served(b, w, hostURL, delay)
			b.Run(fmt.Sprintf("caches=%d/%v", caches, delay), func(b *testing.B) {
				for b.Loop() {
					claimed.CloseClientConnections()
					trusted.CloseClientConnections()
					o := Options{Client: bincache.NewClient(bincache.Options{}), System: system, Roots: []lock.StorePath{numbered(0)},
						Caches: []lock.Cache{{URL: claimed.URL, Keys: []string{flake.Public()}}}}
					if caches == 2 {
						o.Trusted = []lock.Cache{{URL: trusted.URL, Keys: []string{host.Public()}}}
					}
					r, err := Make(context.Background(), o)
					if err != nil || r.Outcome() != Fine || r.Pinned+r.Redundant != closureSize {
						b.Fatalf("%v %+v", err, r)
					}
				}
			})
		}
	}
}

// BenchmarkRealNixPathInfo is real Nix on the same closure: one cache.
func BenchmarkRealNixPathInfo(b *testing.B) {
	nix := realnix.Get(b, "2.34")
	_, dir := nix.Dir(b)
	w := newWeb()
	closure(w, flakeURL, closureSize, 1, flake)
	for _, delay := range delays {
		s, asked := served(b, w, flakeURL, delay)
		b.Run(fmt.Sprint(delay), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				asked.Store(0)
				r := nix.Run(b, realnix.Cmd{Env: []string{fmt.Sprintf("HOME=%s/%v-%d", dir, delay, i)}, Args: []string{"nix", "--extra-experimental-features", "nix-command",
					"path-info", "-r", "--json", "--store", s.URL, numbered(0).In(bincache.DefaultStoreDir)}})
				if r.Code != 0 || asked.Load() < closureSize {
					b.Fatalf("%d requests: %s", asked.Load(), r.Stderr)
				}
			}
		})
	}
}
