package dbfile

// An Object is one line of a database's schema. The text is the file's: it says
// nothing about what the rows really are, and is never run.
type Object struct {
	Type  string // "table", "index", "view", "trigger"
	Name  string
	Table string // that it belongs to
	Root  uint32 // its first page, 0 for what has no rows
	SQL   string // "" for an index that SQLite made itself
}

// objects bounds the schema.
const objects = 200

// Schema lists the schema.
func (db *DB) Schema() ([]Object, error) {
	var out []Object
	err := db.Rows(1, false, func(_ int64, row []Value) (bool, error) {
		if len(row) < 5 || len(out) == objects {
			return false, corrupt("its schema")
		}
		o := Object{Type: row[0].String(), Name: row[1].String(), Table: row[2].String(), SQL: row[4].String()}
		if root := row[3].Int; root > 0 && root <= int64(db.count) {
			o.Root = uint32(root)
		}
		out = append(out, o)
		return true, nil
	})
	return out, err
}
