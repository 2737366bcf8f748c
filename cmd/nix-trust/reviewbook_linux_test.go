package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A recorded review is what the next one compares with, in every worktree of the
// repository, and a part of it is none.
func TestAcceptedReviewIsWhatTheNextOneComparesWith(t *testing.T) {
	// The test program is nix-trust when it is called so.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("/tmp", "nix-trust-review-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	bin := filepath.Join(home, "nix-trust")
	if err := os.WriteFile(bin, program, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(dir, config string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, dir, "flake.nix"), []byte("{ nixConfig = { "+config+" }; outputs = _: { }; }"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (int, string) {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=dumb"}
		if os.Geteuid() == 0 {
			// Root keeps its records where they would be taken for the machine's.
			chown(t, home, 4242, 4242)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4242, Gid: 4242}}
		}
		out, err := cmd.CombinedOutput()
		if code, ok := codeOf(err); ok {
			return code, string(out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0, string(out)
	}
	expect := func(code int, says string, args ...string) {
		t.Helper()
		if got, out := run(args...); got != code || !strings.Contains(out, says) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s", args, got, code, says, out)
		}
	}

	write("app", `extra-substituters = "https://a.example";`)
	expect(1, "No earlier review", "review", "./app", "--fail-on", "new-cache")
	expect(0, "recorded as reviewed, entry 1", "review", "./app", "--accept")
	expect(0, "what it asked for", "review", "./app", "--fail-on", "any")
	expect(0, "recorded already", "review", "./app", "--accept")

	write("copy", `extra-substituters = "https://a.example";`)
	expect(1, "No earlier review", "review", "./copy", "--fail-on", "any")

	write("app", `extra-substituters = "https://b.example";`)
	expect(1, "fails", "review", "./app", "--fail-on", "new-cache")
	expect(1, "fails", "review", "./app", "--fail-on", "new-cache", "--accept")
	expect(1, "fails", "review", "./app", "--fail-on", "new-cache")

	records, err := filepath.Glob(filepath.Join(home, ".local/state/nix-trust/reviews/*.json"))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	info, err := os.Stat(records[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	whole, err := os.ReadFile(records[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(whole[:len(whole)-20]), "", "null", strings.Replace(string(whole), "a.example", "b.example", 1), strings.Replace(string(whole), "/app", "/oak", 1)} {
		if err := os.WriteFile(records[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(3, records[0], "review", "./app", "--fail-on", "any")
	}
	if err := os.WriteFile(records[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(0, "recorded as reviewed, entry 2", "review", "./app", "--accept")
	expect(0, "what it asked for", "review", "./app", "--fail-on", "any")
}
