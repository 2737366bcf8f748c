package gate

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// big does not fit into what is held back.
const big = 1 << 20

func flipped(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 1
	return c
}

func TestAClientNeverHasTheWholeOfAWrongNar(t *testing.T) {
	nar, small := contents(1, big), contents(2, 5000)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 64<<20))
	z.Close()
	for name, c := range map[string]struct {
		nar, file   []byte
		compression string
		evidence    string // "": none is kept
	}{
		"first byte":          {nar, flipped(nar, 0), "none", "the hash sha256-"},
		"last byte":           {nar, flipped(nar, big-1), "none", "the hash sha256-"},
		"packed last byte":    {nar, packed(t, flipped(nar, big-1)), "zstd", "the hash sha256-"},
		"one byte more":       {nar, append(bytes.Clone(nar), 0), "none", "more than"},
		"packed and more":     {nar, append(packed(t, nar), "trailing"...), "zstd", "unpacked"},
		"packed twice":        {nar, append(packed(t, nar), packed(t, nar)...), "zstd", "more"},
		"one byte less":       {nar, nar[:big-1], "none", "contents of"},
		"packed and cut":      {nar, packed(t, nar)[:big/2], "zstd", "unpacked"},
		"nothing":             {nar, []byte{}, "none", "contents of 0 bytes"},
		"a bomb":              {nar, bomb.Bytes(), "gzip", "more than"},
		"padding without end": {small, append(packed(t, small), bytes.Repeat([]byte("\x50\x2a\x4d\x18\xf8\xff\x00\x00"+strings.Repeat("x", 0xfff8)), 40)...), "zstd", "goes on"},
		"another format":      {small, small, "zstd", "unpacked"},
		"small and wrong":     {small, flipped(small, 77), "none", "the hash sha256-"},
		"an unknown format":   {small, small, "lzip", ""},
	} {
		t.Run(name, func(t *testing.T) {
			up := newUpstream(t)
			pin := pinOf(c.nar)
			up.put(storePath(1), pin, c.compression, c.file)
			g := serve(t, Options{}, standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL))
			code, body, err := g.nar(t, storePath(1))
			if code == 200 && (err == nil || len(body) >= len(c.nar)) {
				t.Fatalf("%d bytes came, and %v", len(body), err)
			}
			if len(c.nar) <= holdSize && code != 404 {
				t.Errorf("%d, though all of it could be compared before", code)
			}
			e := g.Evidence()
			if c.evidence == "" {
				if len(e) != 0 {
					t.Errorf("%+v", e)
				}
				return
			}
			if len(e) != 1 || e[0].Path != storePath(1) || e[0].Cache != up.URL || e[0].Pinned != pin.NAR || !strings.Contains(e[0].Got, c.evidence) || e[0].When.IsZero() {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A lock may have a size that contents of its hash cannot have.
func TestAPinOfAnotherSizeThanItsContentsServesNothing(t *testing.T) {
	nar := contents(1, 5000)
	for _, by := range []int64{-1, 1} {
		up := newUpstream(t)
		pin := pinOf(nar)
		pin.Size += by
		up.put(storePath(1), pin, "none", nar)
		g := serve(t, Options{}, standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL))
		if code, body, err := g.nar(t, storePath(1)); code != 404 || err != nil || len(g.Evidence()) != 1 {
			t.Errorf("%+d: %d, %d bytes, %v, %+v", by, code, len(body), err, g.Evidence())
		}
	}
}

func TestACacheThatSaysAnythingElseIsNotAskedForTheFile(t *testing.T) {
	nar := contents(1, 1000)
	pin := pinOf(nar, storePath(5))
	other, size, refs, fewer := pinOf(contents(2, 1000), storePath(5)), pin, pinOf(nar, storePath(6)), pinOf(nar)
	size.Size++
	for name, says := range map[string]lock.Pin{"hash": other, "size": size, "references": refs, "fewer references": fewer} {
		up := newUpstream(t)
		up.put(storePath(1), says, "none", nar)
		g := serve(t, Options{}, standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL))
		for range 2 {
			if code, _, _ := g.nar(t, storePath(1)); code != 404 {
				t.Errorf("%s: %d", name, code)
			}
		}
		if up.asked.Load() != 1 || len(g.Evidence()) != 1 {
			t.Errorf("%s: %d questions, %v", name, up.asked.Load(), g.Evidence())
		}
	}
}

func TestTheNextCacheIsTriedAfterAWrongOne(t *testing.T) {
	nar, small := contents(1, big), contents(2, 5000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar), storePath(2): pinOf(small)}
	bad, good := newUpstream(t), newUpstream(t)
	bad.put(storePath(1), pins[storePath(1)], "none", flipped(nar, 9))
	bad.put(storePath(2), pins[storePath(2)], "none", flipped(small, 9))
	good.put(storePath(1), pins[storePath(1)], "zstd", packed(t, nar))
	good.put(storePath(2), pins[storePath(2)], "zstd", packed(t, small))
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pins, bad.URL, good.URL))
	// The good one has once been slower, so that the bad one is asked first.
	g.health.answered(good.URL, 10*time.Second, time.Now())
	if code, body, err := g.nar(t, storePath(2)); code != 200 || err != nil || !bytes.Equal(body, small) {
		t.Errorf("a small path: %d %v", code, err)
	}
	if code, body, err := g.nar(t, storePath(1)); code != 200 || err == nil || len(body) >= big {
		t.Errorf("a big path came whole from the wrong cache: %d %d %v", code, len(body), err)
	}
	if code, body, err := g.nar(t, storePath(1)); code != 200 || err != nil || !bytes.Equal(body, nar) {
		t.Errorf("the next request: %d %v", code, err)
	}
	if e := g.Evidence(); len(e) != 2 || e[0].Cache != bad.URL || e[1].Cache != bad.URL {
		t.Errorf("%+v", e)
	}
}

