package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui"
)

// A fetch as the Grants screen has it done; see tui.GateBackend. It is that of
// the command.

// quiet is the same program with nobody to write to: the screens have the
// terminal.
func (a *app) quiet() *app {
	return &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, plain: true, noMotion: true}
}

// screenFetch works out what is to be fetched of a grant, by its identity.
func (a *app) screenFetch(ctx context.Context, id string) (*fetching, *grantBook, error) {
	if a.root != "" || a.user != "" {
		return nil, nil, errors.New("fetching is for the running system, by the user who gets it")
	}
	b, _, err := a.grantBook()
	if err != nil {
		return nil, nil, err
	}
	c, err := a.quiet().newFetching(ctx, b, b.granted(ctx, grants.Identity(id), time.Now()), fetchFlags{})
	return c, b, err
}

// FetchAsks says who would learn of what by a fetch.
func (a *app) FetchAsks(ctx context.Context, grant string) (tui.FetchAsk, error) {
	if a.demo {
		return a.demoFetchAsks(ctx, grant)
	}
	c, _, err := a.screenFetch(ctx, grant)
	if err != nil {
		return tui.FetchAsk{}, asked(err)
	}
	out := tui.FetchAsk{Into: "the store " + c.nix.StoreDir, Had: c.had}
	for _, p := range c.missing {
		if pin, pinned := c.want.Pins[p]; pinned {
			out.Paths++
			out.Bytes += pin.Size
		} else {
			out.Left++
		}
	}
	out.Hosts, out.Folders = hostsOf(c.granted.Grant.Caches)
	return out, nil
}

// hostsOf are the hosts of caches, and how many of them are folders.
func hostsOf(caches []lock.Cache) (hosts []string, folders int) {
	for _, c := range caches {
		if u, err := url.Parse(c.URL); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		} else {
			folders++
		}
	}
	return hosts, folders
}

// Fetch gets what a grant pins through a gate.
func (a *app) Fetch(ctx context.Context, grant string, progress func(done, all int)) (tui.FetchOutcome, error) {
	if why := a.mayNotChange(); why != "" {
		return tui.FetchOutcome{}, errors.New("nothing can be fetched: " + why)
	}
	if a.demo {
		return a.demoFetch(ctx, grant, progress)
	}
	a.fetches.RLock() // the program ends after it has cleaned up
	defer a.fetches.RUnlock()
	c, b, err := a.screenFetch(ctx, grant)
	if err != nil {
		return tui.FetchOutcome{}, asked(err)
	}
	place, err := a.gatePlace("")
	if err != nil {
		return tui.FetchOutcome{}, asked(err)
	}
	_, bytes := c.want.Missing(c.want.Paths(), c.isValid)
	stop := func() {}
	err = c.bring(ctx, func(ctx context.Context) (*gateplace.Held, error) {
		h, err := c.app.holdForCopy(ctx, place, b, c.granted, c.believed())
		if err == nil {
			stop = countSent(ctx, h, len(c.missing), progress)
		}
		return h, err
	})
	stop()
	if err != nil {
		return tui.FetchOutcome{}, asked(err)
	}
	_, left := c.want.Missing(c.want.Paths(), c.isValid)
	return c.outcome(bytes - left), nil
}

// countEvery is how often a gate is asked how far it is.
const countEvery = 200 * time.Millisecond

// countSent tells how many paths the gate has sent of all, until stop.
func countSent(ctx context.Context, h *gateplace.Held, all int, progress func(done, all int)) (stop func()) {
	begin, err := h.Ask(ctx)
	if err != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(countEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if s, err := h.Ask(ctx); err == nil {
					progress(min(int(s.Served.Contents-begin.Served.Contents), all), all)
				}
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// outcome is what came of a fetch as the screen shows it; bytes is how many of
// the contents that arrived.
func (c *fetching) outcome(bytes int64) tui.FetchOutcome {
	r, _ := c.result(fetchFlags{})
	out := tui.FetchOutcome{Paths: r.Fetched, Had: r.Present, Bytes: bytes, Into: "the store " + c.nix.StoreDir}
	for _, p := range c.missing {
		out.Refused = append(out.Refused, string(p)+" is not in the store.")
	}
	for _, e := range c.wrong() {
		out.Wrong = append(out.Wrong, wrongBytes(e))
	}
	for _, o := range c.others {
		if o.built {
			out.Notes = append(out.Notes, fmt.Sprintf("%s was built here and has other contents than are pinned; it stays as it is.", o.path))
		} else {
			out.Wrong = append(out.Wrong, fmt.Sprintf("%s is in the store with other contents than are pinned.", o.path))
		}
	}
	for _, s := range c.said {
		out.Notes = append(out.Notes, sentence(s))
	}
	for _, h := range c.hints {
		out.Notes = append(out.Notes, "To do: "+sentence(h))
	}
	return out
}
