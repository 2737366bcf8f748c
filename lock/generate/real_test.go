package generate

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// realCaches has real Nix build a closure for x86_64-linux and one for
// aarch64-linux, add paths whose names are computed from their contents, and
// copy all of it to signed caches.
const realCaches = `set -e
cd "$D"
mkdir -p etc tree; printf one > tree/one; printf 'hello\n' > file
cat > many.nix <<'END'
let
  deps = builtins.genList (n: builtins.toFile "dep-${toString n}" "dep ${toString n}") 40;
in derivation {
  name = "many"; system = "x86_64-linux"; builder = "/bin/sh";
  args = [ "-c" "echo $deps > $out; echo $out >> $out" ]; inherit deps;
}
END
cat > arm.nix <<'END'
let
  make = name: needs: derivation {
    inherit name needs; system = "aarch64-linux"; builder = "/bin/sh"; outputs = [ "out" "lib" ];
    args = [ "-c" "echo lib $needs > $lib; echo $lib $needs $out > $out" ];
  };
  text = builtins.toFile "note" "for arm";
in make "app" [ (make "libc" [ text ]) (make "libm" [ text ]).lib ]
END
nix-store -r "$(nix-instantiate many.nix)" > x86
nix-store --add-fixed sha256 file >> x86
nix-store --add-fixed --recursive sha256 tree >> x86
nix store make-content-addressed --json "$(head -n1 x86)" | tr ',{}"' '\n' | grep "$D/store/.*-many" | grep -v "$(head -n1 x86)" >> x86
armdrv="$(nix-instantiate arm.nix)"
grep -q aarch64-linux "$armdrv" && ! grep -q x86_64-linux "$armdrv"
nix-store -r "$armdrv" --option extra-platforms aarch64-linux > arm
nix-store --generate-binary-cache-key real-1 sec pub
nix-store --generate-binary-cache-key host-1 hostsec hostpub
for c in none xz zstd; do nix copy --to "file://$D/cache-$c?compression=$c&secret-key=$D/sec" $(cat x86 arm); done
mkdir cache-empty; echo "StoreDir: $D/store" > cache-empty/nix-cache-info
nix copy --to "file://$D/cache-host?compression=xz&secret-key=$D/hostsec" "$(nix-store -q --references "$(head -n1 x86)" | grep dep-7)"
nix path-info -r --json --store "file://$D/cache-zstd" $(cat x86) > x86.json
nix path-info -r --json --store "file://$D/cache-none" $(cat arm) > arm.json
nix path-info -r --json $(cat x86) > local.json
`

type realWorld struct {
	outside, storeDir string
	pub, hostPub      string
}

func makeRealWorld(t *testing.T, version string) realWorld {
	n := realnix.Get(t, version)
	outside, dir := n.Dir(t)
	run := n.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", realCaches}, Env: []string{
		"D=" + dir, "HOME=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
		"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
		"NIX_CONFIG=experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n",
	}})
	if run.Code != 0 {
		t.Fatalf("making the caches: %d %s%s", run.Code, run.Stdout, run.Stderr)
	}
	w := realWorld{outside: outside, storeDir: dir + "/store"}
	w.pub, w.hostPub = strings.TrimSpace(w.read(t, "pub")), strings.TrimSpace(w.read(t, "hostpub"))
	return w
}

func (w realWorld) read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.outside, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// roots are the paths that a file lists.
func (w realWorld) roots(t *testing.T, file string) (roots []lock.StorePath) {
	for line := range strings.Lines(w.read(t, file)) {
		roots = append(roots, lock.StorePath(filepath.Base(strings.TrimSpace(line))))
	}
	return roots
}

// infos are what a path-info --json said.
func (w realWorld) infos(t *testing.T, file string) map[lock.StorePath]nix.Info {
	t.Helper()
	said := map[string]struct {
		NarHash    string
		NarSize    int64
		References []string
		Signatures []string
		CA         string
		Ultimate   bool
	}{}
	text := w.read(t, file)
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	infos := map[lock.StorePath]nix.Info{}
	for path, s := range said {
		h, err := bincache.ParseHash(s.NarHash)
		if err != nil {
			t.Fatal(err)
		}
		i := nix.Info{NAR: h, Size: s.NarSize, CA: s.CA, Signatures: s.Signatures, Ultimate: s.Ultimate}
		for _, ref := range s.References {
			i.Refs = append(i.Refs, lock.StorePath(filepath.Base(ref)))
		}
		slices.Sort(i.Refs)
		infos[lock.StorePath(filepath.Base(path))] = i
	}
	return infos
}

