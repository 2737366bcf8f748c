package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// scope adds to a flake's verdicts what grants and denials make of them: the
// caches that a grant covers and the flake does not ask for, the steps that say
// how it stands, and the state that follows. during is the view while the flake's
// settings are applied, nil when it has none.
func (e *engine) scope(f *Flake, r *FlakeReport, during *view, unsure *Reason) {
	g := e.granted(f.ID)
	if g != nil && g.State != GrantDenied {
		e.addGranted(r, *g)
	}
	user, machine := e.gateBeliefs(during, unsure)
	for i := range r.Caches {
		v := &r.Caches[i]
		c := e.scopedCase(f, v, user, machine)
		switch {
		case g == nil:
		case g.State == GrantDenied:
			if v.Claimed {
				e.deny(v, *g, c)
			}
		case g.Covers(v.URL):
			v.Grant = g
			c.helps = false
			b := user
			if g.Machine {
				b = likelier(user, machine)
			}
			e.judgeGrant(v, *g, b, c)
		}
		e.offerScope(v, c)
	}
}

// granted is the grant or denial of a flake, nil when there is none. A denial
// outweighs a grant.
func (e *engine) granted(id FlakeID) *Granted {
	var found *Granted
	for i := range e.f.Grants {
		g := &e.f.Grants[i]
		if id != (FlakeID{}) && g.Flake == id && (found == nil || g.State == GrantDenied) {
			found = g
		}
	}
	return found
}

// addGranted adds the caches that a grant names and that are not in the verdicts
// yet: what a flake's inputs ask for may be granted too.
func (e *engine) addGranted(r *FlakeReport, g Granted) {
	for _, c := range g.Caches {
		if slices.ContainsFunc(r.Caches, func(v CacheVerdict) bool {
			name, ok := cacheName(v.URL)
			return ok && name == c.URL
		}) {
			continue
		}
		why := e.reason(CodeNotInList, Fail, c.URL, "The flake does not ask for it, and it is not in the list of substituters that this user's nix uses.")
		r.Caches = append(r.Caches, CacheVerdict{URL: c.URL, Keys: c.Keys, State: StateOff, Where: g.Where, Reasons: []Reason{why}})
	}
}

// deny is the verdict on a cache of a flake that nix-trust denies. Nix does not
// know of the denial: a cache that it uses anyway, or may, is not hidden by it.
func (e *engine) deny(v *CacheVerdict, g Granted, c scopedCase) {
	c.helps, c.root = false, g.Machine
	v.Grant = &g
	r := e.reason(CodeFlakeDenied, Fail, g.Identity, g.Text)
	r.Where, r.Fixes = g.Where, c.fixes(CodeFlakeDenied)
	switch v.State {
	case StateUsable:
		r.Text += " Nix uses this cache all the same."
		v.Reasons = append([]Reason{r}, v.Reasons...)
		return
	case StateUnknown:
	default:
		if v.State == StateAsks {
			r.Text += " Nix does not know of that, and still asks."
		}
		v.State = StateDenied
		for i := range v.Reasons {
			v.Reasons[i].Fixes = nil // the no comes first
		}
	}
	v.Reasons = append([]Reason{r}, v.Reasons...)
}

// judgeGrant is the verdict on a cache that a grant covers. Trust that reaches
// further than the grant is not hidden by it, and neither is what is unknown.
func (e *engine) judgeGrant(v *CacheVerdict, g Granted, b belief, c scopedCase) {
	c.root = g.Machine
	standing, open := e.standingOf(g, c), b.by.Code == CodeSigsOff
	if standing.Outcome == Pass && b.of != Pass && !open {
		standing = b.by
		standing.Fixes = c.fixes(standing.Code)
		if standing.Code == CodeGateKeyMissing {
			standing.Text = fmt.Sprintf("%s counts, and nothing of it comes through. %s", whose(g), standing.Text)
		}
	}
	sure := standing.Outcome == Pass || standing.Outcome == Fail
	switch {
	case v.State == StateUsable:
		standing.Text += " The cache is trusted for every path, whatever the grant."
		standing.Fixes = nil // nothing is missing
		v.Reasons = append([]Reason{standing}, v.Reasons...)
	case standing.Outcome == Fail:
		v.Reasons = append([]Reason{standing}, v.Reasons...)
	case v.nothingAsked():
		standing.Fixes = nil // the chain says what comes first
		v.Reasons = append([]Reason{standing}, v.Reasons...)
	case !sure && b.of == Fail, v.State == StateUnknown:
		v.Reasons = append(v.Reasons, standing) // without the key nothing comes through, however the grant stands
	case !sure:
		v.State = StateUnknown
		v.Reasons = append([]Reason{standing}, v.Reasons...)
	case open:
		// Any cache may put in anything, so that nothing is held to the pins.
		standing.Fixes = nil
		if !slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Code == CodeSigsOff }) {
			v.Reasons = append([]Reason{b.by}, v.Reasons...)
		}
		v.Reasons = append([]Reason{standing}, v.Reasons...)
	default:
		v.State = StateScoped
		for i := range v.Reasons {
			v.Reasons[i].Fixes = nil // what is pinned lacks nothing
		}
		standing.Text += " Nothing else of this cache is trusted."
		v.Reasons = append(v.Reasons, b.by, standing)
	}
}

