package tui

import (
	"context"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// A GateBackend knows how the gates do, and fetches through one. With a
// ChangeBackend that is none the Grants screen shows the grants alone. Every
// method is called outside the program's loop, stops early when ctx ends, and
// nobody changes what it returned.
type GateBackend interface {
	// Gates looks at the gate of the user and at the machine's. It is called
	// every second while they are shown, and asks no network. What one gate does
	// not say is in its view; an error is for all of them.
	Gates(ctx context.Context) ([]GateView, error)
	// FetchAsks says who would learn of what by a fetch, and where it goes. It
	// asks nobody.
	FetchAsks(ctx context.Context, grant string) (FetchAsk, error)
	// Fetch gets what a grant pins through a gate. The user has been asked
	// before. progress may be called by any goroutine. An error says that
	// nothing is known to have arrived; what arrived in part is an outcome.
	Fetch(ctx context.Context, grant string, progress func(done, all int)) (FetchOutcome, error)
}

// A GateView is one gate as it was found. The zero GateView is unknown.
type GateView struct {
	Name    string // "your gate"
	Machine bool   // it is the machine's, and serves what root has granted alone
	State   GateState
	// Text is a sentence: why the state is unknown, or what the gate does not do.
	Text    string
	Address string // where it serves or would serve, HOST:PORT
	Dir     string // of its key and of what it remembers, "" when unknown
	Key     KeyState
	KeyText string      // a sentence: whence Key is known, or why it is not
	Status  gate.Status // for GateRunning
	// Start are the ways to start it, or to bring its key in force.
	Start []trust.Fix
}

// GateState says whether a gate answers. The zero value is unknown.
type GateState int

const (
	GateUnknown GateState = iota // it could not be asked
	GateStopped                  // nobody listens where it would
	GateRunning                  // it has answered
)

// KeyState says whether the daemon believes a gate's key. The zero value is
// unknown.
type KeyState int

const (
	KeyUnknown    KeyState = iota
	KeyMissing             // the gate has no key yet
	KeyNotInForce          // the daemon's keys do not have it
	KeyInForce             // they have it
)

// A FetchAsk is what a fetch would tell and do.
type FetchAsk struct {
	Told         // Paths are those that would be fetched
	Had   int    // paths that are there already
	Left  int    // paths that the lock leaves out, which come from caches that are trusted anyway
	Bytes int64  // of Paths, unpacked
	Into  string // "the store /nix/store", "the scratch folder /tmp/…"
}

// A FetchOutcome is what came of a fetch. The zero FetchOutcome got nothing.
type FetchOutcome struct {
	Paths   int      // that arrived, verified
	Had     int      // that were there before
	Bytes   int64    // of what arrived, unpacked
	Into    string   // as in FetchAsk
	Refused []string // sentences: pinned paths that did not arrive
	Wrong   []string // sentences: what caches had instead of what is pinned
	Notes   []string // sentences
}

// Whole reports whether all that was asked for is there, and nothing wrong was
// offered.
func (o FetchOutcome) Whole() bool {
	return o.Paths+o.Had > 0 && len(o.Refused) == 0 && len(o.Wrong) == 0
}
