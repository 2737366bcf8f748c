package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// The program asks the real Nix beside it what its store has, and to build
// again.
func TestTheLocalStoreAndARebuildHaveAVote(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		name := "rnd-" + filepath.Base(w.inside)
		w.write(t, "rnd.nix", `derivation {
  name = "`+name+`"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "read -r x < /proc/sys/kernel/random/uuid; echo $x > $out" ];
}`)
		t.Cleanup(func() { // where it was built stays when the outcome differs
			left, _ := filepath.Glob(filepath.Join(nix.Root, "tmp", "nix-build-"+name+".drv-*"))
			for _, dir := range left {
				os.RemoveAll(dir)
			}
		})
		path := strings.TrimSpace(w.sh(`nix-store -r $(nix-instantiate rnd.nix)
nix copy --to "file://$PWD/cache?secret-key=$PWD/sec" $(nix-store -q --outputs $(nix-instantiate rnd.nix)) >&2`))
		w.sh("ln -s " + path + " result")
		cache := "file://" + w.inside + "/cache"
		w.says(0, []string{"challenge", "--cache", cache, "--key", w.key, "./result"}, "2 distinct voters of 2 say the same", "it was built here", `it is signed by "shop-1"`)
		w.says(1, []string{"challenge", "--cache", cache, "--no-store", "result"}, "only "+cache+" says what it is")
		w.says(2, []string{"challenge", "--cache", cache, "--rebuild", "--yes", "--diff", path}, "a rebuild", "built again, it came out otherwise", "(37 bytes; from byte", "it is kept as "+path+".check")
		w.says(2, []string{"challenge", "--cache", cache, "--rebuild", "--yes", "--keep", "kept", path}, "diffoscope kept/a kept/b")
		if got := w.sh("cmp -s kept/a " + path + " && cmp -s kept/b " + path + ".check && echo same"); got != "same\n" {
			t.Errorf("what was unpacked is not what the store has: %q", got)
		}
		w.sh("nix-store --delete " + path)
		w.says(1, []string{"challenge", "--cache", cache, path}, "it is not in the store", "only "+cache)
		w.sh("nix copy --no-check-sigs --from " + cache + " " + path)
		w.says(1, []string{"challenge", "--cache", cache, "--key", w.key, path}, "count as one voter, as they rest on the key shop-1")
	})
}
