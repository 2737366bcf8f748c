package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) answersSetCommand() *cobra.Command {
	var consent consentFlags
	var from string
	c := &cobra.Command{
		Use:   "set yes|no SETTING VALUE | set yes|no --from FLAKE [SETTING...]",
		Short: "Decide beforehand what Nix would ask",
		Long: `set saves a decision as Nix's own question would, so that it is not asked where
nobody can answer: in CI, under direnv, in a wrapper. SETTING and VALUE are what
the flake writes, letter by letter; the items of a list are joined by one space.

With --from the values are those that FLAKE asks for today. A yes is then saved
to its caches and keys as one decision, and to any other setting only when it is
named; a no is saved to everything it asks for, or to what is named.

Some things are never saved a yes to: accept-flake-config, require-sigs = false,
trusted-users, and a URL that turns signatures off.

` + consentHelp + `

Exit code: 0 when it was done or is so already; 1 refused; 3 the file could not
be read or written.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] != "yes" && args[0] != "no" {
				return usage("say yes or no first", "for example: nix-trust answers set no extra-substituters https://example.org")
			}
			if from == "" && len(args) != 3 {
				return usage("a setting and its value are needed", "put the value in quotes when it has spaces, or take it from a flake with --from FLAKE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			do := trust.AnswerNo
			if args[0] == "yes" {
				do = trust.AnswerYes
			}
			r, j, err := a.forChange(cmd.Context(), from)
			if err != nil {
				return err
			}
			var p trust.Plan
			if from == "" {
				p, err = a.planSet(r, []trust.AnswerEdit{{Setting: args[1], Value: args[2], Do: do}})
			} else {
				var said []string
				p, said, err = a.planFrom(r, from, do, args[1:])
				for _, s := range said {
					a.warn("%s", s)
				}
			}
			if err != nil {
				return err
			}
			return a.carryOut(cmd.Context(), j, p, consent)
		},
	}
	c.Flags().StringVar(&from, "from", "", "take the values from `FLAKE`, a folder or a reference")
	consent.add(c)
	return c
}

func (a *app) answersForgetCommand() *cobra.Command {
	var consent consentFlags
	var orphans bool
	c := &cobra.Command{
		Use:   "forget URL | KEY | HOST | SETTING VALUE | --orphans",
		Short: "Forget saved decisions, so that Nix asks again",
		Long: `forget removes decisions from trusted-settings.json. With a cache's URL, its
host, or a key or its name, every saved value goes that has it among its items,
because Nix knows values as a whole only. With a setting and a value exactly
that one goes. --orphans forgets every decision that no known flake asks for.

As root it looks into root's own file, and with --user NAME into both.

` + consentHelp + `

Exit code: 0 when it was done; 1 refused, or nothing saved has it; 3 the file
could not be read or written.`,
		Args: func(_ *cobra.Command, args []string) error {
			if orphans && len(args) > 0 || !orphans && (len(args) == 0 || len(args) > 2) || slices.Contains(args, "") && len(args) == 1 {
				return usage("say what to forget: a URL, a host, a key, a setting and its value, or --orphans", "`nix-trust answers list` shows what is saved")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, j, err := a.forChange(cmd.Context(), "")
			if err != nil {
				return err
			}
			p, err := a.planForget(r, args, orphans)
			if err != nil {
				return err
			}
			if p.Empty() && !orphans {
				return &problem{code: exitFindings, text: "no saved answer has " + strings.Join(args, " = "), hints: []string{"`nix-trust answers list` shows what is saved"}}
			}
			return a.carryOut(cmd.Context(), j, p, consent)
		},
	}
	c.Flags().BoolVar(&orphans, "orphans", false, "forget every decision that no known flake asks for")
	consent.add(c)
	return c
}

// forChange is the report and the journal for a command that changes answers.
func (a *app) forChange(ctx context.Context, flake string) (*trust.Report, ledger.Journal, error) {
	if _, err := a.journal(); err != nil {
		return nil, ledger.Journal{}, err
	}
	r, err := a.answersReport(ctx, flake)
	if err != nil {
		return nil, ledger.Journal{}, err
	}
	j, err := a.journal(r.Nix.StoreDir)
	return r, j, err
}

// answersReport is a report that says where the answers are.
func (a *app) answersReport(ctx context.Context, flake string) (*trust.Report, error) {
	r, err := a.report(ctx, flake)
	if err != nil {
		return nil, err
	}
	if r.AnswerFiles[0].Path == "" {
		return nil, &problem{code: exitUnknown, text: "where the answers are saved is not known: " + r.User.Name + " has no home folder", hints: []string{"set HOME"}}
	}
	return r, nil
}

// planSet is the plan that saves decisions to the user's own file.
func (a *app) planSet(r *trust.Report, edits []trust.AnswerEdit) (trust.Plan, error) {
	p, err := a.planFor(r, r.AnswerFiles[0].Path, func(trust.Answers) []trust.AnswerEdit { return edits })
	return p.WithResidual(r), err
}

// planFrom is the plan that decides about what a flake asks, and what is to be
// said about what it leaves out.
func (a *app) planFrom(r *trust.Report, named string, do trust.AnswerDo, settings []string) (p trust.Plan, said []string, err error) {
	edits, said, err := fromFlake(r, named, do, settings)
	if err == nil {
		p, err = a.planSet(r, edits)
	}
	return p, said, err
}

// planFor is the plan for one file of answers, as it is now.
func (a *app) planFor(r *trust.Report, path string, edits func(trust.Answers) []trust.AnswerEdit) (trust.Plan, error) {
	state, err := a.read(path)
	if err != nil {
		return trust.Plan{}, changeProblem(err)
	}
	src := trust.AnswersSource{Path: path, State: state, Version: r.Nix.Version}
	now, err := src.Answers()
	if err != nil {
		p := changeProblem(err).(*problem)
		p.hints = []string{"correct it, or move it away; Nix says: error: " + err.(*trust.AnswersRefusal).Bad.Message}
		return trust.Plan{}, p
	}
	p, err := trust.PlanAnswers(src, edits(now))
	if err != nil {
		return trust.Plan{}, &problem{code: exitFindings, text: err.Error()}
	}
	return p, nil
}

// planForget joins the plans for the files that this user may change: the
// user's, and root's when root looks at another user.
func (a *app) planForget(r *trust.Report, args []string, orphans bool) (trust.Plan, error) {
	all := trust.Plan{Risk: trust.PlanNarrows}
	for i, f := range r.AnswerFiles {
		if f.Path == "" || i > 0 && (a.user == "" || os.Geteuid() != 0 || f.Path == r.AnswerFiles[0].Path) {
			continue
		}
		p, err := a.planFor(r, f.Path, func(now trust.Answers) []trust.AnswerEdit {
			switch {
			case orphans:
				return orphansOf(r, f.Path)
			case len(args) == 2:
				return []trust.AnswerEdit{{Setting: args[0], Value: args[1], Do: trust.AnswerForget}}
			}
			return now.ForgetItem(args[0])
		})
		if err != nil {
			return trust.Plan{}, err
		}
		if p.Empty() {
			continue
		}
		all.Steps = append(all.Steps, p.Steps...)
		all.Changes = append(all.Changes, p.Changes...)
		all.Risk = all.Risk.With(p.Risk)
		for _, n := range p.Notes {
			if !slices.Contains(all.Notes, n) {
				all.Notes = append(all.Notes, n)
			}
		}
	}
	switch n := len(all.Changes); n {
	case 0:
		all.Summary = "Nothing to forget"
	case 1:
		all.Summary = "Forget one saved answer"
	default:
		all.Summary = fmt.Sprintf("Forget %d saved answers", n)
	}
	return all.WithResidual(r), nil
}

func orphansOf(r *trust.Report, path string) []trust.AnswerEdit {
	var out []trust.AnswerEdit
	for _, v := range r.Answers {
		if v.File == path && v.Orphan {
			out = append(out, trust.AnswerEdit{Setting: v.Setting, Value: v.Value, Do: trust.AnswerForget})
		}
	}
	return out
}

// fromFlake is the decisions about what a flake asks for: about the named
// settings, or else for a yes about its caches and keys, for a no about all. It
// also returns what is to be said about what they leave out.
func fromFlake(r *trust.Report, named string, do trust.AnswerDo, settings []string) (edits []trust.AnswerEdit, said []string, err error) {
	f := subject(r, named)
	switch {
	case f == nil:
		return nil, nil, &problem{code: exitUnknown, text: "no flake was found at " + named, hints: []string{"give the folder that has its flake.nix"}}
	case f.Err != "":
		return nil, nil, &problem{code: exitUnknown, text: flakeName(f) + ": " + f.Err}
	case f.Rejected != nil:
		return nil, nil, &problem{code: exitFindings, text: "Nix refuses the flake, so it asks nothing: " + f.Rejected.Text}
	}
	for _, name := range settings {
		if !slices.ContainsFunc(f.Settings, func(s trust.SettingVerdict) bool { return s.Name == name }) {
			return nil, nil, usage(flakeName(f)+" does not set "+name, "`nix-trust why "+named+"` shows what it sets")
		}
	}
	var left, never []string
	edits = f.Decide(do, func(s trust.SettingVerdict) bool {
		switch {
		case len(settings) > 0 && !slices.Contains(settings, s.Name):
			return false
		case slices.ContainsFunc(s.Reasons, func(r trust.Reason) bool { return r.Code == trust.CodeWhitelisted }):
			never = append(never, s.Name)
			return false
		case len(settings) > 0 || do == trust.AnswerNo || s.Risk == nixconf.RiskCache:
			return true
		}
		left = append(left, s.Name)
		return false
	})
	if len(never) > 0 && (len(settings) > 0 || do == trust.AnswerNo) {
		said = append(said, "Nix applies these without asking, so no decision about them counts: "+strings.Join(never, ", "))
	}
	if len(left) > 0 {
		said = append(said, "a yes is not saved to what is more than caches unless it is named: "+strings.Join(left, ", "))
	}
	if len(edits) == 0 {
		return nil, said, &problem{code: exitFindings, text: safetext.Redact(flakeName(f)) + " asks for nothing that could be decided"}
	}
	return edits, said, nil
}
