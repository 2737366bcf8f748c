package grants

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

const system = "x86_64-linux"

// storePath is a store path that is told from others by a digit.
func storePath(n int, name string) lock.StorePath {
	return lock.StorePath(fmt.Sprintf("%032d-%s", n, name))
}

func pin(n int) lock.Pin { return lock.Pin{NAR: lock.Hash{byte(n), 1}, Size: int64(100 + n)} }

// lockOf pins some paths, and has an output of a version.
func lockOf(version string, pins map[lock.StorePath]lock.Pin) *lock.Lock {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{key1}}}
	s := l.Section(system)
	for p, n := range pins {
		s.Paths[p] = n
	}
	s.Outputs["packages.default"] = lock.StorePath(fmt.Sprintf("%032d-tool-%s", 9, version))
	return l
}

func digestOf(t testing.TB, l *lock.Lock) string {
	t.Helper()
	d, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func grantFor(t testing.TB, id Identity, l *lock.Lock) Grant {
	t.Helper()
	return Grant{Flake: id, Lock: digestOf(t, l), Caches: l.Caches, Systems: []string{system}, Granted: noon}
}

func scopeOf(gs ...Grant) Scope {
	return Scope{Path: "/g.toml", File: &File{Version: Version, Grants: gs}}
}

var onePin = map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(1)}

const flakeID = Identity("github:owner/repo")

