package verify

import "github.com/nix-trust/nix-trust/lock"

// A Report is what the caches of a lock have for its pins.
type Report struct {
	Pins []Pin // by path
}

// A Pin is one pinned path and what each cache of the lock has for it.
type Pin struct {
	Path    lock.StorePath
	Systems []string // of those asked for, the ones that list it
	Pin     lock.Pin
	Verdict Verdict
	Answers []Answer // in the order of the lock's caches
}

// settle finds the verdict on a pin: Verified when a cache proves it and none
// has something else, otherwise the gravest of the answers. Unknown outweighs
// what is not bad: that cache may have anything.
func settle(answers []Answer) Verdict {
	var has [Mismatch + 1]bool
	for _, a := range answers {
		has[a.Verdict] = true
	}
	for _, v := range []Verdict{Mismatch, Verified, WrongKey, BadSignature, Unknown, Unreachable, Misbehaved, UnknownSigner, Unsigned, Absent} {
		if has[v] {
			return v
		}
	}
	return Unknown
}

// An Outcome is a report in one word. The zero value is not fine.
type Outcome uint8

const (
	Undetermined Outcome = iota // a cache did not answer, or there was nothing to ask
	Unproved                    // no cache has, or proves, some pin
	Bad                         // something is wrong: a hash, size, reference or signature
	Fine                        // every pin is verified, and every cache answered
)

func (o Outcome) String() string {
	switch o {
	case Unproved:
		return "unproved"
	case Bad:
		return "bad"
	case Fine:
		return "fine"
	}
	return "undetermined"
}

// Outcome sums up. A wrong hash or signature in any cache is Bad, also where
// another cache proves the pin. A cache that did not answer makes the whole
// Undetermined, as it may have something else; what no cache has is said first.
func (r *Report) Outcome() Outcome {
	if r == nil || len(r.Pins) == 0 {
		return Undetermined
	}
	outcome := Fine
	for _, p := range r.Pins {
		open := len(p.Answers) == 0
		for _, a := range p.Answers {
			if a.Verdict.Bad() {
				return Bad
			}
			open = open || a.Verdict.Open()
		}
		switch {
		case p.Verdict.Bad():
			return Bad
		case p.Verdict != Verified && !open:
			outcome = Unproved
		case open && outcome == Fine:
			outcome = Undetermined
		}
	}
	return outcome
}

// Counts returns how many pins have each verdict.
func (r *Report) Counts() map[Verdict]int {
	counts := map[Verdict]int{}
	for _, p := range r.Pins {
		counts[p.Verdict]++
	}
	return counts
}
