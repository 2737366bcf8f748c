package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

const system = "x86_64-linux"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func storePath(n int) lock.StorePath { return lock.StorePath(fmt.Sprintf("%032d-thing-%d", n, n)) }

// contents are bytes that do not pack well, the same ones for a seed.
func contents(seed uint64, size int) []byte {
	out := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), 1})
	r.Read(out)
	return out
}

func pinOf(nar []byte, refs ...lock.StorePath) lock.Pin {
	return lock.Pin{NAR: sha256.Sum256(nar), Size: int64(len(nar)), Refs: refs}
}

// standing is an active grant of these pins from these caches.
func standing(t testing.TB, flake string, expires time.Time, pins map[lock.StorePath]lock.Pin, urls ...string) grants.Standing {
	t.Helper()
	l := lock.New()
	for _, u := range urls {
		l.Caches = append(l.Caches, lock.Cache{URL: u, Keys: []string{"k-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="}})
	}
	for p, pin := range pins {
		l.Section(system).Paths[p] = pin
	}
	digest, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	id := grants.Identity("github:owner/" + flake)
	g := grants.Grant{Flake: id, Lock: digest, Caches: l.Caches, Systems: []string{system}, Granted: noon, Expires: expires}
	s := grants.Judge(id, []grants.Scope{{Path: "/g.toml", File: &grants.File{Version: grants.Version, Grants: []grants.Grant{g}}}},
		noon, grants.ReadBack(l, nil), grants.Offer{State: grants.OfferNone})
	if !s.Serves() {
		t.Fatal(s.Text)
	}
	return s
}

// upstream is a cache that can be made to misbehave.
type upstream struct {
	*httptest.Server
	asked atomic.Int32

	mu      sync.Mutex
	says    map[string]string // digest → narinfo
	files   map[string][]byte // what it delivers
	handler func(w http.ResponseWriter, r *http.Request) bool
}

