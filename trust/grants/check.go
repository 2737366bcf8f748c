package grants

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Proposal is a grant that somebody is about to give, with all that decides
// whether it may be given. What is left out counts as unknown and blocks.
type Proposal struct {
	Grant Grant
	Lock  *lock.Lock // whose digest the grant has
	// Source is the narHash of the flake's source tree, needed for a detached lock.
	Source lock.Hash
	Now    time.Time
	Scopes []Scope // as they are before
	// Before is the lock that was accepted for this flake until now, nil when
	// there was none.
	Before *lock.Lock
	// Others is what may be served already, this flake's own grant aside.
	Others *Pool
	// Hidden are the flakes whose grants could not be read back for Others.
	Hidden  []Identity
	Trusted Comparison
}

// A Comparison is what the caches that the machine trusts anyway have for the
// pinned paths. Asking them is the caller's work.
type Comparison struct {
	// Known says that Caches are all caches that the machine trusts. No cache
	// may be trusted at all, but that has to be known.
	Known bool
	// Doubt says, in a sentence, why there may be more of them than could be
	// seen; "" when there is no doubt.
	Doubt  string
	Caches []string // URLs
	Keys   []string // the public keys that the machine believes
	// Without are those of Caches that the person chose not to ask.
	Without []string
	Answers []Answer
}

// An Answer is what one trusted cache has for one path.
type Answer struct {
	Cache string // its URL, one of Comparison.Caches
	Path  lock.StorePath
	Has   Presence
	Pin   lock.Pin // for Present
	Text  string   // for Different: what is different, as "narHash: …"
}

// A Presence says whether a cache has a path. The zero Presence is unknown.
type Presence uint8

const (
	PresenceUnknown Presence = iota
	Absent
	Present   // Pin is what it has
	Different // it has something else than is pinned, as Text says
)

// A Weight says what an objection does to a grant. The zero Weight blocks.
type Weight uint8

const (
	Blocks   Weight = iota // the grant cannot be given
	Confirm                // a person has to have read it, apart from the plan
	Mentions               // it is said
)

// A Concern is one thing that stands against a grant, or is to be known.
type Concern struct {
	Kind   ConcernKind
	Weight Weight
	Path   lock.StorePath // "" when it is not about one
	Cache  string         // "" when it is not about one
	Text   string         // a sentence
}

// A ConcernKind is the stable word for a concern.
type ConcernKind string

const (
	ConcernInvalid      ConcernKind = "invalid"        // grant and lock do not fit together or are none, or a key proves nothing
	ConcernNoPins       ConcernKind = "no-pins"        // nothing is pinned for a granted system
	ConcernDenied       ConcernKind = "denied"         // the flake is denied
	ConcernUnread       ConcernKind = "unread"         // a grants file was not read
	ConcernOtherSource  ConcernKind = "other-source"   // a detached lock of another source tree
	ConcernSource       ConcernKind = "source-unknown" // a detached lock, and the source is not known
	ConcernKeyClash     ConcernKind = "key-name-clash" // a believed key's name with other bytes
	ConcernForeignCache ConcernKind = "foreign-cache"  // a cache or key that the lock does not name
	ConcernNoKeys       ConcernKind = "no-keys"        // a cache without keys
	ConcernDiffers      ConcernKind = "differs"        // a trusted cache has other bytes for a pinned path
	ConcernNotCompared  ConcernKind = "not-compared"   // whether one has is not known
	ConcernUnseen       ConcernKind = "unseen"         // more may be trusted or granted than could be seen
	ConcernLeftOut      ConcernKind = "left-out"       // the person chose not to ask one
	ConcernRedundant    ConcernKind = "redundant"      // trusted caches have it anyway, with the same bytes
	ConcernConflict     ConcernKind = "conflict"       // another grant pins other bytes
	ConcernRehashed     ConcernKind = "rehashed"       // other bytes than in the lock accepted before
	ConcernRollback     ConcernKind = "rollback"       // older than the lock accepted before
)

// Check lists what stands against a grant, what blocks first. A grant may be
// given only when nothing blocks it; see Allowed.
func Check(p Proposal) []Concern {
	c := &checker{Proposal: p}
	if c.fit() {
		c.standing()
		c.source()
		c.keys()
		c.trusted()
		c.conflicts()
		c.before()
	}
	slices.SortStableFunc(c.list, func(a, b Concern) int {
		return cmp.Or(cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Cache, b.Cache))
	})
	return c.list
}

// Allowed reports whether a grant may be given: nothing blocks it, and what has
// to be confirmed was.
func Allowed(concerns []Concern, confirmed bool) bool {
	for _, c := range concerns {
		if c.Weight == Blocks || c.Weight == Confirm && !confirmed || c.Weight > Mentions {
			return false
		}
	}
	return true
}

