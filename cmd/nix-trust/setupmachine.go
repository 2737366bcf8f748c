package main

import (
	"context"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/operation"
)

// makeMachine sets up the machine's gate, as root: its key, and the lines of
// nix.conf, where that is no other program's.
func (j *setupJob) makeMachine(ctx context.Context) error {
	adm, err := j.administrator()
	if err != nil {
		return err
	}
	key, err := j.key()
	if err != nil {
		return err
	}
	sys, err := adm.system(ctx)
	if err != nil {
		return err
	}
	want := trust.Want{Keys: []string{key.Public.String()}}
	if !j.f.pushOnly {
		want.Caches = j.place.URLs()
	}
	made, err := sys.Plan([]operation.Operation{allowing(want)})
	if err != nil {
		return operationProblem(err)
	}
	p := trust.Plan{Summary: "Set up the machine's gate, whose key is called " + key.Public.Name, Risk: made.Risk}
	j.introduce(&p, key)
	p.Changes = append(p.Changes, made.Changes...)
	if err := j.publish(&p, key); err != nil {
		return err
	}
	p.Steps = append(p.Steps, made.Steps...)
	p.Notes = append(p.Notes, made.Notes...)
	p.Residual, p.Commands = made.Residual, made.Commands
	if key.Made == nil && len(made.Steps)+len(made.Commands) == 0 {
		p.Notes = append(p.Notes, "The configuration has all of it already.")
	}
	p.Commands = append(p.Commands, trust.Fix{Title: "Have the gate run", Command: "sudo nix-trust gate install", Admin: true})
	j.conclude(&p)
	adm.journal.Writer.Stores = storesOf(sys)
	return j.carryOutAfter(ctx, adm.journal, p, j.f.consentFlags, saving(key))
}
