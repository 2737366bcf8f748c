package page

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// settings are those that something sets, with where each value comes from.
func (b *builder) settings() section {
	s := section{ID: "settings", Title: "Settings"}
	if bad := fatal(b.r.Client); bad != nil {
		l := line{badgeOf(b.bad("Nix stops here")), b.prose(bad.Text)}
		if at, ok := b.place(bad.Pos); ok {
			l = append(l, say("at"), at)
		}
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: l})
	}
	var set []*trust.SettingReport
	for i := range b.r.Settings {
		if r := &b.r.Settings[i]; r.Value != nil && r.Value.Setting != nil && (r.Daemon != nil || r.Value.Set()) {
			set = append(set, r)
		}
	}
	if b.r.Client == nil {
		s.Blocks = append(s.Blocks, para{Class: "warn", Line: line{badgeOf(b.unsure("unknown")), say("The configuration of this user could not be read.")}})
		return s
	}
	s.Count = fmt.Sprint(len(set))
	if len(set) == 0 {
		s.Blocks = append(s.Blocks, text(say("Nothing sets anything: all are Nix's own defaults.")))
		return s
	}
	s.Blocks = append(s.Blocks, text(say("Those that something sets, as this user's nix resolves them; the rest are Nix's own defaults.")))
	most, rest := b.few(len(set))
	t := table{Caption: "Settings with their origin", Head: []string{"setting", "value, and what sets it", "replaced"}}
	for _, r := range set[:most] {
		t.Rows = append(t.Rows, b.settingRows(r)...)
	}
	s.Blocks = append(append(s.Blocks, t), rest...)
	return s
}

func fatal(c *nixconf.Config) *nixconf.Diagnostic {
	if c == nil {
		return nil
	}
	return c.Fatal
}

// settingRows are a row for each value that a setting has and its origin, and one
// for the daemon's value where that is another.
func (b *builder) settingRows(r *trust.SettingReport) [][]cell {
	name := b.code(r.Value.Setting.Name)
	replaced := cell{}
	for _, a := range r.Value.History {
		if a.OverriddenBy == nil || a.Origin.Layer == nixconf.LayerDefault {
			continue
		}
		replaced.Lines = append(replaced.Lines, line{b.value(r.Value.Setting.Name, a.Value)},
			line{b.origin("of ", a.Origin)}, line{b.origin("replaced by ", *a.OverriddenBy)})
	}
	if most := 3 * b.limit.rows; len(replaced.Lines) > most {
		replaced.Lines = replaced.Lines[:most]
	}
	rows := [][]cell{{cellOf(name), b.itemCell(r.Value), replaced}}
	if r.Daemon != nil {
		rows = append(rows, []cell{{Lines: []line{{name}, {quiet("for the daemon, as its files say")}}}, b.itemCell(r.Daemon), {}})
	}
	return rows
}

// itemCell is the value of a setting; behind the items of one origin it says
// where they come from.
func (b *builder) itemCell(v *nixconf.Value) (out cell) {
	name := v.Setting.Name
	if len(v.Items) == 0 {
		value := b.value(name, v.Text)
		if v.Text == "" {
			value = quiet("empty")
		}
		return cell{Lines: []line{{value}, {b.origin("by ", v.Origin)}}}
	}
	most, _ := b.few(len(v.Items))
	for i, it := range v.Items[:most] {
		out.Lines = append(out.Lines, line{b.value(name, it.Text)})
		if i+1 == most || b.style.Origin(v.Items[i+1].Origin) != b.style.Origin(it.Origin) {
			out.Lines = append(out.Lines, line{b.origin("by ", it.Origin)})
		}
	}
	if most < len(v.Items) {
		out.Lines = append(out.Lines, line{say("and %d more", len(v.Items)-most)})
	}
	return out
}
