package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// Root may ask in a user's name, and is told what the user would be told.
func TestRootSeesHowAUserStands(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		m := newMatrix(t, nix, bin)
		for _, c := range []struct{ name, user, conf, trusted, first string }{
			{"untrusted", "alice", "trusted-users = root", "untrusted", "user-untrusted"},
			{"trusted", "alice", "trusted-users = root alice", "trusted", "user-trusted"},
			{"group", "bob", "trusted-users = @wheel", "trusted", "user-trusted"},
			{"not-in-group", "alice", "trusted-users = @wheel", "untrusted", "user-untrusted"},
			{"refused", "dave", "trusted-users = root\nallowed-users = alice", "unknown", "user-refused"},
		} {
			t.Run(c.name, func(t *testing.T) {
				dir := m.inside + "/" + c.name
				m.write(t, c.name+"/etc/nix.conf", "experimental-features = nix-command flakes\nbuild-users-group =\nsubstituters =\n"+c.conf+"\n")
				env := []string{
					"NIX_STORE_DIR=" + m.inside + "/store", "NIX_STATE_DIR=" + m.inside + "/state", "NIX_LOG_DIR=" + m.inside + "/log",
					"NIX_CONF_DIR=" + dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + dir + "/socket",
				}
				stop := m.daemon(t, dir, env)
				defer stop()
				ask := func() doctorJSON {
					var d doctorJSON
					r := nix.Run(t, realnix.Cmd{Args: []string{m.inside + "/nix-trust", "doctor", "--json", "--user", c.user},
						Env: append([]string{"HOME=/root", "NIX_REMOTE=daemon"}, env...)})
					decode(t, r.Stdout, &d)
					return d
				}
				d := ask()
				if d.User.Name != c.user || d.User.Trusted != c.trusted || d.User.Reasons[0].Code != c.first {
					t.Errorf("root is told that %s is %s (%s), want %s (%s)", d.User.Name, d.User.Trusted, d.User.Reasons[0].Code, c.trusted, c.first)
				}
				stale := func(d doctorJSON) bool {
					return slices.ContainsFunc(d.Findings, func(f jsonFinding) bool { return f.Code == "daemon-stale" })
				}
				if stale(d) {
					t.Error("the daemon is said to be older than its files, and is not")
				}
				later := time.Now().Add(time.Hour)
				if err := os.Chtimes(filepath.Join(m.outside, c.name, "etc/nix.conf"), later, later); err != nil {
					t.Fatal(err)
				}
				if c.first != "user-refused" && !stale(ask()) {
					t.Error("nix.conf changed after the daemon had started, and nothing is said")
				}
			})
		}
	})
}
