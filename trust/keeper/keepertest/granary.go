// Package keepertest has files of grants and locks for tests.
package keepertest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/keeper"
)

// A Granary is a keeper over files of its own: the user's and, beside it, the
// system's.
type Granary struct {
	*keeper.Keeper
	Own, System string // folders of grants.toml and locks
	// Clock is the time, the zero one for that of the machine.
	Clock time.Time
	// Log has what the keeper said.
	Log bytes.Buffer
	t   testing.TB
}

// New is a granary in which nothing is granted. Both its files may be root's and
// the user's.
func New(t testing.TB) *Granary {
	dir := t.TempDir()
	g := &Granary{t: t, Own: filepath.Join(dir, "own"), System: filepath.Join(dir, "system"), Clock: time.Now()}
	for _, d := range []string{g.Own, g.System} {
		if err := os.MkdirAll(filepath.Join(d, "locks"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	anyOfUs := guard.Guard{Owners: []uint32{0, uint32(os.Geteuid())}}
	g.Open(anyOfUs, anyOfUs)
	return g
}

// Open has a keeper that knows nothing yet read the files, by these guards of the
// user's and the system's.
func (g *Granary) Open(own, system guard.Guard) {
	g.Keeper = keeper.New([]keeper.Shelf{
		{Path: filepath.Join(g.Own, "grants.toml"), Locks: filepath.Join(g.Own, "locks"), Guard: own},
		{Path: filepath.Join(g.System, "grants.toml"), Locks: filepath.Join(g.System, "locks"), Guard: system},
	}, keeper.Options{Now: g.now, Log: slog.New(slog.NewTextHandler(&g.Log, nil))})
}

func (g *Granary) now() time.Time {
	if g.Clock.IsZero() {
		return time.Now()
	}
	return g.Clock
}

// PathOf is a store path that goes by a number.
func PathOf(n int) lock.StorePath {
	const letters = "0123456789abcdfghijklmnpqrsvwxyz"
	digest := []byte(strings.Repeat("0", 32))
	for i := 0; n > 0; i, n = i+1, n/32 {
		digest[31-i] = letters[n%32]
	}
	return lock.StorePath(string(digest) + "-pkg")
}

// LockOf is a lock that pins paths n to n+count-1.
func LockOf(t testing.TB, n, count int) (digest string, text []byte) {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{exampleKey}}}
	s := l.Section("x86_64-linux")
	for i := n; i < n+count; i++ {
		s.Paths[PathOf(i)] = lock.Pin{NAR: lock.Hash{1, byte(i), byte(i >> 8)}, Size: 168}
	}
	digest, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if text, err = l.Print(); err != nil {
		t.Fatal(err)
	}
	return digest, text
}

const exampleKey = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// Grant is a grant of a lock for github:o/FLAKE, given an hour ago.
func (g *Granary) Grant(flake, digest string) grants.Grant {
	return grants.Grant{
		Flake: grants.Identity("github:o/" + flake), Lock: digest, Systems: []string{"x86_64-linux"},
		Caches:  []lock.Cache{{URL: "https://cache.example", Keys: []string{exampleKey}}},
		Granted: g.now().Add(-time.Hour).UTC().Truncate(time.Second),
	}
}

// Deny is a denial of github:o/FLAKE, an hour old.
func (g *Granary) Deny(flake string) grants.Deny {
	return grants.Deny{Flake: grants.Identity("github:o/" + flake), Since: g.now().Add(-time.Hour).UTC().Truncate(time.Second)}
}

// Write writes a file in place.
func (g *Granary) Write(path string, text []byte) {
	g.t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// Say writes what the grants.toml of a folder says.
func (g *Granary) Say(dir string, f grants.File) {
	g.t.Helper()
	f.Version = grants.Version
	text, err := f.Print()
	if err != nil {
		g.t.Fatal(err)
	}
	g.Write(filepath.Join(dir, "grants.toml"), text)
}

// Accept keeps a lock that pins paths n to n+count-1, and returns its digest.
func (g *Granary) Accept(dir string, n, count int) string {
	g.t.Helper()
	digest, text := LockOf(g.t, n, count)
	g.Write(filepath.Join(dir, "locks", digest+".cache-lock"), text)
	return digest
}

// Serves fails unless exactly these flakes are served, and the problems say these
// texts, one each. It asks twice: the second time nothing has changed.
func (g *Granary) Serves(flakes string, problems ...string) {
	g.t.Helper()
	list, _ := g.Standings()
	var got []string
	for _, s := range list {
		if s.Serves() {
			got = append(got, strings.TrimPrefix(string(s.Grant.Flake), "github:o/"))
		}
	}
	if strings.Join(got, " ") != flakes {
		g.t.Fatalf("%q is served, want %q; problems: %q", got, flakes, g.Problems())
	}
	told := g.Problems()
	if len(told) != len(problems) {
		g.t.Fatalf("the problems are %q, want %d", told, len(problems))
	}
	for i, want := range problems {
		if !strings.Contains(told[i], want) {
			g.t.Errorf("a problem is %q, want %q", told[i], want)
		}
		if !strings.Contains(g.Log.String(), "ERROR") {
			g.t.Errorf("%q is not in the log", told[i])
		}
	}
	if _, changed := g.Standings(); changed {
		g.t.Fatal("nothing has changed, and it says so")
	}
}
