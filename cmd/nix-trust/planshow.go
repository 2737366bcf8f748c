package main

import (
	"encoding/hex"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// consentFlags are the flags of every command that changes something.
type consentFlags struct {
	yes    bool
	dryRun bool
}

func (f *consentFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.yes, "yes", false, "make the change without asking")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the change and stop")
}

// consentHelp ends the help of every command that changes whom something is
// accepted from.
const consentHelp = `The change is shown first, with what still trusts the same cache or key
afterwards. On a terminal it then asks; without one it needs --yes. --dry-run
stops after showing. What was changed is in the journal, and ` + "`nix-trust undo`" + `
takes it back.`

// askHelp is the same for the other changes.
const askHelp = `The change is shown first. On a terminal it then asks; without one it needs
--yes. --dry-run stops after showing. What was changed is in the journal, and
` + "`nix-trust undo`" + ` takes it back.`

type planResultJSON struct {
	Version int      `json:"version"`
	Plan    jsonPlan `json:"plan"`
	Applied bool     `json:"applied"`
	Entry   int      `json:"entry"` // its number in the journal, 0 when it was not applied
}

type jsonPlan struct {
	Digest   string           `json:"digest"`
	Summary  string           `json:"summary"`
	Changes  []string         `json:"changes"`
	Notes    []string         `json:"notes"`
	Risk     string           `json:"risk"`
	Undoes   int              `json:"undoes"`
	Files    []jsonFileChange `json:"files"`
	Commands []jsonFix        `json:"commands"`
	Residual []jsonResidual   `json:"residual"`
}

type jsonFileChange struct {
	Path   string   `json:"path"`
	Before string   `json:"before"` // SHA-256, "" for no file
	After  string   `json:"after"`
	Diff   []string `json:"diff"`
}

type jsonResidual struct {
	Subject string `json:"subject"`
	Where   string `json:"where"`
	Text    string `json:"text"`
}

func hexOf(s trust.FileState) string {
	if !s.Exists {
		return ""
	}
	d := s.Digest()
	return hex.EncodeToString(d[:])
}

func planOf(p trust.Plan) jsonPlan {
	d := p.Digest()
	return jsonPlan{
		Digest: hex.EncodeToString(d[:]), Summary: safetext.Redact(p.Summary), Changes: list(p.Changes, safetext.Redact), Notes: list(p.Notes, safetext.Redact),
		Risk: p.Risk.String(), Undoes: p.Undoes, Commands: fixesOf(p.Commands),
		Files: list(p.Steps, func(s trust.FileChange) jsonFileChange {
			return jsonFileChange{s.Path, hexOf(s.Before), hexOf(s.After), list(s.Diff(), trust.DiffLine.String)}
		}),
		Residual: list(p.Residual, func(r trust.Residual) jsonResidual {
			return jsonResidual{safetext.Redact(r.Subject), where(r.Where), safetext.Redact(r.Text)}
		}),
	}
}

func (a *app) printPlan(p trust.Plan) {
	s := a.style()
	role := explain.Strong
	if p.Risk == trust.PlanSweeping {
		role = explain.Danger
	}
	a.print(paint(s, role, safetext.Text(p.Summary).String()))
	for _, c := range p.Changes {
		a.print("  " + safetext.Text(c).String())
	}
	for _, step := range p.Steps {
		if d := step.Diff(); len(d) > 0 {
			a.print("")
			for _, l := range d {
				a.print(paint(s, diffRole(l.Op), l.String()))
			}
		}
	}
	for i, n := range p.Notes {
		if i == 0 {
			a.print("")
		}
		a.print("note: " + safetext.Text(n).String())
	}
	if len(p.Residual) > 0 {
		a.print("", paint(s, explain.Caution, "What stays as it is:"))
		for _, r := range p.Residual {
			line := "  "
			if r.Subject != "" && r.Subject != r.Where.File {
				line += safetext.URL(r.Subject).String() + ": "
			}
			line += safetext.Text(r.Text).String()
			if at := explain.Where(r.Where, s); at != "" {
				line += " (" + at + ")"
			}
			a.print(line)
		}
	}
	for _, c := range p.Commands {
		a.print("", "Then: "+safetext.Text(c.Title).String())
		if c.Command == "" {
			continue
		}
		for _, l := range safetext.Verbatim(c.Command) {
			a.print("  " + paint(s, explain.Command, l.String()))
		}
	}
}

func diffRole(op byte) explain.Role {
	switch op {
	case '+':
		return explain.Good
	case '-':
		return explain.Bad
	case ' ':
		return explain.Plain
	}
	return explain.Faint
}
