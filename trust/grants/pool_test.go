package grants

import (
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
)

// active is a grant that counts.
func active(t testing.TB, id Identity, l *lock.Lock) Standing {
	t.Helper()
	s := Judge(id, []Scope{scopeOf(grantFor(t, id, l))}, noon, ReadBack(l, nil), Offer{State: OfferRead, Lock: l})
	if s.State != Active {
		t.Fatal(s.Text)
	}
	return s
}

func TestGrantsThatDisagreeServeNeither(t *testing.T) {
	refs := pin(1)
	refs.Refs = []lock.StorePath{storePath(3, "c")}
	size := pin(1)
	size.Size++
	for name, other := range map[string]map[lock.StorePath]lock.Pin{
		"other bytes":                     {storePath(1, "a"): pin(7)},
		"other references":                {storePath(1, "a"): refs},
		"another size":                    {storePath(1, "a"): size},
		"another name for the same bytes": {storePath(1, "b"): pin(1)},
	} {
		other[storePath(5, "own")] = pin(5)
		a := active(t, "github:a/a", lockOf("1", map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(1), storePath(2, "b"): pin(2)}))
		b := active(t, "github:b/b", lockOf("1", other))
		c := active(t, "github:c/c", lockOf("1", onePin)) // says as a does
		for _, order := range [][]Standing{{a, b, c}, {b, a, c}, {c, a, b}, {a, c, b}} {
			p := NewPool(order)
			if s, ok := p.Find(storePath(1, "a").Digest()); ok {
				t.Errorf("%s: %+v is served", name, s)
			}
			if _, ok := p.Find(storePath(2, "b").Digest()); !ok || p.Len() != 2 {
				t.Errorf("%s: what nobody disputes is not served (%d)", name, p.Len())
			}
			if len(p.Conflicts()) != 1 || len(p.Conflicts()[0].Sides) != 3 {
				t.Fatalf("%s: %+v", name, p.Conflicts())
			}
			text := p.Conflicts()[0].String()
			if !strings.Contains(text, "github:a/a") || !strings.Contains(text, "github:b/b") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

// One lock may be accepted by two flakes, each for another system.
func TestGrantsOfOneLockServeEachItsOwnSystem(t *testing.T) {
	l := lockOf("1", onePin)
	l.Section("aarch64-linux").Paths[storePath(2, "b")] = pin(2)
	for _, swapped := range []bool{false, true} {
		var both []Standing
		for id, system := range map[Identity]string{"github:a/a": system, "github:b/b": "aarch64-linux"} {
			g := grantFor(t, id, l)
			g.Systems = []string{system}
			both = append(both, Judge(id, []Scope{scopeOf(g)}, noon, ReadBack(l, nil), Offer{State: OfferNone}))
		}
		slices.SortFunc(both, func(a, b Standing) int { return strings.Compare(string(a.Grant.Flake), string(b.Grant.Flake)) })
		if swapped {
			slices.Reverse(both)
		}
		p := NewPool(both)
		a, okA := p.Find(storePath(1, "a").Digest())
		b, okB := p.Find(storePath(2, "b").Digest())
		if !okA || !okB || p.Len() != 2 || !slices.Equal(a.By, []Identity{"github:a/a"}) || !slices.Equal(b.By, []Identity{"github:b/b"}) {
			t.Errorf("%v %+v, %v %+v", okA, a, okB, b)
		}
	}
}

func TestGrantsThatAgreeShareTheirCaches(t *testing.T) {
	l, m := lockOf("1", onePin), lockOf("1", onePin)
	m.Caches = []lock.Cache{{URL: "https://mirror.example"}, {URL: "https://cache.example", Keys: []string{otherK1}}}
	a, b := active(t, "github:a/a", l), active(t, "github:b/b", m)
	p := NewPool([]Standing{b, a, a})
	s, ok := p.Find(storePath(1, "a").Digest())
	if !ok || len(s.From) != 2 || s.From[0].URL != "https://cache.example" || len(s.From[0].Keys) != 2 || len(s.By) != 2 || s.By[0] != "github:a/a" || !s.Pin.Same(pin(1)) {
		t.Errorf("%+v", s)
	}
	if len(a.Grant.Caches) != 1 || len(a.Grant.Caches[0].Keys) != 1 || len(l.Caches[0].Keys) != 1 {
		t.Error("the grants were changed")
	}
	if len(p.Conflicts()) != 0 {
		t.Errorf("%v", p.Conflicts())
	}
}

func TestWhatNoActiveGrantPinsIsNotFound(t *testing.T) {
	l := lockOf("1", onePin)
	a := active(t, "github:a/a", l)
	expired := Judge("github:b/b", []Scope{scopeOf(grantFor(t, "github:b/b", lockOf("1", map[lock.StorePath]lock.Pin{storePath(2, "b"): pin(2)})))},
		noon.Add(-1), ReadBack(l, nil), Offer{})
	p := NewPool([]Standing{a, expired})
	for _, hash := range []string{"", "x", storePath(2, "b").Digest(), string(storePath(1, "a")), strings.ToUpper(storePath(1, "a").Digest())} {
		if s, ok := p.Find(hash); ok && hash != storePath(1, "a").Digest() {
			t.Errorf("%q: %+v", hash, s)
		}
	}
}

func TestOnePathOfSeveralSystemsIsServedOnce(t *testing.T) {
	l := lockOf("1", onePin)
	l.Section("aarch64-linux").Paths[storePath(1, "a")] = pin(1)
	g := grantFor(t, flakeID, l)
	g.Systems = []string{"aarch64-linux", system}
	s := Judge(flakeID, []Scope{scopeOf(g)}, noon, ReadBack(l, nil), Offer{State: OfferNone})
	p := NewPool([]Standing{s})
	if got, ok := p.Find(storePath(1, "a").Digest()); !ok || len(got.By) != 1 || p.Len() != 1 || len(p.Conflicts()) != 0 {
		t.Errorf("%+v", got)
	}
}

func BenchmarkNewPool(b *testing.B) {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{key1}}}
	s := l.Section(system)
	for i := range 100_000 {
		s.Paths[storePath(i, "package-name-1.2.3")] = lock.Pin{NAR: lock.Hash{byte(i), byte(i >> 8), byte(i >> 16), 1}, Size: 1}
	}
	one := active(b, flakeID, l)
	b.ReportAllocs()
	for b.Loop() {
		if NewPool([]Standing{one}).Len() != 100_000 {
			b.Fatal("not all")
		}
	}
}
