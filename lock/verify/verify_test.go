package verify

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/bincache/bincachetest"
)

var (
	good  = bincachetest.NewSigner("good-1", 1)
	other = bincachetest.NewSigner("good-1", 2) // another key of the same name
	alien = bincachetest.NewSigner("alien-1", 3)
	dep   = pathOf("d", "dep")
	evil  = pathOf("f", "evil")
)

// Each case changes what the cache offers for a path after it was pinned.
var cases = []struct {
	name     string
	change   func(n *bincache.NarInfo, data []byte) []byte
	contents bool
	known    bool // the other key of the name is known
	want     Verdict
	outcome  Outcome
	fields   []string
	says     string
}{
	{name: "as pinned", want: Verified, outcome: Fine, says: `signed by "good-1"`},
	{name: "as pinned, contents too", contents: true, want: Verified, outcome: Fine},
	{name: "missing", change: func(n *bincache.NarInfo, data []byte) []byte { n.Path = evil; return data }, want: Absent, outcome: Unproved},
	{name: "unsigned", change: func(n *bincache.NarInfo, data []byte) []byte { n.Signatures = nil; return data }, want: Unsigned, outcome: Unproved},
	{name: "signed by a stranger", change: func(n *bincache.NarInfo, data []byte) []byte { n.Signatures = []string{alien.Sign(n)}; return data },
		want: UnknownSigner, outcome: Unproved, says: `"alien-1"`},
	{name: "signed by a stranger, contents too", contents: true,
		change: func(n *bincache.NarInfo, data []byte) []byte { n.Signatures = []string{alien.Sign(n)}; return data }, want: UnknownSigner, outcome: Unproved},
	{name: "wrong key", known: true, change: func(n *bincache.NarInfo, data []byte) []byte { n.Signatures = []string{other.Sign(n)}; return data },
		want: WrongKey, outcome: Bad, says: other.Public()},
	{name: "wrong key that nobody knows", change: func(n *bincache.NarInfo, data []byte) []byte { n.Signatures = []string{other.Sign(n)}; return data },
		want: BadSignature, outcome: Bad, says: "does not fit"},
	{name: "a signature that is none", change: func(n *bincache.NarInfo, data []byte) []byte { n.Signatures = []string{"good-1:AAAA"}; return data },
		want: BadSignature, outcome: Bad},
	{name: "a bad signature beside a good one", change: func(n *bincache.NarInfo, data []byte) []byte {
		n.Signatures = []string{"good-1:AAAA", good.Sign(n)}
		return data
	}, want: Verified, outcome: Fine},
	{name: "other references, same NAR, signed anew", change: func(n *bincache.NarInfo, data []byte) []byte {
		n.References = []lock.StorePath{dep, evil}
		n.Signatures = []string{good.Sign(n)}
		return data
	}, want: Mismatch, outcome: Bad, fields: []string{"references"}, says: `signed by "good-1"`},
	{name: "other references, same NAR, old signature", change: func(n *bincache.NarInfo, data []byte) []byte { n.References = nil; return data },
		want: Mismatch, outcome: Bad, fields: []string{"references"}, says: "does not fit"},
	{name: "another hash, signed anew", change: func(n *bincache.NarInfo, _ []byte) []byte {
		swapped := narOf("swapped")
		n.NarHash, n.NarSize = infoOf(n.Path, swapped).NarHash, uint64(len(swapped))
		n.Signatures = []string{good.Sign(n)}
		return swapped
	}, want: Mismatch, outcome: Bad, fields: []string{"narHash"}},
	{name: "another size", change: func(n *bincache.NarInfo, data []byte) []byte {
		n.NarSize++
		n.Signatures = []string{good.Sign(n)}
		return data
	},
		want: Mismatch, outcome: Bad, fields: []string{"narSize"}},
	{name: "other bytes behind a true narinfo", contents: true, change: func(_ *bincache.NarInfo, _ []byte) []byte { return narOf("swapped") },
		want: Mismatch, outcome: Bad, fields: []string{"contents narHash"}},
	{name: "other bytes that nobody looks at", change: func(_ *bincache.NarInfo, _ []byte) []byte { return narOf("swapped") }, want: Verified, outcome: Fine},
	{name: "bytes that are no NAR", contents: true, change: func(_ *bincache.NarInfo, data []byte) []byte { return data[:50] }, want: Misbehaved, outcome: Undetermined},
	{name: "a format that is not read", contents: true, change: func(n *bincache.NarInfo, data []byte) []byte { n.Compression = "lzip"; return data },
		want: Unknown, outcome: Undetermined},
	{name: "a bad signature and bytes that do not come", contents: true, change: func(n *bincache.NarInfo, data []byte) []byte {
		n.Compression, n.Signatures = "lzip", []string{other.Sign(n)}
		return data
	}, want: BadSignature, outcome: Bad},
}

