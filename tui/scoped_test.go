package tui

import (
	"testing"

	"github.com/nix-trust/nix-trust/trust"
)

// A cache that pinned paths come from is told apart from one that is trusted, and
// one that only a grant names from those that are in use for every flake.
func TestScopedCachesAreShownAsTheFlakesOwn(t *testing.T) {
	r := fixture()
	f := &r.Flakes[0]
	for i := range r.Flakes {
		if isHere(r.Flakes[i]) {
			f = &r.Flakes[i]
		}
	}
	g := &trust.Granted{Flake: f.ID, State: trust.GrantActive, Paths: 12}
	why := trust.Reason{
		Code: trust.CodeGranted, Outcome: trust.Pass, Text: "12 pinned paths come through the gate. Nothing else of this cache is trusted.",
		Fixes: []trust.Fix{{Title: "Bring the pinned paths into the store", Command: "nix-trust fetch /here"}},
	}
	f.Caches[0].State, f.Caches[0].Grant, f.Caches[0].Reasons = trust.StateScoped, g, []trust.Reason{why}
	f.Caches = append(f.Caches, trust.CacheVerdict{URL: "https://inputs.example", State: trust.StateScoped, Grant: g, Reasons: []trust.Reason{why}})
	f.State = trust.StateScoped
	for i := range r.Caches {
		if r.Caches[i].URL == f.Caches[0].URL {
			r.Caches[i].State, r.Caches[i].Granted = trust.StateOff, []int{0}
		}
	}
	d := drive(t, 120, 40, Options{Backend: &backend{report: r}})
	d.expect("✓ scoped", "Caches it asks for", "Caches that a grant names for it", "https://inputs.example", "Caches in use for every flake")
	d.press("enter", "enter").expect("because a grant covers it", "only pinned paths come, through the gate", "12 pinned paths come through the gate.", "nix-trust fetch /here")
	d.press("esc", "esc", "2").expect("1 granted").expectNot("✓ scoped")
}
