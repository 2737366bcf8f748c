package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
)

// Run makes a workshop's Nix the one that package nix runs.
func (w *workshop) Run(ctx context.Context, c nix.Call) (nix.Result, error) {
	cmd := w.nix.Command(ctx, realnix.Cmd{Args: c.Args, Env: append(w.env(), c.Env...), Dir: c.Dir})
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	failed := cmd.Run()
	r := nix.Result{Stdout: out.Bytes(), Stderr: err.Bytes()}
	var exit *exec.ExitError
	if errors.As(failed, &exit) && ctx.Err() == nil {
		r.Code, failed = exit.ExitCode(), nil
	}
	return r, failed
}

func TestTheScreensSayFreshOnlyWhileTheFlakeHasItsOutputs(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorkshop(t, real, bin)
		w.push("x86_64-linux.free", "aarch64-linux.free")
		w.says(0, []string{"lock", "--yes", "--system", "x86_64-linux,aarch64-linux", "./flake"}, "wrote ")
		a := &app{}
		n := &nix.Nix{Runner: w, StoreDir: w.inside + "/store", Root: strings.TrimSuffix(w.outside, w.inside)}
		f := tui.LockFile{Flake: trust.FlakeID{Path: w.inside + "/flake"}, Path: w.inside + "/flake/" + lockFile, Seen: true, Lock: w.lock("flake/" + lockFile)}
		c, err := a.checkWith(t.Context(), n, f)
		if err != nil || !c.Fresh(f.Lock) {
			t.Fatalf("of the lock as it was made: %+v, %v", c, err)
		}

		w.flake("2", "")
		c, err = a.checkWith(t.Context(), n, f)
		if err != nil || c.Fresh(f.Lock) || c.Changes.Count(lock.ClassOutputMoved) == 0 {
			t.Errorf("after the flake moved on: %+v, %v", c, err)
		}
		if older := c.Changes.Count(lock.ClassOutputMoved); older < 4 {
			t.Errorf("two outputs moved for each of two systems: %+v", c.Changes)
		}

		w.write(t, "flake/flake.nix", `{ outputs = _: throw "broken"; }`)
		if c, err = a.checkWith(t.Context(), n, f); err == nil && c.Fresh(f.Lock) {
			t.Error("a flake that does not evaluate is fresh")
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c, err = a.checkWith(ctx, n, f); err == nil || c.Fresh(lock.New()) {
			t.Errorf("a check that was stopped gave %+v, %v", c, err)
		}
	})
}

func TestAPipeInPlaceOfALockHoldsNobodyUp(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mkfifo", filepath.Join(dir, lockFile)).CombinedOutput(); err != nil {
		t.Skipf("no mkfifo: %v %s", err, out)
	}
	files, err := (&app{}).Locks(t.Context(), reportOf(dir))
	if err != nil || files[0].Lock != nil || files[0].Err == nil || !files[0].Seen {
		t.Errorf("%+v, %v", files, err)
	}
}
