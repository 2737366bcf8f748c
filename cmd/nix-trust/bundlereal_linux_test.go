package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// What somebody else sees of a machine in a bundle, under another user, with
// another environment and without its daemon, is what its user saw.
func TestABundleOfARealMachineShowsWhatItsUserSaw(t *testing.T) {
	bin := buildProgram(t)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("NIX_CONFIG", "substituters = https://not.of.the.bundle.example")
	t.Setenv("NIX_REMOTE", "https://not.of.the.bundle.example")
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			h := newHousehold(t, realnix.Get(t, version), bin)
			conf := content(t, h.Root+"/etc/nix/nix.conf")
			write := func(name, text string) { putFile(t, h.Root+name, text, 0o644) }
			write("/home/alice/.config/nix/nix.conf", content(t, h.Root+"/home/alice/.config/nix/nix.conf")+"!include tokens.conf # TOKEN-IN-COMMENT\n!include gone.conf\n")
			write("/home/alice/.config/nix/tokens.conf", "access-tokens = github.com=ghTOKEN-A gitlab.com=PAT:TOKEN-B\nextra-substituters = https://bob:TOKEN-C@private.example?api-key=TOKEN-D\n")
			write("/home/alice/.local/share/nix/trusted-settings.json", `{"extra-substituters":{"`+h.cache+`":true},"extra-access-tokens":{"github.com=TOKEN-E":true}}`)
			h.root(0, "chown -R alice: /home/alice")
			stop := func() {}

			scene := func(name string, root bool, want string) {
				t.Helper()
				who := h.alice
				if root {
					who = h.root
				}
				file := "/tmp/" + strings.ReplaceAll(name, " ", "-") + ".tar.gz"
				out := who(0, "nix-trust report --bundle "+file)
				if strings.Contains(out, "does not show the same") {
					t.Errorf("%s: %s", name, out)
				}
				who(1, "nix-trust report --bundle "+file, "is there already")
				for _, c := range []string{"status", "why /home/alice/src/needs", "why /home/alice/src/other", "config", "answers list", "lint"} {
					r := h.run(h.uid, h.gid, "nix-trust "+c+" --json")
					if root {
						r = h.run(0, 0, "nix-trust "+c+" --json")
					}
					got, code := outputOf(t, append(strings.Fields(c), "--json", "--root", h.Root+file)...)
					// Behind a secret, columns are others.
					got, r.Stdout = withoutColumns(got), withoutColumns(r.Stdout)
					if got != r.Stdout || code != r.Code {
						t.Errorf("%s, %s: with %d and not %d, %s", name, c, code, r.Code, firstDifference(got, r.Stdout))
					}
					if c == "status" && !strings.Contains(got, want) {
						t.Errorf("%s: it does not say %s:\n%s", name, want, got)
					}
				}
				if all := unpackedText(t, h.Root+file); strings.Contains(all, "TOKEN") {
					at := strings.Index(all, "TOKEN")
					t.Errorf("%s: a secret is in it: %q", name, all[max(0, at-200):min(len(all), at+50)])
				}
			}
			start := func(more string) {
				t.Helper()
				stop()
				write("/etc/nix/nix.conf", conf+more)
				stop = h.daemon()
			}
			// Flakes are found where something was built.
			h.root(0, "mkdir -p /nix/var/nix/gcroots/auto; for f in needs other; do ln -s /nix/store/x /home/alice/src/$f/result; ln -s /home/alice/src/$f/result /nix/var/nix/gcroots/auto/$f; done")

			scene("no daemon", false, `"state": "not-asked"`)
			start("")
			scene("untrusted", false, `"trusted": "untrusted"`)
			scene("root", true, `"trusted": "trusted"`)
			time.Sleep(2100 * time.Millisecond)
			write("/etc/nix/nix.conf", conf+"# later\n")
			later := time.Now().Add(5 * time.Second)
			if err := os.Chtimes(h.Root+"/etc/nix/nix.conf", later, later); err != nil {
				t.Fatal(err)
			}
			scene("edited since", false, `"trusted": "untrusted"`)
			start("trusted-users = root @alice\n")
			scene("trusted", false, `"trusted": "trusted"`)
			start("allowed-users = root\n")
			scene("refused", false, `"state": "refused"`)
			h.root(0, "chown root: /home/alice/.local/share/nix/trusted-settings.json; chmod 600 /home/alice/.local/share/nix/trusted-settings.json; chmod 700 /root; chmod 600 /etc/nix/nix.conf")
			scene("closed files", false, "")
		})
	}
}
