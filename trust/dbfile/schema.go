package dbfile

import "strings"

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

// Columns are the names of the columns in the text of a plain `create table`, in
// lower case; nil for a text of any other form.
func Columns(sql string) []string {
	sql = strings.ToLower(withoutComments(sql))
	head, body, ok := strings.Cut(sql, "(")
	if end := strings.LastIndexByte(body, ')'); !ok || end < 0 || strings.TrimSpace(body[end+1:]) != "" || !strings.HasPrefix(head, "create table ") {
		return nil
	} else {
		body = body[:end]
	}
	var out []string
	depth, first := 0, true
	for _, word := range strings.FieldsFunc(strings.NewReplacer("(", " ( ", ")", " ) ", ",", " , ").Replace(body), func(r rune) bool { return r <= ' ' }) {
		switch {
		case word == "(":
			depth++
		case word == ")":
			depth--
		case depth > 0:
		case word == ",":
			first = true
			continue
		case first && (word == "primary" || word == "foreign" || word == "unique" || word == "check" || word == "constraint"):
		case first:
			out = append(out, word)
		case word == "generated" || word == "as" || word == "collate":
			return nil
		}
		first = false
	}
	return out
}

// withoutComments drops what SQL takes for a comment: from -- to the end of the
// line, and between /* and */.
func withoutComments(sql string) string {
	var out strings.Builder
	for {
		i := strings.Index(sql, "--")
		end, after := "\n", 0
		if j := strings.Index(sql, "/*"); j >= 0 && (i < 0 || j < i) {
			i, end, after = j, "*/", 2
		}
		if i < 0 {
			out.WriteString(sql)
			return out.String()
		}
		out.WriteString(sql[:i] + " ")
		j := strings.Index(sql[i:], end)
		if j < 0 {
			return out.String()
		}
		sql = sql[i+j+after:]
	}
}
