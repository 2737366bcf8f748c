package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// probedCache says a nix-cache-info and has nothing, and counts requests.
func probedCache(t *testing.T, info string) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if strings.HasSuffix(r.URL.Path, "/nix-cache-info") {
			io.WriteString(w, info)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func runProbe(t *testing.T, s streams, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	s.out, s.err = &o, &e
	if s.in == nil {
		s.in = strings.NewReader("")
	}
	code = run(context.Background(), args, s)
	return code, o.String(), e.String()
}

// Only a yes lets a host hear anything, of probe and of doctor alike.
func TestProbeAndDoctorAskNobodyBeforeTheyMay(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	url, requests := probedCache(t, "StoreDir: /nix/store\nPriority: 41\n")
	const path = "a0000000000000000000000000000000-hello"
	for _, command := range [][]string{{"probe", url}, {"doctor", url}, {"probe", "--path", path, url}, {"doctor", url, path}} {
		for _, c := range []struct {
			reply    string
			terminal bool
			yes      bool
			asked    bool
		}{
			{"y\n", true, false, true}, {"", false, true, true}, {"n\n", true, false, false}, {"", true, false, false}, {"y\n", false, false, false},
		} {
			requests.Store(0)
			args := append([]string{"--plain"}, command...)
			if c.yes {
				args = append(args, "--yes")
			}
			code, out, errs := runProbe(t, streams{in: strings.NewReader(c.reply), terminal: c.terminal}, args...)
			if (requests.Load() > 0) != c.asked || (out != "") != c.asked {
				t.Errorf("%q %+v: exit %d after %d requests: %s%s", args, c, code, requests.Load(), out, errs)
			}
			if !c.terminal && !c.yes && code != exitUsage {
				t.Errorf("%q: exit %d", args, code)
			}
			want := "1 host would be asked how it is, and learn of no path: "
			if strings.Contains(strings.Join(args, " "), path) {
				want = "1 host would learn that you use 1 path: "
			}
			if c.terminal && !strings.Contains(errs, want+strings.TrimPrefix(url, "http://")) {
				t.Errorf("%q: it did not say what would be learned: %q", args, errs)
			}
		}
	}
}

func TestProbeKeepsWhatItFoundAndShowsItWithoutAsking(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	if code, out, errs := runProbe(t, streams{}, "probe", "--last"); code != exitUnknown || out != "" || !strings.Contains(errs, "nothing is known of an earlier probe") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	good, requests := probedCache(t, "StoreDir: /nix/store\nPriority: 41\n")
	first, _ := probedCache(t, "StoreDir: /nix/store\nPriority: 3\n")
	secret := strings.Replace(good, "http://", "http://me:hunter2@", 1) + "?token=hunter2"
	code, out, errs := runProbe(t, streams{}, "probe", "--plain", "--yes", "--path", "a0000000000000000000000000000000-hello", secret, first)
	if code != exitOK || errs != "" || strings.Contains(out, "hunter2") || !strings.Contains(out, "  1. "+first) || !strings.Contains(out, "  2. "+good) || !strings.Contains(out, "absent  a0000000000000000000000000000000-hello") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	file := filepath.Join(dir, "nix-trust/probes.json")
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "hello") {
		t.Errorf("%s %v", text, err)
	}
	asked := requests.Load()
	code, out, errs = runProbe(t, streams{}, "probe", "--plain", "--last", good+"/")
	if code != exitOK || errs != "" || !strings.Contains(out, "reachable  "+good+"  just now") || strings.Contains(out, first) || requests.Load() != asked {
		t.Errorf("%d %s%s", code, out, errs)
	}
	var doc probeJSON
	code, out, _ = runProbe(t, streams{}, "probe", "--json", "--last")
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitOK || !doc.Kept || len(doc.Probes) != 2 || doc.Order[0] != first || *doc.Probes[0].Priority == 0 || doc.Probes[0].HitTypical == nil {
		t.Errorf("%d %v %s", code, err, out)
	}
	// One that does not read is said to, and replaced.
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = runProbe(t, streams{}, "probe", "--last"); code != exitUnknown || !strings.Contains(errs, "warning: the results of earlier probes are not used") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs = runProbe(t, streams{}, "probe", "--yes", first); code != exitOK || !strings.Contains(errs, "warning: ") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs = runProbe(t, streams{}, "probe", "--last"); code != exitOK || errs != "" {
		t.Errorf("%d %s", code, errs)
	}
	// A place that cannot be written to does no harm.
	t.Setenv("XDG_CACHE_HOME", filepath.Join(file, "in a file"))
	if code, out, errs = runProbe(t, streams{}, "probe", "--yes", first); code != exitOK || out == "" || !strings.Contains(errs, "not kept") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

// A cache's own text is shown as what it is, and does nothing to a terminal.
func TestAHostileNixCacheInfoIsShownHarmless(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	url, _ := probedCache(t, "StoreDir: /nix/store\nPriority: \x1b]0;owned\x07\u202e\n")
	for _, args := range [][]string{{"probe", "--yes", url}, {"probe", "--last"}, {"doctor", "--yes", url}} {
		code, out, errs := runProbe(t, streams{}, args...)
		if code != exitFindings && code != exitUnknown || strings.ContainsAny(out+errs, "\x1b\x07\u202e") || !strings.Contains(out, "Nix fails") {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
}

func TestAWrongUseOfProbeIsSaid(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for want, args := range map[string][]string{
		"is not the URL of a cache":      {"probe", "example.org"},
		"is not the URL of a cache; ":    {"doctor", "./flake"},
		"--path":                         {"probe", "--yes", "--path", "hello", "http://127.0.0.1:1"},
		"is not a store path":            {"doctor", "--yes", "http://127.0.0.1:1", "hello"},
		"--all names":                    {"probe", "--all", "http://127.0.0.1:1"},
		"--last asks nobody":             {"probe", "--last", "--yes"},
		"without --root":                 {"probe", "--last", "--root", t.TempDir()},
		"none was given":                 {"doctor", "--yes"},
		"no derivations":                 {"demo", "doctor", "--yes", "https://comet.cachix.org", "a0000000000000000000000000000000-hello.drv"},
		"takes at most 2 arguments":      {"doctor", "a", "b", "c"},
		"is not the URL of a cache\nnix": {"probe", "https//x"},
	} {
		code, out, errs := runProbe(t, streams{}, args...)
		head, _, _ := strings.Cut(want, ";")
		head, _, _ = strings.Cut(head, "\n")
		if want == "without --root" {
			head = "leave out --root"
		}
		if code != exitUsage || out != "" || !strings.Contains(errs, head) {
			t.Errorf("%q: %d %s%s", args, code, out, errs)
		}
	}
}
