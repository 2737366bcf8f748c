package child

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An End is how a command ended that the program was run for: the exit code
// is the command's own, whatever happened beside it.
type End struct {
	Code   int
	Signal syscall.Signal // that killed it, 0 for none
}

func (e *End) Error() string { return "the command did not succeed" }

// passed are the signals that are passed on to a command.
var passed = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
}

// A Ward watches for signals while a command is prepared and run, so that
// whatever was made for it is taken away again.
type Ward struct {
	in chan os.Signal
}

// Watch begins to watch. What is ignored stays so, for the command too.
func Watch() *Ward {
	w := &Ward{in: make(chan os.Signal, 16)}
	for _, s := range passed {
		if !signal.Ignored(s) {
			signal.Notify(w.in, s)
		}
	}
	return w
}

// Stop ends the watch.
func (w *Ward) Stop() { signal.Stop(w.in) }

// Run runs a command with the program's own streams to its end. It is in the
// program's process group, so that what a terminal sends, at Ctrl-C or Ctrl-Z,
// reaches it as if it had been run by itself.
func (w *Ward) Run(cmd *exec.Cmd) (End, error) {
	select {
	case s := <-w.in:
		return End{Code: 128 + int(s.(syscall.Signal)), Signal: s.(syscall.Signal)}, nil
	default:
	}
	if err := cmd.Start(); err != nil {
		return End{}, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-w.in:
			// A terminal has sent these to the command, too.
			if (s == syscall.SIGINT || s == syscall.SIGQUIT) && inForeground() {
				continue
			}
			_ = cmd.Process.Signal(s) // it may just have ended
		case err := <-done:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return End{}, err
			}
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return End{Code: 128 + int(status.Signal()), Signal: status.Signal()}, nil
			}
			return End{Code: cmd.ProcessState.ExitCode()}, nil
		}
	}
}

// inForeground reports whether what a terminal sends goes to the program's own
// process group.
func inForeground() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == syscall.Getpgrp()
}

// Follow ends the program as the command was ended: a shell that runs it then knows
// that it was interrupted.
func (e End) Follow() {
	switch e.Signal {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP:
		signal.Reset(e.Signal)
		_ = syscall.Kill(os.Getpid(), e.Signal)
		time.Sleep(time.Second) // the signal is on its way
	}
}
