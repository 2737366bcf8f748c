package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui"
)

// What the screens ask of the program to change something; see
// tui.ChangeBackend. The plans are those of the commands.

// mayNotChange says why the screens change nothing, "" when they may.
func (a *app) mayNotChange() string {
	switch {
	case a.readOnly:
		return "the program was started with --read-only."
	case a.bundled():
		return "a bundle is looked at, which is what was seen of a machine."
	case a.root != "":
		return "changes are made on the running system alone, not under --root."
	case a.user != "":
		return "another user is looked at. Changes are made as the user whose they are."
	}
	return ""
}

// asked makes the problem of a command an error that a screen has one place for.
func asked(err error) error {
	return advised(err, func(error) *problem { return &problem{} })
}

// read reads a file as a plan is made from it.
func (a *app) read(path string) (trust.FileState, error) {
	if a.demo {
		return a.made().Read(path)
	}
	return ledger.Read(path)
}

// Plan works out what an action would do.
func (a *app) Plan(ctx context.Context, act tui.Action, progress func(done, all int)) (trust.Plan, error) {
	if why := a.mayNotChange(); why != "" {
		return trust.Plan{}, errors.New("nothing can be changed: " + why)
	}
	p, err := a.planAction(ctx, act, progress)
	if err == nil {
		err = ctx.Err()
	}
	if !a.demo {
		p = noteForgetting(p, a.gateMemory())
	}
	return p, asked(err)
}

func (a *app) planAction(ctx context.Context, act tui.Action, progress func(done, all int)) (trust.Plan, error) {
	switch act.Kind {
	case tui.AnswerYes, tui.AnswerNo, tui.Forget, tui.Orphans:
		return a.planAnswers(ctx, act)
	case tui.Undo:
		if a.demo {
			return a.made().Undo(act.Entry)
		}
		j, err := a.journal()
		if err != nil {
			return trust.Plan{}, err
		}
		p, err := j.Undo(act.Entry)
		return p, changeProblem(err)
	case tui.Grant, tui.Deny, tui.Allow, tui.Revoke, tui.Prune:
		return a.planGrants(ctx, act, progress)
	}
	return trust.Plan{}, errors.New("nothing was asked for")
}

// planAnswers plans a change of saved answers.
func (a *app) planAnswers(ctx context.Context, act tui.Action) (trust.Plan, error) {
	do := trust.AnswerNo
	if act.Kind == tui.AnswerYes {
		do = trust.AnswerYes
	}
	named := ""
	if act.Setting == "" && (act.Kind == tui.AnswerYes || act.Kind == tui.AnswerNo) {
		if named = flakeArg(act.Flake); named == "" {
			return trust.Plan{}, errors.New("nothing was said to be answered")
		}
	}
	r, err := a.answersReport(ctx, named)
	switch {
	case err != nil:
		return trust.Plan{}, err
	case act.Kind == tui.Orphans:
		return a.planForget(r, nil, true)
	case act.Kind == tui.Forget && act.Setting != "":
		return a.planForget(r, []string{act.Setting, act.Value}, false)
	case act.Kind == tui.Forget && act.Item != "":
		return a.planForget(r, []string{act.Item}, false)
	case act.Kind == tui.Forget:
		return trust.Plan{}, errors.New("nothing was said to be forgotten")
	case act.Setting != "":
		return a.planSet(r, []trust.AnswerEdit{{Setting: act.Setting, Value: act.Value, Do: do}})
	}
	p, said, err := a.planFrom(r, named, do, nil)
	for _, s := range said {
		p.Notes = append(p.Notes, s+".")
	}
	return p, err
}

// flakeArg is a flake as the commands take it.
func flakeArg(id trust.FlakeID) string {
	if id.Path != "" {
		return id.Path
	}
	return id.Ref
}

// A movedError is that of a plan whose files are not what it was made from.
type movedError struct{ error }

func (e movedError) Is(target error) bool { return target == tui.ErrMoved }

// Apply makes a plan. The locks that it grants are kept first: a grant without
// its lock would count for nothing.
func (a *app) Apply(ctx context.Context, p trust.Plan) (int, error) {
	if why := a.mayNotChange(); why != "" {
		return 0, errors.New("nothing can be changed: " + why)
	}
	forget, err := a.keepGranted(ctx, p)
	if err != nil {
		return 0, err
	}
	n, err := a.apply(ctx, p)
	if err != nil {
		forget()
	}
	return n, err
}

func (a *app) apply(ctx context.Context, p trust.Plan) (int, error) {
	if a.demo {
		n, err := a.made().Apply(p, time.Now())
		a.reloadDemo()
		return n, replan(err)
	}
	j, err := a.journal(storeDir())
	if err != nil {
		return 0, asked(err)
	}
	n, err := j.Apply(ctx, p)
	if err == nil {
		a.tellLater(a.gateMemory().forget(ctx, p))
	}
	return n, replan(err)
}

// replan tells an error that another plan may cure from the others.
func replan(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ledger.ErrMoved) || errors.Is(err, errDemoMoved) {
		return movedError{err} // the screen does what the hint says
	}
	return asked(changeProblem(err))
}

// History reads the journal of the user who runs the program.
func (a *app) History(context.Context) (tui.History, error) {
	if a.demo {
		return a.demoHistory(), nil
	}
	j, err := a.journal()
	if err != nil {
		return tui.History{}, asked(err)
	}
	h, err := j.History()
	if err != nil {
		return tui.History{}, asked(changeProblem(err))
	}
	out := tui.History{File: j.Path()}
	for _, e := range h.Entries {
		entry := tui.Entry{N: e.N, Time: e.Time, Summary: e.Summary, Changes: e.Changes, Risk: e.Risk, State: entryStates[e.State], Undoes: e.Undoes, UndoneBy: e.UndoneBy}
		for _, f := range e.Files {
			entry.Files = append(entry.Files, f.Path)
		}
		out.Entries = append(out.Entries, entry)
	}
	for _, d := range h.Damage {
		out.Damage = append(out.Damage, fmt.Sprintf("%s:%d: %s", j.Path(), d.Line, d.Text))
	}
	return out, nil
}

var entryStates = map[ledger.State]tui.EntryState{
	ledger.Applied: tui.EntryApplied, ledger.NotApplied: tui.EntryNotApplied, ledger.Interrupted: tui.EntryInterrupted,
	ledger.Partly: tui.EntryPartly, ledger.Unclear: tui.EntryUnclear,
}

// Entry is one plan of the journal as it was made.
func (a *app) Entry(_ context.Context, n int) (trust.Plan, error) {
	if a.demo {
		return a.demoEntry(n)
	}
	j, err := a.journal()
	if err != nil {
		return trust.Plan{}, asked(err)
	}
	p, err := j.Plan(n)
	return p, asked(changeProblem(err))
}
