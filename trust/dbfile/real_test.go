package dbfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

var roomy = Limits{File: 1 << 30, Log: 1 << 28, Steps: 1 << 24}

// beside are the names of the files in a folder.
func beside(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// fill makes rows of all kinds and sizes, so that records spill over and trees
// get three levels.
func fill(t *testing.T, c *sqlite.Conn, rows int) {
	t.Helper()
	if err := sqlitex.ExecuteScript(c, "create table T (a integer, b text, c text, d blob, e real, primary key (a, b)); create table U (id integer primary key, x text)", nil); err != nil {
		t.Fatal(err)
	}
	defer sqlitex.Transaction(c)(new(error))
	for i := range rows {
		err := sqlitex.Execute(c, "insert into T values (?, ?, ?, ?, ?)", &sqlitex.ExecOptions{Args: []any{
			int64(i*i*i) - 5000, fmt.Sprintf("key %d", i), strings.Repeat("x", i%7*i), []byte{byte(i), 0, 255}, float64(i) / 3,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// held compares what is read with what SQLite says.
func held(t *testing.T, c *sqlite.Conn, path string) {
	t.Helper()
	type line struct {
		id      int64
		a       int64
		b, c, d string
	}
	var want []line
	err := sqlitex.Execute(c, "select rowid, a, b, c, d from T order by rowid", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		d := make([]byte, s.ColumnLen(4))
		s.ColumnBytes(4, d)
		want = append(want, line{s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnText(2), s.ColumnText(3), string(d)})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	names := beside(t, filepath.Dir(path))
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []line
	err = Read(context.Background(), os.Open, path, roomy, func(db *DB) error {
		schema, err := db.Schema()
		if err != nil {
			return err
		}
		var table, index uint32
		for _, o := range schema {
			switch o.Name {
			case "T":
				table = o.Root
			case "sqlite_autoindex_T_1":
				index = o.Root
			}
		}
		got = nil
		add := func(id int64, row []Value) (bool, error) {
			got = append(got, line{id, row[0].Int, row[1].String(), row[2].String(), row[3].String()})
			return true, nil
		}
		if err := db.Rows(table, true, add); err != nil {
			return err
		}
		back := slices.Clone(got)
		slices.Reverse(back)
		got = nil
		if err := db.Rows(table, false, add); err != nil {
			return err
		}
		if !slices.Equal(back, got) {
			return errors.New("backwards it is another table")
		}
		for _, w := range want {
			id, ok, err := db.Find(index, Num(w.a), Str(w.b))
			if err != nil || !ok || id != w.id {
				return fmt.Errorf("%v is at %d %v %v", w, id, ok, err)
			}
			row, err := db.Row(table, id)
			if err != nil || len(row) != 5 || row[1].String() != w.b {
				return fmt.Errorf("row %d: %v %v", id, row, err)
			}
		}
		if _, ok, err := db.Find(index, Num(7), Str("no")); ok || err != nil {
			return fmt.Errorf("something that is not there: %v", err)
		}
		if row, err := db.Row(table, 1<<40); row != nil || err != nil {
			return fmt.Errorf("a row that is not there: %v %v", row, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows were read, and there are %d", len(got), len(want))
	}
	after, err := os.Stat(path)
	if err != nil || before.ModTime() != after.ModTime() || !slices.Equal(names, beside(t, filepath.Dir(path))) {
		t.Errorf("reading left something behind: %v, before %v", beside(t, filepath.Dir(path)), names)
	}
}

func open(t *testing.T, path string, pragmas ...string) *sqlite.Conn {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, p := range pragmas {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestReadSeesWhatSQLiteSees(t *testing.T) {
	for _, size := range []int{512, 4096, 65536} {
		for _, mode := range []string{"delete", "truncate", "wal", "persist"} {
			t.Run(fmt.Sprint(mode, size), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "db")
				c := open(t, path, fmt.Sprintf("pragma page_size = %d", size), "pragma journal_mode = "+mode)
				fill(t, c, 1500)
				held(t, c, path)
				for _, change := range []string{"delete from T where rowid % 3 = 0", "update T set c = 'changed' where rowid % 5 = 0", "vacuum", "delete from T"} {
					if err := sqlitex.ExecuteTransient(c, change, nil); err != nil {
						t.Fatal(err)
					}
					held(t, c, path)
				}
			})
		}
	}
}

func TestReadLeavesOutWhatWasNotCommitted(t *testing.T) {
	for _, mode := range []string{"truncate", "wal"} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			c := open(t, path, "pragma journal_mode = "+mode, "pragma cache_size = 5")
			fill(t, c, 100)
			other := open(t, path)
			if err := sqlitex.ExecuteScript(c, "", nil); err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{"begin immediate", "update T set c = 'half a change'"} {
				if err := sqlitex.ExecuteTransient(c, s, nil); err != nil {
					t.Fatal(err)
				}
			}
			if mode == "wal" {
				held(t, other, path) // readers see the last commit
			} else if err := Read(context.Background(), os.Open, path, roomy, func(*DB) error { return nil }); !errors.Is(err, ErrBusy) {
				t.Errorf("a half-written database was read: %v", err)
			}
			if err := sqlitex.ExecuteTransient(c, "rollback", nil); err != nil {
				t.Fatal(err)
			}
			held(t, other, path)
		})
	}
}

func TestReadDoesNotTrustAMovingFile(t *testing.T) {
	for _, mode := range []string{"truncate", "wal"} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			c := open(t, path, "pragma journal_mode = "+mode)
			fill(t, c, 100)
			writes := 0
			err := Read(context.Background(), os.Open, path, roomy, func(*DB) error {
				if writes++; writes < 3 {
					return sqlitex.ExecuteTransient(c, "update T set c = c || 'x'", nil)
				}
				return nil
			})
			if err != nil || writes != 3 {
				t.Errorf("read %d times: %v", writes, err)
			}
			err = Read(context.Background(), os.Open, path, roomy, func(*DB) error {
				return sqlitex.ExecuteTransient(c, "update T set c = c || 'x'", nil)
			})
			if !errors.Is(err, ErrBusy) {
				t.Errorf("it was never still, and was read: %v", err)
			}
			if mode == "wal" {
				// A checkpoint that truncates the log moves it, too.
				writes = 0
				err = Read(context.Background(), os.Open, path, roomy, func(*DB) error {
					if writes++; writes == 1 {
						return sqlitex.ExecuteTransient(c, "pragma wal_checkpoint(truncate)", nil)
					}
					return nil
				})
				if err != nil || writes != 2 {
					t.Errorf("read %d times around a checkpoint: %v", writes, err)
				}
			}
		})
	}
}

// A change that is half in the log when reading begins, and is whole and in the
// database before it ends, or has made room for another.
func TestReadDoesNotTrustAFileIntoWhichAChangeIsFinished(t *testing.T) {
	for name, end := range map[string][]string{
		"finished": {"commit"},
		"another":  {"rollback", "update T set e = e - 2 where rowid = 1"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			c := open(t, path, "pragma journal_mode = wal", "pragma cache_size = 5")
			fill(t, c, 300)
			do := func(statements ...string) {
				for _, s := range statements {
					if err := sqlitex.ExecuteTransient(c, s, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			do("pragma wal_checkpoint(truncate)", "update T set e = e - 1 where rowid = 1", "begin immediate", "update T set e = e + 1")
			reads := 0
			err := Read(context.Background(), os.Open, path, roomy, func(*DB) error {
				if reads++; reads == 1 {
					do(append(end, "pragma wal_checkpoint(passive)")...)
				}
				return nil
			})
			if err != nil || reads != 2 {
				t.Errorf("read %d times: %v", reads, err)
			}
		})
	}
}

// A change that does not fit into SQLite's cache is written into the file before
// it is finished, and counted in the header once it is.
func TestReadDoesNotTrustAFileIntoWhichAChangeIsBegun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	c := open(t, path, "pragma journal_mode = delete", "pragma cache_size = 5")
	fill(t, c, 300)
	reads := 0
	err := Read(context.Background(), os.Open, path, roomy, func(*DB) error {
		reads++
		before, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range []string{"begin immediate", "update T set e = e + 1"} {
			if err := sqlitex.ExecuteTransient(c, s, nil); err != nil {
				return err
			}
		}
		after, err := os.ReadFile(path)
		if err == nil && (bytes.Equal(before, after) || !bytes.Equal(before[:100], after[:100])) {
			err = errors.New("nothing was written, or the header too")
		}
		return err
	})
	if !errors.Is(err, ErrBusy) || reads != 1 {
		t.Errorf("read %d times: %v", reads, err)
	}
}

func TestReadOfNoDatabaseIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := Read(context.Background(), os.Open, filepath.Join(dir, "none"), roomy, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for name, text := range map[string]string{"empty": "", "text": strings.Repeat("not a database ", 99), "cut": "SQLite format 3\x00"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Read(context.Background(), os.Open, path, roomy, func(*DB) error { return nil }); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
