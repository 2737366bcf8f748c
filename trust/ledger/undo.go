package ledger

import (
	"fmt"

	"github.com/nix-trust/nix-trust/trust"
)

// Undo is the plan that takes entry n of the journal back, or with n = 0 the
// latest entry that is in force and took nothing back itself. It is made from
// the files as they are now: where one has not been touched since it becomes
// what it was, to the byte. A file of saved answers may have got others since,
// which stay. Anything else that has moved on is refused.
func (j Journal) Undo(n int) (trust.Plan, error) {
	f, err := j.openToRead()
	if err != nil {
		return trust.Plan{}, err
	}
	if f == nil {
		return trust.Plan{}, refuse(j.Path(), "there is no journal: nix-trust has not changed anything yet", "")
	}
	defer f.Close()
	h, err := j.scan(f, n)
	if err != nil {
		return trust.Plan{}, err
	}
	if n == 0 {
		if n = h.latest(); n == 0 {
			return trust.Plan{}, refuse(j.Path(), "there is nothing left to undo", "`nix-trust journal` lists what was done; `nix-trust undo N` names one")
		}
		if h, err = j.scan(f, n); err != nil {
			return trust.Plan{}, err
		}
	}
	if h.wanted == nil {
		return trust.Plan{}, refuse(j.Path(), fmt.Sprintf("it has no entry %d", n), "`nix-trust journal` lists them")
	}
	if why := h.blocked(n); why != "" {
		return trust.Plan{}, refuse(j.Path(), fmt.Sprintf("entry %d %s", n, why), "")
	}
	done, err := h.wanted.plan()
	if err != nil {
		return trust.Plan{}, refuse(j.Path(), fmt.Sprintf("entry %d cannot be read: %v", n, err), "")
	}
	return takeBack(n, done)
}

// takeBack is the inverse of a plan, made from the files as they are.
func takeBack(n int, done trust.Plan) (trust.Plan, error) {
	p := done.Inverse()
	p.Undoes, p.Risk = n, trust.PlanNarrows
	p.Summary = fmt.Sprintf("Undo %d: %s", n, done.Summary)
	p.Steps = nil
	for i, step := range done.Steps {
		back := done.Inverse().Steps[i]
		now, err := Read(step.Path)
		if err != nil {
			return trust.Plan{}, err
		}
		if now.Equal(step.Before) {
			p.Notes = append(p.Notes, step.Path+" is what it was already.")
			continue
		}
		if now.Equal(step.After) {
			back.Before = now
			p.Steps = append(p.Steps, back)
			if step.Form == trust.FormAnswers {
				changes, risk, err := trust.AnswersChange(back)
				if err != nil {
					return trust.Plan{}, err
				}
				p.Changes = append(p.Changes, changes...)
				p.Risk = p.Risk.With(risk)
			} else {
				p.Risk = p.Risk.With(done.Inverse().Risk)
			}
			continue
		}
		if step.Form != trust.FormAnswers {
			return trust.Plan{}, (&swap{named: step.Path}).moved("it was changed since, so taking the older change back would undo newer ones")
		}
		r, err := trust.RevertAnswers(trust.AnswersSource{Path: step.Path, State: now}, step)
		if err != nil {
			return trust.Plan{}, &Error{Path: step.Path, Text: err.Error(), Hint: "`nix-trust answers` changes single answers", Err: ErrMoved}
		}
		if len(r.Steps) == 0 {
			continue
		}
		p.Steps = append(p.Steps, r.Steps...)
		p.Changes = append(p.Changes, r.Changes...)
		p.Risk = p.Risk.With(r.Risk)
		p.Notes = append(p.Notes, "The file was changed since. What came in since stays.")
		p.Notes = append(p.Notes, r.Notes...)
	}
	return p, nil
}

// latest is the number of the newest entry that is in force and is no undo, 0
// when there is none.
func (h History) latest() int {
	for i := len(h.Entries) - 1; i >= 0; i-- {
		e := h.Entries[i]
		if e.Undoes == 0 && h.blocked(e.N) == "" {
			return e.N
		}
	}
	return 0
}

// blocked says why an entry cannot be taken back, "" when it can.
func (h History) blocked(n int) string {
	for _, e := range h.Entries {
		if e.N != n {
			continue
		}
		state := e.State
		if state == Interrupted {
			state = e.settled()
		}
		switch {
		case state == NotApplied:
			return "was not applied, so there is nothing to take back"
		case state == Unclear:
			return "was interrupted, and the files were changed since: look at them"
		case e.UndoneBy != 0:
			return fmt.Sprintf("was taken back already, by entry %d", e.UndoneBy)
		}
	}
	return ""
}
