package nix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const several = `{
  outputs = { self }: let mk = ` + drv + `; in {
    packages.x86_64-linux = {
      default = mk "a" { };
      many = mk "b" { outputs = [ "dev" "lib" "out" ]; args = [ "-c" "echo > $out; echo > $dev; echo > $lib" ]; };
      onlylib = self.packages.x86_64-linux.many.lib;
      rev = mk "c" { r = self.rev or self.dirtyRev or "none"; t = self.lastModified; n = self.narHash; c = self.revCount or 0; };
    };
    packages.aarch64-linux.default = mk "arm" { system = "aarch64-linux"; };
    devShells.x86_64-linux.default = mk "shell" { };
    formatter.x86_64-linux = mk "fmt" { };
    nixosConfigurations.host.config.system.build.toplevel = mk "os" { };
  };
}`

func TestOutputsAreThoseThatNixBuilds(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("f/flake.nix", several)
		w.write("g/sub/flake.nix", several)
		w.sh("cd g && git init -q && git add . && git commit -qm x")
		check := func(ref string) {
			t.Helper()
			o := w.outputs(ref, OutputOptions{})
			if len(o.Failures) != 0 {
				t.Fatal(o.Failures)
			}
			got := map[string]string{}
			for _, out := range o.Outputs {
				got[out.Name] = string(out.Path)
				if out.Name == "packages.rev" || out.Name == "packages.many^lib" {
					name := "rev"
					if out.Name != "packages.rev" {
						name = "many.lib"
					}
					if want := w.user(fmt.Sprintf("eval --raw '%s#packages.x86_64-linux.%s.outPath'", ref, name)); out.Path.In("/nix/store") != want {
						t.Errorf("%s of %s is %s, and Nix says %s", out.Name, ref, out.Path, want)
					}
				}
			}
			if len(got) != 10 {
				t.Errorf("%d outputs: %v", len(got), got)
			}
		}
		check("path:" + w.dir + "/f")
		check(w.dir + "/g/sub")
		w.write("g/sub/new", "x")
		w.sh("cd g && git add sub/new")
		if real.Short == "2.8" {
			_, err := w.Outputs(t.Context(), w.source(w.dir+"/g/sub"), "x86_64-linux", OutputOptions{})
			if e, ok := err.(*Error); !ok || !strings.Contains(e.Hint, "newer") {
				t.Fatalf("a folder of a dirty tree: %v", err)
			}
			return
		}
		check(w.dir + "/g/sub")
	})
}
