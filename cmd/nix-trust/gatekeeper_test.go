package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A granary is a keeper over files of its own: the user's and, beside it, the
// system's.
type granary struct {
	*keeper
	t           testing.TB
	own, system string // folders of grants.toml and locks
	clock       time.Time
	log         bytes.Buffer
}

func newGranary(t testing.TB) *granary {
	dir := t.TempDir()
	k := &granary{t: t, own: filepath.Join(dir, "own"), system: filepath.Join(dir, "system"), clock: time.Now()}
	b := &grantBook{}
	for _, d := range []string{k.own, k.system} {
		if err := os.MkdirAll(filepath.Join(d, "locks"), 0o755); err != nil {
			t.Fatal(err)
		}
		b.shelves = append(b.shelves, shelf{Source: grants.Source{Path: filepath.Join(d, "grants.toml")}, locks: filepath.Join(d, "locks")})
	}
	k.keeper = newKeeper(b)
	k.now = func() time.Time { return k.clock }
	k.keeper.log = slog.New(slog.NewTextHandler(&k.log, nil))
	return k
}

// path is a store path that goes by a number.
func pathOf(n int) lock.StorePath {
	const letters = "0123456789abcdfghijklmnpqrsvwxyz"
	digest := []byte(strings.Repeat("0", 32))
	for i := 0; n > 0; i, n = i+1, n/32 {
		digest[31-i] = letters[n%32]
	}
	return lock.StorePath(string(digest) + "-pkg")
}

// lockOf is a lock that pins paths n to n+count-1.
func lockOf(t testing.TB, n, count int) (digest string, text []byte) {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{exampleKey}}}
	s := l.Section("x86_64-linux")
	for i := n; i < n+count; i++ {
		s.Paths[pathOf(i)] = lock.Pin{NAR: lock.Hash{1, byte(i), byte(i >> 8)}, Size: 168}
	}
	digest, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if text, err = l.Print(); err != nil {
		t.Fatal(err)
	}
	return digest, text
}

const exampleKey = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

func (k *granary) grant(flake, digest string) grants.Grant {
	return grants.Grant{
		Flake: grants.Identity("github:o/" + flake), Lock: digest, Systems: []string{"x86_64-linux"},
		Caches:  []lock.Cache{{URL: "https://cache.example", Keys: []string{exampleKey}}},
		Granted: k.clock.Add(-time.Hour).UTC().Truncate(time.Second),
	}
}

func (k *granary) deny(flake string) grants.Deny {
	return grants.Deny{Flake: grants.Identity("github:o/" + flake), Since: k.clock.Add(-time.Hour).UTC().Truncate(time.Second)}
}

func (k *granary) write(path string, text []byte) {
	k.t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		k.t.Fatal(err)
	}
}

// say writes what a grants.toml says.
func (k *granary) say(dir string, f grants.File) {
	k.t.Helper()
	f.Version = grants.Version
	text, err := f.Print()
	if err != nil {
		k.t.Fatal(err)
	}
	k.write(filepath.Join(dir, "grants.toml"), text)
}

// accept keeps a lock, and returns its digest.
func (k *granary) accept(dir string, n, count int) string {
	k.t.Helper()
	digest, text := lockOf(k.t, n, count)
	k.write(filepath.Join(dir, "locks", digest+".cache-lock"), text)
	return digest
}

// serves fails unless exactly these flakes are served, and the problems say these
// texts, one each. It asks twice: the second time nothing has changed.
func (k *granary) serves(flakes string, problems ...string) {
	k.t.Helper()
	list, _ := k.standings()
	var got []string
	for _, s := range list {
		if s.Serves() {
			got = append(got, strings.TrimPrefix(string(s.Grant.Flake), "github:o/"))
		}
	}
	if strings.Join(got, " ") != flakes {
		k.t.Fatalf("%q is served, want %q; problems: %q", got, flakes, k.problems())
	}
	told := k.problems()
	if len(told) != len(problems) {
		k.t.Fatalf("the problems are %q, want %d", told, len(problems))
	}
	for i, want := range problems {
		if !strings.Contains(told[i], want) {
			k.t.Errorf("a problem is %q, want %q", told[i], want)
		}
		if !strings.Contains(k.log.String(), "ERROR") {
			k.t.Errorf("%q is not in the log", told[i])
		}
	}
	if _, changed := k.standings(); changed {
		k.t.Fatal("nothing has changed, and it says so")
	}
}