// nothingAsked reports whether no cache is asked for anything. What a lock leaves
// out, as trusted caches have it, then keeps most of what it pins away too.
func (v *CacheVerdict) nothingAsked() bool {
	return v.State == StateOff && slices.ContainsFunc(v.Reasons, func(r Reason) bool {
		return r.Code == CodeSubstitutionOff || r.Code == CodeOffline || r.Code == CodeConfigFatal
	})
}

// standingOf is the step that says how a grant stands.
func (e *engine) standingOf(g Granted, c scopedCase) Reason {
	step := func(code Code, o Outcome, text string) Reason {
		r := e.reason(code, o, g.Identity, text)
		r.Where, r.Fixes = g.Where, c.fixes(code)
		return r
	}
	switch g.State {
	case GrantActive:
		if g.Paths <= 0 {
			return step(CodeGrantConflict, Fail, fmt.Sprintf("%s lets nothing through: of its %s, each is pinned to other bytes by another grant.", whose(g), counted(g.Disputed, "path")))
		}
		come := "come"
		if g.Paths == 1 {
			come = "comes"
		}
		text := fmt.Sprintf("%s %s through the gate, by %s of the lock %s%s.", counted(g.Paths, "pinned path"), come, lower(whose(g)), g.Lock, e.elsewhere(g))
		if !g.Expires.IsZero() {
			text += fmt.Sprintf(" It ends at %s.", g.Expires.UTC().Format("2006-01-02 15:04 MST"))
		}
		if g.Disputed > 0 {
			text += fmt.Sprintf(" %s more of the lock do not, as another grant pins other bytes.", counted(g.Disputed, "path"))
		}
		return step(CodeGranted, Pass, text)
	case GrantExpired:
		return step(CodeGrantExpired, Fail, g.Text)
	case GrantNotYet:
		return step(CodeGrantNotYet, Fail, g.Text)
	case GrantStale:
		return step(CodeGrantStale, Fail, g.Text)
	case GrantRollback:
		return step(CodeGrantRollback, Fail, g.Text)
	case GrantLockMissing, GrantFlakeGone:
		return step(CodeGrantLockMissing, Fail, g.Text)
	}
	text := g.Text
	if text == "" {
		text = "It was not looked at."
	}
	return step(CodeGrantUnknown, Unknown, text)
}

// elsewhere says for which systems a grant is when it is not for this one.
func (e *engine) elsewhere(g Granted) string {
	if here := e.f.Platform.System; here == "" || len(g.Systems) == 0 || slices.Contains(g.Systems, here) {
		return ""
	}
	return ", all of them for " + strings.Join(g.Systems, ", ")
}

func whose(g Granted) string {
	if g.Machine {
		return "The machine's grant"
	}
	return "The grant"
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// counted writes a number of things: "1 path", "2 paths".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// scopedCase is what the ways to scoped trust in a cache depend on.
func (e *engine) scopedCase(f *Flake, v *CacheVerdict, user, machine belief) scopedCase {
	c := scopedCase{
		locked: f.CacheLock.names(v.URL), viaRoot: machine.of == Pass && user.of == Fail && e.f.User.UID != 0,
		setup: machine.of == Fail && user.of == Fail && (user.by.Code == CodeGateKeyMissing || machine.by.Code == CodeGateKeyMissing),
	}
	c.dir = e.writable(f.ID.Path)
	switch v.State {
	case StateAsks, StateDenied, StateIgnored, StateWrongKey, StateOff:
		_, nameable := cacheName(v.URL)
		_, disguised := safetext.SuspectHost(v.URL)
		c.helps = v.Claimed && nameable && !disguised && e.lockable(v) && e.f.Nix.Store != StoreOther && e.f.Daemon.State != DaemonRefused
	}
	return c
}

// writable is a flake's folder for a command line, "" where a command cannot name
// it, and in the store, where nothing can be written beside the flake.
func (e *engine) writable(folder string) string {
	if dir := e.f.Nix.StoreDir; dir != "" && strings.HasPrefix(folder+"/", strings.TrimSuffix(dir, "/")+"/") {
		return ""
	}
	return onCommandLine(folder)
}

// lockable reports whether a lock could hold what the cache delivers against one
// of its keys, and a grant of that lock would not be refused for them.
func (e *engine) lockable(v *CacheVerdict) bool {
	for _, r := range v.Reasons {
		switch r.Code {
		case CodeKeyMalformed, CodeKeyNameClash, CodeConfigFatal, CodeOffline:
			return false
		}
	}
	return len(v.Keys) > 0
}

// offerScope puts the ways to scoped trust first among those of each step that
// they would get past.
func (e *engine) offerScope(v *CacheVerdict, c scopedCase) {
	if !c.helps || v.Grant != nil {
		return
	}
	for i := range v.Reasons {
		r := &v.Reasons[i]
		if r.Outcome == Pass || !slices.Contains(catalogue[r.Code].Remedies, RemedyScoped) {
			continue
		}
		var ways []Fix
		for _, remedy := range []Remedy{RemedyScoped, RemedySetup} {
			if f, ok := c.fix(remedy); ok {
				ways = append(ways, f)
			}
		}
		r.Fixes = append(ways, r.Fixes...)
	}
}
