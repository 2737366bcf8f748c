package verify

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const closureSize = 450

var delays = []time.Duration{0, 20 * time.Millisecond}

// closure fills a cache with signed paths, of which the first refers to all.
func closure(b *testing.B, delay time.Duration) (*loopback, *lock.Lock) {
	cache := newLoopback(b)
	cache.files["nix-cache-info"] = []byte("StoreDir: /nix/store\n")
	var infos []*bincache.NarInfo
	var refs []lock.StorePath
	for i := range closureSize {
		p := lock.StorePath(fmt.Sprintf("%032d-path", i))
		data := narOf(strings.Repeat(string(p), 1000))
		n := infoOf(p, data, refs...)
		if i < closureSize-1 && i >= 5 { // some five references, as in nixpkgs
			n.References = refs[i-5:]
		}
		n.Signatures = []string{good.Sign(n)}
		cache.put(n, data)
		infos, refs = append(infos, n), append(refs, p)
	}
	cache.delay = delay
	return cache, lockOf(infos, lock.Cache{URL: cache.URL, Keys: []string{good.Public()}})
}

// BenchmarkVerify starts anew each time, with connections that are made anew.
func BenchmarkVerify(b *testing.B) {
	for _, contents := range []bool{false, true} {
		for _, delay := range delays {
			cache, l := closure(b, delay)
			b.Run(fmt.Sprintf("contents=%v/%v", contents, delay), func(b *testing.B) {
				for b.Loop() {
					cache.CloseClientConnections()
					r := mustVerify(b, l, Options{Client: bincache.NewClient(bincache.Options{}), Contents: contents})
					if r.Outcome() != Fine || r.Counts()[Verified] != closureSize {
						b.Fatalf("%v %v", r.Outcome(), r.Counts())
					}
				}
			})
		}
	}
}

// BenchmarkRealNixVerify is real Nix on the same caches.
func BenchmarkRealNixVerify(b *testing.B) {
	nix := realnix.Get(b, "2.34")
	_, dir := nix.Dir(b)
	for _, flag := range []string{"--no-contents", "--contents"} {
		for _, delay := range delays {
			cache, _ := closure(b, delay)
			b.Run(strings.TrimPrefix(flag, "--")+"/"+fmt.Sprint(delay), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					cache.requests.Store(0)
					args := []string{"nix", "--extra-experimental-features", "nix-command", "--option", "trusted-public-keys", good.Public(),
						"store", "verify", "-r", "--store", cache.URL, fmt.Sprintf("/nix/store/%032d-path", closureSize-1)}
					if flag == "--no-contents" {
						args = append(args, flag)
					}
					r := nix.Run(b, realnix.Cmd{Env: []string{fmt.Sprintf("HOME=%s/%s%v-%d", dir, flag, delay, i)}, Args: args})
					if r.Code != 0 || cache.requests.Load() < closureSize {
						b.Fatalf("exit %d after %d requests: %s", r.Code, cache.requests.Load(), r.Stderr)
					}
				}
			})
		}
	}
}