func (w realWorld) options(system, cache string, roots []lock.StorePath) Options {
	return Options{
		Client: bincache.NewClient(bincache.Options{StoreDir: w.storeDir}), System: system, Roots: roots,
		Caches: []lock.Cache{{URL: filepath.Join(w.outside, cache), Keys: []string{w.pub}}},
	}
}

func pinsOf(infos map[lock.StorePath]nix.Info, by ...string) map[lock.StorePath]lock.Pin {
	pins := map[lock.StorePath]lock.Pin{}
	for p, i := range infos {
		pins[p] = lock.Pin{NAR: i.NAR, Size: i.Size, Refs: i.Refs, CA: i.CA, By: by}
	}
	return pins
}

// comparePins names each field that is not as real Nix says.
func comparePins(t *testing.T, got, want map[lock.StorePath]lock.Pin) {
	t.Helper()
	for p, w := range want {
		g, ok := got[p]
		if !ok {
			t.Errorf("%s is not pinned", p)
			continue
		}
		if g.NAR != w.NAR || g.Size != w.Size || !slices.Equal(g.Refs, w.Refs) || g.CA != w.CA || !slices.Equal(g.By, w.By) {
			t.Errorf("%s is pinned as\n%+v\nand real Nix says\n%+v", p, g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d paths are pinned, and real Nix has %d", len(got), len(want))
	}
}

// What real Nix says of its caches is what a lock made of them pins.
func TestLocksAreWhatRealNixSaysOfItsCaches(t *testing.T) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			w := makeRealWorld(t, version)
			t.Run("in each compression, and verified", func(t *testing.T) { lockOfItsCaches(t, w) })
			t.Run("of the local store, then pushed", func(t *testing.T) { lockOfItsLocalStore(t, w) })
			t.Run("for aarch64-linux, on any machine", func(t *testing.T) { lockOfAnotherSystem(t, w) })
		})
	}
}

func lockOfItsCaches(t *testing.T, w realWorld) {
	roots, infos := w.roots(t, "x86"), w.infos(t, "x86.json")
	addressed, most, self := 0, 0, 0
	for p, i := range infos {
		most = max(most, len(i.Refs))
		if i.CA != "" {
			addressed++
		}
		if slices.Contains(i.Refs, p) {
			self++
		}
	}
	if addressed < 43 || most < 41 || self < 2 {
		t.Fatalf("%d content-addressed, %d with themselves, at most %d references", addressed, self, most)
	}
	for _, cache := range []string{"cache-none", "cache-xz", "cache-zstd"} {
		r := mustMake(t, w.options(system, cache, roots))
		if r.Outcome() != Fine || r.Added != len(infos) {
			t.Fatalf("%s: %v, %d pins, %+v", cache, r.Outcome(), r.Added, r.Problems)
		}
		comparePins(t, r.Lock.Systems[system].Paths, pinsOf(infos, "real-1"))
		l, err := lock.Parse("flake.cache-lock", printed(t, r.Lock))
		if err != nil {
			t.Fatal(err)
		}
		report, err := verify.Verify(t.Context(), l, verify.Options{Client: bincache.NewClient(bincache.Options{StoreDir: w.storeDir}), Contents: true})
		if err != nil || report.Outcome() != verify.Fine || report.Counts()[verify.Verified] != len(infos) {
			t.Errorf("%s: verified: %v %v, %v", cache, report.Outcome(), report.Counts(), err)
		}
		o := w.options(system, cache, roots)
		o.Old = l
		if again := mustMake(t, o); !slices.Equal(printed(t, again.Lock), printed(t, r.Lock)) {
			t.Errorf("%s: a second lock changes it", cache)
		}
	}
	// What the host's own cache serves, as real Nix signed it, is left out.
	o := w.options(system, "cache-xz", roots)
	o.Trusted = []lock.Cache{{URL: "file://" + w.outside + "/cache-host", Keys: []string{w.hostPub}}}
	r := mustMake(t, o)
	if r.Outcome() != Fine || r.Redundant != 1 || r.Pinned != len(infos)-1 {
		t.Errorf("beside a trusted cache: %v, %d redundant, %d pinned, %+v", r.Outcome(), r.Redundant, r.Pinned, r.Problems)
	}
	// With another key nothing but what is computed from a whole NAR is proved.
	o = w.options(system, "cache-xz", roots)
	o.Caches[0].Keys = []string{w.hostPub}
	if r := mustMake(t, o); r.Outcome() != Incomplete || r.Pinned != 1 || r.Problems[0].Kind != Unproved {
		t.Errorf("by another key: %v, %d pinned, %+v", r.Outcome(), r.Pinned, r.Problems[:1])
	}
}

