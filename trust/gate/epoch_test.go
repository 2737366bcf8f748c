package gate

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// pinsTo are pins of the paths from one number to another.
func pinsTo(from, to int) map[lock.StorePath]lock.Pin {
	pins := map[lock.StorePath]lock.Pin{}
	for n := from; n <= to; n++ {
		pins[storePath(n)] = pinOf(contents(uint64(n), 100))
	}
	return pins
}

func newTestKey(t testing.TB) *Key {
	t.Helper()
	key, err := NewKey(KeyName("host"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// clocked makes a gate with the files of a folder.
func clocked(t *testing.T, key *Key, dir string, now *time.Time, standings ...grants.Standing) *Gate {
	t.Helper()
	g, err := New(Options{Key: key, Epochs: filepath.Join(dir, "epochs"), Evidence: filepath.Join(dir, "evidence"), Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	g.Load(standings)
	return g
}

func epochOf(t *testing.T, g *Gate) (int, bool) {
	t.Helper()
	s := g.Status()
	if len(s.Problems) != 0 {
		t.Errorf("%q", s.Problems)
	}
	return s.Epoch, s.Fresh
}

func TestEveryEpochServesTheSame(t *testing.T) {
	nar := contents(1, 1000)
	up := newUpstream(t)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	up.put(storePath(1), pins[storePath(1)], "none", nar)
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pins, up.URL))
	url := narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]})
	info := storePath(1).Digest() + ".narinfo"
	_, want, _ := g.get(t, info)
	for _, prefix := range []string{"e0/", "e1/", "e2/", "e3/", "e4/", "e5/", "e6/", "e7/"} {
		if code, text, _ := g.get(t, prefix+info); code != 200 || string(text) != string(want) {
			t.Errorf("%s: %d %s", prefix, code, text)
		}
		if code, body, err := g.get(t, prefix+url); code != 200 || string(body) != string(nar) || err != nil {
			t.Errorf("%s: %d %v", prefix, code, err)
		}
		if code, _, _ := g.get(t, prefix+"nix-cache-info"); code != 200 {
			t.Errorf("%s: %d", prefix, code)
		}
		if code, _, _ := g.get(t, prefix+storePath(2).Digest()+".narinfo"); code != 404 {
			t.Errorf("%s: %d", prefix, code)
		}
	}
	for _, prefix := range []string{"e8/", "e/", "e-1/", "e00/", "e0/e0/", "E0/", "e10/", "xe0/"} {
		if code, _, _ := g.get(t, prefix+info); code != 404 {
			t.Errorf("%s: %d", prefix, code)
		}
	}
}

func TestTheEpochIsTheSameAsLongAsThePinsAre(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	a := standing(t, "a", time.Time{}, pinsTo(1, 3), "https://one.example")
	first, fresh := epochOf(t, clocked(t, key, dir, &now, a))
	if !fresh {
		t.Error("nothing was ever asked, and it is not fresh")
	}
	now = now.Add(time.Minute)
	for name, same := range map[string][]grants.Standing{
		"started again":               {a},
		"from another cache":          {standing(t, "b", time.Time{}, pinsTo(1, 3), "https://two.example")},
		"by two grants":               {a, standing(t, "c", noon.Add(time.Hour), pinsTo(2, 3), "https://two.example")},
		"a grant that serves nothing": {a, {State: grants.Expired}},
	} {
		if e, fresh := epochOf(t, clocked(t, key, dir, &now, same...)); e != first || !fresh {
			t.Errorf("%s: %d %v, not %d", name, e, fresh, first)
		}
	}
	other, _ := epochOf(t, clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 4), "https://one.example")))
	changed := pinsTo(1, 4)
	changed[storePath(2)] = pinOf(contents(99, 100))
	third, _ := epochOf(t, clocked(t, key, dir, &now, standing(t, "a", time.Time{}, changed, "https://one.example")))
	fourth, _ := epochOf(t, clocked(t, newTestKey(t), dir, &now, standing(t, "a", time.Time{}, changed, "https://one.example")))
	if len(map[int]bool{first: true, other: true, third: true, fourth: true}) != 4 {
		t.Errorf("a path more, another pin, another key: %d %d %d %d", first, other, third, fourth)
	}
}

// A daemon remembers what it was told of a path, too.
func TestAnotherPinOfAPathIsAnotherEpochOfARunningGate(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	g := clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 3), "https://one.example"))
	first, _ := epochOf(t, g)
	changed := pinsTo(1, 3)
	changed[storePath(2)] = pinOf(contents(99, 100))
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, changed, "https://one.example")})
	if e, fresh := epochOf(t, g); e == first || !fresh {
		t.Errorf("%d %v, and %d before", e, fresh, first)
	}
}

