package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// A carrying is a plan with what it takes to carry it out.
type carrying struct {
	journal ledger.Journal
	plan    trust.Plan
	memory  gateMemory // of the gates that the plan may concern
	// may decides once the plan was shown. A refusal says why it is not made;
	// neither says that there is nothing to make.
	may func(trust.Plan) (agreed bool, refusal *problem)
	// first does what the plan needs beforehand and is not for the journal, and
	// returns what takes that back when the plan cannot be made. nil is nothing.
	first func() (undo func(), err error)
	undo  string // the command that takes back an entry, without its number
}

// carry shows a plan, makes it when it may, and says what came of it.
func (a *app) carry(ctx context.Context, c carrying) error {
	p := noteForgetting(c.plan, c.memory)
	out := planResultJSON{Version: 1, Plan: planOf(p)}
	if !a.json {
		a.printPlan(p)
	}
	agreed, refusal := c.may(p)
	var done error
	if agreed {
		undo := func() {}
		if c.first != nil {
			var err error
			if undo, err = c.first(); err != nil {
				return err
			}
		}
		if out.Entry, done = c.journal.Apply(ctx, p); done != nil {
			undo()
		}
		out.Applied = done == nil
	}
	if out.Applied {
		for _, w := range c.memory.forget(ctx, p) {
			a.warn("%s", w)
		}
	}
	if a.json {
		if err := a.writeJSON(out); err != nil {
			return err
		}
	} else if out.Applied {
		a.print("", fmt.Sprintf("Done. `%s %d` takes it back.", c.undo, out.Entry))
	}
	if refusal != nil {
		return refusal
	}
	return changeProblem(done)
}

// carryOut shows a plan of the user's, and makes it when it may.
func (a *app) carryOut(ctx context.Context, j ledger.Journal, p trust.Plan, consent consentFlags) error {
	return a.carryOutAfter(ctx, j, p, consent, nil)
}

// carryOutAfter is carryOut for a plan that needs something done before it; see
// carrying.
func (a *app) carryOutAfter(ctx context.Context, j ledger.Journal, p trust.Plan, consent consentFlags, first func() (undo func(), err error)) error {
	return a.carry(ctx, carrying{journal: j, plan: p, memory: a.gateMemory(), first: first, undo: "nix-trust undo", may: func(p trust.Plan) (bool, *problem) {
		switch {
		case p.Empty() || consent.dryRun:
			return false, nil
		case !consent.yes && (a.json || !a.terminal):
			return false, &problem{code: exitFindings, text: "nothing was changed: there is nobody to ask", hints: []string{"look at the change, and give --yes to make it"}}
		case !consent.yes && !a.agrees(ctx, p):
			return false, &problem{code: exitFindings, text: "nothing was changed"}
		}
		return true, nil
	}})
}

// agrees asks the person at the terminal. What lets in more than a cache, or
// nobody knows how much, takes a whole word.
func (a *app) agrees(ctx context.Context, p trust.Plan) bool {
	word := "y"
	if p.Risk == trust.PlanUnknown || p.Risk == trust.PlanSweeping {
		word = "yes"
	}
	fmt.Fprintf(a.err, "\nnix-trust: make this change? type %s to do so: ", word)
	line, ok := a.reply(ctx, bufio.NewReader(io.LimitReader(a.in, 4096)))
	reply := strings.ToLower(strings.TrimSpace(line))
	return ok && (reply == word || reply == "yes")
}

// reply reads a line that a person types. Once the command is interrupted there
// is none: reading cannot be stopped, and what is typed later does not count.
func (a *app) reply(ctx context.Context, in *bufio.Reader) (line string, ok bool) {
	lines := make(chan string, 1)
	go func() {
		line, _ := in.ReadString('\n')
		lines <- line
	}()
	select {
	case <-ctx.Done():
	case line = <-lines:
	}
	if line == "" {
		fmt.Fprintln(a.err)
	}
	return line, ctx.Err() == nil
}

// changeProblem is why a change was not made.
func changeProblem(err error) error {
	if err == nil {
		return nil
	}
	p := &problem{code: exitUnknown, text: err.Error()}
	var e *ledger.Error
	if errors.As(err, &e) && e.Hint != "" {
		p.hints = []string{e.Hint}
	}
	var r *trust.AnswersRefusal
	if errors.As(err, &r) || errors.Is(err, ledger.ErrMoved) || errors.Is(err, ledger.ErrRefused) || errors.Is(err, ledger.ErrBusy) {
		p.code = exitFindings
	}
	return p
}

// journal is the journal of the user who runs the program.
func (a *app) journal(stores ...string) (ledger.Journal, error) {
	switch {
	case a.demo:
		return ledger.Journal{}, usage("the demo's host is made up, and nothing on it can be changed", "run the command without demo")
	case a.bundled():
		return ledger.Journal{}, usage("nothing can be changed in a bundle: it is what was seen of a machine", "run the command on that machine, without --root")
	case a.root != "":
		return ledger.Journal{}, usage("changes are made on the running system alone, not under --root", "run the command there, or in a chroot")
	}
	dir, err := ledger.StateDir(os.Geteuid(), os.Getenv)
	if err != nil {
		return ledger.Journal{}, &problem{code: exitUnknown, text: err.Error(), hints: []string{"set HOME to your home folder"}}
	}
	return ledger.Journal{Dir: dir, Shared: dir == systemState, Writer: ledger.Writer{Stores: stores}}, nil
}
