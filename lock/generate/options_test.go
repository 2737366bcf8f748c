package generate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
)

func TestATrustedCacheLearnsNothingOfOptionalPathsThatTheLocksCachesLack(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	o.Optional = []lock.StorePath{b, c}
	w.put(flakeURL, info(a, "a"), flake)
	w.put(flakeURL, info(b, "b", d), flake)
	w.put(flakeURL, info(d, "d"), flake)
	r := mustMake(t, o)
	if got := summary(r); got != "fine pins=a,b,d redundant=0" {
		t.Error(got)
	}
	if told := w.toldOf(hostURL); !slices.Equal(told, []string{a.Digest(), b.Digest(), d.Digest()}) {
		t.Errorf("the trusted cache was asked for %v", told)
	}
	if told := w.toldOf(flakeURL); len(told) != 4 {
		t.Errorf("the claimed cache was asked for %v", told)
	}
	for file, n := range w.asked {
		if n > 2 || n > 1 && !strings.Contains(file, b.Digest()) {
			t.Errorf("%s was asked for %d times", file, n)
		}
	}
}

func TestNobodyElseIsAskedOnceTheLocksCacheIsDown(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	o.Optional = []lock.StorePath{b}
	w.fail["flake.example"] = errDown
	if got := mustMake(t, o).Outcome(); got != Undetermined {
		t.Error(got)
	}
	for file := range w.asked {
		if strings.HasPrefix(file, "host.example/") {
			t.Errorf("the trusted cache was asked for %s", file)
		}
	}
}

func TestWhatAnUnprovedAnswerRefersToIsNotAskedFor(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	w.put(flakeURL, info(a, "a", b), alien)
	mustMake(t, o)
	if told := w.toldOf(flakeURL); !slices.Equal(told, []string{a.Digest()}) {
		t.Errorf("it was asked for %v", told)
	}
}

