package main

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// printRadius prints what rests on some keys alone, and what to do about it.
func (a *app) printRadius(got *audited, f auditFlags, chosen []int) error {
	s := a.style()
	believed := false
	for _, k := range chosen {
		key := got.Keys[k]
		word := "believed"
		if !key.Believed {
			word = "not believed"
		}
		believed = believed || key.Believed
		a.print(paint(s, explain.Strong, safetext.Line(key.String()).String()) + "  " + word)
		for _, from := range key.From {
			a.print("  " + paint(s, explain.Faint, s.Path(from).String()))
		}
	}
	radius := got.Radius(chosen...)
	a.print("  signed "+tallyText(radius.Signed), "  alone  "+tallyText(radius.Alone))
	a.auditDoubts(got)
	if len(radius.Paths) == 0 {
		a.print("", "Nothing rests on it alone: something else vouches for all that it signed.")
		return silent(got.code(chosen))
	}
	a.print("", paint(s, explain.Strong, "Nothing else vouches for"))
	a.printPaths(s, got, radius.Paths)
	a.print("", paint(s, explain.Strong, "What keeps any of it"))
	for n, k := range radius.Roots {
		if n == mostAudited {
			a.print(fmt.Sprintf("  and %d more; --json has all", len(radius.Roots)-n))
			break
		}
		root := got.Roots.List[k]
		a.print("  " + s.Path(root.From).String() + "  " + paint(s, explain.Faint, safetext.Line(string(root.Path)).String()))
	}
	switch {
	case len(radius.Roots) > 0:
	case got.Roots.Complete():
		a.print("  no root")
	default:
		a.print("  no root that could be seen")
	}
	again := "nix-trust audit --key " + shellQuote(f.key) + " --list"
	if f.cache != "" {
		again = "nix-trust audit --cache " + shellQuote(f.cache) + " --list"
	}
	without := got.without(chosen)
	a.print("", paint(s, explain.Strong, "To check it in another way"))
	for _, f := range explain.RadiusChecks(again, without) {
		a.print("  " + f.Title + " " + command(s, f.Command))
	}
	a.print("", paint(s, explain.Strong, "To get rid of it"))
	if believed {
		a.print("  1. Believe the key no longer, or it comes again: " + command(s, "nix-trust narrow") + " lists what can be taken out, and for whom it can be granted.")
	} else {
		a.print("  1. Nobody believes the key, so nothing more comes by it.")
	}
	a.print("  2. Remove the roots above that lead to it, after you have built anew what they are of.",
		"  3. "+command(s, again+" | xargs nix-store --delete")+"  refuses what a root still keeps.")
	return silent(got.code(chosen))
}

// without are the believed keys that were not chosen.
func (got *audited) without(chosen []int) []string {
	var out []string
	for i, k := range got.Keys {
		if k.Believed && !slices.Contains(chosen, i) {
			out = append(out, k.String())
		}
	}
	return out
}
