package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) journalCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "journal",
		Short: "List every change that nix-trust made, and what became of it",
		Long: `journal lists the changes that this user made with nix-trust, the oldest first,
each with the number that ` + "`nix-trust undo`" + ` takes. It is kept in journal.jsonl, in
nix-trust under $XDG_STATE_HOME or ~/.local/state, root's in /var/lib/nix-trust,
or in the folder that NIX_TRUST_STATE_DIR names.

Exit code: 0; 1 when a line of it cannot be read; 3 when none can.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			j, err := a.journal()
			if err != nil {
				return err
			}
			return a.listJournal(j)
		},
	}
}

func (a *app) undoCommand() *cobra.Command {
	var consent consentFlags
	c := &cobra.Command{
		Use:   "undo [N]",
		Short: "Take back a change that nix-trust made",
		Long: `undo takes back entry N of the journal, or the latest change that is in force. A
file that was not touched since becomes what it was, to the byte. Saved answers
that Nix added since are kept. Anything else that has moved on is refused, with
the reason. To redo, undo the undo by its number.

` + consentHelp + `

Exit code: 0 when it was done; 1 refused; 3 a file could not be read or written.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := 0
			if len(args) == 1 {
				if _, err := fmt.Sscanf(args[0]+"\n", "%d\n", &n); err != nil || n < 1 {
					return usage(args[0]+" is no number of an entry", "`nix-trust journal` lists them")
				}
			}
			j, err := a.journal()
			if err != nil {
				return err
			}
			p, err := j.Undo(n)
			if err != nil {
				return changeProblem(err)
			}
			return a.carryOut(cmd.Context(), j, p, consent)
		},
	}
	consent.add(c)
	return c
}

type journalJSON struct {
	Version int                `json:"version"`
	File    string             `json:"file"`
	Entries []jsonJournalEntry `json:"entries"`
	Damage  []jsonDamage       `json:"damage"`
}

type jsonJournalEntry struct {
	N        int      `json:"n"`
	Time     string   `json:"time"`
	Summary  string   `json:"summary"`
	Changes  []string `json:"changes"`
	Risk     string   `json:"risk"`
	State    string   `json:"state"` // "applied", "not-applied", "interrupted", "partly", "unclear"
	Undoes   int      `json:"undoes"`
	UndoneBy int      `json:"undoneBy"`
	Files    []string `json:"files"`
}

type jsonDamage struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

func (a *app) listJournal(j ledger.Journal) error {
	h, err := j.History()
	if err != nil {
		return changeProblem(err)
	}
	code := exitOK
	if len(h.Damage) > 0 {
		code = exitFindings
	}
	if a.json {
		out := journalJSON{Version: 1, File: j.Path()}
		out.Entries = list(h.Entries, func(e ledger.Entry) jsonJournalEntry {
			return jsonJournalEntry{
				N: e.N, Time: e.Time.Format(time.RFC3339), Summary: safetext.Redact(e.Summary), Changes: list(e.Changes, safetext.Redact), Risk: e.Risk.String(),
				State: string(e.State), Undoes: e.Undoes, UndoneBy: e.UndoneBy, Files: list(e.Files, func(f ledger.EntryFile) string { return f.Path }),
			}
		})
		out.Damage = list(h.Damage, func(d ledger.Damage) jsonDamage { return jsonDamage(d) })
		if err := a.writeJSON(out); err != nil {
			return err
		}
		return silent(code)
	}
	s := a.style()
	for _, e := range h.Entries {
		line := fmt.Sprintf("%4d  %s  %s", e.N, e.Time.Local().Format("2006-01-02 15:04"), safetext.Text(e.Summary))
		switch {
		case e.UndoneBy != 0:
			line += fmt.Sprintf(" (taken back by %d)", e.UndoneBy)
		case e.State != ledger.Applied:
			line += " (" + stateWords[e.State] + ")"
		}
		a.print(paint(s, explain.Strong, line))
		for _, c := range e.Changes {
			a.print("      " + safetext.Text(c).String())
		}
		for _, f := range e.Files {
			a.print("      " + paint(s, explain.Place, s.Path(f.Path).String()))
		}
	}
	if len(h.Entries) == 0 {
		a.print("nix-trust has not changed anything yet")
	}
	for _, d := range h.Damage {
		a.warn("%s:%d: %s", j.Path(), d.Line, d.Text)
	}
	return silent(code)
}

var stateWords = map[ledger.State]string{
	ledger.NotApplied:  "it was not made",
	ledger.Interrupted: "the program was stopped or is at it; the next change finds out what became of it",
	ledger.Partly:      "the program was stopped between two files; undo takes back what was made",
	ledger.Unclear:     "the program was stopped, and the files were changed since: look at them",
}
