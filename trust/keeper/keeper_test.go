package keeper_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/keeper/keepertest"
)

// ours lets the files be root's and the user's.
var ours = guard.Guard{Owners: []uint32{0, uint32(os.Geteuid())}}

func TestAGateServesWhatIsGrantedNowAndNothingElse(t *testing.T) {
	k := keepertest.New(t)
	if _, changed := k.Standings(); !changed {
		t.Error("the first answer counts as none")
	}
	k.Serves("")
	one, two := k.Accept(k.Own, 1, 2), k.Accept(k.System, 10, 3)
	k.Say(k.Own, grants.File{Grants: []grants.Grant{k.Grant("one", one)}})
	k.Serves("one")
	k.Say(k.System, grants.File{Grants: []grants.Grant{k.Grant("two", two)}})
	k.Serves("one two")
	k.Say(k.Own, grants.File{})
	k.Serves("two")
	os.Remove(filepath.Join(k.System, "grants.toml"))
	k.Serves("")
}

func TestADenialInEitherFileStandsAgainstAGrantInTheOther(t *testing.T) {
	for _, way := range []bool{false, true} {
		k := keepertest.New(t)
		first, second := k.Own, k.System
		if way {
			first, second = second, first
		}
		k.Say(first, grants.File{Grants: []grants.Grant{k.Grant("one", k.Accept(first, 1, 2)), k.Grant("two", k.Accept(first, 5, 2))}})
		k.Serves("one two")
		k.Say(second, grants.File{Denies: []grants.Deny{k.Deny("one")}})
		k.Serves("two")
		// Which denials a file has that makes no sense nobody knows.
		k.Write(filepath.Join(second, "grants.toml"), []byte("version = 1\nnonsense\n"))
		k.Serves("", filepath.Join(second, "grants.toml")+":2:")
		k.Say(second, grants.File{})
		k.Serves("one two")
	}
}

func TestALockCountsWhenItIsTheOneThatWasAccepted(t *testing.T) {
	k := keepertest.New(t)
	one, two := k.Accept(k.Own, 1, 2), k.Accept(k.Own, 5, 2)
	at := func(digest string) string { return filepath.Join(k.Own, "locks", digest+".cache-lock") }
	right, err := os.ReadFile(at(one))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(at(two))
	if err != nil {
		t.Fatal(err)
	}
	k.Write(at(one), other)
	k.Say(k.Own, grants.File{Grants: []grants.Grant{k.Grant("one", one), k.Grant("two", two)}})
	k.Serves("two", "the grant for github:o/one serves nothing: The accepted lock cannot be read: it is not the lock that was accepted")
	os.Remove(at(one))
	k.Serves("two", at(one)+": no such file")
	k.Write(at(one), []byte("version = 1\n[[cache]\n"))
	k.Serves("two", at(one)+":2:")
	k.Write(at(one), right)
	k.Serves("one two")
	// A lock is known by its digest from then on.
	k.Write(at(one), other)
	k.Serves("one two")
}

func TestAGrantBeginsAndEndsByTheClock(t *testing.T) {
	k := keepertest.New(t)
	g := k.Grant("one", k.Accept(k.Own, 1, 2))
	g.Granted = g.Granted.Add(2 * time.Hour)
	g.Expires = g.Granted.Add(time.Hour)
	k.Say(k.Own, grants.File{Grants: []grants.Grant{g}})
	k.Serves("")
	start := k.Clock
	for _, step := range []struct {
		at   time.Time
		want string
	}{
		{g.Granted.Add(-time.Nanosecond), ""}, {g.Granted, "one"}, {g.Expires.Add(-time.Nanosecond), "one"}, {g.Expires, ""},
		{g.Granted.Add(time.Minute), "one"}, {start, ""}, // the clock is turned back
	} {
		k.Clock = step.at
		k.Serves(step.want)
	}
}

// Two writes within one step of the file system's clock leave the same times and
// the same size, and must both be seen.
func TestAChangeRightAfterAnotherIsSeen(t *testing.T) {
	k := keepertest.New(t)
	a, b := k.Accept(k.Own, 1, 2), k.Accept(k.Own, 5, 2)
	k.Clock = time.Time{}
	for i := range 300 {
		flake, digest := "aaa", a
		if i%2 == 1 {
			flake, digest = "bbb", b
		}
		k.Say(k.Own, grants.File{Grants: []grants.Grant{k.Grant(flake, digest)}})
		list, changed := k.Standings()
		if len(list) != 1 || !changed || !list[0].Serves() || list[0].Grant.Lock != digest {
			t.Fatalf("write %d: %v, changed %t", i, list, changed)
		}
	}
}

// Who can write what is granted can have anything put into the store.
func TestWhatOthersCanWriteGrantsNothing(t *testing.T) {
	k := keepertest.New(t)
	digest := k.Accept(k.Own, 1, 2)
	file, accepted := filepath.Join(k.Own, "grants.toml"), filepath.Join(k.Own, "locks", digest+".cache-lock")
	k.Say(k.Own, grants.File{Grants: []grants.Grant{k.Grant("one", digest)}})
	k.Serves("one")
	for _, mode := range []os.FileMode{0o664, 0o646, 0o666} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		k.Serves("", fmt.Sprintf("others can write %s (mode %03o)", file, mode))
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	k.Serves("one")

	again := keepertest.New(t)
	again.Own = k.Own
	again.Open(ours, ours)
	if err := os.Chmod(accepted, 0o666); err != nil {
		t.Fatal(err)
	}
	again.Serves("", "others can write "+accepted)
	if err := os.Chmod(accepted, 0o444); err != nil {
		t.Fatal(err)
	}
	again.Serves("one")
}

