package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// consentFlags are the flags of every command that changes something.
type consentFlags struct {
	yes    bool
	dryRun bool
}

func (f *consentFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.yes, "yes", false, "make the change without asking")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the change and stop")
}

// consentHelp ends the help of every command that changes whom something is
// accepted from.
const consentHelp = `The change is shown first, with what still trusts the same cache or key
afterwards. On a terminal it then asks; without one it needs --yes. --dry-run
stops after showing. What was changed is in the journal, and ` + "`nix-trust undo`" + `
takes it back.`

// askHelp is the same for the other changes.
const askHelp = `The change is shown first. On a terminal it then asks; without one it needs
--yes. --dry-run stops after showing. What was changed is in the journal, and
` + "`nix-trust undo`" + ` takes it back.`

type planResultJSON struct {
	Version int      `json:"version"`
	Plan    jsonPlan `json:"plan"`
	Applied bool     `json:"applied"`
	Entry   int      `json:"entry"` // its number in the journal, 0 when it was not applied
}

type jsonPlan struct {
	Digest   string           `json:"digest"`
	Summary  string           `json:"summary"`
	Changes  []string         `json:"changes"`
	Notes    []string         `json:"notes"`
	Risk     string           `json:"risk"`
	Undoes   int              `json:"undoes"`
	Files    []jsonFileChange `json:"files"`
	Commands []jsonFix        `json:"commands"`
	Residual []jsonResidual   `json:"residual"`
}

type jsonFileChange struct {
	Path   string   `json:"path"`
	Before string   `json:"before"` // SHA-256, "" for no file
	After  string   `json:"after"`
	Diff   []string `json:"diff"`
}

type jsonResidual struct {
	Subject string `json:"subject"`
	Where   string `json:"where"`
	Text    string `json:"text"`
}

func hexOf(s trust.FileState) string {
	if !s.Exists {
		return ""
	}
	d := s.Digest()
	return hex.EncodeToString(d[:])
}

func planOf(p trust.Plan) jsonPlan {
	d := p.Digest()
	return jsonPlan{
		Digest: hex.EncodeToString(d[:]), Summary: safetext.Redact(p.Summary), Changes: list(p.Changes, safetext.Redact), Notes: list(p.Notes, safetext.Redact),
		Risk: p.Risk.String(), Undoes: p.Undoes, Commands: fixesOf(p.Commands),
		Files: list(p.Steps, func(s trust.FileChange) jsonFileChange {
			return jsonFileChange{s.Path, hexOf(s.Before), hexOf(s.After), list(s.Diff(), trust.DiffLine.String)}
		}),
		Residual: list(p.Residual, func(r trust.Residual) jsonResidual {
			return jsonResidual{safetext.Redact(r.Subject), where(r.Where), safetext.Redact(r.Text)}
		}),
	}
}

// carryOut shows a plan, and makes it when it may.
func (a *app) carryOut(ctx context.Context, j ledger.Journal, p trust.Plan, consent consentFlags) error {
	return a.carryOutAfter(ctx, j, p, consent, func() (func(), error) { return func() {}, nil })
}

// carryOutAfter is carryOut for a plan that needs something done before it which
// is not for the journal. first does it once the plan is agreed to, and returns
// what takes it back when the plan cannot be made.
func (a *app) carryOutAfter(ctx context.Context, j ledger.Journal, p trust.Plan, consent consentFlags, first func() (undo func(), err error)) error {
	memory := a.gateMemory()
	p = noteForgetting(p, memory)
	out := planResultJSON{Version: 1, Plan: planOf(p)}
	if !a.json {
		a.printPlan(p)
	}
	done, refusal := error(nil), (*problem)(nil)
	switch {
	case p.Empty() || consent.dryRun:
	case !consent.yes && (a.json || !a.terminal):
		refusal = &problem{code: exitFindings, text: "nothing was changed: there is nobody to ask", hints: []string{"look at the change, and give --yes to make it"}}
	case !consent.yes && !a.agrees(ctx, p):
		refusal = &problem{code: exitFindings, text: "nothing was changed"}
	default:
		undo, err := first()
		if err != nil {
			return err
		}
		if out.Entry, done = j.Apply(ctx, p); done != nil {
			undo()
		}
		out.Applied = done == nil
	}
	if out.Applied {
		for _, w := range memory.forget(ctx, p) {
			a.warn("%s", w)
		}
	}
	if a.json {
		if err := a.writeJSON(out); err != nil {
			return err
		}
	} else if out.Applied {
		a.print("", fmt.Sprintf("Done. `nix-trust undo %d` takes it back.", out.Entry))
	}
	if refusal != nil {
		return refusal
	}
	return changeProblem(done)
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
	case a.root != "":
		return ledger.Journal{}, usage("changes are made on the running system alone, not under --root", "run the command there, or in a chroot")
	}
	dir, err := ledger.StateDir(os.Geteuid(), os.Getenv)
	if err != nil {
		return ledger.Journal{}, &problem{code: exitUnknown, text: err.Error(), hints: []string{"set HOME to your home folder"}}
	}
	return ledger.Journal{Dir: dir, Shared: dir == systemState, Writer: ledger.Writer{Stores: stores}}, nil
}

func (a *app) printPlan(p trust.Plan) {
	s := a.style()
	role := explain.Strong
	if p.Risk == trust.PlanSweeping {
		role = explain.Danger
	}
	a.print(paint(s, role, safetext.Text(p.Summary).String()))
	for _, c := range p.Changes {
		a.print("  " + safetext.Text(c).String())
	}
	for _, step := range p.Steps {
		if d := step.Diff(); len(d) > 0 {
			a.print("")
			for _, l := range d {
				a.print(paint(s, diffRole(l.Op), l.String()))
			}
		}
	}
	for i, n := range p.Notes {
		if i == 0 {
			a.print("")
		}
		a.print("note: " + safetext.Text(n).String())
	}
	if len(p.Residual) > 0 {
		a.print("", paint(s, explain.Caution, "What stays as it is:"))
		for _, r := range p.Residual {
			line := "  "
			if r.Subject != "" && r.Subject != r.Where.File {
				line += safetext.URL(r.Subject).String() + ": "
			}
			line += safetext.Text(r.Text).String()
			if at := explain.Where(r.Where, s); at != "" {
				line += " (" + at + ")"
			}
			a.print(line)
		}
	}
	for _, c := range p.Commands {
		a.print("", "Then: "+safetext.Text(c.Title).String())
		if c.Command == "" {
			continue
		}
		for _, l := range safetext.Verbatim(c.Command) {
			a.print("  " + paint(s, explain.Command, l.String()))
		}
	}
}

func diffRole(op byte) explain.Role {
	switch op {
	case '+':
		return explain.Good
	case '-':
		return explain.Bad
	case ' ':
		return explain.Plain
	}
	return explain.Faint
}
