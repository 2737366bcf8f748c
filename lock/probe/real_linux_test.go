package probe

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A family is some caches that write down who is asked for narinfos, in order.
type family struct {
	mu    sync.Mutex
	asked []string
	now   int
	most  int
	delay time.Duration
}

// member adds a cache whose nix-cache-info has a status and a text.
func (f *family) member(t *testing.T, name string, status int, info string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
			w.WriteHeader(status)
			io.WriteString(w, info)
			return
		}
		f.mu.Lock()
		f.asked = append(f.asked, name)
		f.now++
		f.most = max(f.most, f.now)
		f.mu.Unlock()
		time.Sleep(f.delay)
		f.mu.Lock()
		f.now--
		f.mu.Unlock()
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (f *family) took() (asked []string, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked, most = f.asked, f.most
	f.asked, f.most = nil, 0
	return asked, most
}

// A builder is a Nix with a store and a memory of its own.
type builder struct {
	nix     realnix.Nix
	outside string
	dir     string
	env     []string
	runs    int
}

func newBuilder(t *testing.T, nix realnix.Nix) *builder {
	outside, inside := nix.Dir(t)
	return &builder{nix: nix, outside: outside, dir: inside}
}

// build lets Nix look for n tiny things more than one, of which no cache has
// any, and which nobody was asked for before.
func (b *builder) build(t *testing.T, n int, urls []string, flags ...string) realnix.Result {
	t.Helper()
	b.runs++
	expr := fmt.Sprintf(`let one = n: derivation { name = "probe-%d-${toString n}"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo $n > $out" ]; inherit n; };
in derivation { name = "probe-%d"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; all = builtins.genList one %d; }`, b.runs, b.runs, n)
	return b.nix.Run(t, realnix.Cmd{
		Args: append([]string{"nix-build", "--dry-run", "--option", "substituters", strings.Join(urls, " "), "--option", "substitute", "true", "-E", expr}, flags...),
		Env: append([]string{"HOME=" + b.dir, "NIX_CONF_DIR=" + b.dir, "NIX_REMOTE=",
			"NIX_STATE_DIR=" + b.dir + "/var", "NIX_LOG_DIR=" + b.dir + "/log"}, b.env...),
	})
}

// build is that with a Nix that remembers nothing.
func build(t *testing.T, nix realnix.Nix, n int, urls []string, flags ...string) realnix.Result {
	t.Helper()
	return newBuilder(t, nix).build(t, n, urls, flags...)
}

// What Order says is the order in which Nix really asks.
func TestRealNixAsksInTheOrderThatIsSaid(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		f := &family{}
		info := func(rest string) string { return "StoreDir: /nix/store\n" + rest }
		names := []string{"forty", "none", "teapot", "ten", "forty again", "a page", "another store", "gone", "private", "minus", "five in its URL", "two lines", "no number in its URL"}
		urls := []string{
			f.member(t, "forty", 200, info("Priority: 40\n")),
			f.member(t, "none", 200, info("")),
			f.member(t, "teapot", 418, ""),
			f.member(t, "ten", 200, info("Priority: 10 or so\r\n")),
			f.member(t, "forty again", 200, info("Priority: 40\n")),
			f.member(t, "a page", 200, "<html>\n<p>hello</p>\n"),
			f.member(t, "another store", 200, "StoreDir: /gnu/store\nPriority: high\n"),
			f.member(t, "gone", 404, ""),
			f.member(t, "private", 401, ""),
			f.member(t, "minus", 200, info("Priority: -1\n")),
			f.member(t, "five in its URL", 200, info("Priority: 90\n")) + "?priority=5",
			f.member(t, "two lines", 200, info("Priority: 1\nPriority: 39\n")),
			f.member(t, "no number in its URL", 200, info("Priority: 3\n")) + "?priority=soon",
		}
		var want []string
		asked, rest := Order(All(context.Background(), urls, Options{Times: 1, AtOnce: 2}))
		f.took()
		for _, i := range asked {
			want = append(want, names[i])
		}
		if len(rest) > 0 || len(want) != 8 {
			t.Fatalf("%q, and unknown %v", want, rest)
		}
		r := build(t, nix, 0, urls)
		if r.Code != 0 {
			t.Fatalf("%d %s", r.Code, r.Stderr)
		}
		if got, _ := f.took(); !slices.Equal(got, want) {
			t.Errorf("Nix asks %q, and %q was said\n%s", got, want, r.Stderr)
		}
		for _, said := range []string{"/gnu/store", "418"} {
			if !strings.Contains(r.Stderr, said) {
				t.Errorf("Nix goes on without one and does not say %q: %s", said, r.Stderr)
			}
		}
	})
}

