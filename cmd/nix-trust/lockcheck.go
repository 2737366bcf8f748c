package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A moved is one thing in which a lock is behind its flake.
type moved struct {
	System string `json:"system"`
	What   string `json:"what"` // "source", "output-moved", "output-added", "output-removed" or "path-unneeded"
	Name   string `json:"name"`
	Locked string `json:"locked"`
	Now    string `json:"now"`
}

type lockCheckJSON struct {
	Version int      `json:"version"`
	Lock    string   `json:"lock"`
	Fresh   bool     `json:"fresh"`
	Systems []string `json:"systems"`
	Moved   []moved  `json:"moved"`
}

// check says whether the lock is behind its flake. It asks no cache.
func (j *lockJob) check(ctx context.Context) error {
	if len(j.f.systems) == 0 {
		if j.systems = j.old.SystemNames(); len(j.systems) == 0 {
			return &problem{code: exitFindings, text: j.file + " pins nothing", hints: []string{"`nix-trust lock` fills it in"}}
		}
	}
	out := lockCheckJSON{Version: 1, Lock: j.file, Systems: j.systems, Moved: []moved{}}
	if j.f.detached != "" && j.old.Source != j.src.NarHash {
		out.Moved = append(out.Moved, moved{What: "source", Locked: j.old.Source.String(), Now: j.src.NarHash.String()})
	}
	for _, system := range j.systems {
		ms, err := j.checkSystem(ctx, system)
		if err != nil {
			return err
		}
		out.Moved = append(out.Moved, ms...)
	}
	out.Fresh = len(out.Moved) == 0
	code := exitOK
	if !out.Fresh {
		code = exitFindings
	}
	if j.json {
		if err := j.writeJSON(out); err != nil {
			return err
		}
		return silent(code)
	}
	j.printMoved(out)
	return silent(code)
}

// checkSystem compares one system's outputs, and where the lock pins more than
// these need, what they are built from.
func (j *lockJob) checkSystem(ctx context.Context, system string) (ms []moved, err error) {
	section := j.old.Systems[system]
	if section == nil {
		return []moved{{System: system, What: "output-added", Name: "every output"}}, nil
	}
	found, err := j.evaluate(ctx, system, section.Outputs)
	if err != nil {
		return nil, err
	}
	for _, f := range found.Failures {
		if j.mustEvaluate(f.Name, section.Outputs) && f.Unfetched() {
			return nil, &problem{code: exitUnknown,
				text:  fmt.Sprintf("whether %s is up to date is not known, as %s needs what is not on this machine: %s", j.file, f.Name, f.Text),
				hints: []string{"--check asks nobody; fetch the flake's inputs before, with: nix flake archive"}}
		}
	}
	now := map[string]nix.Output{}
	for _, o := range found.Outputs {
		now[o.Name] = o
	}
	failed := map[string]bool{}
	for _, f := range found.Failures {
		failed[f.Name] = true
		if _, locked := section.Outputs[f.Name]; !locked && j.mustEvaluate(f.Name, nil) {
			ms = append(ms, moved{system, "output-removed", f.Name, "", ""})
		}
	}
	for name, path := range section.Outputs {
		attr, _, _ := strings.Cut(name, "^")
		category, _, _ := strings.Cut(attr, ".")
		asked := len(j.f.outputs) == 0 || failed[attr] || slices.Contains(j.f.outputs, category)
		switch o, has := now[name]; {
		case !has && asked:
			ms = append(ms, moved{system, "output-removed", name, string(path), ""})
		case has && o.Path != path:
			ms = append(ms, moved{system, "output-moved", name, string(path), string(o.Path)})
		}
	}
	added, err := j.added(ctx, system, section, found)
	if err != nil {
		return nil, err
	}
	ms = append(ms, added...)
	unneeded, err := j.unneeded(ctx, system, section, found)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ms, func(a, b moved) int { return slices.Compare([]string{a.What, a.Name}, []string{b.What, b.Name}) })
	return append(ms, unneeded...), nil
}

// added lists the outputs that the lock does not have, but for those that a
// consumer's lock leaves out: the ones that depend on the flake's own source.
func (j *lockJob) added(ctx context.Context, system string, section *lock.Section, found *nix.Outputs) (ms []moved, err error) {
	isNew := func(o nix.Output) bool { _, has := section.Outputs[o.Name]; return !has }
	if !slices.ContainsFunc(found.Outputs, isNew) {
		return nil, nil
	}
	var left []string
	if j.dependenceMatters() {
		d, err := j.nix.SelfDependent(ctx, j.src, system, j.outputOptions(section.Outputs), found)
		if err != nil {
			return nil, nixProblem(err)
		}
		left = d.Outputs
	}
	for _, o := range found.Outputs {
		if isNew(o) && !slices.Contains(left, o.Name) {
			ms = append(ms, moved{system, "output-added", o.Name, "", string(o.Path)})
		}
	}
	return ms, nil
}

// unneeded lists the pins that neither an output refers to nor anything that
// the outputs are built from has to do with.
func (j *lockJob) unneeded(ctx context.Context, system string, section *lock.Section, found *nix.Outputs) (ms []moved, err error) {
	extra := maps.Clone(section.Paths)
	take := func(p lock.StorePath) { reach(extra, section.Paths, p) }
	for _, p := range section.Outputs {
		take(p)
	}
	if len(extra) == 0 || len(j.f.outputs) > 0 {
		return nil, nil
	}
	g, err := j.nix.Graph(ctx, found.Derivations())
	if err != nil {
		return nil, nixProblem(err)
	}
	for _, d := range g {
		for _, p := range d.Outputs {
			take(p)
		}
		for _, p := range d.Sources {
			take(p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(extra)) {
		ms = append(ms, moved{system, "path-unneeded", string(p), string(p), ""})
	}
	return ms, nil
}

// reach deletes a path and all that its pin refers to from left.
func reach(left, pins map[lock.StorePath]lock.Pin, p lock.StorePath) {
	todo := []lock.StorePath{p}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, has := left[p]; has {
			delete(left, p)
			todo = append(todo, pins[p].Refs...)
		}
	}
}

// movedTitle says in words what moved.
var movedTitle = map[string]string{
	"source":         "the lock belongs to another source tree",
	"output-moved":   "outputs that moved",
	"output-added":   "outputs that the lock does not have",
	"output-removed": "outputs that are gone, or do not evaluate",
	"path-unneeded":  "paths that nothing needs any more",
}

func (j *lockJob) printMoved(out lockCheckJSON) {
	st := j.style()
	file := safetext.Text(j.file).String()
	if out.Fresh {
		j.print(file + " is up to date")
		return
	}
	last := ""
	for _, m := range out.Moved {
		if heading := m.System + " " + m.What; heading != last {
			last = heading
			title := movedTitle[m.What]
			if m.System != "" {
				title = m.System + ": " + title
			}
			j.print(paint(st, explain.Caution, title))
		}
		show := func(s string) string { return safetext.Line(s).String() }
		switch m.What {
		case "source", "output-moved":
			if m.Name != "" {
				j.print("  " + paint(st, explain.Strong, show(m.Name)))
			}
			j.print("      locked  "+orNone(show(m.Locked)), "      now     "+orNone(show(m.Now)))
		default:
			j.print("  " + show(m.Name))
		}
	}
	remedy := "nix-trust lock"
	if j.f.detached != "" {
		remedy += " --detached " + file
	}
	j.print(file + fmt.Sprintf(" is out of date: run `%s` (%s)", remedy, count(len(out.Moved), "difference", "differences")))
}
