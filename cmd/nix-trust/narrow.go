package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/global"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// narrowFlags are the flags of narrow.
type narrowFlags struct {
	consentFlags
	flakes    []string
	claiming  bool
	probe     bool
	keys      []string
	keepKeys  bool
	systems   []string
	without   []string
	consumer  bool
	build     bool
	days      int
	note      string
	netrc     string
	file      string
	forget    bool
	confirmed bool
}

func (a *app) narrowCommand() *cobra.Command {
	var f narrowFlags
	c := &cobra.Command{
		Use:   "narrow [URL]",
		Short: "Turn a cache that is trusted for everything into grants for the flakes that need it",
		Long: `narrow takes the cache at URL out of the configuration that trusts it for every
path, and grants the flakes that need it what their locks pin. It makes those
locks as ` + "`nix-trust lock`" + ` does, compares them with the caches that stay trusted,
and shows all of it as one change, which one undo takes back.

Without URL it lists the caches that are trusted whatever the flake, where, with
which keys, and which known flakes ask for them.

Which flakes need it is yours to say: --flake, --all-claiming, or on a terminal a
question. With --probe the cache is also asked about the known flakes that do not
name it. The caches learn which paths the flakes have, so it asks before.

As a user it changes your own nix.conf. What the system's files have is root's
to take out: it writes that down for ` + "`sudo nix-trust apply FILE`" + `, and says that the
cache is trusted until then. As root it does both at once. A key goes with the
cache when it is named after its host, or a flake lists it for the cache, and no
cache that stays needs it.

When the gate is not set up, nothing serves what is granted, and builds would
compile it. That, a lock that lacks something, and what grant wants confirmed has
to be confirmed apart from the change: with the whole word yes, or --confirmed.

` + consentHelp + `

Exit code: 0 when it was done; 1 refused; 2 a wrong use; 3 something that decides
could not be determined; 4 a hash differs or a signature is wrong.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(len(args) == 1); err != nil {
				return err
			}
			if len(args) == 0 {
				return a.narrowList(cmd.Context())
			}
			url, err := cacheArg(args[0])
			if err != nil {
				return err
			}
			if err := cacheArgs(f.without); err != nil {
				return err
			}
			return a.narrow(cmd.Context(), url, f)
		},
	}
	fl := c.Flags()
	fl.StringArrayVar(&f.flakes, "flake", nil, "grant it to `FLAKE`, a folder or a reference (again for more)")
	fl.BoolVar(&f.claiming, "all-claiming", false, "grant it to every known flake that asks for it")
	fl.BoolVar(&f.probe, "probe", false, "ask the cache which outputs it has of the known flakes that do not ask for it; with --all-claiming those count too")
	fl.StringSliceVar(&f.keys, "key", nil, "this believed `KEY` is the cache's own (again for more)")
	fl.BoolVar(&f.keepKeys, "keep-keys", false, "let the cache's keys stay where they are")
	fl.StringSliceVar(&f.systems, "system", nil, "lock and grant for `SYSTEM` (again for more; default this machine's)")
	fl.StringSliceVar(&f.without, "without", nil, "do not compare with the trusted cache `URL`")
	fl.BoolVar(&f.consumer, "consumer", false, "as lock --consumer: leave out what is built from a flake's own source")
	fl.BoolVar(&f.build, "build", false, "as lock --build: pin what the outputs are built from, too")
	fl.IntVar(&f.days, "days", 0, "let the grants expire after `N` days")
	fl.StringVar(&f.note, "note", "", "a `TEXT` to remember why")
	fl.StringVar(&f.netrc, "netrc", "", "read credentials from `FILE`")
	fl.StringVarP(&f.file, "output", "o", "", "write what is the administrator's to `FILE` (default: beside the journal)")
	fl.BoolVar(&f.forget, "forget-answers", false, "forget your saved answers that have the cache or its keys")
	fl.BoolVar(&f.confirmed, "confirmed", false, "with --yes: what has to be confirmed was read")
	f.add(c)
	return c
}

// check refuses flags that make no sense.
func (f narrowFlags) check(named bool) error {
	switch {
	case !named && (len(f.flakes) > 0 || f.claiming || f.probe || f.yes || f.dryRun):
		return usage("no cache was named", "`nix-trust narrow` lists those that can be; give one's URL")
	case f.days < 0 || f.days > 36500:
		return usage("--days is a number of days from 1 to 36500")
	}
	for _, k := range f.keys {
		if _, err := bincache.ParsePublicKey(k); err != nil {
			return usage(fmt.Sprintf("--key %s: %v", k, err), "a key is NAME:BASE64, as in trusted-public-keys")
		}
	}
	return nil
}

// A narrowing is one run of narrow with a cache.
type narrowing struct {
	*app
	f       narrowFlags
	book    *grantBook // as it is once the flakes so far have their grants
	journal ledger.Journal
	report  *trust.Report
	cache   global.Cache
	after   *trust.Report // without the cache
	place   gateplace.Place
	gateWhy string // why what is granted would not be served, "" when it would
	flakes  []*narrowed

	plan    trust.Plan
	confirm []string              // what a person has to confirm apart from the plan
	locks   map[string]*lock.Lock // planned, by file
	edited  []string              // files of the configuration that the plan changes
}

func (a *app) narrow(ctx context.Context, url string, f narrowFlags) error {
	n, err := a.newNarrowing(ctx, url, f)
	if err != nil {
		return err
	}
	if n.gateWhy, err = n.gateMissing(ctx); err != nil {
		return err
	}
	if n.gateWhy != "" {
		n.warn("%s", n.gateWhy)
		n.confirm = append(n.confirm, n.gateWhy+" Until then nothing serves what is granted, and builds compile what they got from "+n.cache.URL+".")
	}
	if n.cache.Default() {
		n.confirm = append(n.confirm, "This is Nix's own cache: whatever is not pinned for the chosen flakes is compiled from then on, from the compiler up — other flakes, other versions, other systems, nix-shell, and the system's own configuration.")
	}
	chosen, err := n.choose(ctx)
	if err != nil {
		return err
	}
	if err := n.learn(ctx, chosen); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return n.evaluate(ctx, chosen) },
		n.makeLocks, n.grantAll, n.takeOut, n.forgetAnswers,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	n.finish()
	return n.carryOutAll(ctx)
}

// newNarrowing finds the cache, and what is trusted without it.
func (a *app) newNarrowing(ctx context.Context, url string, f narrowFlags) (*narrowing, error) {
	b, j, err := a.grantBook()
	if err != nil {
		return nil, err
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return nil, err
	}
	n := &narrowing{app: a, f: f, book: b, journal: j, report: r, locks: map[string]*lock.Lock{}}
	n.plan.Risk = trust.PlanNarrows
	if n.place, err = a.gatePlace(""); err != nil {
		return nil, err
	}
	if _, err := lock.CanonicalURL(url); err != nil {
		return nil, usage(fmt.Sprintf("%s: %v", url, err), "`nix-trust narrow` lists the caches that can be narrowed")
	}
	if err := configKnown(r); err != nil {
		return nil, err
	}
	var ok bool
	if n.cache, ok = global.Find(r, url, n.options()); !ok {
		return nil, &problem{code: exitFindings, text: "no list of the configuration has " + url + ", so it is trusted for no path whatever the flake", hints: []string{"`nix-trust narrow` lists those that are; `nix-trust grant` grants a flake its cache"}}
	}
	for _, k := range f.keys {
		if !slices.ContainsFunc(n.cache.Keys, func(own global.Key) bool { return trust.SameItem(own.Text, k) }) {
			return nil, &problem{code: exitFindings, text: "this machine does not believe the key " + k + ", and narrow lets nothing in", hints: []string{"name a key that is in trusted-public-keys, or make the lock with `nix-trust lock --cache --key` and grant that"}}
		}
	}
	if len(n.cache.Signers()) == 0 {
		return nil, &problem{code: exitFindings, text: "no key of " + n.cache.URL + " is known, so nothing that it says could be proved", hints: []string{"name the believed key that signs for it with --key"}}
	}
	n.after = n.cache.After(r)
	return n, nil
}

// learn adds the chosen flakes to what is known: what they ask for says whose a
// key is.
func (n *narrowing) learn(ctx context.Context, chosen []string) error {
	for _, arg := range chosen {
		fl, err := n.book.named(arg)
		if err != nil {
			return err
		}
		if fl.folder == "" || slices.ContainsFunc(n.report.Flakes, func(f trust.FlakeReport) bool { return f.ID.Path == fl.folder }) {
			continue
		}
		r, err := n.app.report(ctx, fl.folder)
		if err != nil {
			return err
		}
		if f := subject(r, fl.folder); f != nil {
			n.report.Flakes = append(n.report.Flakes, *f)
		}
	}
	n.cache, _ = global.Find(n.report, n.cache.URL, n.options())
	n.after = n.cache.After(n.report)
	return nil
}

// configKnown refuses to go on when the configuration is not known.
func configKnown(r *trust.Report) error {
	switch {
	case r.Client == nil:
		return &problem{code: exitUnknown, text: "the configuration could not be read, so what is trusted is not known", hints: []string{"`nix-trust config` says why"}}
	case r.Client.Fatal != nil:
		return &problem{code: exitUnknown, text: "Nix refuses to run with the configuration: " + r.Client.Fatal.Text, hints: []string{"correct that first; `nix-trust lint` says where"}}
	}
	return nil
}
