package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A want is what shall be locked for one system.
type want struct {
	system   string
	outputs  map[string]lock.StorePath
	roots    []lock.StorePath
	optional []lock.StorePath
	local    map[lock.StorePath]nix.Info
	keep     bool
	failures []nix.Failure // outputs that do not evaluate
	lost     []string      // of them, those that were locked or are asked for by name
	left     []string      // outputs that depend on the flake's own source, and are left out
}

// want finds out what shall be locked for a system.
func (j *lockJob) want(ctx context.Context, system string) (want, error) {
	w := want{system: system, keep: true}
	if j.src == nil {
		w.roots = j.paths
	} else if err := j.wantOutputs(ctx, &w); err != nil {
		return want{}, err
	}
	if j.f.local {
		var err error
		if w.local, err = j.nix.Info(ctx, slices.Concat(w.roots, w.optional), true); err != nil {
			return want{}, nixProblem(err)
		}
	}
	return w, nil
}

func (j *lockJob) wantOutputs(ctx context.Context, w *want) error {
	old := j.oldOutputs(w.system)
	found, err := j.evaluate(ctx, w.system, old)
	if err != nil {
		return err
	}
	w.keep = false
	w.failures = found.Failures
	for _, failed := range found.Failures {
		if j.mustEvaluate(failed.Name, old) {
			w.lost = append(w.lost, failed.Name)
		}
	}
	if len(found.Outputs) == 0 {
		return j.nothing(w)
	}
	outputs := found.Outputs
	var dependent map[lock.StorePath]bool // derivations that depend on the flake's own source
	if j.dependenceMatters() {
		if outputs, dependent, err = j.independent(ctx, w, old, found); err != nil {
			return err
		}
	}
	w.outputs = map[string]lock.StorePath{}
	if len(j.f.outputs) > 0 { // those that were not asked for stay
		maps.Copy(w.outputs, old)
		for _, p := range old {
			w.optional = append(w.optional, p)
		}
	}
	var unknown []string
	for _, o := range outputs {
		switch {
		case o.Path == "":
			unknown = append(unknown, o.Name)
		case strings.Contains(o.Name, "^"):
			// Caches often have but the outputs that are installed.
			w.optional = append(w.optional, o.Path)
			w.outputs[o.Name] = o.Path
		default:
			w.roots = append(w.roots, o.Path)
			w.outputs[o.Name] = o.Path
		}
	}
	if len(unknown) > 0 {
		return &problem{code: exitUnknown, text: fmt.Sprintf("the store path of %s is known only once it was built, as its derivation is content-addressed; such outputs cannot be locked", someOf(unknown))}
	}
	if j.f.build {
		return j.wantGraph(ctx, w, found, dependent)
	}
	return nil
}

// oldOutputs are the outputs that the lock has for a system.
func (j *lockJob) oldOutputs(system string) map[string]lock.StorePath {
	if s := j.old.Systems[system]; s != nil {
		return s.Outputs
	}
	return nil
}

// mustEvaluate reports whether it is a finding that an output does not evaluate:
// it was locked, or --output names it. One that merely lies in a named category
// is told, as it is by default.
func (j *lockJob) mustEvaluate(name string, old map[string]lock.StorePath) bool {
	if _, locked := old[name]; locked || slices.Contains(j.f.outputs, name) {
		return true
	}
	category, _, _ := strings.Cut(name, ".")
	return len(j.f.outputs) > 0 && !slices.Contains(j.f.outputs, category)
}

// evaluate evaluates the outputs that are asked for, or else those that are
// locked by default with those that the lock has beside them.
func (j *lockJob) evaluate(ctx context.Context, system string, old map[string]lock.StorePath) (*nix.Outputs, error) {
	found, err := j.nix.Outputs(ctx, j.src, system, j.outputOptions(old))
	if err != nil {
		return nil, nixProblem(err)
	}
	return found, nil
}

func (j *lockJob) outputOptions(old map[string]lock.StorePath) nix.OutputOptions {
	o := nix.OutputOptions{Attrs: j.f.outputs, ImportFromDerivation: j.f.ifd, Offline: j.f.check}
	for name := range old {
		if attr, _, _ := strings.Cut(name, "^"); !nix.ByDefault(attr) {
			o.Extra = append(o.Extra, attr)
		}
	}
	slices.Sort(o.Extra)
	o.Extra = slices.Compact(o.Extra)
	return o
}

func (j *lockJob) nothing(w *want) error {
	p := &problem{code: exitFindings, text: fmt.Sprintf("%s has no packages, devShells or formatter for %s", j.src.Ref, w.system), hints: []string{"name what to lock with --output, or another --system"}}
	if len(j.f.outputs) > 0 {
		p.text, p.hints = fmt.Sprintf("%s has none of %s for %s", j.src.Ref, strings.Join(j.f.outputs, ", "), w.system), nil
	}
	if len(w.failures) > 0 {
		p.text = fmt.Sprintf("no output of %s could be evaluated for %s; %s: %s", j.src.Ref, w.system, w.failures[0].Name, w.failures[0].Text)
		p.hints = nil
	}
	return p
}

// dependenceMatters reports whether the lock will be a part of the source that
// outputs may depend on.
func (j *lockJob) dependenceMatters() bool {
	return j.src.Folder != "" && j.f.detached == ""
}

// independent returns the outputs that do not depend on the flake's own source,
// and the derivations that do. When some do, it has to be said what for.
func (j *lockJob) independent(ctx context.Context, w *want, old map[string]lock.StorePath, found *nix.Outputs) ([]nix.Output, map[lock.StorePath]bool, error) {
	d, err := j.nix.SelfDependent(ctx, j.src, w.system, j.outputOptions(old), found)
	if err != nil {
		return nil, nil, nixProblem(err)
	}
	w.left = d.Outputs
	if len(w.left) > 0 && !j.f.consumer {
		return nil, nil, &problem{code: exitFindings,
			text: fmt.Sprintf("these depend on the flake's own source, so that committing %s beside flake.nix would change what it pins: %s", lockFile, someOf(w.left)),
			hints: []string{
				"--consumer pins what they are built from, and leaves them to be built: for a project that uses other flakes' binaries",
				"--detached FILE pins them for this very source tree, in a file that is not a part of it: for publishing binaries",
			}}
	}
	free := slices.DeleteFunc(slices.Clone(found.Outputs), func(o nix.Output) bool { return slices.Contains(w.left, o.Name) })
	return free, d.Derivations, nil
}

// wantGraph adds what the outputs are built from, but for some derivations.
func (j *lockJob) wantGraph(ctx context.Context, w *want, found *nix.Outputs, but map[lock.StorePath]bool) error {
	g, err := j.nix.Graph(ctx, found.Derivations())
	if err != nil {
		return nixProblem(err)
	}
	for drv, d := range g {
		if but[drv] {
			continue
		}
		for _, p := range d.Outputs {
			if p != "" {
				w.optional = append(w.optional, p)
			}
		}
	}
	slices.Sort(w.optional)
	w.optional = slices.Compact(w.optional)
	return nil
}

// nixProblem is what went wrong in nix.
func nixProblem(err error) *problem {
	p := &problem{code: exitUnknown, text: err.Error()}
	var e *nix.Error
	if errors.As(err, &e) && e.Hint != "" {
		p.hints = []string{e.Hint}
	}
	return p
}

// someOf names a few of many.
func someOf(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
