package flake

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// lock wraps nodes in a lock file of version 7.
func lock(nodes string) string {
	return `{"version": 7, "root": "root", "nodes": {` + nodes + `}}`
}

func leaf(key, inputs string) string {
	return fmt.Sprintf(`%q: {"inputs": {%s}, "locked": {"type": "path", "path": "/%s", "narHash": "h-%s"}, "original": {"type": "path", "path": "/%s"}}`, key, inputs, key, key, key)
}

func TestLockInputsNamesEveryNodeOnceNearestFirst(t *testing.T) {
	l, err := ParseLock("flake.lock", []byte(lock(strings.Join([]string{
		`"root": {"inputs": {"b": "b", "a": "a", "z": ["a", "c"], "self": []}}`,
		leaf("a", `"c": "c_2", "d": ["b"]`), leaf("b", `"c": ["a", "c"], "e": ["z"]`), leaf("c_2", `"b": "b", "a": "a"`), leaf("unused", `"x": "missing"`),
	}, ","))))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range l.Inputs() {
		got = append(got, in.Name+"="+in.Node.Key+" "+in.Ref+" "+in.NarHash)
	}
	want := "[a=a path:/a h-a b=b path:/b h-b a/c=c_2 path:/c_2 h-c_2]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	edges := map[string]*Node{}
	for _, e := range l.Root.Inputs {
		edges[e.Name] = e.Node
	}
	if edges["z"].Key != "c_2" || edges["self"] != l.Root {
		t.Errorf("follows lead to %q and %v", edges["z"].Key, edges["self"])
	}
}

func TestLockErrorsSayWhere(t *testing.T) {
	root := `"root": {"inputs": {%s}}`
	in := func(inputs, more string) string { return lock(fmt.Sprintf(root, inputs) + more) }
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "l:1:1: not JSON: the file ends"},
		"not JSON":      {"{\n  \"a\": tru\n}", "l:2:8: not JSON: unexpected 't'"},
		"no object":     {"[]", "l:1:1: a lock file is a JSON object, this is an array"},
		"old":           {`{"version": 4}`, "l:1:13: this lock file has version 4"},
		"new":           {"{\n \"version\": 8}", "l:2:13: this lock file has version 8"},
		"no version":    {`{}`, "l:1:1: this lock file has version 0"},
		"wrong case":    {`{"Version": 7}`, "l:1:1: this lock file has version 0"},
		"no root":       {`{"version": 7, "nodes": {}}`, "l:1:1: the lock file does not name its root node"},
		"no nodes":      {`{"version": 7, "root": "root"}`, "l:1:1: the lock file has no nodes"},
		"missing":       {in(`"a": "a"`, ""), `l:1:67: the lock file references the missing node "a"`},
		"root again":    {in(`"a": "root"`, ""), `cycle to root node`},
		"no locked":     {in(`"a": "a"`, `, "a": {"original": {"type": "path"}}`), `node "a" has no attribute 'locked'`},
		"Locked":        {in(`"a": "a"`, `, "a": {"Locked": {"type": "path"}, "original": {"type": "path"}}`), `no attribute 'locked'`},
		"no type":       {in(`"a": "a"`, `, "a": {"locked": {}, "original": {"type": "path"}}`), `no attribute 'type'`},
		"bad attribute": {in(`"a": "a"`, `, "a": {"locked": {"type": "path", "x": []}, "original": {"type": "path"}}`), `the attribute 'x' of a reference is an array`},
		"input number":  {in(`"a": 1`, ""), `the input "a" of node "root" is a number`},
		"follows":       {in(`"a": ["b", "c"], "b": "b"`, ", "+leaf("b", "")), `input "a" follows "b/c", and there is no input "b/c"`},
		"circle":        {in(`"a": ["b"], "b": ["a"]`, ""), `these follows go in a circle: b -> a -> b`},
		"self circle":   {in(`"a": ["a"]`, ""), `these follows go in a circle: a -> a`},
		"deep circle":   {in(`"a": ["b", "x"], "b": "b"`, ", "+leaf("b", `"x": ["a"]`)), `go in a circle`},
		"conflict":      {"{\n<<<<<<< HEAD\n  \"version\": 7,\n=======\n  \"version\": 6,\n>>>>>>> x\n}", "l:2:1: an unresolved merge conflict starts here"},
		"deep":          {strings.Repeat("[", 100000), "nested more than"},
		"not UTF-8":     {"{\"\xff\": 1}", "not UTF-8"},
		"two":           {"{} {}", "l:1:4: not JSON: there is something after the end"},
	} {
		_, err := ParseLock("l", []byte(c.text))
		var place *FormatError
		if !errors.As(err, &place) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		} else if place.Pos.File != "l" || place.Pos.Line == 0 {
			t.Errorf("%s: the error has no place: %+v", name, place.Pos)
		}
	}
}