func lockOfItsLocalStore(t *testing.T, w realWorld) {
	roots, infos := w.roots(t, "x86"), w.infos(t, "local.json")
	o := w.options(system, "cache-empty", roots)
	o.Local = infos
	r := mustMake(t, o)
	if r.Outcome() != Fine || len(r.FromLocal) != len(infos) {
		t.Fatalf("%v, %d from the local store, %+v", r.Outcome(), len(r.FromLocal), r.Problems)
	}
	comparePins(t, r.Lock.Systems[system].Paths, pinsOf(w.infos(t, "x86.json")))
	// Once it was pushed, the lock stays as it is.
	o = w.options(system, "cache-xz", roots)
	o.Old = r.Lock
	o.Local = infos
	pushed := mustMake(t, o)
	if pushed.Outcome() != Fine || len(pushed.FromLocal) != 0 || pushed.Added+pushed.Removed != 0 {
		t.Errorf("%v %+v", pushed.Outcome(), pushed.Problems)
	}
	if !reflect.DeepEqual(pushed.Lock.Systems, r.Lock.Systems) {
		t.Error("the pins changed once the paths were pushed")
	}
}

// Nothing here can run or build for aarch64-linux; the lock is made of what the
// caches say alone.
func lockOfAnotherSystem(t *testing.T, w realWorld) {
	const arm = "aarch64-linux"
	roots, infos := w.roots(t, "arm"), w.infos(t, "arm.json")
	if len(infos) != 6 {
		t.Fatalf("%d paths: %v", len(infos), slices.Sorted(maps.Keys(infos)))
	}
	first := mustMake(t, w.options(system, "cache-xz", w.roots(t, "x86"))).Lock
	o := w.options(arm, "cache-xz", roots)
	o.Old = first
	o.Outputs = map[string]lock.StorePath{"packages.default": roots[0]}
	r := mustMake(t, o)
	if r.Outcome() != Fine {
		t.Fatalf("%v %+v", r.Outcome(), r.Problems)
	}
	comparePins(t, r.Lock.Systems[arm].Paths, pinsOf(infos, "real-1"))

	want := lock.New()
	want.Caches = first.Caches
	want.Systems[system] = first.Systems[system]
	*want.Section(arm) = lock.Section{Outputs: o.Outputs, Paths: pinsOf(infos, "real-1")}
	if got := printed(t, r.Lock); !slices.Equal(got, printed(t, want)) {
		t.Errorf("the lock is\n%s\nand of the narinfos it is\n%s", got, printed(t, want))
	}
}

// A trusted cache without nix-cache-info serves nothing to real Nix either.
func TestRealNixUsesNoWebCacheWithoutNixCacheInfo(t *testing.T) {
	realnix.Each(t, func(t *testing.T, n realnix.Nix) {
		_, dir := n.Dir(t)
		for _, c := range []struct {
			info string
			ok   bool
		}{{"", false}, {"<html>", true}} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/" + a.Digest() + ".narinfo":
					io.WriteString(w, info(a, "a").String())
				case "/nix-cache-info":
					if c.info != "" {
						io.WriteString(w, c.info)
						return
					}
					fallthrough
				default:
					http.NotFound(w, r)
				}
			}))
			defer s.Close()
			run := n.Run(t, realnix.Cmd{Env: []string{"HOME=" + dir}, Args: []string{"nix", "--extra-experimental-features", "nix-command",
				"path-info", "--store", s.URL, a.In(bincache.DefaultStoreDir)}})
			refused := strings.Contains(run.Stderr, "does not appear to be a binary cache")
			if (run.Code == 0) != c.ok || refused == c.ok {
				t.Errorf("with %q: exit %d, %s", c.info, run.Code, run.Stderr)
			}
			o := Options{Client: bincache.NewClient(bincache.Options{}), System: system, Roots: []lock.StorePath{a},
				Caches: []lock.Cache{{URL: s.URL, Keys: []string{flake.Public()}}}}
			if got := mustMake(t, o).Outcome(); (got != Undetermined) != c.ok {
				t.Errorf("with %q: we say %v", c.info, got)
			}
		}
	})
}
