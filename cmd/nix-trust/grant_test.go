package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A person at a terminal is asked, a whole word where something could not be
// compared, and a no leaves nothing behind.
func TestGrantAsksThePersonAndLeavesNothingAfterANo(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"none/nix.conf":          "substituters =\n",
		"flake/flake.nix":        "{ outputs = _: { }; }\n",
		"flake/flake.cache-lock": "version = 1\n\n[[cache]]\nurl = \"https://cache.example\"\nkeys = [\"cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\"]\n\n[paths.x86_64-linux]\n\"a0000000000000000000000000000000-hello\" = { nar = \"sha256-4lqf23F/UpnPeS4RdBnteYmWOH2NfIsLw5OWE3UOioc=\", size = 120, refs = [] }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// No Nix is found here, so it is not certain which caches are trusted.
	for name, value := range map[string]string{
		"NIX_CONF_DIR": dir + "/none", "NIX_TRUST_STATE_DIR": dir + "/state", "NIX_TRUST_CONFIG_DIR": dir + "/config",
		"HOME": dir, "NIX_REMOTE": "ssh://nowhere.invalid",
	} {
		t.Setenv(name, value)
	}
	grant := func(reply string) (int, string) {
		var out strings.Builder
		code := run(context.Background(), []string{"grant", dir + "/flake", "--system", "x86_64-linux"},
			streams{in: strings.NewReader(reply), out: &out, err: &out, terminal: true})
		return code, out.String()
	}
	kept := func() int {
		list, _ := filepath.Glob(dir + "/state/locks/*.cache-lock")
		return len(list)
	}
	for _, reply := range []string{"", "\n", "n\n", "no\n", "y\n", "grant\n"} {
		code, said := grant(reply)
		if _, err := os.Stat(dir + "/config/grants.toml"); code != exitFindings || err == nil || kept() != 0 {
			t.Errorf("after %q: exit %d, %d locks kept, a grant: %v\n%s", reply, code, kept(), err == nil, said)
		}
		if !strings.Contains(said, "type yes to do so") || !strings.Contains(said, "may trust more caches") {
			t.Errorf("it asks %s", said)
		}
	}
	if code, said := grant("yes\n"); code != exitOK || kept() != 1 {
		t.Errorf("after yes: exit %d, %d locks kept\n%s", code, kept(), said)
	}
}
