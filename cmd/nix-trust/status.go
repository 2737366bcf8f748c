package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the flakes that are known, their caches, and what is dangerous",
		Long: `status shows how this user stands with the daemon, the caches in effect, every
flake that is known with the caches it claims, and what was found to be
dangerous.

Exit code: 0 when nothing dangerous was found, 1 when something was, 3 when the
daemon's word is missing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) },
	}
}

type statusJSON struct {
	jsonHead
	Caches   []statusCache `json:"caches"`
	Flakes   []statusFlake `json:"flakes"`
	Findings []jsonFinding `json:"findings"`
	Notes    []jsonNote    `json:"notes"`

	Remembered []jsonRemembered `json:"remembered"`
}

type statusCache struct {
	URL      string   `json:"url"`
	InEffect bool     `json:"inEffect"`
	State    string   `json:"state"`
	Keys     []string `json:"keys"`
	ListedBy []string `json:"listedBy"`
	Where    []string `json:"where"`
	Flakes   []string `json:"flakes"`
	Granted  []string `json:"granted"` // flakes for which pinned paths of it come through the gate

	Probed jsonReach `json:"reachability"`
}

type statusFlake struct {
	jsonFlake
	State    string             `json:"state"`
	Rejected *jsonReason        `json:"rejected"`
	Error    string             `json:"error"`
	Caches   []statusFlakeCache `json:"caches"`
	Inputs   []jsonInput        `json:"inputs"`
}

type statusFlakeCache struct {
	URL   string `json:"url"`
	State string `json:"state"`
	Code  string `json:"code"` // of the decisive reason
	Where string `json:"where"`

	Probed jsonReach `json:"reachability"`
}

func (a *app) status(ctx context.Context) error {
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	if a.json {
		if err := a.writeJSON(statusOf(r)); err != nil {
			return err
		}
		return silent(statusCode(r))
	}
	a.printStatus(r)
	return silent(statusCode(r))
}

func statusCode(r *trust.Report) int {
	for _, f := range r.Findings {
		if f.Severity == trust.Danger {
			return exitFindings
		}
	}
	if r.Trust == trust.TrustUnknown {
		return exitUnknown
	}
	return exitOK
}

func statusOf(r *trust.Report) statusJSON {
	out := statusJSON{jsonHead: headOf(r), Findings: findingsOf(r.Findings), Notes: notesOf(r.Notes), Remembered: rememberedOf(r)}
	out.Caches = list(r.Caches, func(c trust.CacheReport) statusCache {
		s := statusCache{
			URL: safetext.Redact(c.URL), InEffect: c.InEffect, State: c.State.String(), Keys: list(c.Keys, same),
			ListedBy: list(c.ListedBy, same), Where: []string{}, Probed: reachOf(c.Probed),
		}
		for _, o := range c.Origins {
			s.Where = append(s.Where, where(o.Pos))
		}
		named := func(i int) string { return safetext.Redact(r.Flakes[i].ID.Ref) }
		s.Flakes, s.Granted = list(c.Flakes, named), list(c.Granted, named)
		return s
	})
	out.Flakes = list(r.Flakes, func(f trust.FlakeReport) statusFlake {
		s := statusFlake{
			jsonFlake: jsonFlake{safetext.Redact(f.ID.Ref), f.ID.Path, list(f.Found, same)},
			State:     f.State.String(), Error: safetext.Redact(f.Err), Inputs: inputsOf(f.Inputs), Caches: []statusFlakeCache{},
		}
		if f.Rejected != nil {
			s.Rejected = &reasonsOf([]trust.Reason{*f.Rejected})[0]
		}
		for _, c := range f.Caches {
			if !c.Own() {
				continue
			}
			sc := statusFlakeCache{URL: safetext.Redact(c.URL), State: c.State.String(), Where: where(c.Where), Probed: reachOf(c.Probed)}
			if i := explain.Settles(explain.CacheMark(c.State, explain.ASCII()), c.Reasons); i >= 0 {
				sc.Code = string(c.Reasons[i].Code)
				if w := where(c.Reasons[i].Where); w != "" {
					sc.Where = w
				}
			}
			s.Caches = append(s.Caches, sc)
		}
		return s
	})
	return out
}

func (a *app) printStatus(r *trust.Report) {
	s := a.style()
	a.print(a.standingLine(r), "")

	a.print(paint(s, explain.Strong, "Caches in effect"))
	n := 0
	for _, c := range withoutFlake(r) {
		a.print("  " + explain.Headline(c, narrow(s, 2)))
		a.printProbed("    ", c, s)
		n++
	}
	if n == 0 {
		a.print("  none")
	}
	a.print("", paint(s, explain.Strong, "Flakes"))
	if len(r.Flakes) == 0 {
		a.print("  none were found; go to the folder of one, or name it: nix-trust why FLAKE")
	}
	quiet := 0
	for i := range r.Flakes {
		f := &r.Flakes[i]
		claimed, _ := split(f.Caches)
		if len(claimed) == 0 && len(f.Settings) == 0 && f.Rejected == nil && f.Err == "" && len(f.Inputs) == 0 {
			quiet++
			continue
		}
		a.print("  " + flakeName(f) + a.faint("  "+strings.Join(foundTexts(f), ", ")))
		switch {
		case f.Rejected != nil:
			a.print("    " + mark(s, trust.StateOff) + " " + explain.Because([]trust.Reason{*f.Rejected}, narrow(s, 10)))
		case f.Err != "":
			a.print("    " + mark(s, trust.StateUnknown) + " " + safetext.Text(f.Err).String())
		}
		for _, c := range claimed {
			a.print("    " + explain.Headline(c, narrow(s, 4)))
			a.printProbed("      ", c, s)
			for _, r := range c.Reasons {
				if r.Code == trust.CodeCachedMiss {
					a.print("      " + a.faint(safetext.Text(r.Text).String()))
				}
			}
		}
		for _, v := range otherSettings(f.Settings) {
			a.print("    " + explain.SettingHeadline(v, narrow(s, 4)))
		}
		urls := 0
		for _, in := range f.Inputs {
			urls += len(in.URLs)
		}
		if urls > 0 {
			a.print("    " + a.faint(fmt.Sprintf("%s declare%s %s that Nix never asks", plural(len(f.Inputs), "input"), thirdPerson(len(f.Inputs)), plural(urls, "cache"))))
		}
	}
	if quiet > 0 {
		a.print("  " + a.faint(plural(quiet, "more flake")+" that ask"+thirdPerson(quiet)+" for nothing"))
	}
	a.printDanger(r)
	for _, note := range r.Notes {
		a.warn("%s", noteLine(note, s))
	}
}

// printProbed tells how a cache answered when it was last probed, if it was.
func (a *app) printProbed(lead string, c trust.CacheVerdict, s explain.Style) {
	if text := explain.Probed(c.Probed, s.Now); text != "" {
		a.print(lead + a.faint(safetext.Line(text).String()))
	}
}

func foundTexts(f *trust.FlakeReport) []string {
	out := make([]string, len(f.Found))
	for i, t := range f.Found {
		out[i] = safetext.Line(t).String()
	}
	return out
}

func thirdPerson(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

// printDanger lists the findings, worst first.
func (a *app) printDanger(r *trust.Report) {
	s := a.style()
	shown := 0
	for _, f := range r.Findings {
		if f.Severity != trust.Danger {
			continue
		}
		if shown == 0 {
			a.print("", paint(s, explain.Strong, "Dangerous"))
		}
		shown++
		a.print(indent(explain.Finding(f, narrow(s, 2)), "  ")...)
	}
	if rest := len(r.Findings) - shown; rest > 0 {
		a.print("", a.faint(plural(rest, "smaller finding")+": nix-trust doctor"))
	}
}

// standingLine says in one line who looks, and how the user stands.
func (a *app) standingLine(r *trust.Report) string {
	s := a.style()
	who := safetext.Line(r.User.Name).String()
	nix := "Nix"
	if v := r.Nix.Version.String(); v != "unknown" {
		nix += " " + v
	}
	line := who + " · " + nix + " · "
	if a.asciiOnly() {
		line = who + ", " + nix + ", "
	}
	if a.demo {
		line = "DEMO, a made-up host: " + line
	}
	text := "how the user stands is unknown"
	role := explain.Unsure
	if len(r.TrustReasons) > 0 {
		first := r.TrustReasons[0]
		text = first.Code.Title()
		switch first.Outcome {
		case trust.Pass:
			role = explain.Good
		case trust.Fail:
			role = explain.Caution
		}
		if first.Code == trust.CodeUserTrusted {
			role = explain.Danger
		}
	}
	return line + paint(s, role, text)
}

func (a *app) faint(text string) string { return paint(a.style(), explain.Faint, text) }

func paint(s explain.Style, r explain.Role, text string) string {
	if s.Paint == nil {
		return text
	}
	return s.Paint(r, text)
}

// narrow is the style for text that is indented by n cells.
func narrow(s explain.Style, n int) explain.Style {
	if s.Width > 0 {
		s.Width -= n
	}
	return s
}

func indent(lines []string, by string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = by + l
		if l == "" {
			out[i] = ""
		}
	}
	return out
}

// mark is a state's glyph and word.
func mark(s explain.Style, state trust.CacheState) string {
	m := explain.CacheMark(state, s.Glyphs)
	return paint(s, m.Role, m.String())
}