func TestByNamesTheListedKeysThatSign(t *testing.T) {
	w := newWeb()
	o := w.options(a, b, c)
	o.Caches[0].Keys = []string{second.Public(), flake.Public()}
	o.Caches = append(o.Caches, lock.Cache{URL: secondURL, Keys: []string{alien.Public()}})
	w.put(flakeURL, info(a, "a"), flake, second, host)
	w.put(secondURL, info(a, "a"), alien)
	w.put(flakeURL, info(b, "b"), flake)
	w.put(secondURL, info(b, "b"))
	local := info(c, "c")
	local.Signatures = append(local.Signatures, flake.Sign(local))
	local.Signatures = append(local.Signatures, host.Sign(local))
	o.Local = map[lock.StorePath]nix.Info{c: localInfo(local)}
	o.Local[c] = nix.Info{NAR: local.NarHash, Size: int64(local.NarSize), Signatures: local.Signatures, Ultimate: true}
	r := mustMake(t, o)
	got := fmt.Sprint(pins(r)["a"].By, pins(r)["b"].By, pins(r)["c"].By, r.FromLocal)
	if want := fmt.Sprint([]string{"alien-1", "flake-1", "second-1"}, []string{"flake-1"}, []string{"flake-1"}, []lock.StorePath{c}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheLabelsOfAnOldPinStayWithIt(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	w.put(flakeURL, info(a, "a"), flake)
	o.Caches[0].Keys = append(o.Caches[0].Keys, second.Public())
	for _, c := range []struct{ old, want []string }{
		{nil, nil},
		{[]string{"flake-1"}, []string{"flake-1"}},
		{[]string{"second-1"}, []string{"second-1"}},
		{[]string{"gone-1"}, []string{"flake-1"}}, // no key of this name is listed any more
		{[]string{"flake-1", "gone-1"}, []string{"flake-1"}},
	} {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"), c.old...)})
		if got := pins(mustMake(t, o))["a"].By; !slices.Equal(got, c.want) {
			t.Errorf("%v became %v, want %v", c.old, got, c.want)
		}
	}
	w.drop(flakeURL, a) // there is nobody to ask who signs it now
	o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"), "gone-1")})
	if got := pins(mustMake(t, o))["a"].By; !slices.Equal(got, []string{"gone-1"}) {
		t.Errorf("by %v", got)
	}
	w.put(flakeURL, info(a, "a"), flake)
	// The section's own label counts, not that of another system.
	o.Old.Section("aarch64-linux").Paths[a] = pinned1(info(a, "a"))
	o.Old.Section(system).Paths[a] = pinned1(info(a, "a"), "second-1")
	if got := pins(mustMake(t, o))["a"].By; !slices.Equal(got, []string{"second-1"}) {
		t.Errorf("by %v", got)
	}
	// A label of another system's pin is no label of this one.
	o.Old = locked(nil)
	o.Old.Section("aarch64-linux").Paths[a] = pinned1(info(a, "a"), "gone-1")
	if got := pins(mustMake(t, o))["a"].By; !slices.Equal(got, []string{"flake-1"}) {
		t.Errorf("by %v", got)
	}
}

func TestOtherSystemsAndTheSourceStayByteForByte(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	w.put(flakeURL, info(a, "a", b), flake)
	w.put(flakeURL, info(b, "b"), flake)
	o.Old = locked(map[lock.StorePath]lock.Pin{c: pinned1(info(c, "c"))})
	o.Old.Source = lock.Hash{7}
	o.Old.Section(system).Outputs = map[string]lock.StorePath{"packages.default": c}
	for _, other := range []string{"aarch64-linux", "riscv64-linux"} {
		s := o.Old.Section(other)
		s.Outputs = map[string]lock.StorePath{"packages.default": b, "checks.x": d}
		s.Paths = map[lock.StorePath]lock.Pin{b: pinned1(info(b, "b"), "old-1"), d: pinned1(info(d, "d", b))}
	}
	before := printed(t, o.Old)
	o.Outputs = map[string]lock.StorePath{"packages.default": a}
	r := mustMake(t, o)
	if !slices.Equal(before, printed(t, o.Old)) {
		t.Error("the old lock was changed")
	}
	if r.Lock.Source != o.Old.Source || r.Added != 2 || r.Removed != 1 || r.Pinned != 2 {
		t.Errorf("%+v", r)
	}
	after := string(printed(t, r.Lock))
	for part := range strings.SplitSeq(string(before), "\n\n") {
		if strings.Contains(part, "aarch64") || strings.Contains(part, "riscv64") {
			if !strings.Contains(after, part) {
				t.Errorf("this part changed:\n%s", part)
			}
		}
	}
	if got := r.Lock.Systems[system].Outputs; !reflect.DeepEqual(got, o.Outputs) {
		t.Errorf("the outputs are %v", got)
	}
	o.Outputs = nil
	if got := mustMake(t, o).Lock.Systems[system].Outputs["packages.default"]; got != c {
		t.Errorf("the output is %q, and was %q", got, c)
	}
}

func TestCachesAreSpelledAsALockSpellsThem(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	o.Caches = []lock.Cache{
		{URL: "https://Second.example:443//x/./y/?priority=3#z", Keys: []string{strings.TrimRight(second.Public(), "=")}},
		{URL: flakeURL, Keys: []string{flake.Public()}},
		{URL: flakeURL + "/", Keys: []string{alien.Public(), flake.Public()}},
		{URL: "/srv/cache/"},
	}
	w.put(flakeURL, info(a, "a"), flake)
	want := []lock.Cache{
		{URL: "file:///srv/cache"},
		{URL: flakeURL, Keys: []string{alien.Public(), flake.Public()}},
		{URL: secondURL + "/x/y", Keys: []string{second.Public()}},
	}
	r := mustMake(t, o)
	if !reflect.DeepEqual(r.Lock.Caches, want) {
		t.Errorf("%+v\nwant %+v", r.Lock.Caches, want)
	}
}

func TestACacheThatOtherSystemsMayNeedStays(t *testing.T) {
	w := newWeb()
	o := w.options(a)
	w.put(flakeURL, info(a, "a"), flake)
	old := lock.Cache{URL: secondURL, Keys: []string{second.Public()}}
	o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"))})
	// A key that is not named any more is gone.
	o.Old.Caches[0].Keys = []string{alien.Public()}
	o.Old.Caches = append(o.Old.Caches, old)
	if got := mustMake(t, o).Lock.Caches; len(got) != 1 || !slices.Equal(got[0].Keys, []string{flake.Public()}) {
		t.Errorf("nothing needs it: %v", got)
	}
	o.Old.Caches = append(o.Old.Caches, lock.Cache{URL: "file:///unsigned"})
	for _, c := range []struct {
		by     []string
		signed bool // by the old cache, which stays then
		bare   bool // by nobody: the cache without keys stays
	}{
		{[]string{"second-1"}, true, false}, {[]string{"alien-1", "second-1"}, true, false},
		{[]string{"flake-1", "second-1"}, false, false}, {[]string{"alien-1"}, false, false}, {nil, false, true},
	} {
		o.Old.Section("aarch64-linux").Paths[b] = pinned1(info(b, "b"), c.by...)
		want := []lock.Cache{{URL: flakeURL, Keys: []string{flake.Public()}}}
		if c.signed {
			want = append(want, old)
		}
		if c.bare {
			want = slices.Insert(want, 0, lock.Cache{URL: "file:///unsigned"})
		}
		if got := mustMake(t, o).Lock.Caches; !reflect.DeepEqual(got, want) {
			t.Errorf("a pin by %v: %v, want %v", c.by, got, want)
		}
	}
	if told := w.toldOf(secondURL); len(told) != 0 {
		t.Errorf("it was asked for %v", told)
	}
}

func TestOptionsThatMakeNoSenseAreRefusedBeforeAnybodyIsAsked(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no client":                          func(o *Options) { o.Client = nil },
		"no cache":                           func(o *Options) { o.Caches = nil },
		"no system":                          func(o *Options) { o.System = "" },
		"a system that is none":              func(o *Options) { o.System = "x86 linux" },
		"a root that is none":                func(o *Options) { o.Roots = []lock.StorePath{"hello"} },
		"an optional path that is none":      func(o *Options) { o.Optional = []lock.StorePath{"../" + a} },
		"an output that is none":             func(o *Options) { o.Outputs = map[string]lock.StorePath{"": a} },
		"a cache with a password":            func(o *Options) { o.Caches[0].URL = "https://me:secret@flake.example" },
		"a cache that is no URL":             func(o *Options) { o.Caches[0].URL = "https://%zz" },
		"a cache that is not read":           func(o *Options) { o.Caches[0].URL = "s3://bucket" },
		"a malformed key":                    func(o *Options) { o.Caches[0].Keys = []string{"flake-1"} },
		"two keys of one name":               func(o *Options) { o.Caches[0].Keys = []string{flake.Public(), fake.Public()} },
		"a trusted cache that is not read":   func(o *Options) { o.Trusted[0].URL = "ssh://host" },
		"a trusted cache twice":              func(o *Options) { o.Trusted = append(o.Trusted, lock.Cache{URL: hostURL + "/"}) },
		"a malformed trusted key":            func(o *Options) { o.Trusted[0].Keys = []string{"host-1:AAAA"} },
		"an old lock that is none":           func(o *Options) { o.Old = &lock.Lock{} },
		"a local path without hash":          func(o *Options) { o.Local = map[lock.StorePath]nix.Info{a: {Size: 1}} },
		"a local path without size":          func(o *Options) { o.Local = map[lock.StorePath]nix.Info{a: {NAR: lock.Hash{1}}} },
		"a trusted list with malformed keys": func(o *Options) { o.Trusted[0].Keys = []string{host.Public(), "x"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWeb()
			o := w.options(a)
			spoil(&o)
			r, err := Make(context.Background(), o)
			if err == nil || r != nil {
				t.Fatalf("%+v, %v", r, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells the password: %v", err)
			}
			if len(w.asked) > 0 {
				t.Errorf("asked: %v", w.asked)
			}
		})
	}
}

func TestScopeTellsEveryHost(t *testing.T) {
	o := Options{
		Roots: []lock.StorePath{a, b, a}, Optional: []lock.StorePath{b, c, d},
		Caches:  []lock.Cache{{URL: "https://B.example:8443/x"}, {URL: "file:///srv/a"}, {URL: "/srv/a/"}, {URL: "https://me:secret@d.example:443"}, {URL: "https://%zz"}},
		Trusted: []lock.Cache{{URL: "https://c.example/"}, {URL: "https://b.example:8443/y"}, {URL: "/srv/b"}},
	}
	want := Scope{Roots: 2, Optional: 2, Folders: 2, Hosts: []string{"b.example:8443", "c.example", "d.example"}, Trusted: []string{"c.example"}}
	if got := ScopeOf(o); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTheZeroResultIsNotFine(t *testing.T) {
	var none *Result
	alarm := Result{Lock: lock.New(), Problems: []Problem{{Kind: Unreachable}, {Kind: Missing}, {Kind: BadSignature}}}
	if got := alarm.Outcome(); got != Alarm {
		t.Errorf("an alarm that is told last is %v", got)
	}
	for _, r := range []*Result{none, {}, {Problems: []Problem{{Kind: Missing}}}} {
		if got := r.Outcome(); got != Undetermined {
			t.Errorf("%+v is %v", r, got)
		}
	}
	var p Problem
	if got := (&Result{Lock: lock.New(), Problems: []Problem{p}}).Outcome(); got != Alarm {
		t.Errorf("a problem of no kind is %v", got)
	}
}

func TestACancelledRunMakesNothing(t *testing.T) {
	w := newWeb()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := Make(ctx, w.options(a)); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", r, err)
	}
}
