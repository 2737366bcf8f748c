package main

import (
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// An auditUse is what a believed key or a cache is good for.
type auditUse struct {
	cache string // a cache in effect, "" for a key
	keys  []audit.Signer
	use   audit.Use
}

// uses says what each believed key, and each cache in effect whose keys are
// known, is good for. The gate is not among them: it serves what is granted.
func (got *audited) uses() []auditUse {
	var out []auditUse
	signers := got.Signers()
	for _, k := range signers {
		if key := got.Keys[k.Key]; key.Believed && !key.Gate {
			out = append(out, auditUse{keys: []audit.Signer{k}, use: k.Use()})
		}
	}
	for _, c := range got.trust.Caches {
		u := auditUse{cache: c.URL, use: audit.UseNone}
		for _, k := range signers {
			if key := got.Keys[k.Key]; key.Believed && got.owns(c.URL, key) {
				u.keys = append(u.keys, k)
				u.use = together(u.use, k.Use())
			}
		}
		if c.InEffect && len(u.keys) > 0 {
			out = append(out, u)
		}
	}
	return out
}

// together is the use of two keys together.
func together(a, b audit.Use) audit.Use {
	for _, u := range []audit.Use{audit.UseNeeded, audit.UseUnknown, audit.UseSpare} {
		if a == u || b == u {
			return u
		}
	}
	return audit.UseNone
}

// printUnused prints what could be dropped.
func (a *app) printUnused(got *audited) error {
	s := a.style()
	a.auditDoubts(got)
	found := 0
	for _, u := range got.uses() {
		if u.use == audit.UseNeeded {
			continue
		}
		name := "key " + safetext.Line(got.Keys[u.keys[0].Key].Name).String()
		if u.cache != "" {
			name = "cache " + safetext.URL(u.cache).String()
		}
		if u.use != audit.UseUnknown {
			found++
		}
		a.print(paint(s, explain.Strong, name)+"  "+explain.UseMeans(u.use), "  signed "+tallyText(u.keys[0].Signed))
		switch {
		case u.use == audit.UseUnknown:
			a.print("  As root, on the machine itself, more can be seen.")
		case u.cache == "":
			for _, from := range got.Keys[u.keys[0].Key].From {
				a.print("  " + paint(s, explain.Faint, s.Path(from).String()))
			}
		default:
			a.print("  " + command(s, "nix-trust narrow "+shellQuote(u.cache)) + "  grants it to the flakes that need it")
		}
	}
	if found == 0 {
		a.print("No believed key and no cache was found that is of no use to what is kept.")
	}
	return silent(got.unusedCode())
}

func (got *audited) unusedCode() int {
	code := exitOK
	for _, u := range got.uses() {
		switch u.use {
		case audit.UseNone, audit.UseSpare:
			return exitFindings
		case audit.UseUnknown:
			code = exitUnknown
		}
	}
	if len(got.doubts) > 0 {
		code = exitUnknown
	}
	return code
}
