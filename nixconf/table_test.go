package nixconf_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// TestSettingsTableIsRealNix fails when settings.tsv lacks a setting, has one
// too many, or has its aliases, its gating feature or extra-NAME wrong. Defaults
// are held by TestDefaultsAreThoseOfRealNix, kinds by the generated cases.
func TestSettingsTableIsRealNix(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		args := []string{"nix", "config", "show", "--json"}
		if nix.Short == "2.8" {
			args = []string{"nix", "show-config", "--json"}
		}
		names := nixconf.SettingNames()
		var conf strings.Builder
		for _, name := range names {
			value := "/7" // which lists of store references take, too
			if name == "plugin-files" {
				value = ""
			}
			conf.WriteString("extra-" + name + " = " + value + "\n")
		}
		ask := func(config string) realnix.Result {
			return nix.Run(t, realnix.Cmd{Args: append(args, "--extra-experimental-features", "nix-command"),
				Env: []string{"HOME=/nowhere", "NIX_CONFIG=" + config}})
		}
		var all map[string]struct {
			Aliases             []string
			ExperimentalFeature string
			DefaultValue        json.RawMessage
			Description         string
		}
		if err := json.Unmarshal([]byte(ask("").Stdout), &all); err != nil {
			t.Fatal(err)
		}
		c := nixconf.Load(rootFiles{root: nix.Root}, nixconf.Environment{System: "x86_64-linux"}, nix.Version)
		for name, real := range all {
			v := c.Get(name)
			if v == nil {
				t.Errorf("settings.tsv lacks a row: %s\t%s\tRISK\t%s\t… KIND SCOPE %s", name, strings.Join(real.Aliases, ","), real.ExperimentalFeature, real.DefaultValue)
				continue
			}
			if v.Setting.Name != name {
				t.Errorf("%s is a setting of its own in Nix, here it is an alias of %s", name, v.Setting.Name)
			}
			if slices.Sort(real.Aliases); !slices.Equal(real.Aliases, v.Setting.Aliases) {
				t.Errorf("%s: aliases in Nix %q, here %q", name, real.Aliases, v.Setting.Aliases)
			}
			if real.ExperimentalFeature != v.Setting.Feature {
				t.Errorf("%s: gated in Nix by %q, here by %q", name, real.ExperimentalFeature, v.Setting.Feature)
			}
		}
		for _, v := range c.All() {
			if _, ok := all[v.Setting.Name]; !ok {
				t.Errorf("settings.tsv has %s, which this version has not", v.Setting.Name)
			}
		}
		r := ask(conf.String())
		if r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		for _, name := range names {
			v := c.Get(name)
			unknown := strings.Contains(r.Stderr, "unknown setting 'extra-"+name+"'")
			if want := v == nil || !v.Setting.Appendable; unknown != want {
				t.Errorf("extra-%s is unknown to Nix: %v, here: %v", name, unknown, want)
			}
		}
	})
}

func TestEverySettingThatTouchesTrustHasARisk(t *testing.T) {
	for name, risk := range map[string]nixconf.Risk{
		"substituters": nixconf.RiskCache, "trusted-public-keys": nixconf.RiskCache, "require-sigs": nixconf.RiskCache,
		"accept-flake-config": nixconf.RiskCache, "post-build-hook": nixconf.RiskCode, "builders": nixconf.RiskCode,
		"sandbox": nixconf.RiskSandbox, "netrc-file": nixconf.RiskCredential, "pure-eval": nixconf.RiskEvaluation,
		"connect-timeout": nixconf.RiskDenial, "bash-prompt": nixconf.RiskCosmetic,
	} {
		s, _, ok := nixconf.Lookup(name)
		if !ok || s.Risk != risk {
			t.Errorf("%s: %+v, want risk %q", name, s, risk)
		}
	}
	known := []nixconf.Risk{nixconf.RiskCosmetic, nixconf.RiskCache, nixconf.RiskCode, nixconf.RiskSandbox,
		nixconf.RiskCredential, nixconf.RiskEvaluation, nixconf.RiskDenial}
	for _, name := range nixconf.SettingNames() {
		if s, _, _ := nixconf.Lookup(name); !slices.Contains(known, s.Risk) {
			t.Errorf("%s has the risk %q, which is not one", name, s.Risk)
		}
	}
}

func TestLookupFindsNamesAliasesAndExtras(t *testing.T) {
	for _, x := range []struct {
		name, canonical string
		extra, ok       bool
	}{
		{"substituters", "substituters", false, true},
		{"binary-caches", "substituters", false, true},
		{"extra-binary-caches", "substituters", true, true},
		{"extra-trusted-public-keys", "trusted-public-keys", true, true},
		{"extra-platforms", "extra-platforms", false, true},
		{"extra-extra-platforms", "extra-platforms", true, true},
		{"extra-cores", "", false, false},
		{"extra-extra-substituters", "", false, false},
		{"Substituters", "", false, false},
		{"repeat", "repeat", false, true}, // only 2.8 has it
		{"commit-lockfile-summary", "commit-lock-file-summary", false, true},
		{"", "", false, false},
	} {
		s, extra, ok := nixconf.Lookup(x.name)
		if ok != x.ok || extra != x.extra || ok && s.Name != x.canonical {
			t.Errorf("Lookup(%q) = %+v, %v, %v", x.name, s, extra, ok)
		}
	}
}

// TestSettingsComeAndGoWithTheirReleases reads the table for every release, the
// ones in between too, which no test can run.
func TestSettingsComeAndGoWithTheirReleases(t *testing.T) {
	for minor := 7; minor <= 36; minor++ {
		c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": typical + "warn-short-path-literals = true\n"}, alice(), nixconf.Version{Major: 2, Minor: minor})
		if c.Fatal != nil || len(c.All()) < 90 {
			t.Fatalf("2.%d: %v, %d settings", minor, c.Fatal, len(c.All()))
		}
		for name, has := range map[string]bool{
			"substituters": true, "repeat": minor <= 12, "always-allow-substitutes": minor >= 19, "bash-prompt-prefix": minor >= 9,
			"json-log-path": minor >= 30, "narinfo-cache-meta-ttl": minor >= 34, "commit-lockfile-summary": true,
		} {
			if got := c.Get(name) != nil; got != has {
				t.Errorf("2.%d has %s: %v", minor, name, got)
			}
		}
	}
}

func TestHostPlatformsAreThoseOfRealNix(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		got := show(t, nix, setup{env: []string{"HOME=/nowhere"}})
		c := nixconf.Load(rootFiles{root: nix.Root}, nixconf.Environment{System: "x86_64-linux", ExtraPlatforms: nixconf.HostPlatforms(nix.Version)}, nix.Version)
		if have := c.Get("extra-platforms").JSON; !bytes.Equal(have, got.values["extra-platforms"]) {
			t.Errorf("Nix %s, here %s", got.values["extra-platforms"], have)
		}
	})
}
