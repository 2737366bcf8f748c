package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/explain"
)

var _ tui.ProbeBackend = (*app)(nil)

// The demo's caches are servers that are really asked, and nothing of it is
// written down.
func TestTheDemoProbesItsOwnServers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	ctx := t.Context()
	a, _ := demoApp(t)
	t.Cleanup(func() {
		if err := a.endDemo(); err != nil {
			t.Error(err)
		}
	})
	r, err := a.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := a.Probes(ctx); err != nil || len(p.Results) > 0 || p.AtOnce != 25 || p.Unkept == "" {
		t.Fatalf("%+v %v", p, err)
	}
	g, err := a.demoGate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	q := tui.Complaint{Cache: "https://comet.cachix.org", Path: "a0000000000000000000000000000000-hello"}
	for _, f := range r.Flakes {
		if strings.HasSuffix(f.ID.Path, "/comet") {
			q.Flake = f.ID
		}
	}
	told, err := a.DiagnosisAsks(ctx, q)
	if err != nil || told.Paths != 1 || len(told.Hosts) != 1 || g.Asked() != 0 {
		t.Fatalf("%+v %v, and %d requests", told, err, g.Asked())
	}
	results, err := a.Probe(ctx, []string{"https://comet.cachix.org", "https://orbit.example", "https://fern.cachix.org", "https://comet.cachix.org"}, func(int, int) {})
	if err != nil || len(results) != 3 || g.Asked() < 9 {
		t.Fatalf("%+v %v after %d requests", results, err, g.Asked())
	}
	for i, want := range []probe.Outcome{probe.Reachable, probe.Unreachable, probe.NotACache} {
		if results[i].Outcome != want {
			t.Errorf("%s is %v, not %v: %s", results[i].URL, results[i].Outcome, want, results[i].Text)
		}
	}
	d, err := a.Diagnose(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(d.Lines(explain.Style{Width: 80, Fit: true}), "\n")
	if !strings.HasPrefix(lines, "It would not be used. ") || !strings.Contains(lines, "the daemon drops the cache") || !strings.Contains(lines, "absent  a0000000000000000000000000000000-hello") {
		t.Error(lines)
	}
	if p, err := a.Probes(ctx); err != nil || len(p.Results) != 3 {
		t.Errorf("%+v %v", p, err)
	}
	if r, err = a.Snapshot(ctx); err != nil || r.LastProbe("https://orbit.example").Reach != trust.Unreachable {
		t.Errorf("%+v %v", r.LastProbe("https://orbit.example"), err)
	}
	q.Flake = trust.FlakeID{Path: "/gone"}
	if _, err := a.Diagnose(ctx, q); err == nil {
		t.Error("a flake that is not there was diagnosed")
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("%v was written", entries)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := a.Probe(stopped, []string{"https://comet.cachix.org"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a probe that was stopped gave %v", err)
	}
}

// With --read-only the screens may ask, and write nothing.
func TestReadOnlyScreensKeepNoProbe(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	url, requests := probedCache(t, "StoreDir: /nix/store\nPriority: 41\n")
	for _, readOnly := range []bool{true, false} {
		requests.Store(0)
		a := &app{readOnly: readOnly}
		if _, err := a.Probe(t.Context(), []string{url}, nil); err != nil || requests.Load() == 0 {
			t.Fatal(err)
		}
		p, err := a.Probes(t.Context())
		if _, there := os.Stat(filepath.Join(dir, "nix-trust")); err != nil || (there == nil) == readOnly || (len(p.Results) > 0) == readOnly || (p.Unkept != "") != readOnly {
			t.Errorf("read-only %v: %+v %v", readOnly, p, err)
		}
	}
	// A view of somebody else, or of another machine, has none of ours.
	for _, a := range []*app{{root: "/"}, {user: "nobody"}} {
		if p, err := a.Probes(t.Context()); err != nil || len(p.Results) > 0 || p.Unkept == "" {
			t.Errorf("%+v %v", p, err)
		}
		f := &trust.Facts{}
		if a.lookAtProbes(f); len(f.Probes) > 0 {
			t.Errorf("%+v", f.Probes)
		}
	}
}

// Results are neither read from nor written into a folder of somebody else's, as
// a sudo that keeps HOME would.
func TestAFolderOfSomebodyElseKeepsNoProbe(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a folder of somebody else's")
	}
	dir := t.TempDir()
	a := &app{}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "deeper", "cache"))
	if a.probesFile() == "" {
		t.Fatal("there is no place in an own folder")
	}
	mine := filepath.Join(dir, "probes.json")
	if err := probe.WriteKept(mine, nil, []probe.Result{{URL: "https://a.example", At: time.Unix(1, 0)}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mine, 65534, 65534); err != nil {
		t.Skip(err)
	}
	if got, err := probe.ReadKept(mine); err == nil || len(got) > 0 {
		t.Errorf("somebody else's file was read: %+v", got)
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Skip(err)
	}
	if file := a.probesFile(); file != "" {
		t.Errorf("results would be kept in %s", file)
	}
}
