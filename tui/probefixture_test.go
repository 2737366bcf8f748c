package tui

import (
	"context"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// probeBackend answers with what a test put into it. calls has each request that
// would go to the network.
type probeBackend struct {
	backend
	probes    Probes
	probesErr error
	results   []probe.Result
	told      Told
	toldErr   error
	diagnosis Diagnosis
	err       error
	calls     []string
	hook      func(ctx context.Context) error // called by each request, nil for nothing
}

func (b *probeBackend) called(ctx context.Context, what string) error {
	b.calls = append(b.calls, what)
	if b.hook != nil {
		if err := b.hook(ctx); err != nil {
			return err
		}
	}
	return b.err
}

func (b *probeBackend) Probes(context.Context) (Probes, error) { return b.probes, b.probesErr }

func (b *probeBackend) Probe(ctx context.Context, urls []string, progress func(done, all int)) ([]probe.Result, error) {
	progress(1, len(urls))
	return b.results, b.called(ctx, "probe "+strings.Join(urls, " "))
}

func (b *probeBackend) DiagnosisAsks(context.Context, Complaint) (Told, error) {
	return b.told, b.toldErr
}

func (b *probeBackend) Diagnose(ctx context.Context, q Complaint) (Diagnosis, error) {
	return b.diagnosis, b.called(ctx, "diagnose "+q.Cache+" for "+q.Flake.Path+" "+q.Path)
}

// said is a diagnosis with these lines.
type said []string

func (s said) Lines(st explain.Style) []string { return s }

func probeFixture() *probeBackend {
	const ms = time.Millisecond
	fine := func(url string, ago time.Duration, priority int, miss time.Duration) probe.Result {
		return probe.Result{URL: url, At: clock.Add(-ago), Outcome: probe.Reachable, Effect: probe.Asks, Text: "It answers as a binary cache.", Priority: priority, Encrypted: true,
			Hit: probe.Latency{First: 5 * miss, Typical: miss * 9 / 10, Times: 4}, Miss: probe.Miss{Answer: probe.MissAbsent, Status: 404, Typical: miss}}
	}
	r := fixture()
	b := &probeBackend{
		backend: backend{report: r},
		probes: Probes{AtOnce: 25, Results: []probe.Result{
			fine("https://cache.nixos.org/", 2*time.Hour, 40, 14*ms),
			fine("https://cache.example.org/main", 3*24*time.Hour, 90, 420*ms),
			{URL: "https://hyprland.cachix.org", At: clock.Add(-5 * time.Minute), Outcome: probe.Unreachable, Effect: probe.Skips,
				Text: "The connection was refused. Nix tries for some seconds and goes on without it; when it remembers the cache's nix-cache-info, the build fails instead, unless fallback is on."},
			{URL: "https://nix-gaming.cachix.org", At: clock.Add(-200 * 24 * time.Hour), Outcome: probe.WrongStore, Effect: probe.Skips, Text: "Its store is /gnu/store" + evilText},
			{URL: "https://numtide.cachix.org", At: clock.Add(-time.Hour), Outcome: probe.Reachable, Effect: probe.Stops, Text: "Priority is \"high" + evilText + "\", not a number, and Nix fails on that."},
		}},
		told: Told{Hosts: []string{"hyprland.cachix.org"}, Paths: 2},
		diagnosis: said{"It would not be used. The daemon drops it.", "First: Grant the flake.", "", "✗ ignored https://hyprland.cachix.org",
			"  because the daemon drops the cache", "", "reachable  https://hyprland.cachix.org", "    It answers as a binary cache."},
	}
	b.results = []probe.Result{fine("https://cache.nixos.org/", 0, 40, 12*ms), {URL: "https://cache.example.org/main", At: clock, Outcome: probe.Forbidden, Effect: probe.Skips, Text: "It wants credentials (401)."}}
	facts := map[string]trust.Probed{
		"https://cache.nixos.org/":    {At: clock.Add(-2 * time.Hour), Reach: trust.Reachable, Asked: trust.Pass},
		"https://hyprland.cachix.org": {At: clock.Add(-5 * time.Minute), Reach: trust.Unreachable, Asked: trust.Fail},
	}
	for i := range r.Caches {
		r.Caches[i].Probed = facts[r.Caches[i].URL]
	}
	for i := range r.Flakes {
		for j := range r.Flakes[i].Caches {
			r.Flakes[i].Caches[j].Probed = facts[r.Flakes[i].Caches[j].URL]
		}
	}
	return b
}
