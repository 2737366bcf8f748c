package main

import (
	"context"
	"slices"

	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/tui"
)

// What the Store screen asks of the program; see tui.StoreBackend.

// Store audits the store as audit does, so that both say the same.
func (a *app) Store(ctx context.Context, progress func(done, all int)) (*tui.StoreView, error) {
	got, err := a.auditStore(ctx, "", progress)
	if err != nil {
		return nil, asked(err)
	}
	return got.view(), nil
}

// storeOutcomes are the outcomes of an audit by exit code.
var storeOutcomes = map[int]tui.StoreOutcome{exitOK: tui.StoreVouched, exitFindings: tui.StoreUnvouched, exitBad: tui.StoreForged}

// view is an audited store as the screen shows it.
func (got *audited) view() *tui.StoreView {
	v := &tui.StoreView{Report: got.Report, Source: host.StoreDatabase(got.facts), Outcome: storeOutcomes[got.code(nil)], Doubts: got.doubts}
	uses := got.uses()
	for _, c := range got.trust.Caches {
		cache := tui.StoreCache{URL: c.URL, InEffect: c.InEffect}
		for i, key := range got.Keys {
			if got.owns(c.URL, key) {
				cache.Keys = append(cache.Keys, i)
			}
		}
		if len(cache.Keys) == 0 {
			continue
		}
		if i := slices.IndexFunc(uses, func(u auditUse) bool { return u.cache == c.URL }); i >= 0 {
			cache.Use = uses[i].use
		}
		v.Caches = append(v.Caches, cache)
	}
	return v
}
