package probe

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

const (
	goodInfo = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 41\n"
	hello    = bincache.StorePath("a0000000000000000000000000000000-hello")
)

// serve is a cache that says info, and answers the rest by other, 404 when nil.
func serve(t *testing.T, info string, other http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/nix-cache-info") && info != "":
			io.WriteString(w, info)
		case other != nil:
			other(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestAProbeSaysWhatACacheIs(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	for name, c := range map[string]struct {
		url     string
		outcome Outcome
		effect  Effect
		status  int
		miss    MissAnswer
		text    string
	}{
		"a good one":                  {serve(t, goodInfo, nil), Reachable, Asks, 200, MissAbsent, "answers as a binary cache"},
		"one that lists nothing":      {serve(t, goodInfo, status(403)), Reachable, Asks, 200, MissRefused, ""},
		"one that has a page for all": {serve(t, goodInfo, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }), Reachable, Asks, 200, MissOdd, ""},
		"one that fails at a miss":    {serve(t, goodInfo, status(500)), Reachable, Asks, 200, MissFailed, ""},
		"another store's":             {serve(t, "StoreDir: /gnu/store\n", nil), WrongStore, Skips, 200, MissUnknown, "/gnu/store"},
		"another store's, no number":  {serve(t, "StoreDir: /gnu/store\nPriority: x\n", nil), WrongStore, Skips, 200, MissUnknown, "/gnu/store"},
		"a page":                      {serve(t, "<html>\n<p>hello</p>\n", nil), NotACache, Asks, 200, MissUnknown, "with priority 0"},
		"no such file":                {serve(t, "", nil), NotACache, Skips, 404, MissUnknown, "no nix-cache-info"},
		"a teapot":                    {serve(t, "", status(418)), NotACache, Skips, 418, MissUnknown, "418"},
		"a private one":               {serve(t, "", status(401)), Forbidden, Skips, 401, MissUnknown, "netrc"},
		"a forbidden one":             {serve(t, "", status(403)), Forbidden, Skips, 403, MissUnknown, "403"},
		"a broken one":                {serve(t, "", status(502)), Unreachable, Skips, 502, MissUnknown, "502"},
		"nobody":                      {"http://" + dead.Addr().String(), Unreachable, Skips, 0, MissUnknown, "cannot be reached"},
		"a priority in words":         {serve(t, "StoreDir: /nix/store\nPriority: high\n", nil), Reachable, Stops, 200, MissAbsent, "Priority is \"high\""},
		"a priority in its URL":       {serve(t, goodInfo, nil) + "?priority=soon", Reachable, Skips, 200, MissAbsent, "not a number"},
		"another kind":                {"s3://bucket", Unknown, EffectUnknown, 0, MissUnknown, "only these are read"},
		"no URL":                      {"http://a b\x00:c", Unknown, EffectUnknown, 0, MissUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Cache(context.Background(), c.url, Options{Deadline: 2 * time.Second})
			if r.Outcome != c.outcome || r.Effect != c.effect || r.Status != c.status || r.Miss.Answer != c.miss || !strings.Contains(r.Text, c.text) || r.Text == "" {
				t.Errorf("%v %v %d %v %q", r.Outcome, r.Effect, r.Status, r.Miss.Answer, r.Text)
			}
			if r.Outcome == Reachable && r.Effect == Asks && (!r.Hit.Known() || r.Hit.Times != 4 || r.Hit.First <= 0 || r.Miss.Typical <= 0) {
				t.Errorf("it was not timed: %+v", r)
			}
			if r.TLS != nil || r.Encrypted || r.Credentials || r.At.IsZero() || len(r.Paths) != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A probe tells nobody what the user has.
// What a cache says last is not all that it said.
func TestAMissThatWasRefusedOnceIsNoPlainMiss(t *testing.T) {
	for name, first := range map[string]int32{"first": 1, "last": 4} {
		var asked atomic.Int32
		r := Cache(t.Context(), serve(t, goodInfo, func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == first {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			w.WriteHeader(http.StatusNotFound)
		}), Options{})
		if r.Miss.Answer != MissRefused || r.Miss.Status != http.StatusForbidden || r.Miss.Text == "" {
			t.Errorf("%s: %+v", name, r.Miss)
		}
	}
}

func TestAProbeAsksForNothingReal(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	url := serve(t, goodInfo, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		http.NotFound(w, r)
	})
	Cache(context.Background(), url+"/deep", Options{})
	if len(asked) != 4 {
		t.Fatalf("%q", asked)
	}
	slices.Sort(asked)
	if len(slices.Compact(asked)) != 4 {
		t.Errorf("what is asked twice is answered out of what is kept between: %q", asked)
	}
	for _, a := range asked {
		digest, ok := strings.CutSuffix(strings.TrimPrefix(a, "/deep/"), ".narinfo")
		if _, err := bincache.ParseStorePath(digest + "-x"); err != nil || !ok || len(digest) != 32 {
			t.Errorf("%q: %v", a, err)
		}
	}
}

// None of these may hold a probe up, make it believe something or panic.
func TestAHostileCacheCostsATimeThatIsBounded(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		line := []byte(strings.Repeat("x", 1000) + "\n")
		for r.Context().Err() == nil {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}
	loop := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/secret", http.StatusFound)
	}
	file := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(302)
	}
	headers := func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("y", 4000))
		}
	}
	wait := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(503)
	}
	bomb := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "\x1f\x8b no gzip at all")
	}
	escape := func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "StoreDir: /\x1b[31mred\x1b[0m\nPriority: \x1b]0;x\x07\n")
	}
	for name, handler := range map[string]http.HandlerFunc{
		"endless": endless, "hang": hang, "drip": drip, "loop": loop, "away": away, "file": file, "headers": headers, "wait": wait, "bomb": bomb, "escape": escape,
	} {
		for _, at := range []string{"info", "miss"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				t.Parallel()
				info := ""
				if at == "miss" {
					info = goodInfo
				}
				start := time.Now()
				r := Cache(context.Background(), serve(t, info, handler), Options{Deadline: 300 * time.Millisecond, Paths: []bincache.StorePath{hello, hello, hello}})
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				if at == "info" && (r.Outcome == Reachable || r.Effect == Asks) {
					t.Errorf("%v %v %s", r.Outcome, r.Effect, r.Text)
				}
				if at == "miss" && (r.Miss.Answer == MissAbsent || r.Miss.Answer == MissUnknown || r.Miss.Text == "") {
					t.Errorf("%+v", r.Miss)
				}
				for _, p := range r.Paths {
					if p.State != PathUnknown && p.State != PathCorrupt {
						t.Errorf("%v %s", p.State, p.Text)
					}
				}
				if len(r.Text) > 4000 {
					t.Errorf("%d bytes of text", len(r.Text))
				}
			})
		}
	}
}

