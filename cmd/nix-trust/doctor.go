package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor [URL [PATH]]",
		Short: "Say what is wrong on this machine, or why a cache is not used",
		Long: `doctor says how Nix is set up here and how this user stands, then lists every
finding with what to do about it, and what could not be looked at. Nothing
secret is printed, so that its output may go into a bug report.

Exit code: 0 when there is nothing to say, 1 for findings, 3 when the daemon's
word is missing and there is no other finding.

With the URL of a cache it says why that cache is not used: what ` + "`nix-trust why`" + `
says of it for the flake in the current folder, how it answers, and with PATH also
whether it has that path, whose signature it shows and whether that fits a key in
effect, what Nix remembers of it, and whether its derivation refuses caches. PATH
is a store path, or a derivation, for its outputs. The cache is asked, and learns
of PATH; that is said first, and asked.

Exit code with a URL: 0 the cache would be used, 1 it would not, 3 it is not known,
4 it shows a signature that is wrong under the name of a key in effect.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.doctorCache(cmd.Context(), args, f)
			}
			if f != (doctorFlags{}) {
				return usage("--yes and --netrc are about a cache that is asked, and none was given", "give its URL, or leave the flag out")
			}
			return a.doctor(cmd.Context())
		},
	}
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask before going to the network")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	return c
}

// doctorFlags are those of doctor URL.
type doctorFlags struct {
	netrc string
	yes   bool
}

type doctorJSON struct {
	jsonHead
	Platform jsonPlatform  `json:"platform"`
	Sources  []jsonSource  `json:"sources"`
	Gates    []jsonGate    `json:"gates"`
	Findings []jsonFinding `json:"findings"`
	Notes    []jsonNote    `json:"notes"`
}

type jsonGate struct {
	Machine  bool   `json:"machine"`
	File     string `json:"file"`
	Key      string `json:"key"`
	Believed string `json:"believed"`
	Code     string `json:"code"`
	Text     string `json:"text"`
}

type jsonPlatform struct {
	OS          string `json:"os"`
	System      string `json:"system"`
	HomeManager bool   `json:"homeManager"`
	Generated   bool   `json:"generated"`
	Restart     string `json:"restart"`
}

func (a *app) doctor(ctx context.Context) error {
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	code := doctorCode(r)
	if a.json {
		p := r.Platform
		out := doctorJSON{
			jsonHead: headOf(r), Findings: findingsOf(r.Findings), Notes: notesOf(r.Notes), Sources: []jsonSource{},
			Platform: jsonPlatform{p.OS.String(), p.System, p.HomeManager, p.Generated, p.Restart},
		}
		out.Gates = list(r.Gates, func(g trust.GateReport) jsonGate {
			return jsonGate{g.Machine, g.File, g.Key, g.Believed.String(), string(g.Why.Code), g.Why.Text}
		})
		if r.Client != nil {
			for _, s := range r.Client.Read {
				out.Sources = append(out.Sources, jsonSource{s.Layer.String(), s.Path, s.State.String()})
			}
		}
		if err := a.writeJSON(out); err != nil {
			return err
		}
		return silent(code)
	}
	a.printDoctor(r)
	return silent(code)
}

func doctorCode(r *trust.Report) int {
	for _, f := range r.Findings {
		if f.Severity != trust.Info {
			return exitFindings
		}
	}
	if r.Trust == trust.TrustUnknown {
		return exitUnknown
	}
	return exitOK
}

func (a *app) printDoctor(r *trust.Report) {
	s := a.style()
	row := func(label, text string) {
		if text != "" {
			a.print(a.faint((label + "          ")[:10]) + text)
		}
	}
	if a.demo {
		row("demo", "a made-up host")
	}
	row("user", safetext.Line(r.User.Name).String()+", group "+safetext.Line(r.User.Group).String())
	row("nix", safetext.Line(r.Nix.Path).String()+" "+r.Nix.Version.String())
	row("store", r.Nix.Store.String()+": "+safetext.Line(r.Nix.StoreWhy).String())
	if r.Nix.Store == trust.StoreDaemon {
		row("daemon", r.Daemon.State.String()+" "+safetext.Line(r.Daemon.RawVersion).String()+" "+s.Path(r.Daemon.Socket).String())
	}
	system := r.Platform.OS.String() + " " + safetext.Line(r.Platform.System).String()
	if r.Platform.Generated {
		system += ", nix.conf is generated: edit what generates it"
	}
	if r.Platform.HomeManager {
		system += ", home-manager owns the user's nix.conf"
	}
	row("system", system)
	if r.Client != nil {
		for _, src := range r.Client.Read {
			row("reads", src.State.String()+" "+s.Path(src.Path).String())
		}
	}
	for _, g := range r.Gates {
		whose, m := "the user's: ", explain.OutcomeMark(g.Believed, s.Glyphs)
		if g.Machine {
			whose = "the machine's: "
		}
		if g.State == nixconf.SourceMissing {
			m.Glyph = s.Glyphs.None // nothing is wrong with that
		}
		row("gate", m.Glyph+" "+whose+safetext.Line(g.Why.Text).String())
	}
	a.print("", paint(s, explain.Strong, "How the user stands"))
	a.print(indent(explain.Chain(r.TrustReasons, narrow(s, 2)), "  ")...)
	if len(r.Findings) == 0 {
		a.print("", "Nothing was found to be wrong.")
	}
	for _, f := range r.Findings {
		a.print("")
		a.print(explain.Finding(f, s)...)
	}
	if len(r.Notes) > 0 {
		a.print("", paint(s, explain.Strong, "Could not be looked at"))
		for _, n := range r.Notes {
			a.print("  " + noteLine(n, s))
		}
	}
}

// noteLine is a note with the place it is about, if it is about one.
func noteLine(n trust.Note, s explain.Style) string {
	if n.Path == "" {
		return safetext.Line(n.Text).String()
	}
	return s.Path(n.Path).String() + ": " + safetext.Line(n.Text).String()
}
