package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) lockMergeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "merge BASE OURS THEIRS [PATH]",
		Short: "Merge two versions of a lock, as a merge driver of git",
		Long: `merge joins what two sides made of one lock, and writes the outcome to OURS.
What either side added stays; what one side took away goes, unless something
that stays refers to it. A store path with two pins stays a conflict, with both
lines between git's markers: no program can know which one is right.

For git, once in each clone:

  git config merge.cache-lock.driver 'nix-trust lock merge %O %A %B %P'

and once in the repository:

  echo 'flake.cache-lock merge=cache-lock' >> .gitattributes

PATH is the name to use in messages.

Exit code: 0 merged; 1 OURS now has conflicts; 3 a file could not be read or
written, and OURS is as it was.`,
		Args: cobra.RangeArgs(3, 4),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[1]
			if len(args) == 4 {
				name = args[3]
			}
			return a.lockMerge(cmd.Context(), args[0], args[1], args[2], name)
		},
	}
}

type lockMergeJSON struct {
	Version   int            `json:"version"`
	File      string         `json:"file"`
	Error     string         `json:"error"` // what makes one side no lock; the conflict is of whole files then
	Conflicts []jsonConflict `json:"conflicts"`
	Kept      []string       `json:"kept"`
}

type jsonConflict struct {
	What   string `json:"what"` // "path", "output", "caches" or "source"
	System string `json:"system"`
	Name   string `json:"name"`
	Ours   string `json:"ours"` // the lines of each side
	Theirs string `json:"theirs"`
}

func (a *app) lockMerge(ctx context.Context, base, ours, theirs, name string) error {
	var texts [3][]byte
	for i, path := range []string{base, ours, theirs} {
		text, err := readLockText(path)
		if err != nil {
			return err
		}
		texts[i] = text
	}
	out := lockMergeJSON{Version: 1, File: name}
	text, report := mergeTexts(texts, name, &out)
	if err := ledger.Replace(ctx, ours, trust.DigestOf(texts[1]), text); err != nil {
		p := changeProblem(err).(*problem)
		p.code, p.text = exitUnknown, "the merged lock was not written: "+p.text
		return p
	}
	if a.json {
		if err := a.writeJSON(out); err != nil {
			return err
		}
		if report != nil {
			return silent(report.code)
		}
		return nil
	}
	for _, path := range out.Kept {
		a.warn("%s: %s stays although one side took it away, because something that stays refers to it; `nix-trust lock` takes away what nothing needs", name, path)
	}
	if report != nil {
		return report
	}
	return nil
}

// mostConflicts is how many conflicts are told one by one; the file has all.
const mostConflicts = 20

// mergeTexts merges three files. The problem is nil when there is no conflict.
func mergeTexts(texts [3][]byte, name string, out *lockMergeJSON) ([]byte, *problem) {
	out.Conflicts, out.Kept = []jsonConflict{}, []string{}
	var locks [3]*lock.Lock
	for i, side := range []string{"base", "ours", "theirs"} {
		if i == 0 && len(texts[0]) == 0 { // git has no base when both sides made the file
			locks[0] = lock.New()
			continue
		}
		l, err := lock.Parse(name+" ("+side+")", texts[i])
		if err != nil {
			return wholeConflict(texts, name, out, err)
		}
		locks[i] = l
	}
	m := lock.Merge(locks[0], locks[1], locks[2])
	text, err := m.Text()
	if err != nil {
		return wholeConflict(texts, name, out, err)
	}
	out.Kept = list(m.Kept, func(p lock.StorePath) string { return string(p) })
	if len(m.Conflicts) == 0 {
		return text, nil
	}
	out.Conflicts = list(m.Conflicts, func(c lock.Conflict) jsonConflict { return jsonConflict(c) })
	var lines []string
	for i, c := range m.Conflicts {
		if i == mostConflicts {
			lines = append(lines, fmt.Sprintf("and %d more", len(m.Conflicts)-i))
			break
		}
		lines = append(lines, name+": "+conflictSentence(c))
	}
	p := &problem{code: exitFindings, text: strings.Join(lines, "\n")}
	p.hints = []string{"decide each in the file, between the lines of markers; for a path with two pins, `nix-trust challenge` asks every cache what its hash is"}
	return text, p
}

// wholeConflict is the merge of what cannot be merged.
func wholeConflict(texts [3][]byte, name string, out *lockMergeJSON, err error) ([]byte, *problem) {
	p := lockProblem(err)
	p.code = exitFindings
	p.text = "both sides are now in " + name + " as they were, because they cannot be merged: " + p.text
	out.Error = err.Error()
	return lock.TextConflict(texts[1], texts[2]), p
}

func conflictSentence(c lock.Conflict) string {
	at := ""
	if c.System != "" {
		at = " for " + c.System
	}
	switch {
	case c.What == "path" && (c.Ours == "" || c.Theirs == ""):
		return c.Name + at + " is pinned otherwise for another system, or was taken away by one side and pinned anew by the other"
	case c.What == "path":
		return c.Name + at + " has two pins that differ"
	case c.What == "output":
		return "the output " + c.Name + at + " moved to two different places"
	case c.What == "caches":
		return "the two sides give different keys the same name"
	}
	return "the two sides belong to different source trees"
}

// readLockText reads a file that should be a lock.
func readLockText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(f, lock.MaxBytes+1)); err == nil {
			return text, nil
		}
	}
	hint := "give the path of a flake.cache-lock"
	if errors.Is(err, fs.ErrPermission) {
		hint = "ask its owner for the right to read it"
	}
	return nil, &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", safetext.Redact(path), cause(err)), hints: []string{hint}}
}

// cause is an error without the path that the sentence has already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// lockProblem is what is wrong with a lock.
func lockProblem(err error) *problem {
	p := &problem{code: exitUnknown, text: err.Error()}
	var e *lock.Error
	if errors.As(err, &e) && e.Hint != "" {
		p.hints = []string{e.Hint}
	}
	return p
}
