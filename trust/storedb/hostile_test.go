package storedb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// tables are made as Nix makes them, comments included.
const nixTables = `create table if not exists ValidPaths (
    id               integer primary key autoincrement not null,
    path             text unique not null,
    hash             text not null, -- base16 representation
    registrationTime integer not null,
    deriver          text,
    narSize          integer,
    ultimate         integer, -- null implies "false"
    sigs             text, -- space-separated
    ca               text -- if not null, an assertion that the path is content-addressed; see ValidPathInfo
);
create table if not exists Refs (
    referrer  integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade
);
create trigger if not exists DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end;
create table if not exists DerivationOutputs (
    drv  integer not null,
    id   text not null,
    path text not null,
    primary key (drv, id)
);`

const dir = "/nix/store"

func named(name string) string { return dir + "/00000000000000000000000000000000-" + name }

var sha = "sha256:" + strings.Repeat("ab", 32)

// made makes a database, and keeps it open for writing.
func made(t testing.TB, script string) (string, *sqlite.Conn) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "db.sqlite")
	c, err := sqlite.OpenConn(file, sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := sqlitex.ExecuteScript(c, script, nil); err != nil {
		t.Fatal(err)
	}
	return file, c
}

func row(id int, path, more string) string {
	return fmt.Sprintf("insert into ValidPaths (id, path, hash, registrationTime, narSize%s) values (%d, '%s', '%s', 7, 99", before(more), id, path, sha) + after(more) + ");"
}

// before and after split "column=value" for an insert.
func before(more string) string {
	if name, _, ok := strings.Cut(more, "="); ok {
		return ", " + name
	}
	return ""
}

func after(more string) string {
	if _, value, ok := strings.Cut(more, "="); ok {
		return ", " + value
	}
	return ""
}

func TestReadSeesWhatIsStillInTheLog(t *testing.T) {
	file, c := made(t, nixTables+row(1, named("a"), "")+row(1<<40, named("b"), "sigs='x:y z:w'")+"insert into Refs values (1099511627776, 1), (1099511627776, 1099511627776);")
	if _, err := os.Stat(file + "-wal"); err != nil {
		t.Fatal("SQLite keeps no log here, so that nothing is tested")
	}
	s, err := Read(context.Background(), os.Open, file, dir)
	if err != nil || len(s.Rows) != 2 {
		t.Fatal(s, err)
	}
	b := s.Rows[1]
	if b.Path.Name() != "b" || b.Signatures != "x:y z:w" || fmt.Sprint(b.Refs) != "[0 1]" || b.Damage != "" || b.NarSize != 99 || b.Registered != 7 || b.Ultimate {
		t.Errorf("%+v", b)
	}
	if err := sqlitex.ExecuteTransient(c, "update ValidPaths set ultimate = 1", nil); err != nil {
		t.Fatal(err)
	}
	if s, err = Read(context.Background(), os.Open, file, dir); err != nil || !s.Rows[0].Ultimate {
		t.Error("a change in the log was not seen", err)
	}
}

