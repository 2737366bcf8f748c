package nix

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A countingServer counts the requests that reach it.
func countingServer(t *testing.T) (url string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		http.NotFound(rw, nil)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestNixConfigIsNeverAppliedHoweverOftenItWasAccepted(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		url, requests := countingServer(t)
		settings := []string{
			"pure-eval", "false",
			"allow-import-from-derivation", "true",
			"allow-unsafe-native-code-during-evaluation", "true",
			"accept-flake-config", "true",
			"extra-substituters", url,
			"flake-registry", url + "/registry.json",
		}
		var config, saved []string
		for i := 0; i < len(settings); i += 2 {
			config = append(config, fmt.Sprintf("%s = %q;", settings[i], settings[i+1]))
			saved = append(saved, fmt.Sprintf("%q: {%q: true}", settings[i], settings[i+1]))
		}
		w := newWorld(t, real, "SECRET=taken")
		w.write("home/.local/share/nix/trusted-settings.json", "{"+strings.Join(saved, ",")+"}")
		w.write("home/.config/nix/nix.conf", "experimental-features = nix-command flakes\naccept-flake-config = true\npure-eval = false\nallow-unsafe-native-code-during-evaluation = true\n")
		flake := `{ nixConfig = { ` + strings.Join(config, " ") + ` }; outputs = _: let mk = ` + drv + `; in {
			packages.x86_64-linux = {
				env = mk "env" { secret = builtins.getEnv "SECRET"; };
				impure = mk "impure" { x = if builtins ? currentSystem || builtins ? currentTime then "impure" else "pure"; };
				native = mk "native" { x = if builtins ? exec then "native" else "closed"; };
				file = mk "file" { x = builtins.readFile "/etc/passwd"; };
				ifd = mk "ifd" { x = import (mk "imported" { }); };
			};
		}; }`
		w.write("plain/flake.nix", flake)
		w.write("dirty/flake.nix", flake)
		w.sh("cd dirty && git init -q && git add . && git commit -qm x && echo '# ' >> flake.nix")
		for _, dir := range []string{"path:" + w.dir + "/plain", w.dir + "/dirty"} {
			// What happens to who is less careful.
			env := w.sh("SECRET=taken nix --extra-experimental-features 'nix-command flakes' eval --raw '" + dir + "#packages.x86_64-linux.env.secret'")
			if env != "taken" {
				t.Fatalf("Nix itself did not apply it: %q", env)
			}
			requests.Store(0)
			o := w.outputs(dir, OutputOptions{})
			want := map[string]string{"packages.env": `"secret",""`, "packages.impure": `"x","pure"`, "packages.native": `"x","closed"`}
			for _, out := range o.Outputs {
				text, err := os.ReadFile(real.Root + out.Derivation.In("/nix/store"))
				if err != nil || want[out.Name] == "" || !strings.Contains(string(text), want[out.Name]) {
					t.Errorf("%s: %v %s", out.Name, err, text)
				}
				delete(want, out.Name)
			}
			if len(want) > 0 {
				t.Errorf("missing: %v of %v", want, o)
			}
			if len(o.Failures) != 2 || !strings.Contains(o.Failures[0].Text, "/etc") || !strings.Contains(o.Failures[1].Text, "import-from-derivation") {
				t.Errorf("failures: %q", o.Failures)
			}
			if n := requests.Load(); n != 0 {
				t.Errorf("%s: %d requests to the flake's caches and registry", dir, n)
			}
		}
	})
}

