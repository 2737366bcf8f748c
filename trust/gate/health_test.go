package gate

import (
	"slices"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

func TestFailingCachesAreSkippedForLongerAndLonger(t *testing.T) {
	h := newHealth()
	s := grants.Served{Path: storePath(1), From: []lock.Cache{{URL: "a"}, {URL: "b"}}}
	now := noon
	want := func(why string, caches ...string) {
		t.Helper()
		if got := h.order(s, now); !slices.Equal(got, caches) {
			t.Errorf("%s: %v", why, got)
		}
	}
	want("at first", "a", "b")
	h.answered("a", 2*time.Second, noon)
	h.answered("b", time.Second, noon)
	want("the faster one first", "b", "a")
	for backoff := firstBackoff; backoff < mostBackoff; backoff *= 2 {
		began := now
		now = now.Add(time.Millisecond)
		for range 5 { // together
			h.failed("b", began, now)
		}
		now = now.Add(backoff - 1)
		want("it has failed", "a")
		now = now.Add(1)
		want("it gets another chance, as the last one", "a", "b")
	}
	for range 100 {
		h.failed("b", now, now)
		now = now.Add(mostBackoff)
	}
	want("never longer than the most", "a", "b")
	h.delivered("b", 1)
	want("it has delivered", "b", "a")
}

func TestAWrongAnswerCountsForItsPathAlone(t *testing.T) {
	h := newHealth()
	of := func(n int) grants.Served {
		return grants.Served{Path: storePath(n), From: []lock.Cache{{URL: "a"}}}
	}
	h.wronged("a", storePath(1), true, noon)
	if got := h.order(of(1), noon); len(got) != 0 {
		t.Error(got)
	}
	if got := h.order(of(2), noon); len(got) != 1 {
		t.Error(got)
	}
	if got := h.order(of(1), noon.Add(wrongBackoff)); len(got) != 1 {
		t.Error(got)
	}
	for n := range 3 * mostWrong {
		h.wronged("a", storePath(n), true, noon.Add(time.Duration(n)*time.Second))
	}
	if len(h.wrong) > mostWrong {
		t.Errorf("%d are kept", len(h.wrong))
	}
}

func TestABusyCacheIsNotTakenForADeadOne(t *testing.T) {
	h := newHealth()
	s := grants.Served{Path: storePath(1), From: []lock.Cache{{URL: "a"}}}
	h.answered("a", time.Second, noon.Add(time.Second))
	h.late("a", noon, noon.Add(2*time.Second))
	if got := h.order(s, noon.Add(2*time.Second)); len(got) != 1 {
		t.Error("it has answered another question meanwhile")
	}
	h.late("a", noon.Add(2*time.Second), noon.Add(4*time.Second))
	if got := h.order(s, noon.Add(4*time.Second)); len(got) != 0 {
		t.Error("it has answered nothing since")
	}
}
