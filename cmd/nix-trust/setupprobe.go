package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/trust/child"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// A madeUpPath is a path that nobody has but the gate that made it up. Whether the
// store takes it says which keys are believed.
type madeUpPath struct {
	base string // the gate's URL, with a slash
	path string // in the store
}

// freshProbe has the gate at a URL make a probe, and holds against the key that
// it is this gate that answers. An answer that anybody else gives is an error.
func freshProbe(ctx context.Context, base, storeDir string, key bincache.PublicKey) (madeUpPath, error) {
	text, err := getSmall(ctx, base+"nix-trust-probe")
	if err != nil {
		return madeUpPath{}, err
	}
	path, err := bincache.ParseStorePathIn(storeDir, strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return madeUpPath{}, &notOurs{"what answers is no gate of nix-trust, or one of another store"}
	}
	if text, err = getSmall(ctx, base+path.Digest()+".narinfo"); err != nil {
		return madeUpPath{}, err
	}
	n, err := bincache.ParseNarInfo(storeDir, text)
	switch {
	case err != nil || n.Path != path || n.CA != "":
		return madeUpPath{}, &notOurs{"what answers is no gate of nix-trust"}
	case bincache.CheckSignatures(n, bincache.NewKeyring([]string{key.String()})).Verdict != bincache.Verified:
		return madeUpPath{}, &notOurs{"what answers is another gate: it does not sign with " + key.Name}
	}
	return madeUpPath{base, path.In(storeDir)}, nil
}

// A notOurs says that something else answers where the gate should.
type notOurs struct{ text string }

func (n *notOurs) Error() string { return n.text }

// getSmall asks for a small text on this machine, whatever proxy there is.
func getSmall(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusTooManyRequests {
		return nil, errors.New("the gate was asked for many probes at once; try again in a few seconds")
	}
	if answer.StatusCode != http.StatusOK {
		return nil, &notOurs{"what answers is no gate of nix-trust"}
	}
	return io.ReadAll(io.LimitReader(answer.Body, 64<<10))
}

// serveProbes runs a gate that serves nothing but probes, until stop.
func serveProbes(ctx context.Context, key *gate.Key, storeDir, address string) (base string, stop func(), err error) {
	g, err := gate.New(gate.Options{Key: key, Client: bincache.NewClient(bincache.Options{StoreDir: storeDir})})
	if err != nil {
		return "", nil, err
	}
	listener, err := gate.Listen(ctx, address)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.Serve(ctx, listener)
	}()
	return "http://" + listener.Addr().String() + "/", func() { cancel(); <-ended }, nil
}

