package nix

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that cannot be read must not count as one that is empty or absent.
func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	for mode, readable := range map[fs.FileMode]bool{0o644: true, 0o000: false} {
		n := local(t, func(at string) error { return os.WriteFile(at, []byte("secret"), mode) })
		for dir := n.Root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := hashAsNobody(n)
		if readable && err != nil || !readable && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("mode %03o: %v", mode, err)
		}
	}
}

// hashAsNobody takes root's rights to files away from this thread while it
// hashes. The thread is not used again: it ends with the goroutine.
func hashAsNobody(n *Nix) (hash any, size int64, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread()
			if _, err = unix.SetfsuidRetUid(65534); err != nil {
				return
			}
		}
		hash, size, err = n.Hash(context.Background(), dumped)
	}()
	<-done
	return hash, size, err
}
