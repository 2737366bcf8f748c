package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/trust/fetch"
	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// fetchFlags are the flags of fetch.
type fetchFlags struct {
	lock    string
	systems []string
	outputs []string
	root    string
	gate    string
	netrc   string
	dryRun  bool
}

func (a *app) fetchCommand() *cobra.Command {
	var f fetchFlags
	c := &cobra.Command{
		Use:   "fetch [FLAKE]",
		Short: "Bring what a flake's grant pins into the store, checked",
		Long: `fetch brings into the store what the grant of FLAKE pins: a folder (left out, the
flake in the current one or above) or a reference such as github:OWNER/REPO. A
build then finds it there. It runs as you: a gate of its own takes the paths from
the caches that were granted, compares every byte with the accepted lock, and
signs what is right, which the daemon accepts as it believes the gate's key
(` + "`nix-trust setup`" + `). No setting of Nix changes, and nothing is remembered about
any cache.

What the lock leaves out, as caches that are trusted anyway have it alike, comes
from those.

Exit code: 0 all of it is in the store; 1 the grant may not be used; 2 a wrong
use; 3 something could not be fetched or determined; 4 a cache, or the store, has
other bytes than are pinned.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// What is made for it goes, however it is ended.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			err := a.fetch(ctx, first(args), f)
			if err != nil && ctx.Err() != nil {
				return &problem{code: exitInterrupted}
			}
			return err
		},
	}
	c.Flags().StringVar(&f.lock, "lock", "", "what the grant pins that accepted the lock in `FILE`")
	c.Flags().StringSliceVar(&f.systems, "system", nil, "what is pinned for `SYSTEM` (again for more; default this machine's)")
	c.Flags().StringSliceVar(&f.outputs, "output", nil, "the output `NAME` alone, such as packages.default (again for more)")
	c.Flags().StringVar(&f.root, "add-root", "", "keep it from the garbage collector as long as the link `LINK` is there")
	c.Flags().StringVar(&f.gate, "gate", "", "the `ADDRESS` of the machine's gate, for who has no key")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read the caches' credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be fetched and stop; nobody is asked")
	return c
}

func (a *app) fetch(ctx context.Context, arg string, f fetchFlags) error {
	if f.lock != "" && arg != "" {
		return usage("FLAKE and --lock say two things", "name the flake, or the lock that was granted")
	}
	b, place, err := a.grantsAndGate(f.gate, f.netrc)
	if err != nil {
		return err
	}
	g, err := b.grantFor(ctx, arg, f.lock)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c, err := a.newFetching(ctx, b, g, f)
	if err != nil {
		return err
	}
	if !f.dryRun {
		if err := c.bring(ctx, func(ctx context.Context) (*gateplace.Held, error) {
			return a.holdForCopy(ctx, place, b, g, c.believed())
		}); err != nil {
			return err
		}
		if f.root != "" && len(c.missing) == 0 {
			if err := c.addRoot(ctx, f.root); err != nil {
				return err
			}
		}
	}
	return a.tellFetched(c, f)
}

// newFetching works out what a fetch has to bring. It asks nobody but the store.
func (a *app) newFetching(ctx context.Context, b *grantBook, g granted, f fetchFlags) (*fetching, error) {
	if err := g.mayUse(); err != nil {
		return nil, err
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return nil, err
	}
	systems, err := grantedSystems(g, f.systems, r.Platform.System)
	if err != nil {
		return nil, err
	}
	w, err := fetch.Of(g.lock, systems, f.outputs)
	var none *fetch.NoOutput
	if errors.As(err, &none) {
		hint := "the lock has no outputs for " + strings.Join(systems, ", ")
		if len(none.Known) > 0 {
			hint = "it has " + strings.Join(none.Known[:min(len(none.Known), 12)], ", ")
		}
		return nil, usage(fmt.Sprintf("the accepted lock has no output %q", none.Output), hint)
	}
	if err != nil {
		return nil, err
	}
	c := &fetching{app: a, want: w, granted: g, systems: systems, nix: &nix.Nix{Runner: nix.Program{}, StoreDir: b.store}, report: r}
	return c, c.look(ctx)
}

// grantFor finds the grant that is meant: of a flake, or of whoever accepted the
// lock in a file.
func (b *grantBook) grantFor(ctx context.Context, arg, file string) (granted, error) {
	now := time.Now()
	if file == "" {
		fl, err := b.named(arg)
		if err != nil {
			return granted{}, err
		}
		return b.granted(ctx, fl.id, now), nil
	}
	l, err := b.lockAt(file)
	if err != nil {
		return granted{}, lockProblem(fmt.Errorf("%s could not be read: %w", file, err))
	}
	digest, err := l.Digest()
	if err != nil {
		return granted{}, lockProblem(err)
	}
	for _, s := range b.shelves {
		if scope := s.Scope(); scope.Err != nil {
			return granted{}, grantProblem(scope.Err)
		}
	}
	g, ok := b.grantedLock(ctx, digest, now)
	if !ok {
		return granted{}, &problem{
			code: exitFindings, text: fmt.Sprintf("no grant accepted the lock in %s (%s)", file, digest[:12]),
			hints: []string{"accept it with `nix-trust grant FLAKE --lock " + file + "`"},
		}
	}
	return g, nil
}

// grantedSystems are the systems to work on, all of which the grant is for.
func grantedSystems(g granted, named []string, own string) ([]string, error) {
	systems := slices.Compact(slices.Sorted(slices.Values(named)))
	if len(systems) == 0 {
		systems = []string{own}
	}
	for _, s := range systems {
		switch {
		case s == "":
			return nil, usage("this machine's system is not known", "give --system SYSTEM")
		case !slices.Contains(g.Grant.Systems, s):
			return nil, &problem{
				code: exitFindings, text: fmt.Sprintf("%s is granted for %s, not for %s", g.flake, strings.Join(g.Grant.Systems, ", "), s),
				hints: []string{"`nix-trust grant --system " + s + "` grants that, if the lock has it"},
			}
		}
	}
	return systems, nil
}

// look finds out what the store has already. It asks nobody else.
func (c *fetching) look(ctx context.Context) error {
	infos, err := c.nix.Info(ctx, c.want.Paths(), false)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		hint := "`nix-trust doctor` says how this user stands with the store"
		if errors.Is(err, exec.ErrNotFound) {
			hint = "install Nix, or put it into PATH"
		}
		return &problem{code: exitUnknown, text: err.Error(), hints: []string{hint}}
	}
	c.take(infos)
	c.had = len(infos)
	return nil
}

// take notes what the store has of what is wanted.
func (c *fetching) take(infos map[lock.StorePath]nix.Info) {
	c.valid = infos
	c.missing, _ = c.want.Missing(slices.Concat(c.want.Left, c.want.Pinned), c.isValid)
	c.others = nil
	for path, info := range infos {
		pin, pinned := c.want.Pins[path]
		if pinned && (info.NAR != pin.NAR || info.Size != pin.Size) {
			c.others = append(c.others, otherBytes{path, info.Ultimate})
		}
	}
	slices.SortFunc(c.others, func(a, b otherBytes) int { return strings.Compare(string(a.path), string(b.path)) })
}

func (c *fetching) isValid(p lock.StorePath) bool { _, ok := c.valid[p]; return ok }

// folderFor makes a folder of the command's own for what programs remember.
func folderFor() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "nix-trust-")
	if err != nil {
		return "", nil, &problem{code: exitUnknown, text: fmt.Sprintf("no temporary folder could be made: %v", cause(err)), hints: []string{"set TMPDIR to a folder that you can write to"}}
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}
