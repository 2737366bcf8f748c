package verify

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// realCaches makes paths with references, and paths whose names are computed
// from their contents, and has real Nix copy them to signed caches.
const realCaches = `set -e
cd "$D"
mkdir -p etc tree; printf one > tree/one; printf 'hello\n' > file
cat > many.nix <<'END'
let
  deps = builtins.genList (n: builtins.toFile "dep-${toString n}" "dep ${toString n}") 12;
in derivation {
  name = "many"; system = builtins.currentSystem; builder = "/bin/sh";
  args = [ "-c" "echo $deps > $out; echo $out >> $out" ]; inherit deps;
}
END
nix-store -r "$(nix-instantiate many.nix)" > paths
nix-store --add-fixed sha256 file >> paths
nix-store --add-fixed --recursive sha256 tree >> paths
nix-store --generate-binary-cache-key real-1 sec pub
for c in none xz zstd; do nix copy --to "file://$D/cache-$c?compression=$c&secret-key=$D/sec" $(cat paths); done
nix copy --to "file://$D/cache-bare?compression=none" $(cat paths)
nix path-info -r --json --store "file://$D/cache-zstd" $(cat paths)
`

// A lock of what real Nix says of its own paths verifies against the caches
// that real Nix wrote, and no longer once one file was changed.
func TestALockOfRealNixsPathsVerifiesAgainstItsCaches(t *testing.T) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			nix := realnix.Get(t, version)
			outside, dir := nix.Dir(t)
			run := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", realCaches}, Env: []string{
				"D=" + dir, "HOME=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
				"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
				"NIX_CONFIG=experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n",
			}})
			if run.Code != 0 {
				t.Fatalf("making the caches: %d %s%s", run.Code, run.Stdout, run.Stderr)
			}
			key, err := os.ReadFile(filepath.Join(outside, "pub"))
			if err != nil {
				t.Fatal(err)
			}
			base := lock.New()
			base.Section(system).Paths = realPins(t, run.Stdout)
			if n := len(base.Systems[system].Paths); n != 15 {
				t.Fatalf("%d paths: %s", n, run.Stdout)
			}
			check := func(cache string, contents bool) *Report {
				base.Caches = []lock.Cache{{URL: "file://" + outside + "/" + cache, Keys: []string{strings.TrimSpace(string(key))}}}
				// What was printed is what is verified.
				text, err := base.Print()
				if err != nil {
					t.Fatal(err)
				}
				l, err := lock.Parse("flake.cache-lock", text)
				if err != nil {
					t.Fatal(err)
				}
				r, err := Verify(context.Background(), l, Options{Client: bincache.NewClient(bincache.Options{StoreDir: dir + "/store"}), Contents: contents})
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			for _, cache := range []string{"cache-none", "cache-xz", "cache-zstd"} {
				for _, contents := range []bool{false, true} {
					r := check(cache, contents)
					if r.Outcome() != Fine || r.Counts()[Verified] != 15 {
						t.Errorf("%s, contents %v: %v %v", cache, contents, r.Outcome(), r.Counts())
					}
				}
			}
			// Without signatures: what is computed from the whole NAR, and with
			// the contents read the single files too; never what was built.
			if c := check("cache-bare", false).Counts(); c[Verified] != 1 || c[Unsigned] != 14 {
				t.Errorf("unsigned: %v", c)
			}
			if c := check("cache-bare", true).Counts(); c[Verified] != 14 || c[Unsigned] != 1 {
				t.Errorf("unsigned, contents read: %v", c)
			}
			spoil(t, filepath.Join(outside, "cache-none", "nar"))
			if r := check("cache-none", false); r.Outcome() != Fine {
				t.Errorf("one NAR was changed, and its narinfo is %v", r.Counts())
			}
			if r := check("cache-none", true); r.Outcome() != Bad || r.Counts()[Mismatch] != 1 {
				t.Errorf("one NAR was changed: %v %v", r.Outcome(), r.Counts())
			}
		})
	}
}

// spoil changes one letter of the contents of a NAR.
func spoil(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.Index(string(data), "hello\n"); i >= 0 {
			data[i] = 'j'
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f, data, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no NAR has the text that is to be changed")
}

func realPins(t *testing.T, text string) map[lock.StorePath]lock.Pin {
	t.Helper()
	infos := map[string]struct {
		NarHash    string
		NarSize    int64
		References []string
		CA         string
	}{}
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &infos); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	pins := map[lock.StorePath]lock.Pin{}
	for path, info := range infos {
		h, err := bincache.ParseHash(info.NarHash)
		if err != nil {
			t.Fatal(err)
		}
		p := lock.Pin{NAR: h, Size: info.NarSize, CA: info.CA}
		for _, ref := range info.References {
			p.Refs = append(p.Refs, lock.StorePath(filepath.Base(ref)))
		}
		slices.Sort(p.Refs)
		pins[lock.StorePath(filepath.Base(path))] = p
	}
	return pins
}
