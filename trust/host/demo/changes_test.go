package demo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

const demoAnswers = "/home/mira/.local/share/nix/trusted-settings.json"

func forgetting(t *testing.T, h *Host, setting, value string) trust.Plan {
	t.Helper()
	now, err := h.Read(demoAnswers)
	if err != nil {
		t.Fatal(err)
	}
	p, err := trust.PlanAnswers(trust.AnswersSource{Path: demoAnswers, State: now}, []trust.AnswerEdit{{Setting: setting, Value: value, Do: trust.AnswerForget}})
	if err != nil || p.Empty() {
		t.Fatalf("%+v, %v", p, err)
	}
	return p
}

func apply(t *testing.T, h *Host, p trust.Plan) int {
	t.Helper()
	n, err := h.Apply(p, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Undo of an older change keeps what was answered since, as it is on a real
// machine, and a plan that was made from something else is refused.
func TestChangesOfTheDemoAreComparedAndTakenBackOneByOne(t *testing.T) {
	h := New()
	start, err := h.Read(demoAnswers)
	if err != nil {
		t.Fatal(err)
	}
	first := forgetting(t, h, "accept-flake-config", "true")
	second := forgetting(t, h, "extra-substituters", "https://comet.cachix.org")
	one := apply(t, h, first)
	if _, err := h.Apply(second, time.Time{}); !errors.Is(err, ErrMoved) {
		t.Errorf("a plan from before another change: %v", err)
	}
	two := apply(t, h, forgetting(t, h, "extra-substituters", "https://comet.cachix.org"))
	back, err := h.Undo(one)
	if err != nil || back.Risk != trust.PlanSweeping {
		t.Fatalf("undo of the first: %v, %v", back.Risk, err)
	}
	apply(t, h, back)
	now, _ := h.Read(demoAnswers)
	if text := string(now.Data); !strings.Contains(text, "accept-flake-config") || strings.Contains(text, `"https://comet.cachix.org":`) {
		t.Errorf("after undoing the first of two: %s", text)
	}
	if _, err := h.Undo(one); err == nil {
		t.Error("what was taken back was taken back again")
	}
	if back, err = h.Undo(0); err != nil || back.Undoes != two {
		t.Fatalf("the latest is %d, %v; want %d", back.Undoes, err, two)
	}
	apply(t, h, back)
	if now, _ := h.Read(demoAnswers); string(now.Data) != strings.TrimSpace(string(start.Data)) { // it is written as Nix writes it
		t.Errorf("undoing both left %s", now.Data)
	}
	if _, err := h.Undo(0); err == nil {
		t.Error("there was something left to undo")
	}
	if other, _ := New().Read(demoAnswers); !other.Equal(start) {
		t.Error("one demo changed another")
	}
	for _, n := range []int{-1, 99} {
		if _, err := h.Undo(n); err == nil {
			t.Errorf("entry %d was taken back", n)
		}
	}
	for _, path := range []string{"relative", "/a/../b", ""} {
		if err := h.Put(trust.FileChange{Path: path, After: trust.FileState{Exists: true}}); err == nil {
			t.Errorf("%q was written", path)
		}
	}
}
