package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust/message"
)

// recordings are all that real Nix printed.
func recordings(t *testing.T, each func(name, text string)) {
	t.Helper()
	for _, s := range sayings {
		for _, version := range []string{"2.8", "2.26", "2.34"} {
			text, err := os.ReadFile(sayingFile(version, s.name))
			if err != nil {
				t.Fatal(err)
			}
			each(version+" "+s.name, string(text))
		}
	}
}

// kinds are the kinds and subjects that are read in a text, sorted.
func kinds(text string) []string {
	out := understood(text)
	slices.Sort(out)
	return out
}

func TestAMessageIsUnderstoodHoweverItArrives(t *testing.T) {
	each := func(text string, change func(line string) string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(change(strings.TrimSuffix(line, "\n")))
		}
		return b.String()
	}
	for name, change := range map[string]func(text string) string{
		"CRLF":         func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"no last line": func(s string) string { return strings.TrimSuffix(s, "\n") },
		"in a frame":   func(s string) string { return each(s, func(l string) string { return "┃ " + l + "\n" }) },
		"coloured":     func(s string) string { return each(s, func(l string) string { return "\x1b[35;1m" + l + "\x1b[0m\n" }) },
		"after progress": func(s string) string {
			return each(s, func(l string) string { return "[1/2 built]\x1b[K\r\x1b[K" + l + "\n" })
		},
		"after much progress": func(s string) string {
			return strings.Repeat("\r\x1b[K[\x1b[34;1m12/345 built\x1b[0m] building something", 5000) + "\r\x1b[K" + s
		},
		"after a line without end": func(s string) string { return strings.Repeat("x", 3*message.MaxLine) + "\n" + s },
		"in a CI log": func(s string) string {
			return each(s, func(l string) string { return "2026-03-01T12:00:00.1234567Z " + l + "\n" })
		},
		"in the journal": func(s string) string {
			return each(s, func(l string) string { return "Mar  1 12:00:00 host nix-daemon[7]: " + l + "\n" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			recordings(t, func(name, text string) {
				if got, want := kinds(change(text)), kinds(text); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			})
		})
	}
}

// A terminal breaks at its width, in the middle of a word; a program that wraps
// breaks at spaces. What is understood may then say less of an error's detail.
func TestAMessageIsUnderstoodAfterATerminalBrokeIt(t *testing.T) {
	broken := func(text string, width int, words bool) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			for line = strings.TrimSuffix(line, "\n"); len(line) > width; {
				at := width
				if i := strings.LastIndexByte(line[:width], ' '); words && i > 0 && strings.TrimSpace(line[:i]) != "" {
					at = i
				}
				b.WriteString(strings.TrimRight(line[:at], " ") + "\n")
				line = line[at:]
				if words {
					line = strings.TrimLeft(line, " ")
				}
			}
			b.WriteString(line + "\n")
		}
		return b.String()
	}
	// The first word is the kind.
	only := func(said []string) (out []string) {
		for _, s := range said {
			kind, _, _ := strings.Cut(s, " ")
			out = append(out, kind)
		}
		return slices.Compact(out)
	}
	recordings(t, func(name, text string) {
		if strings.Contains(text, "\x1b") || strings.HasPrefix(text, "@nix ") {
			return // a screen, or what no terminal shows
		}
		for _, width := range []int{72, 80, 100, 120} {
			for _, words := range []bool{false, true} {
				if got, want := only(understood(broken(text, width, words))), only(understood(text)); !slices.Equal(got, want) {
					t.Errorf("%s at %d, at spaces %v: %q, want %q of\n%s", name, width, words, got, want, broken(text, width, words))
				}
			}
		}
	})
}

func TestPiecesOfAnySizeAreReadAlike(t *testing.T) {
	recordings(t, func(name, text string) {
		for _, size := range []int{1, 7, 64} {
			var r message.Reader
			var got []message.Message
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				got = append(got, r.Read([]byte(rest[:n]))...)
				rest = rest[n:]
			}
			got = append(got, r.End()...)
			var whole message.Reader
			if want := append(whole.Read([]byte(text)), whole.End()...); !slices.Equal(got, want) {
				t.Errorf("%s in pieces of %d: %+v, want %+v", name, size, got, want)
			}
		}
	})
}