func TestAGateServesWhatIsGrantedNowAndNothingElse(t *testing.T) {
	k := newGranary(t)
	if _, changed := k.standings(); !changed {
		t.Error("the first answer counts as none")
	}
	k.serves("")
	one, two := k.accept(k.own, 1, 2), k.accept(k.system, 10, 3)
	k.say(k.own, grants.File{Grants: []grants.Grant{k.grant("one", one)}})
	k.serves("one")
	k.say(k.system, grants.File{Grants: []grants.Grant{k.grant("two", two)}})
	k.serves("one two")
	k.say(k.own, grants.File{})
	k.serves("two")
	os.Remove(filepath.Join(k.system, "grants.toml"))
	k.serves("")
}

func TestADenialInEitherFileStandsAgainstAGrantInTheOther(t *testing.T) {
	for _, way := range []bool{false, true} {
		k := newGranary(t)
		first, second := k.own, k.system
		if way {
			first, second = second, first
		}
		k.say(first, grants.File{Grants: []grants.Grant{k.grant("one", k.accept(first, 1, 2)), k.grant("two", k.accept(first, 5, 2))}})
		k.serves("one two")
		k.say(second, grants.File{Denies: []grants.Deny{k.deny("one")}})
		k.serves("two")
		// Which denials a file has that makes no sense nobody knows.
		k.write(filepath.Join(second, "grants.toml"), []byte("version = 1\nnonsense\n"))
		k.serves("", filepath.Join(second, "grants.toml")+":2:")
		k.say(second, grants.File{})
		k.serves("one two")
	}
}

func TestALockCountsWhenItIsTheOneThatWasAccepted(t *testing.T) {
	k := newGranary(t)
	one, two := k.accept(k.own, 1, 2), k.accept(k.own, 5, 2)
	at := func(digest string) string { return filepath.Join(k.own, "locks", digest+".cache-lock") }
	right, err := os.ReadFile(at(one))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(at(two))
	if err != nil {
		t.Fatal(err)
	}
	k.write(at(one), other)
	k.say(k.own, grants.File{Grants: []grants.Grant{k.grant("one", one), k.grant("two", two)}})
	k.serves("two", "the grant for github:o/one serves nothing: The accepted lock cannot be read: it is not the lock that was accepted")
	os.Remove(at(one))
	k.serves("two", at(one)+": no such file")
	k.write(at(one), []byte("version = 1\n[[cache]\n"))
	k.serves("two", at(one)+":2:")
	k.write(at(one), right)
	k.serves("one two")
	// A lock is known by its digest from then on.
	k.write(at(one), other)
	k.serves("one two")
}

func TestAGrantBeginsAndEndsByTheClock(t *testing.T) {
	k := newGranary(t)
	g := k.grant("one", k.accept(k.own, 1, 2))
	g.Granted = g.Granted.Add(2 * time.Hour)
	g.Expires = g.Granted.Add(time.Hour)
	k.say(k.own, grants.File{Grants: []grants.Grant{g}})
	k.serves("")
	start := k.clock
	for _, step := range []struct {
		at   time.Time
		want string
	}{
		{g.Granted.Add(-time.Nanosecond), ""}, {g.Granted, "one"}, {g.Expires.Add(-time.Nanosecond), "one"}, {g.Expires, ""},
		{g.Granted.Add(time.Minute), "one"}, {start, ""}, // the clock is turned back
	} {
		k.clock = step.at
		k.serves(step.want)
	}
}

