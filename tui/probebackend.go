package tui

import (
	"context"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// A ProbeBackend asks caches how they are, and why one is not used. A Backend
// that is none shows no probes. Every method is called outside the program's
// loop, stops early when ctx ends, and nobody changes what it returned.
type ProbeBackend interface {
	// Probes are the results of earlier probes. It reads one file and asks nobody.
	Probes(ctx context.Context) (Probes, error)
	// Probe asks caches how they are, and keeps the results. The user has been
	// asked before. progress may be called by any goroutine.
	Probe(ctx context.Context, urls []string, progress func(done, all int)) ([]probe.Result, error)
	// DiagnosisAsks says who would learn of what by a diagnosis. It asks nobody.
	DiagnosisAsks(ctx context.Context, q Complaint) (Told, error)
	// Diagnose asks a cache, and says why it is not used, or that it is. The user
	// has been asked before.
	Diagnose(ctx context.Context, q Complaint) (Diagnosis, error)
}

// Probes are what is known of earlier probes. The zero Probes know nothing.
type Probes struct {
	Results []probe.Result
	AtOnce  int // how many narinfos a build asks for at a time
	// Unkept is why the results of a probe are not kept beyond this run, "" when
	// they are.
	Unkept string
}

// A Complaint is what a diagnosis is to explain: that a cache is not used.
type Complaint struct {
	Cache string        // its URL, as it is written where it is asked for
	Flake trust.FlakeID // zero: whatever the flake
	Path  string        // a store path or a derivation that does not come; "" for none
}

// A Diagnosis says why a cache is not used, in the words of doctor.
type Diagnosis interface {
	Lines(s explain.Style) []string
}
