package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// A closure is what a fetch is to bring into the store.
type closure struct {
	roots  []lock.StorePath // what was asked for, sorted
	pinned []lock.StorePath // that the lock pins: what a path refers to stands before it
	left   []lock.StorePath // that the lock leaves out, as caches that are trusted anyway have them, sorted
	pins   map[lock.StorePath]lock.Pin
}

// closureOf is what the named outputs of some systems need, or all that the lock
// pins for these systems when none is named. An output without a "^" stands for
// all of its derivation's.
func closureOf(l *lock.Lock, systems, outputs []string) (closure, error) {
	w := closure{pins: map[lock.StorePath]lock.Pin{}}
	roots := map[lock.StorePath]bool{}
	found := map[string]bool{}
	var known []string
	for _, system := range systems {
		s := l.Systems[system]
		if s == nil {
			continue
		}
		maps.Copy(w.pins, s.Paths)
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
			hint := "the lock has no outputs for " + strings.Join(systems, ", ")
			if known = slices.Compact(known); len(known) > 0 {
				hint = "it has " + strings.Join(known[:min(len(known), 12)], ", ")
			}
			return closure{}, usage(fmt.Sprintf("the accepted lock has no output %q", o), hint)
		}
	}
	w.roots = slices.Sorted(maps.Keys(roots))
	w.order()
	return w, nil
}

// order walks from the roots to all that they refer to.
func (w *closure) order() {
	seen := map[lock.StorePath]bool{}
	// Each step is a path and which of its references comes next: a lock may
	// chain as many as it has.
	type step struct {
		path lock.StorePath
		next int
	}
	for _, root := range w.roots {
		steps := []step{{path: root}}
		for len(steps) > 0 {
			s := &steps[len(steps)-1]
			pin, pinned := w.pins[s.path]
			if s.next == 0 {
				if seen[s.path] {
					steps = steps[:len(steps)-1]
					continue
				}
				seen[s.path] = true
				if !pinned {
					w.left = append(w.left, s.path)
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
				w.pinned = append(w.pinned, s.path)
			}
			steps = steps[:len(steps)-1]
		}
	}
	slices.Sort(w.left)
}

// paths are all of them, sorted.
func (w *closure) paths() []lock.StorePath {
	out := slices.Concat(w.pinned, w.left)
	slices.Sort(out)
	return out
}

// missing are those of some paths that are not among the valid ones, in the same
// order, and how many bytes their contents have as far as they are pinned.
func (w *closure) missing(paths []lock.StorePath, valid func(lock.StorePath) bool) (out []lock.StorePath, bytes int64) {
	for _, p := range paths {
		if !valid(p) {
			out = append(out, p)
			bytes += w.pins[p].Size
		}
	}
	return out, bytes
}

// without is a list without some paths and all in it that refer to them.
// References stand before what refers to them.
func (w *closure) without(paths []lock.StorePath, bad map[lock.StorePath]bool) []lock.StorePath {
	gone := maps.Clone(bad)
	var out []lock.StorePath
	for _, p := range paths {
		if gone[p] || slices.ContainsFunc(w.pins[p].Refs, func(r lock.StorePath) bool { return r != p && gone[r] }) {
			gone[p] = true
			continue
		}
		out = append(out, p)
	}
	return out
}

// tops are those of what was asked for that nothing else of it refers to.
func (w *closure) tops() []lock.StorePath {
	under := map[lock.StorePath]bool{}
	for _, p := range w.pinned {
		for _, r := range w.pins[p].Refs {
			if r != p {
				under[r] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(w.roots), func(p lock.StorePath) bool { return under[p] })
}
