package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
)

const grantLock = `version = 1

[[cache]]
url = "https://b.example"
keys = ["b.example-1:Mt/9hbGlnV4rfmRW0o8hE8nX/PsErINPJf8pKrGJVck="]

[paths.x86_64-linux]
"2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello" = { nar = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", size = 168, refs = [] }
`

// grantIn accepts the lock of a flake by hand: no cache is asked.
func grantIn(t *testing.T, home, folder string, change func(*grants.Grant)) {
	t.Helper()
	b, _, err := (&app{}).grantBook()
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := b.identity(folder)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lockAt(folder + "/" + lockFile)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	text, err := l.Print()
	if err != nil {
		t.Fatal(err)
	}
	write(t, b.own.lockPath(digest), string(text))
	g := grants.Grant{
		Flake: id, Lock: digest, Caches: l.Caches, Systems: []string{"x86_64-linux"}, Granted: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Seen: folder, Offer: folder + "/" + lockFile,
	}
	if change != nil {
		change(&g)
	}
	file, err := b.own.File()
	if err != nil {
		t.Fatal(err)
	}
	if text, err = file.WithGrant(g).Print(); err != nil {
		t.Fatal(err)
	}
	write(t, home+"/trust-config/grants.toml", string(text))
}

// looked is what is gathered for flakes in folders.
func looked(t *testing.T, a *app, folders ...string) *trust.Facts {
	t.Helper()
	f := &trust.Facts{}
	for _, folder := range folders {
		f.Flakes = append(f.Flakes, trust.Flake{ID: trust.FlakeID{Ref: "path:" + folder, Path: folder}})
	}
	a.lookAtGrants(context.Background(), f)
	return f
}

// one is the only grant of the facts.
func one(t *testing.T, f *trust.Facts) trust.Granted {
	t.Helper()
	if len(f.Grants) != 1 {
		t.Fatalf("%d grants: %+v, files %+v, notes %+v", len(f.Grants), f.Grants, f.GrantFiles, f.Notes)
	}
	return f.Grants[0]
}

func TestGrantsAreGatheredWithWhatTheyComeTo(t *testing.T) {
	a, home, flake := changeHost(t)
	f := looked(t, a, flake)
	if len(f.Grants) != 0 || len(f.GrantFiles) != 2 || f.Flakes[0].CacheLock == nil || len(f.Flakes[0].CacheLock.Caches) != 1 {
		t.Fatalf("without a grant: %+v", f)
	}
	grantIn(t, home, flake, nil)
	g := one(t, looked(t, a, flake))
	if g.State != trust.GrantActive || g.Flake.Path != flake || g.Paths != 1 || g.Disputed != 0 || g.Machine || len(g.Caches) != 1 || len(g.Lock) != 12 {
		t.Errorf("%+v", g)
	}
	text, err := os.ReadFile(g.Where.File)
	if err != nil || !strings.HasPrefix(strings.Split(string(text), "\n")[g.Where.Line-1], "flake = ") {
		t.Errorf("it is said to be at %v: %v\n%s", g.Where, err, text)
	}
	if g := one(t, looked(t, a)); g.Flake != (trust.FlakeID{}) || g.State != trust.GrantActive {
		t.Errorf("of a flake that was not found: %+v", g)
	}

	write(t, flake+"/"+lockFile, strings.Replace(grantLock, "168", "169", 1))
	if g := one(t, looked(t, a, flake)); g.State != trust.GrantStale || g.Paths != 0 {
		t.Errorf("another lock: %+v", g)
	}
	if err := os.Remove(flake + "/" + lockFile); err != nil {
		t.Fatal(err)
	}
	if g := one(t, looked(t, a, flake)); g.State != trust.GrantLockMissing {
		t.Errorf("no lock: %+v", g)
	}
}

