package host

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// forbidden is a file system of which this user may not search some folders.
type forbidden struct {
	Files
	folders []string
}

func (f forbidden) deny(p string) error {
	for _, folder := range f.folders {
		if strings.HasPrefix(p, folder+"/") {
			return &fs.PathError{Op: "open", Path: p, Err: fs.ErrPermission}
		}
	}
	return nil
}

func (f forbidden) ReadFile(p string) ([]byte, error) {
	if err := f.deny(p); err != nil {
		return nil, err
	}
	return f.Files.ReadFile(p)
}

func (f forbidden) Exists(p string) (bool, error) {
	if err := f.deny(p); err != nil {
		return false, err
	}
	return f.Files.Exists(p)
}

func (f forbidden) Stat(p string) (fs.FileInfo, error) {
	if err := f.deny(p); err != nil {
		return nil, err
	}
	return f.Files.Stat(p)
}

func (f forbidden) Resolve(p string) (string, error) {
	if err := f.deny(p); err != nil {
		return "", err
	}
	return f.Files.Resolve(p)
}

func (f forbidden) ReadDir(p string, limit int) ([]fs.DirEntry, error) {
	if err := f.deny(p + "/"); err != nil {
		return nil, err
	}
	return f.Files.ReadDir(p, limit)
}

func TestWhatMayNotBeSeenIsSaidAndNotTakenForMissing(t *testing.T) {
	m := made(t, map[string]string{
		"/nix/var/nix/gcroots/auto/a":                        "-> /home/bob/p/result",
		"/nix/var/nix/gcroots/auto/b":                        "-> /home/bob/p/result-2",
		"/nix/var/nix/gcroots/auto/c":                        "-> /home/bob/q/result",
		"/home/alice/.local/share/nix/trusted-settings.json": "{}",
		"/root/.local/share/nix/trusted-settings.json":       "{}",
		"/etc/nixos/flake.nix":                               bare,
		"/secret/nix.conf":                                   "x = y",
	}, map[string]string{"HOME": "/home/alice", "NIX_CONF_DIR": "/secret"})
	m.files = forbidden{m.files, []string{"/home/bob/p", "/home/bob/q", "/root", "/home/alice/.local", "/etc/nixos", "/secret"}}
	f := Look(context.Background(), m, Options{})
	if f.Answers.State != nixconf.SourceUnseen || f.RootAnswers.State != nixconf.SourceUnseen {
		t.Errorf("answers %v, root's %v", f.Answers.State, f.RootAnswers.State)
	}
	for _, s := range f.Client.Read {
		if s.Layer == nixconf.LayerSystem && s.State != nixconf.SourceUnseen && s.State != nixconf.SourceUnreadable {
			t.Errorf("the system file is %v", s.State)
		}
	}
	notes := fmt.Sprint(f.Notes)
	for _, want := range []string{"/nix/var/nix/gcroots/auto Roots lead to 2 folders", "/etc/nixos"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %s, without %q", notes, want)
		}
	}
	m.files = forbidden{m.files, []string{"/nix/var/nix/gcroots"}}
	if notes := fmt.Sprint(Look(context.Background(), m, Options{}).Notes); !strings.Contains(notes, "projects that were built are not known") {
		t.Errorf("notes %s", notes)
	}
}

