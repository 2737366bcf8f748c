package ledger

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
)

// The gate of the machine is another user than root, and reads what root has
// accepted. Nobody else reads the journal, which has all that was ever changed.
func TestWhatRootAcceptsCanBeReadAndItsJournalCannot(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	state := filepath.Join(t.TempDir(), "state")
	kept := filepath.Join(state, "locks/digest.cache-lock")
	change := trust.FileChange{Path: kept, After: trust.FileState{Exists: true, Data: []byte("a lock"), Mode: 0o644}, Parents: true}
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{change}); err != nil {
		t.Fatal(err)
	}
	folders, locks := fs.FileMode(0o700), fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		folders, locks = 0o711, 0o755
	}
	for path, want := range map[string]fs.FileMode{state: folders, filepath.Dir(kept): locks, kept: 0o644} {
		mode(t, path, want)
	}

	d := newDesk(t)
	d.j.Dir, d.j.Shared = state, true
	d.set(file("secret"), trust.FormText)
	mode(t, state, 0o711)
	mode(t, d.j.Path(), 0o600)
	// Made before it was shared, or tightened since: what it held stays as it is.
	for _, step := range [][2]fs.FileMode{{0o700, 0o711}, {0o750, 0o751}, {0o755, 0o755}} {
		if err := os.Chmod(state, step[0]); err != nil {
			t.Fatal(err)
		}
		d.set(file("secret"+step[0].String()), trust.FormText)
		mode(t, state, step[1])
		mode(t, d.j.Path(), 0o600)
	}
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
	}
}
