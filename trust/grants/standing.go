package grants

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

// A State is how a grant stands against what its flake offers now. The zero
// State is unknown, and nothing but Active serves anything.
type State uint8

const (
	Unknown     State = iota // something that decides was not looked at
	Active                   // what was accepted is what is on offer
	Stale                    // another lock is on offer
	Rollback                 // an older lock is on offer
	Expired                  // its time is over
	NotYet                   // it was granted after now: a clock was turned
	Denied                   // the flake is denied
	LockMissing              // the flake offers no lock any more
	FlakeGone                // the flake is not there any more
	Unreadable               // a file that decides cannot be read, or is not what it was
	NotGranted               // there is no grant for this flake
)

var states = [...]string{"unknown", "active", "stale", "rollback", "expired", "not-yet", "denied", "lock-missing", "flake-gone", "unreadable", "not-granted"}

// String is the state's stable word.
func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return states[Unknown]
}

// A Scope is one grants.toml as it was read: the system's or the user's. The
// zero Scope was not looked at, and makes every standing unknown.
type Scope struct {
	Path string
	File *File // nil when Err says why; of a file that is not there, New
	Err  error
}

// An Accepted is the accepted lock as it was read back. The zero Accepted was
// not looked at.
type Accepted struct {
	lock   *lock.Lock
	digest string
	err    error
}

// ReadBack takes the lock that lies under a grant's digest, or the error that
// kept it from being read. The digest is computed again: what the file is
// called proves nothing.
func ReadBack(l *lock.Lock, err error) Accepted {
	if err != nil {
		return Accepted{err: err}
	}
	if l == nil {
		return Accepted{err: errors.New("it is not there")}
	}
	digest, err := l.Digest()
	return Accepted{lock: l, digest: digest, err: err}
}

// Lock is the lock that was read, or nil.
func (a Accepted) Lock() *lock.Lock { return a.lock }

// Is reports whether it is the lock with a digest.
func (a Accepted) Is(digest string) bool {
	return a.err == nil && a.lock != nil && digest != "" && a.digest == digest
}

// An OfferState says what was found where a flake's lock belongs.
type OfferState uint8

const (
	OfferUnknown    OfferState = iota // not looked at
	OfferRead                         // a lock
	OfferMissing                      // the flake is there, and has no lock
	OfferUnreadable                   // something that cannot be read or is no lock
	OfferFlakeGone                    // the flake itself is not there
	// OfferNone: the lock was handed over by itself, and there is no place where
	// another could be on offer; or who asks serves what was accepted whatever
	// the flake has become, and says so.
	OfferNone
)

// An Offer is the lock that a flake offers now.
type Offer struct {
	State OfferState
	Lock  *lock.Lock // for OfferRead
	Err   error      // for OfferUnreadable
	Where string     // the file, for a person
	// Source is the narHash of the flake's source tree as it is now, zero when
	// it is not known. Only a detached lock depends on it.
	Source lock.Hash
}

// A Standing is how one grant stands. The zero Standing is unknown, and serves
// nothing.
type Standing struct {
	State State
	Grant Grant // the zero Grant for NotGranted
	Text  string
	// Diff is what the lock on offer changes, for Stale and Rollback. Its
	// gravest change is the first one.
	Diff lock.Diff
	// served is the accepted lock, for Active alone.
	served *lock.Lock
}

// Judge finds how a flake stands: by the first of the scopes that has a grant
// for it, while a denial in any of them outweighs all grants. accepted is the
// lock under the grant's digest.
func Judge(id Identity, scopes []Scope, now time.Time, accepted Accepted, offer Offer) Standing {
	if len(scopes) == 0 || id == "" {
		return Standing{Text: "No grants were looked at, so nothing is known to be granted."}
	}
	for _, s := range scopes {
		switch {
		case s.Err != nil:
			return Standing{State: Unreadable, Text: fmt.Sprintf("Nothing counts while %s cannot be read: %v.", s.Path, s.Err)}
		case s.File == nil || s.File.Version != Version:
			return Standing{Text: "The grants were not looked at, so nothing is known to be granted."}
		}
	}
	out := Standing{State: NotGranted, Text: "There is no grant for this flake."}
	for _, s := range scopes {
		if g, ok := s.File.Grant(id); ok {
			out.Grant = g
			break
		}
	}
	for _, s := range scopes {
		if d, ok := s.File.Deny(id); ok {
			out.State, out.Text = Denied, fmt.Sprintf("The flake was denied on %s, in %s.", day(d.Since), s.Path)
			if d.Note != "" {
				out.Text += fmt.Sprintf(" The note: %q.", d.Note)
			}
			return out
		}
	}
	if out.Grant.Flake != "" {
		out.judge(now, accepted, offer)
	}
	return out
}

