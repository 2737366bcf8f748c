package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/keeper/keepertest"
)

// A gateHome is a user's folders with a gate's key in them, where the program is
// run as a process of its own.
type gateHome struct {
	*keepertest.Granary
	t       *testing.T
	dir     string
	program string
	key     *gate.Key
	env     []string
}

func newGateHome(t *testing.T) *gateHome {
	t.Helper()
	h := &gateHome{Granary: keepertest.New(t), t: t}
	h.dir = filepath.Dir(h.Own)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The name says what the test's own binary is to be; see TestMain.
	h.program = filepath.Join(h.dir, "nix-trust")
	if err := os.Symlink(self, h.program); err != nil {
		t.Fatal(err)
	}
	if h.key, err = gate.MakeKey(filepath.Join(h.Own, "gate.key"), "gate-1"); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(h.dir, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = append(os.Environ(), "NIX_TRUST_STATE_DIR="+h.Own, "NIX_TRUST_CONFIG_DIR="+h.Own, "XDG_RUNTIME_DIR="+run, "HOME="+h.dir, "NIX_STORE_DIR=", "NIX_STORE=", "LISTEN_FDS=", "NOTIFY_SOCKET=")
	return h
}

func (h *gateHome) socket() string { return filepath.Join(h.dir, "run/nix-trust/gate.sock") }

// run runs the program to its end.
func (h *gateHome) run(args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.program, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A gateProcess is a gate that runs as a process.
type gateProcess struct {
	t       *testing.T
	cmd     *exec.Cmd
	started gateStartedJSON
	log     lockedBuffer
	ended   chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// gate starts a gate on a free port, unless told where, and waits until it
// listens.
func (h *gateHome) gate(args ...string) *gateProcess {
	h.t.Helper()
	if !strings.Contains(strings.Join(args, " "), "--listen") && !strings.Contains(strings.Join(args, " "), "--ephemeral") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	return h.begin(exec.Command(h.program, append([]string{"gate", "--json"}, args...)...))
}

func (h *gateHome) begin(cmd *exec.Cmd) *gateProcess {
	h.t.Helper()
	p := &gateProcess{t: h.t, cmd: cmd, ended: make(chan struct{})}
	if cmd.Env == nil {
		cmd.Env = h.env
	}
	cmd.Stderr = &p.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	said := json.NewDecoder(out).Decode(&p.started)
	go func() {
		io.Copy(io.Discard, out)
		cmd.Wait()
		close(p.ended)
	}()
	h.t.Cleanup(func() { cmd.Process.Kill(); <-p.ended })
	if said != nil {
		h.t.Fatalf("the gate did not start: %v\n%s", said, p.log.String())
	}
	return p
}

// end sends a signal and returns the exit code.
func (p *gateProcess) end(s syscall.Signal) int {
	p.t.Helper()
	p.cmd.Process.Signal(s)
	return p.code()
}

// code waits for the end.
func (p *gateProcess) code() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		p.t.Fatalf("the gate does not end:\n%s", p.log.String())
	}
	return -1
}

// logs waits until the log says something.
func (p *gateProcess) logs(text string) {
	p.t.Helper()
	for range 500 {
		if strings.Contains(p.log.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("the log does not say %q:\n%s", text, p.log.String())
}

// get asks the gate for something.
func (p *gateProcess) get(path string) (code int, body string) {
	p.t.Helper()
	r, err := http.Get("http://" + p.started.Address + "/" + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// grantOne grants one path, and returns it.
func (h *gateHome) grantOne(n int) string {
	h.t.Helper()
	h.Clock = time.Now()
	h.Say(h.Own, grants.File{Grants: []grants.Grant{h.Grant("one", h.Accept(h.Own, n, 1))}})
	return keepertest.PathOf(n).Digest() + ".narinfo"
}

// acceptText keeps a lock that is written otherwise than lockOf does.
func (h *gateHome) acceptText(text []byte) string {
	h.t.Helper()
	l, err := lock.Parse("lock", text)
	if err != nil {
		h.t.Fatal(err)
	}
	digest, err := l.Digest()
	if err != nil {
		h.t.Fatal(err)
	}
	h.Write(filepath.Join(h.Own, "locks", digest+".cache-lock"), text)
	return digest
}
