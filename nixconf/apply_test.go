package nixconf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// TestAcceptedFlakeSettingsFailAsInRealNix accepts a flake's nixConfig in real
// Nix and holds against it what Apply says of each setting. A value is given as
// the text that both sides see.
func TestAcceptedFlakeSettingsFailAsInRealNix(t *testing.T) {
	cases := [][2]string{
		{"require-sigs", "off"},
		{"require-sigs", "yes"},
		{"cores", "x"},
		{"max-jobs", "many"},
		{"sandbox", "1"},
		{"no-such-setting", "1"},
		{"extra-cores", "1"},
		{"plugin-files", "/none"},
		{"netrc-file", "relative"},
		{"diff-hook", "relative"},
		{"extra-substituters", "z"},
		{"substituters", "http://h?a=%zz"},
		{"extra-binary-caches", "https://a.example"},
		{"impure-env", "A=b"},
		{"min-free", "1K"},
		{"use-registries", "maybe"},
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		refused := 0
		for _, x := range cases {
			name, value := x[0], x[1]
			dir := filepath.Join(outside, name+strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
					return r
				}
				return '_'
			}, value))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			text := "{\n  nixConfig." + name + " = \"" + value + "\";\n  outputs = _: { x = 1; };\n}\n"
			if err := os.WriteFile(filepath.Join(dir, "flake.nix"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			env := []string{"HOME=" + inside, "NIX_CONFIG=experimental-features = nix-command flakes\naccept-flake-config = true\nsubstitute = false"}
			r := nix.Run(t, realnix.Cmd{Args: []string{"nix", "eval", "path:" + inside + "/" + filepath.Base(dir) + "#x"}, Env: env})
			c := nixconf.Load(rootFiles{root: nix.Root}, nixconf.Environment{Lookup: vars(env...), Home: inside}, nix.Version)
			if c.Fatal != nil {
				t.Fatal(c.Fatal)
			}
			d := c.Apply(nixconf.Origin{Layer: nixconf.LayerFlake}, name, value)
			said := plain(r.Stderr)
			if r.Code != 0 {
				refused++
			}
			switch {
			case r.Code != 0 && (d == nil || d.Severity != nixconf.SeverityFatal):
				t.Errorf("%s = %s: Nix exits with %d (%s), here %+v", name, value, r.Code, said, d)
			case r.Code == 0 && d != nil && d.Severity == nixconf.SeverityFatal:
				t.Errorf("%s = %s: Nix goes on, here %+v", name, value, d)
			case d != nil && !strings.Contains(said, plain(d.Message)):
				t.Errorf("%s = %s: Nix says %q, here %q", name, value, said, d.Message)
			}
		}
		if refused < 5 || refused > len(cases)-4 {
			t.Errorf("Nix refused %d of %d: the test does not see both sides", refused, len(cases))
		}
	})
}