func TestOnlyWhatIsWhollyKnownIsActive(t *testing.T) {
	accepted := lockOf("1.2", onePin)
	newer, older := lockOf("1.3", onePin), lockOf("1.1", onePin)
	other := lockOf("1.2", map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(1), storePath(2, "b"): pin(2)})
	swapped := lockOf("1.3", map[lock.StorePath]lock.Pin{storePath(1, "a"): pin(7)})
	detached := lockOf("1.2", onePin)
	detached.Source = lock.Hash{5}
	g := grantFor(t, flakeID, accepted)
	later := noon.Add(time.Hour)
	bad := errors.New("it is broken")
	type args struct {
		id       Identity
		scopes   []Scope
		now      time.Time
		accepted Accepted
		offer    Offer
	}
	good := args{flakeID, []Scope{scopeOf(g)}, later, ReadBack(accepted, nil), Offer{State: OfferRead, Lock: accepted}}
	with := func(change func(*args, *Grant)) args {
		a, h := good, g.clone()
		change(&a, &h)
		if len(a.scopes) == 1 && a.scopes[0].File == good.scopes[0].File {
			a.scopes = []Scope{scopeOf(h)}
		}
		return a
	}
	for name, c := range map[string]struct {
		args
		want State
	}{
		"all as accepted":                   {good, Active},
		"a lock without a place":            {with(func(a *args, _ *Grant) { a.offer = Offer{State: OfferNone} }), Active},
		"nothing at all":                    {args{}, Unknown},
		"no flake":                          {with(func(a *args, _ *Grant) { a.id = "" }), Unknown},
		"no scopes":                         {with(func(a *args, _ *Grant) { a.scopes = nil }), Unknown},
		"a scope that was not read":         {with(func(a *args, _ *Grant) { a.scopes = []Scope{scopeOf(g), {}} }), Unknown},
		"a zero file":                       {with(func(a *args, _ *Grant) { a.scopes = []Scope{scopeOf(g), {File: &File{}}} }), Unknown},
		"a scope that cannot be read":       {with(func(a *args, _ *Grant) { a.scopes = []Scope{scopeOf(g), {Err: bad}} }), Unreadable},
		"no grant":                          {with(func(a *args, _ *Grant) { a.scopes = []Scope{scopeOf()} }), NotGranted},
		"a grant for another":               {with(func(a *args, _ *Grant) { a.id = "github:owner/repo?dir=a" }), NotGranted},
		"denied":                            {with(func(a *args, _ *Grant) { a.scopes = []Scope{scopeOf(g), denied()} }), Denied},
		"denied in the same file":           {with(func(a *args, _ *Grant) { a.scopes = []Scope{both(g)} }), Denied},
		"denied without a grant":            {with(func(a *args, _ *Grant) { a.scopes = []Scope{denied()} }), Denied},
		"no clock":                          {with(func(a *args, _ *Grant) { a.now = time.Time{} }), Unknown},
		"before it was granted":             {with(func(a *args, _ *Grant) { a.now = noon.Add(-time.Second) }), NotYet},
		"at the moment it was granted":      {with(func(a *args, _ *Grant) { a.now = noon }), Active},
		"the moment it expires":             {with(func(a *args, h *Grant) { h.Expires, a.now = later, later }), Expired},
		"a moment before":                   {with(func(a *args, h *Grant) { h.Expires, a.now = later, later.Add(-1) }), Active},
		"an invalid grant":                  {with(func(_ *args, h *Grant) { h.Systems = nil }), Unreadable},
		"a grant without caches":            {with(func(_ *args, h *Grant) { h.Caches = nil }), Unreadable},
		"accepted lock not looked at":       {with(func(a *args, _ *Grant) { a.accepted = Accepted{} }), Unknown},
		"accepted lock not there":           {with(func(a *args, _ *Grant) { a.accepted = ReadBack(nil, nil) }), Unreadable},
		"accepted lock broken":              {with(func(a *args, _ *Grant) { a.accepted = ReadBack(accepted, bad) }), Unreadable},
		"accepted lock invalid":             {with(func(a *args, _ *Grant) { a.accepted = ReadBack(&lock.Lock{}, nil) }), Unreadable},
		"accepted lock swapped":             {with(func(a *args, _ *Grant) { a.accepted = ReadBack(other, nil) }), Unreadable},
		"swapped, and the same on offer":    {with(func(a *args, _ *Grant) { a.accepted, a.offer.Lock = ReadBack(other, nil), other }), Unreadable},
		"offer not looked at":               {with(func(a *args, _ *Grant) { a.offer = Offer{} }), Unknown},
		"offer said to be read, and is not": {with(func(a *args, _ *Grant) { a.offer = Offer{State: OfferRead} }), Unknown},
		"an offer of no known state":        {with(func(a *args, _ *Grant) { a.offer = Offer{State: 99, Lock: accepted} }), Unknown},
		"offer missing":                     {with(func(a *args, _ *Grant) { a.offer = Offer{State: OfferMissing} }), LockMissing},
		"offer broken":                      {with(func(a *args, _ *Grant) { a.offer = Offer{State: OfferUnreadable, Err: bad} }), Unreadable},
		"offer invalid":                     {with(func(a *args, _ *Grant) { a.offer.Lock = &lock.Lock{} }), Unreadable},
		"flake gone":                        {with(func(a *args, _ *Grant) { a.offer = Offer{State: OfferFlakeGone} }), FlakeGone},
		"another lock":                      {with(func(a *args, _ *Grant) { a.offer.Lock = other }), Stale},
		"a newer version":                   {with(func(a *args, _ *Grant) { a.offer.Lock = newer }), Stale},
		"other bytes":                       {with(func(a *args, _ *Grant) { a.offer.Lock = swapped }), Stale},
		"an older version":                  {with(func(a *args, _ *Grant) { a.offer.Lock = older }), Rollback},
		"one that was replaced":             {with(func(a *args, h *Grant) { a.offer.Lock, h.Replaced = newer, []string{digestA, digestOf(t, newer)} }), Rollback},
		"a detached lock, source not known": {with(func(a *args, h *Grant) {
			h.Lock, a.accepted, a.offer = digestOf(t, detached), ReadBack(detached, nil), Offer{State: OfferRead, Lock: detached, Source: lock.Hash{}}
		}), Unknown},
		"a detached lock, another source": {with(func(a *args, h *Grant) {
			h.Lock, a.accepted, a.offer = digestOf(t, detached), ReadBack(detached, nil), Offer{State: OfferRead, Lock: detached, Source: lock.Hash{6}}
		}), Stale},
		"a detached lock and its own source": {with(func(a *args, h *Grant) {
			h.Lock, a.accepted, a.offer = digestOf(t, detached), ReadBack(detached, nil), Offer{State: OfferRead, Lock: detached, Source: lock.Hash{5}}
		}), Active},
	} {
		s := Judge(c.id, c.scopes, c.now, c.accepted, c.offer)
		if s.State != c.want {
			t.Errorf("%s: %s, want %s (%s)", name, s.State, c.want, s.Text)
		}
		if s.Text == "" || strings.Contains(s.Text, "%!") {
			t.Errorf("%s: says %q", name, s.Text)
		}
		pins := s.Pins()
		if s.Serves() != (c.want == Active) || len(pins) > 0 != (c.want == Active) {
			t.Errorf("%s: %s serves %v", name, s.State, pins)
		}
		if pool := NewPool([]Standing{s}); pool.Len() > 0 != (c.want == Active) {
			t.Errorf("%s: the pool has %d", name, pool.Len())
		}
		if (len(s.Diff) > 0) != (c.want == Rollback || c.want == Stale && name != "a detached lock, another source") {
			t.Errorf("%s: differences %v", name, s.Diff)
		}
		// What was judged in one way is not taken for another by changing its word.
		if s.State != Active {
			s.State = Active
			if s.Serves() {
				t.Errorf("%s: it serves once it is called active", name)
			}
		}
	}
	if s := Judge(flakeID, good.scopes, later, good.accepted, Offer{State: OfferRead, Lock: swapped}); !s.Diff.Alarm() || !strings.Contains(s.Text, "other bytes") {
		t.Errorf("no alarm: %+v", s)
	}
}

