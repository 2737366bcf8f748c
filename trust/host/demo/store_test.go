package demo

import (
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

// What the demo's locks pin and its store has is the same, so that the one can be
// held against the other.
func TestTheStoreHasWhatTheLocksPin(t *testing.T) {
	m, _ := New().Machine()
	s, err := host.ReadStore(t.Context(), m, &trust.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	there := 0
	for _, l := range locked() {
		for p, pin := range l.now.Systems[linux].Paths {
			i, ok := s.Find(p)
			if !ok {
				continue
			}
			there++
			row := &s.Rows[i]
			if row.NarHash != pin.NAR || row.NarSize != pin.Size {
				t.Errorf("%s is %s of %d bytes, and the lock pins %s of %d", p, row.NarHash, row.NarSize, pin.NAR, pin.Size)
			}
			for _, ref := range pin.Refs {
				j, ok := s.Find(ref)
				if !ok || !slices.Contains(row.Refs, j) {
					t.Errorf("%s does not refer to %s, as the lock says", p, ref)
				}
			}
		}
	}
	if there < 15 {
		t.Errorf("the store has only %d of the pinned paths", there)
	}
}

func TestOnlyOneRowOfTheStoreIsDamaged(t *testing.T) {
	m, _ := New().Machine()
	s, err := host.ReadStore(t.Context(), m, &trust.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for i := range s.Rows {
		if s.Rows[i].Damage != "" {
			damaged++
		}
	}
	if damaged != 1 {
		t.Errorf("%d rows are damaged", damaged)
	}
	roots := host.StoreRoots(t.Context(), m, &trust.Facts{Nix: trust.Nix{StoreDir: "/nix/store", StateDir: "/nix/var/nix"}})
	for _, root := range roots.List {
		if _, ok := s.Find(root.Path); !ok {
			t.Errorf("%s leads to %s, which is not in the store", root.From, root.Path)
		}
	}
	if want := len(storeRoots()) + 1; len(roots.List) < want || !roots.Complete() {
		t.Errorf("%d roots, want %d; not seen: %q", len(roots.List), want, roots.Unseen)
	}
}