// Two writes within one step of the file system's clock leave the same times and
// the same size, and must both be seen.
func TestAChangeRightAfterAnotherIsSeen(t *testing.T) {
	k := newGranary(t)
	a, b := k.accept(k.own, 1, 2), k.accept(k.own, 5, 2)
	k.now = time.Now
	for i := range 300 {
		flake, digest := "aaa", a
		if i%2 == 1 {
			flake, digest = "bbb", b
		}
		k.say(k.own, grants.File{Grants: []grants.Grant{k.grant(flake, digest)}})
		list, changed := k.standings()
		if len(list) != 1 || !changed || !list[0].Serves() || list[0].Grant.Lock != digest {
			t.Fatalf("write %d: %v, changed %t", i, list, changed)
		}
	}
}

// Who can write what is granted can have anything put into the store.
func TestWhatOthersCanWriteGrantsNothing(t *testing.T) {
	k := newGranary(t)
	digest := k.accept(k.own, 1, 2)
	file, accepted := filepath.Join(k.own, "grants.toml"), filepath.Join(k.own, "locks", digest+".cache-lock")
	k.say(k.own, grants.File{Grants: []grants.Grant{k.grant("one", digest)}})
	k.serves("one")
	for _, mode := range []os.FileMode{0o664, 0o646, 0o666} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		k.serves("", fmt.Sprintf("others can write %s (mode %03o)", file, mode))
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	k.serves("one")

	again := newGranary(t)
	again.own = k.own
	again.shelves[0].path, again.shelves[0].locks = file, filepath.Dir(accepted)
	if err := os.Chmod(accepted, 0o666); err != nil {
		t.Fatal(err)
	}
	again.serves("", "others can write "+accepted)
	if err := os.Chmod(accepted, 0o444); err != nil {
		t.Fatal(err)
	}
	again.serves("one")
}

func TestAFileOfAnotherUserGrantsNothing(t *testing.T) {
	k := newGranary(t)
	k.say(k.own, grants.File{Grants: []grants.Grant{k.grant("one", k.accept(k.own, 1, 2))}})
	k.serves("one")
	stranger := newGranary(t)
	*stranger.shelves[0] = keptShelf{guard: guard{owners: []uint32{4321}}, path: k.shelves[0].path, locks: k.shelves[0].locks}
	stranger.serves("", "nothing that is granted counts") // whichever is seen first: the folder or the file
	info, err := os.Stat(k.shelves[0].path)
	if err != nil {
		t.Fatal(err)
	}
	err = stranger.shelves[0].guard.mayCount(k.shelves[0].path, info, 1<<20)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("belongs to the user with the id %d", os.Geteuid())) {
		t.Error(err)
	}
}

// The system's files are everybody's: each folder on the way to them counts.
func TestNobodyElseMayPutAnotherFileInThePlaceOfTheSystems(t *testing.T) {
	k := newGranary(t)
	digest := k.accept(k.system, 1, 2)
	file := filepath.Join(k.system, "grants.toml")
	k.say(k.system, grants.File{Grants: []grants.Grant{k.grant("one", digest)}})
	k.shelves[1].guard = guard{owners: []uint32{0, uint32(os.Geteuid())}, folders: true}
	k.serves("one") // through /tmp, which is sticky

	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(file, time.Now(), time.Now()) // it is looked at again
	}
	chmod(k.system, 0o775)
	k.serves("", "others can write the folder "+k.system+" on the way (mode 775)")
	chmod(k.system, 0o775|os.ModeSticky)
	k.serves("one")
	chmod(k.system, 0o755)

	// A link is as good as the folder that it lies in, and leads on.
	target := filepath.Join(filepath.Dir(k.system), "target")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, filepath.Join(target, "file")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../target/file", file); err != nil {
		t.Fatal(err)
	}
	k.serves("one")
	chmod(target, 0o777)
	k.serves("", "others can write the folder "+target)
}