// odd is what a build may print: bytes of no encoding, and no end of its last line.
const odd = "a\x00b\xff\xfe\r\n\x1b[31mred\rwarning: ignoring untrusted substituter 'https://c.example'\nno end"

func TestPassthroughChangesNoByte(t *testing.T) {
	for _, text := range []string{odd, strings.Repeat("x", 200_000), "", "\n", "one\n"} {
		var out bytes.Buffer
		code := run(context.Background(), []string{"demo", "explain", "--passthrough", "--plain"}, streams{in: strings.NewReader(text), out: &out, err: io.Discard})
		if code != exitOK || !strings.HasPrefix(out.String(), text) {
			t.Errorf("exit %d; %.200q does not begin with %.200q", code, out.String(), text)
		}
		if text == odd && !strings.HasPrefix(out.String(), text+"\nthe daemon ") {
			t.Errorf("the explanation does not begin on its own line: %q", out.String())
		}
	}
}

// start runs the program between two pipes.
func startExplain(t *testing.T, args ...string) (cmd *exec.Cmd, in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	cmd = exec.Command(buildProgram(t), append([]string{"demo", "explain"}, args...)...)
	var err error
	if in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, in, out
}

// soon fails unless something ends in time.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { do(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal(what)
	}
}

func TestPassthroughDoesNotWaitForTheEndOfALine(t *testing.T) {
	cmd, in, out := startExplain(t, "--passthrough")
	if _, err := io.WriteString(in, "building"); err != nil {
		t.Fatal(err)
	}
	soon(t, "what was written does not come", func() {
		got := make([]byte, 8)
		if _, err := io.ReadFull(out, got); err != nil || string(got) != "building" {
			t.Errorf("%q, %v", got, err)
		}
	})
	in.Close()
	soon(t, "it does not end", func() { _ = cmd.Wait() })
}

func TestAReaderThatGoesEndsIt(t *testing.T) {
	cmd, in, out := startExplain(t, "--passthrough")
	out.Close()
	soon(t, "it goes on writing to nobody", func() {
		for {
			if _, err := in.Write(make([]byte, 1<<16)); err != nil {
				break
			}
		}
		_ = cmd.Wait()
	})
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if code := cmd.ProcessState.ExitCode(); code != exitUnknown && (!status.Signaled() || status.Signal() != syscall.SIGPIPE) {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}

func TestAnInterruptEndsItWhileNothingComes(t *testing.T) {
	cmd, in, out := startExplain(t, "--passthrough")
	if _, err := io.WriteString(in, "x"); err != nil {
		t.Fatal(err)
	}
	soon(t, "nothing comes", func() { _, _ = out.Read(make([]byte, 1)) }) // it has begun
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	soon(t, "it does not end", func() { _ = cmd.Wait() })
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d, want %d", code, exitInterrupted)
	}
}

// failing is an input that breaks off.
type failing struct{ io.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("the disk is gone")
	}
	return n, err
}

func TestAnInputThatBreaksOffIsNoEnd(t *testing.T) {
	var errs bytes.Buffer
	code := run(context.Background(), []string{"demo", "explain"}, streams{in: failing{strings.NewReader("x\n")}, out: io.Discard, err: &errs})
	if code != exitUnknown || !strings.Contains(errs.String(), "the input cannot be read: the disk is gone") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestExplainKeepsTheSecretsOfASetting(t *testing.T) {
	const text = "Using saved setting for 'access-tokens = github.com=hunter2' from ~/.local/share/nix/trusted-settings.json.\nerror: setting 'access-tokens' has invalid value 'x=hunter2'\nwarning: unable to download 'https://me:hunter2@c.example/nix-cache-info': no\n"
	for _, flag := range []string{"--json", "--plain"} {
		var out bytes.Buffer
		run(context.Background(), []string{"demo", "explain", flag}, streams{in: strings.NewReader(text), out: &out, err: &out})
		if !strings.Contains(out.String(), "access-tokens") || strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s: %s", flag, out.String())
		}
	}
}