func newUpstream(t testing.TB) *upstream {
	u := &upstream{says: map[string]string{}, files: map[string][]byte{}}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.asked.Add(1)
		u.mu.Lock()
		handler, file := u.handler, u.files[r.URL.Path]
		text := u.says[strings.TrimSuffix(r.URL.Path[1:], ".narinfo")]
		u.mu.Unlock()
		switch {
		case handler != nil && handler(w, r):
		case text != "":
			io.WriteString(w, text)
		case file != nil:
			w.Write(file)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// put says that a path is pin, and delivers file for it.
func (u *upstream) put(path lock.StorePath, pin lock.Pin, compression string, file []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := bincache.NarInfo{StoreDir: bincache.DefaultStoreDir, Path: path, URL: "nar/" + path.Digest(), Compression: compression,
		NarHash: pin.NAR, NarSize: uint64(pin.Size), References: pin.Refs}
	u.says[path.Digest()] = n.String()
	u.files["/nar/"+path.Digest()] = file
}

func (u *upstream) handle(f func(w http.ResponseWriter, r *http.Request) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.handler = f
}

func packed(t testing.TB, nar []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(nar, nil)
}

// served is a gate that listens.
type served struct {
	*Gate
	url   string
	clock atomic.Int64 // seconds after noon
}

func serve(t testing.TB, o Options, standings ...grants.Standing) *served {
	t.Helper()
	s := &served{}
	if o.Key == nil {
		key, err := MakeKey(t.TempDir()+"/gate.key", KeyName("host"))
		if err != nil {
			t.Fatal(err)
		}
		o.Key = key
	}
	o.Now = func() time.Time { return noon.Add(time.Duration(s.clock.Load()) * time.Second) }
	gate, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Gate = gate
	if o.Grants == nil {
		gate.Load(standings)
	}
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- gate.Serve(ctx, listener) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// get asks the gate; err is that of reading the body.
func (s *served) get(t testing.TB, path string) (status int, body []byte, err error) {
	t.Helper()
	r, err := http.Get(s.url + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	return r.StatusCode, body, err
}

// noted waits until so many questions for contents have ended: a client has all
// of an answer a moment before the gate has noted it.
func (s *served) noted(t testing.TB, events int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(s.tally.recent()) < events; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d are noted", len(s.tally.recent()), events)
		}
	}
}

// nar asks for a path's contents as the narinfo names them.
func (s *served) nar(t testing.TB, path lock.StorePath) (status int, body []byte, err error) {
	t.Helper()
	code, text, err := s.get(t, path.Digest()+".narinfo")
	if code != 200 || err != nil {
		t.Fatal(code, err)
	}
	n, err := bincache.ParseNarInfo("", text)
	if err != nil {
		t.Fatal(err)
	}
	return s.get(t, n.URL)
}

func TestOnlyWhatIsPinnedIsServed(t *testing.T) {
	nar := contents(1, 700_000)
	pin := pinOf(nar, storePath(1), storePath(2))
	up := newUpstream(t)
	up.put(storePath(1), pin, "zstd", packed(t, nar))
	up.put(storePath(3), pinOf(nar), "none", nar) // not pinned
	g := serve(t, Options{}, standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL))

	code, text, _ := g.get(t, storePath(1).Digest()+".narinfo")
	n, err := bincache.ParseNarInfo("", text)
	if code != 200 || err != nil {
		t.Fatal(code, err)
	}
	ring := bincache.NewKeyring([]string{g.key.Public().String()})
	if c := bincache.CheckSignatures(n, ring); c.Verdict != bincache.Verified || len(n.References) != 2 || n.NarHash != pin.NAR {
		t.Errorf("%+v %s", c, text)
	}
	for _, missing := range []string{"", "/", "x", storePath(3).Digest() + ".narinfo", "nar/" + storePath(1).Digest() + ".nar", "nar/" + storePath(3).Digest() + "-x.nar",
		strings.Replace(n.URL, ".nar", ".nar.zst", 1), strings.ToUpper(n.URL), "/" + n.URL, "nix-cache-info/", "log/" + string(storePath(1)), storePath(1).Digest() + ".ls"} {
		if code, _, _ := g.get(t, missing); code != 404 {
			t.Errorf("%q: %d", missing, code)
		}
	}
	if up.asked.Load() != 0 {
		t.Errorf("%d questions were asked for narinfos and misses", up.asked.Load())
	}
	if code, info, _ := g.get(t, "nix-cache-info"); code != 200 || string(info) != "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n" {
		t.Errorf("%d %s", code, info)
	}
	if code, body, err := g.get(t, n.URL); code != 200 || err != nil || !bytes.Equal(body, nar) {
		t.Errorf("%d, %d bytes, %v", code, len(body), err)
	}
	if up.asked.Load() != 2 || len(g.Evidence()) != 0 {
		t.Errorf("%d questions, %v", up.asked.Load(), g.Evidence())
	}
	r, err := http.Head(g.url + "/" + n.URL)
	if err != nil || r.StatusCode != 200 || r.ContentLength != pin.Size || r.Header.Get("Server") != "" {
		t.Errorf("%v %v", r, err)
	}
	req, _ := http.NewRequest("GET", g.url+"/"+n.URL, nil)
	req.Header.Set("Range", "bytes=500000-")
	if r, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != 200 || r.Header.Get("Accept-Ranges") != "none" || !bytes.Equal(body, nar) || err != nil {
		t.Errorf("a part was asked for: %d, %d bytes, %v", r.StatusCode, len(body), err)
	}
}

func TestAGateWithoutGrantsServesNothing(t *testing.T) {
	g := serve(t, Options{})
	if code, _, _ := g.get(t, storePath(1).Digest()+".narinfo"); code != 404 {
		t.Error(code)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a gate was made without a key")
	}
}

func TestRequestsFromElsewhereAreRefused(t *testing.T) {
	g := serve(t, Options{})
	port := g.url[strings.LastIndexByte(g.url, ':'):]
	for host, want := range map[string]int{"127.0.0.1" + port: 200, "localhost" + port: 200, "[::1]" + port: 200,
		"evil.example" + port: 403, "127.0.0.1": 403, "127.0.0.1:1": 403, "localhost.evil.example" + port: 403, "2130706433" + port: 403} {
		req, _ := http.NewRequest("GET", g.url+"/nix-cache-info", nil)
		req.Host = host
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d", host, r.StatusCode)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "GET"} {
		req, _ := http.NewRequest(method, g.url+"/nix-cache-info", strings.NewReader("x"))
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 404 {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "localhost:0", "127.0.0.1", "", "127.0.0.1:http", "127.0.0.1:", "127.0.0.1:0\n", "[::1%lo]:0"} {
		if l, err := Listen(t.Context(), address); err == nil {
			l.Close()
			t.Errorf("it listens on %q", address)
		}
	}
	bare := httptest.NewRecorder() // no address of the server is known
	g.ServeHTTP(bare, httptest.NewRequest("GET", "http://127.0.0.1/nix-cache-info", nil))
	if bare.Code != 403 {
		t.Error(bare.Code)
	}
	for from, want := range map[string]int{"127.0.0.1:5": 200, "[::ffff:127.0.0.1]:5": 200, "192.0.2.1:5": 403, "": 403} {
		r := httptest.NewRequest("GET", "http://127.0.0.1/nix-cache-info", nil)
		r.RemoteAddr = from
		at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
		said := httptest.NewRecorder()
		g.ServeHTTP(said, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(at))))
		if said.Code != want {
			t.Errorf("from %q: %d", from, said.Code)
		}
	}
}