func TestAnInterruptedProbeSaysNothingOfTheCache(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	url := serve(t, "", func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if r := Cache(ctx, url, Options{}); r.Outcome != Unknown || r.Effect != EffectUnknown || r.Text == "" {
		t.Errorf("%+v", r)
	}
}

func TestCachesAreProbedAFewAtATimeAndInOrder(t *testing.T) {
	var now, most atomic.Int32
	var urls []string
	for i := range 7 {
		urls = append(urls, serve(t, "", func(w http.ResponseWriter, r *http.Request) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(20 * time.Millisecond)
			now.Add(-1)
			if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
				fmt.Fprintf(w, "Priority: %d\n", i)
				return
			}
			http.NotFound(w, r)
		}))
	}
	last := 0
	got := All(context.Background(), urls, Options{AtOnce: 3, Times: 2, Progress: func(done, all int) {
		if done != last+1 || all != 7 {
			t.Errorf("%d of %d", done, all)
		}
		last = done
	}})
	for i, r := range got {
		if r.Priority != i || r.URL != urls[i] {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if most.Load() > 3 || last != 7 {
		t.Errorf("%d at once, %d done", most.Load(), last)
	}
}

func TestCredentialsAreSentToTheirHostAndNeverShown(t *testing.T) {
	url := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "hunter2" {
			w.WriteHeader(401)
			return
		}
		if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
			io.WriteString(w, goodInfo)
			return
		}
		http.NotFound(w, r)
	})
	if r := Cache(context.Background(), url, Options{}); r.Outcome != Forbidden || r.Credentials {
		t.Errorf("%+v", r)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	netrc := bincache.ParseNetrc([]byte("machine " + host + " login a password hunter2\n"))
	if r := Cache(context.Background(), url, Options{Netrc: netrc}); r.Outcome != Reachable || !r.Credentials {
		t.Errorf("%+v", r)
	}
	inURL := strings.Replace(url, "http://", "http://a:hunter2@", 1) + "/?token=hunter2"
	if r := Cache(context.Background(), inURL, Options{}); r.Outcome != Reachable || !r.Credentials || strings.Contains(fmt.Sprintf("%+v", r), "hunter2") {
		t.Errorf("%+v", r)
	}
	if got := bare(strings.Replace(inURL, "http", "s3", 1)); strings.Contains(got, "hunter2") {
		t.Error(got)
	}
}

