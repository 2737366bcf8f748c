package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever can put another program in the place of the machine's gate has its key.
func TestTheMachinesGateRunsNothingThatOthersCanReplace(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "nix-trust")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, notes, err := gateProgram(program, false); err != nil || path != program || !strings.Contains(strings.Join(notes, " "), "temporary folder") {
		t.Errorf("%s, %q, %v", path, notes, err)
	}
	for _, change := range []struct {
		path string
		mode os.FileMode
		want string
	}{{dir, 0o777, "others can write the folder"}, {dir, 0o755, ""}, {program, 0o775, "others can write"}, {program, 0o644, "no program that can be run"}} {
		if err := os.Chmod(change.path, change.mode); err != nil {
			t.Fatal(err)
		}
		if change.want == "" {
			continue
		}
		if _, _, err := gateProgram(program, true); err == nil || !strings.Contains(err.Error(), "not to run "+program) || os.Geteuid() == 0 && !strings.Contains(err.Error(), change.want) {
			t.Errorf("%s with mode %v: %v", change.path, change.mode, err)
		}
		if _, notes, err := gateProgram(program, false); err != nil || !strings.Contains(strings.Join(notes, " "), change.want) {
			t.Errorf("a user's: %q, %v", notes, err)
		}
	}
	if _, _, err := gateProgram(filepath.Join(dir, "missing"), true); err == nil {
		t.Error("a program that is not there is run")
	}
}

// A profile's link stays when its package is another one; the file in the store
// does not.
func TestAProgramIsNamedAsItWasCalled(t *testing.T) {
	link := filepath.Join(t.TempDir(), "profile-link")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	args := os.Args
	defer func() { os.Args = args }()
	for called, want := range map[string]string{link: link, "/bin/sh": self, "no-such-program": self} {
		os.Args = []string{called}
		if got, err := thisProgram(); err != nil || got != want {
			t.Errorf("called as %s: %s, %v, want %s", called, got, err, want)
		}
	}
}
