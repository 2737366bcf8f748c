package grants

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// A Source is the grants.toml that a plan is about, as it is now.
type Source struct {
	Path  string
	State trust.FileState
	// Shared: where the file is made, everybody may read it. The system's is
	// read by every user's programs.
	Shared bool
}

// File reads the content. No file says nothing; one that cannot be read is an
// error, and is never repaired or replaced.
func (s Source) File() (*File, error) {
	if !s.State.Exists {
		return New(), nil
	}
	return Parse(s.Path, s.State.Data)
}

// Scope is the source as Judge and Check take it.
func (s Source) Scope() Scope {
	f, err := s.File()
	return Scope{Path: s.Path, File: f, Err: err}
}

// PlanGrant is the plan that gives a grant. The concerns are those of Check;
// confirmed says that a person has confirmed those which need it.
func PlanGrant(src Source, g Grant, concerns []Concern, confirmed bool) (trust.Plan, error) {
	if !Allowed(concerns, confirmed) {
		return trust.Plan{}, refusal(concerns)
	}
	f, err := src.File()
	if err != nil {
		return trust.Plan{}, err
	}
	p := trust.Plan{Risk: trust.PlanWidens, Summary: fmt.Sprintf("Grant %s what the lock %s pins", g.Flake, g.Lock[:12])}
	old, had := f.Grant(g.Flake)
	if had && old.Lock != g.Lock {
		p.Changes = append(p.Changes, fmt.Sprintf("The lock %s replaces the accepted one, %s.", g.Lock[:12], old.Lock[:12]))
	}
	for _, c := range g.Caches {
		p.Changes = append(p.Changes, fmt.Sprintf("%s may deliver the paths that the lock pins for %s, and no other path.", c.URL, strings.Join(g.Systems, ", ")))
	}
	if g.Expires.IsZero() {
		p.Notes = append(p.Notes, "The grant does not expire.")
	} else {
		p.Notes = append(p.Notes, fmt.Sprintf("The grant expires at %s.", stamp(g.Expires)))
	}
	p.Notes = append(p.Notes, "Nix does not read grants: `nix-trust fetch`, `nix-trust exec` and the gate serve what they pin.")
	for _, c := range concerns {
		p.Notes = append(p.Notes, c.Text)
	}
	return planned(p, src, f, f.WithGrant(g))
}

// refusal is the error of a grant that may not be given.
func refusal(concerns []Concern) error {
	var blocks, confirm []string
	for _, c := range concerns {
		switch c.Weight {
		case Mentions:
		case Confirm:
			confirm = append(confirm, c.Text)
		default:
			blocks = append(blocks, c.Text)
		}
	}
	if len(blocks) > 0 {
		return errors.New("the grant cannot be given: " + strings.Join(blocks, " "))
	}
	return errors.New("the grant has to be confirmed first: " + strings.Join(confirm, " "))
}

// PlanDeny is the plan that denies a flake. A grant that it has goes.
func PlanDeny(src Source, d Deny) (trust.Plan, error) {
	f, err := src.File()
	if err != nil {
		return trust.Plan{}, err
	}
	p := trust.Plan{Risk: trust.PlanNarrows, Summary: fmt.Sprintf("Deny %s", d.Flake)}
	p.Changes = []string{"Nothing that the flake offers can be granted until that is taken back, whatever becomes of its files."}
	if _, had := f.Grant(d.Flake); had {
		p.Changes = append(p.Changes, "Its grant is taken back.")
	}
	if _, had := f.Deny(d.Flake); had {
		p.Changes = append(p.Changes, "It was denied before; the date and the note become these.")
	}
	p.Notes = []string{"Nix does not read denials: answers that it saved and caches of nix.conf go on to count. `nix-trust answers set no --from FLAKE` answers its question."}
	return planned(p, src, f, f.WithDeny(d))
}