type checker struct {
	Proposal
	pins map[lock.StorePath]lock.Pin
	list []Concern
}

func (c *checker) add(w Weight, k ConcernKind, path lock.StorePath, cache, format string, args ...any) {
	c.list = append(c.list, Concern{k, w, path, cache, fmt.Sprintf(format, args...)})
}

// fit looks at whether grant and lock belong together. Without that nothing
// else can be said.
func (c *checker) fit() bool {
	g := c.Grant
	if err := g.check(); err != nil {
		c.add(Blocks, ConcernInvalid, "", "", "The grant is not a valid one: %v.", err)
		return false
	}
	if c.Lock == nil {
		c.add(Blocks, ConcernInvalid, "", "", "There is no lock to accept.")
		return false
	}
	digest, err := c.Lock.Digest()
	switch {
	case err != nil:
		c.add(Blocks, ConcernInvalid, "", "", "The lock is not a valid one: %v.", err)
		return false
	case digest != g.Lock:
		c.add(Blocks, ConcernInvalid, "", "", "The grant is for the lock %s, and this is the lock %s.", g.Lock, digest)
		return false
	}
	switch {
	case c.Now.IsZero() || c.Now.Before(g.Granted):
		c.add(Blocks, ConcernInvalid, "", "", "The grant would begin at %s, which is not now.", stamp(g.Granted))
	case !g.Expires.IsZero() && !c.Now.Before(g.Expires):
		c.add(Blocks, ConcernInvalid, "", "", "The grant would have expired already, at %s.", stamp(g.Expires))
	}
	for _, system := range g.Systems {
		if s := c.Lock.Systems[system]; s == nil || len(s.Paths) == 0 {
			c.add(Blocks, ConcernNoPins, "", "", "The lock pins nothing for %s, so there is nothing to grant.", system)
		}
	}
	c.pins = pinsOf(c.Lock, g.Systems)
	return true
}

func (c *checker) standing() {
	if len(c.Scopes) == 0 {
		c.add(Blocks, ConcernUnread, "", "", "The grants that there are were not looked at.")
	}
	for _, s := range c.Scopes {
		if s.Err != nil || s.File == nil || s.File.Version != Version {
			c.add(Blocks, ConcernUnread, "", "", "%s could not be read, and may deny this flake.", s.Path)
			continue
		}
		if d, ok := s.File.Deny(c.Grant.Flake); ok {
			c.add(Blocks, ConcernDenied, "", "", "The flake was denied on %s, in %s. Take that back first.", day(d.Since), s.Path)
		}
	}
}

func (c *checker) source() {
	switch {
	case c.Lock.Source.IsZero() || c.Lock.Source == c.Source:
	case c.Source.IsZero():
		c.add(Blocks, ConcernSource, "", "", "The lock is for one source tree, %s, and what the flake's source is could not be determined.", c.Lock.Source)
	default:
		c.add(Blocks, ConcernOtherSource, "", "", "The lock is for the source tree %s, and the flake's is %s.", c.Lock.Source, c.Source)
	}
}

// keys looks at the caches and keys that the grant names.
func (c *checker) keys() {
	believed := bincache.NewKeyring(c.Trusted.Keys)
	for _, cache := range c.Grant.Caches {
		i := slices.IndexFunc(c.Lock.Caches, func(o lock.Cache) bool { return o.URL == cache.URL })
		if i < 0 {
			c.add(Confirm, ConcernForeignCache, "", cache.URL, "The lock does not name the cache %s.", cache.URL)
		}
		if len(cache.Keys) == 0 {
			c.add(Mentions, ConcernNoKeys, "", cache.URL, "No key is named for %s: what it delivers is held against the pins alone.", cache.URL)
		}
		for _, text := range cache.Keys {
			// fit has refused keys that cannot be read and those that anybody can sign for.
			k, _ := bincache.ParsePublicKey(text)
			if have, _, ok := believed.Find(k.Name); ok && !bytes.Equal(have.Key, k.Key) {
				c.add(Blocks, ConcernKeyClash, "", cache.URL, "The machine believes another key that is called %s. Find out which is the cache's own.", k.Name)
			}
			if i >= 0 && !slices.Contains(c.Lock.Caches[i].Keys, text) {
				c.add(Confirm, ConcernForeignCache, "", cache.URL, "The lock does not name the key %s for %s.", k.Name, cache.URL)
			}
		}
	}
}

