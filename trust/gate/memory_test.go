package gate

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// live is what the program holds in memory, without its garbage.
func live() int64 {
	runtime.GC()
	runtime.GC() // what a finalizer or a pool still held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestManyGrantsTakeLittleMemory(t *testing.T) {
	const flakes, pins = 1000, 100
	before := live()
	var standings []grants.Standing
	for f := range flakes {
		section := map[lock.StorePath]lock.Pin{}
		for n := range pins {
			at := f*pins + n
			section[storePath(at)] = lock.Pin{NAR: lock.Hash{1, byte(at), byte(at >> 8), byte(at >> 16)}, Size: 1000, Refs: []lock.StorePath{storePath(at), storePath(at + 1), storePath(at + 2), storePath(at + 3)}}
		}
		standings = append(standings, standing(t, fmt.Sprint(f), time.Time{}, section, "https://one.example"))
	}
	locks := live() - before // the references are made for each pin here, and shared in a lock that was read
	g := serve(t, Options{}, standings...)
	var all sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		all.Go(func() {
			for at := int(next.Add(1)) - 1; at < flakes*pins; at = int(next.Add(1)) - 1 {
				if len(g.current().narinfo(storePath(at).Digest())) < 300 {
					t.Errorf("%d is not served", at)
				}
			}
		})
	}
	all.Wait()
	whole := live() - before
	t.Logf("%d MB, of which the locks take %d MB", whole>>20, locks>>20)
	if whole > 120<<20 || whole-locks > 60<<20 {
		t.Errorf("%d MB, of which the locks take %d MB", whole>>20, locks>>20)
	}
	runtime.KeepAlive(standings)
}

func xzPacked(t testing.TB, nar []byte, dictionary int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := xz.WriterConfig{DictCap: dictionary}.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(nar)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdPacked(t testing.TB, nar []byte, window int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	w.Write(nar[:len(nar)/2]) // so that the length is not known at the start
	w.Write(nar[len(nar)/2:])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// repeated packs well, and quickly.
func repeated(size int) []byte {
	return bytes.Repeat(contents(1, 1000), size/1000+1)[:size]
}

// All clients have read a part and wait. The upstream holds its file itself.
func TestStreamsTakeLittleMemory(t *testing.T) {
	const size, clients = 12 << 20, 32
	nar := repeated(size)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	for _, c := range []struct {
		name, compression string
		file              []byte
		most              int64 // MiB for all
	}{
		{"none", "none", nar, clients},
		{"zstd", "zstd", zstdPacked(t, nar, 2<<20), 100},
		{"zstd that looks back far", "zstd", zstdPacked(t, nar, 8<<20), 100},
		{"xz", "xz", xzPacked(t, nar, 8<<20), 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := newUpstream(t)
			up.put(storePath(1), pins[storePath(1)], c.compression, c.file)
			var sent atomic.Int64
			stop := make(chan struct{})
			up.handle(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".narinfo") {
					return false
				}
				w.Write(c.file[:len(c.file)-100])
				w.(http.Flusher).Flush()
				sent.Add(1)
				select {
				case <-stop:
				case <-r.Context().Done():
				}
				return true
			})
			g := serve(t, Options{Deadline: time.Minute}, standing(t, "a", time.Time{}, pins, up.URL))
			before := live()
			for range clients {
				r, err := http.Get(g.url + "/" + narURL(grants.Served{Path: storePath(1), Pin: pins[storePath(1)]}))
				if err != nil {
					t.Fatal(err)
				}
				defer r.Body.Close()
				if _, err := io.CopyN(io.Discard, r.Body, 1<<20); err != nil {
					t.Fatal(err)
				}
				if c.compression != "none" && g.roomLeft() < 9<<20 {
					break // the others wait until there is room
				}
			}
			used := live() - before
			t.Logf("%d streams, %d KiB each, %d MiB in all", len(g.streams), used>>10/int64(len(g.streams)), used>>20)
			if used > c.most<<20 {
				t.Errorf("%d streams take %d MiB", len(g.streams), used>>20)
			}
			close(stop)
		})
	}
}

// roomLeft is how much decoders may still take.
func (g *Gate) roomLeft() int {
	left := 0
	for g.room.TryAcquire(1 << 20) {
		left++
	}
	g.room.Release(int64(left) << 20)
	return left << 20
}
