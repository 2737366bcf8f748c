package audit

import (
	"slices"
	"strings"
)

// live follows the roots to everything that the garbage collector keeps for
// them.
func (r *Report) live() {
	var queue []int32
	for k, root := range r.Roots.List {
		at := int32(k)
		keep := func(i int32) {
			if p := &r.Paths[i]; p.Live != Alive {
				p.Live, p.Root = Alive, at
				queue = append(queue, i)
			}
		}
		if i, ok := r.Store.Find(root.Path); ok {
			keep(i)
		}
		for len(queue) > 0 {
			i := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			r.kept(i, keep)
		}
	}
	// What a damaged row refers to is not known, so neither is what it keeps.
	gap := false
	for i := range r.Paths {
		gap = gap || r.Paths[i].Live == Alive && r.Store.Rows[i].Damage != ""
	}
	if gap || !r.Roots.Complete() {
		return
	}
	for i := range r.Paths {
		if p := &r.Paths[i]; p.Live != Alive {
			p.Live = Dead
		}
	}
}

// kept calls keep with what a path keeps: what it refers to, the derivation it
// was made by, and what a derivation made, as the settings say.
// Nix: src/libstore/gc.cc, and misc.cc, computeFSClosure.
func (r *Report) kept(i int32, keep func(int32)) {
	row := &r.Store.Rows[i]
	for _, j := range row.Refs {
		keep(j)
	}
	if r.keepDerivations {
		if d, ok := r.Store.Find(row.Deriver); ok {
			keep(d)
		}
	}
	if r.keepOutputs && strings.HasSuffix(string(row.Path), ".drv") {
		for _, j := range row.Outputs {
			keep(j)
		}
	}
}

// KeptBy are the indexes of the roots that keep any of some paths. It is not for
// several goroutines at once.
func (r *Report) KeptBy(paths []int32) []int {
	if r.back == nil {
		r.back = make([][]int32, len(r.Paths))
		for i := range r.Paths {
			r.kept(int32(i), func(j int32) { r.back[j] = append(r.back[j], int32(i)) })
		}
	}
	// Forward it would be as many walks as there are roots; backward it is one.
	wanted := make([]bool, len(r.Paths))
	for _, i := range paths {
		wanted[i] = true
	}
	for queue := slices.Clone(paths); len(queue) > 0; {
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, j := range r.back[i] {
			if !wanted[j] {
				wanted[j] = true
				queue = append(queue, j)
			}
		}
	}
	var out []int
	for k, root := range r.Roots.List {
		if i, ok := r.Store.Find(root.Path); ok && wanted[i] {
			out = append(out, k)
		}
	}
	return out
}
