package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
)

func TestSpansAreSaidForAPerson(t *testing.T) {
	for in, want := range map[time.Duration]string{-time.Hour: "still to come", 0: "just now", 90 * time.Minute: "1 h ago", 72 * time.Hour: "3 days ago", 5 * time.Minute: "5 min ago"} {
		if got := Age(in); !strings.Contains(got, want) {
			t.Errorf("%v: %s", in, got)
		}
	}
	if got := Span(1234 * time.Microsecond); got != "1.2 ms" {
		t.Error(got)
	}
}

// Only what answers as a cache that Nix asks looks fine.
func TestAProbeLooksFineOnlyWhenNixAsksTheCache(t *testing.T) {
	g := Unicode()
	for _, o := range []probe.Outcome{probe.Unknown, probe.Reachable, probe.Unreachable, probe.WrongStore, probe.NotACache, probe.Forbidden} {
		for _, e := range []probe.Effect{probe.EffectUnknown, probe.Asks, probe.Skips, probe.Stops} {
			m := ProbeMark(probe.Result{Outcome: o, Effect: e}, g)
			if fine := o == probe.Reachable && e == probe.Asks; (m.Glyph == g.Good) != fine || (m.Role == Good) != fine {
				t.Errorf("%v %v: %+v", o, e, m)
			}
		}
	}
	if m := ProbeMark(probe.Result{}, g); m.Glyph != g.Unsure {
		t.Errorf("a probe that was not made: %+v", m)
	}
}

// A probe is told with its age beside a verdict, which stays as it is.
func TestAVerdictIsToldWithTheAgeOfItsProbe(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := trust.CacheVerdict{URL: "https://a.example", State: trust.StateUsable}
	plain := strings.Join(Cache(v, Style{Now: now}), "\n")
	for _, c := range []struct {
		p    trust.Probed
		now  time.Time
		want string
	}{
		{trust.Probed{Reach: trust.Unreachable, Asked: trust.Fail, At: now.Add(-2 * time.Hour)}, now, "probed 2 h ago: unreachable"},
		{trust.Probed{Reach: trust.Reachable, Asked: trust.Pass, At: now.Add(-72 * time.Hour)}, now, "probed 3 days ago, which is old: reachable"},
		{trust.Probed{Reach: trust.Reachable, Asked: trust.Fail, Stops: true, At: now}, now, "probed just now: reachable, and Nix fails because of what it says"},
		{trust.Probed{Reach: trust.Reachable, Asked: trust.Fail, At: now}, now, "reachable, and Nix goes on without it"},
		{trust.Probed{Reach: trust.Reachable, At: now}, now, "what Nix makes of it is not known"},
		{trust.Probed{Reach: trust.ReachUnknown, At: now}, now, "could not be determined"},
		{trust.Probed{Reach: trust.WrongStore, At: now.Add(time.Hour)}, now, "still to come, which is old: wrong-store"},
		{trust.Probed{Reach: trust.Reachable, Asked: trust.Pass, At: now}, time.Time{}, "probed on 2026-03-01: reachable"},
	} {
		v.Probed = c.p
		got := strings.Join(Cache(v, Style{Now: c.now}), "\n")
		if !strings.Contains(got, c.want) || !strings.HasPrefix(got, "[ok] usable") {
			t.Errorf("%+v: %s", c.p, got)
		}
		if head, _, _ := strings.Cut(got, "\n"); !strings.HasPrefix(plain, head+"\n") {
			t.Errorf("the headline changed: %s", got)
		}
	}
	if strings.Contains(plain, "probed") {
		t.Errorf("one that was not probed: %s", plain)
	}
}
