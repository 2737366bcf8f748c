package demo

import (
	"context"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

func report(t *testing.T) *trust.Report {
	t.Helper()
	m, o := Machine()
	f := host.Look(context.Background(), m, o)
	if f.Daemon.State != trust.DaemonAnswered || f.Daemon.Trust != trust.Untrusted {
		t.Fatalf("the demo's daemon is %v and says %v: %s", f.Daemon.State, f.Daemon.Trust, f.Daemon.Err)
	}
	return trust.Decide(f)
}

// Every case that the demo is there to show, with the code that explains it.
func TestDemoShowsEveryCase(t *testing.T) {
	r := report(t)
	want := map[string]struct {
		state trust.CacheState
		code  trust.Code
	}{
		"comet":   {trust.StateIgnored, trust.CodeSubstituterUnlisted},
		"fern":    {trust.StateDenied, trust.CodeSavedNo},
		"harbor":  {trust.StateIgnored, trust.CodeNearMissURL},
		"lantern": {trust.StateAsks, trust.CodeNotAsked},
		"mosaic":  {trust.StateAsks, trust.CodeValueChanged},
		"orbit":   {trust.StateIgnored, trust.CodeAcceptFlag},
		"pebble":  {trust.StateUsable, trust.CodeKeyListed},
		"quarry":  {trust.StateWrongKey, trust.CodeKeyNameClash},
		"thicket": {trust.StateOff, trust.CodeNotLiteral},
		"notes":   {trust.StateNone, ""},
	}
	for _, f := range r.Flakes {
		name := f.ID.Path[strings.LastIndexByte(f.ID.Path, '/')+1:]
		w, ok := want[name]
		if !ok {
			t.Errorf("the demo has a flake nobody expects: %s", f.ID.Path)
			continue
		}
		delete(want, name)
		if f.State != w.state {
			t.Errorf("%s is %s, want %s", name, f.State, w.state)
		}
		found := w.code == "" || f.Rejected != nil && f.Rejected.Code == w.code
		for _, c := range f.Caches {
			for _, why := range c.Reasons {
				found = found || c.Claimed && why.Code == w.code
			}
		}
		if !found {
			t.Errorf("nothing of %s says %s", name, w.code)
		}
	}
	for name := range want {
		t.Errorf("the demo has no flake %s", name)
	}
	if first := r.Flakes[0]; first.Found[0] != "current folder" || len(first.Inputs) != 1 || len(first.Inputs[0].URLs) != 1 {
		t.Errorf("the first flake has to be the current folder's, with an input whose cache is never asked: %v, %+v", first.Found, first.Inputs)
	}
	codes := map[trust.Code]bool{}
	for _, f := range r.Findings {
		codes[f.Code] = true
	}
	for _, c := range []trust.Code{trust.CodeSkeletonKey, trust.CodeDangerous, trust.CodeSuspectText} {
		if !codes[c] {
			t.Errorf("the demo has no finding %s", c)
		}
	}
}