func TestAVersionIsReadAsItIsWritten(t *testing.T) {
	for s, want := range map[string]nixconf.Version{
		"2.93.3": {Major: 2, Minor: 93, Patch: 3}, "2.90.0-beta.1": {Major: 2, Minor: 90}, "2.36.0": {Major: 2, Minor: 36}, "2.18.9": {Major: 2, Minor: 18, Patch: 9}, "junk": {},
	} {
		if got, _ := parseVersion(s); got != want {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// closed is a file system with one file that this user may not read.
type closed struct {
	Files
	path string
}

func (c closed) ReadFile(p string) ([]byte, error) {
	if p == c.path {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrPermission}
	}
	return c.Files.ReadFile(p)
}

// Nix, too, stops at a user's own answers that it may not read. Of another
// user's this only hides what they are.
func TestAnswersThatTheUserMayNotReadStopNix(t *testing.T) {
	const own, roots = "/home/alice/.local/share/nix/trusted-settings.json", "/root/.local/share/nix/trusted-settings.json"
	files := map[string]string{own: "{}", roots: "{}"}
	m := made(t, files, map[string]string{"HOME": "/home/alice"})
	all := m.files
	m.files = closed{all, own}
	f := Look(context.Background(), m, Options{})
	if f.Answers.Err == nil || !strings.HasSuffix(f.Answers.Err.Message, "Permission denied") {
		t.Errorf("%+v", f.Answers)
	}
	m.files = closed{all, roots}
	if f := Look(context.Background(), m, Options{}); f.RootAnswers.State != nixconf.SourceUnreadable || f.RootAnswers.Err != nil || f.Answers.Err != nil {
		t.Errorf("root's %+v", f.RootAnswers)
	}
}

// Under another root the environment is not known, so a user without an account
// there has a home folder that nobody knows; that is no broken configuration.
func TestAnUnknownHomeLeavesTheStoreUnknown(t *testing.T) {
	root := In(fstest.MapFS{
		"etc/passwd":   {Data: []byte(passwd)},
		"nix/var/nix":  {Mode: fs.ModeDir | 0o777},
		"etc/nix/file": {},
	})
	for name, tc := range map[string]struct {
		user  string
		who   uint32
		known bool
	}{
		"a user with an account":        {"alice", 0, true},
		"a name without one":            {"mallory", 0, false},
		"this process's, which has one": {"", 1000, true},
		"this process's, without one":   {"", 4242, false},
	} {
		m := New(root, nil, noUser, nil)
		m.user, m.env, m.elsewhere, m.who = nil, nil, true, &identity{uid: tc.who}
		f := Look(context.Background(), m, Options{User: tc.user})
		if known := f.Nix.Store != trust.StoreUnknown; known != tc.known {
			t.Errorf("%s: the store is %v (%s)", name, f.Nix.Store, f.Nix.StoreWhy)
		}
		if f.Client.Fatal != nil {
			t.Errorf("%s: Nix is said to fail: %s", name, f.Client.Fatal.Text)
		}
		if noted := slices.ContainsFunc(f.Notes, func(n trust.Note) bool { return n.Path == "/etc/passwd" }); noted == tc.known {
			t.Errorf("%s: notes %v", name, f.Notes)
		}
	}
}

// A file that Nix reads and this program does not may name any store.
func TestAConfigurationThatIsNotReadLeavesTheStoreUnknown(t *testing.T) {
	dir := t.TempDir()
	conf := dir + "/nix.conf"
	look := func() *trust.Facts {
		m := New(hostFiles{}, map[string]string{"NIX_CONF_DIR": dir, "NIX_STATE_DIR": dir, "NIX_USER_CONF_FILES": ""}, trust.User{Name: "root", Home: dir}, nil)
		return Look(context.Background(), m, Options{})
	}
	if err := syscall.Mkfifo(conf, 0o644); err != nil {
		t.Fatal(err)
	}
	if f := look(); f.Nix.Store != trust.StoreUnknown || !strings.Contains(f.Nix.StoreWhy, conf) {
		t.Errorf("a pipe: the store is %v (%s)", f.Nix.Store, f.Nix.StoreWhy)
	}
	if err := os.Remove(conf); err != nil {
		t.Fatal(err)
	}
	// People mask configuration so. Nix reads nothing there, and we do the same.
	if err := os.Symlink(os.DevNull, conf); err != nil {
		t.Fatal(err)
	}
	if f := look(); f.Nix.Store != trust.StoreLocal || f.Client.Skipped() != nil {
		t.Errorf("the null device: the store is %v (%s)", f.Nix.Store, f.Nix.StoreWhy)
	}
}

// What this process may not read of another user's files, that user's nix reads.
func TestFilesOfAnotherUserThatMayNotBeReadLeaveTheStoreUnknown(t *testing.T) {
	root := forbidden{In(fstest.MapFS{
		"etc/passwd":  {Data: []byte(passwd)},
		"nix/var/nix": {Mode: fs.ModeDir | 0o777},
	}), []string{"/home/alice"}}
	for name, tc := range map[string]struct {
		user string
		who  uint32
		want trust.StoreKind
	}{
		"another user's": {"alice", 1001, trust.StoreUnknown},
		"the user's own": {"", 1000, trust.StoreLocal},
	} {
		m := New(root, nil, noUser, nil)
		m.user, m.env, m.elsewhere, m.who = nil, nil, true, &identity{uid: tc.who}
		if f := Look(context.Background(), m, Options{User: tc.user}); f.Nix.Store != tc.want {
			t.Errorf("%s: the store is %v (%s)", name, f.Nix.Store, f.Nix.StoreWhy)
		}
	}
}

func TestABrokenLockIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"{": "/etc/nixos/flake.lock:1:2", "": "/etc/nixos/flake.lock:1:1", `{"nodes":{},"root":"root","version":99}`: "/etc/nixos/flake.lock", "\x00\x01": "/etc/nixos/flake.lock:1:1",
		`{"nodes":{"root":{}},"root":"root","version":7}`: "",
	} {
		m := New(In(fstest.MapFS{
			"etc/nixos/flake.nix":  {Data: []byte("{ outputs = _: { }; }")},
			"etc/nixos/flake.lock": {Data: []byte(text)},
		}), nil, trust.User{Name: "root", Home: "/root"}, nil)
		f := Look(context.Background(), m, Options{})
		got := ""
		for _, n := range f.Notes {
			if n.Path == "/etc/nixos/flake.lock" {
				got = n.Text
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: noted %q, want %s", text, got, want)
		}
	}
}
