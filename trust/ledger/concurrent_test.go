package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// Nix takes no lock. What it writes between our comparison and our swap has to
// stay, and ours has to be refused.
func TestAProgramWithoutLocksIsNotOverwritten(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("renames-only-%t", plain), func(t *testing.T) { notOverwritten(t, plain) })
	}
}

func notOverwritten(t *testing.T, plain bool) {
	for _, step := range []string{"create", "write", "sync", "swap"} {
		for _, how := range []string{"in place", "by rename", "gone"} {
			for _, kind := range []string{"replace", "remove", "make"} {
				if kind == "make" && how == "gone" {
					continue
				}
				dir := t.TempDir()
				path := filepath.Join(dir, "f")
				after, want := file("ours"), "theirs"
				if kind != "make" {
					write(t, path, "old", 0o600)
				}
				if kind == "remove" {
					after = trust.FileState{}
				}
				c := change(t, path, after)
				hit := false
				w := Writer{noExchange: plain, step: func(name string) error {
					if name != step {
						return nil
					}
					hit = true
					switch how {
					case "in place":
						write(t, path, "theirs", 0o600)
					case "by rename":
						write(t, path+".tmp", "theirs", 0o600)
						if err := os.Rename(path+".tmp", path); err != nil {
							t.Fatal(err)
						}
					case "gone":
						os.Remove(path)
						want = "-"
					}
					return nil
				}}
				err := w.Apply(context.Background(), []trust.FileChange{c})
				if !hit {
					continue // a removal has no such step
				}
				if err == nil {
					t.Errorf("%s, %s before %s: it was overwritten", kind, how, step)
				}
				holds(t, path, want)
			}
		}
	}
}

func TestWritersLoseNothingOfEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "nix-trust-"); err == nil {
		dir = shm // its fsync costs nothing
		t.Cleanup(func() { os.RemoveAll(shm) })
	}
	// The file has a count for each writer, who adds one a hundred times.
	const writers, changes = 100, 100
	path := filepath.Join(dir, "f")
	write(t, path, strings.Repeat("0 ", writers), 0o600)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for made := 0; made < changes; {
				now, err := Read(path)
				if err != nil {
					t.Error(err)
					return
				}
				counts := strings.Fields(string(now.Data))
				counts[i] = fmt.Sprint(made + 1)
				after := now
				after.Data = []byte(strings.Join(counts, " "))
				err = Writer{Wait: time.Minute}.Apply(context.Background(), []trust.FileChange{{Path: path, Before: now, After: after}})
				switch {
				case err == nil:
					made++
				case !errors.Is(err, ErrMoved):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, count := range strings.Fields(string(data)) {
		if count != fmt.Sprint(changes) {
			t.Errorf("writer %d made %d changes, and %s of them are there", i, changes, count)
		}
	}
	alone(t, dir, "f")
}

// A program that takes no lock and writes in place, as Nix does, finds what it
// wrote until it writes again, whatever a writer of ours does at the time.
func TestWhatAnotherProgramWroteInPlaceStays(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "nix-trust-")
	if err != nil {
		t.Skip("no file system in memory")
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if ok, err := swapsHere(dir); !ok {
		t.Skipf("this file system cannot swap two files: %v", err)
	}
	path := filepath.Join(dir, "f")
	write(t, path, "start\n", 0o600)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	made, refused := 0, 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			now, err := Read(path)
			if err != nil {
				t.Error(err)
				return
			}
			if !strings.HasSuffix(string(now.Data), "\n") {
				continue // the other one is writing: Nix's own half file does not parse either
			}
			after := now
			after.Data = append([]byte("ours "), now.Data...)
			switch err := (Writer{}).Apply(context.Background(), []trust.FileChange{{Path: path, Before: now, After: after}}); {
			case err == nil:
				made++
			case errors.Is(err, ErrMoved):
				refused++
			default:
				t.Error(err)
				return
			}
		}
	})
	// Ours may be seen for a moment before it is found out and put back.
	stays := func(text string) bool {
		var data []byte
		for range 200 {
			var err error
			if data, err = os.ReadFile(path); err == nil && strings.HasSuffix(string(data), text) {
				return true
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("%q was written, and the file is %q", text, data)
		return false
	}
	deadline := time.Now().Add(1500 * time.Millisecond)
	for i := 0; time.Now().Before(deadline); i++ {
		text := fmt.Sprintf("theirs %d\n", i)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
			break
		}
		time.Sleep(time.Duration(i%50*10) * time.Microsecond)
		if !stays(text) {
			break
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d of our changes were made, %d were refused", made, refused)
	if made == 0 || refused == 0 {
		t.Error("the two never met")
	}
}

// A program that had opened the file before the swap writes into it after it.
func TestWhatIsWrittenThroughAnOpenFileStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "old", 0o600)
	theirs, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	c := change(t, path, file("ours"))
	err = Writer{step: func(name string) error {
		if name == "syncdir" {
			if err := errors.Join(theirs.Truncate(0), second(theirs.WriteString("theirs"))); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	}}.Apply(context.Background(), []trust.FileChange{c})
	if ok, _ := swapsHere(dir); !ok {
		t.Skip("this file system cannot swap two files")
	}
	if !errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
	holds(t, path, "theirs")
	alone(t, dir, "f")
}

func second(_ int, err error) error { return err }

// swapsHere reports whether two files of the folder can change places.
func swapsHere(dir string) (bool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false, err
	}
	defer root.Close()
	for _, name := range []string{"swap1", "swap2"} {
		if err := root.WriteFile(name, nil, 0o600); err != nil {
			return false, err
		}
		defer root.Remove(name)
	}
	return Writer{}.exchangeNames(root, "swap1", "swap2")
}

func TestAWriterThatWaitsTooLongSaysSo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "old", 0o600)
	c := change(t, path, file("new"))
	var inner error
	w := Writer{step: func(name string) error {
		if name == "swap" {
			inner = Writer{Wait: 30 * time.Millisecond}.Apply(context.Background(), []trust.FileChange{c})
		}
		return nil
	}}
	if err := w.Apply(context.Background(), []trust.FileChange{c}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(inner, ErrBusy) {
		t.Errorf("the second writer got %v", inner)
	}
	holds(t, path, "new")
}