// trusted holds each pin against what the caches that the machine trusts
// anyway have. A lock must not shadow that.
func (c *checker) trusted() {
	t := c.Trusted
	if !t.Known {
		c.add(Blocks, ConcernNotCompared, "", "", "Which caches this machine trusts anyway is not known, so nothing could be compared with them.")
		return
	}
	if t.Doubt != "" {
		c.add(Confirm, ConcernUnseen, "", "", "The machine may trust more caches than could be compared with. %s", t.Doubt)
	}
	said := map[string]map[lock.StorePath]Presence{}
	same := map[lock.StorePath]bool{}
	for _, a := range t.Answers {
		pin, pinned := c.pins[a.Path]
		if !pinned {
			continue
		}
		if said[a.Cache] == nil {
			said[a.Cache] = map[lock.StorePath]Presence{}
		}
		// A second answer never improves the first.
		if before, twice := said[a.Cache][a.Path]; !twice || before != PresenceUnknown {
			said[a.Cache][a.Path] = a.Has
		}
		switch {
		case a.Has == Different:
			c.add(Blocks, ConcernDiffers, a.Path, a.Cache, "%s has something else for %s than is pinned: %s.", a.Cache, a.Path, cmp.Or(a.Text, "other bytes"))
		case a.Has == Present && !sameBytes(a.Pin, pin):
			c.add(Blocks, ConcernDiffers, a.Path, a.Cache, "%s has other bytes for %s than are pinned: %s, and the pin is %s.", a.Cache, a.Path, describe(a.Pin), describe(pin))
		case a.Has == Present:
			same[a.Path] = true
		}
	}
	for _, cache := range t.Caches {
		if slices.Contains(t.Without, cache) {
			c.add(Confirm, ConcernLeftOut, "", cache, "%s is trusted anyway and was not asked, so the lock may say other bytes than it has.", cache)
			continue
		}
		c.unanswered(cache, said[cache])
	}
	if len(same) > 0 {
		c.add(Mentions, ConcernRedundant, "", "", "%d of %d pinned paths are in caches that the machine trusts anyway, with the same bytes.", len(same), len(c.pins))
	}
}

// unanswered counts the paths that a cache gave no clear answer for.
func (c *checker) unanswered(cache string, said map[lock.StorePath]Presence) {
	open, example := 0, lock.StorePath("")
	for _, path := range slices.Sorted(maps.Keys(c.pins)) {
		if said[path] == PresenceUnknown {
			if open == 0 {
				example = path
			}
			open++
		}
	}
	if open > 0 {
		c.add(Blocks, ConcernNotCompared, example, cache, "What %s has for %d of the pinned paths is not known, %s among them.", cache, open, example)
	}
}

// sameBytes compares a pin with what a cache has. A content address that only
// one of them states is no difference.
func sameBytes(a, b lock.Pin) bool {
	if a.CA == "" || b.CA == "" {
		a.CA, b.CA = "", ""
	}
	return a.Same(b)
}

func describe(p lock.Pin) string {
	return fmt.Sprintf("%s, %d bytes, %d references", p.NAR, p.Size, len(p.Refs))
}

func (c *checker) conflicts() {
	for _, id := range c.Hidden {
		c.add(Confirm, ConcernUnseen, "", "", "What the grant for %s pins could not be read, so whether the two disagree is not known.", id)
	}
	for _, path := range slices.Sorted(maps.Keys(c.pins)) {
		if o, ok := c.Others.Find(path.Digest()); ok && (o.Path != path || !o.Pin.Same(c.pins[path])) {
			c.add(Blocks, ConcernConflict, path, "", "The grant for %s pins %s to %s, and this lock says %s for %s; neither would be served.",
				o.By[0], o.Path, describe(o.Pin), describe(c.pins[path]), path)
		}
	}
}

// before compares with what was accepted until now.
func (c *checker) before() {
	for _, s := range c.Scopes {
		if g, ok := s.File.Grant(c.Grant.Flake); ok && slices.Contains(g.Replaced, c.Grant.Lock) {
			c.add(Confirm, ConcernRollback, "", "", "This lock was accepted before and then replaced: giving the grant goes back to it.")
		}
	}
	if c.Before == nil {
		return
	}
	for _, ch := range lock.Compare(c.Before, c.Lock) {
		switch {
		case ch.Class.Alarm():
			c.add(Confirm, ConcernRehashed, lock.StorePath(ch.New), "", "%s is pinned to other bytes than in the lock that was accepted before: %s, and it was %s. No honest update does that to a path whose name comes from how it is built.",
				ch.New, describe(ch.NewPin), describe(ch.OldPin))
		case ch.Class == lock.ClassOutputOlder:
			c.add(Confirm, ConcernRollback, lock.StorePath(ch.New), "", "%s goes back to an older version, from %s to %s.", ch.Subject, ch.Old, ch.New)
		}
	}
}
