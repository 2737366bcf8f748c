package nix

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

// A Dependence says what another commit of a flake, with only another
// flake.cache-lock in it, would change.
type Dependence struct {
	// Outputs are the names of those that would have another path, or could not
	// be evaluated then. Sorted.
	Outputs []string
	// Derivations are those among all that the outputs are built from of which
	// some output would have another path.
	Derivations map[lock.StorePath]bool
}

// SelfDependent finds out which of a flake's outputs depend on its own source
// in such a way that another commit would change them, by evaluating one: a copy
// of the tree with another flake.cache-lock, commit and date. base is what
// Outputs gave with the same arguments.
func (n *Nix) SelfDependent(ctx context.Context, src *Source, system string, o OutputOptions, base *Outputs) (*Dependence, error) {
	if o.Offline && !n.Offline {
		offline := *n
		offline.Offline = true
		return offline.SelfDependent(ctx, src, system, o, base)
	}
	inside, outside, err := n.scratch()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(outside)
	const name = "source"
	tree := filepath.Join(outside, name)
	if err := copyTree(ctx, filepath.Join("/", n.Root, src.Path.In(n.storeDir())), tree); err != nil {
		return nil, copyError(ctx, err)
	}
	if err := changeLock(tree, src.Dir); err != nil {
		return nil, copyError(ctx, err)
	}
	ref := "path:" + escapePath(inside+"/"+name)
	other, err := n.copied(ctx, ref, tree, src.Dir)
	if err != nil {
		return nil, err
	}
	another(other, src)
	then, err := n.Outputs(ctx, other, system, o)
	if err != nil {
		return nil, err
	}
	before, err := n.Graph(ctx, base.Derivations())
	if err != nil {
		return nil, err
	}
	after, err := n.Graph(ctx, then.Derivations())
	if err != nil {
		return nil, err
	}
	return compare(base, then, before, after), nil
}

// copied finds the flake in a folder of a copied tree.
func (n *Nix) copied(ctx context.Context, ref, tree, dir string) (*Source, error) {
	if dir == "" {
		return n.Source(ctx, ref)
	}
	src, err := n.Source(ctx, ref+"?dir="+escapeQuery(dir))
	if !noFolder(err) {
		return src, err
	}
	// Links at the top do nearly the same: Nix follows them before it evaluates.
	// Only self is the whole tree then, which is a dependence anyhow.
	if err := linkTop(tree, dir); err != nil {
		return nil, copyError(ctx, err)
	}
	return n.Source(ctx, ref)
}

func copyError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Text: "the flake's tree could not be copied to see whether its outputs depend on it: " + err.Error()}
}

// another gives a copy of a tree the look of another commit: each digit of its
// hash and each field of its date differ.
func another(other, src *Source) {
	if src.commits {
		rev := src.Rev
		if rev == "" {
			rev = strings.Repeat("0", 40)
		}
		other.Rev = strings.Map(func(r rune) rune {
			if r == 'f' {
				return '0'
			}
			return 'f'
		}, rev)
		other.revCount = src.revCount + 1
	}
	then := time.Unix(src.lastModified, 0).UTC()
	other.lastModified = then.AddDate(1, 1, 1).Add(time.Hour + time.Minute + time.Second).Unix()
}

// compare holds what would be against what is.
func compare(base, then *Outputs, before, after Graph) *Dependence {
	d := &Dependence{Derivations: map[lock.StorePath]bool{}}
	known := map[lock.StorePath]bool{}
	for _, p := range after.Outputs() {
		known[p] = true
	}
	for drv, what := range before {
		if _, same := after[drv]; same {
			continue
		}
		for _, p := range what.Outputs {
			if p == "" || !known[p] {
				d.Derivations[drv] = true
			}
		}
	}
	was := map[string]Output{}
	for _, o := range then.Outputs {
		was[o.Name] = o
	}
	for _, o := range base.Outputs {
		other, ok := was[o.Name]
		if ok && o.Path == other.Path && (o.Path != "" || o.Derivation == other.Derivation) {
			continue
		}
		d.Outputs = append(d.Outputs, o.Name)
	}
	slices.Sort(d.Outputs)
	return d
}
