package realnix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// OnTerminal runs a command on a terminal of its own, as a person would. Each
// question, which is what ends in "(y/N)?", is answered with the next of the
// replies, and with an empty line when there is none left. It returns what was
// on the screen. Where there are no terminals the test is skipped.
func (n Nix) OnTerminal(t testing.TB, c Cmd, replies ...string) (screen string, code int) {
	t.Helper()
	return n.Converse(t, c, func(question int) string {
		if question < len(replies) {
			return replies[question]
		}
		return ""
	})
}

// Converse is OnTerminal with the reply worked out while the command waits for
// it. Questions count from 0.
func (n Nix) Converse(t testing.TB, c Cmd, reply func(question int) string) (screen string, code int) {
	t.Helper()
	person, program := terminal(t)
	defer person.Close()
	ctx, cancel := context.WithTimeout(context.Background(), max(c.Timeout, 30*time.Second))
	defer cancel()
	cmd := n.Command(ctx, c)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	err := cmd.Start()
	program.Close()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var seen strings.Builder
	answered := 0
	buf := make([]byte, 1<<16)
	for {
		got, err := person.Read(buf)
		seen.Write(buf[:got])
		if err != nil {
			break // EIO: nobody has the program's side any more
		}
		for strings.Count(seen.String(), "(y/N)?") > answered {
			fmt.Fprintln(person, reply(answered))
			answered++
		}
	}
	err = <-done
	if ctx.Err() != nil {
		t.Fatalf("realnix: %q did not end; it said %q", c.Args, seen.String())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	return seen.String(), code
}

// terminal is a terminal: the person's side of it, and the program's.
func terminal(t testing.TB) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	var number uint32
	if err == nil {
		number, err = unix.IoctlGetUint32(int(person.Fd()), unix.TIOCGPTN)
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		person.Close()
		t.Fatal(err)
	}
	return person, program
}
