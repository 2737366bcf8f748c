package trust

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// publish builds a path and puts it, signed, into a cache in the folder. It
// returns its store path and the key. The store it was built in is gone then.
func publish(t *testing.T, nix realnix.Nix, outside, inside string) (path, key string) {
	t.Helper()
	run := func(args ...string) string {
		r := nix.Run(t, realnix.Cmd{
			Args: append(args, "--extra-experimental-features", "nix-command"),
			Env: []string{"HOME=" + inside + "/home", "NIX_CONF_DIR=" + inside + "/none", "NIX_STATE_DIR=" + inside + "/pub", "NIX_STORE_DIR=" + inside + "/store",
				"NIX_LOG_DIR=" + inside + "/log", "NIX_CONFIG=build-users-group =\nsandbox = false\nsubstituters ="},
		})
		if r.Code != 0 {
			t.Fatalf("%v: %s", args, r.Stderr)
		}
		return strings.TrimSpace(r.Stdout)
	}
	secret := run("nix", "key", "generate-secret", "--key-name", "pub-1")
	if err := os.WriteFile(outside+"/pub.sec", []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	r := nix.Run(t, realnix.Cmd{Args: []string{"nix", "--extra-experimental-features", "nix-command", "key", "convert-secret-to-public"}, Stdin: secret, Env: []string{"HOME=" + inside + "/home", "NIX_CONF_DIR=" + inside + "/none"}})
	key = strings.TrimSpace(r.Stdout)
	path = run("nix-build", "--no-out-link", "-E", `derivation { name = "made"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo made > $out" ]; }`)
	run("nix", "copy", "--no-check-sigs", "--to", "file://"+inside+"/cache?secret-key="+inside+"/pub.sec", path)
	for _, dir := range []string{"/store", "/pub"} {
		if err := os.RemoveAll(outside + dir); err != nil {
			t.Fatal(err)
		}
	}
	return path, key
}

// The lines for the administrator do what they are offered for: an untrusted
// user's nix fetches a signed path from the cache, in either spelling of its
// URL, and it did not before.
func TestRealDaemonHonoursTheSnippetForAnUntrustedUser(t *testing.T) {
	for _, short := range []string{"2.26", "2.34"} {
		t.Run("nix-"+short, func(t *testing.T) {
			nix := realnix.Get(t, short)
			outside, inside := nix.Dir(t)
			path, key := publish(t, nix, outside, inside)
			cache := "file://" + inside + "/cache"
			s, err := Platform{}.Snippet(TargetSystem, Want{Caches: []string{cache}, Keys: []string{key}})
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range []struct {
				conf, url string
				fetched   bool
			}{{"", cache, false}, {s.Command(), cache, true}, {s.Command(), cache + "/", true}} {
				if got, said := fetch(t, nix, outside, inside, fmt.Sprint("d", i), c.conf, c.url, path); got != c.fetched {
					t.Errorf("asked for %s with the lines %q: fetched %v, want %v\n%s", c.url, c.conf, got, c.fetched, said)
				}
			}
		})
	}
}

// fetch starts a daemon of its own with these lines and asks it for the path as
// a user that it does not trust.
func fetch(t *testing.T, nix realnix.Nix, outside, inside, name, conf, url, path string) (ok bool, said string) {
	t.Helper()
	os.RemoveAll(outside + "/store") // the path's name has this folder in it
	outside += "/" + name
	// Without its state folder a daemon of 2.26 takes itself for its store.
	for _, dir := range []string{"", "/etc", "/state"} {
		if err := os.Mkdir(outside+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	base := "trusted-users = root\nsandbox = false\nbuild-users-group =\nsubstituters =\n"
	if err := os.WriteFile(outside+"/etc/nix.conf", []byte(base+conf+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	here := inside + "/" + name
	env := []string{"NIX_CONF_DIR=" + here + "/etc", "NIX_STATE_DIR=" + here + "/state", "NIX_STORE_DIR=" + inside + "/store",
		"NIX_LOG_DIR=" + here + "/log", "NIX_DAEMON_SOCKET_PATH=" + here + "/socket"}
	ctx, cancel := context.WithCancel(context.Background())
	daemon := nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append([]string{"HOME=" + here + "/roothome"}, env...)})
	daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); daemon.Wait() }()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(outside + "/socket"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the daemon did not come up")
		}
	}
	r := nix.Run(t, realnix.Cmd{
		Args: []string{"nix", "--extra-experimental-features", "nix-command", "build", "--no-link", "--print-out-paths", path, "--option", "extra-substituters", url, "--option", "substitute", "true"},
		Env:  append([]string{"HOME=" + here + "/nohome", "NIX_REMOTE=daemon"}, env...), UID: 1000, GID: 100,
	})
	return r.Code == 0 && strings.TrimSpace(r.Stdout) == path, r.Stderr
}

// What is offered as a module is Nix, and says what is wanted.
func TestRealNixReadsTheModuleSnippets(t *testing.T) {
	nix := realnix.Get(t, "2.34")
	for _, c := range []struct {
		os     PlatformOS
		target Target
		attr   string
	}{{PlatformNixOS, TargetSystem, "trusted-substituters"}, {PlatformNixDarwin, TargetSystem, "trusted-substituters"}, {PlatformPlain, TargetHomeManager, "extra-substituters"}} {
		s, err := Platform{OS: c.os}.Snippet(c.target, snippetWant)
		if err != nil {
			t.Fatal(err)
		}
		r := nix.Run(t, realnix.Cmd{
			Args: []string{"nix-instantiate", "--eval", "--strict", "--json", "-E", "{ " + s.Command() + "\n}"},
			Env:  []string{"HOME=/nonexistent"},
		})
		for _, want := range []string{`"` + c.attr + `":["https://cache.example/","http://127.0.0.1:37515/e0/"]`, `trusted-public-keys":["` + goodKey + `"]`} {
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("%v, target %d: %q lacks %s: %s", c.os, c.target, s.Text, want, r.Stderr)
			}
		}
		if r = nix.Run(t, realnix.Cmd{Args: []string{"nix-instantiate", "--parse", "-E", "{ " + s.Text + " }"}, Env: []string{"HOME=/nonexistent"}}); r.Code != 0 {
			t.Errorf("%v: %s", c.os, r.Stderr)
		}
	}
}

// A real shell and a real Nix read the line for CI jobs.
func TestRealNixReadsTheCISnippet(t *testing.T) {
	s, err := Platform{}.Snippet(TargetCI, snippetWant)
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", "max-jobs = 7"} {
		r := realnix.Get(t, "2.26").Run(t, realnix.Cmd{
			Args: []string{"/bin/sh", "-c", s.Text + "\nexec nix --extra-experimental-features nix-command config show"},
			Env:  []string{"HOME=/nonexistent", "NIX_CONF_DIR=/nonexistent", "NIX_CONFIG=" + before},
		})
		for _, want := range []string{"substituters = https://cache.nixos.org/ https://cache.example/ http://127.0.0.1:37515/e0/\n", " " + goodKey + "\n", before} {
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("after %q it lacks %q: %s", before, want, r.Stderr)
			}
		}
	}
}