func TestEachWayOfBeingWrongHasItsWord(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cache := newLoopback(t)
			data := narOf("content")
			n := infoOf(pathOf("a", "path"), data, dep)
			n.Signatures = []string{good.Sign(n)}
			l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
			if c.change != nil {
				data = c.change(n, data)
			}
			cache.put(n, data)
			o := Options{Contents: c.contents}
			if c.known {
				k, err := bincache.ParsePublicKey(other.Public())
				if err != nil {
					t.Fatal(err)
				}
				o.Known = []bincache.PublicKey{k}
			}
			r := mustVerify(t, l, o)
			if len(r.Pins) != 1 || len(r.Pins[0].Answers) != 1 {
				t.Fatalf("%+v", r)
			}
			a := r.Pins[0].Answers[0]
			if a.Verdict != c.want || r.Pins[0].Verdict != c.want || r.Outcome() != c.outcome {
				t.Errorf("the answer is %v, the pin %v, the whole %v; want %v and %v: %s", a.Verdict, r.Pins[0].Verdict, r.Outcome(), c.want, c.outcome, a.Text)
			}
			var fields []string
			for _, d := range a.Differences {
				fields = append(fields, d.Field)
				if d.Pinned == d.Got || d.Pinned == "" || d.Got == "" {
					t.Errorf("%s: pinned %q, got %q", d.Field, d.Pinned, d.Got)
				}
			}
			if !slices.Equal(fields, c.fields) || !strings.Contains(a.Text, c.says) || a.Text == "" {
				t.Errorf("it differs in %v, want %v; %q, want %q", fields, c.fields, a.Text, c.says)
			}
			if a.Contents != (c.contents && (c.want == Verified || c.want == UnknownSigner)) {
				t.Errorf("Contents = %v", a.Contents)
			}
		})
	}
}

// For a key of small order anybody can sign. No lock lists one; nor would it
// prove anything.
func TestAKeyThatAnybodyCanSignForProvesNothing(t *testing.T) {
	data := narOf("content")
	n := infoOf(pathOf("a", "path"), data)
	point, sig := make([]byte, 32), make([]byte, 64)
	point[0], sig[0] = 1, 1 // the neutral element, and 0 times it
	if !ed25519.Verify(point, []byte(n.Fingerprint()), sig) {
		t.Fatal("the primitive refuses it by itself, so that this tests nothing")
	}
	n.Signatures = []string{"weak-1:" + base64.StdEncoding.EncodeToString(sig)}
	key := "weak-1:" + base64.StdEncoding.EncodeToString(point)
	if a := judge(pinOf(n), n, bincache.CheckSignatures(n, bincache.NewKeyring([]string{key})), read{}); a.Verdict != BadSignature {
		t.Errorf("%+v", a)
	}
	l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: "http://127.0.0.1:1", Keys: []string{key}})
	if _, err := Verify(context.Background(), l, Options{Client: client()}); err == nil || !strings.Contains(err.Error(), "anybody can sign for") {
		t.Errorf("%v", err)
	}
}

