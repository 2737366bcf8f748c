package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// An input has a cache, and what the flake makes is in none: only what it is
// built from is.
func TestAHalfFilledCacheOfAnInputIsPinnedWhenAskedFor(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			w := newWorkshop(t, realnix.Get(t, version), bin)
			w.write(t, "tools/flake.nix", fmt.Sprintf(`{
  nixConfig.extra-substituters = [ "file://%s/cache" ];
  nixConfig.extra-trusted-public-keys = [ %q ];
  outputs = { self }: {
    packages.x86_64-linux.tool = derivation { name = "tool"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo tool > $out" ]; };
  };
}
`, w.inside, w.key))
			w.write(t, "flake/flake.nix", fmt.Sprintf(`{
  inputs.tools.url = "path:%s/tools";
  outputs = { self, tools }: {
    packages.x86_64-linux.made = derivation {
      name = "made"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "read x < $tool; echo made > $out" ];
      tool = tools.packages.x86_64-linux.tool;
    };
  };
}
`, w.inside))
			w.sh(`nix flake lock ./flake
tool=$(nix eval --raw ./tools#packages.x86_64-linux.tool.drvPath)
nix-store -r $tool >/dev/null
nix copy --to "file://$PWD/cache?compression=none&secret-key=$PWD/sec" $(nix-store -q --outputs $tool)`)
			w.says(1, []string{"lock", "--yes", "./flake"}, "no cache is named", "--inputs")
			w.says(1, []string{"lock", "--yes", "--inputs", "./flake"}, "no cache has it", "-made", "no lock was written")
			w.says(1, []string{"lock", "--yes", "--inputs", "--build", "./flake"}, "no cache has it", "-made", "1 path pinned")
			if got := pinned(w.lock("flake/flake.cache-lock").Systems["x86_64-linux"]); !slices.Equal(got, []string{"tool"}) {
				t.Errorf("pinned: %q", got)
			}
			w.says(0, []string{"lock", "--check", "./flake"}, "up to date")
		})
	}
}