func TestAFileOfAnotherUserGrantsNothing(t *testing.T) {
	k := keepertest.New(t)
	k.Say(k.Own, grants.File{Grants: []grants.Grant{k.Grant("one", k.Accept(k.Own, 1, 2))}})
	k.Serves("one")
	stranger := keepertest.New(t)
	stranger.Own = k.Own
	stranger.Open(guard.Guard{Owners: []uint32{4321}}, ours)
	stranger.Serves("", "nothing that is granted counts") // whichever is seen first: the folder or the file
}

// The system's files are everybody's: each folder on the way to them counts.
func TestNobodyElseMayPutAnotherFileInThePlaceOfTheSystems(t *testing.T) {
	k := keepertest.New(t)
	digest := k.Accept(k.System, 1, 2)
	file := filepath.Join(k.System, "grants.toml")
	k.Say(k.System, grants.File{Grants: []grants.Grant{k.Grant("one", digest)}})
	k.Open(ours, guard.Guard{Owners: ours.Owners, Folders: true})
	k.Serves("one") // through /tmp, which is sticky

	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(file, time.Now(), time.Now()) // it is looked at again
	}
	chmod(k.System, 0o775)
	k.Serves("", "others can write the folder "+k.System+" on the way (mode 775)")
	chmod(k.System, 0o775|os.ModeSticky)
	k.Serves("one")
	chmod(k.System, 0o755)

	// A link is as good as the folder that it lies in, and leads on.
	target := filepath.Join(filepath.Dir(k.System), "target")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, filepath.Join(target, "file")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../target/file", file); err != nil {
		t.Fatal(err)
	}
	k.Serves("one")
	chmod(target, 0o777)
	k.Serves("", "others can write the folder "+target)
}

// A file that is the user's own may be one that was replaced: a backup has what
// was taken back since.
func TestNobodyElsePutsAnOlderFileInThePlaceOfTheUsers(t *testing.T) {
	k := keepertest.New(t)
	file := filepath.Join(k.Own, "grants.toml")
	k.Say(k.Own, grants.File{Grants: []grants.Grant{k.Grant("one", k.Accept(k.Own, 1, 2))}})
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{{0o777, ""}, {0o775, "one"}, {0o777 | os.ModeSticky, "one"}, {0o707, ""}, {0o700, "one"}} {
		if err := errors.Join(os.Chmod(k.Own, c.mode), os.Rename(file, file+"~"), os.Rename(file+"~", file)); err != nil {
			t.Fatal(err)
		}
		if c.want == "" {
			k.Serves("", "others can write the folder "+k.Own)
			continue
		}
		k.Serves(c.want)
	}
}

func TestAPipeOrALoopInPlaceOfTheGrantsHoldsNothingUp(t *testing.T) {
	k := keepertest.New(t)
	k.Say(k.System, grants.File{Grants: []grants.Grant{k.Grant("one", k.Accept(k.System, 1, 2))}})
	k.Serves("one")
	file := filepath.Join(k.Own, "grants.toml")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	k.Serves("", "it is not a regular file")
	os.Remove(file)
	if err := os.Symlink("grants.toml", file); err != nil {
		t.Fatal(err)
	}
	k.Serves("", "too many l")
	os.Remove(file)
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	k.Serves("", "it is not a regular file")
	os.Remove(file)
	k.Serves("one")
}

// A thousand grants of a hundred locks with a hundred thousand pins.
func BenchmarkKeeperReadsAll(b *testing.B) {
	k := keepertest.New(b)
	var f grants.File
	var digests []string
	for i := range 100 {
		digests = append(digests, k.Accept(k.Own, 1+i*1000, 1000))
	}
	for i := range 1000 {
		f.Grants = append(f.Grants, k.Grant(fmt.Sprintf("flake-%04d", i), digests[i%100]))
	}
	k.Say(k.Own, f)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			k.Open(ours, ours)
			if list, _ := k.Standings(); len(list) != 1000 || !list[999].Serves() {
				b.Fatal(len(list), k.Problems())
			}
		}
	})
	b.Run("another-grant", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			f.Grants[0].Note = fmt.Sprint(i)
			k.Say(k.Own, f)
			if _, changed := k.Standings(); !changed {
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
		list, _ := k.Standings()
		for b.Loop() {
			g.Load(list)
		}
		if n := g.Status().Paths; n != 100_000 {
			b.Fatal(n)
		}
	})
	k.Clock = time.Now().Add(time.Hour)
	k.Standings()
	b.Run("nothing-new", func(b *testing.B) {
		for b.Loop() {
			if _, changed := k.Standings(); changed {
				b.Fatal("changed")
			}
		}
	})
}
