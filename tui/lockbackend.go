package tui

import (
	"context"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
)

// A LockBackend is where the Locks screen gets its data from. A Backend that
// is none has no such screen. Every method is called outside the program's
// loop, stops early when ctx ends, and nobody changes what it returned.
type LockBackend interface {
	// Locks reads the lock beside each flake of a report: one LockFile a
	// flake, in the same order. It reads files and does nothing else.
	Locks(ctx context.Context, r *trust.Report) ([]LockFile, error)
	// Compared reads the lock that another is compared with: the file at a
	// path, relative to the folder of the lock, or the version that git's
	// HEAD has when path is "". It returns its name and a lock that is not nil.
	Compared(ctx context.Context, f LockFile, path string) (name string, l *lock.Lock, err error)
	// Check evaluates the flake with the user's own nix, without the network,
	// and compares its outputs with those of the lock.
	Check(ctx context.Context, f LockFile) (LockCheck, error)
	// Verify asks every cache of the lock for every pin. progress may be
	// called by any goroutine.
	Verify(ctx context.Context, f LockFile, contents bool, progress func(done, all int)) (*verify.Report, error)
	// Challenge asks these caches, and no others, the lock and the local store
	// what some paths are. progress is as for Verify.
	Challenge(ctx context.Context, f LockFile, caches []lock.Cache, paths []lock.StorePath, progress func(done, all int)) (*challenge.Report, error)
}

// A LockFile is the lock beside one flake. The zero LockFile was not looked
// for: whether there is one is unknown.
type LockFile struct {
	Flake trust.FlakeID
	Here  bool   // the flake lies in the current folder
	Path  string // of the file, also when there is none
	// Seen says that it was looked for. Without a Lock and an Err there is none.
	Seen   bool
	Lock   *lock.Lock // valid; nil when there is none or it cannot be read
	Digest string     // of the lock, "" without one
	Err    error      // why it cannot be read, with the line when it is no lock

	// What the lock pins in all, listed once when it was read.
	pins  []verify.Pin
	bytes int64
}

// A LockCheck is whether the outputs of a flake are still those of its lock.
// The zero LockCheck says nothing of any system.
type LockCheck struct {
	Systems []string  // that were evaluated
	Changes lock.Diff // from the lock to the flake: of outputs, its source, and ClassUnneeded
	Unknown []string  // sentences: what could not be evaluated, and why
}

// ClassUnneeded is a change that is none between two locks: a path is pinned
// that nothing of the flake needs any more.
const ClassUnneeded lock.Class = "path-unneeded"

// Fresh reports whether every system of a lock was evaluated in full and has
// the outputs that the lock says.
func (c LockCheck) Fresh(l *lock.Lock) bool {
	if l == nil || len(l.Systems) == 0 || len(c.Changes) > 0 || len(c.Unknown) > 0 {
		return false
	}
	seen := map[string]bool{}
	for _, s := range c.Systems {
		seen[s] = true
	}
	for s := range l.Systems {
		if !seen[s] {
			return false
		}
	}
	return true
}