func denied() Scope {
	return Scope{Path: "/d.toml", File: &File{Version: Version, Denies: []Deny{{Flake: flakeID, Since: noon, Note: "no"}}}}
}

func both(g Grant) Scope {
	s := denied()
	s.File.Grants = []Grant{g}
	return s
}

func TestTheZeroStandingServesNothing(t *testing.T) {
	var s Standing
	if s.Serves() || s.Pins() != nil || s.State.String() != "unknown" || State(99).String() != "unknown" {
		t.Errorf("%+v", s)
	}
	if p := NewPool([]Standing{s, {State: Active}}); p.Len() != 0 {
		t.Error("it serves something")
	}
	for _, p := range []*Pool{nil, {}} {
		if _, ok := p.Find(storePath(1, "a").Digest()); ok || p.Len() != 0 || p.Conflicts() != nil {
			t.Error("no pool serves something")
		}
	}
}

func TestOnlyGrantedSystemsAreServed(t *testing.T) {
	l := lockOf("1", onePin)
	l.Section("aarch64-linux").Paths[storePath(2, "b")] = pin(2)
	g := grantFor(t, flakeID, l)
	for _, c := range []struct {
		systems []string
		want    int
	}{{[]string{system}, 1}, {[]string{"aarch64-linux"}, 1}, {[]string{"aarch64-linux", system}, 2}, {[]string{"riscv64-linux"}, 0}} {
		g.Systems = c.systems
		s := Judge(flakeID, []Scope{scopeOf(g)}, noon, ReadBack(l, nil), Offer{State: OfferRead, Lock: l})
		if len(s.Pins()) != c.want || s.Count() != c.want {
			t.Errorf("%v: %v", c.systems, s.Pins())
		}
	}
}

func TestPinsAreACopy(t *testing.T) {
	l := lockOf("1", onePin)
	s := Judge(flakeID, []Scope{scopeOf(grantFor(t, flakeID, l))}, noon, ReadBack(l, nil), Offer{State: OfferNone})
	s.Pins()[storePath(3, "c")] = pin(3)
	if len(s.Pins()) != 1 {
		t.Error("what is served can be added to from outside")
	}
}
