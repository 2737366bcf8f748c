package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// While alice's gate runs, neither another flake of hers nor another user gets
// anything from it that her grant does not pin.
func TestOthersGetNothingFromAGrantThatItDoesNotPin(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			p, q := s.project("mine"), s.project("other")
			s.grant(p.dir)
			s.own.requests()
			s.exec(0, p.dir, "nix", "build", "--no-link", q.flake())
			if built := s.built(); !slices.Equal(built, []string{"mid-other", "top-other"}) {
				t.Errorf("of another flake these were built: %q", built)
			}
			s.requestsOf(0)

			bob, bobs := s.id(t, "bob")
			s.home("bob", bob, bobs)
			r := s.as(bob, bobs, "bob", p.dir, s.inside+"/nix-trust", "fetch")
			if r.Code != 1 || !strings.Contains(r.Stderr, "has no grant") {
				t.Errorf("another user uses the grant: %+v", r)
			}
			r2 := s.project("third")
			var out bytes.Buffer
			_, wait := s.start(p.dir, &out, "exec", "--gate", s.gate, "--", "sh", "-c", "echo $NIX_CONFIG > ../home/config; while ! [ -e ../home/done ]; do sleep 0.02; done")
			var url string
			eventually(t, "alice's command does not begin", func() bool {
				text, _ := os.ReadFile(filepath.Join(s.outside, "home/config"))
				_, url, _ = strings.Cut(strings.TrimSpace(string(text)), "extra-substituters = ")
				return url != ""
			})
			s.own.requests()
			built := s.as(bob, bobs, "bob", r2.dir, "nix", "build", "--no-link", "--option", "extra-substituters", url, r2.flake())
			if names := s.built(); built.Code != 0 || !slices.Equal(names, []string{"mid-third", "top-third"}) {
				t.Errorf("another user at the gate: %q, %+v", names, built)
			}
			s.requestsOf(0)
			s.write(t, "home/done", "")
			wait()
		})
	}
}

func TestFetchSaysWhatKeepsThePathsOut(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			p := s.project("out")
			s.grant(p.dir)
			key := filepath.Join(s.outside, "home/.local/state/nix-trust/gate.key")
			text, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}

			// Another key than the daemon believes, and none.
			if err := os.Rename(key, key+".old"); err != nil {
				t.Fatal(err)
			}
			contains(t, s.trust(3, p.dir, "fetch"), "the gate has no key", "nix-trust setup")
			contains(t, s.exec(3, p.dir, "true"), "the gate has no key", "nix-trust setup")
			other, err := gate.NewKey("nix-trust-gate-other-1")
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Save(key, int(s.uid), int(s.gid)); err != nil {
				t.Fatal(err)
			}
			contains(t, s.trust(3, p.dir, "fetch"), "does not believe the gate's key", "setup --check", "2 paths of 3 not in the store")
			p.want("common out", "", "")
			out := s.exec(0, p.dir, "true")
			contains(t, out, "not among those that the daemon believes")
			if err := os.WriteFile(key, text, 0o600); err != nil {
				t.Fatal(err)
			}

			// An address that the daemon does not admit.
			contains(t, s.trust(0, p.dir, "exec", "--gate", "127.0.0.1:1029", "--", "true"), "the daemon does not ask http://127.0.0.1:1029/e", "nix-trust setup")
			if out := s.exec(0, p.dir, "true"); strings.Contains(out, "warning") {
				t.Errorf("all is well, and it warns: %s", out)
			}

			// What the flake offers now is another lock.
			lock := filepath.Join(s.outside, p.dir, "flake.cache-lock")
			was, err := os.ReadFile(lock)
			if err != nil {
				t.Fatal(err)
			}
			now := strings.Replace(string(was), `"packages.default"`, `"packages.else"`, 1)
			if err := os.WriteFile(lock, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"fetch"}, {"exec", "--gate", s.gate, "--", "true"}} {
				contains(t, s.trust(1, p.dir, args...), "stale", "lock diff", "nix-trust grant")
			}
			contains(t, s.trust(1, p.dir, "fetch", "--lock", "flake.cache-lock"), "no grant accepted the lock")
			if err := os.WriteFile(lock, was, 0o644); err != nil {
				t.Fatal(err)
			}
			contains(t, s.trust(2, p.dir, "fetch", "--output", "packages.none"), `no output "packages.none"`, "packages.default")
			contains(t, s.trust(1, p.dir, "fetch", "--system", "riscv64-linux"), "is granted for x86_64-linux")

			// The store has something else under the name; here it was built.
			s.as(s.uid, s.gid, "home", p.dir, "nix", "build", "--no-link", p.flake()+"#mid")
			contains(t, s.trust(0, p.dir, "fetch", "--lock", "flake.cache-lock", "--output", "packages.default", "--add-root", "../home/kept"), "was built here and has other contents", "1 path was brought", "kept from the garbage collector by")
			p.want("common out", "built", "own out")
			if target, err := os.Readlink(filepath.Join(s.outside, "home/kept")); err != nil || !strings.HasSuffix(target, string(p.top)) {
				t.Errorf("the link leads to %q, %v", target, err)
			}
			s.as(s.uid, s.gid, "home", "", "nix-store", "--gc")
			p.want("", "built", "own out") // what was built refers to nothing
		})
	}
}

// Who owns the store is believed at their word, so the gate's key goes along.
func TestRootFetchesIntoAStoreOfItsOwn(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.8", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			p := s.project("local")
			env := slices.DeleteFunc(slices.Clone(s.env), func(e string) bool { return strings.HasPrefix(e, "NIX_REMOTE=") })
			env = append(env, "NIX_REMOTE=local", "HOME="+s.inside+"/root", "NIX_TRUST_STATE_DIR="+s.inside+"/rootstate", "NIX_TRUST_CONFIG_DIR="+s.inside+"/rootconfig")
			root := func(code int, args ...string) string {
				t.Helper()
				r := s.nix.Run(t, realnix.Cmd{Args: append([]string{s.inside + "/nix-trust"}, args...), Env: env, Dir: s.inside + "/" + p.dir})
				if r.Code != code {
					t.Fatalf("%q: %d, want %d: %s%s", args, r.Code, code, r.Stdout, r.Stderr)
				}
				return r.Stdout + r.Stderr
			}
			root(0, "grant", "--yes", "--system", "x86_64-linux")
			other, err := gate.NewKey("nix-trust-gate-root-1") // which no nix.conf has
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Save(filepath.Join(s.outside, "rootstate/gate.key"), 0, 0); err != nil {
				t.Fatal(err)
			}
			root(0, "exec", "--gate", s.gate, "--", "nix", "build", "--no-link", p.flake()+"#mid")
			root(0, "fetch")
			if built := s.built(); len(built) > 0 {
				t.Errorf("these were built: %q", built)
			}
			p.want("common local", "own local", "own local")
		})
	}
}
