package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// claimVerdict judges one cache that the flake claims.
func (e *engine) claimVerdict(cl claim, keys []declaredKey, c consent, sure, all *view) CacheVerdict {
	v := CacheVerdict{URL: cl.url, Claimed: true, Where: cl.where}
	for _, k := range keys {
		v.Keys = append(v.Keys, k.text)
	}
	if c.rejected != nil {
		v.State, v.Reasons = StateOff, []Reason{*c.rejected}
		return v
	}
	now := e.judgeIn(sure, cl.url, keys, c.settings)
	then := e.judgeIn(all, cl.url, keys, c.settings)

	// What the user decided about the URL, then about its keys.
	best := SettingInert
	var consents []Reason
	for _, i := range cl.by {
		s := c.settings[i]
		best = better(best, s.State)
		consents = append(consents, decided(s)...)
	}
	var seen []int
	for _, k := range keys {
		if k.by >= 0 && !slices.Contains(seen, k.by) {
			seen = append(seen, k.by)
			consents = append(consents, decided(c.settings[k.by])...)
		}
	}

	// A URL that is in the list already is asked whatever else was answered; an
	// open or refused answer about its key then makes it a cache whose
	// signatures are refused.
	shown := now
	switch {
	case now.listed:
		v.State = now.state
	case best == SettingAsks:
		v.State, shown = StateAsks, then
	case best == SettingDenied:
		v.State, shown = StateDenied, then
	case best == SettingUnknown:
		v.State, shown = StateUnknown, then
		if !then.listed {
			shown.reasons = nil // whether it would be in the list is just what is not known
		}
	default:
		v.State = StateOff
	}
	v.Reasons = append(consents, shown.reasons...)
	if _, anyway := e.base.byURL[sentAs(cl.url, e.f.Nix.Version)]; v.State == StateUsable && !anyway {
		v.Reasons = append(v.Reasons, e.reason(CodeCommandIgnores, Pass, cl.url,
			"It is asked only because of the flake, so only by commands that apply nixConfig: nix build, run, develop, shell and the like, and not nix flake show, nix-build or nix-shell."))
	}
	e.fixClaim(v.Reasons, cl.url, keys, all, then.state == StateUsable)
	if now.listed && v.State == StateUsable {
		for i := range v.Reasons {
			v.Reasons[i].Fixes = nil // whatever was answered, nothing is missing
		}
	}
	return v
}

// decided are the steps of a setting that say what the user decided.
func decided(s SettingVerdict) []Reason {
	var out []Reason
	for _, r := range s.Reasons {
		if !r.beyond {
			out = append(out, r)
		}
	}
	return out
}

