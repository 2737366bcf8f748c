package generate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// A fate is what becomes of a path. The zero fate is not to pin it.
type fate uint8

const (
	leftOut    fate = iota // nothing can be pinned
	redundant              // the host's trusted caches serve it
	pinned                 // a cache of the lock proves it
	fromLocal              // only the local store vouches for it
	remembered             // only the old lock has it still
)

// A decision is what the sayings about one path come to.
type decision struct {
	fate    fate
	pin     lock.Pin
	problem *Problem
	// refs are what the path refers to. They are needed too where the path is
	// there now; what is only remembered needs nothing.
	refs []lock.StorePath
}

// An old pin is what the lock to renew has for a path's 32 characters.
type oldPin struct {
	path lock.StorePath
	pin  lock.Pin
	own  bool // it stands in the section that is renewed
	lies bool // its content address is of another path
	// labelled says that whoever had signed it may still be asked for it.
	labelled bool
}

// settle decides about a path that is needed. says has what the voters that have
// it say, and what the local store does; old may be nil; open says that some
// voter gave no answer.
func settle(path lock.StorePath, says []saying, old *oldPin, open bool) decision {
	if p := disagreement(path, says, old); p != nil {
		return decision{problem: p, refs: followed(says)}
	}
	has := func(is func(saying) bool) bool { return slices.ContainsFunc(says, is) }
	isBad := func(s saying) bool { return s.bad }
	if i := slices.IndexFunc(says, isBad); i >= 0 {
		text := fmt.Sprintf("%s has it, and %s", says[i].who, says[i].text)
		return decision{problem: &Problem{Kind: BadSignature, Path: path, Text: text}, refs: followed(says)}
	}
	decide := func(f fate, by func(saying) bool) decision {
		pin := pinBy(says, old, by)
		return decision{fate: f, pin: pin, refs: pin.Refs}
	}
	isTrusted := func(s saying) bool { return s.trusted }
	isPinned := func(s saying) bool { return s.claimed && s.proved }
	isLocal := func(s saying) bool { return s.local }
	switch {
	case has(isTrusted):
		return decide(redundant, isTrusted)
	case has(isPinned):
		return decide(pinned, isPinned)
	case open:
		return decision{} // what the silent voter would have said decides
	case has(isLocal):
		return decide(fromLocal, isLocal)
	}
	d := remember(old)
	d.problem = absence(path, says, d.fate == remembered)
	return d
}

// settleWeak decides about a path that no cache of the lock has, and that is not
// needed.
func settleWeak(path lock.StorePath, says []saying, old *oldPin) decision {
	if old == nil {
		return decision{}
	}
	if p := disagreement(path, says, old); p != nil {
		return decision{problem: p}
	}
	return remember(old)
}

// remember keeps what the section has pinned.
func remember(old *oldPin) decision {
	if old == nil || !old.own {
		return decision{}
	}
	return decision{fate: remembered, pin: old.pin, refs: old.pin.Refs}
}

// pinBy is the pin that agreeing sayings make, signed by the keys of those that
// count. Of an old pin nothing changes, but for labels of keys that are gone.
func pinBy(says []saying, old *oldPin, counts func(saying) bool) lock.Pin {
	var pin lock.Pin
	var by []string
	for _, s := range says {
		if !counts(s) {
			continue
		}
		address := cmp.Or(pin.CA, s.pin.CA)
		pin = s.pin
		pin.CA = address
		by = append(by, s.pin.By...)
	}
	pin.By = distinct(by)
	if old != nil {
		by = pin.By
		pin = old.pin
		if !old.own || !old.labelled {
			pin.By = by
		}
	}
	return pin
}

// followed are all references that a proved saying has, to look on where an
// alarm was found.
func followed(says []saying) (refs []lock.StorePath) {
	for _, s := range says {
		if s.proved {
			refs = append(refs, s.pin.Refs...)
		}
	}
	return distinct(refs)
}

// disagreement is the problem that the old lock, the local store and whoever
// proves what he says do not all say the same as everybody else, or nil. What
// nothing proves is compared too: it is what would be offered.
func disagreement(path lock.StorePath, says []saying, old *oldPin) *Problem {
	all := says
	if old != nil {
		all = append(slices.Clip(says), saying{who: oldLock, pin: old.pin})
	}
	first := slices.IndexFunc(all, func(s saying) bool { return s.proved || s.local || s.who == oldLock })
	p := &Problem{Kind: Differs, Path: path}
	switch {
	case first < 0:
		return nil
	case old != nil && old.path != path:
		p.Text = fmt.Sprintf("the lock pins %s, which has the same hash part, and a cache has only one path under it", old.path)
	case old != nil && old.lies:
		p.Text = fmt.Sprintf("the lock says that its content address is %s, and that belongs to another path or another NAR", old.pin.CA)
	default:
		i := slices.IndexFunc(all, func(s saying) bool { return !same(all[first].pin, s.pin) })
		if i < 0 {
			return nil
		}
		p.Text = fmt.Sprintf("%s and %s differ on its %s", all[first].who, all[i].who, strings.Join(differences(all[first].pin, all[i].pin), ", its "))
	}
	for _, s := range all {
		p.Says = append(p.Says, Saying{s.who, s.pin, s.proved})
	}
	return p
}

// absence says why a path is not pinned.
func absence(path lock.StorePath, says []saying, pinned bool) *Problem {
	p := &Problem{Kind: Missing, Path: path, Text: "no cache has it"}
	for i, s := range says {
		switch {
		case i == 0:
			p.Kind, p.Text = Unproved, fmt.Sprintf("nothing proves it: %s has it, and %s", s.who, s.text)
		case !same(says[0].pin, s.pin):
			p.Text += fmt.Sprintf("; %s has something else, and %s", s.who, s.text)
		default:
			p.Text += fmt.Sprintf("; %s has it too, and %s", s.who, s.text)
		}
	}
	if pinned {
		p.Text += "; the pin that the lock has stays"
	}
	return p
}
