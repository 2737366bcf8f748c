package ledger

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
)

func TestAnEntryIsReadBackAsItWasMade(t *testing.T) {
	dir := t.TempDir()
	j := Journal{Dir: dir}
	if _, err := j.Plan(1); err == nil || !strings.Contains(err.Error(), "no entry 1") {
		t.Errorf("without a journal: %v", err)
	}
	made := trust.Plan{Summary: "Make it", Risk: trust.PlanNeutral, Steps: []trust.FileChange{{
		Path: filepath.Join(dir, "file"), After: trust.FileState{Exists: true, Data: []byte("a\xffb\n"), Mode: 0o600}, Form: trust.FormText,
	}}}
	n, err := j.Apply(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Plan(n)
	if err != nil || got.Digest() != made.Digest() || got.Summary != made.Summary {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := j.Plan(n + 1); err == nil {
		t.Error("an entry that is not there was read")
	}
}
