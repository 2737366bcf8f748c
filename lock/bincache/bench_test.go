package bincache

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// BenchmarkSignatures has, beside the whole check of a narinfo, what the bare
// primitive takes on the same messages. -cpu 1,2 shows both.
func BenchmarkSignatures(b *testing.B) {
	s := newSigner("good-1", 1)
	n := parsed(b, someInfo)
	n.Signatures = []string{s.sign(n)}
	ring := NewKeyring([]string{s.public()})
	message, raw := []byte(n.Fingerprint()), ed25519.Sign(s.secret, []byte(n.Fingerprint()))
	public := s.secret.Public().(ed25519.PublicKey)
	run := func(name string, check func() bool) {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !check() {
						b.Error("not verified")
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
		})
	}
	run("ed25519", func() bool { return ed25519.Verify(public, message, raw) })
	run("narinfo", func() bool { return CheckSignatures(n, ring).Verdict == Verified })
	text := []byte(n.String())
	run("narinfo-parsed", func() bool {
		n, err := ParseNarInfo("", text)
		return err == nil && CheckSignatures(n, ring).Verdict == Verified
	})
}

// programNar is a NAR of size bytes of machine code: this test's own program,
// again and again, which is longer than a decoder looks back.
func programNar(b *testing.B, size int) []byte {
	name, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	return fileNar(string(bytes.Repeat(program, size/len(program)+1)[:size]))
}

// BenchmarkContents has, beside the check of a zstd file, what its decoder
// takes for unpacking it into nothing, with the same options.
func BenchmarkContents(b *testing.B) {
	data := programNar(b, 64<<20)
	for _, method := range []string{"zstd", "none"} {
		file := data
		if method != "none" {
			file = packWith(b, method, data)
		}
		h := newHostileCache(b)
		h.describe(data)
		h.info.Compression = method
		b.Run(method+"/decode", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r, err := Decompress(method, bytes.NewReader(file), 0, Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		})
		if method == "zstd" {
			b.Run(method+"/klauspost", func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					d, err := zstd.NewReader(bytes.NewReader(file))
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, d); err != nil {
						b.Fatal(err)
					}
					d.Close()
				}
			})
		}
		b.Run(method+"/check", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := CheckNar(bytes.NewReader(file), h.info, nil, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(method+"/check-and-list", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := CheckNar(bytes.NewReader(file), h.info, func(Entry) error { return nil }, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// slowCache serves a closure of n paths, each answer after a delay.
func slowCache(b *testing.B, n int, delay time.Duration) (*httptest.Server, *atomic.Int32) {
	files, asked := tree(n), &atomic.Int32{}
	// Real Nix refuses the circle that tree makes.
	last := numbered(n - 1).Digest()
	files[last] = strings.Replace(files[last], string(numbered(0)), "", 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(delay)
		asked.Add(1)
		if r.URL.Path == "/nix-cache-info" {
			io.WriteString(w, "StoreDir: /nix/store\n")
			return
		}
		text, ok := files[r.URL.Path[1:min(33, len(r.URL.Path))]]
		if !ok {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, text)
	}))
	b.Cleanup(s.Close)
	return s, asked
}

const closureSize = 450

// BenchmarkWalk starts from one path, with connections that are made anew.
func BenchmarkWalk(b *testing.B) {
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		s, _ := slowCache(b, closureSize, delay)
		b.Run(fmt.Sprint(delay), func(b *testing.B) {
			for b.Loop() {
				cache, err := NewClient(Options{}).Cache(s.URL)
				if err != nil {
					b.Fatal(err)
				}
				found, err := Walk(context.Background(), []*Cache{cache}, []StorePath{numbered(0)}, WalkOptions{})
				if err != nil || len(found) != closureSize || found[9].Accepted() == nil {
					b.Fatalf("%d paths, %v", len(found), err)
				}
			}
		})
	}
}

// BenchmarkRealNixWalk is real Nix on the same closure and server.
func BenchmarkRealNixWalk(b *testing.B) {
	nix := realnix.Get(b, "2.34")
	_, dir := nix.Dir(b)
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		s, asked := slowCache(b, closureSize, delay)
		b.Run(fmt.Sprint(delay), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				asked.Store(0)
				r := nix.Run(b, realnix.Cmd{Env: []string{fmt.Sprintf("HOME=%s/%v-%d", dir, delay, i)}, Args: []string{"nix", "--extra-experimental-features", "nix-command",
					"path-info", "-r", "--json", "--store", s.URL, numbered(0).In(DefaultStoreDir)}})
				if r.Code != 0 || asked.Load() < closureSize {
					b.Fatalf("%d requests: %s", asked.Load(), r.Stderr)
				}
			}
		})
	}
}

// BenchmarkMemory shows that what a check holds does not grow with the NAR.
func BenchmarkMemory(b *testing.B) {
	for _, size := range []int{1 << 20, 256 << 20} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			data := zeros(size)
			n := &NarInfo{Compression: "none", NarSize: uint64(len(data))}
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.ReadMemStats(&before)
				// The hash is wrong on purpose; everything before it is done.
				if _, err := CheckNar(bytes.NewReader(data), n, nil, Limits{}); KindOf(err) != Misbehaved {
					b.Fatal(err)
				}
				runtime.ReadMemStats(&after)
			}
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc), "allocated-bytes")
		})
	}
}
