package generate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// The same NAR with other references brings another dependency into the store.
func TestAttackOfOtherReferencesForTheSameNAR(t *testing.T) {
	evil := at("f")
	honest := info(a, "a", b)
	swapped := info(a, "a", b, evil)
	for name, set := range map[string]func(w *web, o *Options){
		"against a trusted cache": func(w *web, _ *Options) { w.put(hostURL, honest, host) },
		"against the lock": func(_ *web, o *Options) {
			o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(honest), b: pinned1(info(b, "b"))})
		},
		"against another cache of the lock": func(w *web, o *Options) {
			addSecond(o)
			w.put(secondURL, honest, second)
		},
		"against the local store": func(_ *web, o *Options) { o.Local = map[lock.StorePath]nix.Info{a: localInfo(honest)} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWeb()
			o := w.options(a)
			set(w, &o)
			w.put(flakeURL, swapped, flake)
			w.put(flakeURL, info(b, "b"), flake)
			w.put(flakeURL, info(evil, "evil"), flake)
			r := mustMake(t, o)
			if r.Lock != nil || r.Outcome() != Alarm || r.Problems[0].Path != a || len(r.Problems[0].Says) != 2 || !strings.Contains(r.Problems[0].Text, string(evil)) {
				t.Fatalf("%+v", r)
			}
			var refs []string
			for _, s := range r.Problems[0].Says {
				refs = append(refs, fmt.Sprint(s.Pin.Refs))
			}
			slices.Sort(refs)
			if want := []string{fmt.Sprint(swapped.References), fmt.Sprint(honest.References)}; !slices.Equal(refs, want) {
				t.Errorf("it says %v", refs)
			}
		})
	}
}

// A path that the host gets from a trusted cache must not be shadowed, however
// deep in the closure it is and whoever leads to it.
func TestAttackOfAPathOfATrustedCacheWithAnotherHash(t *testing.T) {
	libc := at("1")
	for name, optional := range map[string]bool{"a root": false, "an optional path": true} {
		t.Run(name, func(t *testing.T) {
			w := newWeb()
			o := w.options(a)
			if optional {
				o.Roots, o.Optional = nil, o.Roots
			}
			w.put(flakeURL, info(a, "a", b), flake)
			w.put(flakeURL, info(b, "b", libc), flake)
			w.put(flakeURL, info(libc, "evil"), flake)
			w.put(hostURL, info(libc, "libc"), host)
			r := mustMake(t, o)
			if got := summary(r); got != "alarm pins= redundant=0 differs:1<b" || r.Lock != nil {
				t.Error(got)
			}
			want := []Saying{{flakeURL, pinned1(info(libc, "evil"), "flake-1"), true}, {hostURL, pinned1(info(libc, "libc")), true}}
			if !reflect.DeepEqual(r.Problems[0].Says, want) {
				t.Errorf("%+v\nwant %+v", r.Problems[0].Says, want)
			}
		})
	}
}

// A cache that shows other bytes later is found out, also when it hides the
// path in between, and when two people lock at two times.
func TestAttackOfASecondLockThatDisagrees(t *testing.T) {
	w := newWeb()
	w.put(flakeURL, info(a, "a", b), flake)
	w.put(flakeURL, info(b, "b"), flake)
	first := mustMake(t, w.options(a)).Lock

	w.drop(flakeURL, b)
	o := w.options(a)
	o.Old = first
	hidden := mustMake(t, o)
	if got := summary(hidden); got != "incomplete pins=a,b redundant=0 missing:b<a" {
		t.Fatal(got)
	}
	if !slices.Equal(printed(t, hidden.Lock), printed(t, first)) {
		t.Error("what was hidden is forgotten")
	}

	w.put(flakeURL, info(b, "evil"), flake)
	o.Old = hidden.Lock
	r := mustMake(t, o)
	if r.Lock != nil || summary(r) != "alarm pins= redundant=0 differs:b<a" {
		t.Errorf("%s", summary(r))
	}

	other := mustMake(t, w.options(a)).Lock
	merged := lock.Merge(lock.New(), first, other)
	if len(merged.Conflicts) != 1 || merged.Conflicts[0].Name != string(b) {
		t.Errorf("%+v", merged.Conflicts)
	}
	text, err := merged.Text()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Parse("flake.cache-lock", text); err == nil {
		t.Error("the merge of two locks that disagree is a lock")
	}
	if diff := lock.Compare(first, other); !diff.Alarm() {
		t.Errorf("%+v", diff)
	}
}