// PlanRevoke is the plan that takes a flake's grant back.
func PlanRevoke(src Source, id Identity) (trust.Plan, error) {
	f, err := src.File()
	if err != nil {
		return trust.Plan{}, err
	}
	g, had := f.Grant(id)
	if !had {
		return trust.Plan{}, fmt.Errorf("%s has no grant in %s, so there is nothing to take back", id, src.Path)
	}
	p := trust.Plan{Risk: trust.PlanNarrows, Summary: fmt.Sprintf("Take back the grant for %s", id)}
	p.Changes = []string{fmt.Sprintf("What the lock %s pins is not served any more.", g.Lock[:12])}
	return planned(p, src, f, f.Without(id, false))
}

// PlanAllow is the plan that takes a denial back. It grants nothing.
func PlanAllow(src Source, id Identity) (trust.Plan, error) {
	f, err := src.File()
	if err != nil {
		return trust.Plan{}, err
	}
	if _, had := f.Deny(id); !had {
		return trust.Plan{}, fmt.Errorf("%s is not denied in %s", id, src.Path)
	}
	p := trust.Plan{Risk: trust.PlanNeutral, Summary: fmt.Sprintf("Deny %s no more", id)}
	p.Changes = []string{"The flake may be granted again. Nothing is granted by that."}
	next := f.clone()
	next.Denies = slices.DeleteFunc(next.Denies, func(d Deny) bool { return d.Flake == id })
	return planned(p, src, f, next)
}

// PlanPrune is the plan that drops the grants that have expired, and those of
// flakes that gone reports. Denials stay: their flake may come back.
func PlanPrune(src Source, now time.Time, gone func(Identity) bool) (trust.Plan, error) {
	f, err := src.File()
	if err != nil {
		return trust.Plan{}, err
	}
	p := trust.Plan{Risk: trust.PlanNarrows}
	next := f.clone()
	next.Grants = slices.DeleteFunc(next.Grants, func(g Grant) bool {
		switch {
		case !g.Expires.IsZero() && !now.IsZero() && !now.Before(g.Expires):
			p.Changes = append(p.Changes, fmt.Sprintf("%s: the grant expired at %s.", g.Flake, stamp(g.Expires)))
		case gone(g.Flake):
			p.Changes = append(p.Changes, fmt.Sprintf("%s: the flake is not there any more.", g.Flake))
		default:
			return false
		}
		return true
	})
	p.Summary = fmt.Sprintf("Drop %d grants that are of no use", len(p.Changes))
	if len(p.Changes) == 1 {
		p.Summary = "Drop one grant that is of no use"
	}
	return planned(p, src, f, next)
}

// planned fills in the change of the file.
func planned(p trust.Plan, src Source, before, after *File) (trust.Plan, error) {
	text, err := after.Print()
	if err != nil {
		return trust.Plan{}, err
	}
	was, err := before.Print()
	if err != nil {
		return trust.Plan{}, err
	}
	if string(was) == string(text) {
		return trust.Plan{Summary: "Nothing to change", Risk: trust.PlanNeutral}, nil
	}
	step := trust.FileChange{Path: src.Path, Before: src.State, Form: trust.FormText}
	step.After = trust.FileState{Exists: true, Data: text, Mode: src.State.Mode}
	if !src.State.Exists {
		step.After.Mode, step.Parents = 0o600, true
		if src.Shared {
			step.After.Mode = 0o644
		}
	} else if string(was) != string(src.State.Data) {
		p.Notes = append(p.Notes, "The file is written in its canonical form: comments, and an order and layout of its own, are not kept.")
	}
	p.Steps = []trust.FileChange{step}
	return p, nil
}

// Broken is a finding about a grants.toml that cannot be read.
func Broken(err error) (where nixconf.Pos, text, hint string) {
	var e *Error
	if errors.As(err, &e) {
		return e.Pos, e.Text, e.Hint
	}
	return nixconf.Pos{}, err.Error(), ""
}