// A cache of which a probe says that it stops Nix does.
func TestRealNixStopsAtAPriorityThatIsNoNumber(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		for _, c := range []struct {
			info string
			want Effect
		}{
			{"Priority: high\n", Stops},
			{"Priority: 99999999999\n", Stops},
			{"Priority:\n", Stops},
			{"Priority: 7up\n", Asks},
		} {
			f := &family{}
			urls := []string{f.member(t, "good", 200, goodInfo), f.member(t, "odd", 200, c.info)}
			if r := Cache(context.Background(), urls[1], Options{Times: 1}); r.Effect != c.want || r.Outcome != Reachable {
				t.Errorf("%q: %v %v", c.info, r.Outcome, r.Effect)
			}
			f.took()
			r := build(t, nix, 0, urls)
			got, _ := f.took()
			if stopped := r.Code != 0; stopped != (c.want == Stops) || stopped != (len(got) == 0) {
				t.Errorf("%q: Nix ends with %d, asked %q and says %s", c.info, r.Code, got, r.Stderr)
			}
			if c.want == Stops && !strings.Contains(r.Stderr, "stoi") {
				t.Errorf("%q: %s", c.info, r.Stderr)
			}
		}
	})
}

// What a probe says of a refusal is what Nix does.
func TestRealNixAtRefusals(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		for _, status := range []int{401, 403, 404, 410} {
			info := serve(t, goodInfo, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			if r := build(t, nix, 0, []string{info}); r.Code != 0 {
				t.Errorf("a miss with %d is no miss to Nix: %s", status, r.Stderr)
			}
			none := serve(t, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			if r := build(t, nix, 0, []string{none}); r.Code != 0 || !strings.Contains(r.Stderr, "warning: ") {
				t.Errorf("a nix-cache-info with %d: %d %s", status, r.Code, r.Stderr)
			}
		}
		page := serve(t, goodInfo, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>\n") })
		if r := build(t, nix, 0, []string{page}); r.Code == 0 {
			t.Errorf("a page for a narinfo does not stop Nix: %s", r.Stderr)
		}
	})
}

// A cache that is not there is left out, unless Nix remembers that it was: then
// the build fails, if it may not fall back to building.
func TestRealNixAtACacheThatIsGone(t *testing.T) {
	once := []string{"--option", "download-attempts", "1"}
	fallback := append([]string{"--fallback"}, once...)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		fails := serve(t, goodInfo, status(500))
		if r := build(t, nix, 0, []string{fails}, once...); r.Code == 0 {
			t.Errorf("a miss with 500 does not fail the build: %s", r.Stderr)
		}
		if r := build(t, nix, 0, []string{fails}, fallback...); r.Code != 0 {
			t.Errorf("a miss with 500 fails the build in spite of fallback: %s", r.Stderr)
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
				io.WriteString(w, goodInfo)
				return
			}
			http.NotFound(w, r)
		}))
		b := newBuilder(t, nix)
		if r := b.build(t, 0, []string{s.URL}, once...); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		s.Close()
		broken := serve(t, "", status(502))
		if r := Cache(context.Background(), s.URL, Options{Times: 1}); r.Outcome != Unreachable || r.Effect != Skips {
			t.Errorf("%v %v", r.Outcome, r.Effect)
		}
		if r := build(t, nix, 0, []string{s.URL, broken}, once...); r.Code != 0 || strings.Count(r.Stderr, "warning: ") < 2 {
			t.Errorf("Nix does not go on without: %d %s", r.Code, r.Stderr)
		}
		if r := b.build(t, 0, []string{s.URL}, once...); r.Code == 0 {
			t.Errorf("Nix goes on without one that it remembers: %s", r.Stderr)
		}
		if r := b.build(t, 0, []string{s.URL}, fallback...); r.Code != 0 {
			t.Errorf("Nix fails in spite of fallback: %s", r.Stderr)
		}
	})
}

