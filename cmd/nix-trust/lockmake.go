package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/generate"
)

// lockFlags are the flags of lock itself.
type lockFlags struct {
	file     string
	outputs  []string
	systems  []string
	caches   []string
	keys     []string
	without  []string
	detached string
	netrc    string
	consumer bool
	inputs   bool
	build    bool
	local    bool
	ifd      bool
	check    bool
	dryRun   bool
	yes      bool
	all      bool
}

func (a *app) lockCommand() *cobra.Command {
	var f lockFlags
	c := &cobra.Command{
		Use:   "lock [FLAKE | STORE-PATH…]",
		Short: "Pin what a flake's binaries must be, in flake.cache-lock",
		Long: `lock writes flake.cache-lock: for each store path that a flake's outputs need
from its binary caches, the hash, size and references that it must have. Nothing
is built and nothing is downloaded but the caches' descriptions of the paths, so
it works for any system.

FLAKE (default: the one in this folder) is evaluated by your nix, purely, with
its nixConfig left aside, without import-from-derivation and without writing
flake.lock. With STORE-PATHs, these are added to the lock instead.

The caches are those that the flake asks for in its nixConfig, those that the
lock names already, and those given by --cache and --key. Every path must be
signed by a key of its cache, or be named after its contents. What the caches
have that this machine trusts anyway is compared and left out; where they differ
nothing is written.

The caches learn which paths the flake has. Therefore it says first how many
hosts would learn of how many paths, and asks. --yes is the answer for scripts.

An output that is built from the flake's own source changes with every commit,
also with the one that commits its lock. There are two ways out:
  --consumer       pin what such outputs are built from, and leave them to be
                   built: for a project that uses other flakes' binaries
  --detached FILE  pin them for this very source tree, in a file that is not a
                   part of it: for publishing binaries

Exit code: 0 done; 1 something is missing in the caches or unsigned, or what was
locked or is named by --output does not evaluate (the rest is pinned), or with
--check, the lock is out of date; 3 a cache did not answer or nix failed, and
nothing was written; 4 a hash differs or a signature or key is wrong, and nothing
was written.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cacheArgs(f.caches); err != nil {
				return err
			}
			if err := cacheArgs(f.without); err != nil {
				return err
			}
			return a.lock(cmd.Context(), args, f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.file, "lock", "", "the lock's `FILE` (default flake.cache-lock beside flake.nix)")
	// Names of attributes may have commas and quotes, which a list of StringSlice reads otherwise.
	fl.StringArrayVar(&f.outputs, "output", nil, "lock the output `ATTR` (packages.default, checks, …) and leave the others as they are (again for more)")
	fl.StringSliceVar(&f.systems, "system", nil, "lock for `SYSTEM` (again for more; default this machine's)")
	fl.StringSliceVar(&f.caches, "cache", nil, "a further cache's `URL` (again for more)")
	fl.StringSliceVar(&f.keys, "key", nil, "a public `KEY` of the caches (again for more)")
	fl.StringSliceVar(&f.without, "without", nil, "do not compare with the trusted cache at `URL`")
	fl.BoolVar(&f.inputs, "inputs", false, "use the caches that the flake's inputs ask for, too")
	fl.BoolVar(&f.build, "build", false, "pin whatever the caches have of all that the outputs are built from, too")
	fl.BoolVar(&f.local, "local", false, "take what the caches do not have yet from the local store")
	fl.BoolVar(&f.consumer, "consumer", false, "leave out what is built from the flake's own source (implies --build and --inputs)")
	fl.StringVar(&f.detached, "detached", "", "write a lock for this very source tree to `FILE`, outside of it")
	fl.BoolVar(&f.ifd, "import-from-derivation", false, "let evaluation build things")
	fl.BoolVar(&f.check, "check", false, "only say whether the lock is up to date; asks no cache")
	fl.BoolVar(&f.dryRun, "dry-run", false, "show what would change, and write nothing; exit code 1 when something would")
	fl.BoolVar(&f.yes, "yes", false, "do not ask before going to the network")
	fl.BoolVar(&f.all, "paths", false, "list every path that changes")
	fl.StringVar(&f.netrc, "netrc", "", "read credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	c.AddCommand(a.lockDiffCommand(), a.lockMergeCommand())
	return c
}

func (a *app) lock(ctx context.Context, args []string, f lockFlags) error {
	j, err := a.newLockJob(ctx, args, f)
	if err != nil {
		return err
	}
	if f.check {
		return j.check(ctx)
	}
	out, options, err := j.evaluated(ctx, nil)
	if err != nil {
		return err
	}
	if !f.yes {
		if err := j.mayAsk(ctx, options); err != nil {
			return err
		}
	}
	if err := out.ask(ctx, options); err != nil {
		return err
	}
	if out.lock != nil {
		if err := j.save(ctx, out); err != nil {
			return err
		}
	}
	if err := out.print(); err != nil {
		return err
	}
	return silent(out.code())
}

// evaluated finds the caches, takes from them what limit does, and evaluates
// what is locked: with that it is known what the caches will be asked.
func (j *lockJob) evaluated(ctx context.Context, limit func(*lockCaches)) (*lockOutcome, []generate.Options, error) {
	caches, err := j.findCaches(ctx)
	if err != nil {
		return nil, nil, err
	}
	if limit != nil {
		limit(caches)
	}
	netrc, err := readNetrc(j.f.netrc)
	if err != nil {
		return nil, nil, err
	}
	var wants []want
	for _, system := range j.systems {
		j.note("evaluating for " + system)
		w, err := j.want(ctx, system)
		if err != nil {
			return nil, nil, err
		}
		wants = append(wants, w)
	}
	j.note("")
	client := bincache.NewClient(bincache.Options{Netrc: netrc, StoreDir: j.nix.StoreDir})
	options := make([]generate.Options, len(wants))
	for i, w := range wants {
		options[i] = generate.Options{
			Client: client, System: w.system, Outputs: w.outputs, Roots: w.roots, Optional: w.optional,
			Keep: w.keep, Caches: caches.claimed, Trusted: caches.trusted, Local: w.local,
		}
	}
	return &lockOutcome{job: j, caches: caches, wants: wants}, options, nil
}

// ask asks the caches, and makes the lock of what they say, unless that is wrong
// or not known.
func (o *lockOutcome) ask(ctx context.Context, options []generate.Options) error {
	j := o.job
	now := j.old
	for _, options := range options {
		options.Old = now
		progress := j.progress()
		options.Progress = progress.show
		r, err := generate.Make(ctx, options)
		progress.clear()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return &problem{code: exitUnknown, text: j.file + ": " + err.Error()}
		}
		o.results = append(o.results, r)
		if r.Lock != nil {
			now = r.Lock
		}
	}
	if o.code() >= exitUnknown {
		return nil
	}
	var err error
	o.lock, err = j.finish(now)
	return err
}

// note says on a terminal what takes a while; "" takes it away.
func (j *lockJob) note(text string) {
	if j.progressNote == nil {
		j.progressNote = j.progress()
	}
	if j.progressNote.clear(); text != "" {
		j.progressNote.say(text)
	}
}

// mayAsk asks whether hosts may learn of the paths.
func (j *lockJob) mayAsk(ctx context.Context, options []generate.Options) error {
	c := consent{done: "locked"}
	for _, o := range options {
		s := generate.ScopeOf(o)
		c.hosts = append(c.hosts, s.Hosts...)
		c.paths += s.Roots + s.Optional
	}
	slices.Sort(c.hosts)
	if c.hosts = slices.Compact(c.hosts); len(c.hosts) == 0 {
		return nil
	}
	c.also = "and so of all that these refer to"
	return j.askToTell(ctx, c)
}
