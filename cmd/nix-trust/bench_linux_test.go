package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/host/hosttest"
)

// The figures of docs/performance.md come from these, which run the program
// itself, exec included:
//
//	go test -run '^$' -bench . ./cmd/nix-trust

func BenchmarkStatus(b *testing.B) {
	ofUsualHost(b, "Flakes", func(root string) []string { return []string{"status", "--root", root} })
}

// BenchmarkReport is what `report` takes on the host of BenchmarkStatus.
func BenchmarkReport(b *testing.B) {
	file := b.TempDir() + "/out"
	b.Run("html", func(b *testing.B) {
		ofUsualHost(b, "", func(root string) []string {
			return []string{"report", "--root", root, "--audit=false", "--force", "-o", file + ".html"}
		})
	})
	b.Run("markdown", func(b *testing.B) {
		ofUsualHost(b, "Findings", func(root string) []string { return []string{"report", "--root", root, "--audit=false"} })
	})
	b.Run("bundle", func(b *testing.B) {
		ofUsualHost(b, "", func(root string) []string {
			return []string{"report", "--root", root, "--force", "--bundle", file + ".tar.gz"}
		})
	})
}

// ofUsualHost runs the program on a large host's root, and looks for a text in
// what it prints.
func ofUsualHost(b *testing.B, want string, args func(root string) []string) {
	bin := benchProgram(b)
	root := b.TempDir()
	if _, err := hosttest.Write(root, hosttest.Usual); err != nil {
		b.Fatal(err)
	}
	var peak int64
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		cmd := exec.Command(bin, args(root)...)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitFindings && exit.ExitCode() != exitUnknown) || !bytes.Contains(out, []byte(want)) {
			b.Fatalf("%v: %s", err, out)
		}
		times = append(times, time.Since(began))
		peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	}
	report(b, times)
	b.ReportMetric(float64(peak)/1024, "MB-peak")
}

// BenchmarkFirstFrame is the time from exec until the terminal has got the
// first whole frame with the machine's data in it.
func BenchmarkFirstFrame(b *testing.B) {
	bin := benchProgram(b)
	var times []time.Duration
	for b.Loop() {
		times = append(times, firstFrame(b, bin, "demo"))
	}
	report(b, times)
}

func BenchmarkHelp(b *testing.B) {
	bin := benchProgram(b)
	for b.Loop() {
		if err := exec.Command(bin, "--help").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBesideNix runs nix-trust and each real Nix in turn, in the same root,
// on the same question: what the configuration is.
func BenchmarkBesideNix(b *testing.B) {
	bin := benchProgram(b)
	for _, short := range []string{"2.8", "2.26", "2.34"} {
		nix := realnix.Get(b, short)
		outside, inside := nix.Dir(b)
		data, err := os.ReadFile(bin)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(outside+"/nix-trust", data, 0o755); err != nil {
			b.Fatal(err)
		}
		show := []string{"nix", "--extra-experimental-features", "nix-command", "config", "show", "--json"}
		if short == "2.8" {
			show = []string{"nix", "--extra-experimental-features", "nix-command", "show-config", "--json"}
		}
		env := []string{"HOME=" + inside, "NIX_CONF_DIR=" + inside, "NIX_STATE_DIR=" + inside, "NIX_STORE_DIR=" + inside}
		b.Run("nix-"+short, func(b *testing.B) {
			var ours, theirs time.Duration
			for b.Loop() {
				began := time.Now()
				nix.Run(b, realnix.Cmd{Args: []string{inside + "/nix-trust", "config", "--json"}, Env: env})
				between := time.Now()
				nix.Run(b, realnix.Cmd{Args: show, Env: env})
				ours, theirs = ours+between.Sub(began), theirs+time.Since(between)
			}
			b.ReportMetric(float64(ours.Microseconds())/1000/float64(b.N), "ms-nix-trust")
			b.ReportMetric(float64(theirs.Microseconds())/1000/float64(b.N), "ms-nix")
			b.ReportMetric(float64(theirs)/float64(ours), "times-faster")
		})
	}
}

func report(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "ms-max")
}

func benchProgram(b *testing.B) string {
	b.Helper()
	bin := b.TempDir() + "/nix-trust"
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return bin
}

// firstFrame runs the program on a terminal of its own.
func firstFrame(b *testing.B, bin string, args ...string) time.Duration {
	b.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer ptmx.Close()
	fd := int(ptmx.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		b.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		b.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer tty.Close()
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 36, Col: 120}); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var seen strings.Builder
	buf := make([]byte, 1<<16)
	for {
		n, err := ptmx.Read(buf)
		if err != nil {
			b.Fatalf("%v after %q", err, seen.String())
		}
		seen.Write(buf[:n])
		// The last thing that is drawn of a frame with data.
		if s := seen.String(); strings.Contains(s, "comet.cachix.org") && strings.Contains(s, "quit") {
			return time.Since(began)
		}
		if time.Since(began) > 5*time.Second {
			b.Fatalf("no frame: %q", seen.String())
		}
	}
}