// listens reports whether anything listens on an address.
func listens(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// A prober has Nix take probes, in the name of one user. It keeps nothing: Nix
// has a folder of its own to remember things in.
type prober struct {
	runner nix.Runner
	env    []string
	dir    string // its own, removed by close
}

// newProber is one for the user who runs the program, or as root for another,
// who asks the daemon.
func newProber(as *gateplace.Owner) (*prober, error) {
	dir, err := os.MkdirTemp("", "nix-trust-setup-")
	if err != nil {
		return nil, err
	}
	p := &prober{runner: nix.Program{}, dir: dir}
	p.env = append([]string{"NIX_CACHE_HOME=" + dir, "XDG_CACHE_HOME=" + dir}, child.Direct(os.Environ())...)
	if as != nil {
		p.runner = runnerAs(*as)
		p.env = append(p.env, "HOME="+dir, "USER="+as.Name, "PATH="+os.Getenv("PATH"), "NIX_REMOTE=daemon")
		for _, name := range []string{"NIX_STORE_DIR", "NIX_STATE_DIR", "NIX_LOG_DIR", "NIX_CONF_DIR", "NIX_DAEMON_SOCKET_PATH"} {
			if v := os.Getenv(name); v != "" {
				p.env = append(p.env, name+"="+v)
			}
		}
		if err := os.Lchown(dir, as.UID, as.GID); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func (p *prober) close() { os.RemoveAll(p.dir) }

// An answer is what became of a probe. The zero value is not known.
type answer int

const (
	probeUnknown  answer = iota
	probeTaken           // it is in the store
	probeUnsigned        // refused, as no key that is believed has signed it
)

// lacksSignature is how Nix refuses a path that no believed key has signed.
// Nix: src/libstore/local-store.cc, LocalStore::addToStore.
var lacksSignature = regexp.MustCompile(`lacks a (valid )?signature`)

// push copies a probe into the store. said is what Nix said.
func (p *prober) push(ctx context.Context, it madeUpPath) (answer, string, error) {
	r, err := p.run(ctx, "nix", "--extra-experimental-features", "nix-command", "copy", "--from", it.base, it.path)
	if err != nil {
		return probeUnknown, "", err
	}
	switch {
	case r.Code == 0:
		there, err := p.has(ctx, it.path)
		if err != nil || !there {
			return probeUnknown, lastWords(r.Stderr), err
		}
		return probeTaken, "", nil
	case lacksSignature.Match(r.Stderr):
		return probeUnsigned, lastWords(r.Stderr), nil
	}
	return probeUnknown, lastWords(r.Stderr), nil
}

// A pulled is what became of a probe that was asked for from some URLs alone.
type pulled struct {
	answer  answer
	ignored []string // URLs that the daemon would not use
	said    string
}

var (
	ignoresURL = regexp.MustCompile(`gnoring untrusted substituter ['"]([^'"]+)['"]`)
	// Nix: src/libstore/build/substitution-goal.cc.
	ignoresUnsigned = regexp.MustCompile(`not signed by`)
)

// pull has the store get a probe from some URLs and from nowhere else.
func (p *prober) pull(ctx context.Context, it madeUpPath, urls []string) (pulled, error) {
	r, err := p.run(ctx, "nix-store", "--realise", it.path, "--option", "substitute", "true", "--option", "substituters", strings.Join(urls, " "))
	if err != nil {
		return pulled{}, err
	}
	var out pulled
	for _, m := range ignoresURL.FindAllSubmatch(r.Stderr, -1) {
		if u := string(m[1]); !slices.Contains(out.ignored, u) {
			out.ignored = append(out.ignored, u)
		}
	}
	there, err := p.has(ctx, it.path)
	switch {
	case err != nil:
		return pulled{}, err
	case there:
		out.answer = probeTaken
	case ignoresUnsigned.Match(r.Stderr):
		out.answer = probeUnsigned
	}
	out.said = lastWords(r.Stderr)
	return out, nil
}

// has reports whether a path is in the store, whole.
func (p *prober) has(ctx context.Context, path string) (bool, error) {
	r, err := p.run(ctx, "nix-store", "--check-validity", path)
	return err == nil && r.Code == 0, err
}

func (p *prober) run(ctx context.Context, args ...string) (nix.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := p.runner.Run(ctx, nix.Call{Args: args, Env: p.env, Dir: p.dir})
	if errors.Is(err, context.DeadlineExceeded) {
		return r, fmt.Errorf("%s did not come to an end within a minute", args[0])
	}
	return r, err
}

// lastWords is the last thing that Nix complained about.
func lastWords(stderr []byte) string {
	said := ""
	for line := range strings.Lines(colour.ReplaceAllString(string(stderr), "")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "error:") || strings.HasPrefix(line, "warning:") && said == "" {
			said = line
		}
	}
	return said[:min(len(said), 1<<10)]
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// runnerAs runs programs as another user, with nothing of root's environment.
type runnerAs gateplace.Owner

func (u runnerAs) Run(ctx context.Context, c nix.Call) (nix.Result, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}}
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nix.Result{}, ctx.Err()
	case err != nil && !errors.As(err, &exit):
		return nix.Result{}, err
	}
	return nix.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Code: cmd.ProcessState.ExitCode()}, nil
}
