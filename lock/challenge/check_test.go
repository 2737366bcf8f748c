package challenge

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A script answers the calls of a Check: every path is valid, and nix-store
// says what the test wants.
type script struct {
	t      *testing.T
	code   int
	stderr string
	err    error
	built  int
}

func (s *script) Run(ctx context.Context, c nix.Call) (nix.Result, error) {
	line := strings.Join(c.Args, " ")
	switch {
	case strings.Contains(line, "--check-validity"):
		return nix.Result{}, nil
	case strings.HasPrefix(line, "nix path-info"):
		full := c.Args[len(c.Args)-1]
		return nix.Result{Stdout: []byte(`{"` + full + `": {"narHash": "sha256-KBX5b15fQsLDFtrb6jrL+Dw2FP97UdcYx2uAJ5vIWL4=", "narSize": 120, "references": []}}`)}, nil
	case line == "nix-store --realise --check --keep-failed --no-build-output /nix/store/c0000000000000000000000000000000-hello.drv!out":
		s.built++
		return nix.Result{Code: s.code, Stderr: []byte(s.stderr)}, s.err
	}
	s.t.Errorf("it ran %q", line)
	return nix.Result{}, errors.New("unexpected")
}

func TestWhatNixSaysOfARebuildIsUnderstood(t *testing.T) {
	const full = "/nix/store/" + string(somePath)
	differs := "error: derivation 'd' may not be deterministic: output '" + full + "' differs from '" + full + ".check'"
	info := nix.Info{Deriver: "c0000000000000000000000000000000-hello.drv"}
	for _, c := range []struct {
		name   string
		script script
		kept   bool // on disk
		info   nix.Info
		built  int
		other  bool
		says   string
	}{
		{"the same", script{}, false, info, 1, false, ""},
		{"otherwise", script{code: 104, stderr: "building\n" + differs}, true, info, 1, true, "it came out otherwise"},
		{"otherwise, by a daemon", script{code: 1, stderr: strings.ReplaceAll(differs, "'", `"`)}, true, info, 1, true, "it came out otherwise"},
		{"otherwise, and not kept", script{code: 104, stderr: differs}, false, info, 1, true, "it came out otherwise"},
		{"another output", script{code: 104, stderr: strings.ReplaceAll(differs, full, full+"-dev")}, true, info, 1, false, "another output"},
		{"a builder that writes so, and fails", script{code: 100, stderr: differs + "\nerror: builder failed with exit code 1"}, true, info, 1, false, "builder failed"},
		{"no reason", script{code: 1}, false, info, 1, false, "Nix gave no reason"},
		{"escapes in the reason", script{code: 1, stderr: "error: \x1b[31mred"}, false, info, 1, false, `\x1b[31mred`},
		{"no nix", script{err: errors.New("no such program")}, false, info, 1, false, "no such program"},
		{"no deriver", script{}, false, nix.Info{}, 0, false, "does not know what it was built from"},
		{"of its contents", script{}, false, nix.Info{Deriver: info.Deriver, CA: "text:sha256:x"}, 0, false, "computed from its contents"},
		{"a deriver of another name", script{}, false, nix.Info{Deriver: "c0000000000000000000000000000000-other.drv"}, 0, false, "none of an output"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.script.t = t
			root := t.TempDir()
			store := filepath.Join(root, "nix/store")
			if err := os.MkdirAll(store, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.kept {
				if err := os.WriteFile(filepath.Join(store, string(somePath)+".check"), []byte("x"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := Check{&nix.Nix{Runner: &c.script, Root: root}}.Rebuild(context.Background(), somePath, c.info)
			var other *Other
			isOther := errors.As(err, &other)
			if (err == nil) != (c.says == "") || isOther != c.other || c.script.built != c.built || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, other %v, built %d times", err, isOther, c.script.built)
			}
			if isOther && (other.Kept == lock.StorePath(string(somePath)+".check")) != c.kept {
				t.Errorf("kept as %q", other.Kept)
			}
		})
	}
}
