package host

import (
	"context"
	"io/fs"
	"path"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host/hosttest"
)

func TestLookFindsEveryFlakeInputAndAnswer(t *testing.T) {
	size := hosttest.Size{Flakes: 20, Inputs: 60, Answers: 30}
	root := t.TempDir()
	cwd, err := hosttest.Write(root, size)
	if err != nil {
		t.Fatal(err)
	}
	f := Look(context.Background(), Real(root), Options{Root: root, Cwd: cwd})
	if len(f.Flakes) != size.Flakes {
		t.Errorf("%d flakes, want %d", len(f.Flakes), size.Flakes)
	}
	inputs := 0
	for _, fl := range f.Flakes {
		if fl.Err != "" || fl.LockErr != "" {
			t.Errorf("%s: %s%s", fl.ID.Ref, fl.Err, fl.LockErr)
		}
		for _, in := range fl.Inputs {
			inputs++
			if !in.Present || in.StorePath == "" {
				t.Errorf("%s: its input %s is not present at %q", fl.ID.Ref, in.Name, in.StorePath)
			}
		}
	}
	if inputs != size.Inputs {
		t.Errorf("%d inputs, want %d", inputs, size.Inputs)
	}
	if got := f.Flakes[0].Found; len(got) != 2 || got[0] != "current folder" {
		t.Errorf("the first flake was found by %q", got)
	}
	if f.User.Name != hosttest.User || f.Nix.Version.String() != "2.26.3" {
		t.Errorf("user %q, Nix %v", f.User.Name, f.Nix.Version)
	}
	if got := len(f.Answers.Answers["extra-substituters"]); got != size.Answers {
		t.Errorf("%d answers, want %d", got, size.Answers)
	}
	if len(f.Notes) != 0 {
		t.Errorf("notes on a root where everything can be read: %q", f.Notes)
	}
}

// A machine without anything is all unknown, and nothing of it is fine.
func TestNothingToSeeLeavesEverythingUnknown(t *testing.T) {
	for name, m := range map[string]*Machine{
		"empty root":   Real(t.TempDir()),
		"missing root": Real(t.TempDir() + "/nowhere"),
	} {
		t.Run(name, func(t *testing.T) {
			f := Look(context.Background(), m, Options{User: "ghost", Cwd: "/x", Flake: "/y"})
			if f.Daemon.State != trust.DaemonNotAsked || f.Daemon.Trust != trust.TrustUnknown {
				t.Errorf("daemon %v, trust %v", f.Daemon.State, f.Daemon.Trust)
			}
			if f.Nix.Store == trust.StoreDaemon || f.Nix.Store == trust.StoreLocal {
				t.Errorf("store %v: %s", f.Nix.Store, f.Nix.StoreWhy)
			}
			if f.Client == nil || f.System == nil {
				t.Error("a configuration is missing")
			}
			if len(f.Notes) == 0 {
				t.Error("nothing is said about what could not be seen")
			}
		})
	}
}

func TestTenThousandFlakesAreAllRead(t *testing.T) {
	const n = 10_000
	f := Look(context.Background(), New(In(manyFlakes(n)), nil, noUser, nil), Options{})
	if len(f.Flakes) != n || len(f.Notes) != 0 {
		t.Fatalf("%d flakes, notes %q", len(f.Flakes), f.Notes)
	}
	for i, fl := range f.Flakes {
		if fl.Err != "" || len(fl.Config) != 1 {
			t.Fatalf("flake %d: %q, %v", i, fl.Err, fl.Config)
		}
	}
}

// manyFlakes is a file system with that many GC roots, each of a flake of its
// own: auto/N leads to /p/N/result.
type manyFlakes int

const autoRoots = "nix/var/nix/gcroots/auto"

const claiming = `{ nixConfig.extra-substituters = "https://x.example"; outputs = _: { }; }`

func (m manyFlakes) Lstat(name string) (fs.FileInfo, error) {
	dir, base := path.Split(name)
	id := strings.TrimSuffix(strings.TrimPrefix(dir, "p/"), "/")
	i, err := strconv.Atoi(base)
	switch {
	case strings.HasPrefix(autoRoots, name) || name == "." || name == "p", dir == "p/" && err == nil && i < int(m):
		return madeInfo{base, fs.ModeDir | 0o755, 0}, nil
	case dir == autoRoots+"/" && err == nil:
		return madeInfo{base, fs.ModeSymlink | 0o777, 0}, nil
	case base == "flake.nix" && strings.HasPrefix(dir, "p/") && id != "":
		return madeInfo{base, 0o644, int64(len(claiming))}, nil
	}
	return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
}

func (m manyFlakes) ReadLink(name string) (string, error) {
	return "/p/" + path.Base(name) + "/result", nil
}

func (m manyFlakes) Open(name string) (fs.File, error) {
	info, err := m.Lstat(name)
	if err != nil {
		return nil, err
	}
	f := &madeFile{info: info, Reader: strings.NewReader(claiming)}
	if name == autoRoots {
		for i := range int(m) {
			f.entries = append(f.entries, fs.FileInfoToDirEntry(madeInfo{strconv.Itoa(i), fs.ModeSymlink | 0o777, 0}))
		}
	}
	return f, nil
}

type madeFile struct {
	*strings.Reader
	info    fs.FileInfo
	entries []fs.DirEntry
}

func (f *madeFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *madeFile) Close() error               { return nil }
func (f *madeFile) ReadDir(limit int) ([]fs.DirEntry, error) {
	return f.entries[:min(limit, len(f.entries))], nil
}

type madeInfo struct {
	name string
	mode fs.FileMode
	size int64
}

func (i madeInfo) Name() string       { return i.name }
func (i madeInfo) Size() int64        { return i.size }
func (i madeInfo) Mode() fs.FileMode  { return i.mode }
func (i madeInfo) ModTime() time.Time { return time.Time{} }
func (i madeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i madeInfo) Sys() any           { return nil }

// A look that is broken off must not pass what it did not read for empty.
func TestALookThatEndsEarlySaysSo(t *testing.T) {
	root := t.TempDir()
	cwd, err := hosttest.Write(root, hosttest.Size{Flakes: 3})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f := Look(ctx, Real(root), Options{Cwd: cwd})
	for _, fl := range f.Flakes {
		if fl.Err == "" || fl.ID.Path == "" {
			t.Errorf("%q was not read, and says %q", fl.ID.Path, fl.Err)
		}
	}
	if len(f.Flakes) == 0 || len(f.Notes) == 0 {
		t.Errorf("%d flakes, %d notes", len(f.Flakes), len(f.Notes))
	}
}

// BenchmarkLook has the size that the project's figures are stated for, and this
// machine as it is.
func BenchmarkLook(b *testing.B) {
	root := b.TempDir()
	cwd, err := hosttest.Write(root, hosttest.Usual)
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name, root, cwd string
		flakes          int
	}{
		{"usual", root, cwd, hosttest.Usual.Flakes},
		{"here", "", "", -1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := Look(context.Background(), Real(bench.root), Options{Cwd: bench.cwd})
				if bench.flakes >= 0 && len(f.Flakes) != bench.flakes {
					b.Fatal(len(f.Flakes))
				}
			}
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			b.ReportMetric(float64(ms.HeapSys)/(1<<20), "MiB-heap")
		})
	}
}
