// Package keeper knows what is granted at each moment, from files that change.
package keeper

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A Keeper knows at each moment what a gate may serve: what is granted in the
// files of its grant book, whatever the flakes offer by now. It reads a file
// again only when that has changed, and a lock once, as its name is the digest of
// what it has to say.
//
// A file that makes no sense, or that others can write, grants nothing. As a
// denial in one file outweighs the grants of all, and nobody knows which denials
// such a file has, the other files' grants do not count either until it is mended.
type Keeper struct {
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	shelves []*keptShelf
	locks   map[string]grants.Accepted // by digest, of what the grants name
	failed  map[string]failedLock      // by path
	began   bool
	list    []grants.Standing
	wrong   []string
	from    time.Time // the span in which list holds: no grant begins or ends in it
	until   time.Time
}

// Options are the clock that grants begin and end by, and where it is told what
// was read; zero ones are the system's clock and nowhere.
type Options struct {
	Now func() time.Time
	Log *slog.Logger
}

// New is a keeper of some files. None is read yet.
func New(shelves []Shelf, o Options) *Keeper {
	k := &Keeper{now: o.Now, log: o.Log}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	for _, s := range shelves {
		k.shelves = append(k.shelves, &keptShelf{Shelf: s})
	}
	return k
}

// Standings are the grants of all files, and whether they are others than those
// that it returned before.
func (k *Keeper) Standings() (list []grants.Standing, changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	changed = !k.began || !k.covers(now)
	for _, s := range k.shelves {
		if s.renew(now) {
			changed = true
		}
	}
	if k.cured(now) {
		changed = true
	}
	if changed {
		k.began = true
		k.judge(now)
	}
	return k.list, changed
}

// Problems are sentences about what could not be read.
func (k *Keeper) Problems() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.wrong)
}

// Scopes are the files as they were read last, in the order of the shelves.
func (k *Keeper) Scopes() (out []grants.Scope) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.shelves {
		out = append(out, s.scope)
	}
	return out
}

// Accepted are the locks that the grants name, by digest: each as it was read, or
// why it could not be.
func (k *Keeper) Accepted() map[string]grants.Accepted {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := maps.Clone(k.locks)
	if out == nil {
		out = map[string]grants.Accepted{}
	}
	for _, bad := range k.failed {
		out[bad.digest] = grants.ReadBack(nil, bad.err)
	}
	return out
}

func (k *Keeper) covers(now time.Time) bool {
	return !now.Before(k.from) && (k.until.IsZero() || now.Before(k.until))
}

// cured reads the locks that could not be read again if they are other files by
// now, and reports whether something came of it.
func (k *Keeper) cured(now time.Time) (changed bool) {
	for path, f := range k.failed {
		if at, err := guard.StampOf(path); err == nil && f.stamp.Holds(at) {
			continue
		}
		a, again := f.shelf.readLock(f.digest, now)
		if again == nil {
			delete(k.failed, path)
			k.locks[f.digest] = a
			changed = true
			continue
		}
		k.failed[path] = *again
		changed = changed || again.err.Error() != f.err.Error()
	}
	return changed
}

// judge finds out how every grant stands.
func (k *Keeper) judge(now time.Time) {
	locks, failed := map[string]grants.Accepted{}, map[string]failedLock{}
	k.list, k.from, k.until = nil, time.Time{}, time.Time{}
	for _, shelf := range k.shelves {
		if shelf.scope.File == nil {
			continue
		}
		for _, g := range shelf.scope.File.Grants {
			accepted := k.accepted(shelf, g.Lock, now, locks, failed)
			k.list = append(k.list, grants.Judge(g.Flake, k.scopes(shelf, g), now, accepted, grants.Offer{State: grants.OfferNone}))
			k.bound(g.Granted, now)
			k.bound(g.Expires, now)
		}
	}
	k.locks, k.failed = locks, failed
	k.tell()
}

// bound ends the span of the list at a moment at which a grant begins or ends.
func (k *Keeper) bound(at, now time.Time) {
	switch {
	case at.IsZero():
	case at.After(now):
		if k.until.IsZero() || at.Before(k.until) {
			k.until = at
		}
	case at.After(k.from):
		k.from = at
	}
}

// scopes are all files as far as they say something about one grant: looking
// through thousands for each of thousands takes seconds.
func (k *Keeper) scopes(first *keptShelf, g grants.Grant) []grants.Scope {
	out := make([]grants.Scope, 0, len(k.shelves))
	for _, s := range k.shelves {
		scope := s.scope
		if scope.File != nil {
			scope.File = &grants.File{Version: scope.File.Version, Denies: s.denies[g.Flake]}
		}
		if s == first {
			scope.File.Grants = []grants.Grant{g}
		}
		out = append(out, scope)
	}
	return out
}

// accepted is the lock with a digest, read when it was not yet.
func (k *Keeper) accepted(s *keptShelf, digest string, now time.Time, locks map[string]grants.Accepted, failed map[string]failedLock) grants.Accepted {
	for _, known := range []map[string]grants.Accepted{locks, k.locks} {
		if a, ok := known[digest]; ok {
			locks[digest] = a
			return a
		}
	}
	path := s.lockPath(digest)
	f, ok := failed[path]
	if !ok {
		f, ok = k.failed[path]
	}
	if !ok {
		a, wrong := s.readLock(digest, now)
		if wrong == nil {
			locks[digest] = a
			return a
		}
		f = *wrong
	}
	failed[path] = f
	return grants.ReadBack(nil, f.err)
}

// mostTold is how many are spelled out.
const mostTold = 64

// tell works out what to say of what could not be read, and logs what is new.
func (k *Keeper) tell() {
	before := k.wrong
	k.wrong = nil
	for _, s := range k.shelves {
		if s.scope.Err != nil {
			k.wrong = append(k.wrong, "nothing that is granted counts until this is mended: "+s.trouble())
		}
	}
	broken, active, more := len(k.wrong) > 0, 0, 0
	for _, st := range k.list {
		if st.Serves() {
			active++
		}
		switch {
		case broken || st.State != grants.Unreadable && st.State != grants.Unknown:
		case len(k.wrong) == mostTold:
			more++
		default:
			k.wrong = append(k.wrong, fmt.Sprintf("the grant for %s serves nothing: %s", st.Grant.Flake, st.Text))
		}
	}
	if more > 0 {
		k.wrong = append(k.wrong, fmt.Sprintf("%d more grants serve nothing", more))
	}
	k.log.Info("the grants were read", "grants", len(k.list), "active", active)
	for _, w := range k.wrong {
		if !slices.Contains(before, w) {
			k.log.Error("a problem", "text", safetext.Text(w).String())
		}
	}
}
