package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
)

// reviewOptions are the flags of review.
type reviewOptions struct {
	flake, input  string
	since, failOn string
	format        string
	accept        bool
}

func (a *app) reviewCommand() *cobra.Command {
	var o reviewOptions
	cmd := &cobra.Command{
		Use:   "review [FLAKE]",
		Short: "Show what a flake will ask for, before Nix asks",
		Long: `review shows what a flake's nixConfig asks for, class by class, what Nix will do
with each setting here, which answers are saved for it, hosts that look like
others, and which other known flakes use the same caches and keys. FLAKE is a
folder or a flake reference, the current folder without one. With --input it is
about a locked input of that flake, as if it were named on the command line.

Nothing is evaluated or fetched. What the flake asks for is compared with a
record: the output of ` + "`nix-trust review --json`" + ` that --since names, or what
--accept recorded on this machine. Without a record, all is new.

--fail-on makes differences fail: a list of new-cache, new-key, trust, code,
sandbox, credentials, evaluation, performance, cosmetic, unknown, suspect,
respelled, or any.

Exit code: 0, 1 when something of --fail-on is there or Nix refuses the flake,
3 when it could not be read.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkFormat(cmd, &o.format); err != nil {
				return err
			}
			o.flake = "."
			if len(args) == 1 {
				o.flake = args[0]
			}
			if o.flake == "" {
				return usage("the flake's name is empty", "leave it out for the flake in the current folder")
			}
			for _, name := range []string{"input", "since", "fail-on"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
					return usage("--" + name + " was given without a value")
				}
			}
			return a.review(cmd.Context(), o)
		},
	}
	formatFlag(cmd, &o.format)
	cmd.Flags().StringVar(&o.input, "input", "", "review the locked input `NAME` of the flake")
	cmd.Flags().StringVar(&o.since, "since", "", "compare with the record in `FILE`")
	cmd.Flags().StringVar(&o.failOn, "fail-on", "", "exit with 1 for differences of these `KINDS`")
	cmd.Flags().BoolVar(&o.accept, "accept", false, "record what the flake asks for as reviewed; no trust comes of it")
	return cmd
}

// failCodes reads the list of --fail-on. "new-" may be left out.
func failCodes(list string) ([]trust.Code, error) {
	var out []trust.Code
	if list == "" {
		return nil, nil
	}
	all := trust.ReviewCodes()
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		switch code := trust.Code(word); {
		case word == "any":
			for _, c := range all {
				if c != trust.CodeNoLongerAsked {
					out = append(out, c)
				}
			}
		case slices.Contains(all, code):
			out = append(out, code)
		case slices.Contains(all, "new-"+code):
			out = append(out, "new-"+code)
		default:
			words := make([]string, len(all))
			for i, c := range all {
				words[i] = strings.TrimPrefix(string(c), "new-")
			}
			return nil, usage(fmt.Sprintf("--fail-on has %q, which is no kind of difference", word), "the kinds are any, "+strings.Join(words, ", "))
		}
	}
	return out, nil
}

// A reviewed is one review with what it was compared with.
type reviewed struct {
	trust.Review
	input   string
	since   *trust.ReviewRecord // nil without a record
	from    string              // where that record is from
	changes []trust.Finding
	failed  []trust.Finding // those of --fail-on
	report  *trust.Report
}

func (a *app) review(ctx context.Context, o reviewOptions) error {
	fail, err := failCodes(o.failOn)
	if err != nil {
		return err
	}
	if o.accept && (a.demo || a.root != "" || a.user != "") {
		return usage("--accept records a review of your own on this machine, so it does not go with --root and --user")
	}
	f, err := a.facts(ctx, o.flake)
	if err != nil {
		return err
	}
	i := namedFlake(f)
	if i < 0 || f.Flakes[i].Err != "" {
		return unreadFlake(f, i, o.flake)
	}
	parent := &f.Flakes[i]
	if o.input != "" {
		with, at, ok := f.WithInput(i, o.input)
		if !ok {
			return noInput(parent, o.input)
		}
		f, i = with, at
		if f.Flakes[i].Err != "" {
			return &problem{code: exitUnknown, text: f.Flakes[i].Err}
		}
	}
	r := trust.Decide(f)
	v := reviewed{Review: trust.ReviewOf(f, r, i), input: o.input, report: r}
	book, bookErr := a.reviewBook(parent, o.input)
	switch {
	case o.since != "":
		v.from = o.since
		if v.since, err = readRecord(o.since); err != nil {
			return err
		}
	case bookErr == nil && book != nil:
		if v.since, err = book.read(); err != nil {
			return err
		}
		v.from = book.path
	case bookErr != nil && !o.accept:
		a.warn("whether it was reviewed before is not known, so all is new: %v", bookErr)
	}
	if v.Known {
		v.changes = v.Since(v.since)
	}
	for _, c := range v.changes {
		if slices.Contains(fail, c.Code) {
			v.failed = append(v.failed, c)
		}
	}
	if err := a.writeReview(v, o); err != nil {
		return err
	}
	switch {
	case v.Flake.Err != "":
		return silent(exitUnknown)
	case !v.Known || len(v.failed) > 0:
		return silent(exitFindings)
	case o.accept && bookErr != nil:
		return &problem{code: exitUnknown, text: "the review was not recorded: " + bookErr.Error()}
	case o.accept:
		return a.accept(ctx, book, v)
	}
	return nil
}

func (a *app) writeReview(v reviewed, o reviewOptions) error {
	switch o.format {
	case "json":
		return a.writeJSON(reviewOf(v))
	case "sarif":
		found, unread := v.findings()
		codes := append(trust.ReviewCodes(), trust.CodeNotLiteral)
		return a.writeSARIF(found, unread, codes)
	case "markdown":
		found, unread := v.findings()
		a.print(markdownReview(v, found, unread, a.base()))
	default:
		a.printReview(v)
	}
	return nil
}

// findings are the differences as findings with their place, and a flake that
// Nix refuses as one, and what is not known.
func (v reviewed) findings() (found []trust.Finding, unread []trust.Note) {
	if v.Flake.Err != "" {
		unread = append(unread, trust.Note{Path: v.Flake.ID.Path, Text: v.Flake.Err})
	}
	if r := v.Flake.Rejected; r != nil && !v.Known {
		found = append(found, trust.Finding{Code: trust.CodeNotLiteral, Severity: trust.Danger, Where: r.Where, Subject: r.Subject, Text: r.Text})
	}
	for _, c := range v.changes {
		if c.Where.File == "" {
			c.Where.File = v.file()
		}
		found = append(found, c)
	}
	return found, unread
}

// file is the flake's flake.nix.
func (v reviewed) file() string {
	if v.Flake.ID.Path == "" {
		return ""
	}
	return v.Flake.ID.Path + "/flake.nix"
}

// noInput says that a flake has no such input, and which ones it has.
func noInput(f *trust.Flake, name string) *problem {
	p := &problem{code: exitUnknown, text: fmt.Sprintf("the flake has no locked input called %s", name)}
	if f.LockErr != "" {
		p.hints = append(p.hints, f.LockErr)
	}
	var names []string
	for _, in := range f.Inputs {
		if in.IsFlake {
			names = append(names, in.Name)
		}
	}
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	if len(names) > 0 {
		p.hints = append(p.hints, "it has "+strings.Join(names, ", "))
	}
	return p
}