func TestAPageInABrowserLearnsNothing(t *testing.T) {
	p := map[lock.StorePath]lock.Pin{storePath(1): pinOf(contents(1, 1000))}
	g := serve(t, Options{})
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, p, "https://a.example")})
	for header, want := range map[[2]string]int{
		{"Sec-Fetch-Site", "cross-site"}: 403, {"Sec-Fetch-Site", "same-site"}: 403, {"Origin", "https://evil.example"}: 403, {"Origin", "null"}: 403,
		{"Sec-Fetch-Site", "none"}: 200, {"User-Agent", "curl/8 Nix/2.34"}: 200,
	} {
		for _, n := range []int{1, 2} {
			req, _ := http.NewRequest("GET", g.url+"/"+storePath(n).Digest()+".narinfo", nil)
			req.Header.Set(header[0], header[1])
			r, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			if want == 200 && n == 2 {
				continue // it is not pinned
			}
			if r.StatusCode != want {
				t.Errorf("%v, path %d: %d", header, n, r.StatusCode)
			}
		}
	}
}

func TestAGateAnswersAtEveryAddressThatItMayListenOn(t *testing.T) {
	g := serve(t, Options{})
	for _, address := range []string{"127.0.0.2:0", "[::1]:0"} {
		l, err := Listen(t.Context(), address)
		if err != nil {
			t.Logf("%s: %v", address, err) // macOS has the first alone
			continue
		}
		go g.Serve(t.Context(), l)
		r, err := http.Get("http://" + l.Addr().String() + "/nix-cache-info")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 200 {
			t.Errorf("on %s it answers %d", address, r.StatusCode)
		}
	}
}

func TestExpiredAndRevokedGrantsServeNothing(t *testing.T) {
	nar := contents(1, 1000)
	up := newUpstream(t)
	p := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up.put(storePath(1), p[storePath(1)], "none", nar)
	hour := standing(t, "a", noon.Add(time.Hour), p, up.URL)
	g := serve(t, Options{}, hour)
	url := narURL(grants.Served{Path: storePath(1), Pin: p[storePath(1)]})
	want := func(why string, status int) {
		t.Helper()
		for _, path := range []string{storePath(1).Digest() + ".narinfo", url} {
			if code, _, _ := g.get(t, path); code != status {
				t.Errorf("%s: %s: %d", why, path, code)
			}
		}
	}
	want("granted", 200)
	g.clock.Store(3599)
	want("in the last second", 200)
	g.clock.Store(3600)
	want("expired", 404)
	g.clock.Store(-1)
	want("before it was granted", 404)
	g.clock.Store(1)
	want("the clock is right again", 200)
	g.Load(nil)
	want("revoked", 404)
	other := pinOf(contents(2, 1000))
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): other}, up.URL)})
	if code, _, _ := g.get(t, url); code != 404 {
		t.Errorf("a URL of other bytes than those pinned now: %d", code)
	}
}

func TestGrantsThatDisagreeServeNeitherUntilOneEnds(t *testing.T) {
	nar := contents(1, 1000)
	up := newUpstream(t)
	good := pinOf(nar)
	up.put(storePath(1), good, "none", nar)
	a := standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): good}, up.URL)
	b := standing(t, "b", noon.Add(time.Minute), map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar, storePath(2))}, up.URL)
	g := serve(t, Options{}, a, b)
	url := narURL(grants.Served{Path: storePath(1), Pin: good})
	for _, path := range []string{storePath(1).Digest() + ".narinfo", url} {
		if code, _, _ := g.get(t, path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	if len(g.Conflicts()) != 1 {
		t.Errorf("%v", g.Conflicts())
	}
	g.clock.Store(60)
	if code, body, err := g.nar(t, storePath(1)); code != 200 || err != nil || !bytes.Equal(body, nar) || len(g.Conflicts()) != 0 {
		t.Errorf("%d %v %v", code, err, g.Conflicts())
	}
}