func TestACertificateIsShownAndADoubtfulOneIsNoProofOfAnything(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "nix-cache-info") {
			io.WriteString(w, goodInfo)
			return
		}
		http.NotFound(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	r := Cache(context.Background(), s.URL, Options{})
	if r.Outcome != Unknown || r.Effect != EffectUnknown || !r.Encrypted || r.TLS == nil || r.TLS.Problem == "" || r.TLS.Version != "" || !strings.Contains(r.TLS.Issuer, "Acme") || r.TLS.Expires.IsZero() || !strings.Contains(r.Text, "ssl-cert-file") {
		t.Errorf("%+v %+v", r, r.TLS)
	}
	// The same with a machine that knows the authority.
	r = Cache(context.Background(), s.URL, Options{Source: trusting{s.Client()}})
	if r.Outcome != Reachable || r.TLS == nil || r.TLS.Version != "TLS 1.3" || r.TLS.Problem != "" || !r.TLS.Expiring(time.Now(), 200*365*24*time.Hour) || r.TLS.Expiring(time.Now(), time.Hour) {
		t.Errorf("%+v %+v", r, r.TLS)
	}
	// A certificate for another host is no certificate, and one that has ended neither.
	for what, client := range map[string]*http.Client{"another host": s.Client(), "ended": later(s.Client())} {
		url := s.URL
		if what == "another host" {
			url = strings.Replace(url, "127.0.0.1", "localhost", 1)
		}
		r = Cache(context.Background(), url, Options{Source: trusting{client}})
		if r.Outcome != Unreachable || r.Effect != Skips || r.TLS == nil || r.TLS.Problem == "" || r.TLS.Version != "" {
			t.Errorf("%s: %+v %+v", what, r, r.TLS)
		}
	}
	// http behind https' port, and the other way round.
	if r := Cache(context.Background(), strings.Replace(s.URL, "https", "http", 1), Options{}); r.Outcome == Reachable || r.Effect == Asks {
		t.Errorf("%+v", r)
	}
	if r := Cache(context.Background(), strings.Replace(serve(t, goodInfo, nil), "http", "https", 1), Options{}); r.Outcome != Unreachable || r.TLS != nil {
		t.Errorf("%+v", r)
	}
}

// later is the client in a far future.
func later(c *http.Client) *http.Client {
	t := c.Transport.(*http.Transport).Clone()
	t.TLSClientConfig.Time = func() time.Time { return time.Now().AddDate(200, 0, 0) }
	return &http.Client{Transport: t}
}