// A file that is the user's own may be one that was replaced: a backup has what
// was taken back since.
func TestNobodyElsePutsAnOlderFileInThePlaceOfTheUsers(t *testing.T) {
	k := newGranary(t)
	file := filepath.Join(k.own, "grants.toml")
	k.say(k.own, grants.File{Grants: []grants.Grant{k.grant("one", k.accept(k.own, 1, 2))}})
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{{0o777, ""}, {0o775, "one"}, {0o777 | os.ModeSticky, "one"}, {0o707, ""}, {0o700, "one"}} {
		if err := errors.Join(os.Chmod(k.own, c.mode), os.Rename(file, file+"~"), os.Rename(file+"~", file)); err != nil {
			t.Fatal(err)
		}
		if c.want == "" {
			k.serves("", "others can write the folder "+k.own)
			continue
		}
		k.serves(c.want)
	}
}

func TestAPipeOrALoopInPlaceOfTheGrantsHoldsNothingUp(t *testing.T) {
	k := newGranary(t)
	k.say(k.system, grants.File{Grants: []grants.Grant{k.grant("one", k.accept(k.system, 1, 2))}})
	k.serves("one")
	file := filepath.Join(k.own, "grants.toml")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	k.serves("", "it is not a regular file")
	os.Remove(file)
	if err := os.Symlink("grants.toml", file); err != nil {
		t.Fatal(err)
	}
	k.serves("", "too many l")
	os.Remove(file)
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	k.serves("", "it is not a regular file")
	os.Remove(file)
	k.serves("one")
}

func TestTheMachinesGateHasNothingToDoWithWhatUsersGrant(t *testing.T) {
	a := &app{}
	t.Setenv("NIX_TRUST_CONFIG_DIR", t.TempDir())
	for _, place := range []gatePlace{systemGatePlace(""), {dir: t.TempDir()}} {
		b, err := a.gateBook(place)
		if err != nil {
			t.Fatal(err)
		}
		k := newKeeper(b.forPlace(place))
		want := 1
		if !place.system {
			want = 2
		}
		last := k.shelves[len(k.shelves)-1]
		if len(k.shelves) != want || last.path != "/etc/nix-trust/grants.toml" || last.locks != "/var/lib/nix-trust/locks" || !last.guard.folders || len(last.guard.owners) != 1 || last.guard.owners[0] != 0 {
			t.Errorf("system %t: %d files, the last %+v", place.system, len(k.shelves), last)
		}
	}
}

// A thousand grants of a hundred locks with a hundred thousand pins.
func BenchmarkKeeperReadsAll(b *testing.B) {
	k := newGranary(b)
	var f grants.File
	var digests []string
	for i := range 100 {
		digests = append(digests, k.accept(k.own, 1+i*1000, 1000))
	}
	for i := range 1000 {
		f.Grants = append(f.Grants, k.grant(fmt.Sprintf("flake-%04d", i), digests[i%100]))
	}
	k.say(k.own, f)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			k.locks, k.began = nil, false
			if list, _ := k.standings(); len(list) != 1000 || !list[999].Serves() {
				b.Fatal(len(list), k.problems())
			}
		}
	})
	b.Run("another-grant", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			f.Grants[0].Note = fmt.Sprint(i)
			k.say(k.own, f)
			if _, changed := k.standings(); !changed {
				b.Fatal("not seen")
			}
		}
	})
	key, err := gate.NewKey("gate-1")
	if err != nil {
		b.Fatal(err)
	}
	g, err := gate.New(gate.Options{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("gate-takes-them", func(b *testing.B) {
		b.ReportAllocs()
		list, _ := k.standings()
		for b.Loop() {
			g.Load(list)
		}
		if n := g.Status().Paths; n != 100_000 {
			b.Fatal(n)
		}
	})
	k.clock = time.Now().Add(time.Hour)
	k.standings()
	b.Run("nothing-new", func(b *testing.B) {
		for b.Loop() {
			if _, changed := k.standings(); changed {
				b.Fatal("changed")
			}
		}
	})
}