func TestDeadCachesAreWaitedForSideBySideAndThenSkipped(t *testing.T) {
	nar := contents(1, 5000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar), storePath(2): pinOf(nar), storePath(3): pinOf(nar)}
	var urls []string
	var dead []*upstream
	for range 3 {
		d := newUpstream(t)
		d.handle(func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		})
		dead = append(dead, d)
		urls = append(urls, d.URL)
	}
	const deadline = time.Second
	g := serve(t, Options{Deadline: deadline}, standing(t, "a", time.Time{}, pins, urls...))
	start := time.Now()
	if code, _, _ := g.nar(t, storePath(1)); code != 404 {
		t.Error(code)
	}
	if took := time.Since(start); took < deadline || took >= 2*deadline {
		t.Errorf("three dead caches took %v", took)
	}
	for _, d := range dead {
		if d.asked.Load() != 1 {
			t.Errorf("%d questions", d.asked.Load())
		}
		d.asked.Store(0)
	}
	g.nar(t, storePath(2))
	for _, d := range dead {
		if d.asked.Load() != 0 {
			t.Error("a dead cache is asked again at once")
		}
	}
	live := newUpstream(t)
	live.put(storePath(3), pins[storePath(3)], "none", nar)
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, pins, append(urls, live.URL)...)})
	start = time.Now()
	if code, body, err := g.nar(t, storePath(3)); code != 200 || err != nil || !bytes.Equal(body, nar) || time.Since(start) >= deadline {
		t.Errorf("%d %v after %v", code, err, time.Since(start))
	}
	if len(g.Evidence()) != 0 {
		t.Errorf("silence is no evidence: %v", g.Evidence())
	}
}

func TestAPathThatAppearsIsFoundAndAnErrorIsNot(t *testing.T) {
	nar := contents(1, 1000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up := newUpstream(t)
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pins, up.URL))
	if code, _, _ := g.nar(t, storePath(1)); code != 404 {
		t.Error(code)
	}
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	if code, body, _ := g.nar(t, storePath(1)); code != 200 || !bytes.Equal(body, nar) {
		t.Error(code)
	}
	up.handle(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(500)
		return true
	})
	if code, _, _ := g.nar(t, storePath(1)); code != 404 {
		t.Errorf("Nix would stop at %d", code)
	}
}

func TestRevokingLetsAnswersEndThatHaveBegun(t *testing.T) {
	nar := contents(1, big)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up := newUpstream(t)
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	half, on := make(chan struct{}), make(chan struct{})
	up.handle(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".narinfo") {
			return false
		}
		w.Write(nar[:big/2])
		w.(http.Flusher).Flush()
		close(half)
		<-on
		w.Write(nar[big/2:])
		return true
	})
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pins, up.URL))
	url := narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err := http.Get(g.url + "/" + url)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Body.Close()
		if body, err := io.ReadAll(r.Body); r.StatusCode != 200 || err != nil || !bytes.Equal(body, nar) {
			t.Errorf("%d %d %v", r.StatusCode, len(body), err)
		}
	}()
	<-half
	g.Load(nil)
	if code, _, _ := g.get(t, url); code != 404 {
		t.Errorf("revoked: %d", code)
	}
	close(on)
	<-done
}

func TestManyClientsThatComeAndGoLeaveNothingBehind(t *testing.T) {
	nar := contents(1, big)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up := newUpstream(t)
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	const streams = 4
	g := serve(t, Options{Streams: streams}, standing(t, "a", time.Time{}, pins, up.URL))
	url := g.url + "/" + narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]})
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
			transport := &http.Transport{DisableKeepAlives: true}
			r, err := transport.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if i%2 == 0 {
				io.CopyN(io.Discard, r.Body, 1000) // and goes away
				return
			}
			if body, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(body, nar) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		})
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		// Up to two connections a stream are kept, with three goroutines on both
		// sides. One that is left for each client would be more.
		if len(g.streams) == 0 && runtime.NumGoroutine() <= before+streams*2*3+6 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d streams, %d goroutines, %d before", len(g.streams), runtime.NumGoroutine(), before)
		}
	}
	if len(g.Evidence()) != 0 {
		t.Errorf("%v", g.Evidence())
	}
}
