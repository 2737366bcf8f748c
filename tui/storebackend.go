package tui

import (
	"context"

	"github.com/nix-trust/nix-trust/trust/audit"
)

// A StoreBackend is where the Store screen gets its data from. A Backend that
// is none has no such screen.
type StoreBackend interface {
	// Store audits the machine's store, as `nix-trust audit` does. It is called
	// outside the program's loop, only once the screen was opened, may take
	// seconds, and stops early when ctx ends. progress is told how many of all
	// paths are done, by one goroutine at a time. Nobody changes what it returned.
	Store(ctx context.Context, progress func(done, all int)) (*StoreView, error)
}

// A StoreView is an audited store.
type StoreView struct {
	*audit.Report
	Source string // what was read, such as "/nix/var/nix/db/db.sqlite"
	// Outcome is what it comes to; the zero value is unknown.
	Outcome StoreOutcome
	Doubts  []string     // sentences: why something that decides may be otherwise
	Caches  []StoreCache // those whose keys are known
}

// A StoreCache is a cache with the keys of the report that are its, as far as
// is known.
type StoreCache struct {
	URL      string
	InEffect bool
	Keys     []int
	Use      audit.Use // what it is good for; only for one in effect with a believed key
}

// A StoreOutcome is what the audit of a store comes to. Its order says nothing.
type StoreOutcome int

const (
	StoreUnknown   StoreOutcome = iota // something that decides is not known
	StoreVouched                       // something vouches for every path
	StoreUnvouched                     // nothing that is believed vouches for some
	StoreForged                        // a signature under a believed key's name is not that key's
)
