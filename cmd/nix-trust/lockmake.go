package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/generate"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
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
		RunE: func(cmd *cobra.Command, args []string) error { return a.lock(cmd.Context(), args, f) },
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

// A lockJob is one run of lock: what is locked, and where the lock lies.
type lockJob struct {
	*app
	f       lockFlags
	nix     *nix.Nix
	src     *nix.Source      // nil when store paths are locked
	paths   []lock.StorePath // given on the command line
	file    string
	text    []byte // of the file, nil when there is none
	old     *lock.Lock
	dropped []string // systems of a lock for another source tree
	systems []string

	progressNote *progressLine
}

func (a *app) lock(ctx context.Context, args []string, f lockFlags) error {
	j, err := a.newLockJob(ctx, args, f)
	if err != nil {
		return err
	}
	if f.check {
		return j.check(ctx)
	}
	caches, err := j.findCaches(ctx)
	if err != nil {
		return err
	}
	netrc, err := readNetrc(f.netrc)
	if err != nil {
		return err
	}
	var wants []want
	for _, system := range j.systems {
		j.note("evaluating for " + system)
		w, err := j.want(ctx, system)
		if err != nil {
			return err
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
	if !f.yes {
		if err := j.mayAsk(ctx, options); err != nil {
			return err
		}
	}
	out := lockOutcome{job: j, caches: caches, wants: wants}
	now := j.old
	for _, o := range options {
		o.Old = now
		progress := a.progress()
		o.Progress = progress.show
		r, err := generate.Make(ctx, o)
		progress.clear()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return &problem{code: exitUnknown, text: j.file + ": " + err.Error()}
		}
		out.results = append(out.results, r)
		if r.Lock != nil {
			now = r.Lock
		}
	}
	if out.code() < exitUnknown {
		if out.lock, err = j.finish(now); err != nil {
			return err
		}
		if err := j.save(ctx, &out); err != nil {
			return err
		}
	}
	if err := out.print(); err != nil {
		return err
	}
	return silent(out.code())
}

// newLockJob finds out what is locked, and reads the lock that there is.
func (a *app) newLockJob(ctx context.Context, args []string, f lockFlags) (*lockJob, error) {
	if f.consumer {
		f.build, f.inputs = true, true
	}
	if a.root != "" || a.user != "" {
		return nil, usage("a lock is made as yourself and on this machine, with your nix", "leave out --root and --user")
	}
	if f.consumer && f.detached != "" {
		return nil, usage("--consumer and --detached exclude each other", "a consumer's lock lies beside flake.nix; a detached one belongs to one source tree")
	}
	if f.detached != "" && f.file != "" {
		return nil, usage("--lock and --detached both name the file", "leave out --lock")
	}
	if err := f.checkCaches(); err != nil {
		return nil, err
	}
	j := &lockJob{app: a, f: f, nix: &nix.Nix{Runner: nix.Program{}, StoreDir: storeDir(), Offline: f.check}, file: f.file}
	if len(args) > 0 && strings.HasPrefix(args[0], j.nix.StoreDir+"/") || len(args) > 1 {
		if err := j.takePaths(args); err != nil {
			return nil, err
		}
	} else {
		ref := "."
		if len(args) == 1 {
			ref = args[0]
		}
		src, err := j.nix.Source(ctx, ref)
		if err != nil {
			p := nixProblem(err)
			if info, err := os.Stat(ref); err == nil && info.IsDir() && !strings.ContainsAny(ref, "./:") {
				p.hints = []string{fmt.Sprintf("nix takes %s for the name of a flake in a registry; the folder is ./%s", ref, ref)}
			}
			return nil, p
		}
		j.src = src
	}
	switch {
	case f.detached != "":
		j.file = f.detached
	case j.file == "" && j.src == nil:
		j.file = lockFile
	case j.file == "" && j.src.Folder != "":
		j.file = filepath.Join(j.src.Folder, lockFile)
		if leadsOut(j.file, j.src.Folder) {
			return nil, &problem{code: exitUnknown, text: j.file + " is a link that leads out of the flake's folder", hints: []string{"if the file that it leads to shall be written, name that with --lock"}}
		}
	case j.file == "":
		return nil, usage(fmt.Sprintf("%s is not a folder here, so there is no place for its %s", j.src.Ref, lockFile), "name a file: --detached FILE pins this version of it, --lock FILE any")
	}
	if err := j.readOld(); err != nil {
		return nil, err
	}
	j.systems = f.systems
	if len(j.systems) == 0 {
		system, err := j.nix.System(ctx)
		if err != nil {
			p := nixProblem(err)
			p.hints = append(p.hints, "or say for which system: --system x86_64-linux")
			return nil, p
		}
		j.systems = []string{system}
	}
	slices.Sort(j.systems)
	j.systems = slices.Compact(j.systems)
	return j, nil
}

// leadsOut reports whether a file that is there leads, through links, out of a
// folder: whoever wrote a flake does not say what of this
// machine is written.
func leadsOut(file, folder string) bool {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return false // not there, or refused when it is written
	}
	home, err := filepath.EvalSymlinks(folder)
	return err != nil || !strings.HasPrefix(real, strings.TrimSuffix(home, "/")+"/")
}

