package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
)

// What depends on the host and not on files must be found out, too: the whole
// configuration as this machine resolves it equals what Nix shows.
func TestConfigurationOfThisMachineIsWhatNixShows(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		for _, user := range []string{"root", "alice"} {
			a := userOf(t, nix, user)
			env := map[string]string{"HOME": a.home, "PATH": "/usr/bin:/bin"}
			f := Look(context.Background(), inRoot(nix, a, env), Options{User: user, Cwd: "/"})
			show := []string{"config", "show"}
			if nix.Short == "2.8" {
				show = []string{"show-config"}
			}
			r := nix.Run(t, realnix.Cmd{
				Args: append(append([]string{"nix", "--extra-experimental-features", "nix-command"}, show...), "--json"),
				Env:  environ(env), UID: a.uid, GID: a.gid,
			})
			var real map[string]struct{ Value json.RawMessage }
			if err := json.Unmarshal([]byte(r.Stdout), &real); err != nil {
				t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
			}
			compared := 0
			for name, want := range real {
				v := f.Client.Get(name)
				if v == nil || name == "experimental-features" {
					continue // the flag above is not part of the machine
				}
				compared++
				var compact bytes.Buffer
				json.Compact(&compact, want.Value)
				if string(v.JSON) != compact.String() {
					t.Errorf("%s: %s is %s, and Nix shows %s", user, name, v.JSON, compact.String())
				}
			}
			if compared < 80 || compared < len(real)-10 {
				t.Errorf("%d settings were compared, of %d", compared, len(real))
			}
		}
	})
}

// A whole look as a user of a real daemon.
func TestLookAtARealDaemon(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, "trusted-users = root dave\nsubstituters = https://listed.example/\ntrusted-substituters = https://slash.example/\n")
		flake := d.outside + "/flake"
		if err := os.Mkdir(flake, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, flake+"/flake.nix", `{ nixConfig.extra-substituters = [ "https://claimed.example" "https://slash.example" "https://claimed.example?b=1&a=%41" ]; outputs = _: { }; }`)
		for user, want := range map[string]trust.Trust{"alice": trust.Untrusted, "dave": trust.Trusted} {
			a := userOf(t, nix, user)
			m := inRoot(nix, a, map[string]string{
				"NIX_CONF_DIR": d.inside + "/etc", "NIX_STATE_DIR": d.inside + "/state", "NIX_STORE_DIR": d.inside + "/store",
				"NIX_DAEMON_SOCKET_PATH": d.inside + "/socket", "HOME": d.inside + "/nohome", "PATH": "/usr/bin",
				"NIX_CONFIG": "extra-substituters = https://from-env.example",
			})
			m.dial = func(ctx context.Context, socket string) (net.Conn, error) {
				return dialFor(a)(ctx, nix.Root+socket)
			}
			f := Look(context.Background(), m, Options{User: user, Cwd: d.inside + "/flake", Deadline: 10 * time.Second})
			if f.Nix.Store != trust.StoreDaemon || f.Daemon.State != trust.DaemonAnswered || f.Daemon.Trust != want {
				t.Fatalf("%s: store %v, daemon %v, trust %v: %s", user, f.Nix.Store, f.Daemon.State, f.Daemon.Trust, f.Daemon.Err)
			}
			admits := map[string]bool{
				"https://listed.example/": true, "https://slash.example/": true, "https://slash.example": true,
				"https://claimed.example?b=1&a=%41": want == trust.Trusted,
				"https://claimed.example":           want == trust.Trusted, "https://from-env.example": want == trust.Trusted,
			}
			if nix.Short == "2.34" {
				// What a client of this release makes of it, and sends.
				admits["https://claimed.example?a=A&b=1"] = want == trust.Trusted
			}
			for u, w := range admits {
				if got, asked := f.Daemon.Admits[u]; !asked || got != w {
					t.Errorf("%s: %s: admitted %v, asked %v", user, u, got, asked)
				}
			}
			if len(f.Daemon.Admits) != len(admits) {
				t.Errorf("%s: asked about %v", user, f.Daemon.Admits)
			}
			if age := time.Since(f.Daemon.Started); age < -2*time.Second || age > time.Minute {
				t.Errorf("%s: the daemon is believed to have started %v ago", user, age)
			}
			// The daemon's own environment leads to its files.
			if got := f.System.Tokens("trusted-users"); !slices.Equal(got, []string{"root", "dave"}) {
				t.Errorf("%s: the daemon's trusted-users are read as %q", user, got)
			}
			if f.Platform.OS != trust.PlatformDebian {
				t.Errorf("%s: platform %v", user, f.Platform.OS)
			}
		}
	})
}

// Where the daemon's environment cannot be read, a private daemon's files are
// assumed, and that is said.
func TestAssumptionsAboutAPrivateDaemonAreSaid(t *testing.T) {
	m := made(t, map[string]string{"/priv/nix.conf": "trusted-users = alice\n", "/etc/nix/nix.conf": "trusted-users = root\n"},
		map[string]string{"HOME": "/home/alice", "NIX_CONF_DIR": "/priv", "NIX_DAEMON_SOCKET_PATH": "/priv/socket", "NIX_REMOTE": "daemon"})
	f := Look(context.Background(), m, Options{})
	if got := f.System.Tokens("trusted-users"); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("trusted-users %q", got)
	}
	if !strings.Contains(fmt.Sprint(f.Notes), "NIX_DAEMON_SOCKET_PATH") {
		t.Errorf("notes %q", f.Notes)
	}
	m = made(t, map[string]string{"/priv/nix.conf": "trusted-users = alice\n", "/etc/nix/nix.conf": "trusted-users = root\n"},
		map[string]string{"HOME": "/home/alice", "NIX_CONF_DIR": "/priv", "NIX_REMOTE": "daemon"})
	f = Look(context.Background(), m, Options{})
	if got := f.System.Tokens("trusted-users"); !slices.Equal(got, []string{"root"}) {
		t.Errorf("the system's daemon is believed to read the user's NIX_CONF_DIR: %q", got)
	}
}