// A key counts only for the cache that lists it.
func TestAKeyOfOneCacheProvesNothingInAnother(t *testing.T) {
	a, b := newLoopback(t), newLoopback(t)
	data := narOf("content")
	n := infoOf(pathOf("a", "path"), data)
	n.Signatures = []string{alien.Sign(n)}
	a.put(n, data)
	l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: a.URL, Keys: []string{good.Public()}}, lock.Cache{URL: b.URL, Keys: []string{alien.Public()}})
	if r := mustVerify(t, l, Options{}); r.Pins[0].Verdict != UnknownSigner || r.Outcome() != Unproved {
		t.Errorf("%+v", r.Pins[0])
	}
	b.put(n, data)
	if r := mustVerify(t, l, Options{}); r.Pins[0].Verdict != Verified || r.Outcome() != Fine {
		t.Errorf("%+v", r.Pins[0])
	}
}

// One honest cache does not make up for another that has something else.
func TestAMismatchInAnyCacheIsBad(t *testing.T) {
	honest, swapped := newLoopback(t), newLoopback(t)
	data := narOf("content")
	n := infoOf(pathOf("a", "path"), data)
	n.Signatures = []string{good.Sign(n)}
	honest.put(n, data)
	l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: honest.URL, Keys: []string{good.Public()}}, lock.Cache{URL: swapped.URL, Keys: nil})
	m := infoOf(n.Path, narOf("swapped"))
	swapped.put(m, narOf("swapped"))
	r := mustVerify(t, l, Options{})
	if r.Pins[0].Verdict != Mismatch || r.Outcome() != Bad {
		t.Errorf("%+v", r.Pins[0])
	}
	m = infoOf(evil, data) // what was asked for is another path
	swapped.files[n.Path.Digest()+".narinfo"] = []byte(m.String())
	if r := mustVerify(t, l, Options{}); r.Pins[0].Verdict != Mismatch || r.Outcome() != Bad {
		t.Errorf("%+v", r.Pins[0])
	}
}

func TestACacheThatDoesNotAnswerLeavesTheOutcomeOpen(t *testing.T) {
	honest := newLoopback(t)
	dead := httptest.NewServer(nil)
	dead.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>log in</html>") }))
	defer page.Close()
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer closed.Close()
	data := narOf("content")
	n := infoOf(pathOf("a", "path"), data)
	n.Signatures = []string{good.Sign(n)}
	for _, c := range []struct {
		url  string
		want Verdict
	}{{dead.URL, Unreachable}, {page.URL, Misbehaved}, {closed.URL, Unknown}} {
		l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: honest.URL, Keys: []string{good.Public()}}, lock.Cache{URL: c.url})
		delete(honest.files, n.Path.Digest()+".narinfo")
		if r := mustVerify(t, l, Options{}); r.Pins[0].Verdict != c.want || r.Outcome() != Undetermined {
			t.Errorf("absent in one, %v in the other: %v, %v", c.want, r.Pins[0].Verdict, r.Outcome())
		}
		honest.put(n, data)
		if r := mustVerify(t, l, Options{}); r.Pins[0].Verdict != Verified || r.Outcome() != Undetermined {
			t.Errorf("verified in one, %v in the other: %v, %v", c.want, r.Pins[0].Verdict, r.Outcome())
		}
	}
}

