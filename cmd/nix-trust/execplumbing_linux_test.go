package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// start runs nix-trust as alice and does not wait for it.
func (s *scene) start(dir string, out *bytes.Buffer, args ...string) (signal func(syscall.Signal), wait func() syscall.WaitStatus) {
	s.t.Helper()
	tmp := filepath.Join(s.outside, "home/tmp")
	s.home("home/tmp", s.uid, s.gid)
	cmd := s.nix.Command(context.Background(), realnix.Cmd{
		Args: append([]string{s.inside + "/nix-trust"}, args...), UID: s.uid, GID: s.gid, Dir: s.inside + "/" + dir,
		Env: append([]string{"HOME=" + s.inside + "/home", "TMPDIR=" + s.inside + "/home/tmp"}, s.env...),
	})
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr.Setsid = true // no terminal: what is sent is sent to it alone
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func(sig syscall.Signal) { _ = cmd.Process.Signal(sig) }, func() syscall.WaitStatus {
		_ = cmd.Wait()
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			s.t.Errorf("%q leaves %s behind", args, left[0].Name())
		}
		return cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
}

func TestExecIsTheCommandButForOneMoreCache(t *testing.T) {
	s := newScene(t, realnix.Get(t, "2.34"), buildProgram(t), "")
	p := s.project("plumbing")
	s.grant(p.dir)
	run := func(stdin string, env []string, args ...string) realnix.Result {
		t.Helper()
		return s.nix.Run(t, realnix.Cmd{
			Args: append([]string{s.inside + "/nix-trust", "exec", "--gate", s.gate}, args...), UID: s.uid, GID: s.gid, Dir: s.inside + "/" + p.dir, Stdin: stdin,
			Env: slices.Concat([]string{"HOME=" + s.inside + "/home"}, s.env, env),
		})
	}
	t.Run("streams and exit code", func(t *testing.T) {
		r := run("in", nil, "sh", "-c", "cat; echo err >&2; exit 42")
		if r.Stdout != "in" || r.Stderr != "err\n" || r.Code != 42 {
			t.Errorf("%+v", r)
		}
		for _, c := range []struct {
			code int
			args []string
		}{{127, []string{"no-such-command"}}, {126, []string{"/etc/passwd"}}, {2, nil}, {128 + 9, []string{"sh", "-c", "kill -9 $$"}}, {128 + 15, []string{"sh", "-c", "kill $$"}}} {
			if r := run("", nil, c.args...); r.Code != c.code {
				t.Errorf("%q: %d, want %d: %s", c.args, r.Code, c.code, r.Stderr)
			}
		}
		if r := run("", nil, "--", "sh", "-c", "echo $0 $@", "--any", "-x"); r.Stdout != "--any -x\n" {
			t.Errorf("arguments of the command: %+v", r)
		}
	})
	t.Run("configuration", func(t *testing.T) {
		// Nix itself says what it makes of what was there and what was added.
		for _, had := range []string{"", "cores = 3", "cores = 3 # a comment", "cores = 3\n\n# the end \\", "substituters = https://a.example\ncores = 3\n", "extra-substituters = https://a.example"} {
			env := []string{"NIX_CONFIG=" + had}
			r := run("", env, "sh", "-c", `printf %s "$NIX_CONFIG"; echo; echo ---; nix config show substituters; nix config show trusted-public-keys; nix config show cores`)
			text, shown, _ := strings.Cut(r.Stdout, "\n---\n")
			if !strings.HasPrefix(text, had) || !strings.Contains(text, "extra-substituters = http://"+s.gate+"/e") || strings.Contains(text, "keys") {
				t.Errorf("%q became %q", had, text)
			}
			lines := strings.Split(strings.TrimSpace(shown), "\n")
			if len(lines) != 3 || !strings.Contains(lines[0], "http://"+s.gate+"/e") || strings.Contains(had, "cores") != (lines[2] == "3") || strings.Contains(had, "a.example") != strings.Contains(lines[0], "a.example") {
				t.Errorf("with %q Nix has %q: %s", had, lines, r.Stderr)
			}
		}
		if r := run("", []string{"http_proxy=http://127.0.0.1:9", "no_proxy=a.example"}, "sh", "-c", "echo $no_proxy"); r.Stdout != "a.example,127.0.0.1,::1,localhost\n" {
			t.Errorf("a proxy is asked for the gate: %+v", r)
		}
	})
	t.Run("signals", func(t *testing.T) {
		// What is ignored here, as after nohup, would be ignored by the command too.
		heard := make(chan os.Signal, 1)
		ossignal.Notify(heard, syscall.SIGHUP)
		defer ossignal.Stop(heard)
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			name := fmt.Sprintf("ready-%d", sig)
			var out bytes.Buffer
			signal, wait := s.start(p.dir, &out, "exec", "--gate", s.gate, "--", "sh", "-c", "trap 'echo caught; exit 7' INT TERM HUP; touch ../home/"+name+"; while :; do sleep 0.02; done")
			eventually(t, "the command does not begin: "+out.String(), func() bool { _, err := os.Stat(filepath.Join(s.outside, "home", name)); return err == nil })
			signal(sig)
			if status := wait(); status.ExitStatus() != 7 || !strings.Contains(out.String(), "caught") {
				t.Errorf("%v: %v %s", sig, status, out.String())
			}
			out.Reset()
			signal, wait = s.start(p.dir, &out, "exec", "--gate", s.gate, "--", "sh", "-c", "touch ../home/"+name+"-plain; exec sleep 60")
			eventually(t, "the command does not begin: "+out.String(), func() bool { _, err := os.Stat(filepath.Join(s.outside, "home", name+"-plain")); return err == nil })
			signal(sig)
			if status := wait(); !status.Signaled() || status.Signal() != sig {
				t.Errorf("%v ends the command, and exec ends with %v: %s", sig, status, out.String())
			}
		}
	})
	t.Run("a port that is taken", func(t *testing.T) {
		// Not even one that shares it is shared with another user.
		for _, listen := range []func() (net.Listener, error){
			func() (net.Listener, error) { return net.Listen("tcp", s.gate) },
			func() (net.Listener, error) { return gateplace.ListenShared(context.Background(), s.gate) },
		} {
			l, err := listen()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					c.Close()
				}
			}()
			r := run("", nil, "sh", "-c", "echo ran")
			l.Close()
			if r.Code != 3 || strings.Contains(r.Stdout, "ran") || !strings.Contains(r.Stderr, "a program of the user root") {
				t.Errorf("%+v", r)
			}
		}
	})
	t.Run("two at once", func(t *testing.T) {
		var out bytes.Buffer
		_, wait := s.start(p.dir, &out, "exec", "--gate", s.gate, "--", "sh", "-c", "touch ../home/first; while ! [ -e ../home/second ]; do sleep 0.02; done")
		eventually(t, "the first does not begin", func() bool { _, err := os.Stat(filepath.Join(s.outside, "home/first")); return err == nil })
		s.exec(0, p.dir, "sh", "-c", "nix build --no-link "+p.flake()+" && touch ../home/second")
		if status := wait(); status.ExitStatus() != 0 {
			t.Errorf("%v %s", status, out.String())
		}
		if built := s.built(); len(built) > 0 {
			t.Errorf("beside another exec these were built: %q", built)
		}
	})
}

