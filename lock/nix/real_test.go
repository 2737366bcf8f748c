package nix

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// inRoot runs programs in the root of a real Nix.
type inRoot struct {
	t        testing.TB
	nix      realnix.Nix
	env      []string
	uid, gid uint32
}

func (r inRoot) Run(ctx context.Context, c Call) (Result, error) {
	env := append([]string{"HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, r.env...)
	got := r.nix.Run(r.t, realnix.Cmd{Args: c.Args, Env: append(env, c.Env...), Dir: c.Dir, UID: r.uid, GID: r.gid})
	return Result{Stdout: []byte(got.Stdout), Stderr: []byte(got.Stderr), Code: got.Code}, nil
}

// A world is a real Nix with a folder for flakes.
type world struct {
	*Nix
	t      testing.TB
	real   realnix.Nix
	dir    string // as programs see it
	folder string // on this machine
}

func newWorld(t testing.TB, real realnix.Nix, env ...string) *world {
	folder, dir := real.Dir(t)
	w := &world{t: t, real: real, dir: dir, folder: folder}
	// Nix 2.8 leaves its root for the programs that it starts, such as git.
	if err := os.Symlink(folder, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	// A home of its own keeps other tests' caches out.
	env = append([]string{"HOME=" + dir + "/home"}, env...)
	if err := os.Mkdir(folder+"/home", 0o755); err != nil {
		t.Fatal(err)
	}
	w.Nix = &Nix{Runner: inRoot{t: t, nix: real, env: env}, Root: real.Root}
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// sh runs a shell in the folder, in the root, and returns what it printed.
func (w *world) sh(script string) string {
	w.t.Helper()
	r := w.real.Run(w.t, realnix.Cmd{
		Args: []string{"sh", "-euc", script}, Dir: w.dir,
		Env: []string{"HOME=" + w.dir + "/home", "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=a",
			"GIT_CONFIG_KEY_1=user.email", "GIT_CONFIG_VALUE_1=a@example.org"},
	})
	if r.Code != 0 {
		w.t.Fatalf("%s: %s%s", script, r.Stdout, r.Stderr)
	}
	return strings.TrimSpace(r.Stdout)
}

// nix runs nix as a user would, and returns what it printed.
func (w *world) user(args string) string {
	w.t.Helper()
	return w.sh("nix --extra-experimental-features 'nix-command flakes' " + args)
}

func (w *world) source(ref string) *Source {
	w.t.Helper()
	src, err := w.Source(w.t.Context(), ref)
	if err != nil {
		w.t.Fatal(err)
	}
	return src
}

func (w *world) outputs(ref string, o OutputOptions) *Outputs {
	w.t.Helper()
	out, err := w.Outputs(w.t.Context(), w.source(ref), "x86_64-linux", o)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// drv is a derivation that builds without any input.
const drv = `name: extra: derivation ({ inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo $name > $out" ]; } // extra)`
