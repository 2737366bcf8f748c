package nixconf

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed settings.tsv
var settingsTable string

// A dialect is what one release knows: its settings, and its experimental
// features in the order of Nix's enumeration.
type dialect struct {
	settings []*Setting // sorted by name
	byName   map[string]*Setting
	features []string
}

// Releases 2.oldest to 2.newest have rows of their own.
const oldest, newest = 8, 34

// dialects has one dialect a release, made when it is first asked for.
var dialects = func() (ds [newest + 1]func() *dialect) {
	for minor := oldest; minor <= newest; minor++ {
		ds[minor] = sync.OnceValue(func() *dialect { return readTable(settingsTable, minor) })
	}
	return ds
}()

// dialectOf returns the tables of a version: which settings it has is known of
// every release, their kinds and defaults are those of the nearest of 2.8, 2.26
// (back to 2.16, where configuration got its present shape) and 2.34. Lix has
// what it took along from 2.18, and what lix.tsv has besides.
func dialectOf(v Version) *dialect {
	if v.Lix() {
		return lixDialect(v)
	}
	minor := oldest
	for minor < newest && v.AtLeast(2, minor+1) {
		minor++
	}
	return dialects[minor]()
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

// readTable reads settings.tsv for one release. The file is part of the program,
// so a mistake in it is a mistake in the program, and a test reads every release.
func readTable(table string, minor int) *dialect {
	column := 0
	if minor >= 34 {
		column = 2
	} else if minor >= 16 {
		column = 1
	}
	d := &dialect{byName: map[string]*Setting{}, features: features[column]}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != 8 {
			panic(fmt.Sprintf("settings.tsv: %d columns: %q", len(row), line))
		}
		if exists(row[4], minor) {
			s := readRow(row, column)
			if minor < 16 {
				s.Feature = "" // gating came with 2.16
			}
			d.settings = append(d.settings, s)
		}
	}
	d.index()
	return d
}

// index sorts the settings and lists them by their names and aliases.
func (d *dialect) index() {
	slices.SortFunc(d.settings, func(a, b *Setting) int { return strings.Compare(a.Name, b.Name) })
	clear(d.byName)
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

// exists reads the releases that have a setting: "2.19", or "2.8-2.12".
func exists(since string, minor int) bool {
	first, last, ended := strings.Cut(since, "-")
	from, ok := ParseVersion(first)
	if !ok {
		panic(fmt.Sprintf("settings.tsv: since %q", since))
	}
	if until, ok := ParseVersion(last); ended && (!ok || minor > until.Minor) {
		return false
	}
	return minor >= from.Minor
}

// readRow reads a row with the cell of the given column, or of the nearest one
// that has the setting, a newer one first.
func readRow(row []string, column int) *Setting {
	cells := row[5:]
	cell := cells[column]
	for _, other := range []int{column + 1, column + 2, column - 1, column - 2} {
		if cell == "-" && other >= 0 && other < len(cells) {
			cell = cells[other]
		}
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
