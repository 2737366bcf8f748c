package generate

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
)

// same reports whether two pins are of the same bytes and references. Of their
// content addresses only those are here that the path's name proves, and a path
// has no two of them.
func same(a, b lock.Pin) bool {
	return !a.NAR.IsZero() && a.NAR == b.NAR && a.Size == b.Size && slices.Equal(a.Refs, b.Refs)
}

// differences has the fields in which two pins that are not the same differ,
// each with what the first and what the second says.
func differences(a, b lock.Pin) (fields []string) {
	add := func(name string, x, y any) { fields = append(fields, fmt.Sprintf("%s (%v and %v)", name, x, y)) }
	if a.NAR != b.NAR || a.NAR.IsZero() {
		add("narHash", a.NAR, b.NAR)
	}
	if a.Size != b.Size {
		add("narSize", a.Size, b.Size)
	}
	if !slices.Equal(a.Refs, b.Refs) {
		add("references", "the former alone has "+few(without(a.Refs, b.Refs)), "the latter alone "+few(without(b.Refs, a.Refs)))
	}
	return fields
}

// without returns the paths of a that b lacks; both are sorted.
func without(a, b []lock.StorePath) (only []lock.StorePath) {
	for _, p := range a {
		if _, both := slices.BinarySearch(b, p); !both {
			only = append(only, p)
		}
	}
	return only
}

// few names some paths.
func few(paths []lock.StorePath) string {
	const most = 3
	text := "none"
	for i, p := range paths[:min(most, len(paths))] {
		if i == 0 {
			text = string(p)
			continue
		}
		text += " " + string(p)
	}
	if len(paths) > most {
		text += fmt.Sprintf(" and %d more", len(paths)-most)
	}
	return text
}
