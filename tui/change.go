package tui

import (
	"context"
	"errors"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust"
)

// A ChangeBackend works out changes and makes them. With a Backend that is
// none nothing can be changed. Every method is called outside the program's
// loop, and nobody changes what it returned.
type ChangeBackend interface {
	// Asks says who would learn of what while a plan is worked out, before
	// anybody is asked. It is called for Grant alone.
	Asks(ctx context.Context, a Action) (Told, error)
	// Plan works out what an action would do. It changes nothing. progress may
	// be called by any goroutine.
	Plan(ctx context.Context, a Action, progress func(done, all int)) (trust.Plan, error)
	// Apply makes a plan's changes, all or none, and returns the number that
	// the journal has it under. The error is ErrMoved when a file is not any
	// more what the plan was made from.
	Apply(ctx context.Context, p trust.Plan) (n int, err error)
	// History reads the journal.
	History(ctx context.Context) (History, error)
	// Entry is one plan of the journal as it was made.
	Entry(ctx context.Context, n int) (trust.Plan, error)
	// Grants reads what was granted and denied, and how it stands.
	Grants(ctx context.Context) (GrantList, error)
}

// ErrMoved says that a file is not any more what a plan was made from, so that
// nothing was written.
var ErrMoved = errors.New("a file was changed since the change was worked out")

// An Action is what a person wants to have changed. The zero Action is none,
// and no plan is made for it.
type Action struct {
	Kind ActionKind
	// Flake is whose settings are answered, or who is granted or denied.
	Flake trust.FlakeID
	// Setting and Value are one answer; both "" for what Flake asks.
	Setting, Value string
	Item           string // the cache or key whose answers are forgotten
	Grant          string // a grant or denial as it is listed; "" to take Flake's
	Entry          int    // of the journal; 0 for the latest that is in force
}

// An ActionKind is what an Action does.
type ActionKind int

const (
	NoAction  ActionKind = iota
	AnswerYes            // save a yes, to one value or to the caches that a flake asks for
	AnswerNo             // save a no, to one value or to all that a flake asks for
	Forget               // forget one answer, or each that has a cache or key
	Orphans              // forget each answer that no known flake asks for
	Grant                // accept a flake's lock
	Deny                 // let nothing of a flake be granted
	Allow                // take a denial back
	Revoke               // take a grant back
	Prune                // drop grants that are of no use any more
	Undo                 // take an entry of the journal back
)

// Told is who learns that the user uses some paths.
type Told struct {
	Hosts   []string
	Folders int // caches that are folders of this machine
	Paths   int
}

// A History is what a journal says.
type History struct {
	File    string
	Entries []Entry  // oldest first
	Damage  []string // a sentence for each line that cannot be read
}

// An Entry is one plan of the journal.
type Entry struct {
	N        int
	Time     time.Time
	Summary  string
	Changes  []string
	Risk     trust.PlanRisk
	State    EntryState
	Undoes   int // the entry that it took back, 0 for none
	UndoneBy int // the entry that took it back, 0 for none
	Files    []string
}

// EntryState is what became of an entry. The zero value is unknown.
type EntryState int

const (
	EntryUnclear     EntryState = iota // stopped in the middle, and the files were changed since
	EntryApplied                       // it was made
	EntryNotApplied                    // it was refused or failed: nothing was changed
	EntryInterrupted                   // stopped in the middle, or still at it
	EntryPartly                        // stopped in the middle: some of the files were changed
)

// A GrantList is what was granted and denied.
type GrantList struct {
	Files    []string // that were read
	Items    []GrantItem
	Problems []string // sentences: files that cannot be read. Nothing counts then.
	Alarms   []string // sentences: grants that disagree about a path
}

// A GrantItem is one grant or denial. The zero GrantItem stands for nothing
// that counts.
type GrantItem struct {
	Flake  string // its identity
	File   string
	Own    bool // it is in the file that this user may change
	Denied bool
	Counts bool   // a grant that serves what it pins
	State  string // in a word: "active", "stale"
	Text   string // the same in a sentence
	// Unsure says that how it stands is not known.
	Unsure  bool
	Alarm   bool      // the lock on offer has other bytes for an accepted path
	Since   time.Time // granted or denied
	Expires time.Time // zero for never
	Note    string
	Seen    string // the folder in which the flake was
	Lock    string // digest
	Caches  []lock.Cache
	Systems []string
	Paths   int       // that may be served
	Diff    lock.Diff // from the accepted lock to the one on offer
}