// A gate that runs is used where it is, and one that was killed is not missed.
func TestExecUsesTheGateThatRuns(t *testing.T) {
	s := newScene(t, realnix.Get(t, "2.26"), buildProgram(t), "")
	p := s.project("runs")
	s.grant(p.dir)
	var log, none bytes.Buffer
	signal, wait := s.start(p.dir, &log, "gate", "--listen", s.gate)
	socket := filepath.Join(s.outside, "home/.local/state/nix-trust/gate.sock")
	eventually(t, "the gate does not begin", func() bool { _, err := os.Stat(socket); return err == nil })
	// Another address than the gate's is not where it is asked.
	out := s.trust(0, p.dir, "exec", "--gate", "127.0.0.1:1029", "--", "sh", "-c", `echo "$NIX_CONFIG"; nix build --no-link `+p.flake())
	contains(t, out, "extra-substituters = http://"+s.gate+"/e")
	if built := s.built(); len(built) > 0 {
		t.Errorf("these were built: %q", built)
	}
	signal(syscall.SIGKILL)
	wait()
	q := s.project("killed")
	s.grant(q.dir)
	contains(t, s.exec(0, q.dir, "sh", "-c", `echo "$NIX_CONFIG"; nix build --no-link `+q.flake()), "extra-substituters = http://"+s.gate+"/e")
	if built := s.built(); len(built) > 0 {
		t.Errorf("after the gate was killed these were built: %q", built)
	}

	// An interrupted fetch leaves nothing, and neither does one that is ended.
	r := s.project("late")
	s.grant(r.dir)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		began := make(chan struct{}, 16)
		s.own.is(func(w http.ResponseWriter, r *http.Request) bool {
			select {
			case began <- struct{}{}:
			default:
			}
			select {
			case <-r.Context().Done():
			case <-s.own.gone:
			}
			return true
		})
		none.Reset()
		signal, wait := s.start(r.dir, &none, "fetch")
		<-began
		signal(sig)
		if status := wait(); status.ExitStatus() != 130 {
			t.Errorf("%v: %v %s", sig, status, none.String())
		}
	}
}

