package main

import (
	"context"
	"fmt"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui"
)

// What is changed on the demo's host is kept in memory.

var errDemoMoved = demo.ErrMoved

// The demo user's folders.
const (
	demoGrants = "/home/mira/.config/nix-trust"
	demoState  = "/home/mira/.local/state/nix-trust"
)

// openGrants reads the grants for the screens.
func (a *app) openGrants() (*grantBook, error) {
	if !a.demo {
		b, _, err := a.grantBook()
		return b, err
	}
	h := a.made()
	b := &grantBook{store: bincache.DefaultStoreDir, files: h.Files(), read: h.Read}
	b.lockAt = func(path string) (*lock.Lock, error) {
		text, err := h.Files().ReadFile(path)
		if err != nil {
			return nil, cause(err)
		}
		return lock.Parse(path, text)
	}
	b.put = func(_ context.Context, c trust.FileChange) error { return h.Put(c) }
	b.take = func(path string) error {
		was, err := h.Read(path)
		if err != nil {
			return err
		}
		return h.Put(trust.FileChange{Path: path, Before: was})
	}
	return b, b.open(demoGrants, demoState)
}

func (a *app) demoHistory() tui.History {
	out := tui.History{File: "memory: the demo's changes are gone when it ends"}
	for i, m := range a.made().History() {
		e := tui.Entry{N: i + 1, Time: m.Time, Summary: m.Plan.Summary, Changes: m.Plan.Changes, Risk: m.Plan.Risk, State: tui.EntryApplied, Undoes: m.Plan.Undoes, UndoneBy: m.UndoneBy}
		for _, s := range m.Plan.Steps {
			e.Files = append(e.Files, s.Path)
		}
		out.Entries = append(out.Entries, e)
	}
	return out
}

func (a *app) demoEntry(n int) (trust.Plan, error) {
	made := a.made().History()
	if n < 1 || n > len(made) {
		return trust.Plan{}, fmt.Errorf("there is no entry %d", n)
	}
	return made[n-1].Plan, nil
}
