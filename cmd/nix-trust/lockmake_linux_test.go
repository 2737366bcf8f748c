package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A workshop is a folder in a real Nix's root with a store, a cache and a flake
// of its own, and the built program.
type workshop struct {
	*matrix
	t   *testing.T
	key string
}

func newWorkshop(t *testing.T, nix realnix.Nix, bin string) *workshop {
	w := &workshop{matrix: newMatrix(t, nix, bin), t: t}
	w.sh("nix-store --generate-binary-cache-key shop-1 sec pub && mkdir -p home cache flake && echo StoreDir: $NIX_STORE_DIR > cache/nix-cache-info")
	key, err := os.ReadFile(filepath.Join(w.outside, "pub"))
	if err != nil {
		t.Fatal(err)
	}
	w.key = strings.TrimSpace(string(key))
	w.flake("1", "")
	return w
}

// flake writes the flake: free is built from dep, and own from the flake's own
// source, too.
func (w *workshop) flake(version, more string) {
	w.write(w.t, "flake/flake.nix", fmt.Sprintf(`{
  nixConfig.extra-substituters = [ "file://%s/cache" ];
  nixConfig.extra-trusted-public-keys = [ %q ];
  outputs = { self }: let
    for = system: rec {
      make = name: more: derivation ({
        inherit name system;
        builder = "/bin/sh"; args = [ "-c" "echo ${name} $dep > $out; [ -z \"$doc\" ] || echo $out > $doc" ];
      } // more);
      dep = make "dep-%s" { };
      free = make "free-%s" { inherit dep; outputs = [ "out" "doc" ]; };
      own = make "own" { inherit dep; src = ./.; };
    };
  in {
    packages.x86_64-linux = { inherit (for "x86_64-linux") free %s; };
    packages.aarch64-linux = { inherit (for "aarch64-linux") free; };
  };
}
`, w.inside, w.key, version, version, more))
}

func (w *workshop) env() []string {
	return []string{
		"HOME=" + w.inside + "/home", "NIX_STORE_DIR=" + w.inside + "/store", "NIX_STATE_DIR=" + w.inside + "/state",
		"NIX_LOG_DIR=" + w.inside + "/log", "NIX_CONF_DIR=" + w.inside + "/none", "NIX_REMOTE=local",
		"NIX_CONFIG=experimental-features = nix-command flakes\nsubstituters =\nsandbox = false\nbuild-users-group =\nextra-platforms = aarch64-linux\nsystem = x86_64-linux\n",
	}
}

func (w *workshop) run(args ...string) realnix.Result {
	return w.nix.Run(w.t, realnix.Cmd{Args: args, Env: w.env(), Dir: w.inside})
}

