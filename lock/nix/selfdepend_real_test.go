package nix

import (
	"os"
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const dependents = `{
  outputs = { self }: let
    mk = ` + drv + `;
    pkgs = self.packages.x86_64-linux;
    none = mk "none" { };
  in {
    packages.x86_64-linux = {
      inherit none;
      whole = mk "whole" { src = ./.; };
      self = mk "self" { src = self; };
      part = mk "part" { src = ./part; };
      file = mk "file" { src = ./part/file; };
      text = mk "text" { text = builtins.readFile ./part/file; };
      filtered = mk "filtered" { src = builtins.path { path = ./.; name = "src"; filter = p: t: baseNameOf p == "part" || dirOf p == "${./.}/part" || baseNameOf p == "file"; }; };
      unfiltered = mk "unfiltered" { src = builtins.path { path = ./.; name = "src"; filter = p: t: baseNameOf p != "part"; }; };
      rev = mk "rev" { rev = self.rev or "dirty"; };
      shortRev = mk "shortRev" { rev = self.shortRev or self.dirtyShortRev or "dirty"; };
      date = mk "date" { date = builtins.substring 0 8 self.lastModifiedDate; };
      hash = mk "hash" { hash = self.narHash; };
      dir = mk "dir" { names = builtins.attrNames (builtins.readDir ./.); };
      sub = mk "sub" { names = builtins.attrNames (builtins.readDir ./part); };
      through = mk "through" { inherit none; dep = pkgs.whole; };
      fixed = mk "fixed" { src = self; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashAlgo = "sha256"; outputHashMode = "flat"; };
      gone = if (self.rev or "") == "ffffffffffffffffffffffffffffffffffffffff" || self.lastModified > 2000000000 then throw "another commit" else mk "gone" { };
    };
  };
}`

func TestSelfDependentNamesWhatAnotherCommitChanges(t *testing.T) {
	want := []string{"date", "dir", "gone", "hash", "rev", "self", "shortRev", "through", "unfiltered", "whole"}
	for i := range want {
		want[i] = "packages." + want[i]
	}
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		w.write("tmp/.keep", "")
		t.Setenv("TMPDIR", w.dir+"/tmp")
		for _, dir := range []string{"clean", "dirty", "plain", "locked"} {
			w.write(dir+"/flake.nix", dependents)
			w.write(dir+"/part/file", "x")
		}
		w.write("deep/sub/flake.nix", dependents)
		w.write("deep/sub/part/file", "x")
		w.write("locked/flake.cache-lock", "version = 1\n")
		// The flakes begin in 2030, so that one throws in another commit.
		w.sh(`for d in clean dirty locked deep; do (cd $d; git init -q; git add .; GIT_COMMITTER_DATE='1990000000 +0000' git commit -qm x); done
		      echo >> dirty/part/file; find plain | xargs touch -d @1990000000`)
		for _, ref := range []string{w.dir + "/clean", w.dir + "/dirty", w.dir + "/locked", w.dir + "/deep/sub", "path:" + w.dir + "/plain"} {
			src := w.source(ref)
			base, err := w.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
			if err != nil || len(base.Failures) > 0 {
				t.Fatal(ref, err, base)
			}
			d, err := w.SelfDependent(t.Context(), src, "x86_64-linux", OutputOptions{}, base)
			if err != nil {
				t.Fatal(ref, err)
			}
			want := want
			if ref == w.dir+"/locked" { // the same names
				want = slices.DeleteFunc(slices.Clone(want), func(s string) bool { return s == "packages.dir" })
			}
			if ref == "path:"+w.dir+"/plain" { // it has no commits
				want = slices.DeleteFunc(slices.Clone(want), func(s string) bool { return s == "packages.rev" || s == "packages.shortRev" })
			}
			if !slices.Equal(d.Outputs, want) {
				t.Errorf("%s:\ngot  %v\nwant %v", ref, d.Outputs, want)
			}
			byName := map[string]lock.StorePath{}
			for _, o := range base.Outputs {
				byName[o.Name] = o.Derivation
			}
			for name, dependent := range map[string]bool{"none": false, "through": true, "whole": true, "fixed": false, "part": false} {
				if d.Derivations[byName["packages."+name]] != dependent {
					t.Errorf("%s: the derivation of %s: dependent is %v", ref, name, !dependent)
				}
			}
		}
		left, err := os.ReadDir(w.folder + "/tmp")
		if err != nil || len(left) != 1 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
}