func TestWhatShrinksKeepsTheEpochAndWhatGrowsAgainDoesNot(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	a := standing(t, "a", noon.Add(time.Hour), pinsTo(1, 3), "https://one.example")
	b := standing(t, "b", time.Time{}, pinsTo(5, 6), "https://one.example")
	g := clocked(t, key, dir, &now, a, b)
	first, _ := epochOf(t, g)
	now = noon.Add(2 * time.Hour)
	if e, _ := epochOf(t, g); e != first || g.Status().Paths != 2 {
		t.Errorf("a grant has ended: %d, %d paths", e, g.Status().Paths)
	}
	if e, _ := epochOf(t, clocked(t, key, dir, &now, b)); e != first {
		t.Errorf("started again after that: %d", e)
	}
	g.Load(nil)
	if e, _ := epochOf(t, g); e != first {
		t.Errorf("all were revoked: %d", e)
	}
	if e, _ := epochOf(t, clocked(t, key, dir, &now)); e != first {
		t.Errorf("started without any: %d", e)
	}
	g.Load([]grants.Standing{b})
	again, fresh := epochOf(t, g)
	if again == first || !fresh {
		t.Errorf("granted again: %d", again)
	}
	// A miss of the time in which nothing was granted is remembered by nobody.
	if e, _ := epochOf(t, clocked(t, key, dir, &now, b)); e != again {
		t.Errorf("started again: %d, not %d", e, again)
	}
}

func TestAnEpochIsUsedAgainWhenItsMissesAreForgotten(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	g := clocked(t, key, dir, &now)
	last, seen := -1, map[int]int{}
	for n := range 3 * Epochs {
		if n%2 == 1 {
			g = clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, n), "https://one.example"))
		}
		g.Load([]grants.Standing{standing(t, "a", time.Time{}, pinsTo(1, n+1), "https://one.example")})
		e, fresh := epochOf(t, g)
		if e == last {
			t.Fatalf("change %d: %d again", n, e)
		}
		if n >= 2*Epochs && fresh {
			t.Errorf("change %d: %d is called fresh", n, e)
		}
		seen[e]++
		last = e
		now = now.Add(time.Second)
	}
	if len(seen) != Epochs {
		t.Errorf("%v", seen)
	}
	left := now
	for _, c := range []struct {
		after time.Duration
		fresh bool
	}{{0, false}, {59 * time.Minute, false}, {time.Hour, true}, {-time.Hour, false}} {
		now = left.Add(c.after)
		if _, fresh := epochOf(t, g); fresh != c.fresh {
			t.Errorf("after %v: %v", c.after, fresh)
		}
	}
	now = left.Add(59*time.Minute + 55*time.Second)
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, pinsTo(1, 90), "https://one.example")})
	if e, fresh := epochOf(t, g); e == last || !fresh {
		t.Errorf("the one left longest ago is %d, %v", e, fresh)
	}
}

func TestAnEpochWithAMissOfLateIsNotTakenFirst(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	g := clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 1), "https://one.example"))
	first, _ := epochOf(t, g)
	// Some program still asks under all others but one.
	free := (first + 5) % Epochs
	for e := range Epochs {
		if e != first && e != free {
			g.epochs.miss(e, now)
		}
	}
	if err := g.epochs.keep(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	g = clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 2), "https://one.example"))
	if e, fresh := epochOf(t, g); e != free || !fresh {
		t.Errorf("%d %v, not %d", e, fresh, free)
	}
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, pinsTo(1, 3), "https://one.example")})
	if e, fresh := epochOf(t, g); e == free || fresh {
		t.Errorf("%d %v", e, fresh)
	}
}

func TestATurnedClockMakesNothingFresh(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon.AddDate(10, 0, 0)
	for n := range Epochs + 1 {
		clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, n+1), "https://one.example"))
	}
	now = noon // ten years back, where the daemon's notes are from the time to come
	g := clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 50), "https://one.example"))
	if _, fresh := epochOf(t, g); fresh {
		t.Error("fresh")
	}
	g.Load([]grants.Standing{standing(t, "a", time.Time{}, pinsTo(1, 51), "https://one.example")})
	if _, fresh := epochOf(t, g); fresh {
		t.Error("fresh")
	}
}

