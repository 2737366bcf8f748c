package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/child"
	"github.com/nix-trust/nix-trust/trust/fetch"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// A fetching is one fetch, with what came of it.
type fetching struct {
	app     *app
	want    fetch.Closure
	granted granted
	systems []string
	nix     *nix.Nix
	report  *trust.Report

	valid   map[lock.StorePath]nix.Info
	had     int              // paths that were in the store before
	missing []lock.StorePath // what is not there yet: what was left out first, then the pinned
	others  []otherBytes

	before gate.Status // of the gate, in the beginning
	status gate.Status // and in the end
	said   []string    // what went wrong, for a person
	hints  []string
	links  []string // that keep it
}

// An otherBytes is a path that the store has with other contents than are pinned.
type otherBytes struct {
	path  lock.StorePath
	built bool // it was built here
}

// copyRounds bounds how often the copying is taken up again: each round leaves
// out what failed in the one before.
const copyRounds = 8

// callPaths is how many paths one call takes: macOS takes 1 MiB of arguments and
// environment together, and a path has up to 230 bytes.
const callPaths = 1000

// bring gets what is missing.
func (c *fetching) bring(ctx context.Context, hold func(context.Context) (*gateplace.Held, error)) error {
	if len(c.missing) == 0 {
		return nil
	}
	dir, remove, err := folderFor()
	if err != nil {
		return err
	}
	defer remove()
	held, err := hold(ctx)
	if err != nil {
		return err
	}
	defer held.Stop()
	if c.before, err = held.Ask(ctx); err != nil {
		return &problem{code: exitUnknown, text: fmt.Sprintf("the gate does not say how it does: %v", err)}
	}
	if left, _ := c.want.Missing(c.want.Left, c.isValid); len(left) > 0 {
		if err := c.realise(ctx, left); err != nil {
			return err
		}
	}
	if err := c.copy(ctx, held, dir); err != nil {
		return err
	}
	if c.status, err = held.Ask(ctx); err != nil && ctx.Err() == nil {
		c.said = append(c.said, fmt.Sprintf("what the gate did is not known: %v", err))
	}
	return ctx.Err()
}

// environment is what the copying nix runs with beside the user's own: a place
// to remember things that goes afterwards, and the gate's key where this user's
// word counts.
func (c *fetching) environment(dir string, held *gateplace.Held) []string {
	env := append([]string{"XDG_CACHE_HOME=" + dir, "NIX_CACHE_HOME=" + filepath.Join(dir, "nix"), "NO_COLOR=1"}, child.Direct(os.Environ())...)
	if c.believed() && held.Key != "" {
		env = append(env, "NIX_CONFIG="+child.NixConfig(os.Getenv("NIX_CONFIG"), "extra-trusted-public-keys = "+held.Key))
	}
	return env
}

// realise gets what the lock leaves out, from the caches that the machine trusts
// anyway.
func (c *fetching) realise(ctx context.Context, paths []lock.StorePath) error {
	progress := c.app.progress()
	defer progress.clear()
	for some := range slices.Chunk(paths, callPaths) {
		// Of a derivation this would build what it makes.
		some = slices.DeleteFunc(slices.Clone(some), func(p lock.StorePath) bool { return strings.HasSuffix(string(p), ".drv") })
		if len(some) == 0 {
			continue
		}
		progress.say("getting " + count(len(some), "path", "paths") + " from the caches that are trusted anyway")
		r, err := c.nix.Runner.Run(ctx, nix.Call{Args: slices.Concat([]string{"nix-store", "--realise", "--keep-going"}, c.full(some))})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return &problem{code: exitUnknown, text: "nix-store could not be run: " + err.Error(), hints: []string{"install Nix, or put it into PATH"}}
		}
		if r.Code != 0 {
			c.say("the caches that are trusted anyway did not deliver what the lock leaves out: "+lastComplaint(r.Stderr), "make the lock anew with `nix-trust lock` and grant that, or let a build make what is missing")
		}
	}
	return c.again(ctx)
}

// copy gets what is pinned through the gate.
func (c *fetching) copy(ctx context.Context, held *gateplace.Held, dir string) error {
	env := c.environment(dir, held)
	failed := map[lock.StorePath]bool{}
	for range copyRounds {
		for _, p := range c.want.Left {
			if !c.isValid(p) {
				failed[p] = true
			}
		}
		paths, bytes := c.want.Missing(c.want.Pinned, c.isValid)
		paths = c.want.Without(paths, failed)
		if len(paths) == 0 {
			return nil
		}
		before := len(c.valid)
		stop := c.watch(ctx, held, len(paths), bytes)
		err := c.copyAhead(ctx, held, paths, env, dir)
		stop()
		if err != nil {
			return err
		}
		if err := c.again(ctx); err != nil {
			return err
		}
		s, err := held.Ask(ctx)
		if err != nil {
			return nil // said by who asks last
		}
		more := false
		for _, e := range s.Recent {
			if p := lock.StorePath(e.Path); (e.Result == "refused" || e.Result == "cut") && !c.isValid(p) && !failed[p] {
				failed[p], more = true, true
			}
		}
		if !more && len(c.valid) == before {
			return nil
		}
	}
	return nil
}