// A priority that has changed is not noticed for seven days.
func TestRealNixRemembersThePriority(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		f := &family{}
		one := f.member(t, "one", 200, "Priority: 10\n")
		var info atomic.Value
		info.Store("Priority: 20\n")
		changing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
				io.WriteString(w, info.Load().(string))
				return
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.asked = append(f.asked, "changing")
			http.NotFound(w, r)
		}))
		t.Cleanup(changing.Close)
		b := newBuilder(t, nix)
		b.build(t, 0, []string{one, changing.URL})
		info.Store("Priority: 1\n")
		b.build(t, 0, []string{one, changing.URL})
		if got, _ := f.took(); !slices.Equal(got, []string{"one", "changing", "one", "changing"}) {
			t.Errorf("%q", got)
		}
	})
}

// Nix goes by authorities of its own, so that a certificate which is not believed
// here says nothing about it.
func TestRealNixHasAuthoritiesOfItsOwn(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		var missed atomic.Int32
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
				io.WriteString(w, goodInfo)
				return
			}
			missed.Add(1)
			http.NotFound(w, r)
		}))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		if r := Cache(context.Background(), s.URL, Options{}); r.Outcome != Unknown || r.Effect != EffectUnknown {
			t.Errorf("%v %v", r.Outcome, r.Effect)
		}
		b := newBuilder(t, nix)
		if r := b.build(t, 0, []string{s.URL}, "--option", "download-attempts", "1"); r.Code != 0 || missed.Load() != 0 || !strings.Contains(r.Stderr, "warning: ") {
			t.Errorf("%d, asked %d times: %s", r.Code, missed.Load(), r.Stderr)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
		if err := os.WriteFile(filepath.Join(b.outside, "ca.pem"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		b.env = []string{"NIX_SSL_CERT_FILE=" + b.dir + "/ca.pem"}
		if r := b.build(t, 0, []string{s.URL}, "--option", "download-attempts", "1"); r.Code != 0 || missed.Load() != 1 {
			t.Errorf("%d, asked %d times: %s", r.Code, missed.Load(), r.Stderr)
		}
	})
}

// The cost of keeping a cache rests on how many it is asked for at a time.
func TestRealNixAsksForAsManyAtATimeAsIsSaid(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		for setting, delay := range map[string]time.Duration{"": 100 * time.Millisecond, "4": 40 * time.Millisecond, "0": 20 * time.Millisecond} {
			f := &family{delay: delay}
			url := f.member(t, "slow", 200, goodInfo)
			var flags []string
			if setting != "" {
				flags = []string{"--option", "http-connections", setting}
			}
			const paths = 120
			start := time.Now()
			r := build(t, nix, paths-1, []string{url}, flags...)
			took := time.Since(start)
			asked, most := f.took()
			atOnce := AtOnce(setting, runtime.NumCPU())
			least := Cost(f.delay, paths, atOnce)
			if r.Code != 0 || len(asked) != paths || most > atOnce || most < min(atOnce, 25)-2 || took < least {
				t.Errorf("%q: Nix ends with %d, asks %d times, %d at a time, in %v; %d at a time and %v were said\n%s", setting, r.Code, len(asked), most, took, atOnce, least, r.Stderr)
			}
			t.Logf("http-connections %q: %d at a time, %v for %d misses of %v; at least %v was said", setting, most, took, len(asked), f.delay, least)
		}
	})
}
