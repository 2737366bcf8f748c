package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui"
)

// planGrants plans a change of the grants.
func (a *app) planGrants(ctx context.Context, act tui.Action, progress func(done, all int)) (trust.Plan, error) {
	b, err := a.openGrants()
	if err != nil {
		return trust.Plan{}, err
	}
	switch act.Kind {
	case tui.Prune:
		return b.planPrune()
	case tui.Grant:
		return a.planGrant(ctx, b, act, progress)
	}
	id := grants.Identity(act.Grant)
	if id == "" {
		fl, err := b.named(flakeArg(act.Flake))
		if err != nil {
			return trust.Plan{}, err
		}
		id = fl.id
	}
	if act.Kind == tui.Revoke {
		return a.planRevoke(ctx, b, id)
	}
	return b.planDeny(id, "", act.Kind == tui.Allow)
}

// planGrant compares a lock with the trusted caches, and plans its grant.
func (a *app) planGrant(ctx context.Context, b *grantBook, act tui.Action, progress func(done, all int)) (trust.Plan, error) {
	p, r, err := a.proposed(ctx, b, act)
	if err != nil {
		return trust.Plan{}, err
	}
	t, ask := trustedCaches(r, p.Lock, p.Grant.Systems, nil)
	if len(ask.Caches) > 0 {
		client, err := a.cacheClient()
		if err != nil {
			return trust.Plan{}, err
		}
		if t, err = answered(ctx, t, ask, client, progress); err != nil {
			return trust.Plan{}, err
		}
	}
	p.Trusted = t
	plan, _, err := b.planGrant(p)
	return plan, err
}

// proposed is the grant that is asked for, not yet compared.
func (a *app) proposed(ctx context.Context, b *grantBook, act tui.Action) (grants.Proposal, *trust.Report, error) {
	fl, err := b.named(flakeArg(act.Flake))
	if err != nil {
		return grants.Proposal{}, nil, err
	}
	return a.propose(ctx, b, fl, grantFlags{quiet: true})
}

// Asks says which trusted caches would learn of the pinned paths.
func (a *app) Asks(ctx context.Context, act tui.Action) (tui.Told, error) {
	if act.Kind != tui.Grant {
		return tui.Told{}, nil
	}
	b, err := a.openGrants()
	if err != nil {
		return tui.Told{}, asked(err)
	}
	p, r, err := a.proposed(ctx, b, act)
	if err != nil {
		return tui.Told{}, asked(err)
	}
	_, ask := trustedCaches(r, p.Lock, p.Grant.Systems, nil)
	if len(ask.Caches) == 0 {
		return tui.Told{}, nil
	}
	scope, err := verify.ScopeOf(ask, nil)
	return tui.Told{Hosts: scope.Hosts, Folders: scope.Folders, Paths: scope.Paths}, err
}

// keepGranted keeps the lock of each grant that a plan adds. It has to be the
// very one that the plan names.
func (a *app) keepGranted(ctx context.Context, p trust.Plan) (forget func(), err error) {
	var undo []func()
	forget = func() {
		for _, f := range undo {
			f()
		}
	}
	for _, step := range p.Steps {
		if step.Form == trust.FormAnswers {
			continue
		}
		b, err := a.openGrants()
		if err != nil {
			return forget, asked(err)
		}
		if step.Path != b.own.Path {
			continue
		}
		was, err1 := grants.Source{Path: step.Path, State: step.Before}.File()
		is, err2 := grants.Source{Path: step.Path, State: step.After}.File()
		if err := errors.Join(err1, err2); err != nil {
			return forget, err
		}
		for _, g := range is.Grants {
			if old, had := was.Grant(g.Flake); had && old.Lock == g.Lock {
				continue
			}
			f, err := b.keepOffered(ctx, g)
			if err != nil {
				forget()
				return func() {}, err
			}
			undo = append(undo, f)
		}
	}
	return forget, nil
}

// keepOffered keeps the lock of a grant, from where it is on offer unless it is
// kept already.
func (b *grantBook) keepOffered(ctx context.Context, g grants.Grant) (undo func(), err error) {
	if l := b.own.accepted(g.Lock).Lock(); l != nil {
		if digest, err := l.Digest(); err == nil && digest == g.Lock {
			return func() {}, nil
		}
	}
	l, err := b.lockAt(g.Offer)
	if err != nil {
		return nil, fmt.Errorf("%s could not be read: %w", g.Offer, err)
	}
	digest, err := l.Digest()
	if err != nil {
		return nil, err
	}
	if digest != g.Lock {
		return nil, movedError{fmt.Errorf("%s was changed since the change was worked out: it is another lock now", g.Offer)}
	}
	undo, err = b.keep(ctx, g.Lock, l)
	return undo, replan(err)
}

// Grants reads what was granted and denied, and how it stands.
func (a *app) Grants(ctx context.Context) (tui.GrantList, error) {
	if a.bundled() {
		return a.bundledGrantList()
	}
	if a.root != "" || a.user != "" {
		return tui.GrantList{}, errors.New("grants are looked at as the user whose they are")
	}
	b, err := a.openGrants()
	if err != nil {
		return tui.GrantList{}, asked(err)
	}
	all, err := b.stand(ctx, time.Now())
	if err != nil {
		return tui.GrantList{}, err
	}
	var out tui.GrantList
	for _, f := range all.files {
		out.Files = append(out.Files, f.Path)
		if f.Err != nil {
			out.Problems = append(out.Problems, f.Err.Error())
			continue
		}
		for _, d := range f.File.Denies {
			out.Items = append(out.Items, tui.GrantItem{
				Flake: string(d.Flake), File: f.Path, Own: f.Path == b.own.Path, Denied: true, State: grants.Denied.String(),
				Text: "Nothing that it offers can be granted, whatever becomes of its files.", Since: d.Since, Note: d.Note,
			})
		}
	}
	for _, s := range all.grants {
		g := s.grant
		out.Items = append(out.Items, tui.GrantItem{
			Flake: string(g.Flake), File: s.file, Own: s.file == b.own.Path, Counts: s.Serves(), State: s.State.String(), Text: s.Text,
			Unsure: s.State == grants.Unknown || s.State == grants.Unreadable, Alarm: s.Diff.Alarm(), Since: g.Granted, Expires: g.Expires,
			Note: g.Note, Seen: g.Seen, Lock: g.Lock, Caches: g.Caches, Systems: g.Systems, Paths: s.Count(), Diff: s.Diff,
		})
	}
	for _, c := range all.conflicts {
		out.Alarms = append(out.Alarms, c.String())
	}
	return out, nil
}
