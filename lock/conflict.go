package lock

import "bytes"

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

// put writes both sides between git's markers, if there is a conflict here.
func (c *conflicts) put(b *bytes.Buffer, at conflictPlace) bool {
	if c == nil {
		return false
	}
	sides, ok := c.blocks[at]
	if ok {
		b.WriteString("<<<<<<< ours\n" + sides[0] + "=======\n" + sides[1] + ">>>>>>> theirs\n")
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