func TestOneSystemIsVerifiedWithoutTheOthers(t *testing.T) {
	cache := newLoopback(t)
	data := narOf("content")
	n, m := infoOf(pathOf("a", "path"), data), infoOf(pathOf("b", "path"), data)
	n.Signatures = []string{good.Sign(n)}
	cache.put(n, data)
	l := lockOf([]*bincache.NarInfo{n}, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
	l.Section("aarch64-linux").Paths[m.Path] = pinOf(m)
	l.Section("aarch64-linux").Paths[n.Path] = pinOf(n)
	l.Section("riscv64-linux")
	if r := mustVerify(t, l, Options{Systems: []string{system}}); len(r.Pins) != 1 || r.Outcome() != Fine {
		t.Errorf("%+v", r)
	}
	r := mustVerify(t, l, Options{})
	if len(r.Pins) != 2 || r.Outcome() != Unproved || !slices.Equal(r.Pins[0].Systems, []string{"aarch64-linux", system}) {
		t.Errorf("%+v", r)
	}
	if r := mustVerify(t, l, Options{Systems: []string{"riscv64-linux"}}); r.Outcome() != Undetermined {
		t.Errorf("nothing was verified, and that is %v", r.Outcome())
	}
	cache.requests.Store(0)
	if _, err := Verify(context.Background(), l, Options{Client: client(), Systems: []string{"x86-linux"}}); err == nil || cache.requests.Load() != 0 {
		t.Errorf("a system that is not there: %v after %d requests", err, cache.requests.Load())
	}
	l.Caches = nil
	if _, err := Verify(context.Background(), l, Options{Client: client()}); err == nil {
		t.Error("pins without a cache to ask were verified")
	}
	l.Caches = []lock.Cache{{URL: cache.URL}}
	l.Section(system).Paths[n.Path] = lock.Pin{NAR: n.NarHash, Size: 1, Refs: []lock.StorePath{m.Path, dep, m.Path}}
	if _, err := Verify(context.Background(), l, Options{Client: client()}); err == nil {
		t.Error("a lock that is not valid was verified")
	}
}

func TestTheZeroValuesAreNotFine(t *testing.T) {
	var none *Report
	if none.Outcome() == Fine || (&Report{}).Outcome() == Fine || (&Report{Pins: []Pin{{}}}).Outcome() == Fine || settle(nil) == Verified {
		t.Error("nothing was looked at, and it is fine")
	}
	var a Answer
	if a.Verdict != Unknown || !a.Verdict.Open() || a.Verdict.String() != "unknown" {
		t.Errorf("%v", a.Verdict)
	}
	if a := judge(lock.Pin{}, &bincache.NarInfo{}, bincache.SignatureCheck{}, read{}); a.Verdict == Verified {
		t.Errorf("%+v", a)
	}
}

// Of two verdicts the graver one is the pin's, whatever the order of caches.
func TestSettlingDoesNotDependOnTheOrder(t *testing.T) {
	for v := Unknown; v <= Mismatch; v++ {
		for w := Unknown; w <= Mismatch; w++ {
			one, two := settle([]Answer{{Verdict: v}, {Verdict: w}}), settle([]Answer{{Verdict: w}, {Verdict: v}})
			if one != two || one != v && one != w {
				t.Errorf("%v and %v: %v or %v", v, w, one, two)
			}
			if (one == Verified) != ((v == Verified || w == Verified) && v != Mismatch && w != Mismatch) {
				t.Errorf("%v and %v: %v", v, w, one)
			}
		}
	}
}

func TestVerifyEndsWhenCancelledOrWhenACacheHoldsOn(t *testing.T) {
	stop := make(chan struct{})
	held := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	}))
	defer held.Close()
	defer close(stop)
	var infos []*bincache.NarInfo
	for i := range 200 {
		infos = append(infos, infoOf(pathOf("a", fmt.Sprintf("path-%d", i)), narOf("content")))
		infos[i].Path = lock.StorePath(fmt.Sprintf("%032d-path", i))
	}
	l := lockOf(infos, lock.Cache{URL: held.URL})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := Verify(ctx, l, Options{Client: client()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	quick := bincache.NewClient(bincache.Options{Limits: bincache.Limits{Answer: 100 * time.Millisecond, Request: 100 * time.Millisecond}})
	start := time.Now()
	r := mustVerify(t, l, Options{Client: quick})
	if r.Counts()[Unreachable] != len(infos) || time.Since(start) > 10*time.Second {
		t.Errorf("%v in %v", r.Counts(), time.Since(start))
	}
}

func TestScopeNamesEachHostOnceAndNoFolder(t *testing.T) {
	l := lockOf([]*bincache.NarInfo{infoOf(dep, narOf("x"))}, lock.Cache{URL: "https://b.example/x"}, lock.Cache{URL: "https://a.example"},
		lock.Cache{URL: "https://b.example/y"}, lock.Cache{URL: "file:///srv/cache"})
	s, err := ScopeOf(l, nil)
	if err != nil || s.Paths != 1 || s.Folders != 1 || !slices.Equal(s.Hosts, []string{"a.example", "b.example"}) || !slices.Equal(s.Systems, []string{system}) {
		t.Errorf("%+v, %v", s, err)
	}
}
