package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust"
)

// A disk of 64 KiB, in a mount namespace of the child's own.
func TestAFullDiskChangesNothing(t *testing.T) {
	cmd := child(t, 0, "full", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) || strings.HasPrefix(string(out), "skip") {
		t.Skipf("no mounts here: %v %s", err, out)
	}
	if err != nil || string(out) != "fine\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// fullDisk fails in words: full DIR.
func fullDisk(args []string) int {
	dir := args[0]
	for _, err := range []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"),
	} {
		if err != nil {
			fmt.Println("skip:", err)
			return 1
		}
	}
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		fmt.Println(err)
		return 1
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
			fmt.Println(p.what, err)
			return 1
		}
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "old" {
		fmt.Printf("the file is %q, %v\n", data, err)
		return 1
	}
	// With room again, all goes on.
	if _, err := (Journal{Dir: filepath.Join(dir, "state")}).Apply(context.Background(), planOf(dir, "replace")); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		fmt.Println(err)
		return 1
	}
	err = Replace(context.Background(), path, trust.DigestOf([]byte("new")), []byte("x"))
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "read-only") {
		fmt.Println("read-only:", err)
		return 1
	}
	fmt.Println("fine")
	return 0
}

func init() { children["full"] = fullDisk }
