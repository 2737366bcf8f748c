package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A keeper knows at each moment what a gate may serve: what is granted in the
// files of its grant book, whatever the flakes offer by now. It reads a file
// again only when that has changed, and a lock once, as its name is the digest of
// what it has to say.
//
// A file that makes no sense, or that others can write, grants nothing. As a
// denial in one file outweighs the grants of all, and nobody knows which denials
// such a file has, the other files' grants do not count either until it is mended.
type keeper struct {
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

// A keptShelf is one grants.toml as it was read last.
type keptShelf struct {
	guard   guard
	path    string
	locks   string // the folder
	stamp   stamp
	content [sha256.Size]byte
	scope   grants.Scope
	denies  map[grants.Identity][]grants.Deny
}

// A failedLock is one that could not be read, and what it was then.
type failedLock struct {
	shelf  *keptShelf
	digest string
	stamp  stamp
	err    error
}

// newKeeper is for all the files of a book. The system's are believed when they
// and all folders on the way are root's alone; the user's when they are root's or
// the user's.
func newKeeper(b *grantBook) *keeper {
	k := &keeper{now: time.Now, log: slog.New(slog.DiscardHandler)}
	for _, s := range b.shelves {
		g := guard{owners: []uint32{0, uint32(os.Geteuid())}}
		if s.Path == filepath.Join(systemGrants, "grants.toml") {
			g = guard{owners: []uint32{0}, folders: true}
		}
		k.shelves = append(k.shelves, &keptShelf{guard: g, path: s.Path, locks: s.locks})
	}
	return k
}

// standings are the grants of all files, and whether they are others than those
// that it returned before.
func (k *keeper) standings() (list []grants.Standing, changed bool) {
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

// problems are sentences about what could not be read.
func (k *keeper) problems() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.wrong)
}

func (k *keeper) covers(now time.Time) bool {
	return !now.Before(k.from) && (k.until.IsZero() || now.Before(k.until))
}

// cured reads the locks that could not be read again if they are other files by
// now, and reports whether something came of it.
func (k *keeper) cured(now time.Time) (changed bool) {
	for path, f := range k.failed {
		if at, err := stampOf(path); err == nil && f.stamp.settled && at == f.stamp {
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
func (k *keeper) judge(now time.Time) {
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
func (k *keeper) bound(at, now time.Time) {
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
func (k *keeper) scopes(first *keptShelf, g grants.Grant) []grants.Scope {
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
func (k *keeper) accepted(s *keptShelf, digest string, now time.Time, locks map[string]grants.Accepted, failed map[string]failedLock) grants.Accepted {
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

func (s *keptShelf) lockPath(digest string) string {
	return filepath.Join(s.locks, digest+".cache-lock")
}

// readLock reads an accepted lock, or says what is wrong with it.
func (s *keptShelf) readLock(digest string, now time.Time) (grants.Accepted, *failedLock) {
	path := s.lockPath(digest)
	text, at, err := s.guard.read(path, lock.MaxBytes, now)
	var l *lock.Lock
	if err != nil {
		err = fmt.Errorf("%s: %w", path, cause(err))
	} else {
		l, err = lock.Parse(path, text)
	}
	a := grants.ReadBack(l, err)
	if err == nil && !a.Is(digest) {
		err = errors.New("it is not the lock that was accepted, as its content has another digest")
	}
	if err != nil {
		return grants.Accepted{}, &failedLock{s, digest, at, err}
	}
	return a, nil
}

// mostTold is how many are spelled out.
const mostTold = 64

// tell works out what to say of what could not be read, and logs what is new.
func (k *keeper) tell() {
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

// renew reads the file again when it has changed, and reports whether it says
// something else.
func (s *keptShelf) renew(now time.Time) bool {
	at, err := stampOf(s.path)
	if err == nil && s.stamp.settled && at == s.stamp {
		return false
	}
	text, at, err := s.guard.read(s.path, grants.MaxBytes, now)
	s.stamp = at
	content := sha256.Sum256(text)
	if err != nil {
		content = sha256.Sum256([]byte("error: " + err.Error()))
	}
	if s.scope.Path != "" && content == s.content {
		return false
	}
	s.content = content
	s.scope = grants.Scope{Path: s.path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.scope = grants.Scope{Path: s.path, File: grants.New()}
	case err == nil:
		s.scope.File, s.scope.Err = grants.Parse(s.path, text)
	}
	s.denies = map[grants.Identity][]grants.Deny{}
	if s.scope.File != nil {
		for _, d := range s.scope.File.Denies {
			s.denies[d.Flake] = append(s.denies[d.Flake], d)
		}
	}
	return true
}

// trouble is why the file counts for nothing, with its place.
func (s *keptShelf) trouble() string {
	if at, _, _ := grants.Broken(s.scope.Err); at.File != "" {
		return s.scope.Err.Error()
	}
	text := fmt.Sprintf("%s cannot be read: %v", s.path, cause(s.scope.Err))
	if errors.Is(s.scope.Err, fs.ErrPermission) {
		text += "; the user that runs the gate has to be able to read it, and to pass through the folders on the way (`chmod a+r` the file, `chmod a+rx` its folder)"
	}
	return text
}

// forPlace is the part of the book that a gate serves: the machine's gate, whose
// key everybody's daemon believes, has nothing to do with what users grant.
func (b *grantBook) forPlace(place gatePlace) *grantBook {
	if !place.system {
		return b
	}
	out := *b
	out.shelves = slices.DeleteFunc(slices.Clone(b.shelves), func(s shelf) bool { return s.Path != filepath.Join(systemGrants, "grants.toml") })
	return &out
}

// openGate makes the gate of a place, which serves what the book says at each
// moment. Of the options those that depend on the place are filled in. With port
// 0 it is a gate for a while, at an address that nobody knows from before.
func (a *app) openGate(place gatePlace, b *grantBook, o gate.Options) (*gate.Gate, error) {
	if o.Key == nil {
		key, err := gate.ReadKey(place.keyFile())
		if err != nil {
			p := &problem{code: exitUnknown, text: err.Error(), hints: []string{"`nix-trust setup --check` says what is wrong; once the file is removed, `nix-trust setup` makes another key, for the administrator to list"}}
			if errors.Is(err, fs.ErrNotExist) {
				p.text = "the gate has no key: there is no " + place.keyFile()
				p.hints = []string{"`nix-trust setup` makes one, and shows what the administrator does once"}
			}
			return nil, p
		}
		o.Key = key
	}
	netrc, err := readNetrc(place.netrc)
	if err != nil {
		return nil, err
	}
	o.StoreDir, o.Netrc = b.store, netrc
	k := newKeeper(b.forPlace(place))
	if o.Log != nil {
		k.log = o.Log
	}
	o.Grants, o.Problems, o.Evidence = k.standings, k.problems, place.evidenceFile()
	// Under a free port nobody remembers anything.
	if _, port, err := net.SplitHostPort(place.address); err == nil && port != "0" {
		o.Address, o.Epochs = place.address, place.epochFile()
	}
	g, err := gate.New(o)
	if err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	return g, nil
}
