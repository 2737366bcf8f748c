package nix

import (
	"context"
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
)

// maxGraph bounds a Graph. Nixpkgs as a whole has some 300 000 derivations.
const maxGraph = 1_000_000

// Graph reads derivations and all that they are built from out of the store.
func (n *Nix) Graph(ctx context.Context, drvs []lock.StorePath) (Graph, error) {
	g := Graph{}
	todo := slices.Clone(drvs)
	for len(todo) > 0 {
		drv := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, known := g[drv]; known {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(g) == maxGraph {
			return nil, &Error{Text: fmt.Sprintf("there are more than %d derivations", maxGraph)}
		}
		d, err := n.Derivation(drv)
		if err != nil {
			return nil, &Error{Text: err.Error(), Hint: "it may have been collected as garbage: run it again"}
		}
		g[drv] = d
		todo = append(todo, d.Inputs...)
	}
	return g, nil
}

// Outputs returns all known output paths of the derivations, sorted, each once.
func (g Graph) Outputs() []lock.StorePath {
	var paths []lock.StorePath
	for _, d := range g {
		for _, p := range d.Outputs {
			if p != "" {
				paths = append(paths, p)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Sources returns all source paths of the derivations, sorted, each once.
func (g Graph) Sources() []lock.StorePath {
	var paths []lock.StorePath
	for _, d := range g {
		paths = append(paths, d.Sources...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
