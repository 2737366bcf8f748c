package nix

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// Every kind of reference, held against what Nix itself evaluates there.
func TestEveryKindOfReferenceGivesWhatNixGives(t *testing.T) {
	t.Parallel()
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		w := newWorld(t, real)
		tell := `outputs = { self, ... }@inputs: let mk = ` + drv + `; in { packages.x86_64-linux.default = mk "x" {
			tree = "${self}"; told = builtins.toJSON { inherit (self) narHash; m = self.lastModified or null; d = self.lastModifiedDate or null; r = self.rev or self.dirtyRev or null; s = self.shortRev or self.dirtyShortRev or null; c = self.revCount or null; };
			here = ./.; deps = builtins.toJSON (map (i: [ "${i}" i.narHash (i.lastModified or null) ]) (builtins.attrValues (removeAttrs inputs [ "self" ]))); }; };`
		w.write("dep/flake.nix", "{ outputs = _: { }; }")
		w.write("repo/flake.nix", `{ inputs.dep.url = "path:`+w.dir+`/dep"; inputs.again.follows = "dep"; `+tell+` }`)
		w.write("repo/sub/flake.nix", `{ inputs.dep.url = "path:`+w.dir+`/dep"; `+tell+` }`)
		w.write("nested/flake.nix", `{ inputs.inner.url = "path:./inner"; `+tell+` }`)
		w.write("nested/inner/flake.nix", "{ outputs = _: { }; }")
		w.write("module/file", "x")
		w.sh(`export GIT_CONFIG_COUNT=3 GIT_CONFIG_KEY_2=protocol.file.allow GIT_CONFIG_VALUE_2=always
			git config --global protocol.file.allow always
			(cd module; git init -q; git add .; git commit -qm x)
			for d in repo repo/sub; do nix --extra-experimental-features 'nix-command flakes' flake lock path:$PWD/$d; done
			cd repo; git init -q -b main; git submodule -q add file://$PWD/../module module; git add .; git commit -qm one
			git branch other; echo two > two; git add .; git commit -qm two; git tag v1
			cd ..; git clone -q --depth 1 file://$PWD/repo shallow
			cp -r repo dirty; echo more >> dirty/two; cp -r repo staged; echo new > staged/new; git -C staged add new
			cd nested; git init -q; git add .; git commit -qm x; nix --extra-experimental-features 'nix-command flakes' flake lock; git add .; git commit -qm lock
			cd ..; cp -r repo tree; rm -rf tree/.git tree/module; tar czf tree.tar.gz tree`)
		s := httptest.NewServer(http.FileServer(http.Dir(w.folder)))
		defer s.Close()
		compared := 0
		for _, ref := range []string{
			w.dir + "/repo", "path:" + w.dir + "/repo", w.dir + "/repo/sub", "git+file://" + w.dir + "/repo?dir=sub",
			"git+file://" + w.dir + "/repo?ref=other", "git+file://" + w.dir + "/repo?ref=refs/tags/v1", "git+file://" + w.dir + "/repo?submodules=1",
			"git+file://" + w.dir + "/shallow?shallow=1", w.dir + "/shallow",
			w.dir + "/staged", w.dir + "/staged/sub", "git+file://" + w.dir + "/dirty?submodules=1", w.dir + "/nested",
			s.URL + "/tree.tar.gz", s.URL + "/tree.tar.gz?dir=sub", "path:" + w.dir + "/nested",
		} {
			r := real.Run(t, realnix.Cmd{Args: []string{"nix", "--extra-experimental-features", "nix-command flakes", "eval", "--raw", "--no-write-lock-file", ref + "#packages.x86_64-linux.default.outPath"},
				Env: []string{"HOME=" + w.dir + "/home"}})
			if r.Code != 0 {
				t.Logf("Nix itself cannot evaluate %s: %s", ref, lastError([]byte(r.Stderr)))
				continue
			}
			if real.Short == "2.8" && ref == w.dir+"/staged/sub" {
				continue // see TestOutputsAreThoseThatNixBuilds
			}
			src, err := w.Source(t.Context(), ref)
			if err != nil {
				t.Errorf("%s: %v", ref, err)
				continue
			}
			o, err := w.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
			if err != nil || len(o.Outputs) != 1 || o.Outputs[0].Path.In("/nix/store") != r.Stdout {
				t.Errorf("%s: %v %v, and Nix says %s", ref, o, err, r.Stdout)
				continue
			}
			compared++
		}
		t.Logf("%d references compared", compared)
		if compared < 10 {
			t.Errorf("only %d references were compared", compared)
		}
		if st, err := os.Stat(filepath.Join(w.folder, "dirty/flake.lock")); err != nil || st.Size() == 0 {
			t.Error(st, err)
		}
	})
}
