package generate

import (
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
)

var a, b, c, d = at("a"), at("b"), at("c"), at("d")

// locked is a lock that pins what narinfos say, for x86_64-linux.
func locked(pins map[lock.StorePath]lock.Pin) *lock.Lock {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: flakeURL, Keys: []string{flake.Public()}}}
	l.Section(system).Paths = pins
	return l
}

// Each case is a root a, which refers to b, and what becomes of them.
var cases = []struct {
	name string
	set  func(w *web, o *Options)
	want string
	says string // in the text of the first problem
}{
	{name: "signed by the listed key", want: "fine pins=a,b redundant=0", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b"), flake)
	}},
	{name: "served by the trusted cache too", want: "fine pins=a redundant=1", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b"), flake)
		w.put(hostURL, info(b, "b"), host)
	}},
	{name: "served by the trusted cache alone, with what it refers to", want: "fine pins=b redundant=1", set: func(w *web, o *Options) {
		w.put(hostURL, info(a, "a", b), host)
		w.put(flakeURL, info(b, "b"), flake)
	}},
	{name: "the trusted cache signs with no key that the host trusts", want: "fine pins=a,b redundant=0", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b"), flake)
		w.put(hostURL, info(b, "b"), alien)
	}},
	{name: "the claimed cache signs with the host's key, which is not listed for it", want: "incomplete pins= redundant=0 unproved:a", says: `"host-1"`, set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a"), host)
	}},
	{name: "another hash than the trusted cache", want: "alarm pins= redundant=0 differs:b<a", says: "narHash", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "x"), flake)
		w.put(hostURL, info(b, "b"), host)
	}},
	{name: "another hash than the trusted cache, not signed", want: "alarm pins= redundant=0 differs:b<a", says: "narHash", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "x"))
		w.put(hostURL, info(b, "b"), host)
	}},
	{name: "another hash than the trusted cache, which proves nothing", want: "alarm pins= redundant=0 differs:b<a", says: "narHash", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "x"), flake)
		w.put(hostURL, info(b, "b"))
	}},
	{name: "other references than the trusted cache", want: "alarm pins= redundant=0 differs:b<a missing:c<b", says: "references", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b", c), flake)
		w.put(hostURL, info(b, "b"), host)
	}},
	{name: "another size than the trusted cache", want: "alarm pins= redundant=0 differs:a", says: "narSize", set: func(w *web, o *Options) {
		n := info(a, "a")
		w.put(hostURL, n, host)
		n.NarSize++
		w.put(flakeURL, n, flake)
	}},
	{name: "two claimed caches agree", want: "fine pins=a redundant=0", set: func(w *web, o *Options) {
		addSecond(o)
		w.put(flakeURL, info(a, "a"), flake)
		w.put(secondURL, info(a, "a"), second)
	}},
	{name: "two claimed caches differ", want: "alarm pins= redundant=0 differs:a", says: "narHash", set: func(w *web, o *Options) {
		addSecond(o)
		w.put(flakeURL, info(a, "a"), flake)
		w.put(secondURL, info(a, "x"), second)
	}},
	{name: "two claimed caches differ, and neither proves it", want: "incomplete pins= redundant=0 unproved:a", says: "something else", set: func(w *web, o *Options) {
		addSecond(o)
		w.put(flakeURL, info(a, "a"))
		w.put(secondURL, info(a, "x"), alien)
	}},
	{name: "one key's signature under another cache", want: "incomplete pins= redundant=0 unproved:a", says: `"second-1"`, set: func(w *web, o *Options) {
		addSecond(o)
		w.put(flakeURL, info(a, "a"), second)
	}},
	{name: "two trusted caches differ", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Trusted = append(o.Trusted, lock.Cache{URL: secondURL, Keys: []string{second.Public()}})
		w.put(hostURL, info(a, "a"), host)
		w.put(secondURL, info(a, "x"), second)
	}},
	{name: "not signed", want: "incomplete pins= redundant=0 unproved:a", says: "no signature", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b))
		w.put(flakeURL, info(b, "b"), flake)
	}},
	{name: "signed by another key of the listed name", want: "alarm pins= redundant=0 bad-signature:a", says: `"flake-1" does not fit`, set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), fake)
		w.put(flakeURL, info(b, "b"), flake)
	}},
	{name: "a bad signature of the trusted cache", want: "alarm pins= redundant=0 bad-signature:a", says: hostURL, set: func(w *web, o *Options) {
		n := info(a, "a")
		n.Signatures = []string{"host-1:AAAA"}
		w.put(flakeURL, info(a, "a"), flake)
		w.put(hostURL, n)
	}},
	{name: "a bogus signature beside a good one", want: "fine pins=a redundant=0", set: func(w *web, o *Options) {
		n := info(a, "a")
		n.Signatures = []string{"flake-1:AAAA"}
		w.put(flakeURL, n, flake, fake)
	}},
	{name: "nowhere", want: "incomplete pins=a redundant=0 missing:b<a", says: "no cache has it", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
	}},
	{name: "a circle", want: "fine pins=a,b redundant=0", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", a, b), flake)
		w.put(flakeURL, info(b, "b", a), flake)
	}},
	{name: "the claimed cache is down", want: "undetermined pins= redundant=2 unreachable:flake.example", says: "refused", set: func(w *web, o *Options) {
		w.put(hostURL, info(a, "a", b), host)
		w.put(hostURL, info(b, "b"), host)
		w.fail["flake.example"] = errDown
	}},
	{name: "the trusted cache is down", want: "undetermined pins= redundant=0 unreachable:host.example", says: "2 paths", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b"), flake)
		w.fail["host.example"] = errDown
	}},
	{name: "another claimed cache is down, and what it may have is not said to be missing", want: "undetermined pins= redundant=0 unreachable:second.example", set: func(w *web, o *Options) {
		addSecond(o)
		w.put(flakeURL, info(a, "a", b), flake)
		w.fail["second.example"] = errDown
	}},
	{name: "an alarm outweighs a cache that is down", want: "alarm pins= redundant=0 differs:a unreachable:second.example", set: func(w *web, o *Options) {
		addSecond(o)
		w.put(flakeURL, info(a, "a"), flake)
		w.put(hostURL, info(a, "x"), host)
		w.fail["second.example"] = errDown
	}},
	{name: "a cache answers nonsense", want: "undetermined pins= redundant=0 unreachable:flake.example", says: "corrupt", set: func(w *web, o *Options) {
		w.files["flake.example/"+a.Digest()+".narinfo"] = "<html>"
	}},
	{name: "a cache has another name under the hash part", want: "undetermined pins= redundant=0 unreachable:flake.example", says: "mixes up", set: func(w *web, o *Options) {
		n := info(a, "a")
		n.Path = lock.StorePath(a.Digest() + "-other")
		w.put(flakeURL, n, flake)
	}},
	{name: "the trusted cache is none at all", want: "undetermined pins= redundant=0 unreachable:host.example", says: "is the URL right?", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a"), flake)
		w.info["host.example"] = ""
	}},
	{name: "the claimed cache is none at all", want: "undetermined pins= redundant=0 unreachable:flake.example missing:a", says: "is the URL right?", set: func(w *web, o *Options) {
		w.info["flake.example"] = ""
	}},
	{name: "the trusted cache is for another store", want: "undetermined pins= redundant=0 unreachable:host.example", says: "/gnu/store", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a"), flake)
		w.info["host.example"] = "StoreDir: /gnu/store\n"
	}},
	{name: "a NAR larger than any file", want: "undetermined pins= redundant=0 unreachable:flake.example", says: "larger than any file", set: func(w *web, o *Options) {
		n := info(a, "a")
		n.NarSize = 1 << 63
		w.put(flakeURL, n, flake)
	}},
	{name: "one cache is both claimed and trusted", want: "fine pins= redundant=2", set: func(w *web, o *Options) {
		o.Trusted = append(o.Trusted, lock.Cache{URL: flakeURL + "/?priority=30", Keys: []string{flake.Public()}})
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b"), flake)
	}},
	{name: "one cache is both claimed and trusted, by another key", want: "fine pins=a redundant=1", set: func(w *web, o *Options) {
		o.Trusted[0].URL = flakeURL
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(flakeURL, info(b, "b"), host)
	}},
	{name: "only the local store has it", want: "fine pins=a,b redundant=0", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "a", b)), b: localInfo(info(b, "b"))}
	}},
	{name: "the local store has it, and a cache what it refers to", want: "fine pins=a,b redundant=1", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "a", b))}
		w.put(flakeURL, info(b, "b", c), flake)
		w.put(hostURL, info(c, "c"), host)
	}},
	{name: "the local store tells references in another order", want: "fine pins=a,b,c redundant=0", set: func(w *web, o *Options) {
		i := localInfo(info(a, "a"))
		i.Refs = []lock.StorePath{c, b, c}
		o.Local = map[lock.StorePath]nix.Info{a: i, b: localInfo(info(b, "b")), c: localInfo(info(c, "c"))}
		w.put(flakeURL, info(a, "a", b, c), flake)
	}},
	{name: "an alarm about what is optional and needed is one", want: "alarm pins= redundant=0 differs:b<a", set: func(w *web, o *Options) {
		o.Optional = []lock.StorePath{b}
		o.Old = locked(map[lock.StorePath]lock.Pin{b: pinned1(info(b, "b"))})
		o.Local = map[lock.StorePath]nix.Info{b: localInfo(info(b, "x"))}
		w.put(flakeURL, info(a, "a", b), flake)
	}},
	{name: "a path is not wanted by itself", want: "alarm pins= redundant=0 differs:1<a", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", at("1")), flake)
		w.put(flakeURL, info(at("1"), "1", at("1")), flake)
		w.put(hostURL, info(at("1"), "x", at("1")), host)
	}},
	{name: "a path is wanted by the first of many", want: "incomplete pins=a,b,c redundant=0 missing:d<b", set: func(w *web, o *Options) {
		w.put(flakeURL, info(a, "a", b, c), flake)
		w.put(flakeURL, info(b, "b", d), flake)
		w.put(flakeURL, info(c, "c", d), flake)
	}},
	{name: "the local store and the claimed cache differ", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "local"))}
		w.put(flakeURL, info(a, "a"), flake)
	}},
	{name: "the local store and an unsigned answer differ", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "local"))}
		w.put(flakeURL, info(a, "a"))
	}},
	{name: "the local store vouches for what a cache does not sign", want: "fine pins=a redundant=0", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "a"))}
		w.put(flakeURL, info(a, "a"))
	}},
	{name: "the local store and the trusted cache differ", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "local"))}
		w.put(hostURL, info(a, "a"), host)
	}},
	{name: "the local store is not asked what a silent cache has", want: "undetermined pins= redundant=0 unreachable:flake.example", set: func(w *web, o *Options) {
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "a"))}
		w.fail["flake.example"] = errDown
	}},
	{name: "pinned as before", want: "fine pins=a redundant=0", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"))})
		w.put(flakeURL, info(a, "a"), flake)
	}},
	{name: "pinned otherwise before", want: "alarm pins= redundant=0 differs:a", says: "narHash", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "before"))})
		w.put(flakeURL, info(a, "a"), flake)
	}},
	{name: "pinned otherwise before, and not signed now", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "before"))})
		w.put(flakeURL, info(a, "a"))
	}},
	{name: "pinned otherwise before, and trusted now", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "before"))})
		w.put(hostURL, info(a, "a"), host)
	}},
	{name: "pinned before and redundant now", want: "fine pins= redundant=1", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"))})
		w.put(hostURL, info(a, "a"), host)
	}},
	{name: "pinned otherwise for another system", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Old = locked(nil)
		o.Old.Section("aarch64-linux").Paths[a] = pinned1(info(a, "before"))
		w.put(flakeURL, info(a, "a"), flake)
	}},
	{name: "another name with the hash part is pinned", want: "alarm pins= redundant=0 differs:a", says: "hash part", set: func(w *web, o *Options) {
		o.Old = locked(nil)
		o.Old.Section("aarch64-linux").Paths[lock.StorePath(a.Digest()+"-other")] = pinned1(info(a, "a"))
		w.put(flakeURL, info(a, "a"), flake)
	}},
	{name: "pinned before and gone", want: "incomplete pins=a,b redundant=0 missing:a", says: "stays", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a", b)), b: pinned1(info(b, "b"))})
	}},
	{name: "pinned before, gone, and what it refers to is there", want: "incomplete pins=a redundant=1 missing:a", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a", b)), b: pinned1(info(b, "b"))})
		w.put(flakeURL, info(b, "b"), flake)
		w.put(hostURL, info(b, "b"), host)
	}},
	{name: "pinned before and not signed now", want: "incomplete pins=a redundant=0 unproved:a", says: "stays", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"))})
		w.put(flakeURL, info(a, "a"))
	}},
	{name: "pinned for another system alone, and gone", want: "incomplete pins= redundant=0 missing:a", set: func(w *web, o *Options) {
		o.Old = locked(nil)
		o.Old.Section("aarch64-linux").Paths[a] = pinned1(info(a, "a"))
	}},
	{name: "what nothing needs any more", want: "fine pins=a redundant=0", set: func(w *web, o *Options) {
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a")), d: pinned1(info(d, "d"))})
		w.put(flakeURL, info(a, "a"), flake)
	}},
	{name: "what nothing needs any more is kept", want: "fine pins=a,d redundant=1", set: func(w *web, o *Options) {
		o.Keep = true
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a")), b: pinned1(info(b, "b")), d: pinned1(info(d, "d"))})
		w.put(flakeURL, info(a, "a", b), flake)
		w.put(hostURL, info(b, "b"), host)
		o.Old.Systems[system].Paths[a] = pinned1(info(a, "a", b))
	}},
	{name: "an optional path is there", want: "fine pins=a,b redundant=1", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a, d}
		w.put(flakeURL, info(a, "a", b, c), flake)
		w.put(flakeURL, info(b, "b"), flake)
		w.put(hostURL, info(c, "c"), host)
	}},
	{name: "what an optional path refers to is not optional", want: "incomplete pins=a redundant=0 missing:b<a", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a}
		w.put(flakeURL, info(a, "a", b), flake)
	}},
	{name: "an optional path is not signed", want: "incomplete pins= redundant=0 unproved:a", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a}
		w.put(flakeURL, info(a, "a"))
	}},
	{name: "an optional path that only the trusted cache has", want: "fine pins= redundant=0", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a}
		w.put(hostURL, info(a, "a"), host)
	}},
	{name: "an optional path that only the local store has", want: "fine pins= redundant=0", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a}
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "a"))}
	}},
	{name: "an optional path that was pinned and is gone", want: "fine pins=a,b redundant=0", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a}
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a", b)), b: pinned1(info(b, "b")), d: pinned1(info(d, "d"))})
	}},
	{name: "an optional path that was pinned and is gone, and the local store has another", want: "alarm pins= redundant=0 differs:a", set: func(w *web, o *Options) {
		o.Roots, o.Optional = nil, []lock.StorePath{a}
		o.Old = locked(map[lock.StorePath]lock.Pin{a: pinned1(info(a, "a"))})
		o.Local = map[lock.StorePath]nix.Info{a: localInfo(info(a, "x"))}
	}},
	{name: "an optional path when the claimed cache is down", want: "undetermined pins= redundant=0 unreachable:flake.example", set: func(w *web, o *Options) {
		o.Optional = []lock.StorePath{d}
		w.fail["flake.example"] = errDown
	}},
	{name: "an optional path that a needed one refers to", want: "incomplete pins=a redundant=0 missing:b<a", set: func(w *web, o *Options) {
		o.Optional = []lock.StorePath{b}
		w.put(flakeURL, info(a, "a", b), flake)
	}},
}

