package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
)

// takeOut takes the gate out of the configuration again, and its key away when
// that is said.
func (j *setupJob) takeOut(ctx context.Context) error {
	if j.f.deleteKey && !j.f.yes && !j.terminal && !j.f.dryRun {
		return usage("--delete-key without a terminal needs --yes")
	}
	key := ""
	if k, err := gatePublic(j.place); err == nil {
		key = k.String()
	} else if !absent(j.place.KeyFile()) {
		return err
	}
	plan := j.planTakeOut
	if j.place.System {
		plan = j.planTakeOutMachine
	}
	p, led, err := plan(ctx, key)
	if err != nil {
		return err
	}
	switch file := j.place.KeyFile(); {
	case absent(file):
	case j.f.deleteKey && (j.f.yes || j.f.dryRun):
		p.Notes = append(p.Notes, "The key in "+file+" is removed then, and nothing brings it back. "+stillBelieved)
	default:
		p.Notes = append(p.Notes, "The key in "+file+" stays, unless you say otherwise when this is done.")
	}
	if err := j.carryOut(ctx, led, p, j.f.consentFlags); err != nil {
		return err
	}
	return j.deleteKey(ctx)
}

// stillBelieved is what to know before a key is removed.
const stillBelieved = "Daemons believe it until it is out of their files and they were restarted."

// planTakeOutMachine is what root changes: all that setup may have put in.
func (j *setupJob) planTakeOutMachine(ctx context.Context, key string) (p trust.Plan, led ledger.Journal, err error) {
	adm, err := j.administrator()
	if err != nil {
		return p, led, err
	}
	sys, err := adm.system(ctx)
	if err != nil {
		return p, led, err
	}
	gone := operation.Operation{Do: operation.Disallow, Caches: j.place.URLs()}
	if key != "" {
		gone.Keys = []string{key}
	}
	if p, err = sys.Plan([]operation.Operation{gone}); err != nil {
		return p, led, operationProblem(err)
	}
	adm.journal.Writer.Stores = storesOf(sys)
	return p, adm.journal, nil
}

// planTakeOut is what a user asks the administrator for: that every address of
// the gate that is listed goes, and its key.
func (j *setupJob) planTakeOut(_ context.Context, key string) (p trust.Plan, led ledger.Journal, err error) {
	if led, err = j.journal(storeDir()); err != nil {
		return p, led, err
	}
	gone := operation.Operation{Do: operation.Disallow, Caches: j.ListedURLs(j.place.URLs())}
	if key != "" && slices.Contains(j.Mentioned("trusted-public-keys"), key) {
		gone.Keys = []string{key}
	}
	p = trust.Plan{Summary: "Take the gate out of the configuration", Risk: trust.PlanNarrows}
	if len(gone.Caches)+len(gone.Keys) == 0 {
		p.Notes = append(p.Notes, "No configuration that could be read has the gate's key or its addresses.")
		return p, led, nil
	}
	if j.modules() && j.f.file == "" {
		for _, item := range slices.Concat(gone.Keys, gone.Caches) {
			p.Commands = append(p.Commands, j.Removals(item)...)
		}
	} else {
		file, err := j.adminFile()
		if err != nil {
			return p, led, err
		}
		step, err := j.propose(file, gone)
		if err != nil {
			return p, led, err
		}
		p.Steps = append(p.Steps, step)
		p.Changes = append(p.Changes, file+" has what the administrator is asked to do.")
		p.Commands = append(p.Commands, trust.Fix{Title: "As the administrator, take it out of the configuration", Command: "sudo nix-trust apply " + shellQuote(file), Admin: true}, j.restart())
	}
	p.Residual = j.Report.StillTrusts(slices.Concat(gone.Caches, gone.Keys))
	return p, led, nil
}

// deleteKey removes the key's file once that was said, and told what it means.
func (j *setupJob) deleteKey(ctx context.Context) error {
	file := j.place.KeyFile()
	if j.f.dryRun || absent(file) {
		return nil
	}
	switch {
	case j.f.yes || j.json || !j.terminal:
		if !j.f.deleteKey {
			return nil
		}
	default:
		fmt.Fprintf(j.err, "\nnix-trust: the key in %s is there still. %s Once it is removed nothing brings it back, and the gate needs another one.\nnix-trust: remove it? type yes to do so: ", j.style().Path(file), stillBelieved)
		if line, ok := j.reply(ctx, bufio.NewReader(io.LimitReader(j.in, 4096))); !ok || strings.TrimSpace(line) != "yes" {
			return nil
		}
	}
	if err := os.Remove(file); err != nil {
		return &problem{code: exitUnknown, text: "the key could not be removed: " + err.Error()}
	}
	if err := os.Remove(j.place.PublicFile()); err != nil && !os.IsNotExist(err) {
		return &problem{code: exitUnknown, text: "its public half could not be removed: " + err.Error()}
	}
	if !j.json {
		j.print("The key is removed. A gate that runs has it in memory until it is stopped.")
	}
	return nil
}