func TestOneBrokenOutputIsNotTheEnd(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("f/flake.nix", `{ outputs = _: let mk = `+drv+`; many = builtins.listToAttrs (builtins.genList (i: { name = "good${toString i}"; value = mk "good" { inherit i; }; }) 30); in {
			packages.x86_64-linux = many // {
				abort = builtins.abort "it aborts";
				assertion = assert false; mk "x" { };
				circular = let x = x; in x;
				fake = { type = "derivation"; drvPath = "/nix/store/00000000000000000000000000000000-none.drv"; outPath = "/nix/store/x"; };
				elsewhere = { type = "derivation"; drvPath = "/etc/passwd.drv"; };
				notDrv = 7;
				nested = { a = mk "a" { }; };
				otherType = { type = "derivation"; drvPath = 7; };
				output = mk "output" { } // { outputName = "nosuch"; };
				throws = throw "it throws";
				typed = mk "typed" { x = 1 + "a"; };
			};
			devShells.x86_64-linux = throw "no shells";
			formatter.x86_64-linux = mk "fmt" { };
		}; }`)
		o := w.outputs("path:"+w.dir+"/f", OutputOptions{})
		if len(o.Outputs) != 31 {
			t.Errorf("%d outputs: %v", len(o.Outputs), o.Outputs)
		}
		said := map[string]string{
			"packages.abort": "it aborts", "packages.assertion": "assert", "packages.circular": "infinite recursion encountered at flake.nix:",
			"packages.fake": "not in the store", "packages.elsewhere": "not in the store /nix/store", "packages.notDrv": "int",
			"packages.nested": "set of attributes", "packages.otherType": "", "packages.output": "no output",
			"packages.throws": "it throws", "packages.typed": "", "devShells": "no shells",
		}
		for _, f := range o.Failures {
			part, ok := said[f.Name]
			if !ok || !strings.Contains(f.Text, part) || f.Text == "" {
				t.Errorf("%s: %q", f.Name, f.Text)
			}
			delete(said, f.Name)
		}
		if len(said) > 0 {
			t.Errorf("no failures: %v", said)
		}
	})
}

func TestAttributeNamesAreDataAndHaveOneSpelling(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("f/flake.nix", `{ outputs = _: let mk = `+drv+`; in {
			packages.x86_64-linux = {
				"a.b" = mk "ab" { }; "7zip" = mk "zip" { }; "a b" = mk "blank" { }; "\${x}" = mk "dollar" { }; "ü" = mk "umlaut" { };
				"quote\"d" = mk "quoted" { }; "new\nline" = mk "newline" { }; "car^et" = mk "caret" { }; "" = mk "empty" { };
				"`+strings.Repeat("x", 600)+`" = mk "long" { };
				gcc' = mk "gcc" { }; _x-1 = mk "x1" { };
			};
			checks.x86_64-linux."]; x = [" = mk "bracket" { };
		}; }`)
		o := w.outputs("path:"+w.dir+"/f", OutputOptions{Attrs: []string{"packages", `checks."]; x = ["`}})
		var got []string
		for _, out := range o.Outputs {
			got = append(got, out.Name)
		}
		want := []string{`checks."]; x = ["`, `packages.""`, `packages."${x}"`, `packages."7zip"`, `packages."a b"`, `packages."a.b"`, `packages."ü"`, "packages._x-1", "packages.gcc'"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if len(o.Failures) != 4 {
			t.Errorf("failures: %q", o.Failures)
		}
		for _, spelled := range []string{"packages.7zip", `packages."7zip"`, `"packages"."7zip"`} {
			o := w.outputs("path:"+w.dir+"/f", OutputOptions{Attrs: []string{spelled}})
			if len(o.Outputs) != 1 || o.Outputs[0].Name != `packages."7zip"` {
				t.Errorf("%s: %v", spelled, o)
			}
		}
	})
}

func TestWhatWasAskedForMustBeThere(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("f/flake.nix", several)
		o := w.outputs("path:"+w.dir+"/f", OutputOptions{Attrs: []string{
			"packages.default", "packages.nosuch", "checks", "nosuch.x", "nixosConfigurations.host",
			"nixosConfigurations.host.config.system.build.toplevel", "devShells",
		}})
		var got []string
		for _, out := range o.Outputs {
			got = append(got, out.Name)
		}
		if want := []string{"devShells.default", "nixosConfigurations.host.config.system.build.toplevel", "packages.default"}; !slices.Equal(got, want) {
			t.Errorf("outputs %q", got)
		}
		got = nil
		for _, f := range o.Failures {
			got = append(got, f.Name)
		}
		if want := []string{"checks", "nixosConfigurations.host", "nosuch.x", "packages.nosuch"}; !slices.Equal(got, want) {
			t.Errorf("failures %q", o.Failures)
		}
	})
}

