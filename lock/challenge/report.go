package challenge

import (
	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Report is what each voter says of each path.
type Report struct {
	Voters  []Voter // all that were configured, whether they answered or not
	Items   []Item  // by path
	Require int     // how many distinct voters have to agree
}

// A Voter is somebody who may say what the bytes of a path are.
type Voter struct {
	Kind VoterKind
	Name string // a cache's or node's URL, or "the local store", "the lock", "a rebuild"
}

// A VoterKind is what a voter is.
type VoterKind uint8

const (
	Cache VoterKind = iota
	Store
	Lock
	Rebuild
	Trustix
)

func (k VoterKind) String() string {
	return [...]string{"cache", "store", "lock", "rebuild", "trustix"}[min(k, Trustix)]
}

// An Item is one path and what was said of it.
type Item struct {
	Path    lock.StorePath
	Verdict Verdict
	Text    string // a sentence: why it is this verdict
	Votes   []Vote // one for each voter, in the order of Report.Voters
	// Sides has the votes that say the same, those with the most distinct
	// voters first. More than one is a mismatch.
	Sides []Side
}

// A Side is the votes that say the same of a path.
type Side struct {
	Votes []int // indexes into Item.Votes and Report.Voters, ascending
	// Distinct is how many of them are distinct voters; see distinct.
	Distinct int
}

// A Verdict is what the votes on one path come to. The zero value is no match.
type Verdict uint8

const (
	Inconclusive Verdict = iota // fewer distinct voters than required, and nobody objects
	Match                       // enough distinct voters say the same, and nobody says otherwise
	Mismatch                    // two voters say different things
	Absent                      // every voter could be asked, and none has it
)

func (v Verdict) String() string {
	switch v {
	case Match:
		return "match"
	case Mismatch:
		return "mismatch"
	case Absent:
		return "absent"
	}
	return "inconclusive"
}

// A Vote is what one voter says of one path.
type Vote struct {
	Answer Answer
	Text   string // a sentence; what it quotes from outside is quoted

	// The rest is set when Answer is Said.
	NAR       lock.Hash
	Size      int64
	Refs      []lock.StorePath // sorted
	RefsKnown bool
	// Signed is what the signatures are worth by the keys of all caches and
	// those of Options.Keys, and By the names of the keys that fit. A lie that is
	// signed is graver: its signer has made or checked it.
	Signed bincache.Verdict
	By     []string
	// Split says that somebody whom the voter speaks for says otherwise: of a
	// Trustix node, some of its logs. Then nothing matches.
	Split bool
	// Kept is where the output of a rebuild that differs was left.
	Kept lock.StorePath

	marks   []string          // see distinct
	nowhere bool              // a pin, or a copy that came from nobody knows where
	cache   *bincache.Cache   // that said it
	info    *bincache.NarInfo // what it said
}

// An Answer is whether, and how, a voter answered. The zero value says nothing.
type Answer uint8

const (
	Silent      Answer = iota // nothing was determined
	Said                      // what the bytes are
	Missing                   // it does not have the path
	Unreachable               // no whole answer
	Misbehaved                // an answer that must not be believed
	Abstains                  // it has no say on this path: a rebuild of what is not built
)

func (a Answer) String() string {
	switch a {
	case Said:
		return "said"
	case Missing:
		return "absent"
	case Unreachable:
		return "unreachable"
	case Misbehaved:
		return "misbehaved"
	case Abstains:
		return "abstains"
	}
	return "unknown"
}

// Forged reports whether the signature is under a known name and the key of
// that name did not make it. Such a vote never counts as agreeing.
func (v Vote) Forged() bool {
	return v.Signed == bincache.BadSignature || v.Signed == bincache.WrongKey
}

// same reports whether two votes say the same. References that are not known
// are not compared.
func (v Vote) same(o Vote) bool {
	if v.NAR.IsZero() || v.NAR != o.NAR || v.Size != o.Size {
		return false
	}
	return !v.RefsKnown || !o.RefsKnown || sameRefs(v.Refs, o.Refs)
}

// Counts returns how many items have each verdict.
func (r *Report) Counts() map[Verdict]int {
	counts := map[Verdict]int{}
	for _, item := range r.Items {
		counts[item.Verdict]++
	}
	return counts
}

// Outcome sums up: Mismatch when there is one, Match when there are items and
// all of them match, otherwise Inconclusive.
func (r *Report) Outcome() Verdict {
	if r == nil || len(r.Items) == 0 {
		return Inconclusive
	}
	counts := r.Counts()
	switch {
	case counts[Mismatch] > 0:
		return Mismatch
	case counts[Match] == len(r.Items):
		return Match
	}
	return Inconclusive
}
