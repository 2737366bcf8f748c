package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// applyFlags are the flags of apply.
type applyFlags struct {
	consentFlags
	digest string
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "As the administrator: carry out what a user proposed for the whole machine",
		Long: `apply carries out the operations in FILE, which ` + "`nix-trust propose`" + ` wrote. There
is a closed set of them: allow and disallow caches and keys for every user,
forget root's saved answers, deny a flake and take that back, revoke the
machine's grant. Nothing in FILE is run or copied: what changes is worked out
from the machine's own files, shown as a diff, and asked about.

It edits /etc/nix/nix.conf and what that includes (nix.custom.conf where
Determinate Nix is), root's trusted-settings.json and /etc/nix-trust/grants.toml.
A file that NixOS, nix-darwin or another program makes is left alone: the text
for that program's configuration is printed. The daemon is not restarted; the
command for it is printed. No variable changes what is read or written, and
SUDO_UID alone says whose FILE it may be besides root's.

Where caches or keys are let in it asks to type their hosts. Without a terminal
it needs --yes and, from an earlier --dry-run, --digest: it does that very change
or none. ` + "`sudo nix-trust undo`" + ` takes it back.

Exit code: 0 when it was done or is so already; 1 refused, or it has to be done
elsewhere; 3 a file could not be read or written.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			adm, err := a.administrator()
			if err != nil {
				return err
			}
			return a.carryOutOperations(cmd.Context(), adm, args[0], f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.digest, "digest", "", "make the change only if it is the one with this `SHA256`, as --dry-run printed it")
	return c
}

// carryOutOperations shows what the operations in a file change, and changes it
// when it may.
func (a *app) carryOutOperations(ctx context.Context, adm administrator, file string, f applyFlags) error {
	if f.yes && f.digest == "" && !f.dryRun {
		return usage("--yes needs --digest: only a change that was looked at is made unasked", "--dry-run prints the digest")
	}
	if adm.mayNot != "" && !f.dryRun {
		return &problem{code: exitFindings, text: "nothing was changed: " + adm.mayNot, hints: []string{"run it with sudo, or look at the change with --dry-run"}}
	}
	ops, err := readOperations(file, adm.callers)
	if err != nil {
		return err
	}
	sys, err := adm.system(ctx)
	if err != nil {
		return err
	}
	p, err := sys.Plan(ops)
	if err != nil {
		return operationProblem(err)
	}
	adm.journal.Writer.Stores = storesOf(sys)
	return a.carry(ctx, carrying{
		journal: adm.journal, plan: p, undo: "sudo nix-trust undo",
		memory: gateMemoryIn(diskcache.Folders(sys.Home, "", ""), []gateplace.Place{gateplace.OfMachine("")}),
		may:    func(p trust.Plan) (bool, *problem) { return a.mayApply(ctx, p, ops, f) },
	})
}

// mayApply decides whether a plan of operations is made, once it was shown.
func (a *app) mayApply(ctx context.Context, p trust.Plan, ops []operation.Operation, f applyFlags) (bool, *problem) {
	sum := p.Digest()
	digest := hex.EncodeToString(sum[:])
	if !a.json {
		a.print("", "Digest: "+digest)
	}
	refuse := func(text string, hints ...string) (bool, *problem) {
		return false, &problem{code: exitFindings, text: "nothing was changed: " + text, hints: hints}
	}
	switch {
	case f.digest != "" && !strings.EqualFold(f.digest, digest):
		return refuse("the change is another one than the one with that digest", "look at it again with --dry-run")
	case p.Empty() && len(p.Commands) > 0 && !f.dryRun:
		return refuse("what it takes has to be done elsewhere", "follow what is shown: the files are made by another program, or are not the machine's")
	case p.Empty() || f.dryRun:
		return false, nil
	case !f.yes && (a.json || !a.terminal):
		return refuse("there is nobody to ask", "look at the change with --dry-run, and give --yes --digest with the digest")
	case !f.yes && !a.agreesTo(ctx, p, ops):
		return refuse("it was not agreed to")
	}
	return true, nil
}

// storesOf are the folders that are never written to.
func storesOf(s operation.System) []string {
	if s.Report == nil || s.Report.Nix.StoreDir == "" {
		return nil
	}
	return []string{s.Report.Nix.StoreDir}
}

// operationProblem is the problem of operations that cannot be carried out.
func operationProblem(err error) error {
	if where, _, _ := grants.Broken(err); where.File != "" {
		return grantProblem(err)
	}
	p := changeProblem(err).(*problem)
	var file *ledger.Error
	if !errors.As(err, &file) && !errors.Is(err, operation.ErrUnread) {
		p.code = exitFindings
	}
	return p
}

// agreesTo asks the person at the terminal. What lets something in for the whole
// machine takes the name of each thing that is let in, typed.
func (a *app) agreesTo(ctx context.Context, p trust.Plan, ops []operation.Operation) bool {
	words := []string{"y"}
	switch p.Risk {
	case trust.PlanWidens, trust.PlanSweeping, trust.PlanUnknown:
		words = letIn(ops)
	}
	in := bufio.NewReader(io.LimitReader(a.in, 64<<10))
	for _, word := range words {
		fmt.Fprintf(a.err, "\nnix-trust: make this change of the whole machine? type %s to do so: ", safetext.Text(word))
		if line, ok := a.reply(ctx, in); !ok || strings.TrimSpace(line) != word {
			return false
		}
	}
	return true
}

// letIn are the hosts of the caches that are allowed, or where a key has no
// cache with it its name.
func letIn(ops []operation.Operation) []string {
	var words []string
	for _, o := range ops {
		if o.Do != operation.Allow {
			continue
		}
		for _, c := range o.Caches {
			word := c
			if u, err := url.Parse(c); err == nil && u.Host != "" {
				word = u.Host
			}
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		for _, text := range o.Keys {
			if k, err := bincache.ParsePublicKey(text); err == nil && len(o.Caches) == 0 && !slices.Contains(words, k.Name) {
				words = append(words, k.Name)
			}
		}
	}
	if len(words) == 0 {
		return []string{"yes"}
	}
	return words
}
