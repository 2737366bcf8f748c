package grants

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

const header = "# The flakes that nix-trust may fetch for, and those that it must not.\n" +
	"# Written by nix-trust; see `nix-trust grants`.\n"

// Print returns the file in its canonical form: there is one for each content,
// and Parse reads the same from it. What Parse would refuse is not printed.
func (f *File) Print() ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	s := f.clone()
	s.sort()
	var b strings.Builder
	b.WriteString(header + "version = 1\n")
	for _, g := range s.Grants {
		b.WriteString("\n[[grant]]\n")
		put(&b, "flake", quoted(string(g.Flake)))
		put(&b, "lock", quoted(g.Lock))
		put(&b, "systems", list(g.Systems))
		put(&b, "granted", stamp(g.Granted))
		if !g.Expires.IsZero() {
			put(&b, "expires", stamp(g.Expires))
		}
		if g.Note != "" {
			put(&b, "note", quoted(g.Note))
		}
		if g.Seen != "" {
			put(&b, "seen", quoted(g.Seen))
		}
		if g.Offer != "" {
			put(&b, "offer", quoted(g.Offer))
		}
		if len(g.Replaced) > 0 {
			put(&b, "replaced", list(g.Replaced))
		}
		for _, c := range g.Caches {
			b.WriteString("\n[[grant.cache]]\n")
			put(&b, "url", quoted(c.URL))
			put(&b, "keys", list(c.Keys))
		}
	}
	for _, d := range s.Denies {
		b.WriteString("\n[[deny]]\n")
		put(&b, "flake", quoted(string(d.Flake)))
		put(&b, "since", stamp(d.Since))
		if d.Note != "" {
			put(&b, "note", quoted(d.Note))
		}
	}
	if b.Len() > MaxBytes {
		return nil, fmt.Errorf("the grants would take more than %d MiB", MaxBytes>>20)
	}
	return []byte(b.String()), nil
}

// Validate reports the first thing for which Parse would refuse the print.
func (f *File) Validate() error {
	if f == nil || f.Version != Version {
		return fmt.Errorf("this program writes version %d of grants.toml, and this is another", Version)
	}
	if len(f.Grants) > maxEntries || len(f.Denies) > maxEntries {
		return fmt.Errorf("there are at most %d grants and as many denials", maxEntries)
	}
	seen := map[Identity]bool{}
	for _, g := range f.Grants {
		if err := g.check(); err != nil {
			return fmt.Errorf("the grant for %s: %w", clip(string(g.Flake)), err)
		}
		if seen[g.Flake] {
			return fmt.Errorf("%s has two grants", g.Flake)
		}
		seen[g.Flake] = true
	}
	clear(seen)
	for _, d := range f.Denies {
		if err := d.check(); err != nil {
			return fmt.Errorf("the denial of %s: %w", clip(string(d.Flake)), err)
		}
		if seen[d.Flake] {
			return fmt.Errorf("%s is denied twice", d.Flake)
		}
		seen[d.Flake] = true
	}
	return nil
}

// clone copies the file, so that the copy may be changed.
func (f *File) clone() *File {
	out := &File{Version: f.Version, Grants: slices.Clone(f.Grants), Denies: slices.Clone(f.Denies)}
	for i, g := range out.Grants {
		out.Grants[i] = g.clone()
	}
	return out
}

func (g Grant) clone() Grant {
	g.Systems = slices.Clone(g.Systems)
	g.Replaced = slices.Clone(g.Replaced)
	g.Caches = slices.Clone(g.Caches)
	for i := range g.Caches {
		g.Caches[i].Keys = slices.Clone(g.Caches[i].Keys)
	}
	return g
}

// sort brings the file into its canonical order.
func (f *File) sort() {
	slices.SortFunc(f.Grants, func(a, b Grant) int { return cmp.Compare(a.Flake, b.Flake) })
	slices.SortFunc(f.Denies, func(a, b Deny) int { return cmp.Compare(a.Flake, b.Flake) })
	for i := range f.Grants {
		g := &f.Grants[i]
		slices.Sort(g.Systems)
		slices.SortFunc(g.Caches, func(a, b lock.Cache) int { return cmp.Compare(a.URL, b.URL) })
		for _, c := range g.Caches {
			slices.Sort(c.Keys)
		}
	}
}

func put(b *strings.Builder, key, value string) { b.WriteString(key + " = " + value + "\n") }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// quoted is a TOML string. The texts of the file have no control characters.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func list(items []string) string {
	words := make([]string, len(items))
	for i, s := range items {
		words[i] = quoted(s)
	}
	return "[" + strings.Join(words, ", ") + "]"
}
