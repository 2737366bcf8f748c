package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nix-community/go-nix/pkg/nar"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// closureSize is that of a usual package with what it is built from.
const closureSize = 491

// A farCache has a signed closure, and takes a while for each answer.
type farCache struct {
	*httptest.Server
	pins  map[lock.StorePath]lock.Pin
	asked atomic.Int64
}

// newFarCache makes a closure in which path i refers to 3i+1, 3i+2 and 3i+3, each
// of them a file of some 20 kB, signed by key.
func newFarCache(b *testing.B, storeDir string, key *Key, delay time.Duration) *farCache {
	c := &farCache{pins: map[lock.StorePath]lock.Pin{}}
	files := map[string][]byte{"/nix-cache-info": []byte("StoreDir: " + storeDir + "\nPriority: 40\n")}
	for i := range closureSize {
		var refs []lock.StorePath
		for _, to := range []int{3*i + 1, 3*i + 2, 3*i + 3} {
			if to < closureSize {
				refs = append(refs, storePath(to))
			}
		}
		path, file := storePath(i), narOf(b, contents(uint64(i), 20_000))
		pin := lock.Pin{NAR: sha256.Sum256(file), Size: int64(len(file)), Refs: refs}
		n := &bincache.NarInfo{StoreDir: storeDir, Path: path, URL: "nar/" + path.Digest() + ".nar", Compression: "none",
			NarHash: pin.NAR, NarSize: uint64(pin.Size), References: refs}
		sig := key.sign(n)
		n.Signatures = []string{key.name + ":" + base64.StdEncoding.EncodeToString(sig[:])}
		c.pins[path] = pin
		files["/"+path.Digest()+".narinfo"], files["/"+n.URL] = []byte(n.String()), file
	}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.asked.Add(1)
		time.Sleep(delay)
		file, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(file)))
		w.Write(file)
	}))
	b.Cleanup(c.Close)
	return c
}

// narOf is the archive of a plain file.
func narOf(b *testing.B, text []byte) []byte {
	var out bytes.Buffer
	w, err := nar.NewWriter(&out)
	if err != nil {
		b.Fatal(err)
	}
	if err := w.WriteHeader(&nar.Header{Path: "/", Type: nar.TypeRegular, Size: int64(len(text))}); err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(text)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// deadURL is an address at which nobody listens.
func deadURL(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// BenchmarkRealNixGetsAClosure has real Nix get a closure from a cache that takes
// 20 ms for each answer, into an empty store: directly, and through the gate,
// alone and with two caches that do not listen. There are no compiler and no
// daemon in it: that part is the same.
func BenchmarkRealNixGetsAClosure(b *testing.B) {
	for _, version := range []string{"2.26", "2.34"} {
		nix := realnix.Get(b, version)
		outside, dir := nix.Dir(b)
		key, err := MakeKey(outside+"/cache.key", "far-1")
		if err != nil {
			b.Fatal(err)
		}
		own, err := MakeKey(outside+"/gate.key", KeyName("bench"))
		if err != nil {
			b.Fatal(err)
		}
		far := newFarCache(b, dir+"/store", key, 20*time.Millisecond)
		dead := []string{deadURL(b), deadURL(b)}
		through := func(b *testing.B, urls ...string) string {
			client := bincache.NewClient(bincache.Options{StoreDir: dir + "/store", Limits: bincache.Limits{
				Attempts: 1, PerHost: 64, Request: 2 * time.Second, Answer: 2 * time.Second, Stall: 10 * time.Second}})
			return serve(b, Options{Key: own, Client: client}, standing(b, "a", time.Time{}, far.pins, urls...)).url
		}
		for _, way := range []struct {
			name string
			urls func(b *testing.B) string
		}{
			{"direct", func(*testing.B) string { return far.URL }},
			{"gate", func(b *testing.B) string { return through(b, far.URL) }},
			{"direct-two-dead", func(*testing.B) string { return strings.Join(append(dead, far.URL), " ") }},
			{"gate-two-dead", func(b *testing.B) string { return through(b, append(dead, far.URL)...) }},
		} {
			b.Run("nix-"+version+"/"+way.name, func(b *testing.B) {
				urls := way.urls(b)
				for i := 0; b.Loop(); i++ {
					far.asked.Store(0)
					far.CloseClientConnections()
					at := fmt.Sprintf("%s/%s-%d-%d", dir, way.name, b.N, i)
					config := "substituters = " + urls + "\ntrusted-public-keys = " + key.Public().String() + " " + own.Public().String() +
						"\nsandbox = false\nbuild-users-group =\nfallback = true\n"
					r := nix.Run(b, realnix.Cmd{Timeout: 5 * time.Minute, Args: []string{"nix-store", "--realise", storePath(0).In(dir + "/store")},
						Env: []string{"NIX_REMOTE=local", "HOME=" + at, "NIX_CONFIG=" + config, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + at + "/state", "NIX_LOG_DIR=" + at + "/log", "NIX_CONF_DIR=" + at}})
					if r.Code != 0 || far.asked.Load() < closureSize {
						b.Fatalf("%d requests: %s", far.asked.Load(), r.Stderr)
					}
					b.StopTimer()
					if r := nix.Run(b, realnix.Cmd{Args: []string{"/bin/sh", "-c", "chmod -R u+w '" + dir + "/store' && rm -rf '" + dir + "/store' '" + at + "'"}}); r.Code != 0 {
						b.Fatal(r.Stderr)
					}
					b.StartTimer()
				}
			})
		}
	}
}
