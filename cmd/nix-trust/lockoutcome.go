package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/generate"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A lockOutcome is what a run of lock found, for each system.
type lockOutcome struct {
	job     *lockJob
	caches  *lockCaches
	wants   []want
	results []*generate.Result
	lock    *lock.Lock // nil when nothing may be written
	written bool
	would   bool // it would have been written, but for --dry-run
}

// code is the exit code: the gravest of all systems.
func (o *lockOutcome) code() int {
	rank := []int{exitOK, exitFindings, exitUnknown, exitBad}
	code := exitOK
	if o.would {
		code = exitFindings
	}
	worse := func(c int) { code = rank[max(slices.Index(rank, code), slices.Index(rank, c))] }
	for i, w := range o.wants {
		if len(w.lost) > 0 {
			worse(exitFindings)
		}
		switch o.results[i].Outcome() {
		case generate.Fine:
		case generate.Incomplete:
			worse(exitFindings)
		case generate.Alarm:
			worse(exitBad)
		default:
			worse(exitUnknown)
		}
	}
	return code
}

// empty reports whether nothing at all was found that a lock would be about.
func (o *lockOutcome) empty() bool {
	return !slices.ContainsFunc(o.results, func(r *generate.Result) bool { return r.Pinned > 0 || r.Redundant > 0 })
}

type lockJSON struct {
	Version int    `json:"version"`
	Lock    string `json:"lock"`
	Digest  string `json:"digest"` // of the new lock; "" when there is none
	Written bool   `json:"written"`
	// Source is the narHash that a detached lock belongs to, "" for others.
	Source  string           `json:"source"`
	Caches  []string         `json:"caches"`
	Trusted []string         `json:"trusted"` // compared with
	Skipped []string         `json:"skipped"` // trusted, and not compared with
	Refused []string         `json:"refused"` // asked for by the flake, and no lock can have them
	Systems []jsonLockSystem `json:"systems"`
}

type jsonLockSystem struct {
	System    string            `json:"system"`
	Outputs   map[string]string `json:"outputs"`
	Pinned    int               `json:"pinned"`
	Added     int               `json:"added"`
	Removed   int               `json:"removed"`
	Redundant int               `json:"redundant"`
	FromLocal []string          `json:"fromLocal"`
	// Remembered are pins of the lock that there was which nothing proves now.
	Remembered []string      `json:"remembered"`
	LeftOut    []string      `json:"leftOut"` // outputs that depend on the flake's own source
	Failures   []jsonFailure `json:"failures"`
	Problems   []jsonProblem `json:"problems"`
}

type jsonFailure struct {
	Output string `json:"output"`
	Text   string `json:"text"`
}

type jsonProblem struct {
	Kind  string       `json:"kind"`
	Path  string       `json:"path"`
	Text  string       `json:"text"`
	Wants string       `json:"wants"`
	Says  []jsonSaying `json:"says"`
}

type jsonSaying struct {
	Who    string   `json:"who"`
	Pin    *jsonPin `json:"pin"`
	Proved bool     `json:"proved"`
}

// print says what was found, as text or as JSON.
func (o *lockOutcome) print() error {
	if o.job.json {
		return o.job.writeJSON(o.json())
	}
	o.text()
	return nil
}

func (o *lockOutcome) json() lockJSON {
	out := lockJSON{Version: 1, Lock: o.job.file, Written: o.written, Skipped: list(o.caches.skipped, safetext.Redact), Refused: list(o.caches.refused, safetext.Redact)}
	url := func(c lock.Cache) string { return safetext.Redact(c.URL) }
	out.Caches, out.Trusted = list(o.caches.claimed, url), list(o.caches.trusted, url)
	if o.lock != nil {
		out.Digest, _ = o.lock.Digest()
		if !o.lock.Source.IsZero() {
			out.Source = o.lock.Source.String()
		}
	}
	for i, w := range o.wants {
		r := o.results[i]
		s := jsonLockSystem{
			System: w.system, Outputs: map[string]string{}, Pinned: r.Pinned, Added: r.Added, Removed: r.Removed, Redundant: r.Redundant,
			FromLocal: list(r.FromLocal, pathText), Remembered: list(r.Remembered, pathText), LeftOut: list(w.left, same),
			Failures: list(w.failures, func(f nix.Failure) jsonFailure { return jsonFailure{f.Name, safetext.Redact(f.Text)} }),
			Problems: list(r.Problems, func(p generate.Problem) jsonProblem {
				return jsonProblem{p.Kind.String(), string(p.Path), safetext.Redact(p.Text), string(p.Wants), list(p.Says, func(s generate.Saying) jsonSaying {
					return jsonSaying{safetext.Redact(s.Who), pinJSON(s.Pin), s.Proved}
				})}
			}),
		}
		for name, p := range w.outputs {
			s.Outputs[name] = string(p)
		}
		out.Systems = append(out.Systems, s)
	}
	return out
}

func pathText(p lock.StorePath) string { return string(p) }

