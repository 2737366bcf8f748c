package nix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	maxStdout = 1 << 30 // bytes; more is an error
	maxStderr = 1 << 20 // bytes; the last ones are kept
	// grace is how long an interrupted program has for its last words.
	grace = 5 * time.Second
)

// Program runs programs of this machine. Each has an empty stdin and a session
// of its own, without a terminal: neither it nor what it starts (git, ssh) can
// ask anything.
type Program struct{}

// Run implements Runner. When ctx ends the program and all that it started are
// interrupted, and killed five seconds later.
func (Program) Run(ctx context.Context, c Call) (Result, error) {
	if len(c.Args) == 0 {
		return Result{}, errors.New("no program to run")
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = grace
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	stdout, stderr := &head{most: maxStdout, full: stop}, &tail{most: maxStderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr

	err := cmd.Run()
	ended := ctx.Err()
	if ended != nil && cmd.Process != nil {
		// Whoever did not listen. No such group any more is what is hoped for.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if stdout.over {
		return Result{}, fmt.Errorf("%s wrote more than %d MiB", c.Args[0], maxStdout>>20)
	}
	if ended != nil {
		return Result{}, ended
	}
	r := Result{Stdout: stdout.data, Stderr: stderr.bytes()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, err
	}
	r.Code = cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.Code = 128 + int(status.Signal())
	}
	return r, nil
}

// A head keeps what is written until it is too much, and then calls full.
type head struct {
	data []byte
	most int
	over bool
	full func()
}

func (h *head) Write(p []byte) (int, error) {
	if h.over || len(h.data)+len(p) > h.most {
		h.over, h.data = true, nil
		h.full()
		return len(p), nil
	}
	h.data = append(h.data, p...)
	return len(p), nil
}

// A tail keeps the last of what is written.
type tail struct {
	data []byte // at most twice most
	most int
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > t.most {
		p = p[len(p)-t.most:]
	}
	t.data = append(t.data, p...)
	if len(t.data) > 2*t.most {
		t.data = append(t.data[:0], t.bytes()...)
	}
	return n, nil
}

func (t *tail) bytes() []byte { return t.data[max(0, len(t.data)-t.most):] }