// copyAhead copies paths through a spool.
func (c *fetching) copyAhead(ctx context.Context, held *gateplace.Held, paths []lock.StorePath, env []string, dir string) error {
	dir, err := os.MkdirTemp(dir, "spool-")
	if err != nil {
		return &problem{code: exitUnknown, text: fmt.Sprintf("no temporary folder could be made: %v", cause(err))}
	}
	s, err := fetch.NewSpool(held.Base, c.nix.StoreDir, dir)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	base, stop, err := s.Serve(ctx, paths)
	if err != nil {
		return &problem{code: exitUnknown, text: fmt.Sprintf("no port is free on this machine: %v", err)}
	}
	defer stop()
	return c.copyPaths(ctx, held, base, paths, env)
}

// copyPaths copies paths in calls that are short enough.
func (c *fetching) copyPaths(ctx context.Context, held *gateplace.Held, base string, paths []lock.StorePath, env []string) error {
	for some := range slices.Chunk(paths, callPaths) {
		args := slices.Concat([]string{"nix", "--extra-experimental-features", "nix-command", "copy", "--no-recursive", "--from", base}, c.full(some))
		r, err := c.nix.Runner.Run(ctx, nix.Call{Args: args, Env: env})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return &problem{code: exitUnknown, text: "nix could not be run: " + err.Error(), hints: []string{"install Nix, or put it into PATH"}}
		case r.Code != 0:
			c.explain(held, lastComplaint(r.Stderr))
			return nil // what is missing is tried again without what failed
		}
	}
	return nil
}

// explain says what an error of Nix means here.
func (c *fetching) explain(held *gateplace.Held, text string) {
	switch {
	case strings.Contains(text, "lacks a signature by a trusted key"), strings.Contains(text, "lacks a valid signature"):
		text := "the daemon does not believe the gate's key " + held.Key
		if c.report.Nix.Store == trust.StoreLocal {
			text = "Nix does not believe the gate's key " + held.Key
		}
		if other := namesake(c.report, held.Key); other != "" {
			text += ", as another key of that name is configured: " + other
		}
		c.say(text, "`nix-trust setup --check` says whether the key is configured and in force; after the configuration was changed the daemon has to be restarted")
	case strings.Contains(text, "cannot open connection to remote store"), strings.Contains(text, "cannot connect to"), strings.Contains(text, "error: cannot connect"):
		c.say("the daemon does not answer: "+text, "`nix-trust doctor` says how this user stands with the daemon")
	case strings.Contains(text, "HTTP error 404"), strings.Contains(text, "does not exist in binary cache"), strings.Contains(text, "unable to download"), strings.Contains(text, "hash mismatch"):
		c.say("a path could not be had from the granted caches", "try again later; what is not there a build makes")
	default:
		c.say("nix copy: "+text, "")
	}
}

// say notes what went wrong, once.
func (c *fetching) say(text, hint string) {
	if !slices.Contains(c.said, text) {
		c.said = append(c.said, text)
	}
	if hint != "" && !slices.Contains(c.hints, hint) {
		c.hints = append(c.hints, hint)
	}
}

// again finds out what the store has by now.
func (c *fetching) again(ctx context.Context) error {
	infos, err := c.nix.Info(ctx, c.want.Paths(), false)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	c.take(infos)
	return nil
}

// watch shows how far the gate is, until stop.
func (c *fetching) watch(ctx context.Context, held *gateplace.Held, paths int, bytes int64) (stop func()) {
	progress := c.app.progress()
	if progress.width == nil {
		return func() {}
	}
	begin, err := held.Ask(ctx)
	if err != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(drawEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				progress.clear()
				return
			case <-tick.C:
				if s, err := held.Ask(ctx); err == nil {
					progress.bytes(min(s.Served.Bytes-begin.Served.Bytes, bytes), bytes)
				}
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// addRoot makes links that keep what was asked for.
func (c *fetching) addRoot(ctx context.Context, link string) error {
	abs, err := filepath.Abs(link)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	// Roots of what others refer to would be links without need.
	roots := c.want.Tops()
	r, err := c.nix.Runner.Run(ctx, nix.Call{Args: slices.Concat([]string{"nix-store", "--realise", "--add-root", abs, "--indirect"}, c.full(roots))})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &problem{code: exitUnknown, text: "nix-store could not be run: " + err.Error()}
	case r.Code != 0:
		return &problem{code: exitUnknown, text: "all of it is in the store, and no root could be made: " + lastComplaint(r.Stderr)}
	}
	for line := range strings.Lines(string(r.Stdout)) {
		c.links = append(c.links, strings.TrimSpace(line))
	}
	return nil
}

func (c *fetching) full(paths []lock.StorePath) []string {
	return list(paths, func(p lock.StorePath) string { return p.In(c.nix.StoreDir) })
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// lastComplaint is the last error in what a program of Nix wrote, on one line.
func lastComplaint(stderr []byte) string {
	text := escapes.ReplaceAllString(string(stderr), "")
	if i := strings.LastIndex(text, "error:"); i >= 0 {
		text = text[i+len("error:"):]
	}
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		text = "it gave no reason"
	}
	return text[:min(len(text), 500)]
}

// believed reports whether the store takes this user's word.
func (c *fetching) believed() bool { return c.report.Trust == trust.Trusted }
