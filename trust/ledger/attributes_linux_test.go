package ledger

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust"
)

// An access list that lets one other user read, on a file whose group may not:
// without the list the mode 0640 would let the group in.
func TestReplaceKeepsAccessListsAndAttributes(t *testing.T) {
	acl := []byte{
		2, 0, 0, 0, // version
		0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, // user::rw-
		0x02, 0, 4, 0, 0xe1, 0x10, 0, 0, // user:4321:r--
		0x04, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, // group::---
		0x10, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, // mask::r--
		0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, // other::---
	}
	const list, note = "system.posix_acl_access", "user.note"
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "old", 0o600)
	for name, value := range map[string][]byte{list: acl, note: []byte("mine")} {
		if err := unix.Setxattr(path, name, value, 0); err != nil {
			t.Skipf("this file system has no %s: %v", name, err)
		}
	}
	if err := Replace(context.Background(), path, trust.DigestOf([]byte("old")), []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	for name, want := range map[string][]byte{list: acl, note: []byte("mine")} {
		got := make([]byte, 1024)
		n, err := unix.Getxattr(path, name, got)
		if err != nil || !bytes.Equal(got[:n], want) {
			t.Errorf("%s is %x, %v; want %x", name, got[:max(n, 0)], err, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v, %v", info.Mode(), err)
	}
}
