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
	t := table{Caption: "Settings with their origin", Head: []string{"setting", "value", "set by", "replaced"}}
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
			line{say("of"), b.origin(a.Origin)}, line{say("replaced by"), b.origin(*a.OverriddenBy)})
	}
	if most := 3 * b.limit.rows; len(replaced.Lines) > most {
		replaced.Lines = replaced.Lines[:most]
	}
	values, from := b.itemCells(r.Value)
	rows := [][]cell{{cellOf(name), values, from, replaced}}
	if r.Daemon != nil {
		values, from := b.itemCells(r.Daemon)
		rows = append(rows, []cell{{Lines: []line{{name}, {quiet("for the daemon, as its files say")}}}, values, from, {}})
	}
	return rows
}

// itemCells are the values of a setting, and where each comes from.
func (b *builder) itemCells(v *nixconf.Value) (values, from cell) {
	name := v.Setting.Name
	if len(v.Items) == 0 {
		value := b.value(name, v.Text)
		if v.Text == "" {
			value = quiet("empty")
		}
		return cellOf(value), cellOf(b.origin(v.Origin))
	}
	most, _ := b.few(len(v.Items))
	same := true
	for _, it := range v.Items[:most] {
		values.Lines = append(values.Lines, line{b.value(name, it.Text)})
		from.Lines = append(from.Lines, line{b.origin(it.Origin)})
		same = same && b.style.Origin(it.Origin) == b.style.Origin(v.Items[0].Origin)
	}
	if same {
		from.Lines = from.Lines[:1]
	} else {
		for i := range values.Lines {
			from.Lines[i] = append(line{say("%d.", i+1)}, from.Lines[i]...)
			values.Lines[i] = append(line{say("%d.", i+1)}, values.Lines[i]...)
		}
	}
	if most < len(v.Items) {
		values.Lines = append(values.Lines, line{say("and %d more", len(v.Items)-most)})
	}
	return values, from
}
