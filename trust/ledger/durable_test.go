package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
)

func file(text string) trust.FileState {
	return trust.FileState{Exists: true, Data: []byte(text), Mode: 0o600}
}

// change is the change of a file from what it is now.
func change(t *testing.T, path string, after trust.FileState) trust.FileChange {
	t.Helper()
	now, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return trust.FileChange{Path: path, Before: now, After: after, Form: trust.FormText}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// holds compares a file with a text; "-" is no file.
func holds(t *testing.T, path, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && want == "-":
	case err != nil:
		t.Errorf("%s: %v, want %q", path, err, want)
	case string(data) != want:
		t.Errorf("%s has %q, want %q", path, data, want)
	}
}

// alone fails when something other than the named files is in the folder.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s has %v, want %v", dir, got, names)
	}
}

func TestReplaceKeepsModeOwnerAndLink(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	link := filepath.Join(dir, "link")
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o640, 0o755} {
		write(t, real, "old", mode)
		uid, gid := os.Geteuid(), os.Getegid()
		if uid == 0 {
			uid, gid = 4321, 1234
			if err := os.Chown(real, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		os.Remove(link)
		if err := os.Symlink("real", link); err != nil {
			t.Fatal(err)
		}
		if err := Replace(context.Background(), link, trust.DigestOf([]byte("old")), []byte("new")); err != nil {
			t.Fatal(err)
		}
		holds(t, real, "new")
		if to, err := os.Readlink(link); err != nil || to != "real" {
			t.Errorf("the link became %q, %v", to, err)
		}
		info, err := os.Stat(real)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("mode %v became %v", mode, info.Mode())
		}
		if u, g := owner(info); u != uid || g != gid {
			t.Errorf("owner %d:%d became %d:%d", uid, gid, u, g)
		}
		alone(t, dir, "link", "real")
	}
}

func TestApplyRefusesAFileThatMovedOn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	steps := map[string]func(){
		"changed": func() { write(t, path, "another", 0o600) },
		"gone":    func() { os.Remove(path) },
		"folder":  func() { os.Remove(path); os.Mkdir(path, 0o700) },
	}
	for name, move := range steps {
		os.RemoveAll(path)
		write(t, path, "old", 0o600)
		c := change(t, path, file("new"))
		move()
		err := Writer{}.Apply(context.Background(), []trust.FileChange{c})
		if want := ErrMoved; name != "folder" && !errors.Is(err, want) || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	os.RemoveAll(path)
	c := change(t, path, file("new"))
	write(t, path, "", 0o600)
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{c}); !errors.Is(err, ErrMoved) {
		t.Errorf("an empty file that came up was taken for none: %v", err)
	}
	holds(t, path, "")
	alone(t, dir, "f")
}

func TestTheStoreIsNeverWritten(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "somewhere", "store")
	generated := filepath.Join(store, "0123456789abcdfghijklmnpqrsvwxyz-home-files")
	if err := os.MkdirAll(generated, 0o700); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(generated, "trusted-settings.json")
	write(t, target, "{}", 0o644)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(home, "link")
	for _, l := range [][2]string{{target, link}, {generated, filepath.Join(home, "folder")}, {"link", filepath.Join(home, "link2")}} {
		if err := os.Symlink(l[0], l[1]); err != nil {
			t.Fatal(err)
		}
	}
	custom := filepath.Join(dir, "custom")
	if err := os.Mkdir(custom, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(custom, "x"), "{}", 0o644)
	for _, path := range []string{target, link, filepath.Join(home, "link2"), filepath.Join(home, "folder/trusted-settings.json"), filepath.Join(custom, "x")} {
		err := Writer{Stores: []string{custom}}.Apply(context.Background(), []trust.FileChange{change(t, path, file("new"))})
		var e *Error
		if !errors.Is(err, ErrRefused) || !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v, want a refusal with a hint", path, err)
		}
		holds(t, path, "{}")
	}
	// A new file in the store neither.
	c := trust.FileChange{Path: filepath.Join(home, "folder/new/x"), After: file("x"), Parents: true}
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{c}); !errors.Is(err, ErrRefused) {
		t.Errorf("a new file in the store: %v", err)
	}
	alone(t, generated, "trusted-settings.json")
	// A link through the store to the user's own file is the user's to change.
	own := filepath.Join(home, "own")
	write(t, own, "mine", 0o600)
	if err := os.Symlink(own, filepath.Join(generated, "out")); err != nil {
		t.Fatal(err)
	}
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{change(t, filepath.Join(home, "folder/out"), file("new"))}); err != nil {
		t.Error(err)
	}
	holds(t, own, "new")
}

func TestWhatIsNoPlainFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "dangling")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", socket); err != nil {
		t.Fatal(err)
	}
	readonly := filepath.Join(dir, "readonly")
	write(t, readonly, "x", 0o444)
	for _, path := range []string{pipe, socket, dir, "/dev/null", readonly, filepath.Join(dir, "no/such/folder"), filepath.Join(readonly, "below")} {
		c := trust.FileChange{Path: path, After: file("new")}
		if path == readonly {
			c = change(t, path, file("new"))
		}
		err := Writer{}.Apply(context.Background(), []trust.FileChange{c})
		var e *Error
		if !errors.Is(err, ErrRefused) || !errors.As(err, &e) || !strings.HasPrefix(e.Error(), path+": ") {
			t.Errorf("%s: %v, want a refusal that names it", path, err)
		}
	}
	holds(t, readonly, "x")
}

func TestParentsAreMadeForTheOwnerAloneAndOnlyWhenAsked(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 4321, 1234); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "a/b/f")
	c := trust.FileChange{Path: path, After: file("new")}
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{c}); !errors.Is(err, ErrRefused) {
		t.Errorf("folders were made unasked: %v", err)
	}
	alone(t, dir)
	c.Parents = true
	fail := Writer{step: func(s string) error {
		if s == "sync" {
			return syscall.ENOSPC
		}
		return nil
	}}
	if err := fail.Apply(context.Background(), []trust.FileChange{c}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	alone(t, dir)
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{c}); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	for at, want := range map[string]fs.FileMode{"a": 0o700, "a/b": 0o700, "a/b/f": 0o600} {
		info, err := os.Stat(filepath.Join(dir, at))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", at, info.Mode().Perm(), want)
		}
		if uid, gid := owner(info); os.Geteuid() == 0 && (uid != 4321 || gid != 1234) {
			t.Errorf("%s belongs to %d:%d, so its user could not change it", at, uid, gid)
		}
	}
}

// Every step may fail. Then all files are as they were, and nothing is left.
func TestAFailureAtAnyStepChangesNothing(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("renames-only-%t", plain), func(t *testing.T) { changesNothing(t, plain) })
	}
}

func changesNothing(t *testing.T, plain bool) {
	for _, kind := range []string{"replace", "make", "remove"} {
		for _, fault := range []error{syscall.ENOSPC, syscall.EACCES} {
			seen := map[string]bool{}
			for n := 0; ; n++ {
				dir := t.TempDir()
				a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
				write(t, a, "old a", 0o640)
				want := "-"
				after := file("new")
				if kind != "make" {
					write(t, b, "old b", 0o600)
					want = "old b"
				}
				if kind == "remove" {
					after = trust.FileState{}
				}
				at, failed := 0, ""
				w := Writer{noExchange: plain, step: func(name string) error {
					if name == "remove" || name == "unlock" {
						return nil // cleaning up afterwards
					}
					if at++; at == n+1 {
						failed = name
						return fault
					}
					return nil
				}}
				err := w.Apply(context.Background(), []trust.FileChange{change(t, a, file("new a")), change(t, b, after)})
				if failed == "" {
					if err != nil {
						t.Fatalf("%s without a fault: %v", kind, err)
					}
					break
				}
				seen[failed] = true
				var e *Error
				if !errors.As(err, &e) || !errors.Is(err, fault) || strings.Contains(e.Text, "errno") {
					t.Errorf("%s, %v at %s (%d): %v", kind, fault, failed, n, err)
				}
				holds(t, a, "old a")
				holds(t, b, want)
				names := []string{"a", "b"}
				if kind == "make" {
					names = names[:1]
				}
				alone(t, dir, names...)
				if info, err := os.Stat(a); err != nil || info.Mode().Perm() != 0o640 {
					t.Errorf("the mode became %v, %v", info.Mode(), err)
				}
			}
			for _, s := range []string{"open", "lock", "read", "create", "write", "owner", "attributes", "mode", "sync", "close", "swap", "syncdir"} {
				if !seen[s] {
					t.Errorf("%s: no fault was tried at %s", kind, s)
				}
			}
		}
	}
}

func TestALockThatIsNoFileIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "old", 0o600)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, ".f.nix-trust-lock")); err != nil {
		t.Fatal(err)
	}
	err := Writer{}.Apply(context.Background(), []trust.FileChange{change(t, path, file("new"))})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	holds(t, path, "old")
	// What stands in the new file's place is removed, never written through.
	os.Remove(filepath.Join(dir, ".f.nix-trust-lock"))
	other := filepath.Join(dir, "other")
	write(t, other, "other", 0o600)
	if err := os.Symlink("other", filepath.Join(dir, ".f.nix-trust-new")); err != nil {
		t.Fatal(err)
	}
	if err := (Writer{}).Apply(context.Background(), []trust.FileChange{change(t, path, file("new"))}); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	holds(t, other, "other")
}

func TestTheSameFileTwiceIsRefused(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "l")
	write(t, path, "old", 0o600)
	if err := os.Symlink("f", link); err != nil {
		t.Fatal(err)
	}
	err := Writer{}.Apply(context.Background(), []trust.FileChange{change(t, path, file("1")), change(t, link, file("2"))})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	holds(t, path, "old")
}
