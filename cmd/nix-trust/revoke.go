package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
)

func (a *app) denyCommand() *cobra.Command {
	var consent consentFlags
	var note string
	var remove bool
	c := &cobra.Command{
		Use:   "deny [FLAKE]",
		Short: "Let nothing that a flake offers be granted, whatever becomes of its files",
		Long: `deny says no to FLAKE: a folder (left out, the flake in the current one or above)
or a reference such as github:OWNER/REPO. A grant that it has is taken back. The
no stays through every change of the flake, until --remove takes it back; nothing
is granted by that.

What Nix itself has saved about the flake's settings is another matter: see
` + "`nix-trust answers set no --from FLAKE`" + `.

` + consentHelp + `

Exit code: 0 when it was done or is so already; 1 refused; 3 the grants could not
be read or written.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, j, err := a.grantBook()
			if err != nil {
				return err
			}
			fl, err := b.named(first(args))
			if err != nil {
				return err
			}
			p, err := b.planDeny(fl.id, note, remove)
			if err != nil {
				return err
			}
			return a.carryOut(cmd.Context(), j, p, consent)
		},
	}
	c.Flags().StringVar(&note, "note", "", "a `TEXT` to remember why")
	c.Flags().BoolVar(&remove, "remove", false, "take the no back")
	consent.add(c)
	return c
}

func (a *app) revokeCommand() *cobra.Command {
	var consent consentFlags
	c := &cobra.Command{
		Use:   "revoke [FLAKE]",
		Short: "Take a flake's grant back, and see what still trusts its caches",
		Long: `revoke takes back the grant of FLAKE: a folder (left out, the flake in the current
one or above), a reference, or the name under which ` + "`nix-trust grants`" + ` lists it. What is in the
store stays there, and other layers may trust the same caches: they are listed,
with what can be done about each.

` + consentHelp + `

Exit code: 0 when it was done; 1 refused, or there is no grant; 3 the grants
could not be read or written.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, j, err := a.grantBook()
			if err != nil {
				return err
			}
			id, err := b.listed(first(args))
			if err != nil {
				return err
			}
			p, err := a.planRevoke(cmd.Context(), b, id)
			if err != nil {
				return err
			}
			return a.carryOut(cmd.Context(), j, p, consent)
		},
	}
	consent.add(c)
	return c
}

// planDeny is the plan that denies a flake, or with remove takes that back.
func (b *grantBook) planDeny(id grants.Identity, note string, remove bool) (p trust.Plan, err error) {
	if remove {
		p, err = grants.PlanAllow(b.own.Source, id)
	} else {
		p, err = grants.PlanDeny(b.own.Source, grants.Deny{Flake: id, Since: time.Now().UTC().Truncate(time.Second), Note: note})
	}
	if err != nil {
		return trust.Plan{}, grantProblem(err)
	}
	return p, nil
}

// planRevoke is the plan that takes a grant back, with what remains.
func (a *app) planRevoke(ctx context.Context, b *grantBook, id grants.Identity) (trust.Plan, error) {
	p, err := grants.PlanRevoke(b.own.Source, id)
	if err != nil {
		return trust.Plan{}, grantProblem(err)
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return trust.Plan{}, err
	}
	g, _ := ownFile(b).Grant(id)
	left := grants.Remains(g, r, b.scopes(b.own), b.inStore(g))
	p.Residual, p.Commands = left.Left, left.Fixes
	return p, nil
}

// listed is the flake that is meant: one that has a grant under this very name,
// or what the folder or reference is.
func (b *grantBook) listed(arg string) (grants.Identity, error) {
	file, err := b.own.File()
	if err != nil {
		return "", grantProblem(err)
	}
	if _, ok := file.Grant(grants.Identity(arg)); ok {
		return grants.Identity(arg), nil
	}
	fl, err := b.named(arg)
	return fl.id, err
}

// mostStoreLooks is how many paths are looked for in the store, one file each.
const mostStoreLooks = 100_000

// inStore looks which of the granted paths the store has.
func (b *grantBook) inStore(g grants.Grant) grants.StoreLook {
	l := b.own.accepted(g.Lock).Lock()
	if l == nil {
		return grants.StoreLook{}
	}
	look := grants.StoreLook{Known: true, Dir: b.store}
	seen := map[lock.StorePath]bool{}
	for _, system := range g.Systems {
		if l.Systems[system] == nil {
			continue
		}
		for path := range l.Systems[system].Paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			if len(seen) > mostStoreLooks {
				return grants.StoreLook{}
			}
			ok, err := b.files.Exists(filepath.Join(b.store, string(path)))
			if err != nil {
				return grants.StoreLook{}
			}
			if ok {
				look.Present = append(look.Present, path)
			}
		}
	}
	return look
}

// grantProblem is the problem of grants that cannot be read, or changed so.
func grantProblem(err error) error {
	where, text, hint := grants.Broken(err)
	if where.File == "" {
		return &problem{code: exitFindings, text: text}
	}
	p := &problem{code: exitUnknown, text: err.Error(), hints: []string{"correct the file; nothing in it counts until then, and it is left as it is"}}
	if hint != "" {
		p.hints = []string{hint}
	}
	return p
}
