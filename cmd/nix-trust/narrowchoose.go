package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A mayNeed is a known flake that may need the cache.
type mayNeed struct {
	arg    string // as the commands take it
	name   string // for a person
	claims bool
	where  nixconf.Pos // of the claim
	probed bool
	had    int    // outputs that the cache has, once probed
	of     int    // of so many
	err    string // why that is not known
}

// known are the flakes of the report, those that ask for the cache first.
func (n *narrowing) known() []mayNeed {
	var out []mayNeed
	for i := range n.report.Flakes {
		f := &n.report.Flakes[i]
		m := mayNeed{arg: flakeArg(f.ID), name: flakeName(f), claims: slices.Contains(n.cache.Flakes, i), where: claimOf(f, n.cache)}
		if n.inStore(f.ID.Path) {
			m.arg = f.ID.Ref
		}
		if m.arg != "" && !slices.ContainsFunc(out, func(o mayNeed) bool { return o.arg == m.arg }) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b mayNeed) int {
		switch {
		case a.claims == b.claims:
			return 0
		case a.claims:
			return -1
		}
		return 1
	})
	return out
}

func (n *narrowing) inStore(folder string) bool {
	return strings.HasPrefix(folder, strings.TrimSuffix(n.book.store, "/")+"/")
}

// choose finds out for which flakes the cache is granted.
func (n *narrowing) choose(ctx context.Context) ([]string, error) {
	known := n.known()
	if n.f.probe {
		if err := n.probe(ctx, known); err != nil {
			return nil, err
		}
		n.printKnown(known, n.app.err)
	}
	chosen := slices.Clone(n.f.flakes)
	if n.f.claiming {
		for _, m := range known {
			if m.claims || m.had > 0 {
				chosen = append(chosen, m.arg)
			}
		}
		if len(chosen) == 0 {
			return nil, &problem{code: exitFindings, text: "no known flake asks for " + n.cache.URL, hints: []string{
				"name the flakes that need it with --flake, or have the cache asked about the known ones with --probe",
				"if none needs it, `nix-trust propose disallow " + n.cache.URL + "` takes it out"}}
		}
	}
	if len(chosen) == 0 && n.terminal && !n.json && !n.f.yes {
		var err error
		if chosen, err = n.askWhich(ctx, known); err != nil {
			return nil, err
		}
	}
	if len(chosen) == 0 {
		hints := []string{"name them with --flake, or take those that ask for it with --all-claiming"}
		if len(n.cache.Flakes) == 0 {
			hints[0] = "no known flake asks for it: name them with --flake"
		}
		return nil, usage("it was not said which flakes need "+n.cache.URL, hints...)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}

// askWhich lets the person at the terminal choose. No answer chooses nothing.
func (n *narrowing) askWhich(ctx context.Context, known []mayNeed) ([]string, error) {
	in := bufio.NewReader(io.LimitReader(n.in, 64<<10))
	for {
		n.printKnown(known, n.app.err)
		fmt.Fprintf(n.err, "\nnix-trust: which flakes need %s? numbers, folders of others, \"all\" that ask for it, or \"probe\" to ask the cache: ", safetext.URL(n.cache.URL))
		line, ok := n.reply(ctx, in)
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' || r == '\r' })
		if !ok || len(words) == 0 {
			return nil, &problem{code: exitFindings, text: "nothing was changed: no flake was chosen"}
		}
		if slices.Equal(words, []string{"probe"}) {
			if err := n.probe(ctx, known); err != nil {
				return nil, err
			}
			continue
		}
		chosen, wrong := chosenOf(words, known)
		if wrong == "" && len(chosen) > 0 {
			return chosen, nil
		}
		if wrong == "" {
			wrong = "none of them asks for it"
		}
		fmt.Fprintf(n.err, "nix-trust: %s\n", safetext.Text(wrong))
	}
}

// chosenOf reads what a person chose.
func chosenOf(words []string, known []mayNeed) (chosen []string, wrong string) {
	for _, w := range words {
		i, err := strconv.Atoi(w)
		switch {
		case w == "all":
			for _, m := range known {
				if m.claims || m.had > 0 {
					chosen = append(chosen, m.arg)
				}
			}
		case strings.ContainsAny(w, "/:") || w == ".":
			chosen = append(chosen, w)
		case err != nil || i < 1 || i > len(known):
			return nil, fmt.Sprintf("%q is none of them", w)
		default:
			chosen = append(chosen, known[i-1].arg)
		}
	}
	return chosen, ""
}

// printKnown lists the flakes with what is known of each.
func (n *narrowing) printKnown(known []mayNeed, w io.Writer) {
	s := n.style()
	fmt.Fprintf(w, "%s known here:\n", flakeCount(len(known)))
	for i, m := range known {
		fmt.Fprintf(w, "%4d  %s  %s\n", i+1, m.name, safetext.Text(m.said(s)))
	}
}

// said is what is known of a flake's need.
func (m mayNeed) said(s explain.Style) string {
	text := "does not ask for it"
	if m.claims {
		text = "asks for it"
		if at := explain.Where(m.where, s); at != "" {
			text += " (" + at + ")"
		}
	}
	switch {
	case m.err != "":
		text += "; what the cache has of it is not known: " + m.err
	case m.probed:
		text += fmt.Sprintf("; the cache has %d of its %s", m.had, count(m.of, "output", "outputs"))
	case !m.claims:
		text += "; whether the cache has its outputs was not asked"
	}
	return text
}

// probe asks the cache about the outputs of the known flakes on this machine
// that do not name it, once that was allowed.
func (n *narrowing) probe(ctx context.Context, known []mayNeed) error {
	with := &nix.Nix{Runner: nix.Program{}, StoreDir: n.book.store}
	system, err := with.System(ctx)
	if err != nil {
		return nixProblem(err)
	}
	netrc, err := readNetrc(n.f.netrc)
	if err != nil {
		return err
	}
	cache, err := bincache.NewClient(bincache.Options{Netrc: netrc, StoreDir: n.book.store}).Cache(n.cache.URL)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	outputs, paths := make([][]lock.StorePath, len(known)), 0
	for i := range known {
		m := &known[i]
		if m.claims || m.probed || !strings.HasPrefix(m.arg, "/") {
			continue
		}
		src, err := with.Source(ctx, m.arg)
		if err == nil {
			outputs[i], err = outputPaths(ctx, with, src, system)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.err = err.Error()
		}
		paths += len(outputs[i])
	}
	if host := hostOfURL(n.cache.URL); host != "" && paths > 0 && !n.f.yes {
		if err := n.askToTell(ctx, consent{hosts: []string{host}, paths: paths, done: "probed"}); err != nil {
			return err
		}
	}
	for i := range known {
		m := &known[i]
		for _, p := range outputs[i] {
			_, err := cache.NarInfo(ctx, p)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err == nil:
				m.had++
			case !errors.Is(err, bincache.Absent):
				m.err = err.Error()
			}
			m.of++
		}
		m.probed = m.probed || len(outputs[i]) > 0
	}
	return nil
}

// outputPaths are the store paths of what a flake has by default for a system.
func outputPaths(ctx context.Context, with *nix.Nix, src *nix.Source, system string) ([]lock.StorePath, error) {
	found, err := with.Outputs(ctx, src, system, nix.OutputOptions{})
	if err != nil {
		return nil, err
	}
	var out []lock.StorePath
	for _, o := range found.Outputs {
		if o.Path != "" && !slices.Contains(out, o.Path) {
			out = append(out, o.Path)
		}
	}
	return out, nil
}