func addSecond(o *Options) {
	o.Caches = append(o.Caches, lock.Cache{URL: secondURL, Keys: []string{second.Public()}})
}

func TestEachCaseComesToWhatItIs(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWeb()
			o := w.options(a)
			c.set(w, &o)
			r := mustMake(t, o)
			if got := summary(r); got != c.want {
				t.Errorf("%s\nwant %s\n%+v", got, c.want, r.Problems)
			}
			if c.says != "" && !strings.Contains(r.Problems[0].Text, c.says) {
				t.Errorf("it says %q, and not %q", r.Problems[0].Text, c.says)
			}
			if (r.Lock == nil) != (r.Outcome() == Alarm || r.Outcome() == Undetermined) {
				t.Errorf("%v with the lock %v", r.Outcome(), r.Lock)
			}
			for _, p := range r.Problems {
				if p.Text == "" || (p.Kind == Differs) == (len(p.Says) == 0) && !strings.Contains(p.Text, "hash part") {
					t.Errorf("%+v", p)
				}
			}
			second := mustMake(t, o)
			if summary(second) != summary(r) {
				t.Errorf("asked again: %s", summary(second))
			}
			if r.Lock == nil {
				return
			}
			o.Old = r.Lock
			again := mustMake(t, o)
			if again.Added != 0 || again.Removed != 0 || again.Lock == nil || !slices.Equal(printed(t, again.Lock), printed(t, r.Lock)) {
				t.Errorf("a second lock changes it:\n%s\n%s", printed(t, r.Lock), printed(t, again.Lock))
			}
		})
	}
}

func printed(t testing.TB, l *lock.Lock) []byte {
	t.Helper()
	text, err := l.Print()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
