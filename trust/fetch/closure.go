// Package fetch has what it takes to bring what a lock pins into a store: in which
// order, and from a gate without waiting for one path after the other.
package fetch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// A Closure is what a fetch is to bring into the store.
type Closure struct {
	Roots  []lock.StorePath // what was asked for, sorted
	Pinned []lock.StorePath // that the lock pins: what a path refers to stands before it
	Left   []lock.StorePath // that the lock leaves out, as caches that are trusted anyway have them, sorted
	Pins   map[lock.StorePath]lock.Pin
}

// A NoOutput is the error of an output that a lock does not have.
type NoOutput struct {
	Output string
	Known  []string // that it has for the systems, sorted, without what is behind a "^"
}

func (e *NoOutput) Error() string { return fmt.Sprintf("the lock has no output %q", e.Output) }

// Of is what the named outputs of some systems need, or all that the lock
// pins for these systems when none is named. An output without a "^" stands for
// all of its derivation's. The error is a *NoOutput.
func Of(l *lock.Lock, systems, outputs []string) (Closure, error) {
	w := Closure{Pins: map[lock.StorePath]lock.Pin{}}
	roots := map[lock.StorePath]bool{}
	found := map[string]bool{}
	var known []string
	for _, system := range systems {
		s := l.Systems[system]
		if s == nil {
			continue
		}
		maps.Copy(w.Pins, s.Paths)
		for name, path := range s.Outputs {
			base, _, _ := strings.Cut(name, "^")
			known = append(known, base)
			for _, o := range outputs {
				if o == name || o == base {
					found[o], roots[path] = true, true
				}
			}
			if len(outputs) == 0 {
				roots[path] = true
			}
		}
		if len(outputs) == 0 {
			for path := range s.Paths {
				roots[path] = true
			}
		}
	}
	for _, o := range outputs {
		if !found[o] {
			slices.Sort(known)
			return Closure{}, &NoOutput{o, slices.Compact(known)}
		}
	}
	w.Roots = slices.Sorted(maps.Keys(roots))
	w.order()
	return w, nil
}

// order walks from the roots to all that they refer to.
func (w *Closure) order() {
	seen := map[lock.StorePath]bool{}
	// Each step is a path and which of its references comes next: a lock may
	// chain as many as it has.
	type step struct {
		path lock.StorePath
		next int
	}
	for _, root := range w.Roots {
		steps := []step{{path: root}}
		for len(steps) > 0 {
			s := &steps[len(steps)-1]
			pin, pinned := w.Pins[s.path]
			if s.next == 0 {
				if seen[s.path] {
					steps = steps[:len(steps)-1]
					continue
				}
				seen[s.path] = true
				if !pinned {
					w.Left = append(w.Left, s.path)
				}
			}
			if s.next < len(pin.Refs) {
				ref := pin.Refs[s.next]
				s.next++
				if !seen[ref] {
					steps = append(steps, step{path: ref})
				}
				continue
			}
			if pinned {
				w.Pinned = append(w.Pinned, s.path)
			}
			steps = steps[:len(steps)-1]
		}
	}
	slices.Sort(w.Left)
}

// Paths are all of them, sorted.
func (w *Closure) Paths() []lock.StorePath {
	out := slices.Concat(w.Pinned, w.Left)
	slices.Sort(out)
	return out
}

// Missing are those of some paths that are not among the valid ones, in the same
// order, and how many bytes their contents have as far as they are pinned.
func (w *Closure) Missing(paths []lock.StorePath, valid func(lock.StorePath) bool) (out []lock.StorePath, bytes int64) {
	for _, p := range paths {
		if !valid(p) {
			out = append(out, p)
			bytes += w.Pins[p].Size
		}
	}
	return out, bytes
}

// Without is a list without some paths and all in it that refer to them.
// References stand before what refers to them.
func (w *Closure) Without(paths []lock.StorePath, bad map[lock.StorePath]bool) []lock.StorePath {
	gone := maps.Clone(bad)
	var out []lock.StorePath
	for _, p := range paths {
		if gone[p] || slices.ContainsFunc(w.Pins[p].Refs, func(r lock.StorePath) bool { return r != p && gone[r] }) {
			gone[p] = true
			continue
		}
		out = append(out, p)
	}
	return out
}

// Tops are those of what was asked for that nothing else of it refers to.
func (w *Closure) Tops() []lock.StorePath {
	under := map[lock.StorePath]bool{}
	for _, p := range w.Pinned {
		for _, r := range w.Pins[p].Refs {
			if r != p {
				under[r] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(w.Roots), func(p lock.StorePath) bool { return under[p] })
}
