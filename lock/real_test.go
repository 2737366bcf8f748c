package lock

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const zeros = "00000000000000000000000000000000"

// pathNames are base names at the edges of the rule.
var pathNames = []string{
	hello, zeros + "-x", zeros + "-", zeros, "x", "", zeros + "-.", zeros + "-..", zeros + "-...", zeros + "-.x", zeros + "-..x",
	zeros + "-.-x", zeros + "-..-x", zeros + "-...-x", zeros + "--", zeros + "-+-._?=", zeros + "-x y", zeros + "-x~", zeros + "-x@",
	zeros + "-ä", zeros + "-" + strings.Repeat("n", 211), zeros + "-" + strings.Repeat("n", 212), zeros[:31] + "e-x", zeros[:31] + "o-x",
	zeros[:31] + "u-x", zeros[:31] + "t-x", zeros[:31] + "A-x", zeros[:31] + "-x", zeros[:31] + ".-x", zeros + "0-x", strings.Repeat("z", 32) + "-x",
}

// What is a store path in a lock is one for real Nix. The other way round, Nix
// does not look at the dash, and 2.8 took names of dots.
func TestRealNixTakesThePathsOfALock(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		_, dir := nix.Dir(t)
		var script strings.Builder
		for _, name := range pathNames {
			fmt.Fprintf(&script, "nix-store -q --hash '%s/store/%s' 2>&1 | tr '\\n' ' '; echo\n", dir, name)
		}
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script.String()}, Env: storeEnv(dir)})
		lines := strings.Split(strings.TrimRight(r.Stdout, "\n"), "\n")
		if len(lines) != len(pathNames) {
			t.Fatalf("%d answers for %d paths: %s%s", len(lines), len(pathNames), r.Stdout, r.Stderr)
		}
		for i, name := range pathNames {
			// A path that could be one is only not there.
			theirs := strings.Contains(lines[i], "is not valid ") && !strings.Contains(lines[i], "name '") && !strings.Contains(lines[i], "not a valid store path")
			ours := checkPath(StorePath(name)) == nil
			looser := !ours && theirs && (name == zeros+"0-x" || nix.Short == "2.8" && strings.HasPrefix(name, zeros+"-."))
			if ours != theirs && !looser {
				t.Errorf("%q: a lock takes it: %v; real Nix: %v (%s)", name, ours, theirs, lines[i])
			}
		}
	})
}

func storeEnv(dir string) []string {
	return []string{
		"HOME=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state", "NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
		"NIX_CONFIG=experimental-features = nix-command\nsubstituters =",
	}
}

// A pin holds what real Nix says of its own paths, every kind of content
// address among them, and the lock of them reads back as it was.
func TestALockHoldsWhatRealNixSaysOfItsPaths(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		_, dir := nix.Dir(t)
		script := `cd ` + dir + ` && mkdir d && echo hi > d/f && echo ho > g &&
nix-store --add d && nix-store --add-fixed sha256 g && nix-store --add-fixed --recursive sha1 d && nix-store --add-fixed md5 g && nix-store --add-fixed sha512 g &&
nix-instantiate --eval --read-write-mode --strict -E 'toString (builtins.toFile "t" "see ${builtins.toFile "u" "u"} and ${builtins.path { path = ./d; name = "p.q-1.2"; }}")' &&
nix path-info --json --all > info.json && cat info.json`
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: storeEnv(dir)})
		i := strings.IndexAny(r.Stdout, "[{")
		if r.Code != 0 || i < 0 {
			t.Fatalf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		infos := pathInfos(t, []byte(r.Stdout[i:]))
		l := New()
		s := l.Section("x86_64-linux")
		kinds := map[string]bool{}
		for path, info := range infos {
			h, err := bincache.ParseHash(info.NarHash)
			if err != nil {
				t.Fatal(err)
			}
			p := Pin{NAR: h, Size: info.NarSize, CA: info.CA}
			for _, ref := range info.References {
				p.Refs = append(p.Refs, StorePath(ref[strings.LastIndexByte(ref, '/')+1:]))
			}
			slices.Sort(p.Refs)
			s.Paths[StorePath(path[strings.LastIndexByte(path, '/')+1:])] = p
			kinds[info.CA[:strings.LastIndexByte(info.CA, ':')]] = true
		}
		for _, kind := range []string{"text:sha256", "fixed:sha256", "fixed:r:sha256", "fixed:r:sha1", "fixed:md5", "fixed:sha512"} {
			if !kinds[kind] {
				t.Errorf("no path with a content address %s was made: %v", kind, kinds)
			}
		}
		back := mustParse(t, mustPrint(t, l))
		if d := Compare(l, back); len(d) != 0 || len(back.Systems["x86_64-linux"].Paths) != len(infos) {
			t.Errorf("read back, it differs: %+v", d)
		}
	})
}

type pathInfo struct {
	Path, NarHash, CA string
	NarSize           int64
	References        []string
}

// pathInfos reads a list, as Nix printed until 2.19, or an object by path.
func pathInfos(t *testing.T, text []byte) map[string]pathInfo {
	t.Helper()
	m := map[string]pathInfo{}
	if err := json.Unmarshal(text, &m); err == nil {
		return m
	}
	var l []pathInfo
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, info := range l {
		m[info.Path] = info
	}
	return m
}

var versionTexts = []string{"", "0", "1", "01", "1.0", "1.0.0", "1.2", "1.10", "1.2a", "1.2.a", "1.2pre", "1.2pre1", "1.2-pre", "1.2rc1", "2.3a", "2.3.1", "pre", "a", "b", "-", ".", "1-", "1..2", "2147483648", "2147483647", "1.2+git", "20240101", "unstable-2024"}

// What lock diff calls older is older for Nix.
func TestVersionsAreOrderedAsByRealNix(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		_, dir := nix.Dir(t)
		quoted := func(list []string) string { return `[ "` + strings.Join(list, `" "`) + `" ]` }
		names := []string{"hello-2.12", "hello-2.12.1-lib", "a-b", "a-1b-2", "x", "a-", "-1", "python3.11-numpy-1.26", "a--b", "a-_1", "lib-é"}
		expr := `let v = ` + quoted(versionTexts) + `; in { c = map (a: map (b: builtins.compareVersions a b) v) v; n = map builtins.parseDrvName ` + quoted(names) + `; }`
		r := nix.Run(t, realnix.Cmd{Args: []string{"nix-instantiate", "--eval", "--strict", "--json", "-E", expr}, Env: storeEnv(dir)})
		var got struct {
			C [][]int
			N []struct{ Name, Version string }
		}
		if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil || len(got.C) != len(versionTexts) || len(got.N) != len(names) {
			t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
		}
		for i, a := range versionTexts {
			for j, b := range versionTexts {
				if c := compareVersions(a, b); c != got.C[i][j] {
					t.Errorf("%q against %q: %d, and real Nix says %d", a, b, c, got.C[i][j])
				}
			}
		}
		for i, name := range names {
			if n, v := splitName(name); n != got.N[i].Name || v != got.N[i].Version {
				t.Errorf("%q splits into %q and %q, by real Nix into %q and %q", name, n, v, got.N[i].Name, got.N[i].Version)
			}
		}
	})
}