// What a gate would not take is not counted on either.
func TestWhatAGateRefusesIsNotGathered(t *testing.T) {
	a, home, flake := changeHost(t)
	grantIn(t, home, flake, nil)
	file := home + "/trust-config/grants.toml"
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if f := looked(t, a, flake); len(f.Grants) != 0 || f.GrantFiles[0].Err == "" {
		t.Errorf("others can write it: %+v, %+v", f.Grants, f.GrantFiles)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	locks, err := filepath.Glob(home + "/trust-state/locks/*")
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	was, err := os.ReadFile(locks[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, locks[0], strings.Replace(string(was), "168", "169", 1))
	if g := one(t, looked(t, a, flake)); g.State != trust.GrantUnreadable || g.Paths != 0 {
		t.Errorf("the accepted lock is another one: %+v", g)
	}
	write(t, file, "version = 1\nwhat = 2\n")
	if f := looked(t, a, flake); len(f.Grants) != 0 || f.GrantFiles[0].Err == "" || f.GrantFiles[0].Where.Line != 2 {
		t.Errorf("a mistake: %+v", f.GrantFiles)
	}
}

// Looking runs no nix, so what only nix can tell is unknown.
func TestALockOfOneSourceTreeIsUnknown(t *testing.T) {
	a, home, flake := changeHost(t)
	write(t, flake+"/"+lockFile, strings.Replace(grantLock, "version = 1\n", "version = 1\nsource = \"sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\"\n", 1))
	grantIn(t, home, flake, nil)
	t.Setenv("PATH", "/nowhere")
	if g := one(t, looked(t, a, flake)); g.State != trust.GrantUnknown || g.Paths != 0 || !strings.Contains(g.Text, "source") {
		t.Errorf("%+v", g)
	}
}

// A worktree offers a lock of its own, whatever its repository was granted.
func TestAnotherFolderOffersItsOwnLock(t *testing.T) {
	g := grants.Grant{Seen: "/a/b", Offer: "/a/b/sub/x.lock"}
	for folder, want := range map[string]string{"/a/b": "/a/b/sub/x.lock", "/w": "/w/sub/x.lock", "": "/a/b/sub/x.lock"} {
		if got := movedTo(g, folder).Offer; got != want {
			t.Errorf("in %q it is %q, want %q", folder, got, want)
		}
	}
	g.Offer = "/elsewhere/x.lock"
	if got := movedTo(g, "/w").Offer; got != g.Offer {
		t.Errorf("a lock that lies elsewhere is looked for at %s", got)
	}
}

func TestGrantsThatDisagreeAreToldOf(t *testing.T) {
	a, home, flake := changeHost(t)
	other := home + "/other"
	write(t, other+"/flake.nix", "{ outputs = _: { }; }\n")
	write(t, other+"/"+lockFile, strings.Replace(grantLock, "168", "169", 1))
	write(t, flake+"/"+lockFile, grantLock)
	grantIn(t, home, flake, nil)
	grantIn(t, home, other, nil)
	f := looked(t, a, flake, other)
	if len(f.Grants) != 2 || len(f.Disputes) != 1 || f.Disputes[0].Where.Line == 0 {
		t.Fatalf("%+v, %+v", f.Grants, f.Disputes)
	}
	for _, g := range f.Grants {
		if g.State != trust.GrantActive || g.Paths != 0 || g.Disputed != 1 {
			t.Errorf("%+v", g)
		}
	}
}

func TestTheGatesKeyIsReadWithItsDoubts(t *testing.T) {
	a, home, _ := changeHost(t)
	own := func() trust.GateKey { return looked(t, a).Gate.User }
	if k := own(); k.State != nixconf.SourceMissing || k.Key != "" {
		t.Errorf("no gate: %+v", k)
	}
	key, err := gate.NewKey("nix-trust-gate-test-1")
	if err != nil {
		t.Fatal(err)
	}
	public := home + "/trust-state/gate.pub"
	write(t, public, key.PublicText()+"\n")
	if k := own(); k.State != nixconf.SourceMissing {
		t.Errorf("the secret half is gone: %+v", k)
	}
	secret := home + "/trust-state/gate.key"
	write(t, secret, "secret")
	if k := own(); k.State != nixconf.SourceUnreadable || k.Err == "" || k.Key != "" {
		t.Errorf("no gate can run with that secret half: %+v", k)
	}
	again := func(k *gate.Key) {
		t.Helper()
		if err := errors.Join(os.Remove(secret), k.Save(secret, -1, -1)); err != nil {
			t.Fatal(err)
		}
	}
	other, err := gate.NewKey("nix-trust-gate-test-1")
	if err != nil {
		t.Fatal(err)
	}
	again(other)
	if k := own(); k.State != nixconf.SourceRead || k.Key != other.PublicText() {
		t.Errorf("beside another key's public half it is not what the gate signs with: %+v", k)
	}
	again(key)
	if k := own(); k.State != nixconf.SourceRead || k.Key != key.PublicText() || k.File != public {
		t.Errorf("%+v", k)
	}
	if err := os.Remove(public); err != nil {
		t.Fatal(err)
	}
	if k := own(); k.State != nixconf.SourceRead || k.Key != key.PublicText() {
		t.Errorf("the public half is gone: %+v", k)
	}
	if g := looked(t, a).Gate; len(g.URLs) != gate.Epochs || g.Address == "" || g.Machine.File == g.User.File {
		t.Errorf("%+v", g)
	}
	for _, b := range []*app{{root: "/mnt"}, {user: "x"}} {
		if f := looked(t, b); len(f.Notes) != 1 || f.Gate.Address != "" || f.Gate.User.State != nixconf.SourceNotRead {
			t.Errorf("%+v", f)
		}
	}
}

// The engine and a lock mean the same cache by the same text.
func TestTheEngineSpellsACacheAsALockDoes(t *testing.T) {
	urls := []string{
		"https://a.example", "https://a.example/", "HTTPS://A.example:443//x/../y/?priority=1", "http://a.example:80", "http://a.example:8080/z", "https://a.example/a b",
		"file:///srv/cache/", "/srv/cache", "file:///", "file://host/x", "s3://bucket", "ssh://h", "https://u:p@a.example", "https://u@a.example", "", "x", "https://", "https:a",
		"https://a.example/%2e%2e/x", "https://a.example/#f", "https://a.example?trusted=1", "daemon", "https://[::1]:443/x", "https://a.example.", "https://\u0430pple.example",
	}
	n := 0
	for _, granted := range urls {
		name, err := lock.CanonicalURL(granted)
		if err != nil {
			continue
		}
		n++
		for _, claimed := range urls {
			same, err := lock.CanonicalURL(claimed)
			if got, want := (trust.Granted{Caches: []trust.GrantedCache{{URL: name}}}).Covers(claimed), err == nil && same == name; got != want {
				t.Errorf("a grant of %s covers %q: %v, want %v", name, claimed, got, want)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d of the URLs are of caches", n)
	}
}
