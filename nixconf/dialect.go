package nixconf

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed settings.tsv
var settingsTable string

// A dialect is what one family of versions knows: its settings, and its
// experimental features in the order of Nix's enumeration.
type dialect struct {
	settings []*Setting // sorted by name
	byName   map[string]*Setting
	features []string
}

// dialects are newest first: 2.34, 2.26, 2.8.
var dialects = readTable(settingsTable)

// dialectOf returns the tables of the nearest version that was run: 2.34 from
// 2.34 on, 2.26 back to 2.16 where configuration got its present shape, else 2.8.
func dialectOf(v Version) *dialect {
	switch {
	case v.AtLeast(2, 34):
		return dialects[0]
	case v.AtLeast(2, 16):
		return dialects[1]
	}
	return dialects[2]
}

func (d *dialect) lookup(name string) (s *Setting, extra, ok bool) {
	if s := d.byName[name]; s != nil {
		return s, false, true
	}
	if base, found := strings.CutPrefix(name, "extra-"); found {
		if s := d.byName[base]; s != nil && s.Appendable {
			return s, true, true
		}
	}
	return nil, false, false
}

// readTable reads settings.tsv. The file is part of the program, so a mistake
// in it is a mistake in the program.
func readTable(table string) [3]*dialect {
	var ds [3]*dialect
	for i := range ds {
		ds[i] = &dialect{byName: map[string]*Setting{}, features: features[i]}
	}
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 7 {
			panic(fmt.Sprintf("settings.tsv: %d columns: %q", len(f), line))
		}
		for i := range ds {
			// The columns run from the oldest version, the dialects from the newest.
			if s := readCell(f[:4], f[6-i]); s != nil {
				if i == 2 {
					s.Feature = "" // 2.8 has no gated settings
				}
				ds[i].settings = append(ds[i].settings, s)
			}
		}
	}
	for _, d := range ds {
		slices.SortFunc(d.settings, func(a, b *Setting) int { return strings.Compare(a.Name, b.Name) })
		for _, s := range d.settings {
			d.byName[s.Name] = s
		}
		for _, s := range d.settings {
			s.Aliases = slices.DeleteFunc(s.Aliases, func(a string) bool { return d.byName[a] != nil })
			for _, a := range s.Aliases {
				d.byName[a] = s
			}
		}
	}
	return ds
}

func readCell(row []string, cell string) *Setting {
	if cell == "-" {
		return nil
	}
	k, rest, _ := strings.Cut(cell, " ")
	scope, initial, _ := strings.Cut(rest, " ")
	if _, ok := types[kind(k)]; !ok {
		panic(fmt.Sprintf("settings.tsv: %s: kind %q", row[0], k))
	}
	s := &Setting{
		Name:       row[0],
		Type:       typeOf(row[0], kind(k)),
		Appendable: kind(k).appendable(),
		Risk:       Risk(row[2]),
		Scope:      Scope(scope),
		kind:       kind(k),
		initial:    initial,
	}
	if row[1] != "-" {
		s.Aliases = strings.Split(row[1], ",")
	}
	if row[3] != "-" {
		s.Feature = row[3]
	}
	return s
}
