package tui

import (
	"os"
	"slices"
	"testing"

	"github.com/charmbracelet/x/exp/golden"
)

func TestNoKeyDoesTwoThings(t *testing.T) {
	for _, together := range [][]scope{{everywhere, inLists, onLocks}, {everywhere, inTexts, onLocks}, {everywhere, inLists, onGrants}, {everywhere, inTexts, onGrants}, {everywhere, inLists, onCache, onCaches}, {everywhere, inTexts, onCache, onCaches}, {everywhere, inLists, onStore, inChanges}, {everywhere, inTexts, onStore, inChanges}, {inPopups}, {inQuestion}, {inInput}} {
		seen := map[string]string{}
		for _, b := range bindings() {
			if !slices.Contains(together, b.scope) {
				continue
			}
			for _, k := range b.Keys() {
				if other, twice := seen[k]; twice {
					t.Errorf("in %v, %s is for %q and for %q", together, k, other, b.Help().Desc)
				}
				seen[k] = b.Help().Desc
			}
		}
	}
}

func TestEveryBindingIsComplete(t *testing.T) {
	for _, b := range bindings() {
		if len(b.Keys()) == 0 || b.Help().Desc == "" || b.do == nil || !slices.Contains(scopes, b.scope) {
			t.Errorf("the binding of %v lacks something", b.Keys())
		}
		if b.brief != "" && b.rank == 0 {
			t.Errorf("%v is in the footer without a rank", b.Keys())
		}
	}
}

// TestKeyTableIsUpToDate compares docs/keys.md with the bindings. Run it with
// -update to write the file.
func TestKeyTableIsUpToDate(t *testing.T) {
	golden.RequireEqual(t, keyTable())
	want, err := os.ReadFile("../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != keyTable() {
		t.Error("docs/keys.md is out of date: cp tui/testdata/TestKeyTableIsUpToDate.golden docs/keys.md")
	}
}
