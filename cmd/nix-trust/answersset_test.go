package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// On a terminal nothing is changed by an empty line, by the end of the input, or
// by a word that was not asked for. What is more than a cache takes a whole yes.
func TestNothingIsChangedWithoutAClearYes(t *testing.T) {
	for _, c := range []struct {
		args []string
		in   string
		made bool
	}{
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "y\n", true},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, " YES \n", true},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "n\ny\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example"}, "yep\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example", "--json"}, "y\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example", "--dry-run"}, "y\n", false},
		{[]string{"answers", "set", "yes", "extra-substituters", "https://a.example", "--dry-run", "--yes"}, "y\n", false},
		{[]string{"answers", "set", "yes", "post-build-hook", "/bin/x"}, "y\n", false},
		{[]string{"answers", "set", "yes", "post-build-hook", "/bin/x"}, "yes\n", true},
		{[]string{"answers", "set", "no", "post-build-hook", "/bin/x"}, "y\n", true},
	} {
		dir := t.TempDir()
		t.Setenv("HOME", dir)
		t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
		t.Setenv("NIX_TRUST_STATE_DIR", filepath.Join(dir, "state"))
		var out, errs strings.Builder
		code := run(context.Background(), c.args, streams{in: strings.NewReader(c.in), out: &out, err: &errs, terminal: true})
		_, err := os.Stat(filepath.Join(dir, "data/nix/trusted-settings.json"))
		if made := err == nil; made != c.made {
			t.Errorf("%q with %q: made is %t, want %t\n%s%s", c.args, c.in, made, c.made, &out, &errs)
		}
		dry := strings.Contains(strings.Join(c.args, " "), "--dry-run")
		if want := c.made || dry; (code == 0) != want {
			t.Errorf("%q with %q: exit code %d", c.args, c.in, code)
		}
		if _, err := os.Stat(filepath.Join(dir, "state")); (err == nil) != c.made {
			t.Errorf("%q with %q: a journal without a change, or a change without a journal", c.args, c.in)
		}
	}
}