func (o *lockOutcome) text() {
	a, st := o.job.app, o.job.style()
	a.print(paint(st, explain.Faint, "from "+urlsOf(o.caches.claimed)))
	if len(o.caches.trusted) > 0 {
		a.print(paint(st, explain.Faint, "compared with "+urlsOf(o.caches.trusted)))
	}
	for i, w := range o.wants {
		r := o.results[i]
		a.print(paint(st, explain.Strong, w.system) + "  " + summary(w, r))
		if n := len(r.FromLocal); n > 0 {
			a.print(fmt.Sprintf("  %s no cache has yet: the pins are those of the local store", count(n, "path", "paths")))
		}
		if n := len(r.Remembered); n > 0 && !w.keep {
			a.print(fmt.Sprintf("  %s stay as the lock had them, though nothing proves them now", count(n, "pin", "pins")))
		}
		if n := len(w.left); n > 0 {
			a.print(safetext.Text(fmt.Sprintf("  left out, as built from the flake's own source: %s", someOf(w.left))).String())
		}
		for k, f := range w.failures {
			if k == mostProblems {
				a.print(fmt.Sprintf("  and %d more do not evaluate", len(w.failures)-k))
				break
			}
			a.print(paint(st, explain.Caution, "  does not evaluate: ") + safetext.Text(f.Name+": "+f.Text).String())
		}
		o.printProblems(st, r.Problems)
	}
	o.printCaches(st)
	o.printChange(st)
}

func urlsOf(caches []lock.Cache) string {
	return strings.Join(list(caches, func(c lock.Cache) string { return safetext.URL(c.URL).String() }), ", ")
}

// summary says in a line what was pinned.
func summary(w want, r *generate.Result) string {
	if r.Lock == nil {
		return "nothing is pinned anew: see below"
	}
	s := count(r.Pinned, "path", "paths") + " pinned"
	if w.outputs != nil {
		s = count(len(w.outputs), "output", "outputs") + ", " + s
	}
	s += fmt.Sprintf(" (%d new, %d gone)", r.Added, r.Removed)
	if r.Redundant > 0 {
		s += fmt.Sprintf("; %d left out, which the caches that this machine trusts have", r.Redundant)
	}
	return s
}

// mostProblems is how many of a kind are told one by one; --json has all.
const mostProblems = 10

// problemTitle is the heading of a kind of problem.
var problemTitle = map[generate.Kind]struct {
	role explain.Role
	text string
	hint string
}{
	generate.Differs: {explain.Danger, "ALARM: the same store path is said to be different things",
		"Either it was built twice with different outcomes, or somebody swapped it. `nix-trust challenge` asks everyone."},
	generate.BadSignature: {explain.Danger, "ALARM: a signature under a listed name does not fit",
		"Either the cache signs with another key than the flake says, or what it says was changed after signing."},
	generate.Unreachable: {explain.Caution, "could not be asked", "Nothing is written, as a lock must not be smaller, nor a comparison left out, for a cache that is down. Try again. --without URL leaves out a trusted cache; one that the lock names and that is gone for good has to be deleted from flake.nix and from the lock."},
	generate.Unproved:    {explain.Caution, "not pinned, as no key of the cache signed it", "Give the right key with --key, or ask the cache's owner to sign."},
	generate.Missing:     {explain.Caution, "not pinned, as no cache has it", "Push it to the cache first; --build pins what it is built from; --local takes it from your store."},
}

func (o *lockOutcome) printProblems(st explain.Style, problems []generate.Problem) {
	a := o.job.app
	for len(problems) > 0 {
		kind := problems[0].Kind
		n := slices.IndexFunc(problems, func(p generate.Problem) bool { return p.Kind != kind })
		if n < 0 {
			n = len(problems)
		}
		title := problemTitle[kind]
		a.print("  " + paint(st, title.role, fmt.Sprintf("%s (%d)", title.text, n)))
		for i, p := range problems[:n] {
			if i == mostProblems && !o.job.f.all {
				a.print(fmt.Sprintf("    and %d more; --paths lists all", n-i))
				break
			}
			o.printProblem(st, p)
		}
		a.print("    " + title.hint)
		problems = problems[n:]
	}
}

func (o *lockOutcome) printProblem(st explain.Style, p generate.Problem) {
	a := o.job.app
	line := "    " + paint(st, explain.Strong, safetext.Line(string(p.Path)).String())
	if p.Path == "" {
		line = "   "
	}
	if p.Text != "" {
		line += " " + safetext.Text(p.Text).String()
	}
	if p.Wants != "" && p.Path != "" {
		line += paint(st, explain.Faint, ", for "+safetext.Line(string(p.Wants)).String())
	}
	a.print(line)
	for _, s := range p.Says {
		proof := "not proved"
		if s.Proved {
			proof = "proved"
		}
		a.print(fmt.Sprintf("      %s  %s, %s, %s, %s", s.Pin.NAR, count(int(s.Pin.Size), "byte", "bytes"), count(len(s.Pin.Refs), "reference", "references"), proof, safetext.Text(s.Who)))
	}
}

// printCaches says which trusted stores were not compared with.
func (o *lockOutcome) printCaches(st explain.Style) {
	for _, s := range o.caches.skipped {
		o.job.warn("not compared with %s", s)
	}
	for _, s := range o.caches.refused {
		o.job.warn("the flake asks for a store that a lock cannot have: %s", s)
	}
	for _, system := range o.job.dropped {
		o.job.warn("what was pinned for %s belongs to another source tree, and is gone from the lock", system)
	}
}

// printChange says what became of the file.
func (o *lockOutcome) printChange(st explain.Style) {
	a, j := o.job.app, o.job
	file := safetext.Text(j.file).String()
	if o.lock == nil || j.text == nil && o.empty() {
		if j.text == nil {
			a.print("no lock was written")
		} else {
			a.print(file + " is as it was")
		}
		return
	}
	d := lock.Compare(j.old, o.lock)
	switch {
	case len(d) == 0 && j.text != nil && !o.written && !o.would:
		a.print(file + " is up to date")
		return
	case j.text != nil && len(d) > 0:
		a.printDiff(d, j.f.all)
	}
	switch {
	case o.written:
		a.print("wrote " + file)
	case o.would:
		a.print("would write " + file)
	}
}
