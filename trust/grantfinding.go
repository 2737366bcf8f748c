package trust

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
)

// gates are the gates that may serve this user, each once.
func (e *engine) gates() []GateReport {
	report := func(k GateKey, machine bool) GateReport {
		b := e.gateBelief(k, e.base)
		return GateReport{GateKey: k, Machine: machine, Believed: b.of, Why: b.by}
	}
	g := e.f.Gate
	switch {
	case g.User == GateKey{} && g.Machine == GateKey{}:
		return nil
	case g.User.File == g.Machine.File:
		return []GateReport{report(g.Machine, true)}
	}
	return []GateReport{report(g.User, false), report(g.Machine, true)}
}

// grantFindings are what keeps grants from counting, whichever flake they are
// for, and what two of them disagree on.
func (e *engine) grantFindings(add addFinding) {
	for _, f := range e.f.GrantFiles {
		if f.Err == "" {
			continue
		}
		where := f.Where
		if where.File == "" {
			where = nixconf.Pos{File: f.Path}
		}
		add(CodeGrantsUnreadable, Warn, where, f.Path, "Nothing that is granted counts while it cannot be read: "+f.Err, e.caseOf())
	}
	for _, d := range e.f.Disputes {
		add(CodeGrantConflict, Danger, d.Where, "", d.Text, e.caseOf())
	}
	user, machine := e.gateBeliefs(nil, nil)
	e.unserved(false, user, machine, add)
	e.unserved(true, likelier(user, machine), machine, add)
}

// unserved is the finding that active grants, root's or the user's, are of no
// use as nobody believes the gate that serves them. b is the belief in that gate.
func (e *engine) unserved(root bool, b, machine belief, add addFinding) {
	var first *Granted
	n := 0
	for i := range e.f.Grants {
		if g := &e.f.Grants[i]; g.State == GrantActive && g.Machine == root {
			if n++; first == nil {
				first = g
			}
		}
	}
	if n == 0 || b.by.Code != CodeGateKeyMissing && b.by.Code != CodeGateKeyUnknown {
		return
	}
	c := e.caseOf()
	c.scoped = scopedCase{dir: onCommandLine(first.Flake.Path), viaRoot: !root && b.of == Fail && machine.of == Pass && e.f.User.UID != 0, setup: b.of == Fail && machine.of == Fail}
	text := "Your grant for this flake is in force, and nothing of it comes through."
	switch {
	case n > 1 && root:
		text = fmt.Sprintf("%d grants of the machine are in force, and nothing of them comes through.", n)
	case root:
		text = "The machine's grant for this flake is in force, and nothing of it comes through."
	case n > 1:
		text = fmt.Sprintf("%d of your grants are in force, and nothing of them comes through.", n)
	}
	add(b.by.Code, Warn, first.Where, first.Identity, text+" "+b.by.Text, c)
}
