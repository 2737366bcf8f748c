package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A keyboard is the person's side of a terminal that controls a command.
type keyboard struct {
	*os.File
	mu   sync.Mutex
	seen strings.Builder
}

func (k *keyboard) screen() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen.String()
}

// onTerminal starts a command as alice in the foreground of a terminal.
func (s *scene) onTerminal(dir string, args ...string) (k *keyboard, wait func() syscall.WaitStatus) {
	s.t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		s.t.Skipf("no terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		s.t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		s.t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.nix.Command(context.Background(), realnix.Cmd{
		Args: args, UID: s.uid, GID: s.gid, Dir: s.inside + "/" + dir,
		Env: append([]string{"HOME=" + s.inside + "/home", "TMPDIR=" + s.inside + "/home/tmp", "TERM=xterm"}, s.env...),
	})
	s.home("home/tmp", s.uid, s.gid)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	program.Close()
	k = &keyboard{File: person}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := person.Read(buf)
			k.mu.Lock()
			k.seen.Write(buf[:n])
			k.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return k, func() syscall.WaitStatus {
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait()
		<-read
		person.Close()
		return cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
}

// Ctrl-C reaches the command once, and what becomes of it is the command's
// matter; Ctrl-Z stops both, and fg goes on with both.
func TestAKeyboardWorksForExecAsForTheCommand(t *testing.T) {
	s := newScene(t, realnix.Get(t, "2.34"), buildProgram(t), "")
	p := s.project("keys")
	s.grant(p.dir)
	program := s.inside + "/nix-trust"

	k, wait := s.onTerminal(p.dir, program, "exec", "--gate", s.gate, "--", "sh", "-c", "trap 'echo got-one' INT; echo begun; sleep 0.3; sleep 0.3; echo went on; exit 5")
	eventually(t, "it does not begin", func() bool { return strings.Contains(k.screen(), "begun") })
	fmt.Fprint(k, "\x03")
	if status := wait(); status.ExitStatus() != 5 || strings.Count(k.screen(), "got-one") != 1 || !strings.Contains(k.screen(), "went on") {
		t.Errorf("Ctrl-C on a command that goes on: %v %q", status, k.screen())
	}

	k, wait = s.onTerminal(p.dir, program, "exec", "--gate", s.gate, "--", "sh", "-c", "echo begun; exec sleep 60")
	eventually(t, "it does not begin", func() bool { return strings.Contains(k.screen(), "begun") })
	fmt.Fprint(k, "\x03")
	if status := wait(); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("Ctrl-C on a command that it ends: %v %q", status, k.screen())
	}

	// A shell with job control runs it, as a person would.
	k, wait = s.onTerminal(p.dir, "sh", "-i")
	fmt.Fprintf(k, "PS1=; %s exec --gate %s -- sh -c 'echo beg''un; sleep 1; echo we''nt on'\n", program, s.gate)
	eventually(t, "it does not begin: "+k.screen(), func() bool { return strings.Contains(k.screen(), "begun") })
	fmt.Fprint(k, "\x1a")
	eventually(t, "it does not stop", func() bool { return strings.Contains(k.screen(), "Stopped") })
	fmt.Fprint(k, "fg\n")
	eventually(t, "it does not go on", func() bool { return strings.Contains(k.screen(), "went on") })
	fmt.Fprint(k, "exit\n")
	if status := wait(); status.ExitStatus() != 0 {
		t.Errorf("%v %q", status, k.screen())
	}
	if left, err := os.ReadDir(filepath.Join(s.outside, "home/tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
