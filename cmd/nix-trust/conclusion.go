package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// A conclusion is why a cache is not used, or that it is, and what to do first.
type conclusion struct {
	code int
	text string
	do   string // "" when there is nothing to do
}

// conclude takes the first thing that is wrong, in the order in which Nix meets
// it, except that a forged signature comes before all.
func (d *diagnosis) conclude() conclusion {
	for _, p := range d.paths {
		if p.State == probe.PathBadSignature {
			return conclusion{exitBad, fmt.Sprintf("It shows a signature for %s that is wrong under the name of a key in effect: %s.", p.Path.Path, strings.TrimSuffix(p.Text, ".")),
				"Use nothing of it before its owner has explained that: the cache may have a new key, or be broken into."}
		}
	}
	if c, decided := d.byVerdict(); decided {
		return c
	}
	if c, decided := d.byProbe(); decided {
		return c
	}
	worst := conclusion{exitOK, "It would be used.", ""}
	if d.verdict.State == trust.StateScoped {
		worst.text = "It would be used, through the gate, for what a grant pins and for nothing else."
	}
	if len(d.paths) == 0 && d.unsignedOK == "" && d.verdict.State != trust.StateScoped {
		worst.do = "Name a path, too, to have its signature checked."
	}
	for _, p := range d.paths {
		c := d.byPath(p)
		if c.code == exitFindings || c.code == exitUnknown && worst.code == exitOK {
			worst = c
		}
		if worst.code == exitFindings {
			return worst
		}
		if worst.code == exitOK {
			worst = c
		}
	}
	return worst
}

// byVerdict is what the machine alone says: the step of the chain that settles it.
func (d *diagnosis) byVerdict() (c conclusion, decided bool) {
	v := d.verdict
	if f := d.flake; f != nil && f.Rejected != nil {
		return conclusion{exitFindings, "It would not be used, as Nix refuses the flake. " + f.Rejected.Text, firstFix(f.Rejected.Fixes)}, true
	} else if f != nil && f.Err != "" {
		return conclusion{exitUnknown, "It is not known whether it would be used, as the flake could not be read: " + f.Err, ""}, true
	}
	switch v.State {
	case trust.StateUsable, trust.StateScoped:
		return c, false
	case trust.StateUnknown:
		c.code, c.text = exitUnknown, "It is not known whether it would be used."
		if d.provesKey() {
			return c, false
		}
	default:
		c.code, c.text = exitFindings, "It would not be used. "+explain.CacheMeans(v.State)
	}
	if at := explain.Settles(explain.CacheMark(v.State, explain.ASCII()), v.Reasons); at >= 0 && at < len(v.Reasons) {
		c.text += " " + v.Reasons[at].Text
		c.do = firstFix(v.Reasons[at].Fixes)
		if last := v.Reasons[len(v.Reasons)-1]; v.State == trust.StateUnknown && last.Outcome == trust.Unknown && at < len(v.Reasons)-1 {
			c.text += " " + last.Text // where the doubt comes from
			c.do = cmp.Or(c.do, firstFix(last.Fixes))
		}
	}
	if c.do == "" {
		c.do = firstFix(explain.Fixes(v.Reasons))
	}
	return c, true
}

// provesKey reports whether all that is unknown of the cache is which key signs,
// and what it has of the paths answers that, be it well or badly.
func (d *diagnosis) provesKey() bool {
	keys := false // there is such a step
	for _, r := range d.verdict.Reasons {
		switch {
		case r.Outcome == trust.Pass, r.Outcome == trust.Fail && r.Code == trust.CodeUserUntrusted:
		case r.Outcome == trust.Unknown && r.Code == trust.CodeKeyUndeclared, r.Outcome == trust.Fail && r.Code == trust.CodeKeyMissing:
			keys = true
		default:
			return false
		}
	}
	return keys && len(d.paths) > 0 && d.report.Doubt == nil && !slices.ContainsFunc(d.paths, func(p pathDiagnosis) bool { return p.State == probe.PathUnknown })
}

func firstFix(fixes []trust.Fix) string {
	if len(fixes) == 0 {
		return ""
	}
	text := strings.TrimSuffix(fixes[0].Title, ".") + "."
	if fixes[0].Command != "" && !strings.Contains(fixes[0].Command, "\n") {
		text += " " + fixes[0].Command
	}
	return text
}

