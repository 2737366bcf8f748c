package gate

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// asksOf notes what a cache is asked for.
type asksOf struct {
	mu   sync.Mutex
	urls []string
}

func (a *asksOf) note(_ http.ResponseWriter, r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.urls = append(a.urls, r.URL.Path)
	return false
}

func (a *asksOf) count(part string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.urls {
		if strings.Contains(u, part) {
			n++
		}
	}
	return n
}

func TestCachesAreAskedAheadOnceContentsAreWantedAndNotBefore(t *testing.T) {
	up := newUpstream(t)
	asks := &asksOf{}
	up.handle(asks.note)
	nar := contents(1, 1000)
	pins := map[lock.StorePath]lock.Pin{}
	for i := range 40 {
		pins[storePath(i)] = pinOf(nar)
		up.put(storePath(i), pinOf(nar), "none", nar)
	}
	wait := make(chan struct{})
	up.handle(func(w http.ResponseWriter, r *http.Request) bool {
		asks.note(w, r)
		if r.URL.Path == "/nar/"+storePath(0).Digest() {
			<-wait // so that the contents are still wanted
		}
		return false
	})
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pins, up.URL))
	urls := map[int]string{}
	for i := range 40 {
		_, text, _ := g.get(t, storePath(i).Digest()+".narinfo")
		n, err := bincache.ParseNarInfo("", text)
		if err != nil {
			t.Fatal(err)
		}
		urls[i] = n.URL
	}
	time.Sleep(20 * time.Millisecond)
	if n := asks.count("/"); n != 0 {
		t.Fatalf("%d questions, and nobody wants contents", n)
	}
	first := make(chan int, 1)
	go func() { code, _, _ := g.get(t, urls[0]); first <- code }()
	for end := time.Now().Add(10 * time.Second); asks.count(".narinfo") < 40; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d narinfos are asked for", asks.count(".narinfo"))
		}
	}
	close(wait)
	if code := <-first; code != 200 {
		t.Errorf("%d", code)
	}
	time.Sleep(20 * time.Millisecond) // until the last of them is kept
	before := asks.count(".narinfo")
	for i := 1; i < 40; i++ {
		if code, body, _ := g.get(t, urls[i]); code != 200 || !slices.Equal(body, nar) {
			t.Errorf("%d: %d", i, code)
		}
	}
	if again := asks.count(".narinfo") - before; again > 2 {
		t.Errorf("%d narinfos are asked for again", again)
	}
}

func TestWhatWasSaidAheadIsHeldAgainstThePinAndAskedForAgainWhenItIsOld(t *testing.T) {
	up := newUpstream(t)
	nar := contents(1, 1000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up.put(storePath(1), pinOf(nar), "none", nar)
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pins, up.URL))
	q := question{up.URL, storePath(1)}
	other := pinOf(contents(2, 1000))
	for name, said := range map[string]*bincache.NarInfo{
		"another pin": {StoreDir: bincache.DefaultStoreDir, Path: storePath(1), URL: "nar/x", Compression: "none", NarHash: other.NAR, NarSize: 1000},
		"moved":       {StoreDir: bincache.DefaultStoreDir, Path: storePath(1), URL: "nar/gone", Compression: "none", NarHash: pins[storePath(1)].NAR, NarSize: 1000},
	} {
		g.ahead.put(q, said, time.Now())
		if code, body, _ := g.nar(t, storePath(1)); code != 200 || !slices.Equal(body, nar) {
			t.Errorf("%s: %d", name, code)
		}
	}
	if len(g.Evidence()) > 0 {
		t.Errorf("%+v", g.Evidence())
	}
	g.ahead.put(q, &bincache.NarInfo{}, time.Now().Add(-aheadSpan))
	if g.ahead.take(q, time.Now()) != nil {
		t.Error("an old answer is used")
	}
	for i := range 3 * mostAhead {
		g.ahead.put(question{"c", lock.StorePath(storePath(i))}, nil, time.Now())
		g.ahead.tell(storePath(i).Digest())
	}
	if len(g.ahead.answers) > mostAhead {
		t.Errorf("%d answers are kept", len(g.ahead.answers))
	}
}
