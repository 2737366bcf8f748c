package main

import (
	"slices"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type setupCheckJSON struct {
	Version   int             `json:"version"`
	Gate      string          `json:"gate"` // "user" or "machine"
	Address   string          `json:"address"`
	Running   bool            `json:"running"` // something listens there
	KeyFile   string          `json:"keyFile"`
	PublicKey string          `json:"publicKey"` // "" when there is none
	Store     string          `json:"store"`
	Push      force           `json:"push"`
	Pull      force           `json:"pull"`
	Steps     []jsonCheckStep `json:"steps"`
}

type jsonCheckStep struct {
	Step    string    `json:"step"`
	Outcome string    `json:"outcome"`
	Text    string    `json:"text"`
	Where   string    `json:"where"`
	NixSays string    `json:"nixSays"`
	Fixes   []jsonFix `json:"fixes"`
}

// show prints what the check has found.
func (c *setupCheck) show() error {
	if !c.json {
		c.print(c.lines()...)
		return nil
	}
	out := setupCheckJSON{
		Version: 1, Gate: "user", Address: c.place.Address, Running: c.running, KeyFile: c.place.KeyFile(),
		Store: c.Facts.Nix.Store.String(), Push: c.push, Pull: c.pull,
		Steps: list(c.steps, func(s checkStep) jsonCheckStep {
			return jsonCheckStep{s.name, s.outcome.String(), s.text, where(s.where), safetext.Redact(s.said), fixesOf(s.fixes)}
		}),
	}
	if c.place.System {
		out.Gate = "machine"
	}
	if c.public.Name != "" {
		out.PublicKey = c.public.String()
	}
	return c.writeJSON(out)
}

// checkTitles are the steps in a few words.
var checkTitles = map[string]string{
	"key": "the key", "store": "the store",
	"key-configured": "the key, configured", "key-in-force": "the key, in force",
	"addresses-configured": "the addresses, configured", "addresses-in-force": "the addresses, in force",
}

func (c *setupCheck) lines() []string {
	s := c.style()
	whose := "your gate"
	if c.place.System {
		whose = "the machine's gate"
	}
	runs := "nothing listens there now"
	if c.running {
		runs = "something listens there"
	}
	out := []string{
		paint(s, explain.Strong, whose) + " at " + safetext.Line(c.place.Address).String() + ": " + runs,
	}
	if c.public.Name != "" {
		out = append(out, "key "+safetext.Line(c.public.String()).String())
	}
	var fixes []trust.Fix
	for _, st := range c.steps {
		m := explain.OutcomeMark(st.outcome, s.Glyphs)
		line := paint(s, m.Role, m.Glyph) + " " + paint(s, explain.Strong, checkTitles[st.name])
		if at := explain.Where(st.where, s); at != "" {
			line += " (" + at + ")"
		}
		out = append(out, "", line, "  "+safetext.Text(st.text).String())
		if st.said != "" {
			for _, l := range safetext.Block(safetext.Redact(st.said)) {
				out = append(out, "  "+paint(s, explain.Quote, s.Glyphs.Quote+" "+l.String()))
			}
		}
		for _, f := range st.fixes {
			if !slices.Contains(fixes, f) {
				fixes = append(fixes, f)
			}
		}
	}
	out = append(out, "", "push (fetch): "+forceWords[c.push])
	if !c.f.pushOnly {
		out = append(out, "pull (exec):  "+forceWords[c.pull])
	}
	for _, f := range fixes {
		out = append(out, "", "Then: "+safetext.Text(f.Title).String())
		if f.Detail != "" {
			out = append(out, "  "+safetext.Text(f.Detail).String())
		}
		if f.Command != "" {
			for _, l := range safetext.Verbatim(f.Command) {
				out = append(out, "  "+paint(s, explain.Command, l.String()))
			}
		}
	}
	return out
}

var forceWords = map[force]string{
	forceUnknown: "could not be determined", forceYes: "in force",
	forceNotYet: "configured, and not in force", forceNot: "not configured", forceNotLooked: "not looked at",
}
