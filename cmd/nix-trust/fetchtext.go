package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type fetchJSON struct {
	Version int             `json:"version"`
	Flake   string          `json:"flake"`
	Lock    string          `json:"lock"` // the accepted one's digest
	Systems []string        `json:"systems"`
	DryRun  bool            `json:"dryRun"`
	Paths   int             `json:"paths"`   // that are wanted
	Present int             `json:"present"` // of these in the store before
	Fetched int             `json:"fetched"`
	Bytes   int64           `json:"bytes"`  // of contents that came through the gate
	Pinned  []string        `json:"pinned"` // still missing: to come from Caches
	Left    []string        `json:"left"`   // still missing: to come from caches that are trusted anyway
	Caches  []jsonDelivered `json:"caches"` // that may deliver, by URL
	Wrong   []jsonWrong     `json:"wrong"`
	Others  []jsonOther     `json:"others"` // in the store with other contents
	Links   []string        `json:"links"`
	Said    []string        `json:"said"` // what went wrong
}

type jsonDelivered struct {
	URL   string `json:"url"`
	Paths int64  `json:"paths"`
	Bytes int64  `json:"bytes"`
	Wrong int64  `json:"wrong"`
}

type jsonWrong struct {
	Cache  string `json:"cache"`
	Path   string `json:"path"`
	Pinned string `json:"pinned"`
	Got    string `json:"got"`
}

type jsonOther struct {
	Path  string `json:"path"`
	Built bool   `json:"built"` // here
}

// result is what came of a fetch, and the exit code that it leads to.
func (c *fetching) result(f fetchFlags) (fetchJSON, int) {
	full := func(p lock.StorePath) string { return p.In(c.nix.StoreDir) }
	out := fetchJSON{
		Version: 1, Flake: string(c.granted.flake), Lock: c.granted.Grant.Lock, Systems: c.systems, DryRun: f.dryRun,
		Paths: len(c.want.Paths()), Present: c.had, Fetched: len(c.valid) - c.had, Links: list(c.links, same), Said: list(c.said, same),
		Pinned: []string{}, Left: []string{}, Caches: []jsonDelivered{}, Wrong: list(c.wrong(), wrongOf),
	}
	code := exitOK
	for _, p := range c.missing {
		if _, pinned := c.want.Pins[p]; pinned {
			out.Pinned = append(out.Pinned, full(p))
		} else {
			out.Left = append(out.Left, full(p))
		}
		if !f.dryRun {
			code = exitUnknown
		}
	}
	for _, cache := range c.granted.Grant.Caches {
		d := jsonDelivered{URL: cache.URL}
		for _, s := range c.status.Caches {
			if s.URL == cache.URL {
				d.Paths, d.Bytes, d.Wrong = s.Delivered, s.Bytes, s.Wrong
			}
		}
		out.Caches = append(out.Caches, d)
		out.Bytes += d.Bytes
	}
	out.Others = list(c.others, func(o otherBytes) jsonOther { return jsonOther{full(o.path), o.built} })
	if len(out.Wrong) > 0 || slices.ContainsFunc(c.others, func(o otherBytes) bool { return !o.built }) {
		code = exitBad
	}
	return out, code
}

// wrong is what caches had instead of what this fetch wanted.
func (c *fetching) wrong() []gate.Evidence {
	return slices.DeleteFunc(c.status.EvidenceSince(c.before), func(e gate.Evidence) bool {
		_, ours := c.want.Pins[e.Path]
		return !ours
	})
}

// silent says which caches did not deliver, and why.
func (c *fetching) silent() (out []string) {
	for _, s := range c.status.Caches {
		switch {
		case s.Failed > 0:
			out = append(out, fmt.Sprintf("%s did not answer %s", s.URL, count(int(s.Failed), "question", "questions")))
		case s.Absent > 0:
			out = append(out, fmt.Sprintf("%s does not have %s", s.URL, count(int(s.Absent), "path", "paths")))
		}
	}
	return out
}

func wrongOf(e gate.Evidence) jsonWrong {
	return jsonWrong{e.Cache, string(e.Path), e.Pinned.String(), e.Got}
}

