package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// probed is what is shown of a run, or of what was kept.
type probed struct {
	results    []probe.Result
	pathsAsked bool
	kept       bool // they are from earlier runs
	atOnce     int
	now        time.Time
	sample     *sample      // of a lock, nil without one
	cachix     []cachixTold // what cachix.org says of caches named cachix:NAME
}

func (a *app) showProbes(p probed) error {
	code := p.code()
	if a.json {
		if err := a.writeJSON(p.json()); err != nil {
			return err
		}
		return silent(code)
	}
	s := a.style()
	asked, rest := probe.Order(p.results)
	for i, r := range p.results {
		if i > 0 {
			a.print("")
		}
		head := paint(s, explain.ProbeMark(r, s.Glyphs).Role, r.Outcome.String()) + "  " + paint(s, explain.Strong, safetext.URL(r.URL).String())
		if p.kept {
			head += paint(s, explain.Faint, "  "+explain.Age(p.now.Sub(r.At)))
		}
		a.print(head)
		for _, l := range explain.ProbeLines(r, p.atOnce) {
			a.printProbeLine(l, s)
		}
		if !p.kept {
			a.printProbedPaths(r, p.pathsAsked, s)
		}
	}
	a.printOrder(p, asked, rest, s)
	if p.sample != nil {
		a.print("", safetext.Line(p.sample.text()).String())
	}
	if len(p.cachix) > 0 {
		a.print("")
		a.print(cachixLines(p.cachix, s)...)
	}
	return silent(code)
}

// code sums results up as an exit code.
func (p probed) code() int {
	code := exitOK
	for _, r := range p.results {
		for _, path := range r.Paths {
			if path.State == probe.PathBadSignature || path.State == probe.PathUnlike {
				return exitBad
			}
		}
		switch {
		case r.Outcome == probe.Unknown || r.Effect == probe.EffectUnknown:
			if code == exitOK {
				code = exitUnknown
			}
		case r.Outcome != probe.Reachable || r.Effect != probe.Asks || r.Miss.Answer == probe.MissOdd || r.Miss.Answer == probe.MissFailed:
			code = exitFindings
		}
	}
	if p.sample == nil {
		return code
	}
	if got := p.sampled(); got == exitFindings || code == exitOK {
		code = got
	}
	return code
}

// sampled sums up whether each path of a lock that was asked for is proved by some
// cache of it.
func (p probed) sampled() int {
	code := exitOK
	for _, path := range p.sample.paths {
		proved, unknown := false, false
		for _, r := range p.results {
			at := slices.IndexFunc(r.Paths, func(got probe.Path) bool { return got.Path == path })
			switch {
			case at < 0 || r.Paths[at].State == probe.PathUnknown:
				unknown = true
			case r.Paths[at].State == probe.PathSigned || r.Paths[at].State == probe.PathAddressed:
				proved = true
			}
		}
		switch {
		case proved:
		case !unknown:
			return exitFindings
		default:
			code = exitUnknown
		}
	}
	return code
}

// printProbeLine writes what belongs to the line before.
func (a *app) printProbeLine(text string, s explain.Style) { a.print(inset(text, s)...) }

func (a *app) printProbedPaths(r probe.Result, asked bool, s explain.Style) {
	if !asked {
		if r.Outcome == probe.Reachable {
			a.printProbeLine("whether its key signs what it has was not looked at; --path PATH asks it for a path", s)
		}
		return
	}
	for _, p := range r.Paths {
		a.print("    " + paint(s, explain.PathRole(p.State), p.State.String()) + "  " + safetext.Line(string(p.Path)).String())
		if p.Text != "" {
			a.printProbeLine("  "+safetext.Redact(p.Text), s)
		}
	}
}

// printOrder says in which order Nix asks.
func (a *app) printOrder(p probed, asked, rest []int, s explain.Style) {
	if len(p.results) < 2 {
		if len(asked) == 1 {
			a.printProbeLine(fmt.Sprintf("its priority is %d: caches with a lower one are asked before it", p.results[asked[0]].Priority), s)
		}
		return
	}
	a.print("", paint(s, explain.Strong, "Nix asks in this order, the lowest priority first"))
	for i, at := range asked {
		a.print(fmt.Sprintf("  %2d. %s  (priority %d)", i+1, safetext.URL(p.results[at].URL), p.results[at].Priority))
	}
	if len(asked) == 0 {
		a.print("  none")
	}
	for _, at := range rest {
		a.print("   ?  " + safetext.URL(p.results[at].URL).String() + "  (its place is not known)")
	}
	for _, r := range p.results {
		if r.Effect == probe.Stops {
			a.print(paint(s, explain.Danger, "Nix gets to none of them as long as "+safetext.URL(r.URL).String()+" is in substituters."))
		}
	}
	if p.kept {
		a.printProbeLine("as far as these are the caches in effect; `nix-trust probe` asks them now", s)
	}
}
