package main

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// grants runs nix-trust with grants of the workshop's own and more lines of
// configuration, and fails unless it exits with the code and says all.
func (w *workshop) grants(code int, conf string, args []string, texts ...string) {
	w.t.Helper()
	env := append(w.env(), "NIX_TRUST_STATE_DIR="+w.inside+"/trust-state", "NIX_TRUST_CONFIG_DIR="+w.inside+"/trust-config")
	for i, e := range env {
		if strings.HasPrefix(e, "NIX_CONFIG=") {
			env[i] += conf + "\n"
		}
	}
	r := w.nix.Run(w.t, realnix.Cmd{Args: append([]string{w.inside + "/nix-trust"}, args...), Env: env, Dir: w.inside})
	all := r.Stdout + r.Stderr
	if r.Code != code {
		w.t.Fatalf("%q: exit %d, want %d:\n%s", args, r.Code, code, all)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			w.t.Fatalf("%q does not say %q:\n%s", args, text, all)
		}
	}
}

// A detached lock counts for the one source tree that real Nix says it is of,
// and what real Nix has put into a trusted cache stands against another pin.
func TestAGrantHoldsForTheSourceThatItsLockIsOf(t *testing.T) {
	bin := buildProgram(t)
	for _, short := range []string{"2.8", "2.34"} {
		w := newWorkshop(t, realnix.Get(t, short), bin)
		w.flake("1", "own")
		w.push("x86_64-linux.free", "x86_64-linux.own")
		w.says(0, []string{"lock", "--yes", "--detached", "own.cache-lock", "./flake"}, "wrote own.cache-lock")
		give := []string{"grant", "./flake", "--lock", "own.cache-lock", "--system", "x86_64-linux", "--yes"}
		w.grants(0, "", give, "Done.")
		w.grants(0, "", []string{"grants"}, "active  path:"+w.inside+"/flake", "the flake's source is the one that it belongs to")

		w.flake("2", "own")
		w.grants(1, "", []string{"grants"}, "stale  path:", "The flake's source has changed since", "for 0 paths")
		w.grants(1, "", give, "not granted", "The lock is for the source tree sha256-")
		w.flake("1", "own")
		w.grants(0, "", []string{"grants"}, "active  path:")

		// The cache is trusted anyway: what it has is the same, and then is not.
		trusted := "substituters = file://" + w.inside + "/cache"
		w.grants(0, trusted, append(give, "--note", "again"), "pinned paths are in caches that the machine trusts anyway, with the same bytes")
		w.sh(`path=$(nix path-info ./flake#packages.x86_64-linux.free)
sed -i 's/^NarSize: .*/NarSize: 4096/' cache/$(basename "$path" | cut -c1-32).narinfo`)
		w.grants(4, trusted, append(give, "--note", "swapped"), "has something else for", "-free-1 than is pinned: its narSize is 4096", "challenge")

		// What is in the store, and the trusted cache, stay after a revoke.
		w.grants(0, trusted, []string{"revoke", "./flake", "--yes"}, "of the pinned paths are in the store", "among the caches that are asked for everything", "Done.")
		w.grants(0, "", []string{"grants"}, "Nothing is granted, and nothing is denied.")
		w.grants(0, "", []string{"undo", "--yes"})
		w.grants(0, "", []string{"grants"}, "active  path:")
	}
}
