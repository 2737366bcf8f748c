package diskcache

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const (
	here    = "2dj7lc2zc4lqpil4kyrml5irdzcx8jd8"
	nowhere = "z4asv3j07d89ywjf8fxkn7sg6mf5s9q5"
)

// A cache is a binary cache that has one path, or none, and counts what it is asked.
type cache struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	all   bool // it has every path
	// storeDir is that of its paths, /nix/store when empty.
	storeDir string
}

func newCache(t *testing.T) *cache {
	c := &cache{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		c.asked = append(c.asked, name)
		hash, isInfo := strings.CutSuffix(name, ".narinfo")
		switch {
		case name == "nix-cache-info":
			fmt.Fprintf(w, "StoreDir: %s\nWantMassQuery: 1\nPriority: 23\n", cmp.Or(c.storeDir, "/nix/store"))
		case isInfo && (hash == here || c.all):
			fmt.Fprintf(w, "StorePath: /nix/store/%s-thing\nURL: nar/x.nar\nCompression: none\nNarHash: sha256:0000000000000000000000000000000000000000000000000000\nNarSize: 8\nReferences: \n", hash)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// since empties the list of what was asked.
func (c *cache) since() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.asked
	c.asked = nil
	return out
}

// A home is a made-up home folder in a real Nix's root.
type home struct {
	nix     realnix.Nix
	outside string
	inside  string
}

func newHome(t *testing.T, nix realnix.Nix) home {
	outside, inside := nix.Dir(t)
	return home{nix, outside, inside}
}

// ask lets Nix ask a cache for a path and says whether it has it.
func (h home) ask(t *testing.T, url, hash string, flags ...string) bool {
	t.Helper()
	r := h.nix.Run(t, realnix.Cmd{
		Args: append([]string{"nix", "--extra-experimental-features", "nix-command", "path-info", "--store", url, "/nix/store/" + hash + "-thing"}, flags...),
		Env:  []string{"HOME=" + h.inside, "NIX_CONFIG=substituters ="},
	})
	if r.Code != 0 && !strings.Contains(r.Stderr, "is not valid") && !strings.Contains(r.Stderr, "does not exist") && !strings.Contains(r.Stderr, "don't know how") {
		t.Fatalf("%d %s %s", r.Code, r.Stdout, r.Stderr)
	}
	return r.Code == 0
}

// database is the one that Nix made.
func (h home) database(t *testing.T) string {
	t.Helper()
	for _, f := range Files(filepath.Join(h.outside, ".cache/nix")) {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	t.Fatal("Nix made no database")
	return ""
}

func listing(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		info, _ := e.Info()
		out = append(out, fmt.Sprint(e.Name(), info.Size(), info.ModTime()))
	}
	return out
}

var everything = Question{Misses: time.Unix(0, 0), Hits: time.Unix(0, 0), Hashes: []string{here, nowhere}}

func mine() func(string) (*os.File, error) { return OpenOwned(uint32(os.Geteuid())) }

func TestWhatRealNixRemembersIsReadAndForgotten(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		h, c, other := newHome(t, nix), newCache(t), newCache(t)
		start := time.Now().Add(-2 * time.Second)
		url := c.URL + "/e3/"
		if !h.ask(t, url, here) || h.ask(t, url, nowhere) || h.ask(t, other.URL, nowhere) {
			t.Fatal("the caches have something else")
		}
		file := h.database(t)
		want := map[string]string{"2.8": "v6", "2.26": "v6", "2.34": "v7"}[nix.Short]
		if !strings.Contains(file, want) {
			t.Errorf("its database is %s", file)
		}
		look := func() *Contents {
			t.Helper()
			before := listing(t, filepath.Dir(file))
			got, err := Read(context.Background(), mine(), file, everything)
			if err != nil {
				t.Fatal(err)
			}
			if after := listing(t, filepath.Dir(file)); !slices.Equal(before, after) {
				t.Errorf("looking changed %v to %v", before, after)
			}
			return got
		}
		got := look()
		if len(got.Caches) != 2 || !got.Complete {
			t.Fatalf("%+v", got)
		}
		one := got.Caches[0]
		if one.URL != c.URL+"/e3" || one.StoreDir != "/nix/store" || !one.Mass || one.Priority != 23 || one.Asked.Before(start) || one.Hits.N != 1 || one.Misses.N != 1 {
			t.Errorf("%+v", one)
		}
		if e, ok := got.Entry(url, here); !ok || !e.Present || e.At.Before(start) || e.At.After(time.Now()) {
			t.Error(e, ok)
		}
		if e, ok := got.Entry(url, nowhere); !ok || e.Present || e.At.Before(start) {
			t.Error(e, ok)
		}
		if _, ok := got.Entry(other.URL, here); ok {
			t.Error("nobody asked the other cache for it")
		}

		c.all = true
		c.since()
		other.since()
		if h.ask(t, url, nowhere) || len(c.since()) != 0 {
			t.Error("Nix did not go by what it remembers, so nothing is shown by what follows")
		}
		n, err := Forget(context.Background(), file, func(u string) bool { return u == c.URL+"/e3" })
		if n != 2 || err != nil {
			t.Fatal(n, err)
		}
		if got = look(); len(got.Caches) != 2 || got.Caches[0].Hits.N+got.Caches[0].Misses.N != 0 || got.Caches[1].Misses.N != 1 || !got.Caches[0].Asked.IsZero() {
			t.Errorf("after forgetting: %+v", got)
		}
		if !h.ask(t, url, nowhere) {
			t.Error("a path that was forgotten to be missing is still missing")
		}
		asked := c.since()
		if !slices.Contains(asked, nowhere+".narinfo") {
			t.Error("Nix did not ask again", asked)
		}
		if again := slices.Contains(asked, "nix-cache-info"); again != (nix.Short != "2.8") {
			t.Errorf("nix-cache-info was read again: %v", again)
		}
		if h.ask(t, other.URL, nowhere) || len(other.since()) != 0 {
			t.Error("the other cache's rows were touched")
		}
		if got = look(); got.Caches[0].Hits.N != 1 || got.Caches[0].Misses.N != 0 {
			t.Errorf("Nix does not write down its answers any more: %+v", got)
		}
		if n, err := Forget(context.Background(), file, func(string) bool { return false }); n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestRealNixGoesOnWhileItsDatabaseIsReadAndCleared(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		h, c := newHome(t, nix), newCache(t)
		h.ask(t, c.URL, here)
		file := h.database(t)
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := Read(ctx, mine(), file, everything); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := Forget(ctx, file, func(string) bool { return true }); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
		// Many answers in one process, which has the cache's number in memory.
		var paths []string
		for i := range 60 {
			paths = append(paths, fmt.Sprintf("/nix/store/%s%04d-thing", strings.Repeat("0", 28), i))
		}
		c.mu.Lock()
		c.all = true
		c.mu.Unlock()
		for range 2 {
			r := h.nix.Run(t, realnix.Cmd{
				Args: append([]string{"nix", "--extra-experimental-features", "nix-command", "path-info", "--store", c.URL}, paths...),
				Env:  []string{"HOME=" + h.inside, "NIX_CONFIG=substituters ="},
			})
			if r.Code != 0 {
				t.Errorf("Nix was disturbed: %s", r.Stderr)
			}
		}
		stop()
		wg.Wait()
	})
}
