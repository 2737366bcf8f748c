package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/cachix"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/lock/trustix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// challengeFlags are the flags of challenge.
type challengeFlags struct {
	lock    string
	systems []string
	caches  []string
	trustix []string
	keys    []string
	netrc   string
	require int
	noStore bool
	rebuild bool
	diff    bool
	keep    string
	yes     bool
	all     bool
}

func (a *app) challengeCommand() *cobra.Command {
	var f challengeFlags
	c := &cobra.Command{
		Use:   "challenge PATH... | --lock LOCK",
		Short: "Ask everybody what the bytes of a store path are, and compare",
		Long: `challenge asks every voter for the hash, size and references of each store path
PATH, or of all that a lock pins: the caches given with --cache, those of the
lock, or else those in effect on this host; Trustix nodes; the local store; the
lock; and with --rebuild a rebuild on this machine. Nothing is imported, and a voter need not
have signed anything; whose signature fits is shown.

  match         as many distinct voters as --require asks for say the same, and
                nobody says otherwise
  mismatch      two voters say different things
  inconclusive  fewer voters than that, for instance only one
  absent        nobody has it

Caches that show a signature by the same key are one voter, and a copy in the
local store that was fetched is the voice of the key that signed it. A lock can
object; it is nobody's voice beside another, as who wrote it may have the cache.

Hosts learn which paths are challenged. Therefore it says first how many, and
asks. --yes is the answer for scripts.

Exit code: 0 every path matches; 2 some path is a mismatch; 1 otherwise. A wrong
use is 2 as well, and then nothing is printed to stdout.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("require") && f.require < 1 {
				return usage(fmt.Sprintf("--require %d: at least 1 voter has to agree", f.require))
			}
			return a.challenge(cmd.Context(), args, f)
		},
	}
	c.Flags().StringVar(&f.lock, "lock", "", "take the pins, caches and keys of the lock `FILE`; without PATH challenge all that it pins")
	c.Flags().StringSliceVar(&f.systems, "system", nil, "of the lock, challenge the `SYSTEM`'s paths only (again for more; default all)")
	c.Flags().StringArrayVar(&f.caches, "cache", nil, "ask the cache at `URL`, or cachix:NAME (again for more)")
	c.Flags().StringArrayVar(&f.trustix, "trustix", nil, "ask the Trustix node at `URL` what its logs agree on: one voter (again for more)")
	c.Flags().StringArrayVar(&f.keys, "key", nil, "a `KEY` whose signatures count, beside those of the lock and of this host")
	c.Flags().IntVar(&f.require, "require", 2, "how many distinct voters have to agree: `K` of all that are asked")
	c.Flags().BoolVar(&f.noStore, "no-store", false, "do not ask the local store")
	c.Flags().BoolVar(&f.rebuild, "rebuild", false, "build what the local store has once more, and compare")
	c.Flags().BoolVar(&f.diff, "diff", false, "list which files differ where there is a mismatch")
	c.Flags().StringVar(&f.keep, "keep", "", "unpack the two sides of a mismatch into the empty folder `DIR`, for diffoscope")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask before going to the network, or before a rebuild")
	c.Flags().BoolVar(&f.all, "paths", false, "list every path, not only mismatches and the first of each other kind")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	return c
}

func (a *app) challenge(ctx context.Context, args []string, f challengeFlags) error {
	paths, o, err := a.challengeOptions(ctx, args, f)
	if err != nil {
		return err
	}
	if err := checkKeep(f.keep, len(paths)); err != nil {
		return err
	}
	c := consent{hosts: o.Hosts(), paths: len(paths), done: "challenged"}
	names, err := cachixNames(f.caches)
	if err != nil {
		return err
	}
	c.also = cachixAlso(names)
	if f.rebuild {
		if c.also != "" {
			c.also += "; "
		}
		c.also += fmt.Sprintf("nix would build %s again, and may fetch or build what is needed for that", count(len(paths), "path", "paths"))
	}
	if (len(c.hosts) > 0 || c.also != "") && !f.yes {
		if err := a.askToTell(ctx, c); err != nil {
			return err
		}
	}
	var told []cachixTold
	if len(names) > 0 {
		report, err := a.report(ctx, "")
		if err != nil {
			return err
		}
		claimed := slices.Clone(o.Keys)
		for _, c := range o.Caches {
			claimed = append(claimed, c.Keys...)
		}
		told = a.askCachix(ctx, names, claimed, report)
	}
	progress := a.progress()
	o.Progress = progress.show
	r, err := challenge.Run(ctx, paths, o)
	progress.clear()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &problem{code: exitFindings, text: err.Error()}
	}
	if n := len(r.Voters); n < r.Require {
		a.warn("%s to agree and only %s, so that no path can match; name more with --cache, or require fewer", count(r.Require, "voter has", "voters have"), count(n, "is asked", "are asked"))
	}
	shown := &challenged{Report: r, flags: f, cachix: told}
	if f.diff {
		shown.compare(ctx, o)
	}
	if f.keep != "" {
		shown.unpack(ctx, o)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.json {
		if err := a.writeJSON(challengeJSONOf(shown)); err != nil {
			return err
		}
	} else {
		a.printChallenge(shown)
	}
	return silent(challengeCode(r.Outcome()))
}

// challengeCode is that of guix challenge.
func challengeCode(v challenge.Verdict) int {
	switch v {
	case challenge.Match:
		return 0
	case challenge.Mismatch:
		return 2
	}
	return 1
}

// challengeOptions finds out what is challenged, and who votes.
func (a *app) challengeOptions(ctx context.Context, args []string, f challengeFlags) (paths []lock.StorePath, o challenge.Options, err error) {
	switch {
	case len(args) == 0 && f.lock == "":
		return nil, o, usage("nothing was named to challenge", "name store paths, or a lock with --lock FILE")
	case len(args) > 0 && len(f.systems) > 0:
		return nil, o, usage("--system chooses among the paths of a lock, and paths were named")
	case len(f.systems) > 0 && f.lock == "":
		return nil, o, usage("--system chooses among the paths of a lock", "add --lock FILE")
	case a.root != "" && !f.noStore:
		return nil, o, usage("the local store that can be asked is this machine's, not that under --root", "add --no-store")
	case f.rebuild && f.noStore:
		return nil, o, usage("a rebuild is compared with what the local store has", "leave out --no-store or --rebuild")
	}
	for _, arg := range args {
		p, err := storePathOf(storeDir(), arg)
		if err != nil {
			return nil, o, usage(err.Error(), "a store path is /nix/store/HASH-NAME, or HASH-NAME alone")
		}
		paths = append(paths, p)
	}
	defer func() {
		slices.Sort(paths)
		paths = slices.Compact(paths)
	}()
	if f.lock != "" {
		if o.Lock, err = readLock(f.lock); err != nil {
			return nil, o, err
		}
		o.Caches = append(o.Caches, o.Lock.Caches...)
		if len(args) == 0 {
			if paths, err = pinnedPaths(o.Lock, f.lock, f.systems); err != nil {
				return nil, o, err
			}
		}
	}
	netrc, err := readNetrc(f.netrc)
	if err != nil {
		return nil, o, err
	}
	o.StoreDir = storeDir()
	o.Client = bincache.NewClient(bincache.Options{Netrc: netrc, StoreDir: o.StoreDir})
	if err := a.challengeKeys(ctx, f, &o); err != nil {
		return nil, o, err
	}
	o.Require = f.require
	if !f.noStore {
		local := &nix.Nix{Runner: nix.Program{}, StoreDir: o.StoreDir}
		o.Store = local
		if f.rebuild {
			o.Build = challenge.Check{Nix: local}
		}
	}
	return paths, o, nil
}

// challengeKeys adds the caches and keys that were given, and those of the host.
func (a *app) challengeKeys(ctx context.Context, f challengeFlags, o *challenge.Options) error {
	for _, k := range f.keys {
		key, err := bincache.ParsePublicKey(k)
		if err != nil {
			return usage(fmt.Sprintf("--key %s: %v", k, err), "a key is NAME:BASE64, as in trusted-public-keys")
		}
		o.Keys = append(o.Keys, key.String())
	}
	for _, u := range f.trustix {
		node, err := trustix.NewNode(u)
		if err != nil {
			return usage(fmt.Sprintf("--trustix %s: %v", safetext.Redact(u), err))
		}
		o.Trustix = append(o.Trustix, node)
	}
	for _, arg := range f.caches {
		u, _, err := cachix.StoreURL(arg)
		if err != nil {
			return usage(fmt.Sprintf("--cache %s: %v", safetext.Redact(arg), err))
		}
		if _, err := o.Client.Cache(u); err != nil {
			return usage(fmt.Sprintf("--cache %s: %v", safetext.Redact(u), err))
		}
		o.Caches = append(o.Caches, lock.Cache{URL: u})
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	o.Keys = append(o.Keys, believedKeys(r)...)
	if len(o.Caches) > 0 {
		return nil
	}
	for _, c := range r.Caches {
		if c.InEffect {
			o.Caches = append(o.Caches, lock.Cache{URL: c.URL})
		}
	}
	if len(o.Caches) == 0 {
		return &problem{code: exitFindings, text: "no cache is in effect on this host, so that there is nobody to compare with", hints: []string{"name one with --cache URL"}}
	}
	return nil
}

// believedKeys are the keys that this host believes, or would where what the
// daemon believes is not known.
func believedKeys(r *trust.Report) (keys []string) {
	for _, k := range r.Keys {
		if k.InEffect && k.Problem == nil {
			keys = append(keys, k.Text)
		}
	}
	if r.Client != nil {
		keys = append(keys, r.Client.Tokens("trusted-public-keys")...)
	}
	return keys
}

// storePathOf reads a store path: whole, its base name, or a link to one, such
// as ./result.
func storePathOf(dir, arg string) (lock.StorePath, error) {
	store := dir + "/"
	text := strings.TrimRight(arg, "/")
	p, err := bincache.ParseStorePath(strings.TrimPrefix(text, store))
	if err == nil {
		return p, nil
	}
	if target, failed := filepath.EvalSymlinks(text); failed == nil && text != "" && !strings.HasPrefix(text, store) {
		if text, err = target, fmt.Errorf("%s is neither a store path nor a link to one", arg); !strings.HasPrefix(target, store) {
			return "", err
		}
	}
	base, inside, within := strings.Cut(strings.TrimPrefix(text, store), "/")
	p, bad := bincache.ParseStorePath(base)
	switch {
	case bad != nil:
		return "", err
	case within && strings.HasPrefix(text, store):
		return "", fmt.Errorf("%s is a file within %s; only the whole path has a hash", inside, p)
	case within:
		return "", err
	}
	return p, nil
}

// readLock reads a lock. What is wrong with it is an outcome like any other
// here: the exit codes are those of guix challenge.
func readLock(path string) (*lock.Lock, error) {
	text, err := readLockText(path)
	if err != nil {
		if p, ok := err.(*problem); ok {
			p.code = exitFindings
		}
		return nil, err
	}
	l, err := lock.Parse(path, text)
	if err != nil {
		p := lockProblem(err)
		p.code = exitFindings
		return nil, p
	}
	return l, nil
}

// pinnedPaths lists what a lock pins for some systems, all when there are none.
func pinnedPaths(l *lock.Lock, file string, systems []string) (paths []lock.StorePath, err error) {
	if len(systems) == 0 {
		systems = l.SystemNames()
	}
	for _, name := range systems {
		s := l.Systems[name]
		if s == nil {
			return nil, usage(fmt.Sprintf("the lock has nothing for the system %q; it has %q", name, l.SystemNames()))
		}
		for p := range s.Paths {
			paths = append(paths, p)
		}
	}
	if len(paths) == 0 {
		return nil, &problem{code: exitFindings, text: file + " pins no path, so that there is nothing to challenge"}
	}
	return paths, nil
}

// checkKeep refuses a folder that could not be unpacked into, before anybody is
// asked.
func checkKeep(dir string, paths int) error {
	if dir == "" {
		return nil
	}
	if paths != 1 {
		return usage(fmt.Sprintf("--keep unpacks one path, and %d are challenged", paths), "name the one path; --lock FILE still lets the lock vote")
	}
	if !safetext.Exact(dir) || strings.Contains(dir, "\n") {
		return usage("--keep: the name of the folder has characters that a command line cannot show")
	}
	list, err := os.ReadDir(dir)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return usage(fmt.Sprintf("--keep %s: %v", dir, cause(err)), "give the name of a new or empty folder")
	case len(list) > 0:
		return usage(fmt.Sprintf("--keep %s: the folder is not empty, and nothing is unpacked over other files", dir), "give the name of a new or empty folder")
	}
	return nil
}
