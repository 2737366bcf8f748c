package demo

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/grants"
)

var morning = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// granted is the active grant of a flake's lock.
func granted(t *testing.T, m madeLock) grants.Standing {
	t.Helper()
	digest, err := m.now.Digest()
	if err != nil {
		t.Fatal(err)
	}
	id := grants.Identity("path:" + m.folder)
	g := grants.Grant{Flake: id, Lock: digest, Caches: m.now.Caches, Systems: []string{linux}, Granted: morning, Seen: m.folder}
	s := grants.Judge(id, []grants.Scope{{Path: "/g.toml", File: &grants.File{Version: grants.Version, Grants: []grants.Grant{g}}}},
		morning, grants.ReadBack(m.now, nil), grants.Offer{State: grants.OfferNone})
	if !s.Serves() {
		t.Fatal(s.Text)
	}
	return s
}

func opened(t *testing.T) *Gate {
	t.Helper()
	g, err := hurried().OpenGate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(false); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(g.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the scratch folder is left behind: %v", err)
		}
	})
	return g
}

func outputs(m madeLock) (out []lock.StorePath) {
	for _, p := range m.now.Systems[linux].Outputs {
		out = append(out, p)
	}
	return out
}

// inScratch are the paths that lie in the scratch folder.
func inScratch(t *testing.T, g *Gate) (names []string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(g.Dir, storeIn))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestNothingButWhatIsGrantedComesThroughTheDemosGate(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	defer http.DefaultClient.CloseIdleConnections()
	t.Run("", func(t *testing.T) {
		g, m := opened(t), comet()
		before, err := g.Fetch(t.Context(), outputs(m), nil)
		if err != nil || len(before.Paths) != 0 || len(before.Refused) != 1 || !errors.Is(before.Refused[0].Err, ErrNotServed) {
			t.Fatalf("without a grant: %+v, %v", before, err)
		}
		g.Load([]grants.Standing{granted(t, m)})
		last := -1
		got, err := g.Fetch(t.Context(), outputs(m), func(done, all int) {
			if done < last || done > all {
				t.Errorf("progress went from %d to %d of %d", last, done, all)
			}
			last = done
		})
		pins := m.now.Systems[linux].Paths
		if err != nil || len(got.Paths) != len(pins) || len(got.Refused) > 0 || last != len(pins) {
			t.Fatalf("%d of %d paths came: %+v, %v", len(got.Paths), len(pins), got, err)
		}
		var size int64
		for i, p := range got.Paths {
			hash, n, err := g.Reread(p)
			if err != nil || hash != pins[p].NAR || n != pins[p].Size {
				t.Errorf("%s is %v of %d bytes, %v", p, hash, n, err)
			}
			for _, ref := range pins[p].Refs {
				if !slices.Contains(got.Paths[:i], ref) {
					t.Errorf("%s came before %s", p, ref)
				}
			}
			size += n
		}
		if got.Bytes != size || len(inScratch(t, g)) != len(pins) {
			t.Errorf("%d bytes, %d are there", got.Bytes, size)
		}
		from, err := g.client.Cache(g.URL())
		if err != nil {
			t.Fatal(err)
		}
		info, err := g.info(t.Context(), from, outputs(m)[0])
		if err != nil {
			t.Fatal(err)
		}
		g.Load(nil)
		for _, file := range []string{info.Path.Digest() + ".narinfo", info.URL} {
			r, err := http.Get("http://" + g.Address + "/" + file)
			if err != nil || r.StatusCode != 404 {
				t.Fatalf("%s after the grant was taken back: %v, %v", file, r, err)
			}
			r.Body.Close()
		}
		if again, err := g.Fetch(t.Context(), outputs(m), nil); err != nil || len(again.Paths)+again.Had > 0 {
			t.Errorf("after the grant was taken back: %+v, %v", again, err)
		}
	})
}

func TestACacheThatTurnsHostileGetsNothingIn(t *testing.T) {
	g, m := opened(t), harbor()
	g.Load([]grants.Standing{granted(t, m)})
	got, err := g.Fetch(t.Context(), outputs(m), nil)
	if err != nil || len(got.Paths) != 1 || got.Paths[0].Name() != "tide-tables-2025" || len(got.Refused) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if crane := got.Refused[0]; crane.Path.Name() != craneName || !errors.Is(crane.Err, errNotDelivered) {
		t.Errorf("%+v", crane)
	}
	if app := got.Refused[1].Err.Error(); !strings.Contains(app, craneName) {
		t.Errorf("what refers to it was refused with %q", app)
	}
	if names := inScratch(t, g); len(names) != 1 {
		t.Errorf("the scratch folder has %v", names)
	}
	blamed := map[string]bool{}
	for _, e := range g.Evidence() {
		if e.Path.Name() != craneName {
			t.Errorf("%+v", e)
		}
		blamed[e.Cache] = true
	}
	if !blamed["https://harbor-cache.example"] {
		t.Error("there is no evidence against the cache")
	}
}

func TestAFetchThatIsStoppedLeavesNothingHalf(t *testing.T) {
	h := New() // its caches take their time
	g, err := h.OpenGate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := comet()
	g.Load([]grants.Standing{granted(t, m)})
	ctx, cancel := context.WithCancel(t.Context())
	_, err = g.Fetch(ctx, outputs(m), func(done, _ int) {
		if done == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for _, name := range inScratch(t, g) {
		p := lock.StorePath(name)
		if hash, _, err := g.Reread(p); err != nil || hash != m.now.Systems[linux].Paths[p].NAR {
			t.Errorf("%s: %v, %v", name, hash, err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(g.Dir, workIn)); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := g.Close(true); err != nil {
		t.Error(err)
	}
	list, err := os.ReadDir(g.Dir)
	if err != nil || len(list) != 1 || list[0].Name() != storeIn {
		t.Errorf("what is kept is %v, %v", list, err)
	}
	if err := os.RemoveAll(g.Dir); err != nil {
		t.Error(err)
	}
}
