package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) configCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "config [NAME...]",
		Short: "Show the effective settings with the place each value comes from",
		Long: `config shows the settings as this user's nix resolves them, and for every item
of every list the file and line it comes from. Without names it shows the
settings that something sets; --all shows the defaults too. With --json each
value is exactly what "nix config show --json" prints.

Exit code: 0; 1 when the configuration makes every Nix command fail; 3 when a
part of it could not be read here, though Nix reads it.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.config(cmd.Context(), args, all) },
	}
	c.Flags().BoolVar(&all, "all", false, "show the settings that nothing sets, too")
	return c
}

type configJSON struct {
	jsonHead
	Fatal    *jsonDiagnostic           `json:"fatal"`
	Settings map[string]jsonConfigItem `json:"settings"`
	Warnings []jsonDiagnostic          `json:"warnings"`
	Sources  []jsonSource              `json:"sources"`
}

type jsonConfigItem struct {
	Value   json.RawMessage  `json:"value"`
	Aliases []string         `json:"aliases"`
	Risk    string           `json:"risk"`
	Set     bool             `json:"set"`
	Where   string           `json:"where"`
	Items   []jsonOrigin     `json:"items"`
	History []jsonAssignment `json:"history"`
}

type jsonOrigin struct {
	Text   string `json:"text"`
	Layer  string `json:"layer"`
	Where  string `json:"where"`
	Append bool   `json:"append"`
}

type jsonAssignment struct {
	Name         string   `json:"name"`
	Value        string   `json:"value"`
	Layer        string   `json:"layer"`
	Where        string   `json:"where"`
	Included     []string `json:"included"`
	Append       bool     `json:"append"`
	OverriddenBy string   `json:"overriddenBy"`
}

type jsonDiagnostic struct {
	Kind     string `json:"kind"`
	Severity string `json:"severity"`
	Where    string `json:"where"`
	Message  string `json:"message"`
	Text     string `json:"text"`
}

type jsonSource struct {
	Layer string `json:"layer"`
	Path  string `json:"path"`
	State string `json:"state"`
}

func (a *app) config(ctx context.Context, names []string, all bool) error {
	r, err := a.report(ctx, "")
	if err != nil {
		return err
	}
	cfg := r.Client
	if cfg == nil {
		return &problem{code: exitUnknown, text: "the configuration of this user could not be read"}
	}
	vals, err := pick(cfg, names)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.writeJSON(configOf(r, cfg, vals)); err != nil {
			return err
		}
		if cfg.Fatal != nil {
			return silent(exitFindings)
		}
		return silent(whole(cfg))
	}
	if bad := cfg.Fatal; bad != nil {
		return &problem{code: exitFindings, text: where(bad.Pos) + ": " + bad.Text, hints: []string{"every Nix command stops with: error: " + bad.Message}}
	}
	for _, v := range vals {
		if all || len(names) > 0 || v.Set() {
			a.printSetting(v)
		}
	}
	for _, d := range cfg.Warnings {
		a.warn("%s: %s", where(d.Pos), said(d))
	}
	return silent(whole(cfg))
}

// whole is the exit code for a configuration that loads: whether all that Nix
// reads was read here too.
func whole(cfg *nixconf.Config) int {
	if cfg.Skipped() != nil {
		return exitUnknown
	}
	return exitOK
}

// said is a diagnostic in a sentence, after Nix's own words where it has any.
func said(d nixconf.Diagnostic) string {
	if d.Message == "" {
		return d.Text
	}
	return d.Message + " (" + d.Text + ")"
}

// pick selects the named settings, or all of them.
func pick(cfg *nixconf.Config, names []string) ([]*nixconf.Value, error) {
	if len(names) == 0 {
		return cfg.All(), nil
	}
	var out []*nixconf.Value
	for _, n := range names {
		v := cfg.Get(n)
		if v == nil {
			s, _, ok := nixconf.Lookup(n)
			if ok {
				v = cfg.Get(s.Name)
			}
		}
		if v == nil {
			return nil, usage("this version of Nix has no setting called "+n, "run `nix-trust config --all` for those it has")
		}
		out = append(out, v)
	}
	return out, nil
}

func configOf(r *trust.Report, cfg *nixconf.Config, vals []*nixconf.Value) configJSON {
	out := configJSON{jsonHead: headOf(r), Settings: map[string]jsonConfigItem{}}
	if cfg.Fatal != nil {
		d := diagnosticOf(*cfg.Fatal)
		out.Fatal = &d
	} else {
		for _, v := range vals {
			out.Settings[v.Setting.Name] = jsonConfigItem{
				Value: secretValue(v), Aliases: list(v.Setting.Aliases, same), Risk: string(v.Setting.Risk), Set: v.Set(), Where: where(v.Origin.Pos),
				Items: list(v.Items, func(it nixconf.Item) jsonOrigin {
					return jsonOrigin{secretless(v.Setting.Name, it.Text), it.Origin.Layer.String(), where(it.Origin.Pos), it.Origin.Append}
				}),
				History: list(v.History, func(h nixconf.Assignment) jsonAssignment {
					j := jsonAssignment{
						Name: h.Origin.Name, Value: secretless(v.Setting.Name, h.Value), Layer: h.Origin.Layer.String(), Where: where(h.Origin.Pos),
						Included: list(h.Origin.Included, where), Append: h.Origin.Append,
					}
					if h.OverriddenBy != nil {
						j.OverriddenBy = where(h.OverriddenBy.Pos)
					}
					return j
				}),
			}
		}
	}
	out.Warnings = list(cfg.Warnings, diagnosticOf)
	out.Sources = list(cfg.Read, func(s nixconf.Source) jsonSource { return jsonSource{s.Layer.String(), s.Path, s.State.String()} })
	return out
}

// secretValue is the value as Nix prints it, but for what is secret in it.
func secretValue(v *nixconf.Value) json.RawMessage {
	if secretless(v.Setting.Name, "x=y") == "x=y" {
		return json.RawMessage(safetext.Redact(string(v.JSON)))
	}
	var m map[string]string
	if json.Unmarshal(v.JSON, &m) != nil {
		return json.RawMessage(`"***"`)
	}
	for k := range m {
		m[k] = "***"
	}
	out, err := json.Marshal(m)
	if err != nil {
		return json.RawMessage(`"***"`)
	}
	return out
}

func diagnosticOf(d nixconf.Diagnostic) jsonDiagnostic {
	return jsonDiagnostic{d.Kind, d.Severity.String(), where(d.Pos), safetext.Redact(d.Message), safetext.Redact(d.Text)}
}

// printSetting writes one setting: its items each with the place they come
// from, then what was discarded.
func (a *app) printSetting(v *nixconf.Value) {
	s := a.style()
	name := paint(s, explain.Strong, v.Setting.Name)
	from := func(o nixconf.Origin) string {
		if o.Layer == nixconf.LayerDefault {
			return a.faint("built in")
		}
		return paint(s, explain.Place, explain.Where(o.Pos, s))
	}
	if len(v.Items) == 0 {
		text := explain.Value(v.Setting.Name, v.Text).String()
		if text == "" {
			text = a.faint("empty")
		}
		a.print(name + " = " + text + "  " + from(v.Origin))
	} else {
		a.print(name)
		for _, it := range v.Items {
			a.print("  " + explain.Value(v.Setting.Name, it.Text).String() + "  " + from(it.Origin))
		}
	}
	for _, h := range v.History {
		if h.OverriddenBy == nil || h.Origin.Layer == nixconf.LayerDefault {
			continue
		}
		line := "  discarded: " + safetext.Line(h.Origin.Name).String() + " = " + explain.Value(v.Setting.Name, strings.TrimSpace(h.Value)).String() +
			"  " + explain.Where(h.Origin.Pos, s) + ", replaced at " + explain.Where(h.OverriddenBy.Pos, s)
		a.print(a.faint(line))
	}
}
