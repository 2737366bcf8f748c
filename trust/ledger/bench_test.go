package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
)

// BenchmarkReplace is one durable write, on a disk and in memory, with what the
// disk's own fsync of such a file costs beside it.
func BenchmarkReplace(b *testing.B) {
	for _, at := range []string{os.TempDir(), "/dev/shm"} {
		for _, size := range []int{1 << 10, 100 << 10} {
			dir, err := os.MkdirTemp(at, "nix-trust-")
			if err != nil {
				b.Skip(err)
			}
			b.Cleanup(func() { os.RemoveAll(dir) })
			path := filepath.Join(dir, "f")
			text := []byte(strings.Repeat("x", size))
			b.Run(fmt.Sprintf("%s/%dKiB", filepath.Base(at), size>>10), func(b *testing.B) {
				os.Remove(path)
				var before trust.Digest
				for b.Loop() {
					text[0]++
					if err := Replace(context.Background(), path, before, text); err != nil {
						b.Fatal(err)
					}
					before = trust.DigestOf(text)
				}
			})
			b.Run(fmt.Sprintf("%s/%dKiB-fsync-alone", filepath.Base(at), size>>10), func(b *testing.B) {
				for b.Loop() {
					f, err := os.Create(path + "2")
					if err == nil {
						_, err = f.Write(text)
					}
					if err == nil {
						err = f.Sync()
					}
					if err != nil {
						b.Fatal(err)
					}
					f.Close()
				}
			})
		}
	}
}

// BenchmarkJournal adds a plan to a journal that has a thousand.
func BenchmarkJournal(b *testing.B) {
	dir := b.TempDir()
	j := Journal{Dir: filepath.Join(dir, "state")}
	path := filepath.Join(dir, "f")
	apply := func(i int) {
		now, err := Read(path)
		if err != nil {
			b.Fatal(err)
		}
		after := file(fmt.Sprint(i, strings.Repeat("x", 10<<10)))
		if _, err := j.Apply(context.Background(), trust.Plan{Steps: []trust.FileChange{{Path: path, Before: now, After: after}}}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 1000 {
		apply(i)
	}
	i := 1000
	for b.Loop() {
		apply(i)
		i++
	}
}
