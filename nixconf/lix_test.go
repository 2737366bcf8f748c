package nixconf_test

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Lix: the settings in the source of each release; none was run.
func TestSettingsOfLixComeAndGoWithItsReleases(t *testing.T) {
	all := []string{"2.90.0", "2.91.0", "2.91.1", "2.91.2", "2.92.0", "2.92.2", "2.93.0", "2.93.1", "2.94.2", "2.95.3"}
	for name, has := range map[string]string{
		"substituters":                  "yes yes yes yes yes yes yes yes yes yes",
		"always-allow-substitutes":      "yes yes yes yes yes yes yes yes yes yes",
		"repl-overlays":                 "yes yes yes yes yes yes yes yes yes yes",
		"filter-syscalls":               "no no no no no no no no no no",
		"allow-new-privileges":          "no no no no no no no no no no",
		"narinfo-cache-meta-ttl":        "no no no no no no no no no no", // of Nix 2.34 alone
		"download-buffer-size":          "no no no no no no no no no no", // of Nix since 2.24
		"build-dir":                     "no yes yes yes yes yes yes yes yes yes",
		"pasta-path":                    "no no no yes no yes no yes yes yes",
		"deprecated-features":           "no no no no yes yes yes yes yes yes",
		"temp-dir":                      "no no no no yes yes yes yes yes yes",
		"http3":                         "no no no no no no no no yes yes",
		"initial-connect-timeout":       "no no no no no no no no yes yes",
		"connect-timeout":               "yes yes yes yes yes yes yes yes yes yes",
		"extra-local-jobs":              "no no no no no no no no no yes",
		"builtin-builder-sandbox-paths": "no no no no no no no no no yes",
		"impersonate-linux-26":          "yes yes yes yes yes yes yes yes yes no",
	} {
		want := strings.Fields(has)
		for i, release := range all {
			v, ok := nixconf.ParseVersion(release)
			if !ok || !v.KnowsAll() {
				t.Fatalf("%s is not known", release)
			}
			c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": name + " =\n"}, alice(), v)
			if got := c.Get(name) != nil; got != (want[i] == "yes") {
				t.Errorf("Lix %s has %s: %v", release, name, got)
			}
			warned := false
			for _, d := range c.Warnings {
				warned = warned || d.Kind == "unknown-setting" && d.Severity == nixconf.SeverityWarning
			}
			if warned != (want[i] == "no") {
				t.Errorf("Lix %s, %s is called unknown: %v", release, name, warned)
			}
		}
	}
}

func TestOfANewerVersionNoSettingIsCalledUnknown(t *testing.T) {
	for release, knows := range map[string]bool{"2.8.0": true, "2.34.8": true, "2.35.0": false, "2.36.1": false, "2.90.0": true, "2.95.9": true, "2.96.0": false, "3.0.0": false} {
		v, _ := nixconf.ParseVersion(release)
		if v.KnowsAll() != knows {
			t.Errorf("all of %s is known: %v", release, !knows)
		}
		c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": "made-up = 1\n"}, alice(), v)
		if len(c.Warnings) != 1 || (c.Warnings[0].Severity == nixconf.SeverityWarning) != knows {
			t.Errorf("%s: %+v", release, c.Warnings)
		}
	}
	if !(nixconf.Version{}).KnowsAll() {
		t.Error("an unknown version is taken for the newest that is known")
	}
}

func TestLixHasItsOwnExperimentalFeatures(t *testing.T) {
	for _, c := range []struct {
		release, feature string
		has              bool
	}{
		{"2.90.0", "repl-flake", true}, {"2.90.0", "pipe-operator", false}, {"2.91.0", "pipe-operator", true}, {"2.93.0", "repl-flake", false},
		{"2.93.0", "lix-custom-sub-commands", true}, {"2.94.0", "coerce-integers", true}, {"2.94.0", "ca-derivations", false},
		{"2.95.3", "fetch-closure", false}, {"2.95.3", "flakes", true}, {"2.95.3", "pipe-operators", false}, {"2.34.8", "pipe-operators", true},
	} {
		v, _ := nixconf.ParseVersion(c.release)
		got := nixconf.Load(mapFiles{"/etc/nix/nix.conf": "experimental-features = " + c.feature + "\n"}, alice(), v)
		if has := len(got.Warnings) == 0; has != c.has {
			t.Errorf("%s has %s: %v (%+v)", c.release, c.feature, has, got.Warnings)
		}
	}
}

func TestASettingOfMacOSIsNotCalledUnknownThere(t *testing.T) {
	for system, warned := range map[string]bool{"aarch64-darwin": false, "x86_64-linux": true} {
		e := alice()
		e.System = system
		c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": "darwin-log-sandbox-violations = true\n"}, e, nixconf.Newest)
		if (len(c.Warnings) > 0) != warned {
			t.Errorf("%s: %+v", system, c.Warnings)
		}
	}
}

// What only Lix has is known with its risk to somebody who reads a flake.
func TestLookupFindsWhatOnlyLixHas(t *testing.T) {
	s, extra, ok := nixconf.Lookup("pasta-path")
	if !ok || extra || s.Risk != nixconf.RiskCode {
		t.Errorf("%+v %v %v", s, extra, ok)
	}
	if s, _, ok := nixconf.Lookup("connect-timeout"); !ok || s.Name != "connect-timeout" {
		t.Errorf("%+v: in Nix it is no alias", s)
	}
}
