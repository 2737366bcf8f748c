package operation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A System is the machine's own files as they are now, and how they are read.
type System struct {
	Conf     string // the daemon's nix.conf, absolute
	Home     string // root's, whose own nix.conf the daemon reads too
	Version  nixconf.Version
	Platform trust.Platform
	Files    nixconf.Files
	Read     func(path string) (trust.FileState, error)
	// Owned reports that a file is made by another program, which would undo a
	// change of it. It is asked about files that are there.
	Owned   func(path string, text []byte) bool
	Answers trust.AnswersSource // root's
	Grants  grants.Source       // the system's
	Now     time.Time
	// Report is what is known of the machine, for what stays trusted. Nil is
	// nothing, and that is said.
	Report *trust.Report
}

// Plan works out what the operations change. Where a file belongs to another
// program it is left alone, and the plan's commands say what to write where. An
// error says why nothing may be changed.
func (s System) Plan(ops []Operation) (trust.Plan, error) {
	if err := checkAll(ops); err != nil {
		return trust.Plan{}, err
	}
	all := trust.Plan{Risk: trust.PlanNarrows}
	for _, part := range []func([]Operation) (trust.Plan, error){s.planConf, s.planAnswers, s.planGrants} {
		p, err := part(ops)
		if err != nil {
			return trust.Plan{}, err
		}
		if p.Summary == "" {
			continue // no operation was about it
		}
		all.Steps = append(all.Steps, p.Steps...)
		all.Changes = append(all.Changes, p.Changes...)
		all.Commands = append(all.Commands, p.Commands...)
		all.Notes = appendNew(all.Notes, p.Notes...)
		all.Residual = appendNew(all.Residual, p.Residual...)
		all.Risk = all.Risk.With(p.Risk)
	}
	switch {
	case all.Empty() && len(all.Commands) == 0:
		all.Summary, all.Risk = "Nothing to change", trust.PlanNeutral
	case all.Empty():
		all.Summary, all.Risk = "Nothing is changed here: what it takes is shown below", trust.PlanNeutral
	case len(ops) == 1:
		all.Summary = ops[0].summary()
	default:
		all.Summary = fmt.Sprintf("Carry out %d operations for the whole machine", len(ops))
	}
	return all, nil
}

// summary says what one operation does.
func (o Operation) summary() string {
	things := count(len(o.Caches), "cache", "caches")
	if keys := count(len(o.Keys), "key", "keys"); keys != "" {
		if things != "" {
			things += " and "
		}
		things += keys
	}
	switch o.Do {
	case Allow:
		return "Allow " + things + " for every user of this machine"
	case Disallow:
		return "Take " + things + " out of this machine's configuration"
	case Forget:
		return "Forget root's saved answers about " + things
	case Deny:
		return "Deny " + string(o.Flake) + " on this machine"
	case Undeny:
		return "Deny " + string(o.Flake) + " no more on this machine"
	case Revoke:
		return "Take back this machine's grant for " + string(o.Flake)
	}
	return ""
}

func count(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "one " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func appendNew[T comparable](list []T, more ...T) []T {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// planAnswers forgets root's answers about caches and keys.
func (s System) planAnswers(ops []Operation) (trust.Plan, error) {
	var items []string
	for _, o := range ops {
		if o.Do == Forget {
			items = append(items, slices.Concat(o.Caches, o.Keys)...)
		}
	}
	if len(items) == 0 {
		return trust.Plan{}, nil
	}
	now, err := s.Answers.Answers()
	if err != nil {
		return trust.Plan{}, err
	}
	var edits []trust.AnswerEdit
	none := trust.Plan{Summary: "none", Risk: trust.PlanNeutral}
	for _, it := range items {
		found := now.ForgetItem(it)
		if len(found) == 0 {
			none.Notes = append(none.Notes, "No saved answer of root's has "+it+".")
		}
		edits = appendNew(edits, found...)
	}
	if len(edits) == 0 {
		return none, nil
	}
	p, err := trust.PlanAnswers(s.Answers, edits)
	if err != nil {
		return trust.Plan{}, err
	}
	p.Notes = append(p.Notes, none.Notes...)
	if s.Report != nil {
		p = p.WithResidual(s.Report)
	}
	return p, nil
}

// planGrants changes the system's grants.toml, one operation after the other.
func (s System) planGrants(ops []Operation) (trust.Plan, error) {
	all, src := trust.Plan{Risk: trust.PlanNarrows}, s.Grants
	for _, o := range ops {
		if o.Do != Deny && o.Do != Undeny && o.Do != Revoke {
			continue
		}
		all.Summary = "grants"
		file, err := src.File()
		if err != nil {
			return trust.Plan{}, err
		}
		var p trust.Plan
		switch o.Do {
		case Deny:
			if _, had := file.Deny(o.Flake); had {
				all.Notes = append(all.Notes, string(o.Flake)+" is denied already.")
				continue
			}
			// The day is enough, and lets the plan be the same one when it is
			// worked out again.
			p, err = grants.PlanDeny(src, grants.Deny{Flake: o.Flake, Since: s.Now.UTC().Truncate(24 * time.Hour)})
		case Undeny:
			p, err = grants.PlanAllow(src, o.Flake)
		case Revoke:
			if p, err = grants.PlanRevoke(src, o.Flake); err == nil {
				g, _ := file.Grant(o.Flake)
				left := grants.Remains(g, s.Report, []grants.Scope{src.Scope()}, grants.StoreLook{})
				p.Residual, p.Commands = left.Left, left.Fixes
			}
		}
		if err != nil {
			return trust.Plan{}, err
		}
		for _, step := range p.Steps {
			src.State = step.After
			if len(all.Steps) == 0 {
				all.Steps = []trust.FileChange{step}
			}
			all.Steps[0].After = step.After
		}
		for _, c := range p.Changes {
			all.Changes = append(all.Changes, string(o.Flake)+": "+c)
		}
		all.Notes = appendNew(all.Notes, p.Notes...)
		all.Residual = appendNew(all.Residual, p.Residual...)
		all.Commands = appendNew(all.Commands, p.Commands...)
		all.Risk = all.Risk.With(p.Risk)
	}
	return all, nil
}

// at writes a place for a sentence.
func at(p nixconf.Pos) string {
	if p.Line == 0 {
		return cmp.Or(p.File, "an unknown place")
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
