package trust

import (
	"crypto/sha256"
	"encoding/binary"
	"io/fs"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A Plan is a change that was computed and not yet made. It is shown, and then
// exactly it is made, or nothing: a file that is not what Before says any more
// stops it. The zero Plan changes nothing.
type Plan struct {
	Summary string   // one line: what it does
	Changes []string // what becomes different, a sentence each
	Notes   []string // what a person should know before deciding
	Steps   []FileChange
	// Commands are what has to be done besides, by the person: nix-trust shows
	// them and runs none.
	Commands []Fix
	Risk     PlanRisk
	// Residual is what still trusts the same caches and keys afterwards.
	Residual []Residual
	// Undoes is the number of the journal's entry that this plan takes back, 0
	// when it takes none back.
	Undoes int
}

// PlanRisk is how much a plan lets in. The zero value is unknown, and is to be
// confirmed like the worst.
type PlanRisk int

const (
	PlanUnknown  PlanRisk = iota
	PlanNarrows           // less is trusted than before
	PlanNeutral           // Nix asks where it did not, or nothing about trust changes
	PlanWidens            // a cache or key is trusted that was not
	PlanSweeping          // more than caches: programs, the sandbox, secrets, or everything
)

var planRisks = []string{"unknown", "narrows", "neutral", "widens", "sweeping"}

func (r PlanRisk) String() string { return word(r, planRisks) }

// With is the risk of doing both.
func (r PlanRisk) With(o PlanRisk) PlanRisk {
	if r == PlanUnknown || o == PlanUnknown {
		return PlanUnknown
	}
	return max(r, o)
}

// Residual is one thing that still trusts a cache after a plan.
type Residual struct {
	Subject string      // the URL or the key
	Where   nixconf.Pos // zero when it has no place
	Text    string      // a sentence
}

// A FileChange is what becomes of one file.
type FileChange struct {
	Path          string // absolute, as it was named; links are followed when it is applied
	Before, After FileState
	// Parents says that missing folders above the file are made, for their
	// owner alone; root's also for those who may read the file.
	Parents bool
	Form    Form
}

// FileState is a file's content, or its absence. The zero value is no file.
type FileState struct {
	Exists bool
	Data   []byte
	// Mode has the permissions. A file that exists keeps its own; a new one
	// gets these.
	Mode fs.FileMode
}

// Equal reports whether two states have the same content. Permissions do not count.
func (s FileState) Equal(o FileState) bool {
	return s.Exists == o.Exists && string(s.Data) == string(o.Data)
}

// Digest identifies the content. No file and an empty one differ.
func (s FileState) Digest() Digest {
	if !s.Exists {
		return Digest{}
	}
	return DigestOf(s.Data)
}

// Digest is a SHA-256. The zero Digest is that of no file.
type Digest [sha256.Size]byte

// DigestOf is the digest of a file with this content.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// Form is how a file's content is laid out for a person.
type Form string

const (
	FormText    Form = "text"    // line by line
	FormAnswers Form = "answers" // a trusted-settings.json, an answer a line
)

// Empty reports whether the plan changes no file.
func (p Plan) Empty() bool {
	for _, s := range p.Steps {
		if !s.Before.Equal(s.After) {
			return false
		}
	}
	return true
}

// Inverse is the plan that brings each file back to what it was, to the byte.
// Whether it may be made depends on what the files are by then.
func (p Plan) Inverse() Plan {
	inv := Plan{Summary: "Undo: " + p.Summary, Commands: p.Commands, Risk: p.Risk.inverse()}
	for _, s := range p.Steps {
		inv.Steps = append(inv.Steps, FileChange{Path: s.Path, Before: s.After, After: s.Before, Parents: s.Parents, Form: s.Form})
	}
	return inv
}

// inverse is the risk of taking a plan back: what narrowed then widens now. How
// far it widens is not known here.
func (r PlanRisk) inverse() PlanRisk {
	switch r {
	case PlanWidens, PlanSweeping:
		return PlanNarrows
	case PlanNeutral:
		return PlanNeutral
	}
	return PlanUnknown
}

// Digest identifies what the plan would do: two plans with the same digest
// change the same files in the same way and ask for the same commands.
func (p Plan) Digest() Digest {
	h := sha256.New()
	put := func(parts ...string) {
		for _, s := range parts {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(s)))
			h.Write(n[:])
			h.Write([]byte(s))
		}
	}
	flag := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	put("nix-trust plan 1", p.Risk.String())
	for _, s := range p.Steps {
		before, after := s.Before.Digest(), s.After.Digest()
		put("file", s.Path, string(before[:]), string(after[:]), s.After.Mode.String(), flag(s.Before.Exists), flag(s.After.Exists), flag(s.Parents))
	}
	for _, c := range p.Commands {
		put("command", c.File, c.Command, flag(c.Admin))
	}
	return Digest(h.Sum(nil))
}
