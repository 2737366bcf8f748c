package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/smalldisk"
)

func init() {
	children["full"] = func(args []string) int {
		return smalldisk.Child(args[0], func() error { return whenFull(args[0]) })
	}
}

func TestAFullDiskChangesNothing(t *testing.T) {
	smalldisk.Run(t, child(t, 0, "full", t.TempDir()))
}

func whenFull(dir string) error {
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		return err
	}
	big := make([]byte, 1<<20)
	for _, p := range []struct {
		what  string
		apply func() error
	}{
		{"replace", func() error { return Replace(context.Background(), path, trust.DigestOf([]byte("old")), big) }},
		{"make", func() error { return Replace(context.Background(), path+"2", trust.Digest{}, big) }},
		{"journal", func() error {
			_, err := Journal{Dir: filepath.Join(dir, "state")}.Apply(context.Background(), trust.Plan{
				Steps: []trust.FileChange{{Path: path, Before: file("old"), After: trust.FileState{Exists: true, Data: big}}},
			})
			return err
		}},
	} {
		err := p.apply()
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "no room left") {
			return fmt.Errorf("%s: %w", p.what, err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "old" {
		return fmt.Errorf("the file is %q, %v", data, err)
	}
	// With room again, all goes on.
	if _, err := (Journal{Dir: filepath.Join(dir, "state")}).Apply(context.Background(), planOf(dir, "replace")); err != nil {
		return err
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return err
	}
	err = Replace(context.Background(), path, trust.DigestOf([]byte("new")), []byte("x"))
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("read-only: %w", err)
	}
	return nil
}
