package generate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/bincache/bincachetest"
	"github.com/nix-trust/nix-trust/lock/nix"
)

const system = "x86_64-linux"

var (
	flake  = bincachetest.NewSigner("flake-1", 1)
	second = bincachetest.NewSigner("second-1", 2)
	host   = bincachetest.NewSigner("host-1", 3)
	fake   = bincachetest.NewSigner("flake-1", 4) // another key of the flake's name
	alien  = bincachetest.NewSigner("alien-1", 5)
)

const (
	flakeURL  = "https://flake.example"
	secondURL = "https://second.example"
	hostURL   = "https://host.example"
)

// A web is caches in memory, as a source of a client.
type web struct {
	mu    sync.Mutex
	files map[string]string // "host/DIGEST.narinfo"
	asked map[string]int    // the same; how often
	fail  map[string]error  // by host
	// then has what a file is from its second request on.
	then  map[string]string
	info  map[string]string // nix-cache-info by host, where it is not the usual one; "" is none
	gone  string            // a file that is gone from its second request on
	delay func() time.Duration
}

func newWeb() *web {
	return &web{files: map[string]string{}, asked: map[string]int{}, fail: map[string]error{}, then: map[string]string{}, info: map[string]string{}}
}

func (w *web) Get(ctx context.Context, at *url.URL, _ *url.Userinfo) (*bincache.Reply, error) {
	file := at.Host + at.Path
	w.mu.Lock()
	w.asked[file]++
	text, ok := w.files[file]
	if strings.HasSuffix(at.Path, "/nix-cache-info") {
		text, ok = w.info[at.Host]
		if !ok {
			text, ok = "StoreDir: /nix/store\n", true
		}
		ok = text != ""
	}
	if later, has := w.then[file]; has && w.asked[file] > 1 {
		text, ok = later, true
	}
	ok = ok && (file != w.gone || w.asked[file] == 1)
	err := w.fail[at.Host]
	delay := w.delay
	w.mu.Unlock()
	if delay != nil {
		select {
		case <-time.After(delay()):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return &bincache.Reply{Status: 404, Body: http.NoBody}, nil
	}
	return &bincache.Reply{Status: 200, Length: -1, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// put signs a narinfo and has a cache serve it.
func (w *web) put(cache string, n *bincache.NarInfo, signers ...bincachetest.Signer) {
	served := *n
	served.Signatures = slices.Clone(n.Signatures)
	for _, s := range signers {
		served.Signatures = append(served.Signatures, s.Sign(&served))
	}
	w.files[strings.TrimPrefix(cache, "https://")+"/"+n.Path.Digest()+".narinfo"] = served.String()
}

func (w *web) drop(cache string, p lock.StorePath) {
	delete(w.files, strings.TrimPrefix(cache, "https://")+"/"+p.Digest()+".narinfo")
}

// toldOf returns the paths that a cache was asked for.
func (w *web) toldOf(cache string) (digests []string) {
	for file := range w.asked {
		if where, digest, _ := strings.Cut(strings.TrimSuffix(file, ".narinfo"), "/"); "https://"+where == cache && digest != "nix-cache-info" {
			digests = append(digests, digest)
		}
	}
	slices.Sort(digests)
	return digests
}

func (w *web) client() *bincache.Client {
	return bincache.NewClient(bincache.Options{Source: w, Limits: bincache.Limits{Backoff: time.Nanosecond}})
}

// options are those of a lock for x86_64-linux with one claimed cache and one
// trusted one.
func (w *web) options(roots ...lock.StorePath) Options {
	return Options{
		Client: w.client(), System: system, Roots: roots,
		Caches:  []lock.Cache{{URL: flakeURL, Keys: []string{flake.Public()}}},
		Trusted: []lock.Cache{{URL: hostURL, Keys: []string{host.Public()}}},
	}
}

// at is a store path that begins with some characters of Nix's base 32.
func at(start string) lock.StorePath {
	return lock.StorePath(start + strings.Repeat("0", 32-len(start)) + "-" + start)
}

// info describes a path by a NAR that is made up of a text.
func info(p lock.StorePath, text string, refs ...lock.StorePath) *bincache.NarInfo {
	return &bincache.NarInfo{
		StoreDir: bincache.DefaultStoreDir, Path: p, URL: "nar/" + p.Digest() + ".nar", Compression: "none",
		NarHash: sha256.Sum256([]byte(text)), NarSize: uint64(len(text)), References: distinct(refs),
	}
}

func pinned1(n *bincache.NarInfo, by ...string) lock.Pin {
	return lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References, By: by}
}

func localInfo(n *bincache.NarInfo) nix.Info {
	return nix.Info{NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References, CA: n.CA}
}

func mustMake(t testing.TB, o Options) *Result {
	t.Helper()
	r, err := Make(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// pins of a result's section by the name of the path, or nil without a lock.
func pins(r *Result) map[string]lock.Pin {
	if r.Lock == nil {
		return nil
	}
	named := map[string]lock.Pin{}
	for p, pin := range r.Lock.Systems[system].Paths {
		named[p.Name()] = pin
	}
	return named
}

// summary is what a result comes to in one line.
func summary(r *Result) string {
	var words []string
	for _, p := range r.Problems {
		who := string(p.Path.Name())
		if p.Cache != "" {
			who = strings.TrimPrefix(p.Cache, "https://")
		}
		if p.Wants != "" {
			who += "<" + p.Wants.Name()
		}
		words = append(words, p.Kind.String()+":"+who)
	}
	names := []string{}
	for p := range r.pinnedPaths() {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	return strings.TrimSpace(fmt.Sprintf("%v pins=%s redundant=%d %s", r.Outcome(), strings.Join(names, ","), r.Redundant, strings.Join(words, " ")))
}

func (r *Result) pinnedPaths() map[lock.StorePath]lock.Pin {
	if r.Lock == nil {
		return nil
	}
	return r.Lock.Systems[system].Paths
}

var errDown = errors.New("connection refused")
