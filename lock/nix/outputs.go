package nix

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// OutputOptions say which outputs of a flake are evaluated, and how.
type OutputOptions struct {
	// Attrs are attribute paths without the system: "packages.default",
	// "nixosConfigurations.host.config.system.build.toplevel". One of a single
	// part that is no derivation, "checks", stands for all that lies in it. Each
	// must be there. None are the packages, devShells and formatter that there
	// are.
	Attrs []string
	// Extra are evaluated beside the default ones, if they are there. They do
	// not count with Attrs.
	Extra []string
	// ImportFromDerivation lets evaluation build.
	ImportFromDerivation bool
	// Offline keeps nix off the network.
	Offline bool
}

// maxOutputs bounds what one flake may have.
const maxOutputs = 100_000

// Outputs evaluates a flake's outputs for a system, which need not be this
// machine's. Nothing is built, and the .drv files are in the store afterwards.
//
// The flake has no say in how it is evaluated: its nixConfig is not applied,
// evaluation is pure, and flake.lock stays as it is. For a git tree with changes
// nix itself reads the tree again, with none of the saved answers to nixConfig
// in reach, and it is an error when the tree is not the same any more.
//
// An output that cannot be evaluated, cannot be named, or is no derivation is a
// Failure. An error is about all of them: an *Error, or the context's.
func (n *Nix) Outputs(ctx context.Context, src *Source, system string, o OutputOptions) (*Outputs, error) {
	if err := lock.CheckSystem(system); err != nil {
		return nil, &Error{Text: fmt.Sprintf("%q is no system: %v", clip(system), err)}
	}
	paths, err := o.paths()
	if err != nil {
		return nil, &Error{Text: err.Error()}
	}
	if o.Offline && !n.Offline {
		offline := *n
		offline.Offline = true
		return offline.Outputs(ctx, src, system, o)
	}
	e := &evaluation{nix: n, src: src, args: []string{"--option", "allow-import-from-derivation", fmt.Sprint(o.ImportFromDerivation)}}
	if o.ImportFromDerivation {
		// What is only looked at is published nowhere.
		e.args = append(e.args, "--option", "post-build-hook", "")
	}
	if src.dirty != "" {
		answers, done, err := n.noAnswers()
		if err != nil {
			return nil, err
		}
		defer done()
		e.env = answers
	}
	f := &found{nix: n, system: system, named: len(o.Attrs) > 0, outputs: map[string]Output{}, failures: map[string]string{}}
	if err := f.evaluate(ctx, e, paths); err != nil {
		return nil, err
	}
	if src.dirty != "" {
		again, err := n.Source(ctx, src.Ref)
		if err != nil {
			return nil, err
		}
		if again.NarHash != src.NarHash || again.dirty != src.dirty {
			return nil, &Error{Text: "the flake's files changed while they were evaluated", Hint: "run it again"}
		}
	}
	return f.sorted(), nil
}

// byDefault are the categories that are evaluated when no attribute is named.
var byDefault = []string{"packages", "devShells", "formatter"}

// ByDefault reports whether an output of this name is evaluated when no
// attribute is named.
func ByDefault(name string) bool {
	path, err := parseName(name)
	return err == nil && len(path) <= 2 && slices.Contains(byDefault, path[0])
}

