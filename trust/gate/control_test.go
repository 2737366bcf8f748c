package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// me is who runs the tests.
var me = uint32(os.Geteuid())

// answering serves a handler on a socket.
func answering(t *testing.T, h http.Handler) (socket string) {
	t.Helper()
	socket = t.TempDir() + "/s"
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return socket
}

func TestTheStatusSaysWhatTheGateDid(t *testing.T) {
	nar, small := contents(1, big), contents(2, 5000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar), storePath(2): pinOf(small), storePath(3): pinOf(small)}
	good, bad, empty := newUpstream(t), newUpstream(t), newUpstream(t)
	good.put(storePath(1), pins[storePath(1)], "none", nar)
	bad.put(storePath(2), pins[storePath(2)], "none", flipped(small, 9))
	var b book
	b.set(standing(t, "a", noon.Add(time.Hour), pins, good.URL, bad.URL, empty.URL), grants.Standing{State: grants.Stale, Grant: grants.Grant{Flake: "github:owner/stale"}})
	dir := t.TempDir()
	g := serve(t, Options{Grants: b.read, Epochs: dir + "/epochs", Evidence: dir + "/evidence", Problems: func() []string { return []string{"One file cannot be read."} }})
	socket := answering(t, g.Control())
	for i, n := range []int{1, 1, 2, 3} {
		g.nar(t, storePath(n))
		g.noted(t, i+1)
	}
	g.get(t, "e5/"+storePath(9).Digest()+".narinfo")
	g.get(t, storePath(9).Digest()+".narinfo")

	s, err := ReadStatus(t.Context(), socket, me)
	if err != nil {
		t.Fatal(err)
	}
	if s.PublicKey != g.key.PublicText() || s.Address != strings.TrimPrefix(g.url, "http://") || s.Paths != 3 || !s.Fresh || !s.Started.Equal(noon) {
		t.Errorf("%+v", s)
	}
	if want := (Counts{Infos: 4, Misses: 2, Contents: 2, Refused: 2, Bytes: 2 * big, Wrong: 1}); s.Served != want {
		t.Errorf("%+v", s.Served)
	}
	if len(s.Grants) != 2 || s.Grants[0] != (GrantStatus{"github:owner/a", "active", 3, noon.Add(time.Hour)}) || s.Grants[1].State != "stale" || s.Grants[1].Paths != 0 {
		t.Errorf("%+v", s.Grants)
	}
	if len(s.Evidence) != 1 || s.Evidence[0] != g.Evidence()[0] || s.Evidence[0].Cache != bad.URL || s.Evidence[0].Pinned != pins[storePath(2)].NAR {
		t.Errorf("%+v", s.Evidence)
	}
	var results []string
	for _, e := range s.Recent {
		results = append(results, e.Result+" "+e.Path[30:32])
	}
	if strings.Join(results, ", ") != "refused 03, refused 02, served 01, served 01" || s.Recent[2].Bytes != big || s.Recent[2].Cache != good.URL {
		t.Errorf("%+v", s.Recent)
	}
	byURL := map[string]CacheStatus{}
	for _, c := range s.Caches {
		byURL[c.URL] = c
	}
	if c := byURL[good.URL]; len(s.Caches) != 3 || c.Delivered != 2 || c.Bytes != 2*big || c.Wrong != 0 || c.Begins <= 0 {
		t.Errorf("%+v", s.Caches)
	}
	if byURL[bad.URL].Wrong != 1 || byURL[empty.URL].Absent < 2 || byURL[empty.URL].Failed != 0 {
		t.Errorf("%+v", s.Caches)
	}
	if len(s.Problems) != 1 || s.Problems[0] != "One file cannot be read." {
		t.Errorf("%q", s.Problems)
	}

	g.clock.Store(3600)
	if s = g.Status(); s.Grants[0].State != "expired" || s.Paths != 0 {
		t.Errorf("expired: %+v", s.Grants)
	}
	g.clock.Store(-1)
	if s = g.Status(); s.Grants[0].State != "not-yet" || s.Paths != 0 {
		t.Errorf("before: %+v", s.Grants)
	}
	again := clocked(t, g.key, dir, new(time.Time))
	if e := again.Status().Evidence; len(e) != 1 {
		t.Errorf("after a restart: %+v", e)
	}
}

