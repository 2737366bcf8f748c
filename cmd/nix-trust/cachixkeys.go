package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/cachix"
	"github.com/nix-trust/nix-trust/lock/challenge"
)

// cachixTold is what cachix.org says of the keys of a cache that was named
// cachix:NAME, beside those that are claimed for it here. It is shown, and
// decides nothing: no key is believed because of it.
type cachixTold struct {
	name    string
	told    []string
	claimed []string
	verdict cachix.Verdict
	err     error
}

type jsonCachix struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Keys    string   `json:"keys"`    // "same", "other" or "unknown"
	Told    []string `json:"told"`    // by cachix.org
	Claimed []string `json:"claimed"` // by the lock, a flake, --key or this host
	Text    string   `json:"text"`
}

// cachixNames picks the names out of the caches that were given.
func cachixNames(caches []string) (names []string, err error) {
	for _, arg := range caches {
		name, ok, err := cachix.Name(arg)
		if err != nil {
			return nil, usage(fmt.Sprintf("--cache: %v", err))
		}
		if ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// askCachix asks cachix.org for the keys of caches, to be compared with those
// that are claimed. The user was asked whether it may.
func (a *app) askCachix(ctx context.Context, names []string, o challenge.Options) (told []cachixTold) {
	if len(names) == 0 {
		return nil
	}
	claimed := append([]string{}, o.Keys...)
	for _, c := range o.Caches {
		claimed = append(claimed, c.Keys...)
	}
	if r, err := a.report(ctx, ""); err == nil {
		for _, f := range r.Flakes {
			for _, c := range f.Caches {
				claimed = append(claimed, c.Keys...)
			}
		}
	}
	source := bincache.NewWeb(bincache.DefaultLimits())
	for _, name := range names {
		t := cachixTold{name: name, claimed: cachix.Named(name, claimed)}
		t.told, t.err = cachix.Keys(ctx, source, cachix.API, name)
		t.verdict = cachix.Compare(t.told, t.claimed)
		told = append(told, t)
	}
	return told
}

// text is the comparison in a sentence.
func (t cachixTold) text() string {
	switch {
	case t.err != nil:
		return fmt.Sprintf("whose key %s signs with is not known: %v", cachix.URL(t.name), t.err)
	case t.verdict == cachix.Same:
		return fmt.Sprintf("cachix.org says the key of %s that is claimed here", t.name)
	case t.verdict == cachix.Other:
		return fmt.Sprintf("cachix.org says another key of %s than is claimed here: it says %s, and claimed is %s", t.name, strings.Join(t.told, " "), strings.Join(t.claimed, " "))
	}
	return fmt.Sprintf("no key of %s is claimed here that could be compared; cachix.org says %s, which is not believed for that", t.name, strings.Join(t.told, " "))
}
