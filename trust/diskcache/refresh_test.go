package diskcache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const (
	alice = 12345 // whom the daemon trusts
	bob   = 12346 // whom it does not
)

// A daemon is a real nix-daemon that substitutes from one cache.
type daemon struct {
	home
	env   []string
	cache *cache
}

func newDaemon(t *testing.T, nix realnix.Nix) daemon {
	d := daemon{home: newHome(t, nix), cache: newCache(t)}
	d.cache.storeDir = d.inside + "/store"
	d.env = []string{
		"NIX_STORE_DIR=" + d.inside + "/store", "NIX_STATE_DIR=" + d.inside + "/state", "NIX_LOG_DIR=" + d.inside + "/log",
		"NIX_CONF_DIR=" + d.inside + "/etc", "NIX_DAEMON_SOCKET_PATH=" + d.inside + "/socket",
	}
	for name, uid := range map[string]int{"roothome": 0, "alice": alice, "bob": bob} {
		dir := filepath.Join(d.outside, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(d.outside+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf("experimental-features = nix-command\nsubstituters = %s\ntrusted-users = root %d\nallowed-users = *\nbuild-users-group =\nsandbox = false\n", d.cache.URL, alice)
	if err := os.WriteFile(d.outside+"/etc/nix.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	d.nix.Run(t, realnix.Cmd{Args: []string{"nix-store", "--init"}, Env: append([]string{"HOME=" + d.inside + "/roothome"}, d.env...)})
	ctx, cancel := context.WithCancel(context.Background())
	p := nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append([]string{"HOME=" + d.inside + "/roothome"}, d.env...)})
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); p.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(d.outside + "/socket"); err == nil {
			return d
		}
		if time.Now().After(end) {
			t.Fatal("nix-daemon does not start")
		}
	}
}

// build lets a user ask the daemon for a path that the cache does not have, and
// says whether the cache was asked.
func (d daemon) build(t *testing.T, uid uint32, name string, flags ...string) bool {
	t.Helper()
	d.cache.since()
	r := d.nix.Run(t, realnix.Cmd{
		Args: append([]string{"nix", "build", "--no-link", d.inside + "/store/" + nowhere + "-thing"}, flags...),
		Env:  append([]string{"HOME=" + d.inside + "/" + name, "NIX_REMOTE=daemon"}, d.env...), UID: uid, GID: uid,
	})
	if r.Code == 0 {
		t.Fatal("the path is there")
	}
	return slices.Contains(d.cache.since(), nowhere+".narinfo")
}

func TestWhatMakesNixAskAgain(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Run("directly", func(t *testing.T) {
			h, c := newHome(t, nix), newCache(t)
			h.ask(t, c.URL, nowhere)
			c.since()
			h.ask(t, c.URL, nowhere)
			if len(c.since()) != 0 {
				t.Error("it is asked for what is remembered")
			}
			h.ask(t, c.URL, nowhere, "--refresh")
			if !slices.Contains(c.since(), nowhere+".narinfo") {
				t.Error("--refresh does not help")
			}
		})
		t.Run("daemon", func(t *testing.T) {
			d := newDaemon(t, nix)
			if !d.build(t, bob, "bob") {
				t.Fatal("the daemon does not ask its cache")
			}
			if d.build(t, bob, "bob") {
				t.Error("the daemon does not remember, so nothing is shown by what follows")
			}
			if d.build(t, bob, "bob", "--refresh") || d.build(t, bob, "bob", "--option", "narinfo-cache-negative-ttl", "0") {
				t.Error("a user whom the daemon does not trust makes it ask again")
			}
			if d.build(t, alice, "alice", "--refresh") {
				t.Error("--refresh is sent to the daemon, so it helps a trusted user")
			}
			if !d.build(t, alice, "alice", "--option", "narinfo-cache-negative-ttl", "0") {
				t.Error("the setting of a trusted user does not help")
			}
			// What the administrator can do: ask as root, without the daemon.
			d.cache.since()
			nix.Run(t, realnix.Cmd{
				Args: []string{"nix", "--extra-experimental-features", "nix-command", "path-info", "--refresh", "--store", d.cache.URL, d.inside + "/store/" + nowhere + "-thing"},
				Env:  append([]string{"HOME=" + d.inside + "/roothome"}, d.env...),
			})
			if !slices.Contains(d.cache.since(), nowhere+".narinfo") {
				t.Error("root does not ask again")
			}
			root := d.home
			root.outside += "/roothome"
			got, err := Read(context.Background(), mine(), root.database(t), everything)
			if err != nil || len(got.Caches) != 1 {
				t.Fatal(got, err)
			}
			if e, ok := got.Entry(d.cache.URL, nowhere); !ok || e.Present {
				t.Error("what the daemon remembers is elsewhere:", e, ok)
			}
			if _, err := Forget(context.Background(), got.File, func(string) bool { return true }); err != nil {
				t.Fatal(err)
			}
			if !d.build(t, bob, "bob") {
				t.Error("the daemon goes on remembering what was deleted")
			}
		})
	})
}