func TestABrokenFileOfEpochsMakesNothingFreshForAnHour(t *testing.T) {
	good := `{"version":1,"current":3,"served":"` + strings.Repeat("a", 64) + `","since":"2026-03-01T12:00:00Z","left":[` + strings.Repeat(`"0001-01-01T00:00:00Z",`, Epochs-1) + `"0001-01-01T00:00:00Z"]}`
	if err := os.WriteFile(t.TempDir()+"/x", []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(file string) error{
		"whole":         func(f string) error { return os.WriteFile(f, []byte(good), 0o600) },
		"empty":         func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"cut":           func(f string) error { return os.WriteFile(f, []byte(good[:60]), 0o600) },
		"more behind":   func(f string) error { return os.WriteFile(f, []byte(good+good), 0o600) },
		"version 2":     func(f string) error { return os.WriteFile(f, []byte(strings.Replace(good, ":1,", ":2,", 1)), 0o600) },
		"epoch 8":       func(f string) error { return os.WriteFile(f, []byte(strings.Replace(good, ":3,", ":8,", 1)), 0o600) },
		"epoch -1":      func(f string) error { return os.WriteFile(f, []byte(strings.Replace(good, ":3,", ":-1,", 1)), 0o600) },
		"no digest":     func(f string) error { return os.WriteFile(f, []byte(strings.Replace(good, "aaa", "", 1)), 0o600) },
		"unknown key":   func(f string) error { return os.WriteFile(f, []byte(strings.Replace(good, "{", `{"x":1,`, 1)), 0o600) },
		"huge":          func(f string) error { return os.WriteFile(f, []byte(strings.Repeat(" ", 1<<20)+good), 0o600) },
		"others write":  func(f string) error { return os.WriteFile(f, []byte(good), 0o600) },
		"a folder":      func(f string) error { return os.Mkdir(f, 0o700) },
		"a link":        func(f string) error { return os.Symlink(t.TempDir()+"/x", f) },
		"a pipe":        func(f string) error { return syscall.Mkfifo(f, 0o600) },
		"null document": func(f string) error { return os.WriteFile(f, []byte("null"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, now := t.TempDir(), noon
			if err := make(dir + "/epochs"); err != nil {
				t.Fatal(err)
			}
			if name == "others write" {
				if err := os.Chmod(dir+"/epochs", 0o666); err != nil {
					t.Fatal(err)
				}
			}
			key := newTestKey(t)
			s := clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 1), "https://one.example")).Status()
			if good := name == "whole"; s.Fresh != good || len(s.Problems) == 0 != good {
				t.Errorf("%+v", s)
			}
			if name == "a folder" {
				return // nothing can be put in its place
			}
			now = now.Add(time.Hour)
			again := clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 1), "https://one.example"))
			if e, fresh := epochOf(t, again); e != s.Epoch || !fresh {
				t.Errorf("an hour later: %d %v, not %d", e, fresh, s.Epoch)
			}
			if st, err := os.Lstat(dir + "/epochs"); err != nil || st.Mode() != 0o600 {
				t.Errorf("%v %v", st, err)
			}
		})
	}
}

func TestTwoGatesDoNotTakeEachOthersEpochs(t *testing.T) {
	dir, key, now := t.TempDir(), newTestKey(t), noon
	one := clocked(t, key, dir, &now, standing(t, "a", time.Time{}, pinsTo(1, 1), "https://one.example"))
	two := clocked(t, key, dir, &now, standing(t, "b", time.Time{}, pinsTo(1, 2), "https://one.example"))
	for n := range 2 * Epochs {
		a, freshA := epochOf(t, one)
		b, freshB := epochOf(t, two)
		if a == b {
			t.Fatalf("both use %d", a)
		}
		if n > Epochs && (freshA || freshB) {
			t.Errorf("%d %v, %d %v", a, freshA, b, freshB)
		}
		now = now.Add(time.Second)
		one.Load([]grants.Standing{standing(t, "a", time.Time{}, pinsTo(1, 10+2*n), "https://one.example")})
		if e, _ := epochOf(t, one); e == a || e == b {
			t.Fatalf("%d after %d, beside %d", e, a, b)
		}
		one, two = two, one
	}
}

func TestAGateThatNobodyHeardOfIsFreshAtFirst(t *testing.T) {
	g := serve(t, Options{Unheard: true}, standing(t, "a", time.Time{}, pinsTo(1, 1), "https://one.example"))
	first, fresh := epochOf(t, g.Gate)
	if !fresh {
		t.Error("it is not")
	}
	for n := range 2 * Epochs { // each is used up in the end
		g.Load([]grants.Standing{standing(t, "a", time.Time{}, pinsTo(1, 2+n), "https://one.example")})
	}
	if e, fresh := epochOf(t, g.Gate); fresh {
		t.Errorf("%d is called fresh after %d", e, first)
	}
}

func TestAGateWithoutAFileIsNotFreshAtFirst(t *testing.T) {
	g := serve(t, Options{}, standing(t, "a", time.Time{}, pinsTo(1, 1), "https://one.example"))
	first := g.Status()
	g.clock.Store(3600)
	later := g.Status()
	if first.Fresh || !later.Fresh || first.Epoch != later.Epoch {
		t.Errorf("%+v %+v", first, later)
	}
	bare, err := New(Options{Key: newTestKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	if bare.Status().Fresh {
		t.Error("a gate that was told nothing is fresh")
	}
}