func TestOnlyTheLatestEventsAreKept(t *testing.T) {
	var c tally
	for n := range mostEvents + 10 {
		c.add(Event{Bytes: int64(n), Result: Cut})
		if recent := c.recent(); recent[0].Bytes != int64(n) || recent[len(recent)-1].Bytes != int64(max(0, n-mostEvents+1)) {
			t.Fatalf("%d: %d to %d", n, recent[0].Bytes, recent[len(recent)-1].Bytes)
		}
	}
	if len(c.recent()) != mostEvents || c.counts().Refused != mostEvents+10 {
		t.Errorf("%d %+v", len(c.recent()), c.counts())
	}
}

func TestControlReloadsAndAnswersNothingElse(t *testing.T) {
	var b book
	g := serve(t, Options{Grants: b.read})
	socket := answering(t, g.Control())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	ask := func(method, path string) (int, string) {
		r, err := http.NewRequest(method, "http://gate"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	b.set(standing(t, "a", time.Time{}, pinsTo(1, 2), "https://one.example"))
	for _, want := range []string{"true", "false"} {
		if code, text := ask("POST", "/reload"); code != 200 || text != `{"changed":`+want+`,"version":1}`+"\n" {
			t.Errorf("%d %s", code, text)
		}
	}
	if g.catalogue.Load().pool.Len() != 2 {
		t.Error("it was not loaded")
	}
	for path, method := range map[string]string{"/reload": "GET", "/status": "POST", "/": "GET", "/nix-cache-info": "GET"} {
		if code, _ := ask(method, path); code < 400 {
			t.Errorf("%s %s: %d", method, path, code)
		}
	}
	if code, text := ask("GET", "/metrics"); code != 200 || !strings.Contains(text, "\nnix_trust_gate_paths 2\n") {
		t.Errorf("%d %s", code, text)
	}
}

func TestReadStatusTellsNoGateFromABrokenOne(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadStatus(t.Context(), dir+"/none", me); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.Listen("unix", dir+"/dead")
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := ReadStatus(t.Context(), dir+"/dead", me); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a socket that was left: %v", err)
	}
	say := func(code int, text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); io.WriteString(w, text) })
	}
	for name, h := range map[string]http.Handler{
		"nothing": say(200, ""), "not found": say(404, `{"version":1}`), "no JSON": say(200, "<html>"), "version 2": say(200, `{"version":2}`), "no version": say(200, "{}"),
		"wrong kinds": say(200, `{"version":1,"epoch":"x"}`), "no such path": say(200, `{"version":1,"evidence":[{"path":"../x"}]}`),
		"cut": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"version":1`)
		}),
	} {
		if s, err := ReadStatus(t.Context(), answering(t, h), me); err == nil || s.Version != 0 {
			t.Errorf("%s: %v %+v", name, err, s)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hangs := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if _, err := ReadStatus(ctx, answering(t, hangs), me); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it hangs: %v", err)
	}
}

// A stuck is a client that does not read.
type stuck struct {
	*httptest.ResponseRecorder
	came, gone chan struct{}
}

func (s stuck) Write(p []byte) (int, error) { s.came <- struct{}{}; <-s.gone; return len(p), nil }

func TestWhoDoesNotReadAStatusDoesNotFillTheMemory(t *testing.T) {
	g := serve(t, Options{})
	h := g.Control()
	ask := func() *http.Request { return httptest.NewRequest("GET", "http://gate/status", nil) }
	s := stuck{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	var all sync.WaitGroup
	for range mostAsking {
		all.Go(func() { h.ServeHTTP(stuck{httptest.NewRecorder(), s.came, s.gone}, ask()) })
		<-s.came
	}
	full := httptest.NewRecorder()
	if h.ServeHTTP(full, ask()); full.Code != 503 {
		t.Errorf("another answer is made beside %d: %d", mostAsking, full.Code)
	}
	close(s.gone)
	all.Wait()
	again := httptest.NewRecorder()
	if h.ServeHTTP(again, ask()); again.Code != 200 {
		t.Error(again.Code)
	}
}

func TestAnotherUsersSocketIsNotTakenForAGate(t *testing.T) {
	g := serve(t, Options{})
	socket := answering(t, g.Control())
	if s, err := ReadStatus(t.Context(), socket, me+1, me+2); !errors.Is(err, os.ErrPermission) || s.PublicKey != "" {
		t.Errorf("%v %+v", err, s)
	}
	if s, err := ReadStatus(t.Context(), socket); !errors.Is(err, os.ErrPermission) || s.PublicKey != "" {
		t.Errorf("nobody may run it: %v %+v", err, s)
	}
	if _, err := ReadStatus(t.Context(), socket, me+1, me); err != nil {
		t.Error(err)
	}
}

// What a status says ends up in NIX_CONFIG, a line of which can turn anything off.
func TestAStatusPutsNothingElseIntoAConfiguration(t *testing.T) {
	g := serve(t, Options{})
	key := g.key.PublicText()
	for name, change := range map[string]func(*Status){
		"a line behind the key":     func(s *Status) { s.PublicKey += "\nsandbox = false" },
		"a line in the key's name":  func(s *Status) { s.PublicKey = "x\nsandbox = false\n" + key },
		"two keys":                  func(s *Status) { s.PublicKey = "x " + key },
		"no key":                    func(s *Status) { s.PublicKey = "" },
		"an epoch of another kind":  func(s *Status) { s.Epoch = 8 },
		"a line behind the address": func(s *Status) { s.Address = "127.0.0.1:80\nsandbox = false" },
		"a URL behind the address":  func(s *Status) { s.Address = "127.0.0.1:80/ http" },
		"another machine":           func(s *Status) { s.Address = "192.0.2.1:80" },
	} {
		s := g.Status()
		change(&s)
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(s) })
		if got, err := ReadStatus(t.Context(), answering(t, h), me); err == nil || got.PublicKey != "" {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}

func TestAStatusWithoutAnythingHasListsInJSON(t *testing.T) {
	g := serve(t, Options{})
	text, err := json.Marshal(g.Status())
	if err != nil || bytes.Contains(text, []byte("null")) {
		t.Errorf("%v %s", err, text)
	}
}

var metricLine = regexp.MustCompile(`^nix_trust_gate_[a-z_]+(\{[a-z]+="([^"\\\n]|\\[\\"n])*"\})? -?[0-9][0-9.e+-]*$`)

func TestMetricsAreWellFormedWhateverTheURLsAre(t *testing.T) {
	s := Status{Caches: []CacheStatus{{URL: "https://a\"b\\c\nd\xff", Begins: time.Millisecond, Bytes: 1 << 60}}, Grants: []GrantStatus{{State: "active"}, {State: "a\"}\nx 1"}}}
	seen := map[string]bool{}
	for line := range strings.Lines(string(metrics(s))) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if name = strings.Fields(name)[0]; seen[name] {
				t.Errorf("%s comes twice", name)
			}
			seen[name] = true
		} else if !strings.HasPrefix(line, "# HELP ") && !metricLine.MatchString(line) {
			t.Errorf("%q", line)
		}
	}
	if len(seen) < 15 {
		t.Errorf("%d metrics", len(seen))
	}
}

func TestMetricsAreForThisMachine(t *testing.T) {
	g := serve(t, Options{})
	s := httptest.NewServer(g.Metrics())
	defer s.Close()
	for host, want := range map[string]int{"": 200, "evil.example": 403} {
		r, _ := http.NewRequest("GET", s.URL+"/metrics", nil)
		if host != "" {
			r.Host = host
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%q: %d", host, answer.StatusCode)
		}
	}
	if r, err := http.Get(s.URL + "/status"); err != nil || r.StatusCode != 404 {
		t.Errorf("%v %v", r, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestCachesWithCredentialsAreInNoGrant(t *testing.T) {
	// What Status and Metrics show of a cache is as a lock has it.
	for _, url := range []string{"https://user:secret@one.example", "https://one.example?token=secret", "https://one.example#secret"} {
		if lock.CheckURL(url) == nil {
			t.Errorf("a lock may have %s", url)
		}
	}
}
