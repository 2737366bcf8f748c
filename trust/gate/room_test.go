package gate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

func TestADecoderGetsAsMuchRoomAsItsFileNeeds(t *testing.T) {
	const size = 20 << 20
	nar := repeated(size)
	small := repeated(100_000)
	whole, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	skipped := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), zstdPacked(t, nar, 4<<20)...)
	for name, c := range map[string]struct {
		compression string
		nar, file   []byte
		window      int64
	}{
		"xz as Nix has it":        {"xz", nar, xzPacked(t, nar, 8<<20), 8 << 20},
		"xz, a half more":         {"xz", nar, xzPacked(t, nar, 3<<20), 3 << 20},
		"xz of little":            {"xz", small, xzPacked(t, small, 8<<20), minWindow},
		"zstd":                    {"zstd", nar, zstdPacked(t, nar, 2<<20), 2 << 20},
		"zstd, far":               {"zstd", nar, zstdPacked(t, nar, 8<<20), 8 << 20},
		"zstd of little":          {"zstd", small, packed(t, small), minWindow},
		"zstd in one segment":     {"zstd", nar, whole.EncodeAll(nar, nil), size},
		"zstd behind other bytes": {"zstd", nar, skipped, 4 << 20},
	} {
		window, err := windowOf(c.compression, c.file[:min(headSize, len(c.file))], int64(len(c.nar)))
		if err != nil || window != c.window {
			t.Errorf("%s: %d, %v, not %d", name, window, err, c.window)
		}
		r, err := bincache.Decompress(c.compression, bytes.NewReader(c.file), uint64(len(c.nar)), bincache.Limits{Window: uint64(window)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, c.nar) {
			t.Errorf("%s: with that it cannot be unpacked: %v", name, err)
		}
		r.Close()
	}
	for name, c := range map[string]struct {
		compression string
		head        []byte
	}{
		"xz, 1 GiB":      {"xz", []byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x25\x00\x00\x00")},
		"zstd, 128 MiB":  {"zstd", []byte("\x28\xb5\x2f\xfd\x00\x88aaaa")},
		"zstd, 2^64 - 1": {"zstd", []byte("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\xff")},
	} {
		if _, err := windowOf(c.compression, c.head, 1<<40); !errors.Is(err, errRoom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, compression := range []string{"xz", "zstd", "gzip", "br", "bzip2", "", "lzip"} {
		for n := range 20 {
			if w, err := windowOf(compression, nar[:n], size); err != nil || w < minWindow || w > 16<<20 {
				t.Errorf("%s of %d bytes: %d %v", compression, n, w, err)
			}
		}
	}
}

// A cache whose files take too much memory is no liar: no evidence is kept.
func TestAFileThatTakesTooMuchRoomIsRefusedAndNotAccused(t *testing.T) {
	nar := repeated(300_000)
	pin := pinOf(nar)
	grows := append(zstdPacked(t, nar[:100_000], 1<<20), zstdPacked(t, nar[100_000:], 16<<20)...)
	vast := zstdPacked(t, nar, 1<<20)
	vast[5] = 0x98 // 512 MiB
	for name, file := range map[string][]byte{"the second part wants more": grows, "the first wants too much": vast} {
		up := newUpstream(t)
		up.put(storePath(1), pin, "zstd", file)
		g := serve(t, Options{}, standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL))
		if code, _, _ := g.nar(t, storePath(1)); code != 404 {
			t.Errorf("%s: %d", name, code)
		}
		if s := g.Status(); len(s.Evidence) != 0 || s.Served.Wrong != 0 || s.Caches[0].Failed != 1 {
			t.Errorf("%s: %+v", name, s)
		}
		if !g.room.TryAcquire(roomSize) {
			t.Errorf("%s: room is still taken", name)
		}
	}
}

func TestWhoWaitsForRoomKeepsNoCacheWaiting(t *testing.T) {
	nar := repeated(3 << 20)
	pin := pinOf(nar)
	file := zstdPacked(t, nar, 2<<20)
	up := newUpstream(t)
	up.put(storePath(1), pin, "zstd", file)
	const deadline = 300 * time.Millisecond
	g := serve(t, Options{Deadline: deadline}, standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL))
	if !g.room.TryAcquire(roomSize) {
		t.Fatal("it is not empty")
	}
	var open atomic.Int32
	up.handle(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".narinfo") {
			return false
		}
		open.Add(1)
		defer open.Add(-1)
		w.Write(file[:len(file)/2])
		w.(http.Flusher).Flush()
		select {
		case <-time.After(deadline / 3):
		case <-r.Context().Done():
		}
		w.Write(file[len(file)/2:])
		return true
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if code, body, err := g.get(t, narURL(grants.Served{Path: storePath(1), Pin: pin})); code != 200 || err != nil || !bytes.Equal(body, nar) {
			t.Errorf("%d, %d bytes, %v", code, len(body), err)
		}
	}()
	for end := time.Now().Add(10 * time.Second); up.asked.Load() < 2 || open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the cache is kept waiting")
		}
	}
	time.Sleep(2 * deadline)
	if up.asked.Load() != 2 {
		t.Errorf("%d questions while there is no room", up.asked.Load())
	}
	g.room.Release(roomSize)
	<-done
	g.noted(t, 1)
	if s := g.Status(); s.Served.Contents != 1 || s.Caches[0].Failed != 0 {
		t.Errorf("%+v", s)
	}
	if !g.room.TryAcquire(roomSize) {
		t.Error("room is still taken")
	}
}

func TestNoCacheMakesAnAnswerWaitTwice(t *testing.T) {
	all := semaphore.NewWeighted(roomSize)
	r := room{all: all}
	for _, size := range []int64{1 << 20, 1 << 20, 2 << 20, mostWindow} {
		if err := r.take(size); err != nil {
			t.Errorf("%d: %v", size, err)
		}
	}
	if r.held != roomSize {
		t.Errorf("%+v", r)
	}
	other := room{all: all}
	if err := other.take(1 << 20); err != errFull {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if other.wait(gone) == nil {
		t.Error("it has room without any")
	}
	r.release()
	r.release()
	if err := other.wait(t.Context()); err != nil {
		t.Error(err)
	}
	if other.take(1<<20) != nil || other.take(2<<20) != errRoom {
		t.Errorf("%+v", other)
	}
	if other.release(); !all.TryAcquire(roomSize) {
		t.Error("room is still taken")
	}
}

func FuzzWindowOf(f *testing.F) {
	f.Add("xz", []byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00"), int64(1<<20))
	f.Add("zstd", []byte("\x28\xb5\x2f\xfd\x04\x58aaaa"), int64(1<<20))
	f.Add("zstd", []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd\x28\xb5\x2f\xfd\xe0"), int64(1))
	f.Fuzz(func(t *testing.T, compression string, head []byte, size int64) {
		if w, err := windowOf(compression, head, size); err == nil && (w < minWindow || w > mostWindow) {
			t.Error(w)
		}
	})
}
