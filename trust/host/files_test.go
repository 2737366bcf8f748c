package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// allFiles are the ways in which the same folder can be looked at.
func allFiles(t *testing.T, root string) map[string]Files {
	t.Helper()
	return map[string]Files{
		"under": Under(root), "portable": portableUnder(root),
	}
}

func TestLinksNeverLeadOutOfARoot(t *testing.T) {
	outer := t.TempDir()
	root := filepath.Join(outer, "root")
	secret := filepath.Join(outer, "secret")
	write(t, secret, "outside")
	for _, d := range []string{"dir/sub", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, root+"/secret", "inside")
	write(t, root+"/dir/sub/file", "deep")
	for name, target := range map[string]string{
		"absolute": "/secret", "up": "../secret", "far-up": "../../../../../../secret", "dir/up": "../../../secret",
		"real-path": secret, "to-dir": "/dir/sub", "dir-up": "dir/sub/..", "loop": "loop2", "loop2": "/loop", "self": "self",
		"dangling": "/nowhere", "through": "/to-dir/file", "empty-parts": "//dir///sub//file", "dot": "./dir/./sub/file",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for how, files := range allFiles(t, root) {
		t.Run(how, func(t *testing.T) {
			for p, want := range map[string]string{
				"/secret": "inside", "/absolute": "inside", "/up": "inside", "/far-up": "inside", "/dir/up": "inside",
				"/to-dir/file": "deep", "/dir-up/sub/file": "deep", "/through": "deep", "/empty-parts": "deep", "/dot": "deep",
				"/../secret": "inside", "/dir/../../secret": "inside",
			} {
				data, err := files.ReadFile(p)
				if string(data) != want || err != nil {
					t.Errorf("%s has %q (%v), want %q", p, data, err, want)
				}
			}
			if data, err := files.ReadFile("/real-path"); err == nil {
				t.Errorf("a link to a path outside the root reads %q", data)
			}
			for _, p := range []string{"/loop", "/self", "/self/x"} {
				if _, err := files.Stat(p); !errors.Is(err, syscall.ELOOP) {
					t.Errorf("%s: %v, want too many links", p, err)
				}
			}
			for p, want := range map[string]string{"/through": "/dir/sub/file", "/dir-up/sub": "/dir/sub", "/": "/", "/far-up": "/secret", "/to-dir": "/dir/sub"} {
				if got, err := files.Resolve(p); got != want || err != nil {
					t.Errorf("%s resolves to %q (%v), want %q", p, got, err, want)
				}
			}
			if got, err := files.ReadLink("/to-dir"); got != "/dir/sub" || err != nil {
				t.Errorf("the link says %q (%v)", got, err)
			}
			if _, err := files.ReadLink("/secret"); err == nil {
				t.Error("a file reads as a link")
			}
			for p, want := range map[string]bool{"/dangling": true, "/nowhere": false, "/secret/x": false, "/dir": true} {
				if got, err := files.Exists(p); got != want || err != nil {
					t.Errorf("%s exists: %v (%v), want %v", p, got, err, want)
				}
			}
			if _, err := files.Stat("/dangling"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a dangling link gives %v", err)
			}
		})
	}
}

func TestOnlyFilesOfABearableSizeAreRead(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/small", "x")
	write(t, root+"/empty", "")
	write(t, root+"/large", "")
	if err := os.Truncate(root+"/large", MaxFile+1); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/full", "")
	if err := os.Truncate(root+"/full", MaxFile); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(root+"/pipe", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", root+"/to-pipe"); err != nil {
		t.Fatal(err)
	}
	for how, files := range allFiles(t, root) {
		prefix := ""
		check := func(p string, want error, size int) {
			t.Helper()
			done := make(chan struct{})
			go func() {
				defer close(done)
				data, err := files.ReadFile(prefix + p)
				if !errors.Is(err, want) || want == nil && (err != nil || len(data) != size) {
					t.Errorf("%s: %s: %d bytes, %v, want %d, %v", how, p, len(data), err, size, want)
				}
			}()
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: reading %s hangs", how, p)
			}
		}
		all := func() {
			t.Helper()
			check("/small", nil, 1)
			check("/empty", nil, 0)
			check("/full", nil, MaxFile)
			check("/large", nixconf.ErrTooLarge, 0)
			check("/pipe", ErrNotRegular, 0)
			check("/to-pipe", ErrNotRegular, 0)
			check("/", syscall.EISDIR, 0)
			check("/none", fs.ErrNotExist, 0)
			check("/small/x", syscall.ENOTDIR, 0)
		}
		all()
		if how == "under" { // this machine's own files, by the same rules
			how, files, prefix = "host", hostFiles{}, root
			all()
		}
	}
	// A file of /proc has no size and has content all the same.
	if data, err := (hostFiles{}).ReadFile("/proc/self/stat"); err == nil && len(data) == 0 {
		t.Error("a file without a size reads as empty")
	}
}

func TestFoldersAreListedUpToALimit(t *testing.T) {
	root := t.TempDir()
	for _, n := range []string{"a", "b", "c"} {
		write(t, filepath.Join(root, n), "")
	}
	for how, files := range allFiles(t, root) {
		entries, err := files.ReadDir("/", 2)
		if len(entries) != 2 || err != nil {
			t.Errorf("%s: %d entries, %v", how, len(entries), err)
		}
		if _, err := files.ReadDir("/a", 2); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: a file is listed: %v", how, err)
		}
	}
}

func TestAMissingRootIsNotAnEmptyOne(t *testing.T) {
	for how, files := range allFiles(t, filepath.Join(t.TempDir(), "nowhere")) {
		if there, err := files.Exists("/etc/nix/nix.conf"); there || err == nil {
			t.Errorf("%s: in a root that is not there a file exists: %v, %v", how, there, err)
		}
		if _, err := files.ReadFile("/etc/nix/nix.conf"); errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a root that is not there reads as one without files", how)
		}
	}
}

func TestMadeUpFilesFollowTheSameRules(t *testing.T) {
	files := In(fstest.MapFS{
		"etc/nix/nix.conf":            {Data: []byte("/nix/store/x-nix.conf"), Mode: fs.ModeSymlink | 0o777},
		"nix/store/x-nix.conf":        {Data: []byte("cores = 1\n"), Mode: 0o444},
		"etc/static":                  {Data: []byte("nix"), Mode: fs.ModeSymlink | 0o777},
		"dev/sda":                     {Mode: fs.ModeDevice | 0o600},
		strings.Repeat("d/", 5) + "f": {Data: []byte("x")},
	})
	for _, p := range []string{"/etc/nix/nix.conf", "/etc/static/nix.conf"} {
		if data, err := files.ReadFile(p); string(data) != "cores = 1\n" || err != nil {
			t.Errorf("%s: %q, %v", p, data, err)
		}
	}
	if _, err := files.ReadFile("/dev/sda"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a device reads: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// executable makes every file of a made-up machine a program.
type executable struct{ Files }

func (e executable) Stat(p string) (fs.FileInfo, error) {
	info, err := e.Files.Stat(p)
	if err != nil {
		return nil, err
	}
	return program{info}, nil
}

type program struct{ fs.FileInfo }

func (p program) Mode() fs.FileMode { return p.FileInfo.Mode() | 0o111 }
