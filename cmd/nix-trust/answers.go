package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) answersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "answers",
		Short: "The decisions that Nix saved when it asked about a flake's settings",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List every saved decision, and which known flakes ask for it today",
		Long: `list shows every decision in trusted-settings.json, split into its URLs or keys,
with the known flakes that ask for exactly this value today. An answer belongs
to no flake: it counts for every one that asks for the same setting and value.

Exit code: 0, or 1 when Nix cannot read the file or a saved yes is dangerous.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.answersList(cmd.Context()) },
	}, a.answersSetCommand(), a.answersForgetCommand())
	return c
}

type answersJSON struct {
	jsonHead
	Files   []jsonAnswersFile `json:"files"`
	Answers []jsonAnswer      `json:"answers"`
}

type jsonAnswersFile struct {
	Path    string `json:"path"`
	State   string `json:"state"`
	Error   string `json:"error"`   // what it means, "" when the file reads
	NixSays string `json:"nixSays"` // the error Nix stops with
	Where   string `json:"where"`
}

type jsonAnswer struct {
	File     string   `json:"file"`
	Root     bool     `json:"root"`
	Setting  string   `json:"setting"`
	Value    string   `json:"value"`
	Answer   string   `json:"answer"` // "yes" or "no"
	Items    []string `json:"items"`
	Risk     string   `json:"risk"`
	Asked    []string `json:"askedBy"`
	Near     []string `json:"nearlyAskedBy"`
	Orphan   bool     `json:"orphan"`
	Skeleton bool     `json:"skeletonKey"`
}

func (a *app) answersList(ctx context.Context) error {
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	code := answersCode(r)
	if a.json {
		if err := a.writeJSON(answersOf(r)); err != nil {
			return err
		}
		return silent(code)
	}
	a.printAnswers(r)
	return silent(code)
}

func answersOf(r *trust.Report) answersJSON {
	out := answersJSON{jsonHead: headOf(r)}
	out.Files = list(r.AnswerFiles, func(f trust.AnswersFile) jsonAnswersFile {
		j := jsonAnswersFile{Path: f.Path, State: f.State.String()}
		if f.Err != nil {
			j.Error, j.NixSays = f.Err.Text, "error: "+f.Err.Message
			j.Where = where(nixconf.Pos{File: f.Path, Line: f.Err.Line, Col: f.Err.Col})
		}
		return j
	})
	out.Answers = list(r.Answers, func(v trust.AnswerReport) jsonAnswer {
		return jsonAnswer{
			File: v.File, Root: v.Root, Setting: v.Setting, Value: secretless(v.Setting, v.Value), Answer: yesNo(v.Yes),
			Items: list(v.Items, func(s string) string { return secretless(v.Setting, s) }), Risk: string(v.Risk),
			Asked: flakeRefs(r, v.Asked), Near: flakeRefs(r, v.Near), Orphan: v.Orphan, Skeleton: v.Skeleton,
		}
	})
	return out
}

func answersCode(r *trust.Report) int {
	code := exitOK
	for _, f := range r.AnswerFiles {
		switch {
		case f.Err != nil:
			return exitFindings
		case f.State == nixconf.SourceUnreadable && f.Path == r.AnswerFiles[0].Path:
			code = exitUnknown
		}
	}
	for _, v := range r.Answers {
		if v.Skeleton {
			return exitFindings
		}
	}
	return code
}

func flakeRefs(r *trust.Report, is []int) []string {
	return list(is, func(i int) string { return safetext.Redact(r.Flakes[i].ID.Ref) })
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (a *app) printAnswers(r *trust.Report) {
	s := a.style()
	for _, f := range r.AnswerFiles {
		if f.Path == "" {
			continue
		}
		a.print(paint(s, explain.Strong, s.Path(f.Path).String()))
		switch {
		case f.Err != nil:
			a.print("  "+paint(s, explain.Bad, safetext.Line(f.Err.Text).String()), "  Nix says: error: "+safetext.Line(f.Err.Message).String())
			continue
		case f.State == nixconf.SourceMissing:
			a.print("  no answer was ever saved")
			continue
		case f.State != nixconf.SourceRead:
			a.print("  " + paint(s, explain.Unsure, "it could not be read here; its answers are unknown"))
			continue
		}
		n := 0
		for _, v := range r.Answers {
			if v.File == f.Path {
				a.printAnswer(r, v)
				n++
			}
		}
		if n == 0 {
			a.print("  no answer is saved")
		}
	}
}

func (a *app) printAnswer(r *trust.Report, v trust.AnswerReport) {
	s := a.style()
	role, word := explain.Caution, "no "
	if v.Yes {
		role, word = explain.Good, "yes"
	}
	if v.Skeleton {
		role = explain.Danger
	}
	a.print("  " + paint(s, role, word) + "  " + paint(s, explain.Strong, safetext.Line(v.Setting).String()))
	for _, it := range v.Items {
		a.print("         " + explain.Value(v.Setting, it).String())
	}
	switch {
	case v.Skeleton:
		a.print("       " + paint(s, explain.Danger, "a yes to everything that any flake asks which asks for this"))
	case v.Orphan && len(v.Near) > 0:
		a.print("       no known flake asks for exactly this; " + names(r, v.Near) + " asks for something close, for which it does not count")
	case v.Orphan:
		a.print("       no known flake asks for this today")
	default:
		a.print("       asked for by " + names(r, v.Asked))
	}
}

// names lists a few flakes by name.
func names(r *trust.Report, is []int) string {
	out := ""
	for n, i := range is {
		if n == 3 {
			return out + fmt.Sprintf(" and %d more", len(is)-n)
		}
		if n > 0 {
			out += ", "
		}
		out += flakeName(&r.Flakes[i])
	}
	return out
}
