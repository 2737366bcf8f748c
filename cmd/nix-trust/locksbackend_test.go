package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
)

// reportOf is a report of flakes in some folders.
func reportOf(folders ...string) *trust.Report {
	r := &trust.Report{}
	for _, dir := range folders {
		r.Flakes = append(r.Flakes, trust.FlakeReport{ID: trust.FlakeID{Ref: "path:" + dir, Path: dir}})
	}
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const oneLock = `version = 1

[paths.x86_64-linux]
"2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello" = { nar = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", size = 168, refs = [] }
`

func TestEachLockIsReadOrItIsSaidWhyNot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/good/"+lockFile, oneLock)
	write(t, dir+"/broken/"+lockFile, "version = 1\n<<<<<<< ours\n")
	write(t, dir+"/folder/"+lockFile+"/x", "")
	write(t, dir+"/none/flake.nix", "")
	r := reportOf(dir+"/good", dir+"/broken", dir+"/folder", dir+"/none", dir+"/gone", "")
	files, err := (&app{}).Locks(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		seen, lock, err bool
	}{{true, true, false}, {true, false, true}, {true, false, true}, {true, false, false}, {true, false, false}, {false, false, true}} {
		f := files[i]
		if f.Seen != want.seen || (f.Lock != nil) != want.lock || (f.Err != nil) != want.err || (f.Digest != "") != want.lock {
			t.Errorf("%q: %+v", r.Flakes[i].ID.Path, f)
		}
	}
	var e *lock.Error
	if !errors.As(files[1].Err, &e) || e.Pos.Line != 2 {
		t.Errorf("a lock with conflict markers: %v", files[1].Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if files, err := (&app{}).Locks(ctx, r); err == nil {
		t.Errorf("reading that was stopped gave %v", files)
	}
	// Under another root, links lead into it.
	write(t, dir+"/other/home/x/"+lockFile, oneLock)
	files, err = (&app{root: dir + "/other"}).Locks(t.Context(), reportOf("/home/x", "/home/y"))
	if err != nil || files[0].Lock == nil || files[1].Lock != nil || files[1].Err != nil || !files[1].Seen {
		t.Errorf("under another root: %+v, %v", files, err)
	}
}

func TestALockIsComparedWithTheCommittedOne(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not here")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		c := exec.Command(git, append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v %s", args, err, out)
		}
	}
	a := &app{}
	f := tui.LockFile{Path: dir + "/sub/" + lockFile, Seen: true}
	if _, _, err := a.Compared(t.Context(), f, ""); err == nil {
		t.Error("there is no repository, and a lock came out of it")
	}
	run("init", "-q")
	write(t, f.Path, oneLock)
	if _, _, err := a.Compared(t.Context(), f, ""); err == nil {
		t.Error("nothing is committed, and a lock came out of it")
	}
	// What the repository wants to have run is not.
	write(t, dir+"/.gitattributes", "*.cache-lock diff=evil filter=evil\n")
	for _, key := range []string{"diff.evil.textconv", "filter.evil.smudge", "core.fsmonitor", "core.pager"} {
		run("config", key, "touch "+dir+"/ran; cat")
	}
	run("-c", "core.fsmonitor=false", "add", ".")
	run("-c", "core.fsmonitor=false", "commit", "-q", "-m", "x")
	os.Remove(dir + "/ran")
	write(t, f.Path, strings.Replace(oneLock, "168", "176", 1))
	name, old, err := a.Compared(t.Context(), f, "")
	if err != nil || name != "git's HEAD" || old.Systems["x86_64-linux"].Paths["2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello"].Size != 168 {
		t.Errorf("%s %+v %v", name, old, err)
	}
	if _, err := os.Stat(dir + "/ran"); err == nil {
		t.Error("the repository had something run")
	}
	// Another file, beside the lock or anywhere.
	for _, path := range []string{"../other", dir + "/other"} {
		write(t, dir+"/other", oneLock)
		if name, old, err := a.Compared(t.Context(), f, path); err != nil || old == nil || name != path {
			t.Errorf("%s: %q %v %v", path, name, old, err)
		}
	}
	if _, _, err := a.Compared(t.Context(), f, "missing"); err == nil || !strings.Contains(err.Error(), "missing: no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// The demo does for real what the screens show of it.
func TestTheLocksOfTheDemoAreVerifiedForReal(t *testing.T) {
	a := &app{demo: true}
	r, err := a.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := a.Locks(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, f := range files {
		name := filepath.Base(f.Flake.Path)
		if f.Err != nil {
			seen[name] = "unreadable"
		}
		if f.Lock == nil {
			continue
		}
		c, err := a.Check(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.Verify(t.Context(), f, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[name] = map[bool]string{true: "fresh ", false: "stale "}[c.Fresh(f.Lock)] + v.Outcome().String()
		if v.Outcome() != verify.Bad {
			continue
		}
		votes, err := a.Challenge(t.Context(), f, f.Lock.Caches, []lock.StorePath{v.Pins[0].Path, v.Pins[1].Path, v.Pins[2].Path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if votes.Outcome().String() != "mismatch" {
			t.Errorf("the voters on %s: %s", name, votes.Outcome())
		}
	}
	want := map[string]string{"comet": "fresh fine", "harbor": "stale unproved", "quarry": "fresh bad", "mosaic": "unreadable"}
	for name, is := range want {
		if seen[name] != is {
			t.Errorf("%s is %q, want %q", name, seen[name], is)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("locks: %v", seen)
	}
}

func TestNothingIsEvaluatedForAnotherSystemOrUser(t *testing.T) {
	f := tui.LockFile{Lock: lock.New()}
	for _, a := range []*app{{root: "/mnt"}, {user: "ada"}} {
		if c, err := a.Check(t.Context(), f); err == nil || c.Fresh(f.Lock) {
			t.Errorf("%+v: %+v, %v", a, c, err)
		}
	}
}
