package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/hosttest"
)

// bundleOf makes a bundle of a machine and returns its bytes. What it shows has
// to be what a plain look at the machine shows.
func bundleBytes(t *testing.T, a *app, m *host.Machine, o host.Options) []byte {
	t.Helper()
	ctx := context.Background()
	b, live, err := a.bundleOf(ctx, m, o, false)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		t.Fatal(err)
	}
	differs, err := differences(ctx, text.Bytes(), live)
	if err != nil || len(differs) > 0 {
		t.Errorf("it differs in %q, %v", differs, err)
	}
	var again bytes.Buffer
	if err := b.Write(&again); err != nil || !bytes.Equal(again.Bytes(), text.Bytes()) {
		t.Error("the same bundle was written as other bytes", err)
	}
	return text.Bytes()
}

// outputOf runs a command and returns what it says on stdout, and how it ends.
func outputOf(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errs})
	if out.Len() == 0 {
		t.Logf("%q: %s", args, errs.String())
	}
	return out.String(), code
}

// sameSaid runs commands on a machine and on a bundle of it, and fails where one
// byte differs.
func sameSaid(t *testing.T, live, bundled []string, commands ...string) {
	t.Helper()
	for _, c := range commands {
		args := strings.Fields(c)
		want, code := outputOf(t, append(args, live...)...)
		got, again := outputOf(t, append(args, bundled...)...)
		if got != want || code != again || !json.Valid([]byte(want)) && strings.Contains(c, "--json") {
			t.Errorf("%s: with %d and not %d, %s", c, again, code, firstDifference(got, want))
		}
	}
}

// firstDifference is the first line in which two texts differ.
func firstDifference(got, want string) string {
	one, two := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(one), len(two)) {
		if one[i] != two[i] {
			return fmt.Sprintf("line %d is %q and not %q", i+1, one[i], two[i])
		}
	}
	return fmt.Sprintf("%d lines and not %d", len(one), len(two))
}

func TestABundleOfTheDemoShowsTheSame(t *testing.T) {
	t.Setenv("NIX_TRUST_CONFIG_DIR", t.TempDir())
	t.Setenv("NIX_TRUST_STATE_DIR", t.TempDir())
	a := &app{demo: true}
	m, o := a.made().Machine()
	text := bundleBytes(t, a, m, o)
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"status", "why", "answers list", "lint"} {
		c := append(strings.Fields(c), "--json")
		want, code := outputOf(t, append([]string{"demo"}, c...)...)
		got, again := outputOf(t, append(c, "--root", file)...)
		if got != want || code != again {
			t.Errorf("%s: with %d and not %d, %s", c, again, code, firstDifference(got, want))
		}
	}
}

