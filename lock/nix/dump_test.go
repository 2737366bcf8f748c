package nix

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const dumped = lock.StorePath("00000000000000000000000000000000-path")

// dumpCases make what lies at a path.
var dumpCases = []struct {
	name string
	make func(at string) error
}{
	{"an empty file", func(at string) error { return os.WriteFile(at, nil, 0o644) }},
	{"a file", func(at string) error { return os.WriteFile(at, []byte("hello\n"), 0o444) }},
	{"a file of 8 bytes", func(at string) error { return os.WriteFile(at, []byte("12345678"), 0o600) }},
	{"an executable", func(at string) error { return os.WriteFile(at, []byte("#!"), 0o555) }},
	{"a file that others may execute", func(at string) error {
		if err := os.WriteFile(at, []byte("x"), 0o644); err != nil {
			return err
		}
		return os.Chmod(at, 0o655)
	}},
	{"a long file", func(at string) error { return os.WriteFile(at, bytes.Repeat([]byte("0123456789abcde"), 70000), 0o644) }},
	{"a link to nowhere", func(at string) error { return os.Symlink("/no/such/file", at) }},
	{"a link to a folder", func(at string) error { return os.Symlink("..", at) }},
	{"an empty folder", func(at string) error { return os.Mkdir(at, 0o755) }},
	{"a tree", func(at string) error {
		for _, name := range []string{"a", "a-b", "a b", "B", "ä", "\\", "new\nline", "\xff\xfe", ".hidden", "..x", "*", "~nix~case~hack~1"} {
			sub := filepath.Join(at, name, "sub", "empty")
			if err := os.MkdirAll(sub, 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(at, name, "file"+name), []byte(name), 0o755); err != nil {
				return err
			}
			if err := os.Symlink("../"+name, filepath.Join(at, name, "up")); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(at, "a.b"), []byte("sorted by bytes"), 0o644)
	}},
	{"many files that fill the buffer", func(at string) error {
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		for i := range 300 {
			if err := os.WriteFile(filepath.Join(at, strings.Repeat("n", i%255+1)), bytes.Repeat([]byte{byte(i)}, i*7), 0o644); err != nil {
				return err
			}
		}
		return nil
	}},
	{"63 folders deep", func(at string) error { return os.MkdirAll(at+strings.Repeat("/d", 63), 0o755) }},
}

func TestADumpIsRealNixsByteForByte(t *testing.T) {
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		for _, c := range dumpCases {
			t.Run(c.name, func(t *testing.T) {
				outside, inside := real.Dir(t)
				if err := c.make(filepath.Join(outside, string(dumped))); err != nil {
					t.Fatal(err)
				}
				want := real.Run(t, realnix.Cmd{Args: []string{"nix-store", "--dump", dumped.In(inside)}})
				if want.Code != 0 {
					t.Fatal(want.Stderr)
				}
				n := &Nix{StoreDir: inside, Root: real.Root}
				var got bytes.Buffer
				if err := n.DumpNar(context.Background(), &got, dumped); err != nil {
					t.Fatal(err)
				}
				if got.String() != want.Stdout {
					t.Errorf("%d bytes, and real Nix writes %d", got.Len(), len(want.Stdout))
				}
				h, size, err := n.Hash(context.Background(), dumped)
				if err != nil || h != sha256.Sum256([]byte(want.Stdout)) || size != int64(len(want.Stdout)) {
					t.Errorf("%v, %d bytes, %v", h, size, err)
				}
				r := n.OpenNar(context.Background(), dumped)
				defer r.Close()
				if err := bincache.ReadNar(r, nil); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// local is a store of this test, without a Nix.
func local(t *testing.T, make func(at string) error) *Nix {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "nix/store"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := make(filepath.Join(root, "nix/store", string(dumped))); err != nil {
		t.Fatal(err)
	}
	return &Nix{Root: root}
}

func TestWhatIsNoStorePathIsNotDumped(t *testing.T) {
	for _, c := range []struct {
		name, says string
		make       func(at string) error
	}{
		{"a pipe", "neither a file nor a folder nor a link", func(at string) error { return syscall.Mkfifo(at, 0o644) }},
		{"a pipe within", "path/pipe is neither", func(at string) error {
			if err := os.Mkdir(at, 0o755); err != nil {
				return err
			}
			return syscall.Mkfifo(at+"/pipe", 0o644)
		}},
		{"too deep", "more than 64 folders deep", func(at string) error { return os.MkdirAll(at+strings.Repeat("/d", 64), 0o755) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := local(t, c.make)
			h, _, err := n.Hash(context.Background(), dumped)
			if err == nil || !strings.Contains(err.Error(), c.says) || !h.IsZero() {
				t.Errorf("%v, %v", h, err)
			}
		})
	}
	n := local(t, func(string) error { return nil })
	if _, _, err := n.Hash(context.Background(), dumped); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := n.DumpNar(context.Background(), io.Discard, "../../etc/passwd"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path outside the store: %v", err)
	}
	n.Root += "/nowhere"
	if _, _, err := n.Hash(context.Background(), dumped); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a store that is not there says something of a path: %v", err)
	}
}

func TestADumpEndsWithItsContextAndItsReader(t *testing.T) {
	n := local(t, func(at string) error { return os.WriteFile(at, make([]byte, 4<<20), 0o644) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := n.Hash(ctx, dumped); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r := n.OpenNar(context.Background(), dumped)
	if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	r.Close()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

// A file that grows or shrinks under the hand must not give a NAR whose sizes
// are wrong.
func TestAFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	for name, change := range map[string]func(at string) error{
		"shorter": func(at string) error { return os.Truncate(at, 1<<20) },
		"longer":  func(at string) error { return os.Truncate(at, 8<<20) },
	} {
		var at string
		n := local(t, func(path string) error { at = path; return os.WriteFile(path, make([]byte, 4<<20), 0o644) })
		w := writerFunc(func(p []byte) (int, error) { return len(p), change(at) })
		if err := n.DumpNar(context.Background(), w, dumped); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
