package nix

import (
	"slices"
	"strings"
	"testing"
)

func TestNamesAreSplitAtDotsOutsideQuotes(t *testing.T) {
	for in, want := range map[string][]string{
		"packages.default":     {"packages", "default"},
		`packages."a.b"`:       {"packages", "a.b"},
		`packages.x"a.b"y`:     {"packages", "xa.by"},
		`packages.""`:          {"packages", ""},
		`a.b\c.d`:              {"a", `b\c`, "d"},
		"formatter":            {"formatter"},
		"packages":             {"packages"},
		"":                     nil,
		".":                    nil,
		"a.":                   nil,
		".a":                   nil,
		"a..b":                 nil,
		`a."b`:                 nil,
		"packages.default^dev": nil,
	} {
		got, err := parseName(in)
		if (err == nil) != (want != nil) || err == nil && !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func FuzzNamesHaveOneSpelling(f *testing.F) {
	for _, s := range []string{"a.b", `a."b.c"`, `a."$x"`, "7zip", `"".x`, "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, err := parseName(s)
		if err != nil || checkName(path) != nil {
			return
		}
		name := formatName(path)
		again, err := parseName(name)
		if err != nil || !slices.Equal(again, path) || formatName(again) != name {
			t.Errorf("%q: %q, then %q, %v", s, name, again, err)
		}
		if strings.ContainsAny(name, "\n\x00^") || len(name) > 512 {
			t.Errorf("%q became the name %q", s, name)
		}
	})
}

func TestTheSystemGoesBehindTheCategory(t *testing.T) {
	for in, want := range map[string]string{
		"packages.x": "packages.aarch64-linux.x", "formatter": "formatter.aarch64-linux",
		"nixosConfigurations.h.config": "nixosConfigurations.h.config", "checks": "checks.aarch64-linux",
	} {
		if got := strings.Join(withSystem(strings.Split(in, "."), "aarch64-linux"), "."); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
