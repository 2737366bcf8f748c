// Package realnix runs real Nix programs for tests. Every statement this
// project makes about Nix is held against them.
//
// The programs live in roots made by .ci/real-nix: NIX_TRUST_REAL_NIX names the
// folder (default /var/lib/nix-trust-real-nix) with one root a version. Tests
// that need one are skipped where it is missing, unless NIX_TRUST_REQUIRE_NIX
// is set, which makes a missing Nix a failure.
package realnix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A Nix is one root with a real Nix in it.
type Nix struct {
	Root    string // the root's folder on this machine
	Short   string // "2.26"
	Version nixconf.Version
}

var versions = []Nix{
	{Short: "2.8", Version: nixconf.Version{Major: 2, Minor: 8}},
	{Short: "2.26", Version: nixconf.Version{Major: 2, Minor: 26, Patch: 3}},
	{Short: "2.34", Version: nixconf.Version{Major: 2, Minor: 34, Patch: 8}},
}

// Each runs the test once for each version, as a subtest named after it.
func Each(t *testing.T, run func(t *testing.T, nix Nix)) {
	t.Helper()
	for _, v := range versions {
		t.Run("nix-"+v.Short, func(t *testing.T) { run(t, Get(t, v.Short)) })
	}
}

// Get returns one version ("2.26"), or skips or fails the test without it.
func Get(t testing.TB, short string) Nix {
	t.Helper()
	dir := os.Getenv("NIX_TRUST_REAL_NIX")
	if dir == "" {
		dir = "/var/lib/nix-trust-real-nix"
	}
	for _, v := range versions {
		if v.Short != short {
			continue
		}
		v.Root = filepath.Join(dir, short)
		_, err := os.Stat(filepath.Join(v.Root, "usr/bin/nix"))
		if err == nil && os.Geteuid() != 0 {
			err = errors.New("entering its root needs root")
		}
		if err != nil {
			miss := t.Skipf
			if os.Getenv("NIX_TRUST_REQUIRE_NIX") != "" {
				miss = t.Fatalf
			}
			miss("no real Nix %s: %v (run .ci/real-nix %s)", short, err, dir)
		}
		return v
	}
	t.Fatalf("realnix: no version %q", short)
	return Nix{}
}

// A Result is what a command did.
type Result struct {
	Stdout, Stderr string
	Code           int // the exit code, or 128 + the signal that killed it
}

// A Cmd is one command in the root. The zero UID and GID are root's. Env is the
// whole environment; PATH is added when it has none. Dir is inside the root.
type Cmd struct {
	Args     []string
	Env      []string
	Dir      string
	UID, GID uint32
	Groups   []uint32
	Stdin    string
	Timeout  time.Duration // 60 s when zero
	// NoNetwork leaves the command a loopback interface that is down.
	NoNetwork bool
}

// Run runs the command to its end. It fails the test only when the command
// could not be started or did not end in time.
func (n Nix) Run(t testing.TB, c Cmd) Result {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	cmd := n.Command(ctx, c)
	var out, errb bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errb
	cmd.Stdin = bytes.NewReader([]byte(c.Stdin))
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("realnix: %q: %v", c.Args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("realnix: %q did not end in %v; it said %s%s", c.Args, c.Timeout, out.String(), errb.String())
	}
	code := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return Result{Stdout: out.String(), Stderr: errb.String(), Code: code}
}

// Command prepares the command, for tests that start a daemon.
func (n Nix) Command(ctx context.Context, c Cmd) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	// The name is looked up in the root, not on this machine.
	cmd.Path, cmd.Err = c.Args[0], nil
	if !filepath.IsAbs(c.Args[0]) {
		cmd.Path = filepath.Join("/usr/bin", c.Args[0])
	}
	cmd.Env = c.Env
	if !hasPath(c.Env) {
		cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, c.Env...)
	}
	cmd.Dir = c.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot:     n.Root,
		Credential: &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups},
	}
	if c.NoNetwork {
		leaveNetwork(cmd.SysProcAttr)
	}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

func hasPath(env []string) bool {
	for _, e := range env {
		if len(e) > 5 && e[:5] == "PATH=" {
			return true
		}
	}
	return false
}

// Dir makes a fresh folder under the root's /tmp, removed when the test ends,
// and returns its path on this machine and inside the root.
func (n Nix) Dir(t testing.TB) (outside, inside string) {
	t.Helper()
	outside, err := os.MkdirTemp(filepath.Join(n.Root, "tmp"), "nix-trust-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(outside) })
	return outside, "/tmp/" + filepath.Base(outside)
}