// byProbe is what the cache's answers say.
func (d *diagnosis) byProbe() (c conclusion, decided bool) {
	r := d.probe
	switch {
	case r.Effect == probe.Stops:
		return conclusion{exitFindings, "It would not be used, and nothing else either. " + r.Text, "Take it out of substituters until its owner has corrected its nix-cache-info."}, true
	case r.Outcome == probe.Unknown || r.Effect == probe.EffectUnknown:
		return conclusion{exitUnknown, "It is not known whether it would be used. " + r.Text, ""}, true
	case r.Outcome == probe.Forbidden:
		return conclusion{exitFindings, "It would not be used. " + r.Text, "Put its credentials into the netrc file of whoever asks: for a daemon that is root's, by netrc-file."}, true
	case r.Outcome == probe.Unreachable:
		return conclusion{exitFindings, "It would not be used now. " + r.Text, "Check the URL and the network, or ask its owner."}, true
	case r.Outcome != probe.Reachable || r.Effect != probe.Asks:
		return conclusion{exitFindings, "It would not be used. " + r.Text, "Check the URL: it is the folder that has nix-cache-info."}, true
	case r.Miss.Answer == probe.MissOdd || r.Miss.Answer == probe.MissFailed:
		return conclusion{exitFindings, "Nix would ask it, and stumble. " + r.Miss.Text, "Ask its owner, or leave it out."}, true
	}
	return c, false
}

// byPath is what is known of one path.
func (d *diagnosis) byPath(p pathDiagnosis) conclusion {
	name := string(p.Path.Path)
	no := func(do, format string, args ...any) conclusion {
		return conclusion{exitFindings, "It would not be used for " + name + ": " + fmt.Sprintf(format, args...), do}
	}
	unknown := func(do, format string, args ...any) conclusion {
		return conclusion{exitUnknown, "It is not known whether it would be used for " + name + ": " + fmt.Sprintf(format, args...), do}
	}
	if p.valid == trust.Pass {
		return no("", "the store has it already, and Nix asks no cache for what it has.")
	}
	switch p.State {
	case probe.PathAbsent:
		return no("Ask its owner to push it, or name the path that Nix really wants: another revision makes another one.", "the cache does not have it.")
	case probe.PathRefused:
		return no("Put credentials into the netrc file of whoever asks, if the cache wants any.", "%s.", p.Text)
	case probe.PathCorrupt:
		return no("Ask its owner.", "%s.", p.Text)
	case probe.PathUnknown:
		return unknown("", "%s.", strings.TrimSuffix(p.Text, "."))
	case probe.PathUnsigned, probe.PathUnknownKey:
		switch {
		case d.unsignedOK != "" || d.verdict.State == trust.StateScoped: // no signature of it counts
		case d.report.Doubt != nil:
			return unknown("", "%s, and the keys of the running daemon are not known for sure.", p.Text)
		default:
			return no("Grant the flake, so that what its lock pins needs no key of this cache; or have the administrator list the cache's key.", "%s.", p.Text)
		}
	}
	if p.memory.there && !p.memory.Present {
		return no("Wait, or have whoever asks refresh it; `nix-trust why` has the commands.", "the cache has it, and Nix believes until %s that it has not, as it said at %s.", hour(p.memory.until), hour(p.memory.At))
	}
	if p.drv.refuses {
		return no("Take allowSubstitutes out of the derivation; always-allow-substitutes overrides it for all.", "its derivation sets allowSubstitutes to false, and then no cache is asked for it.")
	}
	switch {
	case d.verdict.State == trust.StateScoped:
		return unknown("Run `nix-trust grants` to see what is pinned, and `nix-trust fetch` to get it.", "only what a grant pins comes through the gate.")
	case !p.memory.known:
		return unknown("Have the administrator run this command; or wait an hour, as a miss is remembered no longer than that.",
			"all that could be seen is fine, and what Nix remembers of its answers could not be read (%s).", p.memory.why)
	case p.valid == trust.Unknown:
		return unknown("", "all that could be seen is fine, and whether the store has it already could not be found out.")
	}
	return conclusion{exitOK, fmt.Sprintf("It would be used for %s, unless a cache before it has it.", name), ""}
}

func hour(t time.Time) string { return t.Local().Format("15:04") }
