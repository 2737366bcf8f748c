package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/hosttest"
)

// bundleOf makes a bundle of a machine and returns its bytes. What it shows has
// to be what a plain look at the machine shows.
func bundleBytes(t *testing.T, a *app, m *host.Machine, o host.Options) []byte {
	t.Helper()
	ctx := context.Background()
	b, live, err := a.bundleOf(ctx, m, o, false)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		t.Fatal(err)
	}
	differs, err := differences(ctx, text.Bytes(), live)
	if err != nil || len(differs) > 0 {
		t.Errorf("it differs in %q, %v", differs, err)
	}
	var again bytes.Buffer
	if err := b.Write(&again); err != nil || !bytes.Equal(again.Bytes(), text.Bytes()) {
		t.Error("the same bundle was written as other bytes", err)
	}
	return text.Bytes()
}

// says runs a command and returns what it says on stdout, and how it ends.
func says(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errs})
	if out.Len() == 0 {
		t.Logf("%q: %s", args, errs.String())
	}
	return out.String(), code
}

// sameSaid runs commands on a machine and on a bundle of it, and fails where one
// byte differs.
func sameSaid(t *testing.T, live, bundled []string, commands ...string) {
	t.Helper()
	for _, c := range commands {
		args := strings.Fields(c)
		want, code := says(t, append(args, live...)...)
		got, again := says(t, append(args, bundled...)...)
		if got != want || code != again || !json.Valid([]byte(want)) && strings.Contains(c, "--json") {
			t.Errorf("%s: with %d and not %d, %s", c, again, code, firstDifference(got, want))
		}
	}
}

// firstDifference is the first line in which two texts differ.
func firstDifference(got, want string) string {
	one, two := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(one), len(two)) {
		if one[i] != two[i] {
			return fmt.Sprintf("line %d is %q and not %q", i+1, one[i], two[i])
		}
	}
	return fmt.Sprintf("%d lines and not %d", len(one), len(two))
}

func TestABundleOfTheDemoShowsTheSame(t *testing.T) {
	t.Setenv("NIX_TRUST_CONFIG_DIR", t.TempDir())
	t.Setenv("NIX_TRUST_STATE_DIR", t.TempDir())
	a := &app{demo: true}
	m, o := a.made().Machine()
	text := bundleBytes(t, a, m, o)
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"status", "why", "answers list", "lint"} {
		c := append(strings.Fields(c), "--json")
		want, code := says(t, append([]string{"demo"}, c...)...)
		got, again := says(t, append(c, "--root", file)...)
		if got != want || code != again {
			t.Errorf("%s: with %d and not %d, %s", c, again, code, firstDifference(got, want))
		}
	}
}

func TestABundleOfAnotherRootShowsTheSame(t *testing.T) {
	root := t.TempDir()
	if _, err := hosttest.Write(root, hosttest.Size{Flakes: 20, Inputs: 60, Answers: 40}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if out, code := says(t, "report", "--root", root, "--bundle", file); code != exitOK || strings.Contains(out, "differ") {
		t.Fatal(code, out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	sameSaid(t, []string{"--root", root}, []string{"--root", file}, "status --json", "why --json", "config --json", "config --all", "lint --json", "answers list --json", "why /home/alice/src/project0 --json")
}
