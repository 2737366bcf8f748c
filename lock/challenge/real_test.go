package challenge

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

// realChallenge builds a path that comes out the same every time, one that does
// not, and one whose name is of its contents, twice, and has each cache keep
// one outcome under its own key.
const realChallenge = `set -e
cd "$D"
mkdir -p etc
cat > all.nix <<'END'
let
  make = name: outputs: script: derivation { inherit name outputs; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "/usr/bin:/bin"; args = [ "-e" "-c" script ]; };
in {
  same = make "same" [ "out" ] "mkdir $out; echo same > $out/file; echo $out > $out/self";
  rnd = make "rnd" [ "out" "dev" ] "mkdir $out $out/bin; echo same > $out/a; cat /proc/sys/kernel/random/uuid > $out/bin/id; ln -s a $out/z; echo dev > $dev";
}
END
nix-instantiate all.nix -A same > drvs; nix-instantiate all.nix -A rnd >> drvs
printf 'hello\n' > text; nix-store --add-fixed sha256 text > text.path
nix-store --generate-binary-cache-key a-1 sec-a pub-a
nix-store --generate-binary-cache-key b-1 sec-b pub-b
for c in a b; do
  nix-store --delete $(cat paths 2>/dev/null) >&2 || true
  nix-store -r $(cat drvs) > paths
  nix copy --to "file://$D/cache-$c?compression=zstd&secret-key=$D/sec-$c" $(cat paths text.path)
done
cat paths text.path
`

// A chroot runs the programs of one real Nix.
type chroot struct {
	t   *testing.T
	nix realnix.Nix
	env []string
}

func (c chroot) Run(_ context.Context, call nix.Call) (nix.Result, error) {
	r := c.nix.Run(c.t, realnix.Cmd{Args: call.Args, Env: slices.Concat(c.env, call.Env)})
	return nix.Result{Stdout: []byte(r.Stdout), Stderr: []byte(r.Stderr), Code: r.Code}, nil
}

type real struct {
	t            *testing.T
	outside, dir string
	chroot       chroot
	local        *nix.Nix
	paths        map[string]lock.StorePath // by name
}

func newReal(t *testing.T, n realnix.Nix) *real {
	t.Helper()
	outside, dir := n.Dir(t)
	r := &real{t: t, outside: outside, dir: dir, paths: map[string]lock.StorePath{}}
	r.chroot = chroot{t, n, []string{
		"D=" + dir, "HOME=" + dir, "TMPDIR=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
		"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
		"NIX_CONFIG=experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n",
	}}
	r.local = &nix.Nix{Runner: r.chroot, StoreDir: dir + "/store", Root: n.Root}
	for _, full := range strings.Fields(r.sh(realChallenge)) {
		p, err := bincache.ParseStorePathIn(dir+"/store", full)
		if err != nil {
			t.Fatal(err)
		}
		r.paths[p.Name()] = p
	}
	if len(r.paths) < 3 {
		t.Fatalf("%v", r.paths)
	}
	return r
}

func (r *real) sh(script string) string {
	r.t.Helper()
	res := r.chroot.nix.Run(r.t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: r.chroot.env})
	if res.Code != 0 {
		r.t.Fatalf("%d: %s%s", res.Code, res.Stdout, res.Stderr)
	}
	return res.Stdout
}

func (r *real) options(caches ...string) Options {
	o := Options{Client: bincache.NewClient(bincache.Options{StoreDir: r.dir + "/store"}), Store: r.local, StoreDir: r.dir + "/store"}
	for _, c := range caches {
		key, err := os.ReadFile(filepath.Join(r.outside, "pub-"+c))
		if err != nil {
			r.t.Fatal(err)
		}
		o.Caches = append(o.Caches, lock.Cache{URL: "file://" + r.outside + "/cache-" + c, Keys: []string{strings.TrimSpace(string(key))}})
	}
	return o
}

// item challenges one path.
func (r *real) item(o Options, name string) (*Report, Item) {
	r.t.Helper()
	report, err := Run(context.Background(), []lock.StorePath{r.paths[name]}, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return report, report.Items[0]
}

func TestRealNixsCachesAndStoreAreCompared(t *testing.T) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			r := newReal(t, realnix.Get(t, version))
			o := r.options("a", "b")

			if _, item := r.item(o, "same"); item.Verdict != Match || item.Sides[0].Distinct != 3 {
				t.Errorf("two signed builds and the store's: %v %s %+v", item.Verdict, item.Text, item.Votes)
			}
			if _, item := r.item(o, "text"); item.Verdict != Match || item.Sides[0].Distinct != 3 {
				t.Errorf("a path that is of its contents: %v %s %+v", item.Verdict, item.Text, item.Votes)
			}
			// The store has what was built last, as cache b.
			report, item := r.item(o, "rnd")
			if item.Verdict != Mismatch || len(item.Sides) != 2 || !slices.Equal(item.Sides[0].Votes, []int{1, 2}) || item.Sides[0].Distinct != 2 {
				t.Fatalf("%v %s %+v", item.Verdict, item.Text, item.Sides)
			}
			for _, pair := range [][2]int{{0, 1}, {0, 2}} {
				a, okA := report.Tree(o, item, pair[0])
				b, okB := report.Tree(o, item, pair[1])
				if !okA || !okB {
					t.Fatal("a voter has no bytes")
				}
				d, err := Compare(context.Background(), a, b, 10)
				if err != nil || len(d.Files) != 1 || d.Files[0].Path != "bin/id" || d.Files[0].What != Contents || d.Files[0].A.Size != 37 || d.Files[0].Offset > 36 {
					t.Errorf("%v: %+v %v", pair, d, err)
				}
			}
			a, _ := report.Tree(o, item, 1)
			b, _ := report.Tree(o, item, 2)
			if d, err := Compare(context.Background(), a, b, 10); err != nil || len(d.Files) != 0 {
				t.Errorf("a cache and the store with the same: %+v %v", d, err)
			}
			r.checkUnpacked(a)
			r.checkFetched()
			r.checkChanged()
		})
	}
}