// storeDir is where this user's nix has its store.
// Nix: src/libstore/globals.cc, Settings::Settings.
func storeDir() string {
	for _, name := range []string{"NIX_STORE_DIR", "NIX_STORE"} {
		if dir := os.Getenv(name); dir != "" {
			return filepath.Clean(dir)
		}
	}
	return bincache.DefaultStoreDir
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

// takePaths takes store paths from the command line.
func (j *lockJob) takePaths(args []string) error {
	for _, flag := range []struct {
		name string
		set  bool
	}{{"--output", len(j.f.outputs) > 0}, {"--check", j.f.check}, {"--consumer", j.f.consumer}, {"--detached", j.f.detached != ""}, {"--build", j.f.build}} {
		if flag.set {
			return usage(flag.name+" is for flakes, and store paths were given", "give one flake, or store paths without "+flag.name)
		}
	}
	for _, arg := range args {
		p, err := bincache.ParseStorePathIn(j.nix.StoreDir, strings.TrimSuffix(arg, "/"))
		if err != nil {
			return usage(err.Error(), "give one flake, or store paths such as /nix/store/…-hello")
		}
		j.paths = append(j.paths, p)
	}
	return nil
}

func (j *lockJob) readOld() error {
	j.old = lock.New()
	if info, err := os.Stat(j.file); err == nil && !info.Mode().IsRegular() {
		// A flake may have a link to a pipe in its place.
		return &problem{code: exitUnknown, text: j.file + " is no file", hints: []string{"remove it, or name another with --lock"}}
	} else if err != nil {
		if !os.IsNotExist(err) {
			return &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", j.file, cause(err))}
		}
		if j.f.check {
			return &problem{code: exitFindings, text: j.file + " does not exist", hints: []string{"`nix-trust lock` makes it"}}
		}
		return nil
	}
	text, err := readLockText(j.file)
	if err != nil {
		return err
	}
	if j.old, err = lock.Parse(j.file, text); err != nil {
		return lockProblem(err)
	}
	j.text = text
	switch {
	case j.f.detached == "" && !j.old.Source.IsZero() && j.src != nil:
		return usage(j.file+" is a detached lock, which belongs to one source tree", "renew it with --detached "+j.file)
	case j.f.detached != "" && j.old.Source != j.src.NarHash && !j.f.check:
		// What it pins for other systems was made from another tree.
		for _, system := range j.old.SystemNames() {
			if !slices.Contains(j.f.systems, system) {
				j.dropped = append(j.dropped, system)
			}
		}
		j.old = lock.New()
	}
	return nil
}

// finish gives the new lock its source.
func (j *lockJob) finish(l *lock.Lock) (*lock.Lock, error) {
	done := *l
	switch {
	case j.f.detached != "":
		done.Source = j.src.NarHash
	case j.src != nil:
		done.Source = lock.Hash{}
	}
	return &done, done.Validate()
}

// save writes the lock, unless nothing changed.
func (j *lockJob) save(ctx context.Context, out *lockOutcome) error {
	text, err := out.lock.Print()
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	if bytes.Equal(text, j.text) || j.text == nil && out.empty() {
		return nil
	}
	if j.f.dryRun {
		out.would = true
		return nil
	}
	var before trust.Digest
	if j.text != nil {
		before = trust.DigestOf(j.text)
	}
	path, err := filepath.Abs(j.file)
	if err == nil {
		err = ledger.Replace(ctx, path, before, text)
	}
	if err != nil {
		return writeProblem(err)
	}
	out.written = true
	return nil
}

// writeProblem is why a file could not be written.
func writeProblem(err error) *problem {
	p := &problem{code: exitUnknown, text: err.Error()}
	var e *ledger.Error
	if errors.As(err, &e) && e.Hint != "" {
		p.hints = []string{e.Hint}
	}
	return p
}
