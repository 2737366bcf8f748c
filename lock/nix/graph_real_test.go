package nix

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// layered has derivations in layers, with sources, a fixed output, several
// outputs, and text that has to be escaped.
const layered = `{ outputs = _: let
	mk = ` + drv + `;
	layer = below: n: mk "layer${toString n}" { outputs = [ "out" "dev" ]; args = [ ./flake.nix ]; text = "a \"b\" \\ \n\r\t ü ${"$"}{x}"; below = below.dev or below; also = "${below}"; };
	fixed = mk "fixed" { outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashAlgo = "sha256"; outputHashMode = "flat"; };
in { packages.x86_64-linux.top = builtins.foldl' layer fixed (builtins.genList (i: i) 41); packages.aarch64-linux.top = mk "arm" { system = "aarch64-linux"; }; }; }`

func TestGraphIsAllThatNixWouldBuildFrom(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("f/flake.nix", layered)
		o := w.outputs("path:"+w.dir+"/f", OutputOptions{})
		g, err := w.Graph(t.Context(), o.Derivations())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for drv := range g {
			got = append(got, drv.In("/nix/store"))
		}
		for _, src := range g.Sources() {
			got = append(got, src.In("/nix/store"))
		}
		slices.Sort(got)
		want := strings.Fields(w.sh("nix-store -qR " + o.Derivations()[0].In("/nix/store")))
		slices.Sort(want)
		if !slices.Equal(got, want) || len(g) != 42 {
			t.Errorf("%d derivations\ngot  %v\nwant %v", len(g), got, want)
		}
		for drv, d := range g {
			outs := strings.Fields(w.sh("nix-store -q --outputs " + drv.In("/nix/store")))
			if len(outs) != len(d.Outputs) || d.Fixed != (d.Name == "fixed") || d.System != "x86_64-linux" || d.Name+".drv" != drv.Name() {
				t.Errorf("%s: %+v, and Nix has the outputs %v", drv, d, outs)
			}
			for _, p := range d.Outputs {
				if !slices.Contains(outs, p.In("/nix/store")) {
					t.Errorf("%s: %s is not one of %v", drv, p, outs)
				}
			}
			if d.Name == "layer3" {
				break // one of them is enough: this runs Nix each time
			}
		}
	})
}

func TestEvaluatingForAnotherSystemLeavesItsDerivations(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("f/flake.nix", layered)
		o, err := w.Outputs(t.Context(), w.source("path:"+w.dir+"/f"), "aarch64-linux", OutputOptions{})
		if err != nil || len(o.Outputs) != 1 {
			t.Fatal(o, err)
		}
		g, err := w.Graph(t.Context(), o.Derivations())
		if err != nil || g[o.Outputs[0].Derivation].System != "aarch64-linux" {
			t.Error(g, err)
		}
		if _, err := os.Lstat(real.Root + o.Outputs[0].Path.In("/nix/store")); err == nil {
			t.Error("it was built")
		}
	})
}

// Through a daemon and as a user whom it does not trust, in a store of another
// folder.
func TestOutputsForAUserWithoutRights(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		s, n := newRealStore(t, real)
		ctx, cancel := context.WithCancel(context.Background())
		daemon := real.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: s.env})
		daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cancel(); daemon.Wait() }()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(s.outside, "socket")); err == nil || time.Now().After(end) {
				break
			}
		}
		for _, dir := range []string{"home", "f"} {
			if err := os.Mkdir(filepath.Join(s.outside, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(filepath.Join(s.outside, "home"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.outside, "f/flake.nix"), []byte(layered), 0o644); err != nil {
			t.Fatal(err)
		}
		s.uid, s.env = 65534, append(s.env, "NIX_REMOTE=daemon")
		src, err := n.Source(t.Context(), "path:/tmp/"+filepath.Base(s.outside)+"/f")
		if err != nil {
			t.Fatal(err)
		}
		o, err := n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
		if err != nil || len(o.Outputs) != 2 || len(o.Failures) != 0 {
			t.Fatal(o, err)
		}
		g, err := n.Graph(t.Context(), o.Derivations())
		if err != nil || len(g) != 42 {
			t.Error(len(g), err)
		}
	})
}

func TestGraphSaysWhichDerivationIsMissing(t *testing.T) {
	t.Parallel()
	n := &Nix{Root: t.TempDir()}
	drv := lock.StorePath("00000000000000000000000000000000-none.drv")
	if _, err := n.Graph(t.Context(), []lock.StorePath{drv}); err == nil || !strings.Contains(err.Error(), string(drv)) {
		t.Error(err)
	}
}