// checkUnpacked holds what was unpacked against what real Nix says its hash is.
func (r *real) checkUnpacked(tree Tree) {
	root, err := OpenEmpty(filepath.Join(r.outside, "kept"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer root.Close()
	if err := Unpack(context.Background(), tree, root, "a"); err != nil {
		r.t.Fatal(err)
	}
	got := strings.Fields(r.sh(`nix-hash --type sha256 "$D/kept/a"; nix-hash --type sha256 ` + string(r.paths["rnd"].In(r.dir+"/store"))))
	if len(got) != 2 || got[0] != got[1] {
		r.t.Errorf("unpacked and in the store: %q", got)
	}
}

// checkFetched fetches what was built: the store then speaks with the cache's
// voice.
func (r *real) checkFetched() {
	same := r.paths["same"].In(r.dir + "/store")
	r.sh("nix-store --delete " + same + " && nix copy --no-check-sigs --from file://$D/cache-a " + same)
	if _, item := r.item(r.options("a"), "same"); item.Verdict != Inconclusive || item.Sides[0].Distinct != 1 || len(item.Sides[0].Votes) != 2 {
		r.t.Errorf("a copy of the cache's is a second voter: %v %s", item.Verdict, item.Text)
	}
	if _, item := r.item(r.options("a", "b"), "same"); item.Verdict != Match || item.Sides[0].Distinct != 2 {
		r.t.Errorf("a copy and another build: %v %s", item.Verdict, item.Text)
	}
}

// checkChanged changes a file of the store behind its database's back.
func (r *real) checkChanged() {
	same := string(r.paths["same"])
	file := filepath.Join(r.outside, "store", same, "file")
	if err := os.Chmod(filepath.Dir(file), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("changed\n"), 0o444); err != nil {
		r.t.Fatal(err)
	}
	_, item := r.item(r.options("a", "b"), "same")
	if item.Verdict != Mismatch || !slices.Equal(item.Sides[1].Votes, []int{2}) || !strings.Contains(item.Votes[2].Text, "the files were changed") {
		r.t.Errorf("%v %+v", item.Verdict, item.Votes[2])
	}
}

func TestRealNixRebuilds(t *testing.T) {
	realnix.Each(t, func(t *testing.T, n realnix.Nix) {
		r := newReal(t, n)
		o := r.options("a")
		o.Build = Check{r.local}
		rebuilt := func(name string) (Item, Vote) {
			_, item := r.item(o, name)
			return item, item.Votes[2]
		}
		if item, v := rebuilt("same"); item.Verdict != Match || item.Sides[0].Distinct != 3 || v.Answer != Said {
			t.Errorf("what comes out the same: %v %s %+v", item.Verdict, item.Text, v)
		}
		item, v := rebuilt("rnd")
		if item.Verdict != Mismatch || len(item.Sides) != 3 || v.Answer != Said || v.NAR.IsZero() || v.Kept != r.paths["rnd"]+".check" {
			t.Errorf("what comes out otherwise: %v %s %+v", item.Verdict, item.Text, v)
		}
		report, _ := Run(context.Background(), []lock.StorePath{r.paths["rnd"]}, r.options("a"))
		report.Voters = append(report.Voters, Voter{Rebuild, "a rebuild"})
		stored, _ := report.Tree(o, item, 1)
		again, ok := report.Tree(o, item, 2)
		if !ok {
			t.Fatal("the rebuild's bytes are not there")
		}
		if d, err := Compare(context.Background(), stored, again, 10); err != nil || len(d.Files) != 1 || d.Files[0].Path != "bin/id" {
			t.Errorf("%+v %v", d, err)
		}
		// The other output is the same, but Nix looks at the first one only, so
		// that nothing is known of it.
		if item, v := rebuilt("rnd-dev"); item.Verdict != Match || v.Answer != Silent || !strings.Contains(v.Text, "another output") {
			t.Errorf("another output: %v %+v", item.Verdict, v)
		}
		if _, v := rebuilt("text"); v.Answer != Abstains || !strings.Contains(v.Text, "computed from its contents") {
			t.Errorf("what is not built: %+v", v)
		}
		same := r.paths["same"].In(r.dir + "/store")
		r.sh(`drv=$(nix-store -q --deriver ` + same + `); nix-store --delete $drv ` + same + ` && nix copy --no-check-sigs --from file://$D/cache-a ` + same)
		if _, v := rebuilt("same"); v.Answer != Abstains || !strings.Contains(v.Text, "is not in the store") {
			t.Errorf("without its derivation: %+v", v)
		}
		r.sh("nix-store --delete " + same)
		if _, v := rebuilt("same"); v.Answer != Abstains || !strings.Contains(v.Text, "compared with") {
			t.Errorf("without a copy here: %+v", v)
		}
	})
}
