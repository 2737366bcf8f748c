package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) lintCommand() *cobra.Command {
	var format, ignore string
	cmd := &cobra.Command{
		Use:   "lint [FLAKE]",
		Short: "Find mistakes in nix.conf and in what flakes declare, line by line",
		Long: `lint reads every file of the configuration, the daemon's included, and the
nixConfig of the flakes that are known, and tells of each line that does
something else than it seems to, or lets in more than a cache: where it is, what
happens, and the one way out. With FLAKE it looks at that flake alone.

Nothing is evaluated, fetched or changed.

Exit code: 0 when nothing was found, 1 when something was, 3 when nothing was
found but not everything could be read.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkFormat(cmd, &format); err != nil {
				return err
			}
			leave, err := ignored(ignore)
			if err != nil {
				return err
			}
			named := ""
			if len(args) == 1 {
				if named = args[0]; named == "" {
					return usage("the flake's name is empty", "leave it out to look at everything")
				}
			}
			return a.lint(cmd.Context(), named, format, leave)
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().StringVar(&ignore, "ignore", "", "leave out these `RULES`, by their codes in brackets")
	return cmd
}

// ignored reads the list of --ignore.
func ignored(list string) ([]trust.Code, error) {
	var out []trust.Code
	for word := range strings.SplitSeq(list, ",") {
		code := trust.Code(strings.TrimSpace(word))
		switch {
		case code == "":
		case slices.Contains(trust.LintCodes(), code):
			out = append(out, code)
		default:
			return nil, usage(fmt.Sprintf("--ignore has %q, which is no rule", word), "docs/lint.md has the rules")
		}
	}
	return out, nil
}

// The formats of findings.
var formats = []string{"text", "json", "sarif", "markdown"}

func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "text", "print `FORMAT`: "+strings.Join(formats, ", "))
}

// checkFormat settles what is printed; --json is --format json.
func (a *app) checkFormat(cmd *cobra.Command, format *string) error {
	if !slices.Contains(formats, *format) {
		return usage(fmt.Sprintf("--format %s is none that nix-trust knows", *format), "it is one of "+strings.Join(formats, ", "))
	}
	if a.json && *format != "json" {
		if cmd.Flags().Changed("format") {
			return usage("--json and --format "+*format+" exclude each other", "leave one of them out")
		}
		*format = "json"
	}
	return nil
}

type lintJSON struct {
	jsonHead
	Findings []jsonFinding `json:"findings"`
	Read     []string      `json:"read"`
	Unread   []jsonNote    `json:"unread"`
}

// facts looks at the machine.
func (a *app) facts(ctx context.Context, named string) (*trust.Facts, error) {
	m, o, err := a.machine(named)
	if err != nil {
		return nil, err
	}
	f := host.Look(ctx, m, o)
	a.home = f.User.Home
	return f, ctx.Err()
}

func (a *app) lint(ctx context.Context, named, format string, leave []trust.Code) error {
	f, err := a.facts(ctx, named)
	if err != nil {
		return err
	}
	var scope trust.LintScope
	if named != "" {
		i := namedFlake(f)
		if i < 0 || f.Flakes[i].Err != "" {
			return unreadFlake(f, i, named)
		}
		scope.Flakes = []int{i}
	}
	l := trust.LintOf(f, scope)
	l.Findings = slices.DeleteFunc(l.Findings, func(f trust.Finding) bool { return slices.Contains(leave, f.Code) })
	switch format {
	case "json":
		err = a.writeJSON(lintJSON{jsonHead: headOf(trust.Decide(f)), Findings: findingsOf(l.Findings), Read: list(l.Read, same), Unread: notesOf(l.Unread)})
	case "sarif":
		err = a.writeSARIF(l.Findings, l.Unread, trust.LintCodes())
	case "markdown":
		a.print(markdownFindings("nix-trust lint", l.Findings, l.Unread, a.base()))
	default:
		a.printLint(l)
	}
	if err != nil {
		return err
	}
	switch {
	case len(l.Findings) > 0:
		return silent(exitFindings)
	case len(l.Unread) > 0:
		return silent(exitUnknown)
	}
	return nil
}

// namedFlake is the flake that the user named, -1 when it was not found.
func namedFlake(f *trust.Facts) int {
	return slices.IndexFunc(f.Flakes, func(fl trust.Flake) bool { return slices.Contains(fl.Found, "named on the command line") })
}

// unreadFlake is the end of a command whose flake could not be read.
func unreadFlake(f *trust.Facts, i int, named string) *problem {
	p := &problem{code: exitUnknown, text: "no flake was found at " + named, hints: []string{"give the folder that has its flake.nix"}}
	if i >= 0 {
		p.text = safetext.Text(named).String() + ": " + f.Flakes[i].Err
	}
	return p
}

// printLint prints the findings as a compiler does, the place first.
func (a *app) printLint(l trust.Lint) {
	s := a.style()
	for i, f := range l.Findings {
		if i > 0 {
			a.print("")
		}
		a.print(a.placed(f, s)...)
	}
	if len(l.Findings) == 0 && len(l.Unread) == 0 {
		a.print("Nothing was found in " + plural(len(l.Read), "file") + ".")
	}
	for _, n := range l.Unread {
		a.warn("%s", noteLine(n, s))
	}
}

// placed is a finding as lines: its place and title, what happens, the way out.
func (a *app) placed(f trust.Finding, s explain.Style) []string {
	m := explain.SeverityMark(f.Severity, s.Glyphs)
	head := paint(s, m.Role, f.Severity.String()+":") + " " + paint(s, explain.Strong, f.Code.Title()) + " " + a.faint("["+string(f.Code)+"]")
	if at := explain.Where(f.Where, s); at != "" {
		head = paint(s, explain.Place, columned(at, f)) + ": " + head
	}
	lines := []string{head}
	add := func(prefix string, text safetext.S) {
		w := 96
		if s.Width > 0 {
			w = s.Width
		}
		for i, l := range explain.Wrap(text, w-len(prefix)) {
			if i > 0 {
				prefix = strings.Repeat(" ", len(prefix))
			}
			lines = append(lines, prefix+l)
		}
	}
	if f.Subject != "" && !strings.Contains(f.Text, f.Subject) {
		add("  ", safetext.Text(f.Subject))
	}
	add("  ", safetext.Text(f.Text))
	if suspicion(f) != "" {
		at := len(lines)
		why, _ := safetext.SuspectHost(f.Subject)
		add("  ", why)
		lines[at] = "  " + capital(lines[at][2:])
	}
	for _, fix := range f.Fixes {
		text := fix.Title + "."
		if fix.Detail != "" {
			text += " " + fix.Detail
		}
		add("  fix: ", safetext.Text(text))
		for l := range strings.Lines(fix.Command) {
			lines = append(lines, "    "+paint(s, explain.Command, safetext.Text(strings.TrimSuffix(l, "\n")).String()))
		}
	}
	return lines
}

// suspicion is why the host that a finding is about is not what it seems, safe
// to show; "" when that is not what it is about.
func suspicion(f trust.Finding) string { return capital(suspect(f).String()) }

// suspect is suspicion before its first letter is made a capital one.
func suspect(f trust.Finding) (why safetext.S) {
	if f.Code == trust.CodeSuspectText || f.Code == trust.CodeNewSuspect {
		why, _ = safetext.SuspectHost(f.Subject)
	}
	return why
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// columned adds the column to a place that has a line.
func columned(at string, f trust.Finding) string {
	if f.Where.Line > 0 && f.Where.Col > 0 {
		return fmt.Sprintf("%s:%d", at, f.Where.Col)
	}
	return at
}
