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

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "why [FLAKE] [URL]",
		Short: "Explain why a flake's caches are used or ignored",
		Long: `why explains each cache that a flake claims: whether Nix asks, what was
answered, whether the daemon lets this user use it, whether its key is believed,
and what a grant lets through, with the file and line that decided. FLAKE is a
folder or a flake reference; without one it is the flake in the current folder or
above. With a URL only that cache is explained.

Exit code: 0 when every cache it is about would be used, be it for the paths that
a grant pins alone; 1 when one would not; 3 when it could not be determined.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			flake, url, err := whyArgs(args)
			if err != nil {
				return err
			}
			return a.why(cmd.Context(), flake, url)
		},
	}
}

// whyArgs tells the flake and the URL apart: a cache is a URL with a host, a
// flake is a folder or a reference.
func whyArgs(args []string) (flake, url string, err error) {
	if len(args) > 2 {
		return "", "", usage("more was named than a flake and a cache", "give at most one flake and one URL")
	}
	for _, arg := range args {
		if arg, err = cacheArg(arg); err != nil {
			return "", "", err
		}
		if isCacheURL(arg) {
			if url != "" {
				return "", "", usage("two cache URLs were given", "give at most one flake and one URL")
			}
			url = arg
			continue
		}
		if flake != "" {
			return "", "", usage("two flakes were given", "a cache is written with its scheme, as in https://example.cachix.org")
		}
		flake = arg
	}
	return flake, url, nil
}

func isCacheURL(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		return false
	}
	switch scheme {
	case "http", "https", "file", "s3", "ssh", "ssh-ng", "unix", "local", "daemon":
		return true
	}
	return false
}

type whyJSON struct {
	jsonHead
	Flake    *jsonFlake    `json:"flake"`
	Rejected *jsonReason   `json:"rejected"`
	Error    string        `json:"error"`
	Settings []jsonSetting `json:"settings"`
	Caches   []jsonCache   `json:"caches"`
	Inputs   []jsonInput   `json:"inputs"`
	Findings []jsonFinding `json:"findings"`
	Notes    []jsonNote    `json:"notes"`

	Remembered []jsonRemembered `json:"remembered"`
}

func (a *app) why(ctx context.Context, named, url string) error {
	r, err := a.report(ctx, named)
	if err != nil {
		return err
	}
	f := subject(r, named)
	if f == nil && named != "" {
		return &problem{code: exitUnknown, text: "no flake was found at " + named, hints: []string{"give the folder that has its flake.nix, or run `nix-trust status` for the flakes that are known"}}
	}
	if f == nil {
		f = &trust.FlakeReport{State: trust.StateNone, Caches: withoutFlake(r)}
		if url == "" && !a.json {
			a.warn("there is no flake in this folder or above it; these are the caches in effect without one")
		}
	}
	if url != "" {
		f = only(f, r, url)
	}
	code := whyCode(f, url != "" || f.ID == (trust.FlakeID{}))
	if a.json {
		if err := a.writeJSON(whyOf(r, f)); err != nil {
			return err
		}
		return silent(code)
	}
	if f.Err != "" {
		return &problem{code: exitUnknown, text: flakeName(f) + ": " + f.Err, hints: []string{"give the folder that has the flake.nix, or run `nix-trust status` for the flakes that are known"}}
	}
	a.printWhy(r, f)
	for _, n := range r.Notes {
		if f.ID.Path != "" && strings.HasPrefix(n.Path, f.ID.Path+"/") {
			a.warn("%s", noteLine(n, a.style()))
		}
	}
	return silent(code)
}

// subject is the flake that the question is about: the named one, or the one in
// the current folder.
func subject(r *trust.Report, named string) *trust.FlakeReport {
	want := "current folder"
	if named != "" {
		want = "named on the command line"
	}
	for i := range r.Flakes {
		for _, how := range r.Flakes[i].Found {
			if how == want {
				return &r.Flakes[i]
			}
		}
	}
	return nil
}

// withoutFlake are the caches in effect for this user whatever the flake.
func withoutFlake(r *trust.Report) []trust.CacheVerdict {
	var out []trust.CacheVerdict
	for _, c := range r.Caches {
		if !c.InEffect {
			continue
		}
		v := trust.CacheVerdict{URL: c.URL, Keys: c.Keys, State: c.State, Reasons: c.Reasons, Probed: c.Probed}
		if len(c.Origins) > 0 {
			v.Where = c.Origins[0].Pos
		}
		out = append(out, v)
	}
	return out
}

// only keeps one cache of a flake. A cache that neither the flake claims nor
// anything puts in effect is off.
func only(f *trust.FlakeReport, r *trust.Report, url string) *trust.FlakeReport {
	g := *f
	g.Caches = nil
	for _, c := range f.Caches {
		if c.URL == url || strings.TrimRight(c.URL, "/") == strings.TrimRight(url, "/") {
			g.Caches = append(g.Caches, c)
		}
	}
	if len(g.Caches) > 0 {
		return &g
	}
	text := "It is not in the list of substituters that this user's nix uses."
	if f.ID != (trust.FlakeID{}) {
		text = "The flake does not ask for it, and it is not in the list of substituters that this user's nix uses."
	}
	v := trust.CacheVerdict{URL: url, State: trust.StateOff, Reasons: []trust.Reason{{
		Code: trust.CodeNotInList, Outcome: trust.Fail, Subject: url,
		Text: text,
	}}, Probed: r.LastProbe(url)}
	for _, c := range r.Caches {
		if c.URL == url && !c.InEffect {
			v.Keys = c.Keys
		}
	}
	if r.Doubt != nil {
		v.State = trust.StateUnknown
		v.Reasons[0].Outcome = trust.Unknown
		v.Reasons = append(v.Reasons, *r.Doubt)
	}
	if f.Err != "" {
		v.State = trust.StateUnknown
	}
	g.Caches = []trust.CacheVerdict{v}
	return &g
}

// whyCode sums a flake up as an exit code. all counts the caches too that the
// flake does not claim, for a question that is about nothing else.
func whyCode(f *trust.FlakeReport, all bool) int {
	if f.Rejected != nil {
		return exitFindings
	}
	code := exitOK
	if f.Err != "" {
		code = exitUnknown
	}
	for _, c := range f.Caches {
		if !c.Own() && !all {
			continue
		}
		switch c.State {
		case trust.StateUsable, trust.StateScoped:
		case trust.StateUnknown:
			if code == exitOK {
				code = exitUnknown
			}
		default:
			code = exitFindings
		}
	}
	return code
}

func whyOf(r *trust.Report, f *trust.FlakeReport) whyJSON {
	out := whyJSON{
		jsonHead: headOf(r), Settings: settingsOf(f.Settings), Caches: cachesOf(f.Caches), Inputs: inputsOf(f.Inputs),
		Findings: findingsOf(r.Findings), Notes: notesOf(r.Notes), Error: safetext.Redact(f.Err),
		Remembered: rememberedOf(r),
	}
	if f.ID != (trust.FlakeID{}) {
		out.Flake = &jsonFlake{safetext.Redact(f.ID.Ref), f.ID.Path, list(f.Found, same)}
	}
	if f.Rejected != nil {
		out.Rejected = &reasonsOf([]trust.Reason{*f.Rejected})[0]
	}
	return out
}

// printWhy writes the explanation: the refused caches first, then the rest.
func (a *app) printWhy(r *trust.Report, f *trust.FlakeReport) {
	s := a.style()
	if f.ID != (trust.FlakeID{}) {
		a.print(paint(s, explain.Strong, flakeName(f)))
	}
	a.print(a.standingLine(r), "")
	if f.Rejected != nil {
		a.print(explain.Chain([]trust.Reason{*f.Rejected}, s)...)
		return
	}
	claimed, rest := split(f.Caches)
	for _, c := range claimed {
		a.print(explain.Cache(c, s)...)
		a.print("")
	}
	others := otherSettings(f.Settings)
	for _, v := range others {
		a.print(explain.Setting(v, s)...)
		a.print("")
	}
	if f.ID != (trust.FlakeID{}) && len(claimed) == 0 && len(others) == 0 {
		a.print("The flake asks for no cache and no other setting.", "")
	}
	if len(rest) > 0 && f.ID != (trust.FlakeID{}) && len(claimed) > 0 {
		a.print("In effect whatever the flake:")
		for _, c := range rest {
			a.print("  " + explain.Headline(c, s))
			a.printProbed("    ", c, s)
		}
	} else {
		for _, c := range rest {
			a.print(explain.Cache(c, s)...)
			a.print("")
		}
	}
	if len(f.Inputs) > 0 {
		a.print("", "Declared by inputs, which Nix never asks about or applies:")
		for _, in := range f.Inputs {
			for _, u := range in.URLs {
				a.print("  " + safetext.Line(in.Name).String() + ": " + safetext.URL(u).String())
			}
			if len(in.URLs) == 0 {
				a.print("  " + safetext.Line(in.Name).String() + ": " + plural(len(in.Settings), "setting"))
			}
		}
	}
	if len(claimed) == 0 {
		claimed = rest
	}
	for i, l := range rememberedLines(r, claimed, f.Locked, s) {
		if i == 0 {
			a.print("")
		}
		a.print(a.faint(l))
	}
	a.printAlarms(r)
}

// printAlarms tells of what is dangerous on the machine in a line each.
func (a *app) printAlarms(r *trust.Report) {
	s := a.style()
	for i, f := range r.Findings {
		if f.Severity != trust.Danger {
			break // they come worst first
		}
		if i == 0 {
			a.print("", "Dangerous, whatever the flake (nix-trust doctor says more):")
		}
		m := explain.SeverityMark(f.Severity, s.Glyphs)
		line := paint(s, m.Role, m.Glyph) + " " + f.Code.Title() + ": " + safetext.Text(f.Subject).String()
		if at := explain.Where(f.Where, s); at != "" {
			line += " (" + paint(s, explain.Place, at) + ")"
		}
		a.print("  " + line)
	}
}

// split parts the caches that are there because of a flake from the others.
func split(cs []trust.CacheVerdict) (claimed, rest []trust.CacheVerdict) {
	for _, c := range cs {
		if c.Own() {
			claimed = append(claimed, c)
		} else {
			rest = append(rest, c)
		}
	}
	return claimed, rest
}

// otherSettings are those that are not explained along with a cache.
func otherSettings(vs []trust.SettingVerdict) []trust.SettingVerdict {
	var out []trust.SettingVerdict
	for _, v := range vs {
		switch strings.TrimPrefix(v.Name, "extra-") {
		case "substituters", "binary-caches", "trusted-public-keys", "binary-cache-public-keys":
		default:
			out = append(out, v)
		}
	}
	return out
}

// flakeName is how a flake is called in text.
func flakeName(f *trust.FlakeReport) string {
	if f.ID.Ref != "" {
		return safetext.URL(f.ID.Ref).String()
	}
	return safetext.Line(f.ID.Path).String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
