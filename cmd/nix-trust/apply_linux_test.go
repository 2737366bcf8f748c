package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// After apply and a restart of the daemon an untrusted user's build fetches from
// the cache, and after undo and a restart it does not any more.
func TestRealDaemonServesTheCacheAfterApplyAndNotAfterUndo(t *testing.T) {
	for _, short := range []string{"2.26", "2.34"} {
		t.Run("nix-"+short, func(t *testing.T) {
			t.Parallel()
			nix := realnix.Get(t, short)
			outside, inside := nix.Dir(t)
			s := &served{nix: nix, outside: outside, inside: inside}
			path, key := s.publish(t)
			var asked atomic.Int64
			files := http.FileServer(http.Dir(outside + "/cache"))
			cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); files.ServeHTTP(w, r) }))
			defer cache.Close()

			conf, file := outside+"/etc/nix.conf", outside+"/change.json"
			const before = "trusted-users = root\r\nsandbox = false\r\nbuild-users-group =\r\n!include more.conf\r\nsubstituters ="
			putFile(t, conf, before, 0o644)
			putFile(t, outside+"/etc/more.conf", "trusted-substituters = http://127.0.0.1:9/\n", 0o644)
			adm := adminAt(outside, nixconf.Version{Major: 2, Minor: int(short[2]-'0')*10 + int(short[3]-'0')})
			text := func(do string) string {
				return `{"version": 1, "operations": [{"do": "` + do + `", "caches": ["` + cache.URL + `"], "keys": ["` + key + `"]}]}`
			}
			try := func(when string, want bool) {
				t.Helper()
				asked.Store(0)
				if got, said := s.fetch(t, cache.URL, path); got != want || (asked.Load() > 0) != want {
					t.Errorf("%s: fetched %v, asked %d times\n%s", when, got, asked.Load(), said)
				}
			}
			change := func(do, typed string) {
				t.Helper()
				putFile(t, file, text(do), 0o600)
				if out, code := applied(adm, file, typed, applyFlags{}); code != exitOK {
					t.Fatalf("%d %s", code, out)
				}
			}
			undo := func() {
				t.Helper()
				p, err := adm.journal.Undo(0)
				if err == nil {
					_, err = adm.journal.Apply(context.Background(), p)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			host := strings.TrimPrefix(cache.URL, "http://")
			try("before", false)
			change("allow", host+"\n")
			try("after allow", true)
			undo()
			if got := content(t, conf); got != before {
				t.Errorf("after undo the file is %q", got)
			}
			try("after undo", false)
			change("allow", host+"\n")
			change("disallow", "y\n")
			if got := content(t, conf); got != before+"\r\n" {
				t.Errorf("after disallow the file is %q", got)
			}
			try("after disallow", false)
		})
	}
}

// served is a real daemon with its folders in a root of its own.
type served struct {
	nix             realnix.Nix
	outside, inside string
	round           int
}

// publish puts a signed path into a cache in the folder. The store that it was
// built in is gone then.
func (s *served) publish(t *testing.T) (path, key string) {
	t.Helper()
	run := func(stdin string, args ...string) string {
		r := s.nix.Run(t, realnix.Cmd{Args: append(args, "--extra-experimental-features", "nix-command"), Stdin: stdin, Env: []string{
			"HOME=" + s.inside + "/home", "NIX_CONF_DIR=" + s.inside + "/none", "NIX_STATE_DIR=" + s.inside + "/pub", "NIX_STORE_DIR=" + s.inside + "/store",
			"NIX_LOG_DIR=" + s.inside + "/log", "NIX_CONFIG=build-users-group =\nsandbox = false\nsubstituters ="}})
		if r.Code != 0 {
			t.Fatalf("%v: %s", args, r.Stderr)
		}
		return strings.TrimSpace(r.Stdout)
	}
	secret := run("", "nix", "key", "generate-secret", "--key-name", "pub-1")
	putFile(t, s.outside+"/pub.sec", secret, 0o600)
	key = run(secret, "nix", "key", "convert-secret-to-public")
	path = run("", "nix-build", "--no-out-link", "-E", `derivation { name = "made"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo made > $out" ]; }`)
	run("", "nix", "copy", "--no-check-sigs", "--to", "file://"+s.inside+"/cache?secret-key="+s.inside+"/pub.sec", path)
	if err := errors.Join(os.RemoveAll(s.outside+"/store"), os.RemoveAll(s.outside+"/pub")); err != nil {
		t.Fatal(err)
	}
	return path, key
}

// fetch starts a daemon and asks it for the path as a user whom it does not trust.
func (s *served) fetch(t *testing.T, url, path string) (ok bool, said string) {
	t.Helper()
	s.round++
	here := "/round" + string(rune('a'+s.round))
	if err := errors.Join(os.RemoveAll(s.outside+"/store"), os.MkdirAll(s.outside+here+"/state", 0o755)); err != nil {
		t.Fatal(err)
	}
	env := []string{"NIX_CONF_DIR=" + s.inside + "/etc", "NIX_STATE_DIR=" + s.inside + here + "/state", "NIX_STORE_DIR=" + s.inside + "/store",
		"NIX_LOG_DIR=" + s.inside + here + "/log", "NIX_DAEMON_SOCKET_PATH=" + s.inside + here + "/socket"}
	ctx, cancel := context.WithCancel(context.Background())
	daemon := s.nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append([]string{"HOME=" + s.inside + here + "/roothome"}, env...)})
	daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); daemon.Wait() }()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(s.outside + here + "/socket"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the daemon did not come up")
		}
	}
	r := s.nix.Run(t, realnix.Cmd{
		Args: []string{"nix", "--extra-experimental-features", "nix-command", "build", "--no-link", "--print-out-paths", path, "--option", "extra-substituters", url, "--option", "substitute", "true"},
		Env:  append([]string{"HOME=" + s.inside + here + "/nohome", "NIX_REMOTE=daemon"}, env...), UID: 1000, GID: 100,
	})
	return r.Code == 0 && strings.TrimSpace(r.Stdout) == path, r.Stderr
}
