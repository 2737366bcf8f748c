package markdown

import (
	"testing"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

func TestAStrangersTextHasNoMeaning(t *testing.T) {
	for text, want := range map[string]string{
		"It is fine (really).":   "It is fine (really).",
		"ask @you":               "ask `@you`",
		"see https://x.example.": "see `https://x.example`.",
		"1. not a list":          "`1.` not a list",
		"2) not one, 3. either":  "`2)` not one, 3. either",
		"a `b` c":                "a `` `b` `` c",
		"":                       "",
	} {
		if got := Sentence(safetext.Line(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := Cell(Code(safetext.Line("a|b"))); got != "`a\\|b`" {
		t.Error(got)
	}
}

func TestABlockEndsWhereItIsMeantTo(t *testing.T) {
	got := Block([]safetext.S{safetext.Line("```"), safetext.Line("x")}, "  ")
	if want := "  ````\n  ```\n  x\n  ````\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
