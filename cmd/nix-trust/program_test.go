package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// program is the built program, for tests that run it in a root of its own:
// linking it takes seconds, so they share it.
var program struct {
	sync.Once
	dir string
	err error
}

// buildProgram returns a file that must not be changed.
func buildProgram(t testing.TB) string {
	t.Helper()
	program.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "nix-trust-test-"); program.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", program.dir, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return filepath.Join(program.dir, "nix-trust")
}

// tidied removes the program after all tests.
type tidied struct{ *testing.M }

func (m tidied) Run() int {
	defer func() {
		if program.dir != "" {
			os.RemoveAll(program.dir)
		}
	}()
	return m.M.Run()
}