func TestABundleOfAnotherRootShowsTheSame(t *testing.T) {
	root := t.TempDir()
	if _, err := hosttest.Write(root, hosttest.Size{Flakes: 20, Inputs: 60, Answers: 40}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if out, code := outputOf(t, "report", "--root", root, "--bundle", file); code != exitOK || strings.Contains(out, "differ") {
		t.Fatal(code, out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	sameSaid(t, []string{"--root", root}, []string{"--root", file}, "status --json", "why --json", "config --json", "config --all", "lint --json", "answers list --json", "why /home/alice/src/project0 --json")
}

// A bundle comes from somebody else: whatever its strings hold, nothing of it
// acts on a terminal.
func TestABundleCannotWriteToTheTerminal(t *testing.T) {
	a := &app{demo: true}
	m, o := a.made().Machine()
	b, _, err := a.bundleOf(context.Background(), m, o, false)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		t.Fatal(err)
	}
	const evil = "\x1b]0;x\a\x1b[31m\u202e\u200b\r\n"
	read := 0
	for n := 0; ; n++ {
		changed, what := evilBundle(t, text.Bytes(), n, evil)
		if changed == nil {
			break
		}
		file := filepath.Join(t.TempDir(), "b.tar.gz")
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []string{"status", "why", "doctor", "lint", "answers list", "config", "grants", "why --json", "status --json"} {
			var out, errs bytes.Buffer
			code := run(context.Background(), append(strings.Fields(c), "--root", file), streams{in: strings.NewReader(""), out: &out, err: &errs})
			if code != exitUnknown {
				read++
			}
			if all := out.String() + errs.String(); strings.ContainsAny(all, "\x1b\a\r\u202e\u200b") {
				at := strings.IndexAny(all, "\x1b\a\r\u202e\u200b")
				t.Errorf("%s, with %s: %q", c, what, all[max(0, at-100):min(len(all), at+40)])
				break
			}
			if strings.Contains(errs.String(), "could not be read as a bundle") {
				break
			}
		}
	}
	if read < 100 {
		t.Errorf("only %d times was a bundle read", read)
	}
}

// evilBundle is a bundle with something added to the n-th string of its manifest;
// nil when it has none.
func evilBundle(t *testing.T, text []byte, n int, evil string) (changed []byte, what string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to := gzip.NewWriter(&out)
	from, w := tar.NewReader(z), tar.NewWriter(to)
	for {
		h, err := from.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg && what == "" {
			var manifest any
			if err := json.Unmarshal(data, &manifest); err != nil {
				t.Fatal(err)
			}
			if what = addTo(manifest, "", &n, evil); what == "" {
				return nil, ""
			}
			if data, err = json.Marshal(manifest); err != nil {
				t.Fatal(err)
			}
			h.Size = int64(len(data))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	to.Close()
	return out.Bytes(), what
}

// addTo adds to the n-th string of a JSON value, those of long lists aside, and
// says which that is.
func addTo(v any, name string, n *int, evil string) string {
	is := func(string) bool { *n--; return *n < 0 }
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if s, ok := v[k].(string); ok {
				if is(s) {
					v[k] = s + evil
					return name + "." + k
				}
				continue
			}
			if what := addTo(v[k], name+"."+k, n, evil); what != "" {
				return what
			}
		}
	case []any:
		for i := range v[:min(len(v), 2)] {
			if s, ok := v[i].(string); ok {
				if is(s) {
					v[i] = s + evil
					return name
				}
				continue
			}
			if what := addTo(v[i], name, n, evil); what != "" {
				return what
			}
		}
	}
	return ""
}

func TestABundleShowsGrantsAsTheyStood(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("NIX_TRUST_CONFIG_DIR", home+"/trust-config")
	t.Setenv("NIX_TRUST_STATE_DIR", home+"/trust-state")
	write(t, home+"/good/flake.nix", "{ outputs = _: { }; }\n")
	write(t, home+"/good/flake.cache-lock", grantLock)
	grantIn(t, home, home+"/good", nil)
	write(t, home+"/stale/flake.nix", "{ outputs = _: { }; }\n")
	write(t, home+"/stale/flake.cache-lock", grantLock)
	grantIn(t, home, home+"/stale", func(g *grants.Grant) { g.Expires = g.Granted.AddDate(0, 0, 1) })
	t.Chdir(home + "/good")
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if out, code := outputOf(t, "report", "--bundle", file); code != exitOK {
		t.Fatal(code, out)
	}
	if out, code := outputOf(t, "grants"); code != exitFindings || !strings.Contains(out, "active") || !strings.Contains(out, "expired") {
		t.Fatal(code, out)
	}
	t.Setenv("NIX_TRUST_CONFIG_DIR", t.TempDir())
	empty, _ := outputOf(t, "grants")
	t.Setenv("NIX_TRUST_CONFIG_DIR", home+"/trust-config")
	live := map[string]string{}
	commands := []string{"grants --json", "grants --plain", "status --json", "why --json"}
	for _, c := range commands {
		live[c], _ = outputOf(t, strings.Fields(c)...)
	}
	// Whatever this user has granted by the time it is looked at is of no account.
	t.Setenv("NIX_TRUST_CONFIG_DIR", t.TempDir())
	t.Chdir("/")
	for _, c := range commands {
		if got, _ := outputOf(t, append(strings.Fields(c), "--root", file)...); got != live[c] || got == empty {
			t.Errorf("%s: %s", c, firstDifference(got, live[c]))
		}
	}
	if _, code := outputOf(t, "grants", "--root", file); code != exitFindings {
		t.Errorf("it ends with %d", code)
	}
}

func TestAForgedListingOfGrantsIsRefused(t *testing.T) {
	good := jsonGrant{Lock: strings.Repeat("ab", 32), State: "active", Granted: "2026-01-02T03:04:05Z", Systems: []string{"x86_64-linux"}}
	if err := (grantsJSON{Version: 1, Grants: []jsonGrant{good}}).check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*jsonGrant){
		"short lock": func(g *jsonGrant) { g.Lock = "ab" },
		"no digest":  func(g *jsonGrant) { g.Lock = strings.Repeat("x", 64) },
		"state":      func(g *jsonGrant) { g.State = "active\x1b[31m" },
		"time":       func(g *jsonGrant) { g.Granted = "yesterday" },
		"expiry":     func(g *jsonGrant) { g.Expires = "\x1b" },
		"system":     func(g *jsonGrant) { g.Systems = []string{"\x1b"} },
	} {
		g := good
		change(&g)
		if err := (grantsJSON{Version: 1, Grants: []jsonGrant{g}}).check(); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	for state, want := range map[string]int{"active": exitOK, "stale": exitFindings, "unknown": exitUnknown, "": exitUnknown, "great": exitUnknown} {
		g := good
		g.State = state
		if got := (grantsJSON{Version: 1, Grants: []jsonGrant{g}}).code(); got != want {
			t.Errorf("%q ends with %d, want %d", state, got, want)
		}
	}
}

// A flake that cannot be reduced to what Nix reads of it is left out, and that
// the bundle shows less is said to whoever makes it and to whoever has it.
func TestABundleSaysWhereItShowsLess(t *testing.T) {
	root := t.TempDir()
	if _, err := hosttest.Write(root, hosttest.Size{Flakes: 2, Inputs: 1, Answers: 1}); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/home/alice/src/project1/flake.nix", "{ outputs = _: { secret = 1; }; broken")
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	say := func(args ...string) string {
		var out, errs bytes.Buffer
		run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errs})
		return out.String() + errs.String()
	}
	made := say("report", "--root", root, "--bundle", file)
	for _, want := range []string{"project1/flake.nix  left out: what Nix reads of it cannot be told from the rest; --sources takes flakes whole", "does not show the same as this machine in: status, why path:/home/alice/src/project1\n"} {
		if !strings.Contains(made, want) {
			t.Errorf("it does not say %q:\n%s", want, made)
		}
	}
	seen := say("why", "/home/alice/src/project1", "--root", file)
	for _, want := range []string{"does not show the same as that machine did in: status, why path:/home/alice/src/project1", "flake.nix could not be read: it is not in the bundle"} {
		if !strings.Contains(seen, want) {
			t.Errorf("it does not say %q:\n%s", want, seen)
		}
	}
	if strings.Contains(unpackedText(t, file), "secret") {
		t.Error("it was not left out")
	}
	if whole := say("report", "--root", root, "--bundle", file, "--force", "--sources"); strings.Contains(whole, "left out") || strings.Contains(whole, "does not show") {
		t.Errorf("with the sources: %s", whole)
	}
	if !strings.Contains(unpackedText(t, file), "secret = 1") {
		t.Error("--sources left it out")
	}
	// Unpacked, it is another root.
	unpacked := t.TempDir()
	unpack(t, file, unpacked)
	if got := say("status", "--root", unpacked+"/root"); !strings.Contains(got, "/src/project0") {
		t.Errorf("unpacked it shows\n%s", got)
	}
}

func unpackedText(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unpack does what tar does.
func unpack(t *testing.T, file, to string) {
	t.Helper()
	from := tar.NewReader(strings.NewReader(unpackedText(t, file)))
	for {
		h, err := from.Next()
		if err == io.EOF {
			return
		}
		at := filepath.Join(to, h.Name)
		switch {
		case err != nil:
		case h.Typeflag == tar.TypeDir:
			err = os.MkdirAll(at, 0o755)
		case h.Typeflag == tar.TypeSymlink:
			err = os.Symlink(h.Linkname, at)
		default:
			var data []byte
			if data, err = io.ReadAll(from); err == nil {
				err = os.WriteFile(at, data, os.FileMode(h.Mode))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
