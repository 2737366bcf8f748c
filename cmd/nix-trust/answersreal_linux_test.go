package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// What the program says of a change is what real Nix then does, asked on a
// terminal as a person is.
func TestRealNixDoesAsAChangedAnswerSays(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		m := newMatrix(t, nix, bin)
		m.write(t, "etc/nix.conf", "experimental-features = nix-command flakes\nsubstituters =\nflake-registry =\n")
		m.write(t, "flake/flake.nix", `{
  nixConfig.extra-substituters = [ "https://a.example" "https://b.example/" ];
  nixConfig.extra-trusted-public-keys = "a.example-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  nixConfig.warn-dirty = "maybe"; # fails the command where it is applied
  outputs = _: { x = 1; };
}`)
		env := []string{"TERM=xterm", "HOME=" + m.inside, "XDG_DATA_HOME=" + m.inside + "/data", "NIX_TRUST_STATE_DIR=" + m.inside + "/ledger", "NIX_CONF_DIR=" + m.inside + "/etc",
			"NIX_STORE_DIR=" + m.inside + "/store", "NIX_STATE_DIR=" + m.inside + "/state", "NIX_LOG_DIR=" + m.inside + "/log"}
		flake := m.inside + "/flake"
		change := func(args ...string) {
			t.Helper()
			r := nix.Run(t, realnix.Cmd{Args: append([]string{m.inside + "/nix-trust"}, append(args, "--yes")...), Env: env})
			if r.Code != 0 || !strings.Contains(r.Stdout, "Done.") {
				t.Fatalf("%v: exit code %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
			}
		}
		asks := func(when string, want, applied bool, names ...string) {
			t.Helper()
			screen, code := nix.OnTerminal(t, realnix.Cmd{Args: []string{"nix", "eval", "--offline", "path:" + flake + "#x"}, Env: env})
			n := strings.Count(screen, "do you want to allow configuration setting")
			if n != len(names) || (n > 0) != want {
				t.Errorf("%s: Nix asked %d questions, want %v:\n%s", when, n, names, screen)
			}
			for _, name := range names {
				if !strings.Contains(screen, "configuration setting '"+name+"'") {
					t.Errorf("%s: Nix did not ask about %s:\n%s", when, name, screen)
				}
			}
			if got := code != 0 && strings.Contains(screen, "has invalid value"); got != applied {
				t.Errorf("%s: warn-dirty was applied: %t, want %t:\n%s", when, got, applied, screen)
			}
		}
		const urls, keys, canary = "extra-substituters", "extra-trusted-public-keys", "warn-dirty"
		asks("before anything", true, false, urls, keys, canary)
		change("answers", "set", "yes", "--from", flake)
		asks("after a yes to the flake's caches", true, false, canary)
		change("answers", "set", "yes", "--from", flake, canary)
		asks("after a yes to the rest by name", false, true)
		change("undo")
		asks("after that is taken back", true, false, canary)
		change("answers", "set", "no", canary, "maybe")
		asks("after a no", false, false)
		change("answers", "forget", "https://b.example")
		asks("after one of the caches is forgotten", true, false, urls)
		change("answers", "forget", "a.example-1")
		asks("after the key is forgotten", true, false, urls, keys)
		change("answers", "set", "no", "--from", flake)
		asks("after a no to everything", false, false)

		// Nix answers one question itself meanwhile: undoing ours keeps it.
		change("answers", "forget", urls, "https://a.example https://b.example/")
		change("answers", "forget", keys, "a.example-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		screen, _ := nix.OnTerminal(t, realnix.Cmd{Args: []string{"nix", "eval", "--offline", "path:" + flake + "#x"}, Env: env}, "y", "y", "", "")
		if !strings.Contains(screen, "permanently mark") {
			t.Fatalf("Nix saved nothing:\n%s", screen)
		}
		change("undo")
		data, err := os.ReadFile(filepath.Join(m.outside, "data/nix/trusted-settings.json"))
		want := `{"` + urls + `":{"https://a.example https://b.example/":true},"` + keys + `":{"a.example-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=":false},"` + canary + `":{"maybe":false}}`
		if err != nil || string(data) != want {
			t.Errorf("the file is\n%s, want\n%s (%v)", data, want, err)
		}
		asks("after the undo beside Nix's own answer", false, false)

		usersChangesAreTheirsAlone(t, nix, m)
	})
}

// What a user changes is that user's alone, and root, whose commands may be run
// in the user's folders, does not take the user's journal for its own.
func usersChangesAreTheirsAlone(t *testing.T, nix realnix.Nix, m *matrix) {
	home := filepath.Join(m.outside, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	const uid = 4321
	if err := os.Chown(home, uid, uid); err != nil {
		t.Fatal(err)
	}
	r := nix.Run(t, realnix.Cmd{
		Args: []string{m.inside + "/nix-trust", "answers", "set", "no", "a", "b", "--yes"}, UID: uid, GID: uid,
		Env: []string{"HOME=" + m.inside + "/home"},
	})
	if r.Code != 0 {
		t.Fatalf("%s%s", r.Stdout, r.Stderr)
	}
	for _, name := range []string{".local/share/nix/trusted-settings.json", ".local/state/nix-trust/journal.jsonl"} {
		if info, err := os.Stat(filepath.Join(home, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, args := range [][]string{{"journal"}, {"undo", "--yes"}} {
		r = nix.Run(t, realnix.Cmd{Args: append([]string{m.inside + "/nix-trust"}, args...), Env: []string{"HOME=/root", "NIX_TRUST_STATE_DIR=" + m.inside + "/home/.local/state/nix-trust"}})
		if r.Code != 1 || !strings.Contains(r.Stderr, "belongs to another user") {
			t.Errorf("%v: exit code %d: %s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
}
