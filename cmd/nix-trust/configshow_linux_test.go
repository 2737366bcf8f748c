package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// config --json has to be what nix config show --json prints, for every setting
// that both know, as the same user in the same environment. nixconf's own tests
// try many more configurations; this one holds the whole way, from the
// environment of the process to what is printed.
func TestConfigIsWhatNixConfigShows(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		m := newMatrix(t, nix, bin)
		uid, gid := m.id(t, "alice")
		m.write(t, "etc/nix.conf", "experimental-features = nix-command flakes\nextra-substituters = https://a.example\n!include more.conf\nmax-jobs = 4\nmin-free = 3\n")
		m.write(t, "etc/more.conf", "extra-trusted-public-keys = k:AAAA\nnetrc-file = /x\n")
		m.write(t, "home/.config/nix/nix.conf", "extra-substituters = https://b.example\nsandbox = relaxed\nsystem-features = z a\n")
		m.write(t, "other/nix/nix.conf", "binary-caches = https://c.example\ncores = 7\n")
		m.write(t, "bad/nix.conf", "experimental-features = nix-command flakes\nrequire-sigs = perhaps\n")
		m.write(t, "syntax/nix.conf", "experimental-features = nix-command flakes\n\nnothing\n")
		chown(t, m.outside+"/home", uid, gid)
		dir := m.inside
		for _, c := range []struct {
			name string
			env  []string
			root bool
		}{
			{name: "plain", env: []string{"NIX_CONF_DIR=" + dir + "/none"}},
			{name: "root", env: []string{"NIX_CONF_DIR=" + dir + "/none"}, root: true},
			{name: "system file and include", env: []string{"NIX_CONF_DIR=" + dir + "/etc"}},
			{name: "root with a system file", env: []string{"NIX_CONF_DIR=" + dir + "/etc"}, root: true},
			{name: "XDG", env: []string{"NIX_CONF_DIR=" + dir + "/etc", "XDG_CONFIG_HOME=" + dir + "/other"}},
			{name: "XDG dirs", env: []string{"NIX_CONF_DIR=" + dir + "/etc", "XDG_CONFIG_DIRS=" + dir + "/other:" + dir + "/none"}},
			{name: "user conf files", env: []string{"NIX_CONF_DIR=" + dir + "/etc", "NIX_USER_CONF_FILES=" + dir + "/other/nix/nix.conf:" + dir + "/home/.config/nix/nix.conf"}},
			{name: "NIX_CONFIG", env: []string{"NIX_CONF_DIR=" + dir + "/etc", "NIX_CONFIG=fallback = true\nextra-substituters = https://d.example"}},
			{name: "store and state", env: []string{"NIX_CONF_DIR=" + dir + "/etc", "NIX_STORE_DIR=/s", "NIX_STATE_DIR=/v", "NIX_LOG_DIR=/l", "NIX_REMOTE=daemon"}},
			{name: "certificates", env: []string{"NIX_CONF_DIR=" + dir + "/etc", "NIX_SSL_CERT_FILE=/c.pem", "SSL_CERT_FILE=/d.pem"}},
			{name: "a bad value", env: []string{"NIX_CONF_DIR=" + dir + "/bad"}},
			{name: "a syntax error", env: []string{"NIX_CONF_DIR=" + dir + "/syntax"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				cmd := realnix.Cmd{Env: append([]string{"HOME=" + dir + "/home", "USER=alice"}, c.env...), Dir: dir, UID: uid, GID: gid}
				if c.root {
					cmd.UID, cmd.GID = 0, 0
					cmd.Env[0] = "HOME=/root"
				}
				show := []string{"config", "show"}
				if nix.Short == "2.8" {
					show = []string{"show-config"}
				}
				cmd.Args = append([]string{"nix", "--extra-experimental-features", "nix-command"}, append(show, "--json")...)
				real := nix.Run(t, cmd)
				cmd.Args = []string{m.inside + "/nix-trust", "config", "--json"}
				said := nix.Run(t, cmd)
				var ours configJSON
				decode(t, said.Stdout, &ours)
				if real.Code != 0 || ours.Fatal != nil {
					if real.Code == 0 || ours.Fatal == nil || !strings.Contains(real.Stderr, ours.Fatal.Message) {
						t.Fatalf("real Nix exits %d: %s\nours: %+v", real.Code, real.Stderr, ours.Fatal)
					}
					return
				}
				var theirs map[string]struct {
					Value json.RawMessage `json:"value"`
				}
				decode(t, real.Stdout, &theirs)
				if len(theirs) < 80 {
					t.Fatalf("only %d settings", len(theirs))
				}
				for name, v := range theirs {
					if name == "experimental-features" {
						continue // the flag that the command itself needs is in it
					}
					o, known := ours.Settings[name]
					if !known {
						t.Errorf("%s is not known", name)
						continue
					}
					var a, b any
					decode(t, string(v.Value), &a)
					decode(t, string(o.Value), &b)
					if !reflect.DeepEqual(a, b) {
						t.Errorf("%s is %s, real Nix has %s", name, o.Value, v.Value)
					}
				}
				for name := range ours.Settings {
					if _, ok := theirs[name]; !ok && !slices.Contains([]string{"bash-prompt"}, name) {
						t.Errorf("%s is not a setting of this Nix", name)
					}
				}
			})
		}
	})
}
