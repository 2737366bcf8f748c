package host

import (
	"context"
	"runtime"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host/hosttest"
)

func TestLookFindsEveryFlakeInputAndAnswer(t *testing.T) {
	size := hosttest.Size{Flakes: 20, Inputs: 60, Answers: 30}
	root := t.TempDir()
	cwd, err := hosttest.Write(root, size)
	if err != nil {
		t.Fatal(err)
	}
	f := Look(context.Background(), Real(root), Options{Root: root, Cwd: cwd})
	if len(f.Flakes) != size.Flakes {
		t.Errorf("%d flakes, want %d", len(f.Flakes), size.Flakes)
	}
	inputs := 0
	for _, fl := range f.Flakes {
		if fl.Err != "" || fl.LockErr != "" {
			t.Errorf("%s: %s%s", fl.ID.Ref, fl.Err, fl.LockErr)
		}
		for _, in := range fl.Inputs {
			inputs++
			if !in.Present || in.StorePath == "" {
				t.Errorf("%s: its input %s is not present at %q", fl.ID.Ref, in.Name, in.StorePath)
			}
		}
	}
	if inputs != size.Inputs {
		t.Errorf("%d inputs, want %d", inputs, size.Inputs)
	}
	if got := f.Flakes[0].Found; len(got) != 2 || got[0] != "current folder" {
		t.Errorf("the first flake was found by %q", got)
	}
	if f.User.Name != hosttest.User || f.Nix.Version.String() != "2.26.3" {
		t.Errorf("user %q, Nix %v", f.User.Name, f.Nix.Version)
	}
	if got := len(f.Answers.Answers["extra-substituters"]); got != size.Answers {
		t.Errorf("%d answers, want %d", got, size.Answers)
	}
	if len(f.Notes) != 0 {
		t.Errorf("notes on a root where everything can be read: %q", f.Notes)
	}
}

// A machine without anything is all unknown, and nothing of it is fine.
func TestNothingToSeeLeavesEverythingUnknown(t *testing.T) {
	for name, m := range map[string]*Machine{
		"empty root":   Real(t.TempDir()),
		"missing root": Real(t.TempDir() + "/nowhere"),
	} {
		t.Run(name, func(t *testing.T) {
			f := Look(context.Background(), m, Options{User: "ghost", Cwd: "/x", Flake: "/y"})
			if f.Daemon.State != trust.DaemonNotAsked || f.Daemon.Trust != trust.TrustUnknown {
				t.Errorf("daemon %v, trust %v", f.Daemon.State, f.Daemon.Trust)
			}
			if f.Nix.Store == trust.StoreDaemon || f.Nix.Store == trust.StoreLocal {
				t.Errorf("store %v: %s", f.Nix.Store, f.Nix.StoreWhy)
			}
			if f.Client == nil || f.System == nil {
				t.Error("a configuration is missing")
			}
			if len(f.Notes) == 0 {
				t.Error("nothing is said about what could not be seen")
			}
		})
	}
}

func BenchmarkLook(b *testing.B) {
	root := b.TempDir()
	cwd, err := hosttest.Write(root, hosttest.Usual)
	if err != nil {
		b.Fatal(err)
	}
	for name, m := range map[string]func() *Machine{
		"root": func() *Machine { return Real(root) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := Look(context.Background(), m(), Options{Cwd: cwd})
				if len(f.Flakes) != hosttest.Usual.Flakes {
					b.Fatal(len(f.Flakes))
				}
			}
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			b.ReportMetric(float64(ms.HeapSys)/(1<<20), "MiB-heap")
		})
	}
}