// paths are the attribute paths that the options ask for, each once.
func (o OutputOptions) paths() ([][]string, error) {
	var paths [][]string
	attrs := o.Attrs
	if len(attrs) == 0 {
		attrs = o.Extra
		for _, category := range byDefault {
			paths = append(paths, []string{category})
		}
	}
	for _, attr := range attrs {
		path, err := parseName(attr)
		if err == nil {
			err = checkName(path)
		}
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(paths, func(p []string) bool { return slices.Equal(p, path) }) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// noAnswers makes an empty folder in the place of the one with the saved
// answers to nixConfig. What is made is gone once done was called.
// Nix: src/libutil/users.cc, getDataDir.
func (n *Nix) noAnswers() (env []string, done func(), err error) {
	inside, outside, err := n.scratch()
	if err != nil {
		return nil, nil, err
	}
	return []string{"XDG_DATA_HOME=" + inside, "NIX_DATA_HOME=" + inside}, func() { os.RemoveAll(outside) }, nil
}

// found gathers what an evaluation gives.
type found struct {
	nix      *Nix
	system   string
	named    bool // what is evaluated was asked for by name
	outputs  map[string]Output
	failures map[string]string
}

// A member is where the answer to a question belongs.
type member struct {
	ask   ask
	names [][]string // of each answer, without the system
}

func (f *found) evaluate(ctx context.Context, e *evaluation, paths [][]string) error {
	asks := []ask{{what: "kind"}} // the outputs as a whole, first
	for _, p := range paths {
		asks = append(asks, ask{what: "kind", path: withSystem(p, f.system)})
	}
	kinds, err := e.ask(ctx, asks)
	if err != nil {
		return err
	}
	if err := kinds[0][0].err; err != nil {
		return err
	}
	var members []member
	total := 0
	for i, p := range paths {
		if m := f.member(p, asks[i+1].path, kinds[i+1][0]); m != nil {
			members = append(members, *m)
			total += len(m.names)
		}
	}
	if total > maxOutputs {
		return &Error{Text: fmt.Sprintf("the flake has %d outputs, and at most %d are evaluated", total, maxOutputs), Hint: "name the attributes that are wanted"}
	}
	asks = asks[:0]
	for _, m := range members {
		asks = append(asks, m.ask)
	}
	answers, err := e.ask(ctx, asks)
	if err != nil {
		return err
	}
	for i, m := range members {
		for j, name := range m.names {
			f.add(name, answers[i][j])
		}
	}
	return nil
}

// member turns what lies at a path into the next question, or into a failure.
func (f *found) member(path, full []string, a answer) *member {
	switch {
	case a.err != nil:
		f.fail(path, message(a.err))
	case a.Kind == "derivation":
		return &member{ask{what: "self", path: full}, [][]string{path}}
	case a.Kind == "attributes" && len(path) == 1:
		m := &member{ask: ask{what: "range", path: full, to: len(a.Names)}}
		for _, name := range a.Names {
			m.names = append(m.names, []string{path[0], name})
		}
		return m
	case a.Kind == "absent" && !f.named:
	case a.Kind == "absent" && slices.Contains(perSystem, path[0]):
		f.fail(path, "the flake has no such output for "+f.system)
	case a.Kind == "absent":
		f.fail(path, "the flake has no such output")
	default:
		f.fail(path, notDerivation(a.Kind))
	}
	return nil
}

// add records one evaluated derivation with all its outputs.
func (f *found) add(path []string, a answer) {
	if err := checkName(path); err != nil {
		f.fail(path, err.Error())
		return
	}
	if a.err != nil {
		f.fail(path, message(a.err))
		return
	}
	if a.Kind != "derivation" {
		f.fail(path, notDerivation(a.Kind))
		return
	}
	drv, err := bincache.ParseStorePathIn(f.nix.storeDir(), a.Drv)
	if err != nil {
		f.fail(path, "its derivation is none: "+err.Error())
		return
	}
	d, err := f.nix.Derivation(drv)
	if err != nil {
		f.fail(path, err.Error())
		return
	}
	if _, ok := d.Outputs[a.Output]; !ok {
		f.fail(path, fmt.Sprintf("its derivation %s has no output %q", drv, clip(a.Output)))
		return
	}
	for output, p := range d.Outputs {
		name := formatName(path)
		if output != a.Output {
			name += "^" + output
		}
		f.outputs[name] = Output{Name: name, Path: p, Derivation: drv}
	}
}

// fail records a failure. A name that a lock cannot have may be without end.
func (f *found) fail(path []string, text string) {
	name := formatName(path)
	if len(name) > 512 {
		name = clip(name)
	}
	f.failures[name] = text
}

func (f *found) sorted() *Outputs {
	o := &Outputs{}
	for _, out := range f.outputs {
		o.Outputs = append(o.Outputs, out)
	}
	for name, text := range f.failures {
		o.Failures = append(o.Failures, Failure{name, text})
	}
	slices.SortFunc(o.Outputs, func(a, b Output) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Failures, func(a, b Failure) int { return strings.Compare(a.Name, b.Name) })
	return o
}

func notDerivation(kind string) string {
	if kind == "set" || kind == "attributes" {
		return "it is a set of attributes and no derivation; name one of them"
	}
	return "it is no derivation but a value of the type " + kind
}

// message is what nix said about one attribute, on one line, or else the whole
// sentence.
func message(err error) string {
	if e, ok := err.(*Error); ok && e.Said != "" {
		return strings.Join(strings.Fields(e.Said), " ")
	}
	return err.Error()
}

// Paths returns the store paths of the outputs that are known, sorted, each once.
func (o *Outputs) Paths() []lock.StorePath {
	var paths []lock.StorePath
	for _, out := range o.Outputs {
		if out.Path != "" {
			paths = append(paths, out.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Derivations returns the outputs' derivations, sorted, each once.
func (o *Outputs) Derivations() []lock.StorePath {
	var drvs []lock.StorePath
	for _, out := range o.Outputs {
		drvs = append(drvs, out.Derivation)
	}
	slices.Sort(drvs)
	return slices.Compact(drvs)
}
