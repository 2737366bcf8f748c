package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A stream is a NAR of one file, made while it is sent: some bytes before, a
// block again and again, and some behind, each packed by itself, of which both
// zstd and xz make one file.
type stream struct {
	first, block, last []byte // packed
	times              int
	sum                lock.Hash // of what is packed
	size               int64
}

// newStream makes a NAR with times blocks of machine code, this test's own.
func newStream(t testing.TB, method string, block, times int) *stream {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat(program, block/len(program)+1)[:block]
	var first bytes.Buffer
	for _, s := range []string{"nix-archive-1", "(", "type", "regular", "contents"} {
		first.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		first.WriteString(s + strings.Repeat("\x00", (8-len(s)%8)%8))
	}
	first.Write(binary.LittleEndian.AppendUint64(nil, uint64(block*times)))
	last := append(binary.LittleEndian.AppendUint64(nil, 1), ")\x00\x00\x00\x00\x00\x00\x00"...)
	s := &stream{times: times, size: int64(first.Len() + block*times + len(last))}
	var sum hash.Hash = sha256.New()
	sum.Write(first.Bytes())
	for range times {
		sum.Write(data)
	}
	sum.Write(last)
	s.sum = lock.Hash(sum.Sum(nil))
	for into, plain := range map[*[]byte][]byte{&s.first: first.Bytes(), &s.block: data, &s.last: last} {
		*into = packed(t, method, plain)
	}
	return s
}

func packed(t testing.TB, method string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch method {
	case "none":
		return data
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithWindowSize(8<<20))
	case "xz":
		w, err = xz.WriterConfig{DictCap: 8 << 20}.NewWriter(&b)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// serve makes a cache of n paths that all have this NAR, and their lock. open
// counts the NARs that are being sent.
func (s *stream) serve(t testing.TB, method string, n int) (l *lock.Lock, open *atomic.Int32, server *httptest.Server) {
	t.Helper()
	open = &atomic.Int32{}
	infos := map[string]string{}
	var list []*bincache.NarInfo
	for i := range n {
		info := infoOf(lock.StorePath(fmt.Sprintf("%032d-path", i)), nil)
		info.NarHash, info.NarSize, info.Compression = s.sum, uint64(s.size), method
		info.Signatures = []string{good.Sign(info)}
		list = append(list, info)
		infos["/"+info.Path.Digest()+".narinfo"] = info.String()
	}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, ok := infos[r.URL.Path]; ok {
			io.WriteString(w, text)
			return
		}
		open.Add(1)
		defer open.Add(-1)
		w.Write(s.first)
		for range s.times {
			if _, err := w.Write(s.block); err != nil {
				return
			}
		}
		w.Write(s.last)
	}))
	t.Cleanup(server.Close)
	return lockOf(list, lock.Cache{URL: server.URL, Keys: []string{good.Public()}}), open, server
}

// What verifying holds and allocates does not depend on how long a NAR is.
func TestMemoryDoesNotGrowWithTheNARs(t *testing.T) {
	for _, method := range []string{"none", "zstd"} {
		var took [2]uint64
		for i, times := range []int{2, 32} {
			l, _, _ := newStream(t, method, 1<<20, times).serve(t, method, 2)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if r := mustVerify(t, l, Options{Contents: true}); r.Outcome() != Fine {
				t.Fatalf("%v", r.Counts())
			}
			runtime.ReadMemStats(&after)
			took[i] = after.TotalAlloc - before.TotalAlloc
		}
		if took[1] > 2*took[0]+4<<20 {
			t.Errorf("%s: %d bytes were allocated for NARs of 2 MiB, %d for those of 32 MiB", method, took[0], took[1])
		}
	}
}

// Nothing goes on when verifying was cancelled in the middle of the contents.
func TestCancellingEndsEveryReader(t *testing.T) {
	for _, method := range []string{"none", "zstd", "xz"} {
		before := runtime.NumGoroutine()
		l, open, server := newStream(t, method, 1<<20, 128).serve(t, method, 8)
		ctx, cancel := context.WithCancel(context.Background())
		c := client()
		told := make(chan struct{}, 1)
		var sent int32
		var cancelled time.Time
		go func() {
			<-told
			sent, cancelled = open.Load(), time.Now()
			cancel()
		}()
		_, err := Verify(ctx, l, Options{Client: c, Contents: true, Bytes: func(done, _ int64) {
			if done > 4<<20 {
				select {
				case told <- struct{}{}:
				default:
				}
			}
		}})
		if !errors.Is(err, context.Canceled) || sent == 0 {
			t.Errorf("%s: %v, while %d NARs came", method, err, sent)
		}
		if took := time.Since(cancelled); took > 5*time.Second {
			t.Errorf("%s: it went on for %v", method, took)
		}
		server.Close() // and with it the connections that wait for another request
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		if n := runtime.NumGoroutine(); n > before || open.Load() > 0 {
			t.Errorf("%s: %d goroutines, %d before; %d NARs still come", method, n, before, open.Load())
		}
	}
}

// BenchmarkMemory reads 32 NARs at a time, and reports the largest heap beyond
// what was there before.
func BenchmarkMemory(b *testing.B) {
	for _, method := range []string{"none", "zstd", "xz"} {
		for _, times := range []int{1, 16} {
			s := newStream(b, method, 16<<20, times)
			b.Run(fmt.Sprintf("%s/%dMiB", method, 16*times), func(b *testing.B) {
				l, _, _ := s.serve(b, method, readers)
				b.SetBytes(s.size * readers)
				runtime.GC()
				before, peak := heap(), uint64(0)
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					for {
						peak = max(peak, heap())
						select {
						case <-stop:
							return
						case <-time.After(2 * time.Millisecond):
						}
					}
				}()
				for b.Loop() {
					if r := mustVerify(b, l, Options{Contents: true}); r.Outcome() != Fine {
						b.Fatal(r.Counts())
					}
				}
				close(stop)
				<-stopped
				b.ReportMetric(float64(peak-before)/1e6, "peak-MB")
			})
		}
	}
}

// heap is how many bytes the objects of the heap have, garbage too.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
