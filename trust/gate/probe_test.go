package gate

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// probeOf asks for a probe.
func (s *served) probeOf(t *testing.T, prefix string) string {
	t.Helper()
	code, text, err := s.get(t, prefix+"nix-trust-probe")
	if code != 200 || err != nil {
		t.Fatalf("%d %s %v", code, text, err)
	}
	path, ok := strings.CutSuffix(string(text), "\n")
	if !ok {
		t.Fatalf("%q", text)
	}
	return path
}

func TestAProbeIsSignedAndHasNoContentAddress(t *testing.T) {
	g := serve(t, Options{})
	text := g.probeOf(t, "e3/")
	path, err := bincache.ParseStorePathIn("/nix/store", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"", "e0/", "e7/"} {
		code, info, _ := g.get(t, prefix+path.Digest()+".narinfo")
		n, err := bincache.ParseNarInfo("", info)
		if code != 200 || err != nil || n.Path != path || n.CA != "" || len(n.References) != 0 {
			t.Fatalf("%d %v %s", code, err, info)
		}
		if c := bincache.CheckSignatures(n, bincache.NewKeyring([]string{g.key.PublicText()})); c.Verdict != bincache.Verified {
			t.Errorf("%+v", c)
		}
		code, nar, err := g.get(t, prefix+n.URL)
		if code != 200 || err != nil || sha256.Sum256(nar) != n.NarHash || uint64(len(nar)) != n.NarSize {
			t.Errorf("%d %v", code, err)
		}
		var files bytes.Buffer
		if err := bincache.ReadNar(bytes.NewReader(nar), func(e bincache.Entry) error { files.WriteString(e.Path); return nil }); err != nil {
			t.Errorf("it is no archive: %v", err)
		}
		r, err := http.Head(g.url + "/" + prefix + n.URL)
		if err != nil || r.StatusCode != 200 || uint64(r.ContentLength) != n.NarSize {
			t.Errorf("%v %v", r, err)
		}
		for _, wrong := range []string{strings.Replace(n.URL, ".nar", ".nar.xz", 1), "nar/" + path.Digest() + ".nar", "nar/" + path.Digest() + "-x.nar"} {
			if code, _, _ := g.get(t, wrong); code != 404 {
				t.Errorf("%s: %d", wrong, code)
			}
		}
	}
	if r, err := http.Head(g.url + "/nix-trust-probe"); err != nil || r.StatusCode != 404 {
		t.Errorf("HEAD makes one: %v %v", r, err)
	}
	if s := g.Status(); s.Paths != 0 || s.Served.Infos != 0 || s.Served.Misses != 0 {
		t.Errorf("%+v", s)
	}
}

func TestProbesEndAndAreFew(t *testing.T) {
	g := serve(t, Options{})
	info := func(path string) string { return path[len("/nix/store/"):][:32] + ".narinfo" }
	var all []string
	for range mostProbes {
		all = append(all, g.probeOf(t, ""))
	}
	if code, _, _ := g.get(t, "nix-trust-probe"); code != 429 {
		t.Errorf("one more at once: %d", code)
	}
	g.clock.Store(int64(probePause / time.Second))
	all = append(all, g.probeOf(t, ""))
	if code, _, _ := g.get(t, "nix-trust-probe"); code != 429 {
		t.Errorf("and one more: %d", code)
	}
	for i, path := range all {
		want := 200
		if i == 0 {
			want = 404
		}
		if code, _, _ := g.get(t, info(path)); code != want {
			t.Errorf("probe %d: %d", i, code)
		}
	}
	seen := map[string]bool{}
	for _, path := range all {
		seen[path] = true
	}
	if len(seen) != len(all) {
		t.Error("a probe came twice")
	}
	g.clock.Store(int64(probeTime / time.Second))
	if code, _, _ := g.get(t, info(all[1])); code != 404 {
		t.Errorf("after its time: %d", code)
	}
	if code, _, _ := g.get(t, info(all[mostProbes])); code != 200 {
		t.Errorf("in its time: %d", code)
	}
	g.clock.Store(-1)
	if code, _, _ := g.get(t, info(all[mostProbes])); code != 404 {
		t.Errorf("before it was made: %d", code)
	}
	g.probeOf(t, "")
}
