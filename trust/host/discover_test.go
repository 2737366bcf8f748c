package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
)

var noUser = trust.User{Name: "alice", UID: 1000, Home: "/home/alice"}

// made is a made-up machine: paths and contents, "-> x" for a link.
func made(t *testing.T, files map[string]string, env map[string]string) *Machine {
	t.Helper()
	m := fstest.MapFS{}
	for p, text := range files {
		p = strings.TrimPrefix(p, "/")
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			m[p] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		} else {
			m[p] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		}
	}
	return New(In(m), env, noUser, nil)
}

const bare = `{ outputs = _: { }; }`

// found looks and returns "ref: reasons" for each flake.
func found(t *testing.T, m *Machine, o Options) ([]string, *trust.Facts) {
	t.Helper()
	f := Look(context.Background(), m, o)
	var out []string
	for _, fl := range f.Flakes {
		out = append(out, fl.ID.Ref+": "+strings.Join(fl.Found, ", "))
	}
	return out, f
}

func expect(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestFlakesAreFoundWherePeopleKeepThem(t *testing.T) {
	files := map[string]string{
		"/etc/nixos/flake.nix":                                         bare,
		"/home/alice/.config/home-manager":                             "-> /home/alice/dots/hm",
		"/home/alice/dots/hm/flake.nix":                                bare,
		"/home/alice/dots/.git/HEAD":                                   "",
		"/home/alice/code/proj/flake.nix":                              bare,
		"/home/alice/code/proj/sub/deep/x":                             "",
		"/home/alice/code/proj/.git":                                   "gitdir: elsewhere",
		"/nix/var/nix/gcroots/auto/a":                                  "-> /home/alice/code/proj/result",
		"/nix/var/nix/gcroots/auto/b":                                  "-> /home/alice/code/proj/.direnv/flake-profile-1-link",
		"/nix/var/nix/gcroots/auto/c":                                  "-> /home/alice/my project/build/out/result",
		"/home/alice/my project/flake.nix":                             bare,
		"/nix/var/nix/gcroots/auto/d":                                  "-> /home/alice/.cache/nix/x",
		"/nix/var/nix/gcroots/auto/e":                                  "-> /nix/var/nix/profiles/per-user/alice/p-1-link",
		"/nix/var/nix/gcroots/auto/f":                                  "-> /home/alice/norepo/a/b/result",
		"/home/alice/flake.nix":                                        bare,
		"/home/alice/nested/.git/HEAD":                                 "",
		"/home/alice/nested/in/flake.nix":                              bare,
		"/nix/var/nix/gcroots/auto/g":                                  "-> /home/alice/nested/in/result",
		"/nix/var/nix/gcroots/auto/h":                                  "-> relative/result",
		"/home/alice/.config/nix/registry.json":                        `{"version":2,"flakes":[{"from":{"type":"indirect","id":"mine"},"to":{"type":"path","path":"/home/alice/reg"}},{"from":{"type":"indirect","id":"hub"},"to":{"type":"github","owner":"o","repo":"r"}}]}`,
		"/home/alice/reg/flake.nix":                                    bare,
		"/etc/nix/registry.json":                                       `{"version":2,"flakes":[{"from":{"type":"indirect","id":"nixpkgs"},"to":{"type":"path","path":"/nix/store/0000000000000000000000000000000a-source"}},{"from":{"type":"indirect","id":"gone"},"to":{"type":"path","path":"/gone"}}]}`,
		"/nix/store/0000000000000000000000000000000a-source/flake.nix": bare,
	}
	got, f := found(t, made(t, files, map[string]string{"HOME": "/home/alice"}), Options{Cwd: "/home/alice/code/proj/sub/deep"})
	expect(t, got, []string{
		"git+file:///home/alice/code/proj: current folder, gc root /home/alice/code/proj/.direnv/flake-profile-1-link, gc root /home/alice/code/proj/result",
		"path:/etc/nixos: NixOS configuration",
		"git+file:///home/alice/dots?dir=hm: home-manager configuration",
		"path:/home/alice/reg: user registry: flake:mine",
		"path:/nix/store/0000000000000000000000000000000a-source: system registry: flake:nixpkgs",
		"path:/home/alice/my%20project: gc root /home/alice/my project/build/out/result",
		"git+file:///home/alice/nested?dir=in: gc root /home/alice/nested/in/result",
	})
	if len(f.Notes) != 0 {
		t.Errorf("notes: %q", f.Notes)
	}
}

func TestCurrentFolderIsSearchedAsNixDoes(t *testing.T) {
	files := map[string]string{
		"/top/flake.nix": bare, "/top/repo/.git/HEAD": "", "/top/repo/sub/x": "", "/top/plain/sub/x": "",
		"/top/both/.git/HEAD": "", "/top/both/flake.nix": bare,
	}
	for cwd, want := range map[string][]string{
		"/top/plain/sub": {"path:/top: current folder"},
		"/top/repo/sub":  nil, // a work tree without a flake ends the search
		"/top/both":      {"git+file:///top/both: current folder"},
		"/nowhere/at":    nil,
		"/":              nil,
		"":               nil,
	} {
		got, _ := found(t, made(t, files, nil), Options{Cwd: cwd})
		expect(t, got, want)
	}
}

func TestNamedFlakesAreFoundOrSaidToBeMissing(t *testing.T) {
	files := map[string]string{
		"/w/p/flake.nix": bare, "/w/p/sub/x": "", "/home/alice/.config/nix/registry.json": `{"version":2,"flakes":[{"from":{"type":"indirect","id":"mine"},"to":{"type":"path","path":"/w/p"}}]}`,
	}
	for spec, want := range map[string]string{
		".":                  "path:/w/p",
		"./sub":              "path:/w/p",
		"/w/p":               "path:/w/p",
		"/w/p/flake.nix":     "path:/w/p",
		"/w/p/":              "path:/w/p",
		"path:/w/p":          "path:/w/p",
		"path:.":             "path:/w/p",
		"mine":               "path:/w/p",
		"flake:mine":         "path:/w/p",
		"git+file:///w/p":    "path:/w/p",
		"/elsewhere":         "/elsewhere!",
		"../../../..":        "../../../..!",
		"path:/elsewhere":    "path:/elsewhere!",
		"nixpkgs":            "flake:nixpkgs!",
		"github:o/r":         "github:o/r!",
		"github:o":           "github:o!",
		"what is this":       "what is this!",
		"\x1b[31mred":        "\x1b[31mred!",
		"https://x/y.tar.gz": "https://x/y.tar.gz!",
	} {
		f := Look(context.Background(), made(t, files, map[string]string{"HOME": "/home/alice"}), Options{Cwd: "/w/p", Flake: spec})
		got := f.Flakes[0]
		ref, missing := strings.CutSuffix(want, "!")
		if got.ID.Ref != ref || (got.Err != "") != missing || got.Found[0] != "named on the command line" {
			t.Errorf("%q: %q, %q, %q, want %q", spec, got.ID.Ref, got.Err, got.Found, want)
		}
	}
}

func TestProfilesNameTheFlakesTheyCameFrom(t *testing.T) {
	tree, err := flake.StorePath("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "/nix/store")
	if err != nil {
		t.Fatal(err)
	}
	manifest := `{"version":3,"elements":{"hello":{"active":true,"attrPath":"packages.x.hello","originalUrl":"flake:nixpkgs","url":"github:NixOS/nixpkgs/5083ec887760adfe12af64830a66807423a859a7?narHash=sha256-47DEQpj8HBSa%2B/TImW%2B5JCeuQeRkm5NMpJWZG3hSuFU%3D","storePaths":["/nix/store/x"]},
		"mine":{"active":true,"attrPath":"p","originalUrl":"path:/home/alice/p","url":"path:/home/alice/p?narHash=x","storePaths":[]},
		"manual":{"active":true,"storePaths":["/nix/store/y"]}}}`
	old := `{"version":2,"elements":[{"active":true,"attrPath":"legacyPackages.x.jq","originalUrl":"github:o/r","url":"github:o/r/rev","storePaths":[]}]}`
	oldest := `{"version":1,"elements":[{"active":true,"attrPath":"a.b.c","originalUri":"flake:nixpkgs","uri":"github:x/y","storePaths":[]}]}`
	got, f := found(t, made(t, map[string]string{
		"/home/alice/.nix-profile":                                   "-> .local/state/nix/profile",
		"/home/alice/.local/state/nix/profile":                       "-> profile-3-link",
		"/home/alice/.local/state/nix/profile-3-link":                "-> /nix/store/p3",
		"/nix/store/p3/manifest.json":                                manifest,
		"/nix/var/nix/profiles/per-user/alice/profile/manifest.json": old,
		"/nix/var/nix/profiles/default/manifest.json":                oldest,
		tree + "/flake.nix":                                          bare,
		"/home/alice/p/flake.nix":                                    bare,
	}, map[string]string{"HOME": "/home/alice"}), Options{})
	expect(t, got, []string{
		"flake:nixpkgs: profile .nix-profile: hello, profile default: c",
		"path:/home/alice/p: profile .nix-profile: mine",
		"github:o/r: profile profile: jq",
	})
	if f.Flakes[0].ID.Path != tree || f.Flakes[0].Err != "" {
		t.Errorf("the source in the store is not read: %+v", f.Flakes[0])
	}
	if f.Flakes[2].Err == "" {
		t.Error("a flake whose source is not here is not said to be missing")
	}
}

func TestBrokenFilesAreNotedAndHideNothingElse(t *testing.T) {
	files := map[string]string{
		"/home/alice/.config/nix/registry.json":              `{"version":2,`,
		"/etc/nix/registry.json":                             strings.Repeat("[", 100_000),
		"/home/alice/.nix-profile/manifest.json":             `{"version":9,"elements":[]}`,
		"/nix/var/nix/profiles/default/manifest.json":        "\x00\xff",
		"/home/alice/.config/nix-trust/config.toml":          "roots = [\"/src\", \"relative\"]\nrots = 1\n",
		"/src/a/flake.nix":                                   "\x1b]0;evil\x07{",
		"/src/a/b/flake.nix":                                 bare,
		"/src/a/b/c/flake.nix":                               bare,
		"/src/.hidden/flake.nix":                             bare,
		"/src/a/b/flake.lock":                                "<<<<<<< HEAD\n",
		"/home/alice/.local/share/nix/trusted-settings.json": "{",
	}
	got, f := found(t, made(t, files, map[string]string{"HOME": "/home/alice"}), Options{})
	expect(t, got, []string{"path:/src/a: root /src", "path:/src/a/b: root /src"})
	if f.Flakes[0].Rejection == nil || f.Flakes[1].LockErr == "" || f.Answers.Err == nil {
		t.Errorf("a broken file is not reported: %+v, %q, %v", f.Flakes[0].Rejection, f.Flakes[1].LockErr, f.Answers.Err)
	}
	noted := map[string]int{}
	for _, n := range f.Notes {
		noted[n.Path]++
		if n.Text == "" {
			t.Errorf("an empty note on %s", n.Path)
		}
	}
	want := map[string]int{
		"/home/alice/.config/nix/registry.json": 1, "/etc/nix/registry.json": 1, "/home/alice/.nix-profile/manifest.json": 1,
		"/nix/var/nix/profiles/default/manifest.json": 1, "/home/alice/.config/nix-trust/config.toml": 2,
		"/src/a/b/flake.lock": 1,
	}
	if !maps.Equal(noted, want) {
		t.Errorf("notes %v, want %v", noted, want)
	}
}

func TestConfiguredRootsAreSearchedTwoLevelsDown(t *testing.T) {
	files := map[string]string{"/home/alice/.config/nix-trust/config.toml": "roots = [\"~/src\", \"~\"]\n"}
	for _, d := range []string{"", "/one", "/one/two", "/one/two/three"} {
		files["/home/alice/src"+d+"/flake.nix"] = bare
	}
	got, _ := found(t, made(t, files, map[string]string{"HOME": "/home/alice"}), Options{})
	expect(t, got, []string{
		"path:/home/alice/src: root ~/src, root ~", "path:/home/alice/src/one: root ~/src, root ~", "path:/home/alice/src/one/two: root ~/src",
	})
}

func TestPreferencesNameTheLineThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"roots = [\"a\"]\n":            "",
		"":                             "",
		"roots = 5\n":                  "line 1",
		"roots = [\n":                  "line",
		"\n\nunknown = true\n":         "line 3: \"unknown\"",
		"roots = []\n[theme]\nx = 1\n": "theme",
		"\x00":                         "line 1",
		"gate = \"127.0.0.1:9000\"\n":  "",
		"gate = \"[::1]:9000\"\n":      "",
		"gate = \"0.0.0.0:9000\"\n":    "loopback",
		"gate = \"localhost:9000\"\n":  "loopback",
		"gate = \"127.0.0.1:0\"\n":     "loopback",
		"gate = \"127.0.0.1:99999\"\n": "loopback",
		"gate = 9000\n":                "line 1",
	} {
		_, err := parsePreferences([]byte(text))
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// An address that anybody else could reach is none, whatever else the file has.
func TestTheGateListensWhereTheFileSaysOnTheLoopbackAlone(t *testing.T) {
	m := made(t, map[string]string{
		"/good": "roots = [\"~/src\"]\ngate = \"127.0.0.1:9000\"\n", "/none": "roots = []\n",
		"/bad": "gate = \"192.0.2.1:9000\"\n", "/broken": "gate = \n",
	}, nil)
	for file, want := range map[string]string{"/good": "127.0.0.1:9000", "/none": "", "/missing": ""} {
		if got, err := GateAddress(m.files, file); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", file, got, err, want)
		}
	}
	for _, file := range []string{"/bad", "/broken"} {
		if got, err := GateAddress(m.files, file); got != "" || err == nil {
			t.Errorf("%s: %q, %v, want an error", file, got, err)
		}
	}
}

func TestInputsAreReadFromTheStoreOnce(t *testing.T) {
	hash := "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	tree, err := flake.StorePath(hash, "/nix/store")
	if err != nil {
		t.Fatal(err)
	}
	lock := func(dir string) string {
		return fmt.Sprintf(`{"version":7,"root":"root","nodes":{"root":{"inputs":{"a":"a","b":"b","c":"c","d":"d"}},
		"a":{"locked":{"type":"github","owner":"o","repo":"r","rev":"x","narHash":%q,"dir":%q},"original":{"type":"github","owner":"o","repo":"r"}},
		"b":{"flake":false,"locked":{"type":"github","owner":"o","repo":"s","narHash":%q},"original":{"type":"github","owner":"o","repo":"s"}},
		"c":{"locked":{"type":"path","path":"./local"},"original":{"type":"path","path":"./local"},"parent":[]},
		"d":{"locked":{"type":"github","owner":"o","repo":"t","narHash":"sha512-xx"},"original":{"type":"github","owner":"o","repo":"t"}}}}`, hash, dir, hash)
	}
	claims := `{ nixConfig.extra-substituters = [ "https://in.example" ]; outputs = _: { }; }`
	m := made(t, map[string]string{
		"/p/flake.nix": bare, "/p/flake.lock": lock(""), "/p/local/flake.nix": claims, "/q/flake.nix": bare, "/q/flake.lock": lock("../../up"),
		tree + "/flake.nix": claims, tree + "/up/flake.nix": bare, "/nix/up/flake.nix": claims,
		"/home/alice/.config/nix-trust/config.toml": `roots = ["/p", "/q"]`,
	}, map[string]string{"HOME": "/home/alice"})
	_, f := found(t, m, Options{})
	byRef := map[string]trust.Flake{}
	for _, fl := range f.Flakes {
		byRef[fl.ID.Ref] = fl
	}
	p, q := byRef["path:/p"].Inputs, byRef["path:/q"].Inputs
	if len(p) != 4 || len(q) != 4 {
		t.Fatalf("%d and %d inputs: %+v", len(p), len(q), f.Flakes)
	}
	if !p[0].Present || p[0].StorePath != tree || len(p[0].Config) != 1 {
		t.Errorf("an input in the store: %+v", p[0])
	}
	if p[1].Present || p[1].IsFlake || p[1].Config != nil {
		t.Errorf("an input that is no flake: %+v", p[1])
	}
	if !p[2].Present || p[2].StorePath != "" || len(p[2].Config) != 1 {
		t.Errorf("an input beside the flake: %+v", p[2])
	}
	if p[3].Present || p[3].StorePath != "" {
		t.Errorf("an input of another hash: %+v", p[3])
	}
	if len(q[0].Config) != 0 {
		t.Errorf("a dir that leads upwards left the tree: %+v", q[0])
	}
}

func FuzzManifestsNeverStopALook(f *testing.F) {
	f.Add([]byte(`{"version":3,"elements":{"a":{"originalUrl":"flake:x","url":"github:o/r?narHash=sha256-x"}}}`))
	f.Add([]byte(`{"version":2,"elements":[{"attrPath":"a.b","originalUrl":"x","url":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		elements, err := parseManifest(data)
		if err != nil && elements != nil {
			t.Error("elements beside an error")
		}
		if err == nil && !json.Valid(data) {
			t.Errorf("no JSON, and it reads: %q", data)
		}
		l := &look{ctx: context.Background(), m: New(In(fstest.MapFS{}), nil, noUser, nil), facts: &trust.Facts{}}
		fi := &finder{look: l, byFolder: map[string]int{}, byRef: map[string]int{}, flakeAt: map[string]string{}}
		for _, e := range elements {
			fi.installed(e, "p")
		}
		if len(fi.list) > len(elements) {
			t.Errorf("%d flakes of %d elements", len(fi.list), len(elements))
		}
	})
}
