package gate

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A book is what Options.Grants reads in these tests.
type book struct {
	mu        sync.Mutex
	standings []grants.Standing
	changed   bool
	asked     atomic.Int32
	wait      chan struct{} // not nil: it is read for so long
}

func (b *book) set(standings ...grants.Standing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.standings, b.changed = standings, true
}

func (b *book) read() ([]grants.Standing, bool) {
	b.asked.Add(1)
	b.mu.Lock()
	wait := b.wait
	b.mu.Unlock()
	if wait != nil {
		<-wait
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.changed {
		return nil, false
	}
	b.changed = false
	return b.standings, true
}

func TestAGrantAndItsEndAreSeenByTheNextRequest(t *testing.T) {
	nar := contents(1, 1000)
	up := newUpstream(t)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	a := standing(t, "a", time.Time{}, pins, up.URL)
	var b book
	g := serve(t, Options{Grants: b.read})
	info, url := storePath(1).Digest()+".narinfo", narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]})
	for n := range 20 {
		time.Sleep(askAgain)
		if code, _, _ := g.get(t, info); code != 404 {
			t.Fatalf("%d: not granted: %d", n, code)
		}
		b.set(a)
		time.Sleep(askAgain)
		if code, _, _ := g.get(t, info); code != 200 {
			t.Fatalf("%d: granted: %d", n, code)
		}
		if code, body, err := g.get(t, url); code != 200 || err != nil || !bytes.Equal(body, nar) {
			t.Fatalf("%d: granted: %d %v", n, code, err)
		}
		b.set()
		time.Sleep(askAgain)
		before := up.asked.Load()
		// Nix has the narinfo for 30 days, and asks for the contents alone.
		if code, _, _ := g.get(t, url); code != 404 || up.asked.Load() != before {
			t.Fatalf("%d: revoked: %d", n, code)
		}
	}
}

func TestTheGrantsAreNotReadForEveryRequest(t *testing.T) {
	var b book
	g := serve(t, Options{Grants: b.read})
	b.asked.Store(0)
	start := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				g.get(t, storePath(1).Digest()+".narinfo")
			}
		})
	}
	all.Wait()
	if most := int32(time.Since(start)/askAgain) + 2; b.asked.Load() > most {
		t.Errorf("they were read %d times in %v", b.asked.Load(), time.Since(start))
	}
	if g.Reload() {
		t.Error("nothing has changed")
	}
	if b.set(); !g.Reload() {
		t.Error("something has changed")
	}
}

func TestReadingTheGrantsHoldsUpNoStream(t *testing.T) {
	nar := contents(1, 8*holdSize)
	up := newUpstream(t)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	half, on := make(chan struct{}), make(chan struct{})
	up.handle(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".narinfo") {
			return false
		}
		w.Write(nar[:len(nar)/2])
		w.(http.Flusher).Flush()
		close(half)
		<-on
		w.Write(nar[len(nar)/2:])
		return true
	})
	var b book
	b.set(standing(t, "a", time.Time{}, pins, up.URL))
	g := serve(t, Options{Grants: b.read})
	r, err := http.Get(g.url + "/" + narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]}))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	<-half
	b.mu.Lock()
	b.wait = make(chan struct{})
	b.mu.Unlock()
	b.set()
	time.Sleep(askAgain)
	before := b.asked.Load()
	late := make(chan int, 1)
	go func() { // comes while they are read, so what they say counts for it
		code, _, _ := g.get(t, storePath(1).Digest()+".narinfo")
		late <- code
	}()
	for end := time.Now().Add(10 * time.Second); b.asked.Load() == before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	close(on)
	if body, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(body, nar) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	select {
	case code := <-late:
		t.Errorf("answered with what was read before: %d", code)
	case <-time.After(20 * time.Millisecond):
	}
	close(b.wait)
	select {
	case code := <-late:
		if code != 404 {
			t.Errorf("revoked: %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is not answered")
	}
}

func TestSignaturesAreKeptWhenOtherGrantsChange(t *testing.T) {
	a, b := standing(t, "a", time.Time{}, pinsTo(1, 2), "https://one.example"), standing(t, "b", time.Time{}, pinsTo(5, 5), "https://one.example")
	changed := pinsTo(1, 2)
	changed[storePath(2)] = pinOf(contents(99, 100))
	g := serve(t, Options{}, a)
	signed := func(path lock.StorePath) *signature {
		s, _ := g.catalogue.Load().signatures.Load(path.Digest())
		one, _ := s.(*signature)
		return one
	}
	text := g.current().narinfo(storePath(1).Digest())
	g.current().narinfo(storePath(2).Digest())
	one, two := signed(storePath(1)), signed(storePath(2))
	g.Load([]grants.Standing{a, b})
	if signed(storePath(1)) != one || signed(storePath(2)) != two || signed(storePath(5)) != nil {
		t.Error("they are made again")
	}
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, changed, "https://one.example")})
	if signed(storePath(1)) != one || signed(storePath(2)) != nil {
		t.Error("another pin has the signature of the one before")
	}
	if again := g.current().narinfo(storePath(1).Digest()); !bytes.Equal(again, text) {
		t.Errorf("%s", again)
	}
	g.Load(nil)
	if signed(storePath(1)) != nil {
		t.Error("what is not served any more is kept")
	}
}

func TestANarinfoIsWrittenAsNixWritesIt(t *testing.T) {
	text := pinOf([]byte("x"))
	for name, pin := range map[string]lock.Pin{
		"no references": pinOf(contents(1, 10)), "itself": pinOf(contents(1, 10), storePath(1)),
		"many":              pinOf(contents(1, 10), storePath(1), storePath(2), storePath(3)),
		"content-addressed": {NAR: text.NAR, Size: 1 << 50, CA: "fixed:r:sha256:1q8w6gl1ll0mwfkqc2c9gh1pvjfzkp8jlryv1sg2chsf9vgjwlvb"},
	} {
		c := &catalogue{key: newTestKey(t), storeDir: "/other/store"}
		s := grants.Served{Path: storePath(1), Pin: pin}
		info := c.describe(s)
		sig := c.key.sign(info)
		info.Signatures = []string{c.key.name + ":" + base64.StdEncoding.EncodeToString(sig[:])}
		if got := string(c.text(s, sig)); got != info.String() {
			t.Errorf("%s:\n%s\n%s", name, got, info)
		}
	}
}
