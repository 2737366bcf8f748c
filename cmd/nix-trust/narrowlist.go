package main

import (
	"context"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/global"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type narrowListJSON struct {
	Version int               `json:"version"`
	Caches  []jsonNarrowCache `json:"caches"`
	// Doubt is why there may be more than could be seen, "" when there is no doubt.
	Doubt string `json:"doubt"`
}

type jsonNarrowCache struct {
	URL     string            `json:"url"`
	Asked   bool              `json:"asked"`   // every build asks it; else only who names it
	Default bool              `json:"default"` // it is Nix's own
	Entries []jsonNarrowEntry `json:"entries"`
	Keys    []jsonNarrowKey   `json:"keys"`
	Flakes  []jsonNarrowFlake `json:"flakes"` // known ones that ask for it
}

type jsonNarrowEntry struct {
	Setting string `json:"setting"`
	Item    string `json:"item"`
	Where   string `json:"where"`
}

type jsonNarrowKey struct {
	Key     string            `json:"key"`
	Goes    bool              `json:"goes"` // with the cache
	Why     string            `json:"why"`
	Entries []jsonNarrowEntry `json:"entries"`
}

type jsonNarrowFlake struct {
	Ref   string `json:"ref"`
	Path  string `json:"path"`
	Where string `json:"where"`
}

// narrowList lists the caches that are trusted whatever the flake.
func (a *app) narrowList(ctx context.Context) error {
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	if err := configKnown(r); err != nil {
		return err
	}
	place, err := a.gatePlace("")
	if err != nil {
		return err
	}
	caches := global.Caches(r, apartFrom(place))
	if a.json {
		out := narrowListJSON{Version: 1, Caches: list(caches, func(c global.Cache) jsonNarrowCache { return narrowCacheOf(r, c) })}
		if r.Doubt != nil {
			out.Doubt = r.Doubt.Text
		}
		return a.writeJSON(out)
	}
	s, shown := a.style(), 0
	for _, c := range caches {
		if c.Default() {
			continue // almost everything comes from it
		}
		if shown++; shown > 1 {
			a.print("")
		}
		a.printNarrowCache(s, r, c)
	}
	if shown == 0 {
		a.print("No cache that can be narrowed is trusted whatever the flake.")
	} else {
		a.print("", "`nix-trust narrow URL` turns one into grants for the flakes that need it.")
	}
	for _, l := range r.Listings() {
		if _, err := lock.CanonicalURL(l.Item.Text); err != nil && l.Setting != "trusted-public-keys" {
			a.warn("%s, in %s (%s), cannot be narrowed: %v", safetext.Redact(l.Item.Text), l.Setting, entryPlace(l.Item.Origin, s), err)
		}
	}
	if r.Doubt != nil {
		a.warn("there may be more than could be seen. %s", r.Doubt.Text)
	}
	return nil
}

func (a *app) printNarrowCache(s explain.Style, r *trust.Report, c global.Cache) {
	what := "any user may ask for it"
	if c.Asked() {
		what = "asked for every path"
	}
	a.print(paint(s, explain.Strong, safetext.URL(c.URL).String()) + "  " + what)
	for _, l := range c.Entries {
		a.print("  in " + l.Setting + " (" + entryPlace(l.Item.Origin, s) + ")")
	}
	for _, k := range c.Keys {
		line := "  key " + safetext.Line(k.Name).String()
		for _, l := range k.Entries {
			line += " (" + entryPlace(l.Item.Origin, s) + ")"
		}
		a.print(line + ". " + safetext.Text(k.Why).String())
	}
	for _, i := range c.Flakes {
		line := "  asked for by " + flakeName(&r.Flakes[i])
		if at := explain.Where(claimOf(&r.Flakes[i], c), s); at != "" {
			line += " (" + at + ")"
		}
		a.print(line)
	}
	if len(c.Flakes) == 0 {
		a.print("  no known flake asks for it")
	}
}

// entryPlace is where an entry comes from, for a person.
func entryPlace(o nixconf.Origin, s explain.Style) string {
	if o.Layer == nixconf.LayerDefault {
		return "built into Nix"
	}
	return explain.Where(o.Pos, s)
}

// claimOf is where a flake claims a cache.
func claimOf(f *trust.FlakeReport, c global.Cache) nixconf.Pos {
	i := slices.IndexFunc(f.Caches, func(v trust.CacheVerdict) bool { return v.Claimed && trust.SameItem(v.URL, c.URL) })
	if i < 0 {
		return nixconf.Pos{}
	}
	return f.Caches[i].Where
}

func narrowCacheOf(r *trust.Report, c global.Cache) jsonNarrowCache {
	entries := func(ls []trust.Listing) []jsonNarrowEntry {
		return list(ls, func(l trust.Listing) jsonNarrowEntry {
			return jsonNarrowEntry{l.Setting, safetext.Redact(l.Item.Text), where(l.Item.Origin.Pos)}
		})
	}
	return jsonNarrowCache{
		URL: safetext.Redact(c.URL), Asked: c.Asked(), Default: c.Default(), Entries: entries(c.Entries),
		Keys: list(c.Keys, func(k global.Key) jsonNarrowKey { return jsonNarrowKey{k.Text, k.Goes, k.Why, entries(k.Entries)} }),
		Flakes: list(c.Flakes, func(i int) jsonNarrowFlake {
			f := &r.Flakes[i]
			return jsonNarrowFlake{safetext.Redact(f.ID.Ref), f.ID.Path, where(claimOf(f, c))}
		}),
	}
}

func flakeCount(n int) string { return count(n, "flake", "flakes") }
