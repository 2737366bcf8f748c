package gate

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// descriptors are the files that the program has open, where that can be told.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// Two hundred clients at once want paths from caches that are right, wrong, cut
// short, packed in any way, or silent; some of them go away, and grants change.
func TestACrowdGetsTheRightBytesAndLeavesNothingBehind(t *testing.T) {
	const clients, paths = 200, 6
	nars, pins := map[lock.StorePath][]byte{}, map[lock.StorePath]lock.Pin{}
	good, bad, silent := newUpstream(t), newUpstream(t), newUpstream(t)
	for n := range paths {
		nar := repeated(300_000 * (n + 1))
		nar[0] = byte(n)
		path := storePath(n)
		nars[path], pins[path] = nar, pinOf(nar)
		file, compression := nar, "none"
		switch n % 3 {
		case 1:
			file, compression = zstdPacked(t, nar, 1<<20), "zstd"
		case 2:
			file, compression = xzPacked(t, nar, 1<<20), "xz"
		}
		good.put(path, pins[path], compression, file)
		bad.put(path, pins[path], "none", flipped(nar, n*1000))
		silent.put(path, pins[path], "none", nar)
	}
	silent.handle(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/nar/") {
			<-r.Context().Done()
			return true
		}
		return false
	})
	before, open := runtime.NumGoroutine(), descriptors()
	var b book
	a, more := standing(t, "a", time.Time{}, pins, good.URL, bad.URL, silent.URL), standing(t, "b", time.Time{}, pinsTo(50, 90), good.URL)
	b.set(a)
	g := serve(t, Options{Grants: b.read, Deadline: 5 * time.Second, Evidence: t.TempDir() + "/evidence"})
	transport := &http.Transport{DisableKeepAlives: true}
	var all sync.WaitGroup
	var mu sync.Mutex
	whole := 0
	for i := range clients {
		path := storePath(i % paths)
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", g.url+"/e1/"+narURL(grants.Served{Path: path, Pin: pins[path]}), nil)
			r, err := transport.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if i%5 == 0 {
				io.CopyN(io.Discard, r.Body, 1000) // and goes away
				return
			}
			body, err := io.ReadAll(r.Body)
			switch {
			case r.StatusCode == 404:
			case err == nil && bytes.Equal(body, nars[path]):
				mu.Lock()
				whole++
				mu.Unlock()
			case err == nil || len(body) >= len(nars[path]):
				t.Errorf("%s: %d bytes came whole, and are wrong", path, len(body))
			}
		})
	}
	for range 20 {
		b.set(a, more)
		time.Sleep(3 * time.Millisecond)
		b.set(a)
		time.Sleep(3 * time.Millisecond)
	}
	all.Wait()
	if whole < clients/4 {
		t.Errorf("%d of %d clients got anything", whole, clients)
	}
	s := g.Status()
	t.Logf("%d whole; %+v", whole, s.Served)
	if s.Served.Wrong == 0 || len(s.Problems) != 0 {
		t.Errorf("%+v %q", s.Served, s.Problems)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		for _, u := range []*upstream{good, bad, silent} {
			u.CloseClientConnections()
		}
		// The gate's own goroutines and its listener are left.
		if len(g.streams) == 0 && runtime.NumGoroutine() <= before+10 && descriptors() <= open+6 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d streams, %d goroutines of %d, %d files of %d", len(g.streams), runtime.NumGoroutine(), before, descriptors(), open)
		}
	}
	if !g.room.TryAcquire(roomSize) {
		t.Error("room is still taken")
	}
}
