package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// grantFlags are the flags of grant.
type grantFlags struct {
	consentFlags
	file      string
	systems   []string
	without   []string
	days      int
	note      string
	netrc     string
	confirmed bool
	quiet     bool // nothing is said on stderr: a screen is shown
}

func (a *app) grantCommand() *cobra.Command {
	var f grantFlags
	c := &cobra.Command{
		Use:   "grant [FLAKE]",
		Short: "Accept a flake's cache lock: its caches may deliver what it pins, and nothing else",
		Long: `grant accepts the cache lock of FLAKE: a folder (left out, the flake in the
current one or above) or a reference such as github:OWNER/REPO, which needs
--lock. Its caches may then deliver the paths that the lock pins. No other path of
theirs is trusted, and no setting of Nix changes. When the flake offers another
lock later, it does not count until it is granted too.

Every pinned path is first compared with the caches that this machine trusts
anyway: a lock that says other bytes than they have is refused. They learn which
paths those are, so it asks before.

` + consentHelp + `

Exit code: 0 when it was done or is so already; 1 refused; 3 something that
decides could not be determined; 4 a trusted cache has other bytes.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cacheArgs(f.without); err != nil {
				return err
			}
			return a.grant(cmd.Context(), first(args), f)
		},
	}
	c.Flags().StringVar(&f.file, "lock", "", "accept the lock in `FILE` (default: flake.cache-lock beside flake.nix)")
	c.Flags().StringSliceVar(&f.systems, "system", nil, "grant the `SYSTEM`'s paths (again for more; default this machine's)")
	c.Flags().StringSliceVar(&f.without, "without", nil, "do not compare with the trusted cache `URL`")
	c.Flags().IntVar(&f.days, "days", 0, "let the grant expire after `N` days")
	c.Flags().StringVar(&f.note, "note", "", "a `TEXT` to remember why")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read credentials from `FILE`")
	c.Flags().BoolVar(&f.confirmed, "confirmed", false, "with --yes: what has to be confirmed was read")
	f.add(c)
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) grant(ctx context.Context, arg string, f grantFlags) error {
	if f.days < 0 || f.days > 36500 {
		return usage("--days is a number of days from 1 to 36500")
	}
	b, j, err := a.grantBook()
	if err != nil {
		return err
	}
	fl, err := b.named(arg)
	if err != nil {
		return err
	}
	p, r, err := a.propose(ctx, b, fl, f)
	if err != nil {
		return err
	}
	if p.Trusted, err = a.compare(ctx, r, p, f); err != nil {
		return err
	}
	return a.giveGrant(ctx, b, j, p, f)
}

// propose is all that decides about a grant and that nobody has to be asked for.
func (a *app) propose(ctx context.Context, b *grantBook, fl grantee, f grantFlags) (grants.Proposal, *trust.Report, error) {
	none := grants.Proposal{}
	file, err := f.lockFile(fl)
	if err != nil {
		return none, nil, err
	}
	// The folder may be a stranger's: a pipe in the lock's place is not opened.
	l, err := b.lockAt(file)
	var wrong *lock.Error
	switch {
	case errors.As(err, &wrong):
		return none, nil, lockProblem(err)
	case err != nil:
		return none, nil, &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", file, err), hints: []string{"give the lock with --lock FILE, or make one with `nix-trust lock`"}}
	}
	r, err := a.report(ctx, fl.folder)
	if err != nil {
		return none, nil, err
	}
	p, err := f.proposal(fl, file, l, r, time.Now())
	if err != nil {
		return none, nil, err
	}
	p.Scopes = b.scopes(b.own)
	p.Others, p.Hidden = b.others(fl.id, p.Now)
	if before, had := ownFile(b).Grant(fl.id); had {
		p.Before = b.own.accepted(before.Lock).Lock()
	}
	if !l.Source.IsZero() {
		// What is not known of the source is a concern of its own.
		if p.Source, err = b.source(ctx, fl.ref); err != nil && !f.quiet {
			a.warn("the flake's source could not be determined: %v", err)
		}
	}
	return p, r, ctx.Err()
}

// ownFile is the user's grants, nil when they cannot be read.
func ownFile(b *grantBook) *grants.File {
	file, err := b.own.File()
	if err != nil {
		return nil
	}
	return file
}

// lockFile is the lock to accept, absolute and without links.
func (f grantFlags) lockFile(fl grantee) (string, error) {
	file := f.file
	switch {
	case file == "" && fl.folder == "":
		return "", usage("the lock of a flake that is not on this machine has to be named", "give --lock FILE")
	case file == "":
		file = filepath.Join(fl.folder, lockFile)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", &problem{code: exitUnknown, text: err.Error()}
	}
	return abs, nil
}

// proposal is the grant as far as it is known without asking anybody.
func (f grantFlags) proposal(fl grantee, file string, l *lock.Lock, r *trust.Report, now time.Time) (grants.Proposal, error) {
	digest, err := l.Digest()
	if err != nil {
		return grants.Proposal{}, lockProblem(err)
	}
	systems := slices.Compact(slices.Sorted(slices.Values(f.systems)))
	if len(systems) == 0 {
		if r.Platform.System == "" {
			return grants.Proposal{}, usage("this machine's system is not known", "give --system SYSTEM")
		}
		systems = []string{r.Platform.System}
	}
	now = now.UTC().Truncate(time.Second)
	g := grants.Grant{Flake: fl.id, Lock: digest, Caches: l.Caches, Systems: systems, Granted: now, Note: f.note, Seen: fl.folder, Offer: file}
	if f.days > 0 {
		g.Expires = now.AddDate(0, 0, f.days)
	}
	return grants.Proposal{Grant: g, Lock: l, Now: now}, nil
}

// trustedCaches is what is known of the caches that the machine trusts anyway,
// and what to ask them: the pinned paths of some systems.
func trustedCaches(r *trust.Report, l *lock.Lock, systems, without []string) (t grants.Comparison, ask *lock.Lock) {
	t = grants.Comparison{Known: r.Client != nil && r.Client.Fatal == nil}
	if r.Doubt != nil {
		t.Doubt = r.Doubt.Text
	}
	for _, k := range r.Keys {
		if k.InEffect {
			t.Keys = append(t.Keys, k.Text)
		}
	}
	ask = lock.New()
	for _, name := range systems {
		if s := l.Systems[name]; s != nil {
			ask.Systems[name] = s
		}
	}
	for _, cache := range r.Caches {
		// One that is of no use at the moment may be again, so its state does not count.
		if !cache.InEffect {
			continue
		}
		u, err := lock.CanonicalURL(cache.URL)
		if err != nil {
			t.Caches, t.Without = append(t.Caches, cache.URL), append(t.Without, cache.URL)
			continue
		}
		if slices.Contains(t.Caches, u) {
			continue
		}
		t.Caches = append(t.Caches, u)
		if slices.ContainsFunc(without, func(w string) bool { v, err := lock.CanonicalURL(w); return err == nil && v == u }) {
			t.Without = append(t.Without, u)
			continue
		}
		// Without keys: who signed does not matter, what it has does.
		ask.Caches = append(ask.Caches, lock.Cache{URL: u})
	}
	return t, ask
}

// compare asks the caches that the machine trusts anyway for the pinned paths,
// after a yes.
func (a *app) compare(ctx context.Context, r *trust.Report, p grants.Proposal, f grantFlags) (grants.Comparison, error) {
	t, ask := trustedCaches(r, p.Lock, p.Grant.Systems, f.without)
	if len(ask.Caches) == 0 {
		return t, nil
	}
	scope, err := verify.ScopeOf(ask, nil)
	if err != nil {
		return t, &problem{code: exitUnknown, text: err.Error()}
	}
	if len(scope.Hosts) > 0 && scope.Paths > 0 && !f.yes {
		if err := a.askToTell(ctx, consent{hosts: scope.Hosts, paths: scope.Paths, done: "granted"}); err != nil {
			return t, err
		}
	}
	netrc, err := readNetrc(f.netrc)
	if err != nil {
		return t, err
	}
	progress := a.progress()
	defer progress.clear()
	return answered(ctx, t, ask, bincache.NewClient(bincache.Options{Netrc: netrc, StoreDir: storeDir()}), progress.show)
}

// answered adds to what is known of the trusted caches what they answer.
func answered(ctx context.Context, t grants.Comparison, ask *lock.Lock, client *bincache.Client, progress func(done, all int)) (grants.Comparison, error) {
	report, err := verify.Verify(ctx, ask, verify.Options{Client: client, Progress: progress})
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	if err != nil {
		return t, &problem{code: exitUnknown, text: err.Error()}
	}
	for _, p := range report.Pins {
		for _, an := range p.Answers {
			t.Answers = append(t.Answers, answerOf(p, an))
		}
	}
	return t, nil
}

// answerOf is what a trusted cache's answer says about a pin. Who signed does
// not matter here: whatever it has under this name must be what is pinned.
func answerOf(p verify.Pin, an verify.Answer) grants.Answer {
	out := grants.Answer{Cache: an.Cache, Path: p.Path}
	switch an.Verdict {
	case verify.Absent:
		out.Has = grants.Absent
	case verify.Verified, verify.Unsigned, verify.UnknownSigner:
		out.Has, out.Pin = grants.Present, p.Pin
	case verify.Mismatch:
		var ds []string
		for _, d := range an.Differences {
			ds = append(ds, fmt.Sprintf("its %s is %s, and %s is pinned", d.Field, d.Got, d.Pinned))
		}
		out.Has, out.Text = grants.Different, strings.Join(ds, "; ")
	}
	return out
}

// source is the narHash of a flake's source tree.
func (b *grantBook) source(ctx context.Context, ref string) (lock.Hash, error) {
	src, err := (&nix.Nix{Runner: nix.Program{}, StoreDir: b.store}).Source(ctx, ref)
	if err != nil {
		return lock.Hash{}, err
	}
	return src.NarHash, nil
}

// planGrant is the plan of a grant, and what a person has to confirm about it,
// "" for nothing.
func (b *grantBook) planGrant(p grants.Proposal) (plan trust.Plan, confirm string, err error) {
	concerns := grants.Check(p)
	if !grants.Allowed(concerns, true) {
		return trust.Plan{}, "", blocked(concerns)
	}
	if plan, err = grants.PlanGrant(b.own.Source, p.Grant, concerns, true); err != nil {
		return trust.Plan{}, "", &problem{code: exitFindings, text: err.Error()}
	}
	plan.Notes = append(plan.Notes, "The lock is kept in "+b.own.lockPath(p.Grant.Lock)+".")
	if confirm = concernsSaid(concerns, grants.Confirm); confirm != "" {
		plan.Risk = trust.PlanUnknown // a whole word is asked for
	}
	return plan, confirm, nil
}

// giveGrant checks, shows and makes the grant.
func (a *app) giveGrant(ctx context.Context, b *grantBook, j ledger.Journal, p grants.Proposal, f grantFlags) error {
	plan, confirm, err := b.planGrant(p)
	if err != nil {
		return err
	}
	if confirm != "" && f.yes && !f.confirmed {
		return &problem{code: exitFindings, text: "what has to be confirmed: " + confirm, hints: []string{"look at each, and give --confirmed with --yes, or run it on a terminal"}}
	}
	if plan.Empty() || f.dryRun || !f.yes && (a.json || !a.terminal) {
		return a.carryOut(ctx, j, plan, f.consentFlags)
	}
	forget, err := b.keep(ctx, p.Grant.Lock, p.Lock)
	if err != nil {
		return changeProblem(err)
	}
	if err := a.carryOut(ctx, j, plan, f.consentFlags); err != nil {
		forget()
		return err
	}
	return nil
}

// blocked is the problem of a grant that may not be given, with the gravest
// exit code of what stands against it.
func blocked(concerns []grants.Concern) error {
	p := &problem{code: exitFindings, text: "not granted: " + concernsSaid(concerns, grants.Blocks)}
	for _, c := range concerns {
		if c.Weight != grants.Blocks {
			continue
		}
		switch c.Kind {
		case grants.ConcernDiffers:
			p.code = exitBad
			p.hints = []string{"`nix-trust challenge` shows who says what of the path"}
		case grants.ConcernNotCompared, grants.ConcernSource, grants.ConcernUnread:
			if p.code != exitBad {
				p.code = exitUnknown
			}
			if c.Kind == grants.ConcernNotCompared && c.Cache != "" && len(p.hints) == 0 {
				p.hints = []string{"try again later, or leave the cache out of the comparison with --without " + c.Cache}
			}
		}
	}
	return p
}

// mostSaid is how many concerns of one weight are spelled out.
const mostSaid = 8

// concernsSaid is the concerns of a weight in sentences.
func concernsSaid(concerns []grants.Concern, w grants.Weight) string {
	text, n := "", 0
	for _, c := range concerns {
		if c.Weight != w {
			continue
		}
		if n++; n <= mostSaid {
			text += "\n" + c.Text
		}
	}
	if n > mostSaid {
		text += fmt.Sprintf("\nand %d more", n-mostSaid)
	}
	return text
}