// trusting is a source that knows a test's authority.
type trusting struct{ client *http.Client }

func (s trusting) Get(ctx context.Context, at *neturl.URL, _ *neturl.Userinfo) (*bincache.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	return &bincache.Reply{Status: res.StatusCode, Length: res.ContentLength, Body: res.Body, TLS: res.TLS}, nil
}

func TestOnlyASignatureThatFitsMakesAPathSigned(t *testing.T) {
	public, secret, _ := ed25519.GenerateKey(nil)
	_, other, _ := ed25519.GenerateKey(nil)
	namesake, known, _ := ed25519.GenerateKey(nil) // that a flake claims, say
	key := "good-1:" + base64.StdEncoding.EncodeToString(public)
	info := func(sign func(n *bincache.NarInfo)) http.HandlerFunc {
		n := &bincache.NarInfo{StoreDir: bincache.DefaultStoreDir, Path: hello, URL: "x.nar", Compression: "none", NarHash: bincache.Hash{1}, NarSize: 8, Deriver: "b0000000000000000000000000000000-hello.drv"}
		sign(n)
		return func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, hello.Digest()+".narinfo") {
				http.NotFound(w, r)
				return
			}
			io.WriteString(w, n.String())
		}
	}
	by := func(name string, k ed25519.PrivateKey) func(*bincache.NarInfo) {
		return func(n *bincache.NarInfo) {
			n.Signatures = append(n.Signatures, name+":"+base64.StdEncoding.EncodeToString(ed25519.Sign(k, []byte(n.Fingerprint()))))
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		keys    []string
		want    PathState
	}{
		"signed":             {info(by("good-1", secret)), []string{key}, PathSigned},
		"another signer":     {info(by("other-1", secret)), []string{key}, PathUnknownKey},
		"unsigned":           {info(func(*bincache.NarInfo) {}), []string{key}, PathUnsigned},
		"forged":             {info(by("good-1", other)), []string{key}, PathBadSignature},
		"no keys":            {info(by("good-1", secret)), nil, PathUnknownKey},
		"a broken key":       {info(by("good-1", secret)), []string{key, "x"}, PathUnknown},
		"absent":             {status(404), []string{key}, PathAbsent},
		"refused":            {status(403), []string{key}, PathRefused},
		"broken":             {status(500), []string{key}, PathUnknown},
		"corrupt":            {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello\n") }, []string{key}, PathCorrupt},
		"content of another": {info(func(n *bincache.NarInfo) { n.CA = "fixed:r:" + n.NarHash.Nix32() }), []string{key}, PathUnsigned},
		"by its namesake":    {info(by("good-1", known)), []string{key}, PathBadSignature},
		"content and forged": {info(func(n *bincache.NarInfo) { n.CA = "fixed:r:" + n.NarHash.Nix32(); by("good-1", other)(n) }), []string{key}, PathBadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			r := Cache(context.Background(), serve(t, goodInfo, c.handler), Options{Times: 1, Deadline: time.Second, Paths: []bincache.StorePath{hello}, Keys: bincache.NewKeyring(c.keys), Known: []bincache.PublicKey{{Name: "good-1", Key: namesake}}})
			if len(r.Paths) != 1 || r.Paths[0].State != c.want || (c.want == PathSigned) != (len(r.Paths[0].By) > 0) {
				t.Errorf("%+v", r.Paths)
			}
			if c.want == PathSigned && (r.Paths[0].Deriver == "" || r.Paths[0].Size != 8) {
				t.Errorf("%+v", r.Paths)
			}
		})
	}
	// Nobody's keys are no keys that were checked with.
	r := Cache(context.Background(), serve(t, goodInfo, info(by("good-1", secret))), Options{Paths: []bincache.StorePath{hello}})
	if r.Paths[0].State != PathUnknown {
		t.Errorf("%+v", r.Paths)
	}
}