// better is the state that brings a URL closer to being asked.
func better(a, b SettingState) SettingState {
	rank := map[SettingState]int{SettingApplied: 4, SettingAsks: 3, SettingUnknown: 2, SettingDenied: 1}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// fixClaim fills in the ways out that depend on the cache as a whole: what an
// answer alone is worth, and which keys have to be listed along with the URL.
func (e *engine) fixClaim(reasons []Reason, url string, keys []declaredKey, all *view, yesHelps bool) {
	c := e.caseOf()
	c.url, c.yesHelps = url, yesHelps
	for _, k := range keys {
		switch e.judgeKey(all, url, k, nil).Code {
		case CodeKeyMissing, CodeKeyRestricted, CodeUnreadableLayer:
			c.keys = append(c.keys, k.text) // any other would not help, or spoil the rest
		}
	}
	whole := false // some step's ways out cover the keys too
	for i := range reasons {
		switch r := &reasons[i]; r.Code {
		case CodeNotAsked, CodeValueChanged:
			r.Fixes = c.fixes(r.Code)
		case CodeSubstituterUnlisted, CodeNearMissURL:
			r.Fixes = c.fixes(r.Code)
			whole = true
		case CodeKeyRestricted, CodeKeyMissing:
			if whole {
				r.Fixes = nil
			}
		}
	}
}

// judged is what becomes of a cache under one view.
type judged struct {
	state   CacheState
	listed  bool
	reasons []Reason
}

// judgeIn judges a cache under a view: whether it is in the list, admitted, and
// whether its signatures would be believed.
func (e *engine) judgeIn(v *view, url string, keys []declaredKey, settings []SettingVerdict) judged {
	at, listed := v.byURL[sentAs(url, e.f.Nix.Version)]
	if !listed {
		r := e.reason(CodeNotInList, Fail, url, "It is not in the list of substituters that this user's nix uses.")
		return judged{StateOff, false, []Reason{r}}
	}
	o := v.urls[at]
	if o.admitted != Fail {
		switch openable(url) {
		case Fail:
			subject := url
			if e.daemonVersion().AtLeast(2, 9) {
				subject, _, _ = strings.Cut(url, "://")
			}
			r := e.reason(CodeUnknownScheme, Fail, subject, "Nix does not know this kind of store and passes over it.")
			return judged{StateOff, true, append(slices.Clip(o.reasons), r)}
		case Unknown:
			r := e.reason(CodeUnknownScheme, Unknown, url, "What Nix makes of a store of this kind as a cache is not explained here.")
			return judged{StateUnknown, true, append(slices.Clip(o.reasons), r)}
		}
	}
	if r := e.unfit(url); r != nil && o.admitted != Fail {
		return judged{StateOff, true, append(slices.Clip(o.reasons), *r)}
	}
	keyed, keyReasons := e.judgeKeys(v, url, keys, settings)
	var reasons []Reason
	// That the user is not trusted is a step only where it makes a difference.
	matters := o.admitted != Pass || slices.ContainsFunc(keyReasons, func(r Reason) bool { return r.Code == CodeKeyRestricted })
	if len(e.trustReasons) > 0 && (matters || e.trustReasons[0].Outcome == Pass) {
		reasons = append(reasons, e.trustReasons[0])
	}
	reasons = append(append(reasons, o.reasons...), keyReasons...)
	if v.off != nil {
		return judged{StateOff, true, append([]Reason{*v.off}, reasons...)}
	}
	switch {
	case o.admitted == Fail:
		return judged{StateIgnored, true, reasons}
	case o.admitted == Unknown:
		return judged{StateUnknown, true, reasons}
	case keyed == Fail:
		return judged{StateWrongKey, true, reasons}
	case keyed == Unknown:
		return judged{StateUnknown, true, reasons}
	}
	return judged{StateUsable, true, reasons}
}

// unclaimed judges the caches in effect that the flake does not claim, and
// those that would be in effect were it not for the flake.
func (e *engine) unclaimed(v *view, claimed []string, c *consent) []CacheVerdict {
	var out []CacheVerdict
	var settings []SettingVerdict
	if c != nil {
		settings = c.settings
	}
	seen := make([]string, len(claimed))
	for i, url := range claimed {
		seen[i] = sentAs(url, e.f.Nix.Version)
	}
	add := func(o offered, from *view) {
		url := o.item.Text
		if slices.Contains(seen, url) {
			return
		}
		seen = append(seen, url)
		keys := inForce(v, url)
		j := e.judgeIn(from, url, keys, settings)
		cv := CacheVerdict{URL: url, State: j.state, Where: o.item.Origin.Pos, Reasons: j.reasons}
		for _, k := range keys {
			cv.Keys = append(cv.Keys, k.text)
		}
		if !j.listed {
			if by := replacedBy(c); by != nil {
				r := e.reason(CodeDefaultsReplaced, Fail, url, fmt.Sprintf("The flake's %s replaces the list, and this cache is not in it.", by.Name))
				r.Where = by.Where
				cv.Reasons = append([]Reason{r}, cv.Reasons...)
			}
		}
		if c != nil && c.rejected != nil {
			cv.State = StateOff
			cv.Reasons = append([]Reason{*c.rejected}, cv.Reasons...)
		}
		out = append(out, cv)
	}
	for _, o := range v.urls {
		add(o, v)
	}
	for _, o := range e.base.urls {
		add(o, v)
	}
	return out
}

// replacedBy is the applied setting of a flake that replaces the list of caches.
func replacedBy(c *consent) *SettingVerdict {
	if c == nil {
		return nil
	}
	for i := range c.settings {
		known, extra, ok := nixconf.Lookup(c.settings[i].Name)
		if ok && !extra && known.Name == "substituters" && c.settings[i].State == SettingApplied {
			return &c.settings[i]
		}
	}
	return nil
}

// inForce are the believed keys that are named after the cache's host.
func inForce(v *view, url string) []declaredKey {
	var out []declaredKey
	for _, it := range v.keys {
		if h := keyHost(it.Text); h != "" && h == hostOf(url) {
			out = append(out, declaredKey{it.Text, it.Origin.Pos, -1})
		}
	}
	return out
}