func TestLockVersion5KeepsHashesInInfo(t *testing.T) {
	text := `{"version": 5, "root": "root", "nodes": {"root": {"inputs": {"a": "a"}}, "a": {"flake": false,
		"locked": {"type": "git", "url": "https://x", "rev": "r"}, "info": {"narHash": "sha256-x", "lastModified": 1}, "original": {"type": "indirect", "id": "a"}}}}`
	l, err := ParseLock("flake.lock", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if in := l.Inputs()[0]; in.NarHash != "sha256-x" || in.IsFlake || in.Ref != "git+https://x?rev=r" {
		t.Errorf("%+v", in)
	}
}

func TestHugeFilesAreRefused(t *testing.T) {
	big := make([]byte, maxFileSize+1)
	if _, err := ParseLock("l", big); err == nil || !strings.Contains(err.Error(), "nix-trust reads up to") {
		t.Error("lock:", err)
	}
	if _, err := ParseRegistry("r", big); err == nil || !strings.Contains(err.Error(), "nix-trust reads up to") {
		t.Error("registry:", err)
	}
	if _, r := ReadConfig("f", big, realnixVersion); r == nil || !r.Unsure {
		t.Error("flake:", r)
	}
}

func TestRegistryIsReadInOrder(t *testing.T) {
	r, err := ParseRegistry("registry.json", []byte(`{"version": 2, "flakes": [
		{"from": {"type": "indirect", "id": "a"}, "to": {"type": "path", "path": "/a", "dir": "d"}, "exact": true},
		{"from": {"type": "indirect", "id": "b"}, "to": {"type": "github", "owner": "o", "repo": "r"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range r.Entries {
		got += fmt.Sprintln(e.From, e.To, e.To.Path(), e.Exact, e.Pos.Line)
	}
	if want := "flake:a path:/a?dir=d /a/d true 2\nflake:b github:o/r  false 3\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for text, want := range map[string]string{
		`{"version": 1}`: "version 1", `[]`: "an array", `{"version": 2, "flakes": 1}`: "a number",
		`{"version": 2, "flakes": [{}]}`: "needs an object 'from'", `{"version": 2, "flakes": [{"from": {}, "to": {}}]}`: "no attribute 'type'",
	} {
		if _, err := ParseRegistry("r", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestStorePathRefusesOtherHashes(t *testing.T) {
	for _, h := range []string{"", "sha256-", "sha256-AAAA", "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha256:0000000000000000000000000000000000000000000000000000",
		"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "sha256-!!!!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		if p, err := StorePath(h, ""); err == nil {
			t.Errorf("%q gives %s", h, p)
		}
	}
}

// Nix makes a lock of flakes on this disk; what is read from it must be what
// Nix has put into its store.
func TestLockLeadsToWhatNixFetched(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		query, sub := "?dir=sub", "sub/"
		if nix.Short == "2.8" {
			query, sub = "", "" // it knows no folders in a path
		}
		for file, text := range map[string]string{
			"a/flake.nix": `{ inputs.b.url = "path:` + inside + `/b"; inputs.c = { url = "path:` + inside + `/c"; flake = false; };
				inputs.b.inputs.c.follows = "c"; inputs.d.follows = "b/d"; outputs = _: { x = 1; }; }`,
			"b/flake.nix":            `{ inputs.c = { url = "path:` + inside + `/e"; flake = false; }; inputs.d = { url = "path:` + inside + `/d` + query + `"; }; outputs = _: { }; nixConfig.a = "b"; }`,
			"c/file":                 inside,
			"d/" + sub + "flake.nix": `{ outputs = _: { }; nixConfig.a = "d"; }`,
			"e/file":                 "e",
		} {
			if err := os.MkdirAll(filepath.Dir(outside+"/"+file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(outside+"/"+file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		run := func(args ...string) string {
			r := nix.Run(t, realnix.Cmd{
				Args: append([]string{"nix", "--extra-experimental-features", "nix-command flakes", "--option", "substituters", ""}, args...),
				Env:  []string{"HOME=" + inside},
			})
			if r.Code != 0 {
				t.Fatalf("%q: %s", args, r.Stderr)
			}
			return r.Stdout
		}
		run("flake", "lock", "path:"+inside+"/a")
		data, err := os.ReadFile(outside + "/a/flake.lock")
		if err != nil {
			t.Fatal(err)
		}
		l, err := ParseLock("flake.lock", data)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{}
		for _, in := range l.Inputs() {
			path, err := StorePath(in.NarHash, "/nix/store")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(nix.Root + path); err != nil {
				t.Errorf("%s is not where its hash says: %v", in.Name, err)
			}
			seen[in.Name] = "no flake"
			if in.IsFlake {
				src, err := os.ReadFile(filepath.Join(nix.Root+path, in.Dir, "flake.nix"))
				if err != nil {
					t.Fatal(err)
				}
				settings, r := ReadConfig("flake.nix", src, nix.Version)
				if r != nil {
					t.Fatal(r)
				}
				seen[in.Name] = settings[0].Value
			}
		}
		if want := "map[b:b b/d:d c:no flake]"; fmt.Sprint(seen) != want {
			t.Errorf("inputs %v, want %s", seen, want)
		}
		var meta struct {
			Path   string
			Locked struct{ NarHash string }
		}
		if err := json.Unmarshal([]byte(run("flake", "metadata", "--json", "path:"+inside+"/c/../a")), &meta); err != nil {
			t.Fatal(err)
		}
		if path, err := StorePath(meta.Locked.NarHash, ""); err != nil || path != meta.Path {
			t.Errorf("%s, Nix says %s (%v)", path, meta.Path, err)
		}
	})
}

// Since 2.26 an input may be a folder of the flake that names it.
func TestRelativeInputsLieInTheirParents(t *testing.T) {
	for _, short := range []string{"2.26", "2.34"} {
		t.Run("nix-"+short, func(t *testing.T) {
			nix := realnix.Get(t, short)
			outside, inside := nix.Dir(t)
			for file, text := range map[string]string{
				"a/flake.nix":          `{ inputs.own.url = "./own"; inputs.b.url = "path:` + inside + `/b?dir=top"; outputs = _: { x = 1; }; }`,
				"a/own/flake.nix":      `{ inputs.deep.url = "./deep"; outputs = _: { }; }`,
				"a/own/deep/flake.nix": `{ outputs = _: { }; nixConfig.a = "deep"; }`,
				"b/top/flake.nix":      `{ inputs.sub.url = "./sub"; inputs.side.url = "../side"; outputs = _: { }; }`,
				"b/top/sub/flake.nix":  `{ outputs = _: { }; nixConfig.a = "sub"; }`,
				"b/side/flake.nix":     `{ outputs = _: { }; nixConfig.a = "side"; }`,
			} {
				if err := os.MkdirAll(filepath.Dir(outside+"/"+file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(outside+"/"+file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := nix.Run(t, realnix.Cmd{
				Args: []string{"nix", "--extra-experimental-features", "nix-command flakes", "--option", "substituters", "", "flake", "lock", "path:" + inside + "/a"},
				Env:  []string{"HOME=" + inside},
			})
			data, err := os.ReadFile(outside + "/a/flake.lock")
			if err != nil {
				t.Fatal(err, r.Stderr)
			}
			l, err := ParseLock("flake.lock", data)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]string{}
			for _, in := range l.Inputs() {
				tree := outside + "/a"
				if !in.InRoot {
					path, err := StorePath(in.NarHash, "")
					if err != nil {
						t.Fatal(in.Name, err)
					}
					tree = nix.Root + path
				}
				src, err := os.ReadFile(filepath.Join(tree, in.Dir, "flake.nix"))
				if err != nil {
					t.Error(in.Name, err)
					continue
				}
				settings, _ := ReadConfig("flake.nix", src, nix.Version)
				seen[in.Name] = ""
				if len(settings) > 0 {
					seen[in.Name] = settings[0].Value
				}
			}
			if want := "map[b: b/side:side b/sub:sub own: own/deep:deep]"; fmt.Sprint(seen) != want {
				t.Errorf("inputs %v, want %s\n%s", seen, want, data)
			}
		})
	}
}