// A daemon that trusts the user needs no setup: the key goes along.
func TestATrustedUserNeedsNoSetup(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "extra-trusted-users = alice")
			other, err := gate.NewKey("nix-trust-gate-own-1")
			if err != nil {
				t.Fatal(err)
			}
			p, q := s.project("push"), s.project("pull")
			s.grant(p.dir)
			s.grant(q.dir)
			key := filepath.Join(s.outside, "home/.local/state/nix-trust/gate.key")
			if err := os.Remove(key); err != nil {
				t.Fatal(err)
			}
			s.trust(0, p.dir, "fetch", "--output", "packages.mid")
			s.exec(0, q.dir, "nix", "build", "--no-link", q.flake()+"#mid")
			p.want("common push", "own push", "")
			q.want("common pull", "own pull", "")
			if err := other.Save(key, int(s.uid), int(s.gid)); err != nil {
				t.Fatal(err)
			}
			s.trust(0, p.dir, "fetch")
			p.want("common push", "own push", "own push")
			l, err := net.Listen("tcp", "127.0.0.1:0") // an address that the daemon has not listed
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			if out := s.trust(0, q.dir, "exec", "--gate", l.Addr().String(), "--", "nix", "build", "--no-link", q.flake()); strings.Contains(out, "nix-trust: warning") {
				t.Error(out)
			}
			q.want("common pull", "own pull", "own pull")
		})
	}
}

// On a terminal Nix would ask about each setting of the flake.
func TestExecAnswersWhatNixWouldAsk(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			p := s.project("asks")
			s.grant(p.dir)
			data := filepath.Join(s.outside, "home/.local/share/nix")
			s.write(t, "home/.local/share/nix/trusted-settings.json", `{"max-jobs":{"3":true}}`)
			s.home("home/.local", s.uid, s.gid)
			screen, code := s.nix.OnTerminal(t, realnix.Cmd{
				Args: []string{s.inside + "/nix-trust", "exec", "--gate", s.gate, "--", "nix", "build", "--no-link", p.flake()},
				Env:  append([]string{"HOME=" + s.inside + "/home", "TERM=xterm"}, s.env...), Dir: s.inside + "/" + p.dir, UID: s.uid, GID: s.gid,
			}, "n", "n", "n", "n")
			if asked := strings.Contains(screen, "(y/N)?"); code != 0 || asked != (version == "2.8") {
				t.Errorf("asked %v, exit %d: %s", asked, code, screen)
			}
			if version == "2.8" {
				contains(t, screen, "nix will ask about 2 settings")
			} else {
				contains(t, screen, "ignores 2 settings of this flake")
			}
			if built := s.built(); len(built) > 0 {
				t.Errorf("these were built: %q", built)
			}
			text, err := os.ReadFile(filepath.Join(data, "trusted-settings.json"))
			if err != nil || string(text) != `{"max-jobs":{"3":true}}` {
				t.Errorf("the saved answers are %q now, %v", text, err)
			}
			if version == "2.8" {
				return
			}
			// A yes to the flake's own list of all caches leaves none beside it.
			q := s.project("all")
			flake := filepath.Join(s.outside, "all/flake.nix")
			text, err = os.ReadFile(flake)
			if err != nil {
				t.Fatal(err)
			}
			s.write(t, "all/flake.nix", strings.Replace(string(text), "nixConfig.extra-substituters", "nixConfig.substituters", 1))
			s.write(t, "home/.local/share/nix/trusted-settings.json", fmt.Sprintf(`{"substituters":{%q:true}}`, s.own.url))
			s.grant(q.dir)
			contains(t, s.exec(0, q.dir, "nix", "build", "--no-link", q.flake()), "takes the place of all other caches")
			if built := s.built(); len(built) == 0 {
				t.Error("the gate was asked all the same")
			}
			s.write(t, "home/.local/share/nix/trusted-settings.json", `{"max-jobs":{"3":true}}`)

			// What is answered meanwhile is told, and what is put there is kept.
			screen, code = s.nix.OnTerminal(t, realnix.Cmd{
				Args: []string{s.inside + "/nix-trust", "exec", "--gate", s.gate, "--", "sh", "-c",
					`cp "$NIX_DATA_HOME/trusted-settings.json" $HOME/saw; echo '{"a":{"b c":true}}' > "$NIX_DATA_HOME/trusted-settings.json"; echo x > "$NIX_DATA_HOME/new"; echo y > "$NIX_DATA_HOME/repl-history"`},
				Env: append([]string{"HOME=" + s.inside + "/home", "TERM=xterm"}, s.env...), Dir: s.inside + "/" + p.dir, UID: s.uid, GID: s.gid,
			})
			if code != 0 || !strings.Contains(screen, `nix-trust answers set yes a 'b c'`) {
				t.Errorf("exit %d: %s", code, screen)
			}
			saw, _ := os.ReadFile(filepath.Join(s.outside, "home/saw"))
			want := fmt.Sprintf(`{"extra-substituters":{%q:false},"extra-trusted-public-keys":{%q:false},"max-jobs":{"3":true}}`, s.own.url, s.own.key.text)
			if string(saw) != want {
				t.Errorf("the command had %s, want %s", saw, want)
			}
			for name, text := range map[string]string{"new": "x\n", "repl-history": "y\n", "trusted-settings.json": `{"max-jobs":{"3":true}}`} {
				if got, err := os.ReadFile(filepath.Join(data, name)); err != nil || string(got) != text {
					t.Errorf("%s is %q, %v", name, got, err)
				}
			}
		})
	}
}
