package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The contract with the person at the keyboard: what was asked for goes to
// stdout; everything else goes to stderr, each line after the program's name.
// An error says what is wrong and where; a hint says what to do about it.

// streams are where the program reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// terminal says that both stdin and stdout are terminals: only then is
	// there a person to show screens to.
	terminal bool
	colour   bool // stdout is a terminal
}

// problem is an error for a person, with the exit code it leads to.
type problem struct {
	code  int
	text  string
	hints []string
}

func (p *problem) Error() string { return p.text }

// usage is a wrong use of the command line.
func usage(text string, hints ...string) *problem {
	return &problem{code: exitUsage, text: text, hints: hints}
}

// silent ends the program with a code after everything was said.
func silent(code int) error {
	if code == exitOK {
		return nil
	}
	return &problem{code: code}
}

// complain writes an error and its hints. What they quote may come from a
// stranger's file, so every line is made safe to show.
func (s streams) complain(p *problem) {
	if p.text == "" {
		return
	}
	for i, line := range strings.Split(p.text, "\n") {
		word := "error: "
		if i > 0 {
			word = "       "
		}
		fmt.Fprintf(s.err, "nix-trust: %s%s\n", word, safetext.Text(line))
	}
	for _, h := range p.hints {
		fmt.Fprintf(s.err, "nix-trust: hint: %s\n", safetext.Text(h))
	}
}

// warn writes a message that does not end the program.
func (s streams) warn(format string, args ...any) {
	fmt.Fprintf(s.err, "nix-trust: warning: %s\n", safetext.Text(fmt.Sprintf(format, args...)))
}