func TestReadTakesNoOtherTables(t *testing.T) {
	for name, script := range map[string]string{
		"none":                      "create table T (a)",
		"a view":                    strings.Replace(nixTables, "create table if not exists Refs (", "create table Other (", 1) + "create view Refs as select 1 as referrer, 2 as reference;",
		"another order":             strings.Replace(strings.Replace(nixTables, "sigs   ", "ca2   ", 1), "ca    ", "sigs    ", 1),
		"a generated column":        strings.Replace(nixTables, "path text not null,", "path text as ('/nix/store/x') stored,", 1),
		"a table without its rowid": strings.Replace(nixTables, "primary key (drv, id)\n);", "primary key (drv, id)\n) without rowid;", 1),
	} {
		file, _ := made(t, script)
		if s, err := Read(context.Background(), os.Open, file, dir); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v %v", name, s, err)
		}
	}
	if _, err := Read(context.Background(), os.Open, filepath.Join(t.TempDir(), "none"), dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestDamagedRowsAreSaidToBe(t *testing.T) {
	loose := strings.NewReplacer("unique not null", "", "hash             text not null", "hash text", "autoincrement not null", "").Replace(nixTables)
	file, _ := made(t, loose+
		row(1, named("sound"), "")+
		row(2, "/elsewhere/x", "")+
		row(3, named("twice"), "")+row(4, named("twice"), "")+
		row(5, named("negative"), "")+"update ValidPaths set narSize = -1 where id = 5;"+
		row(6, named("hash"), "")+"update ValidPaths set hash = 'md5:1' where id = 6;"+
		row(7, named("bytes"), "sigs=x'00ff'")+
		row(8, named("refers"), "")+"insert into Refs values (8, 2);"+
		row(9, named("nowhere"), "")+"insert into Refs values (9, 77), (78, 9);"+
		row(10, named("old"), "")+"update ValidPaths set narSize = null where id = 10;"+
		"insert into DerivationOutputs values (1, 'out', '"+named("old")+"'), (1, 'doc', '/x'), (99, 'out', '"+named("old")+"');")
	s, err := Read(context.Background(), os.Open, file, dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true, true, true, true, true, true, true, false} {
		r := s.Rows[i]
		if (r.Damage != "") != want {
			t.Errorf("%d %s: %q", i, r.Path, r.Damage)
		}
		if n := s.Info(int32(i)); want && (n.Path != "" || n.NarSize != 0) {
			t.Errorf("%d: a damaged row says %+v", i, n)
		}
	}
	if fmt.Sprint(s.Rows[0].Outputs) != "[9]" || s.Rows[9].NarSize != 0 || s.Rows[1].Text != "/elsewhere/x" {
		t.Errorf("%+v %+v %+v", s.Rows[0], s.Rows[9], s.Rows[1])
	}
}

// An old database had columns added to it: its older rows do not have them.
func TestReadTakesRowsOfAnOldDatabase(t *testing.T) {
	old := strings.Replace(nixTables, `    narSize          integer,
    ultimate         integer, -- null implies "false"
    sigs             text, -- space-separated
    ca               text -- if not null, an assertion that the path is content-addressed; see ValidPathInfo
`, "    narSize          integer\n", 1)
	file, _ := made(t, old+row(1, named("a"), "")+"alter table ValidPaths add column ultimate integer; alter table ValidPaths add column sigs text; alter table ValidPaths add column ca text;"+row(2, named("b"), "ca='text:x'"))
	s, err := Read(context.Background(), os.Open, file, dir)
	if err != nil || len(s.Rows) != 2 || s.Rows[0].Damage != "" || s.Rows[1].CA != "text:x" {
		t.Fatal(s, err)
	}
}

func TestReadSurvivesAnyBytes(t *testing.T) {
	var script strings.Builder
	script.WriteString(nixTables)
	for i := 1; i <= 300; i++ {
		script.WriteString(row(i, named(fmt.Sprint("p", i)), "sigs='"+strings.Repeat("k:AAAA ", i%90)+"'"))
		fmt.Fprintf(&script, "insert into Refs values (%d, %d);", i, i/2+1)
	}
	file, c := made(t, script.String())
	if err := sqlitex.ExecuteTransient(c, "pragma wal_checkpoint(truncate)", nil); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	random, read := rand.New(rand.NewSource(2)), 0
	bad := filepath.Join(t.TempDir(), "bad")
	for range 400 {
		data := append([]byte(nil), good...)
		for range 1 + random.Intn(20) {
			data[random.Intn(len(data))] = byte(random.Intn(256))
		}
		if err := os.WriteFile(bad, data[:len(data)-random.Intn(2)*random.Intn(len(data))], 0o644); err != nil {
			t.Fatal(err)
		}
		if s, err := Read(context.Background(), os.Open, bad, dir); err == nil {
			read++
			for i := range s.Rows {
				_ = s.Info(int32(i)).Fingerprint()
			}
		}
	}
	if read == 0 {
		t.Error("not one was read, so that little was tested")
	}
}

func TestNewKeepsNoPathThatStandsThereTwice(t *testing.T) {
	path := func(name string) bincache.StorePath { return bincache.StorePath(strings.Repeat("0", 32) + "-" + name) }
	s := New("/nix/store", []Row{
		{Path: path("a")}, {Path: path("b"), Refs: []int32{0, 3}}, {Path: path("a")},
		{Damage: "its path is none of this store", Text: "x"}, {Path: path("c"), Refs: []int32{0}},
	})
	for i, want := range []bool{true, true, true, true, false} {
		if got := s.Rows[i].Damage != ""; got != want {
			t.Errorf("row %d: damaged %v, want %v", i, got, want)
		}
	}
	if i, ok := s.Find(path("b")); !ok || i != 1 {
		t.Errorf("b is row %d, %v", i, ok)
	}
	if _, ok := s.Find(""); ok {
		t.Error("a row without a path is found")
	}
}
