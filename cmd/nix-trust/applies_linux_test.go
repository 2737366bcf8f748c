package main

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// The reason command-ignores-config names commands that apply a flake's
// nixConfig and commands that do not. Real Nix says which it is: those that
// apply it complain that a setting was not accepted.
func TestOnlySomeCommandsApplyNixConfig(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		m := &matrix{nix: nix}
		m.outside, m.inside = nix.Dir(t)
		m.write(t, "flake/flake.nix", `{
  nixConfig.extra-substituters = "http://127.0.0.1:9";
  outputs = _: {
    x = 1;
    packages.x86_64-linux.default = derivation { name = "a"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; };
  };
}
`)
		m.write(t, "etc/nix.conf", "experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nflake-registry =\nsubstituters =\n")
		f := "path:" + m.inside + "/flake"
		for _, c := range []struct {
			applies bool
			command string
		}{
			{true, "nix build --no-link " + f}, {true, "nix run " + f}, {true, "nix shell " + f + " -c true"}, {true, "nix develop " + f + " -c true"},
			{true, "nix eval " + f + "#x"}, {true, "nix flake check " + f}, {true, "nix flake lock " + f}, {true, "nix flake update " + f},
			{false, "nix flake show " + f}, {false, "nix flake metadata " + f}, {false, "nix flake archive --dry-run " + f},
			{false, "nix-build --no-out-link --expr (builtins.getFlake(\"" + f + "\")).packages.x86_64-linux.default"},
			{false, "nix-instantiate --eval --expr (builtins.getFlake(\"" + f + "\")).x"},
		} {
			name, expr, _ := strings.Cut(c.command, " --expr ")
			args := strings.Fields(name)
			if expr != "" {
				args = append(args, "--expr", expr)
			}
			if args[0] == "nix" && args[1] == "flake" && args[2] == "update" && nix.Short != "2.8" {
				args = []string{"nix", "flake", "update", "--flake", f}
			}
			r := nix.Run(t, realnix.Cmd{Args: args, Dir: m.inside + "/flake", Env: []string{
				"HOME=" + m.inside, "NIX_CONF_DIR=" + m.inside + "/etc", "NIX_STORE_DIR=" + m.inside + "/store",
				"NIX_STATE_DIR=" + m.inside + "/state", "NIX_LOG_DIR=" + m.inside + "/log",
			}})
			if got := strings.Contains(r.Stderr, "ignoring untrusted flake configuration setting"); got != c.applies {
				t.Errorf("%s: applies nixConfig %v, want %v: %s", c.command, got, c.applies, r.Stderr)
			}
		}
	})
}
