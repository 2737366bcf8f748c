package main

import (
	"context"
	"errors"
	"slices"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
)

// What the screens ask of the program about how caches answer; see
// tui.ProbeBackend.

// Probes are the results of earlier probes.
func (a *app) Probes(context.Context) (tui.Probes, error) {
	out := tui.Probes{AtOnce: a.seenAtOnce(), Unkept: a.unkept()}
	kept, err := a.keptProbes()
	out.Results = kept
	if err != nil {
		return out, cause(err)
	}
	return out, nil
}

// seenAtOnce is how many narinfos a build asks for at a time, by what the screens
// saw last.
func (a *app) seenAtOnce() int {
	a.mu.Lock()
	r := a.seen.report
	a.mu.Unlock()
	if r == nil {
		return probe.DefaultConnections
	}
	return atOnceOf(r)
}

// unkept is why results are not kept beyond this run, "" when they are.
func (a *app) unkept() string {
	switch {
	case a.demo:
		return "the demo writes nothing down."
	case a.readOnly:
		return a.mayNotChange()
	case a.probesFile() == "" && a.mayNotChange() != "":
		return "another machine or user is looked at."
	case a.probesFile() == "":
		return "there is no folder of your own to keep them in."
	}
	return ""
}

// Probe asks caches how they are. The screen has asked the user before.
func (a *app) Probe(ctx context.Context, urls []string, progress func(done, all int)) ([]probe.Result, error) {
	o, err := a.probeOptions(ctx, "")
	if err != nil {
		return nil, asked(err)
	}
	if len(urls) > mostProbed {
		return nil, errors.New("these are more caches than are probed at once")
	}
	o.Progress = progress
	results := probe.All(ctx, onceEach(urls), o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	a.keepQuietly(results)
	return results, nil
}

// keepQuietly keeps results while the screens are open, unless nothing may be
// written.
func (a *app) keepQuietly(results []probe.Result) {
	if !a.readOnly || a.demo {
		a.tellLater(a.keep(results))
	}
}

// DiagnosisAsks says who would learn of what.
func (a *app) DiagnosisAsks(ctx context.Context, q tui.Complaint) (tui.Told, error) {
	d, err := a.complaint(ctx, q)
	if err != nil {
		return tui.Told{}, asked(err)
	}
	told := tui.Told{Hosts: probe.Hosts([]string{d.url}), Paths: len(d.wanted)}
	if len(told.Hosts) == 0 {
		told.Folders = 1
	}
	return told, nil
}

// Diagnose asks the cache. The screen has asked the user before.
func (a *app) Diagnose(ctx context.Context, q tui.Complaint) (tui.Diagnosis, error) {
	d, err := a.complaint(ctx, q)
	if err != nil {
		return nil, asked(err)
	}
	o, err := a.probeOptions(ctx, "")
	if err != nil {
		return nil, asked(err)
	}
	if err := d.ask(ctx, a, o); err != nil {
		return nil, err
	}
	a.keepQuietly([]probe.Result{d.probe})
	return d, nil
}

// complaint is what the machine alone says of a cache and a flake of the screens.
func (a *app) complaint(ctx context.Context, q tui.Complaint) (*diagnosis, error) {
	missing := false
	d, err := a.diagnose(ctx, q.Cache, q.Path, func(r *trust.Report) *trust.FlakeReport {
		if q.Flake == (trust.FlakeID{}) {
			return nil
		}
		i := slices.IndexFunc(r.Flakes, func(f trust.FlakeReport) bool { return f.ID == q.Flake })
		if missing = i < 0; missing {
			return nil
		}
		return &r.Flakes[i]
	})
	if err == nil && missing {
		err = errors.New("the flake is not there any more; press r to read everything again")
	}
	return d, err
}