// judge fills in the state of a grant that no denial stands against.
func (s *Standing) judge(now time.Time, accepted Accepted, offer Offer) {
	g := s.Grant
	set := func(state State, format string, args ...any) {
		s.State, s.Text = state, fmt.Sprintf(format, args...)
	}
	switch {
	case g.check() != nil:
		set(Unreadable, "The grant is not a valid one: %v.", g.check())
	case now.IsZero():
		set(Unknown, "What time it is was not told, so whether the grant has expired is not known.")
	case now.Before(g.Granted):
		set(NotYet, "It was granted at %s, which is still to come: the clock was turned back, or was wrong then.", stamp(g.Granted))
	case !g.Expires.IsZero() && !now.Before(g.Expires):
		set(Expired, "The grant expired at %s.", stamp(g.Expires))
	case accepted.err != nil:
		set(Unreadable, "The accepted lock cannot be read: %v.", accepted.err)
	case accepted.lock == nil:
		set(Unknown, "The accepted lock was not looked at.")
	case accepted.digest != g.Lock:
		set(Unreadable, "The accepted lock is not the one that was accepted any more: its digest is %s, and the grant has %s.", accepted.digest, g.Lock)
	default:
		s.judgeOffer(accepted.lock, offer)
	}
}

// judgeOffer compares what was accepted with what is on offer.
func (s *Standing) judgeOffer(accepted *lock.Lock, offer Offer) {
	set := func(state State, format string, args ...any) {
		s.State, s.Text = state, fmt.Sprintf(format, args...)
	}
	active := func(text string) {
		set(Active, "%s", text)
		s.served = accepted
	}
	switch offer.State {
	case OfferNone:
		active("The lock that was accepted counts; no other is looked for.")
		return
	case OfferRead:
	case OfferMissing:
		set(LockMissing, "The flake has no lock any more%s; the accepted one does not count without it.", in(offer.Where))
		return
	case OfferUnreadable:
		set(Unreadable, "The lock that the flake offers%s cannot be read: %v.", in(offer.Where), offer.Err)
		return
	case OfferFlakeGone:
		set(FlakeGone, "The flake is not there any more.")
		return
	default:
		set(Unknown, "Which lock the flake offers now was not looked at.")
		return
	}
	if offer.Lock == nil {
		set(Unknown, "Which lock the flake offers now was not looked at.")
		return
	}
	digest, err := offer.Lock.Digest()
	if err != nil {
		set(Unreadable, "The lock that the flake offers%s is not valid: %v.", in(offer.Where), err)
		return
	}
	switch {
	case digest == s.Grant.Lock && accepted.Source.IsZero():
		active("The lock on offer is the one that was accepted.")
	case digest == s.Grant.Lock && offer.Source.IsZero():
		set(Unknown, "The lock belongs to one source tree alone, and what the flake's source is now is not known.")
	case digest == s.Grant.Lock && offer.Source == accepted.Source:
		active("The lock on offer is the one that was accepted, and the flake's source is the one that it belongs to.")
	case digest == s.Grant.Lock:
		set(Stale, "The flake's source has changed since, and the accepted lock belongs to the source as it was.")
	default:
		s.compare(digest, accepted, offer.Lock)
	}
}

// compare tells a rollback from another lock.
func (s *Standing) compare(digest string, accepted, offered *lock.Lock) {
	s.Diff = lock.Compare(accepted, offered)
	s.State = Stale
	s.Text = fmt.Sprintf("The flake offers another lock than the one that was accepted; the two have %d differences.", len(s.Diff))
	if len(s.Diff) == 1 {
		s.Text = "The flake offers another lock than the one that was accepted; the two have one difference."
	}
	older := s.Diff.Count(lock.ClassOutputOlder)
	for _, old := range s.Grant.Replaced {
		if old == digest {
			s.State = Rollback
			s.Text = "The flake offers a lock that was accepted before and then replaced."
			break
		}
	}
	if s.State == Stale && older > 0 {
		s.State = Rollback
		s.Text = fmt.Sprintf("The flake offers a lock with older versions than the accepted one has, of %d outputs.", older)
	}
	if s.Diff.Alarm() {
		s.Text += " It says other bytes for a path that was accepted, which no honest update does."
	}
}

// Serves reports whether anything of the grant may be served.
func (s Standing) Serves() bool { return s.State == Active && s.served != nil }

// Pins are what may be served: the pins of the granted systems, and none unless
// the grant is active.
func (s Standing) Pins() map[lock.StorePath]lock.Pin {
	if !s.Serves() {
		return nil
	}
	return pinsOf(s.served, s.Grant.Systems)
}

// Count is how many pins there are.
func (s Standing) Count() int {
	if s.Serves() && len(s.Grant.Systems) == 1 {
		if section := s.served.Systems[s.Grant.Systems[0]]; section != nil {
			return len(section.Paths)
		}
	}
	return len(s.Pins())
}

// pinsOf are a valid lock's pins for some systems. In one lock a path has one
// pin, whichever systems list it.
func pinsOf(l *lock.Lock, systems []string) map[lock.StorePath]lock.Pin {
	out := map[lock.StorePath]lock.Pin{}
	for _, system := range systems {
		if section := l.Systems[system]; section != nil {
			maps.Copy(out, section.Paths)
		}
	}
	return out
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func in(where string) string {
	if where == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", where)
}