func TestIncompleteLocksAreErrorsAndStayAsTheyAre(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("dep/flake.nix", "{ outputs = _: { }; }")
		w.write("f/flake.nix", `{ inputs.dep.url = "path:`+w.dir+`/dep"; outputs = { self, dep }: { }; }`)
		_, err := w.Source(t.Context(), "path:"+w.dir+"/f")
		e, ok := err.(*Error)
		if !ok || !strings.Contains(e.Hint, "nix flake lock path:"+w.dir+"/f") {
			t.Fatalf("%v", err)
		}
		if _, err := os.Stat(w.folder + "/f/flake.lock"); err == nil {
			t.Error("flake.lock was written")
		}
		w.user("flake lock path:" + w.dir + "/f")
		w.source("path:" + w.dir + "/f")
		w.sh("cp -r f nohash && sed -i '/narHash/d' nohash/flake.lock")
		if src, err := w.Source(t.Context(), "path:"+w.dir+"/nohash"); err == nil {
			t.Errorf("an input without a hash was taken: %+v", src)
		}

		w.write("repo/flake.nix", "{ outputs = _: { }; }")
		w.sh("cd repo && git init -q && git add . && git commit -qm x && echo '# ' >> flake.nix")
		w.write("g/flake.nix", `{ inputs.dep.url = "git+file://`+w.dir+`/repo"; outputs = { self, dep }: { }; }`)
		if _, err := w.Source(t.Context(), "path:"+w.dir+"/g"); err == nil {
			t.Error("an input with changes was taken")
		}
		if _, err := os.Stat(w.folder + "/g/flake.lock"); err == nil {
			t.Error("flake.lock was written")
		}
	})
}

func TestOfflineReachesNobody(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		url, requests := countingServer(t)
		w := newWorld(t, real, "NIX_CONFIG=substitute = true\nsubstituters = "+url)
		w.write("f/flake.nix", `{ outputs = _: let mk = `+drv+`; in { packages.x86_64-linux.x = mk "x" {
			src = builtins.fetchurl { url = "`+url+`/src"; sha256 = "0000000000000000000000000000000000000000000000000000"; }; }; }; }`)
		for _, offline := range []bool{true, false} {
			requests.Store(0)
			o := w.outputs("path:"+w.dir+"/f", OutputOptions{Offline: offline})
			if len(o.Failures) != 1 || (requests.Load() == 0) != offline {
				t.Errorf("offline %v: %d requests, %v", offline, requests.Load(), o)
			}
		}
	})
}

func TestImportFromDerivationBuildsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real, "NIX_CONFIG=build-users-group =\nsandbox = false\nsubstituters =")
		w.write("f/flake.nix", `{ outputs = _: let mk = `+drv+`; in { packages.x86_64-linux.x =
			mk (import (mk "imported" { salt = "`+w.dir+`"; args = [ "-c" "echo '\"ifd\"' > $out" ]; })) { }; }; }`)
		ref := "path:" + w.dir + "/f"
		if o := w.outputs(ref, OutputOptions{}); len(o.Failures) != 1 || len(o.Outputs) != 0 {
			t.Errorf("unasked: %v", o)
		}
		if o := w.outputs(ref, OutputOptions{ImportFromDerivation: true}); len(o.Failures) != 0 || o.Outputs[0].Path.Name() != "ifd" {
			t.Errorf("asked: %v", o)
		}
		// Now it is built, and still no part of a closed evaluation.
		if o := w.outputs(ref, OutputOptions{}); len(o.Failures) != 1 {
			t.Errorf("unasked, when it was built before: %v", o)
		}
	})
}

func TestPathsThatAreKnownOnlyOnceBuiltAreEmpty(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real, "NIX_CONFIG=experimental-features = ca-derivations")
		w.write("f/flake.nix", `{ outputs = _: let mk = `+drv+`; in { packages.x86_64-linux.x =
			mk "floating" { __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256"; }; }; }`)
		o := w.outputs("path:"+w.dir+"/f", OutputOptions{})
		if len(o.Outputs) != 1 || o.Outputs[0].Path != "" || o.Outputs[0].Derivation == "" {
			t.Errorf("%v", o)
		}
	})
}

func TestAFlakeMayNotHaveEndlesslyManyOutputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, realnix.Get(t, "2.34"))
	w.write("f/flake.nix", `{ outputs = _: { packages.x86_64-linux = builtins.listToAttrs (builtins.genList (i: { name = "x${toString i}"; value = throw "no"; }) 100001); }; }`)
	_, err := w.Outputs(t.Context(), w.source("path:"+w.dir+"/f"), "x86_64-linux", OutputOptions{})
	if err == nil || !strings.Contains(err.Error(), "100001 outputs") {
		t.Error(err)
	}
}

func TestSystemIsWhatNixBuildsFor(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real, "NIX_CONFIG=system = riscv64-linux\npure-eval = true")
		if got, err := w.System(t.Context()); got != "riscv64-linux" {
			t.Error(got, err)
		}
	})
}
