package main

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// That a message of Nix can be left alone is said only where every cache that the
// flake asks for is of use, and one is so by a grant.
func TestCoveredIsNotSaidWhereACacheIsIgnored(t *testing.T) {
	flake := func(states ...trust.CacheState) *trust.FlakeReport {
		f := &trust.FlakeReport{}
		for _, s := range states {
			f.Caches = append(f.Caches, trust.CacheVerdict{State: s, Claimed: true})
		}
		return f
	}
	unclaimed := flake(trust.StateScoped)
	unclaimed.Caches[0].Claimed = false
	for name, c := range map[string]struct {
		flake *trust.FlakeReport
		want  bool
	}{
		"nothing":         {flake(), false},
		"granted":         {flake(trust.StateScoped), true},
		"granted, usable": {flake(trust.StateUsable, trust.StateScoped), true},
		"usable":          {flake(trust.StateUsable), false},
		"one unknown":     {flake(trust.StateScoped, trust.CacheState(0)), false},
		"unclaimed":       {unclaimed, false},
	} {
		if got := covered(c.flake); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A hint is a command that can be run as it stands.
func TestWhyAGrantMayNotBeUsedNamesWhatToRun(t *testing.T) {
	stale := granted{flake: "path:/src/a b", kept: "/state/locks/ab.cache-lock"}
	stale.State, stale.Grant.Offer = grants.Stale, "/src/a b/flake.cache-lock"
	none := granted{flake: "path:/src/comet"}
	none.State = grants.NotGranted
	far := granted{flake: "github:a/b"}
	far.State = grants.NotGranted
	for want, g := range map[string]granted{
		"`nix-trust lock diff /state/locks/ab.cache-lock '/src/a b/flake.cache-lock'`": stale,
		"`nix-trust grant '/src/a b'`":        stale,
		"`nix-trust review /src/comet`":       none,
		"make its lock with `nix-trust lock`": far,
	} {
		err := g.mayUse()
		p, ok := err.(*problem)
		if !ok || !strings.Contains(strings.Join(p.hints, "\n"), want) {
			t.Errorf("%s: %+v, want %s", g.flake, err, want)
		}
	}
}
