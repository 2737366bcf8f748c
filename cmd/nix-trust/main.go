// Command nix-trust shows which binary caches are trusted for which flakes, and
// explains why an acceptance was ignored.
//
// stdout is data and stderr is messages. The exit code is 0 when all is well,
// 1 for findings or a refusal, 2 for a wrong use, 3 when something could not be
// determined, 4 when a hash or signature is wrong, and 130 when it was
// interrupted.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/charmbracelet/x/term"
)

// Exit codes. A larger one wins when several apply, except that a refusal is
// told before a doubt.
const (
	exitOK          = 0
	exitFindings    = 1
	exitUsage       = 2
	exitUnknown     = 3
	exitBad         = 4
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd()),
		colour:   term.IsTerminal(os.Stdout.Fd()),
	}))
}
