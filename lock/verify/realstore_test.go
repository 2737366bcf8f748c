package verify

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// realPaths makes a store and a signed cache of all that is in it.
const realPaths = `set -e
cd "$D"; mkdir -p etc; printf 'hello\n' > file; mkdir tree; printf one > tree/one
cat > made.nix <<'END'
derivation { name = "made"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo made at $out > $out" ]; }
END
nix-store -r "$(nix-instantiate made.nix)" > paths
nix-store --add-fixed sha256 file >> paths
nix-store --add-fixed --recursive sha256 tree >> paths
nix-store --generate-binary-cache-key real-1 sec pub
nix copy --to "file://$D/cache?compression=zstd&secret-key=$D/sec" $(cat paths)
nix path-info -r --json $(cat paths)
`

// A realRunner runs programs in the root of a real Nix.
type realRunner struct {
	t   *testing.T
	nix realnix.Nix
	env []string
}

func (r realRunner) Run(_ context.Context, c nix.Call) (nix.Result, error) {
	res := r.nix.Run(r.t, realnix.Cmd{Args: c.Args, Env: slices.Concat(r.env, c.Env)})
	return nix.Result{Stdout: []byte(res.Stdout), Stderr: []byte(res.Stderr), Code: res.Code}, nil
}

// What real Nix calls valid is looked at all the same: a file that was
// corrupted behind its back, and a path that was registered with another hash.
func TestTheRealStoresCopiesAreHeldAgainstThePins(t *testing.T) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			real := realnix.Get(t, version)
			outside, dir := real.Dir(t)
			env := []string{
				"D=" + dir, "HOME=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
				"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
				"NIX_CONFIG=experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n",
			}
			sh := func(script string) string {
				t.Helper()
				r := real.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: env})
				if r.Code != 0 {
					t.Fatalf("%s: %d %s%s", script, r.Code, r.Stdout, r.Stderr)
				}
				return r.Stdout
			}
			l := lock.New()
			l.Section(system).Paths = realPins(t, sh(realPaths))
			key, err := os.ReadFile(filepath.Join(outside, "pub"))
			if err != nil {
				t.Fatal(err)
			}
			l.Caches = []lock.Cache{{URL: "file://" + outside + "/cache", Keys: []string{strings.TrimSpace(string(key))}}}
			var made, file, tree lock.StorePath
			for p := range l.Systems[system].Paths {
				switch p.Name() {
				case "made":
					made = p
				case "file":
					file = p
				case "tree":
					tree = p
				}
			}
			store := &nix.Nix{Runner: realRunner{t, real, env}, StoreDir: dir + "/store", Root: real.Root}
			check := func() map[lock.StorePath]Pin {
				t.Helper()
				o := Options{Client: bincache.NewClient(bincache.Options{StoreDir: dir + "/store"}), Store: store}
				pins := map[lock.StorePath]Pin{}
				r := mustVerify(t, l, o)
				for _, p := range r.Pins {
					pins[p.Path] = p
				}
				return pins
			}
			for p, pin := range check() {
				// Signing for a cache does not sign in the store.
				want := map[lock.StorePath]Verdict{made: Unsigned, file: Unsigned, tree: Verified}[p]
				if a := pin.Answers[1]; pin.Verdict != Verified || a.Verdict != want || !a.Contents || strings.Contains(a.Text, "built on this machine") != (p == made) {
					t.Errorf("%s: %v: %+v", p, pin.Verdict, a)
				}
			}

			at := filepath.Join(outside, "store", string(tree), "one")
			if err := os.Chmod(at, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte("two"), 0o644); err != nil {
				t.Fatal(err)
			}
			sh("nix-store --delete " + made.In("$NIX_STORE_DIR"))
			// The same name, other contents, registered as if they were right.
			sh(`cd "$D"; p=` + file.In("$NIX_STORE_DIR") + `; nix-store --delete $p; printf 'evil!\n' > $p; chmod 444 $p
				nix-store --register-validity <<END
$p

0
END`)
			pins := check()
			if p := pins[made]; p.Verdict != Verified || p.Answers[1].Verdict != Absent {
				t.Errorf("deleted: %+v", p)
			}
			if a := pins[tree].Answers[1]; pins[tree].Verdict != Mismatch || len(a.Differences) != 1 || a.Differences[0].Field != "contents narHash" {
				t.Errorf("corrupted: %+v", a)
			}
			a := pins[file].Answers[1]
			if pins[file].Verdict != Mismatch || len(a.Differences) != 2 || a.Differences[0].Field != "narHash" || a.Differences[1].Field != "contents narHash" {
				t.Errorf("registered wrong: %+v", a)
			}
			if real.Run(t, realnix.Cmd{Args: []string{"nix-store", "--check-validity", file.In(dir + "/store"), tree.In(dir + "/store")}, Env: env}).Code != 0 {
				t.Error("real Nix knows that they are wrong, so that this tests little")
			}
		})
	}
}
