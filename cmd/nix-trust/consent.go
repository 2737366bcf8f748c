package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A consent is what a command may do only when the user agrees.
type consent struct {
	hosts []string // that would learn that the user uses some paths
	paths int      // 0: they would learn only that the user is there
	also  string   // a sentence on what else would be done, or ""
	done  string   // what the command does, "verified": it is not done without a yes
}

func (c consent) String() string {
	var what []string
	switch {
	case len(c.hosts) > 0 && c.paths == 0:
		how := "it is"
		if len(c.hosts) > 1 {
			how = "they are"
		}
		what = append(what, fmt.Sprintf("%s would be asked how %s, and learn of no path: %s", count(len(c.hosts), "host", "hosts"), how, strings.Join(c.hosts, ", ")))
	case len(c.hosts) > 0:
		what = append(what, fmt.Sprintf("%s would learn that you use %s: %s", count(len(c.hosts), "host", "hosts"), count(c.paths, "path", "paths"), strings.Join(c.hosts, ", ")))
	}
	if c.also != "" {
		what = append(what, c.also)
	}
	return strings.Join(what, "; ")
}

// askToTell asks whether hosts may learn of paths, and for what else the user
// has to agree to. Nothing was sent or done before. No answer is a no.
func (a *app) askToTell(ctx context.Context, c consent) error {
	if !a.terminal {
		return usage(c.String(), "without a terminal nobody can be asked; add --yes to go on")
	}
	fmt.Fprintf(a.err, "nix-trust: %s\nnix-trust: go on? [y/N] ", safetext.Text(c.String()))
	reply := make(chan string, 1)
	go func() { // reading cannot be interrupted, and the program can
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		reply <- line
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case line := <-reply:
		if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
			return nil
		}
	}
	return &problem{code: exitFindings, text: "not " + c.done + ", as you said no; no cache was asked"}
}
