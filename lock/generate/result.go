package generate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// result puts the decisions together. Their order does not matter.
func (m *maker) result() (*Result, error) {
	r := &Result{}
	pins := m.base.Systems[m.o.System].Paths
	old := map[lock.StorePath]bool{} // pins that come from the old lock alone
	if m.o.Keep {
		maps.Copy(pins, m.before.Paths)
		for path := range pins {
			old[path] = true
		}
	}
	for _, decisions := range []map[lock.StorePath]decision{m.weak, m.needed} {
		for path, d := range decisions {
			delete(pins, path)
			delete(old, path)
			switch d.fate {
			case redundant:
				r.Redundant++
			case fromLocal:
				r.FromLocal = append(r.FromLocal, path)
				pins[path] = d.pin
			case pinned:
				pins[path] = d.pin
			case remembered:
				pins[path] = d.pin
				old[path] = true
			}
			if d.problem != nil {
				r.Problems = append(r.Problems, *d.problem)
			}
		}
	}
	slices.Sort(r.FromLocal)
	r.Remembered = slices.Sorted(maps.Keys(old))
	m.addWants(r.Problems)
	r.Problems = append(r.Problems, m.silent()...)
	slices.SortFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Cache, b.Cache))
	})
	if slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind < Unproved }) {
		return r, nil
	}
	if err := m.base.Validate(); err != nil {
		return nil, err
	}
	r.Lock = m.base
	r.count(m.before.Paths, pins)
	return r, nil
}

func (r *Result) count(before, now map[lock.StorePath]lock.Pin) {
	r.Pinned = len(now)
	for path := range now {
		if _, had := before[path]; !had {
			r.Added++
		}
	}
	r.Removed = len(before) - (len(now) - r.Added)
}

// addWants says of each problem which path, the first by name, refers to it.
func (m *maker) addWants(problems []Problem) {
	at := make(map[lock.StorePath]*Problem, len(problems))
	for i := range problems {
		at[problems[i].Path] = &problems[i]
	}
	for _, root := range m.o.Roots {
		delete(at, root)
	}
	for _, decisions := range []map[lock.StorePath]decision{m.weak, m.needed} {
		for path, d := range decisions {
			for _, ref := range d.refs {
				if p := at[ref]; p != nil && ref != path && (p.Wants == "" || path < p.Wants) {
					p.Wants = path
				}
			}
		}
	}
}

// silent has one problem for each cache that owes an answer.
func (m *maker) silent() (problems []Problem) {
	for _, v := range m.voters {
		if !v.owes() {
			continue
		}
		path, err := v.trouble()
		why := err.Error()
		var e *bincache.Error
		if errors.As(err, &e) {
			why = e.Text // the cache and the path are told beside it
		}
		what := "cannot be used"
		switch {
		case path != "" && v.failed.count == 1:
			what = fmt.Sprintf("gave no answer that counts for %s", path)
		case path != "":
			what = fmt.Sprintf("gave no answer that counts for %d paths, such as %s", v.failed.count, path)
		}
		problems = append(problems, Problem{Kind: Unreachable, Path: path, Cache: v.url, Text: v.url + " " + what + ": " + why})
	}
	return problems
}