// What is optional is asked for twice: the answer that is believed is the one
// that was compared with the others.
func TestACacheThatChangesItsMindBetweenQuestionsGainsNothing(t *testing.T) {
	file := "flake.example/" + a.Digest() + ".narinfo"
	for name, c := range map[string]struct {
		first, then string
		want        string
	}{
		"hidden, then there": {"", "a", "fine pins= redundant=0"},
		"there, then hidden": {"a", "", "incomplete pins= redundant=0 missing:a"},
		"there, then other":  {"a", "evil", "alarm pins= redundant=0 differs:a"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWeb()
			o := w.options()
			o.Optional = []lock.StorePath{a}
			w.put(hostURL, info(a, "a"), host)
			if c.then != "" {
				w.put(flakeURL, info(a, c.then), flake)
				w.then[file] = w.files[file]
			}
			w.drop(flakeURL, a)
			if c.first != "" {
				w.put(flakeURL, info(a, c.first), flake)
			}
			if c.then == "" {
				w.drop(hostURL, a)
				w.gone = file
			}
			if got := summary(mustMake(t, o)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// addressed makes a path whose name is computed from a content address.
func addressed(t *testing.T, address, text string, self bool, refs ...lock.StorePath) *bincache.NarInfo {
	t.Helper()
	ca, err := bincache.ParseContentAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ca.Path(bincache.DefaultStoreDir, "a", refs, self)
	if err != nil {
		t.Fatal(err)
	}
	if self {
		refs = append(refs, p)
	}
	n := info(p, text, refs...)
	n.CA = address
	return n
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return nixbase32.EncodeToString(h[:])
}

func TestAContentAddressProvesOnlyWhatTheNameCovers(t *testing.T) {
	tree, flat, text := "fixed:r:sha256:"+sum("nar"), "fixed:sha256:"+sum("file"), "text:sha256:"+sum("file")
	hexed := sha256.Sum256([]byte("nar"))
	for _, c := range []struct {
		name    string
		address string
		nar     string
		self    bool
		change  func(n *bincache.NarInfo)
		signed  bool
		trusted bool // served by the trusted cache instead
		want    string
		ca      string
	}{
		{name: "of the NAR", address: tree, nar: "nar", want: "fine pins=a redundant=0", ca: tree},
		{name: "of the NAR, which needs no signature and has a bogus one", address: tree, nar: "nar", change: func(n *bincache.NarInfo) {
			n.Signatures = []string{"flake-1:AAAA"}
		}, want: "fine pins=a redundant=0", ca: tree},
		{name: "of the NAR, at the trusted cache", address: tree, nar: "nar", trusted: true, want: "fine pins= redundant=1"},
		{name: "of the NAR, spelled in base 16", address: tree, nar: "nar", change: func(n *bincache.NarInfo) {
			n.CA = "fixed:r:sha256:" + hex.EncodeToString(hexed[:])
		}, want: "fine pins=a redundant=0", ca: tree},
		{name: "of the NAR, and the NAR is another", address: tree, nar: "evil", want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of the NAR, and the NAR is another, at the trusted cache", address: tree, nar: "evil", trusted: true, want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of the NAR, and the references are others", address: tree, nar: "nar", change: func(n *bincache.NarInfo) { n.References = []lock.StorePath{b} },
			want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of the NAR without its own name", address: tree, nar: "nar", self: true, want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of the NAR without its own name, signed", address: tree, nar: "nar", self: true, signed: true, want: "fine pins=a redundant=0", ca: tree},
		{name: "of a file", address: flat, nar: "nar", want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of a file, signed", address: flat, nar: "nar", signed: true, want: "fine pins=a redundant=0", ca: flat},
		{name: "of a file, at the trusted cache", address: flat, nar: "nar", trusted: true, want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of a text", address: text, nar: "nar", want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of a text, signed", address: text, nar: "nar", signed: true, want: "fine pins=a redundant=0", ca: text},
		{name: "of another path", address: tree, nar: "nar", change: func(n *bincache.NarInfo) { n.CA = "fixed:r:sha256:" + sum("other") },
			want: "incomplete pins= redundant=0 unproved:a"},
		{name: "of another path, signed", address: tree, nar: "nar", signed: true, change: func(n *bincache.NarInfo) { n.CA = "fixed:r:sha256:" + sum("other") },
			want: "fine pins=a redundant=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWeb()
			n := addressed(t, c.address, c.nar, c.self)
			if c.change != nil {
				c.change(n)
			}
			at := flakeURL
			if c.trusted {
				at = hostURL
			}
			if c.signed {
				n.Signatures = append(n.Signatures, flake.Sign(n))
			}
			w.put(at, n)
			w.put(flakeURL, info(b, "b"), flake)
			o := w.options(n.Path)
			r := mustMake(t, o)
			if got := summary(r); got != c.want || pins(r)["a"].CA != c.ca {
				t.Errorf("%s with the address %q, want %s with %q", got, pins(r)["a"].CA, c.want, c.ca)
			}
		})
	}
}

func TestAContentAddressInTheOldLockStaysAsItIsOrIsAnAlarm(t *testing.T) {
	w := newWeb()
	tree := "fixed:r:sha256:" + sum("nar")
	told := addressed(t, tree, "nar", false)
	untold := *told
	untold.CA = ""
	for _, c := range []struct {
		ca, want string
		served   *bincache.NarInfo
	}{
		{"", "fine", told}, {tree, "fine", told}, {"fixed:r:sha256:" + sum("other"), "alarm", told}, {"text:sha256:" + sum("nar"), "alarm", told},
		{"", "fine", &untold}, {tree, "fine", &untold}, {"fixed:r:sha256:" + sum("other"), "alarm", &untold}, {"text:sha256:" + sum("nar"), "alarm", &untold},
	} {
		n := c.served
		w.put(flakeURL, n, flake)
		pin := pinned1(n)
		pin.CA = c.ca
		o := w.options(n.Path)
		o.Old = locked(nil)
		o.Old.Section("aarch64-linux").Paths[n.Path] = pin
		r := mustMake(t, o)
		if r.Outcome().String() != c.want || r.Lock != nil && pins(r)["a"].CA != c.ca {
			t.Errorf("%q: %s, %+v", c.ca, summary(r), pins(r))
		}
	}
}

// An endless source makes up a closure that its own key signs.
type endless struct{ refs int }

func (e endless) Get(_ context.Context, u *url.URL, _ *url.Userinfo) (*bincache.Reply, error) {
	digest := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), ".narinfo")
	var refs []lock.StorePath
	for range e.refs {
		raw := make([]byte, 20)
		for i := range raw {
			raw[i] = byte(rand.Uint32())
		}
		refs = append(refs, lock.StorePath(nixbase32.EncodeToString(raw)+"-p"))
	}
	n := info(lock.StorePath(digest+"-p"), "nar", refs...)
	n.Signatures = append(n.Signatures, flake.Sign(n))
	w := newWeb()
	w.put("https://h", n)
	return w.Get(context.Background(), &url.URL{Host: "h", Path: u.Path}, nil)
}

func TestAMadeUpClosureEnds(t *testing.T) {
	root := lock.StorePath(strings.Repeat("0", 32) + "-p")
	o := newWeb().options(root)
	o.Trusted = nil
	o.MaxPaths = 500
	o.Client = bincache.NewClient(bincache.Options{Source: endless{5}})
	if r, err := Make(t.Context(), o); r != nil || err == nil || !strings.Contains(err.Error(), "making it up") {
		t.Errorf("%v, %v", r, err)
	}
	o.MaxPaths = 0
	m, err := newMaker(o)
	if err != nil {
		t.Fatal(err)
	}
	m.maxRefs = 1000
	if err := m.gather(t.Context()); err == nil || !strings.Contains(err.Error(), "1000 references") {
		t.Errorf("%v", err)
	}
	// One path that refers to more than a lock holds is no path of a lock.
	o.Client = bincache.NewClient(bincache.Options{Source: endless{maxRefs + 1}})
	r, err := Make(t.Context(), o)
	if err != nil || r.Outcome() != Undetermined || !strings.Contains(r.Problems[0].Text, "16000") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestADeadCacheCostsNoMoreThanAFewRequests(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWeb()
	var roots []lock.StorePath
	for i := range 1000 {
		p := lock.StorePath(fmt.Sprintf("%032d-p", i))
		roots = append(roots, p)
		w.put(flakeURL, info(p, "p"), flake)
	}
	w.fail["host.example"] = errDown
	r := mustMake(t, w.options(roots...))
	if r.Outcome() != Undetermined || len(r.Problems) != 1 || r.Problems[0].Cache != hostURL {
		t.Errorf("%+v", r.Problems)
	}
	if n := len(w.toldOf(hostURL)); n > 200 {
		t.Errorf("it was asked %d times", n)
	}
	waitForGoroutines(t, before)
}

// An answer that never comes ends with the run.
func TestCancellingEndsARunThatWaitsAndLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWeb()
	w.delay = func() time.Duration { return time.Hour }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := Make(ctx, w.options(a, b, c)); r != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", r, err)
	}
	waitForGoroutines(t, before)
}

func waitForGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before+1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}