func (w *workshop) sh(script string) string {
	w.t.Helper()
	r := w.run("/bin/sh", "-c", "set -e\n"+script)
	if r.Code != 0 {
		w.t.Fatalf("%s: %d %s%s", script, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// push builds every output of a derivation and copies it, with what it refers
// to, to the cache.
func (w *workshop) push(attrs ...string) {
	w.t.Helper()
	for _, a := range attrs {
		w.sh(fmt.Sprintf(`drv=$(nix eval --raw ./flake#packages.%s.drvPath)
nix-store -r $drv >/dev/null
nix copy --to "file://$PWD/cache?compression=none&secret-key=$PWD/sec" $(nix-store -q --outputs $drv)`, a))
	}
}

// says runs nix-trust, and fails unless it exits with the code and says all.
func (w *workshop) says(code int, args []string, texts ...string) string {
	w.t.Helper()
	r := w.run(append([]string{w.inside + "/nix-trust"}, args...)...)
	all := r.Stdout + r.Stderr
	if r.Code != code {
		w.t.Fatalf("%q: exit %d, want %d:\n%s", args, r.Code, code, all)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			w.t.Fatalf("%q does not say %q:\n%s", args, text, all)
		}
	}
	return all
}

func (w *workshop) lock(file string) *lock.Lock {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.outside, file))
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := lock.Parse(file, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func pinned(s *lock.Section) (names []string) {
	if s == nil {
		return nil
	}
	for p := range s.Paths {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	return names
}

func TestALockIsMadeCheckedRenewedAndAlarmedAbout(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		make := []string{"lock", "--yes", "./flake"}
		w.says(1, make, "no cache has it", "free-1")
		w.push("x86_64-linux.free")
		w.says(0, make, "2 outputs, 3 paths pinned (3 new, 0 gone)", "wrote ")
		l := w.lock("flake/flake.cache-lock")
		if got := pinned(l.Systems["x86_64-linux"]); !slices.Equal(got, []string{"dep-1", "free-1", "free-1-doc"}) {
			t.Errorf("pinned: %q", got)
		}
		if got := l.Systems["x86_64-linux"].Outputs; len(got) != 2 || got["packages.free"].Name() != "free-1" || got["packages.free^doc"].Name() != "free-1-doc" {
			t.Errorf("outputs: %q", got)
		}
		for p, pin := range l.Systems["x86_64-linux"].Paths {
			if !slices.Equal(pin.By, []string{"shop-1"}) {
				t.Errorf("%s is signed by %q", p, pin.By)
			}
		}
		w.says(0, []string{"verify", "--contents", "flake/flake.cache-lock"}, "verified")
		w.says(0, make, "up to date")
		w.says(0, []string{"lock", "--check", "./flake"}, "up to date")

		// Another system is evaluated here, and was built elsewhere.
		w.push("aarch64-linux.free")
		w.says(0, []string{"lock", "--yes", "--system", "aarch64-linux", "./flake"}, "3 paths pinned")
		both := w.lock("flake/flake.cache-lock")
		if len(both.Systems) != 2 || !slices.Equal(pinned(both.Systems["aarch64-linux"]), []string{"dep-1", "free-1", "free-1-doc"}) {
			t.Errorf("for two systems: %q", both.SystemNames())
		}

		// The flake moves on.
		w.flake("2", "")
		w.says(1, []string{"lock", "--check", "./flake"}, "packages.free", "out of date")
		w.push("x86_64-linux.free")
		w.says(0, make, "3 paths pinned (3 new, 3 gone)")
		if got := w.lock("flake/flake.cache-lock"); !slices.Equal(pinned(got.Systems["x86_64-linux"]), []string{"dep-2", "free-2", "free-2-doc"}) || len(got.Systems["aarch64-linux"].Paths) != 3 {
			t.Errorf("renewed: %q", pinned(got.Systems["x86_64-linux"]))
		}

		// The cache takes to serving something else under a name that is pinned,
		// under its own good signature.
		before := w.lock("flake/flake.cache-lock")
		w.sh(`path=$(nix path-info ./flake#packages.x86_64-linux.free)
hash=$(basename "$path" | cut -c1-32)
sed -i 's/^NarSize: .*/NarSize: 4096/; /^Sig:/d' cache/$hash.narinfo
nix store sign --store "file://$PWD/cache" --key-file sec "$path"`)
		w.says(4, make, "ALARM", "free-2", "is as it was")
		after := w.lock("flake/flake.cache-lock")
		if a, _ := before.Digest(); a == "" {
			t.Error("no digest")
		} else if b, _ := after.Digest(); a != b {
			t.Error("an alarm changed the lock")
		}
	})
}

func TestOutputsBuiltFromTheFlakesOwnSourceAreNoticed(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		w.flake("1", "own")
		w.push("x86_64-linux.free", "x86_64-linux.own")
		w.says(1, []string{"lock", "--yes", "./flake"}, "these depend on the flake's own source", "packages.own", "--consumer", "--detached")
		if _, err := os.Stat(filepath.Join(w.outside, "flake/flake.cache-lock")); err == nil {
			t.Error("a lock was written all the same")
		}

		w.says(0, []string{"lock", "--yes", "--consumer", "./flake"}, "left out, as built from the flake's own source: packages.own")
		l := w.lock("flake/flake.cache-lock")
		if got := pinned(l.Systems["x86_64-linux"]); !slices.Equal(got, []string{"dep-1", "free-1", "free-1-doc"}) {
			t.Errorf("a consumer's lock pins %q", got)
		}
		// The lock is a part of the source by now, and still right.
		w.says(0, []string{"lock", "--check", "./flake"}, "up to date")
		w.says(0, []string{"lock", "--yes", "--consumer", "./flake"}, "up to date")

		w.push("x86_64-linux.own")
		w.says(0, []string{"lock", "--yes", "--detached", "own.cache-lock", "./flake"}, "wrote own.cache-lock")
		l = w.lock("own.cache-lock")
		if got := pinned(l.Systems["x86_64-linux"]); !slices.Contains(got, "own") || l.Source.IsZero() {
			t.Errorf("a detached lock pins %q for %v", got, l.Source)
		}
		w.says(0, []string{"lock", "--check", "--detached", "own.cache-lock", "./flake"}, "up to date")
		w.write(t, "flake/more", "more")
		w.says(1, []string{"lock", "--check", "--detached", "own.cache-lock", "./flake"}, "another source tree")
	})
}

func TestStorePathsAreAddedAndTheLocalStoreAnswersWhenAsked(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		path := strings.TrimSpace(w.sh("nix build --no-link ./flake#packages.x86_64-linux.free; nix path-info ./flake#packages.x86_64-linux.free"))
		make := []string{"lock", "--yes", "--cache", "file://" + w.inside + "/cache", "--key", w.key, path}
		w.says(1, make, "no cache has it")
		w.says(0, append(make, "--local"), "2 paths no cache has yet")
		l := w.lock("flake.cache-lock")
		if got := pinned(l.Systems["x86_64-linux"]); !slices.Equal(got, []string{"dep-1", "free-1"}) {
			t.Errorf("from the local store: %q", got)
		}
		w.push("x86_64-linux.free")
		w.says(0, make, "2 paths pinned")
		w.says(0, []string{"verify", "flake.cache-lock"}, "verified")
	})
}

func TestNothingIsAskedOfAHostWithoutAYes(t *testing.T) {
	bin := buildProgram(t)
	w := newWorkshop(t, realnix.Get(t, "2.34"), bin)
	path := strings.TrimSpace(w.sh("nix build --no-link ./flake#packages.x86_64-linux.free; nix path-info ./flake#packages.x86_64-linux.free"))
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	args := []string{"lock", "--cache", server.URL, "--key", w.key, path}
	w.says(2, args, "1 host would learn that you use 1 path", strings.TrimPrefix(server.URL, "http://"), "add --yes")
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests before anybody agreed", n)
	}
	w.says(3, append(args, "--yes"), server.URL, "no lock was written")
	if asked.Load() == 0 {
		t.Error("with --yes nothing was asked either")
	}
}