// tellFetched says what came of a fetch.
func (a *app) tellFetched(c *fetching, f fetchFlags) error {
	out, code := c.result(f)
	if a.json {
		if err := a.writeJSON(out); err != nil {
			return err
		}
		return silent(code)
	}
	s := a.style()
	for _, w := range out.Wrong {
		a.print(paint(s, explain.Danger, "other bytes")+"  "+safetext.URL(w.Cache).String()+" has "+safetext.Text(w.Got).String(),
			"  for "+safetext.Line(w.Path).String()+", which is pinned to "+w.Pinned)
	}
	for _, o := range out.Others {
		if o.Built {
			a.print(safetext.Line(o.Path).String() + " was built here and has other contents than are pinned; it stays as it is")
			continue
		}
		a.print(paint(s, explain.Danger, "other bytes")+"  "+safetext.Line(o.Path).String()+" is in the store with other contents than are pinned", "  `nix-trust verify --store` and `nix-trust challenge` say who has what")
	}
	switch {
	case f.dryRun:
		c.printPlan(a, out)
	case len(c.missing) == 0 && out.Fetched == 0:
		a.print(fmt.Sprintf("All %s are in the store already.", count(out.Paths, "path", "paths")))
	case len(c.missing) == 0:
		a.print(fmt.Sprintf("%s brought into the store, %d were there. %s", count(out.Fetched, "path was", "paths were"), out.Present, cameFrom(out)))
	}
	if len(c.missing) == 0 && !f.dryRun {
		for _, l := range out.Links {
			a.print("kept from the garbage collector by " + safetext.Line(l).String())
		}
		if len(out.Links) == 0 && out.Fetched > 0 {
			a.print("Nothing keeps them from the garbage collector until a build uses them; `nix-trust fetch --add-root LINK` does.")
		}
	}
	if len(c.missing) > 0 && !f.dryRun {
		p := &problem{code: code, text: fmt.Sprintf("%s of %s not in the store: %s", count(len(c.missing), "path", "paths"), fmt.Sprint(out.Paths), c.named(c.missing)), hints: c.hints}
		p.text += "\n" + strings.Join(append(c.said, c.silent()...), "\n")
		if len(out.Wrong) > 0 {
			p.hints = append(p.hints, "what the caches had is kept: `nix-trust gate status` shows it; take the grant back with `nix-trust revoke` unless their owner can explain it")
		}
		return p
	}
	if len(out.Wrong) > 0 {
		return &problem{code: code, text: "all of it is in the store as pinned, and " + count(len(out.Wrong), "answer of a cache was", "answers of caches were") + " something else", hints: []string{"take the grant back with `nix-trust revoke` unless the cache's owner can explain it"}}
	}
	return silent(code)
}

// named names the first of some paths.
func (c *fetching) named(paths []lock.StorePath) string {
	const most = 5
	text := strings.Join(list(paths[:min(len(paths), most)], func(p lock.StorePath) string { return string(p) }), ", ")
	if n := len(paths) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// cameFrom says which caches delivered what.
func cameFrom(out fetchJSON) string {
	var parts []string
	through := int64(0)
	for _, d := range out.Caches {
		if d.Paths > 0 {
			parts = append(parts, fmt.Sprintf("%s from %s (%s)", count(int(d.Paths), "path", "paths"), safetext.URL(d.URL), byteText(d.Bytes)))
			through += d.Paths
		}
	}
	if rest := int64(out.Fetched) - through; rest > 0 {
		parts = append(parts, count(int(rest), "path", "paths")+" from caches that are trusted anyway")
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "."
}

// printPlan says what would be fetched, and from whom.
func (c *fetching) printPlan(a *app, out fetchJSON) {
	if len(c.missing) == 0 {
		a.print(fmt.Sprintf("All %s are in the store already.", count(out.Paths, "path", "paths")))
		return
	}
	if len(out.Pinned) > 0 {
		_, bytes := c.want.Missing(c.want.Pinned, c.isValid)
		hosts := strings.Join(list(c.granted.Grant.Caches, func(l lock.Cache) string { return safetext.URL(l.URL).String() }), ", ")
		a.print(fmt.Sprintf("%s (%s) would come from %s:", count(len(out.Pinned), "pinned path", "pinned paths"), byteText(bytes), hosts))
		for _, p := range out.Pinned {
			a.print("  " + safetext.Line(p).String())
		}
	}
	if len(out.Left) > 0 {
		a.print(fmt.Sprintf("%s, with what they need, would come from caches that are trusted anyway:", count(len(out.Left), "path", "paths")))
		for _, p := range out.Left {
			a.print("  " + safetext.Line(p).String())
		}
	}
}
