package lock

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A conflictPlace is a part of a lock that two sides may disagree on.
type conflictPlace struct {
	table  table
	system string
	name   string
}

var (
	placeSource = conflictPlace{table: tableTop}
	placeCaches = conflictPlace{table: tableCache}
)

// conflicts has what each side says where they disagree, as canonical lines.
// A nil one has none.
type conflicts struct {
	blocks map[conflictPlace][2]string
}

// Text returns the merged file. Where there are conflicts it has both sides
// between git's markers, and Parse refuses it until somebody has decided.
func (m *Merged) Text() ([]byte, error) {
	if len(m.Conflicts) == 0 {
		return m.Lock.Print()
	}
	c := &conflicts{blocks: map[conflictPlace][2]string{}}
	for _, x := range m.Conflicts {
		c.blocks[conflictPlace{tableNamed[x.What], x.System, x.Name}] = [2]string{x.Ours, x.Theirs}
	}
	order, err := m.Lock.validate()
	if err != nil {
		return nil, err
	}
	return m.Lock.print(order, c)
}

// TextConflict returns a file with both sides whole, for when one of them is
// not a lock that can be merged.
func TextConflict(ours, theirs []byte) []byte {
	line := func(text []byte) string {
		if len(text) > 0 && text[len(text)-1] != '\n' {
			return string(text) + "\n"
		}
		return string(text)
	}
	return []byte(block([2]string{line(ours), line(theirs)}))
}

func block(sides [2]string) string {
	return "<<<<<<< ours\n" + sides[0] + "=======\n" + sides[1] + ">>>>>>> theirs\n"
}

// put writes both sides between git's markers, if there is a conflict here.
func (c *conflicts) put(b *bytes.Buffer, at conflictPlace) bool {
	if c == nil {
		return false
	}
	sides, ok := c.blocks[at]
	if ok {
		b.WriteString(block(sides))
	}
	return ok
}

// names returns what is in conflict in one table.
func (c *conflicts) names(t table, system string) (names []string) {
	if c == nil {
		return nil
	}
	for at := range c.blocks {
		if at.table == t && at.system == system {
			names = append(names, at.name)
		}
	}
	return names
}

// systems returns the systems in which there is a conflict.
func (c *conflicts) systems() (names []string) {
	if c == nil {
		return nil
	}
	for at := range c.blocks {
		if at.system != "" {
			names = append(names, at.system)
		}
	}
	return names
}

// in reports whether there is a conflict in a system.
func (c *conflicts) in(system string) bool { return slices.Contains(c.systems(), system) }

var tableNamed = map[string]table{"source": tableTop, "caches": tableCache, "output": tableOutputs, "path": tablePaths}

// list returns the conflicts in the order of the file.
func (c *conflicts) list() []Conflict {
	what := map[table]string{}
	for name, t := range tableNamed {
		what[t] = name
	}
	places := slices.SortedFunc(maps.Keys(c.blocks), func(a, b conflictPlace) int {
		return cmp.Or(strings.Compare(a.system, b.system), cmp.Compare(a.table, b.table), strings.Compare(a.name, b.name))
	})
	list := make([]Conflict, len(places))
	for i, at := range places {
		list[i] = Conflict{What: what[at.table], System: at.system, Name: at.name, Ours: c.blocks[at][0], Theirs: c.blocks[at][1]}
	}
	return list
}

// conflictPath notes that the sides disagree about a path.
func (m *merger) conflictPath(system string, path StorePath) {
	var sides [2]string
	for i, l := range m.sides {
		if s := l.Systems[system]; s != nil {
			if p, ok := s.Paths[path]; ok {
				sides[i] = string(appendPath(nil, path, p))
			}
		}
	}
	m.conflicts.blocks[conflictPlace{tablePaths, system, string(path)}] = sides
}

// conflictOutput notes that the sides disagree about an output.
func (m *merger) conflictOutput(system, name string, ours StorePath, oursHas bool, theirs StorePath, theirsHas bool) {
	var sides [2]string
	if oursHas {
		sides[0] = string(appendOutput(nil, name, ours))
	}
	if theirsHas {
		sides[1] = string(appendOutput(nil, name, theirs))
	}
	m.conflicts.blocks[conflictPlace{tableOutputs, system, name}] = sides
}
