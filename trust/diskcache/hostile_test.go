package diskcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/trust/dbfile"
)

// The tables that Nix makes, from 2.35 on: what is looked at is the same in all.
const (
	cachesTable = "create table if not exists BinaryCaches (id integer primary key autoincrement not null, url text unique not null, timestamp integer not null, storeDir text not null, wantMassQuery integer not null, priority integer not null);"
	narsTable   = `create table if not exists NARs (cache integer not null, hashPart text not null, namePart text, url text, compression text, fileHash text, fileSize integer,
		narHash text, narSize integer, refs text, deriver text, sigs text, ca text, timestamp integer not null, present integer not null,
		primary key (cache, hashPart), foreign key (cache) references BinaryCaches(id) on delete cascade);`
	traceTable = `create table if not exists BuildTrace (cache integer not null, drvPath text not null, outputName text not null, -- a comment
		outputPath text, sigs text, timestamp integer not null, primary key (cache, drvPath, outputName), foreign key (cache) references BinaryCaches(id) on delete cascade);`
	purgeTable = "create table if not exists LastPurge (dummy text primary key, value integer);"
	everyTable = cachesTable + narsTable + traceTable + purgeTable
	twoRows    = `insert into BinaryCaches values (1, 'http://127.0.0.1:8128/e0', 1700000000, '/nix/store', 1, 30);
		insert into BinaryCaches values (2, 'https://b.example', 1700000000, '/nix/store', 0, 40);
		insert into NARs (cache, hashPart, timestamp, present) values (1, '` + nowhere + `', 1700000001, 0);
		insert into NARs (cache, hashPart, namePart, refs, timestamp, present) values (1, '` + here + `', 'thing', 'a b c', 1700000002, 1);
		insert into NARs (cache, hashPart, timestamp, present) values (2, '` + here + `', 1700000003, 0);`
)

// made makes a database by a script and returns it, open, and its path.
func made(t testing.TB, script string) (*sqlite.Conn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binary-cache-v8.sqlite")
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := sqlitex.ExecuteTransient(c, "pragma journal_mode = wal", nil); err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteScript(c, script, nil); err != nil {
		t.Fatal(err)
	}
	return c, path
}

func all(string) bool { return true }

func TestTheTablesOfTheNewestReleaseAreReadAndCleared(t *testing.T) {
	_, path := made(t, everyTable+twoRows)
	got, err := Read(context.Background(), mine(), path, everything)
	if err != nil || len(got.Caches) != 2 || !got.Complete {
		t.Fatal(got, err)
	}
	one := got.Caches[0]
	if one.Misses.N != 1 || one.Hits.N != 1 || one.Misses.Oldest.Unix() != 1700000001 || one.Hits.Newest.Unix() != 1700000002 || one.Priority != 30 {
		t.Errorf("%+v", one)
	}
	if e, ok := got.Entry("https://b.example/?priority=3", here); !ok || e.Present || e.At.Unix() != 1700000003 {
		t.Error(e, ok)
	}
	if n, err := Forget(context.Background(), path, func(u string) bool { return u == "http://127.0.0.1:8128/e0" }); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if got, err = Read(context.Background(), mine(), path, everything); err != nil || got.Caches[0].Hits.N != 0 || got.Caches[1].Misses.N != 1 {
		t.Error(got, err)
	}
}

func TestWhatIsTooOldIsNotCounted(t *testing.T) {
	_, path := made(t, everyTable+twoRows)
	q := everything
	q.Misses, q.Hits = time.Unix(1700000001, 0), time.Unix(1700000001, 0) // Nix: timestamp > now - ttl
	got, err := Read(context.Background(), mine(), path, q)
	if err != nil || got.Caches[0].Misses.N != 0 || got.Caches[0].Hits.N != 1 || got.Caches[1].Misses.N != 1 {
		t.Error(got, err)
	}
}

// Whatever a file has in the place of the tables, it is an error, and nothing of
// it is run.
func TestTablesThatAreNotNixsAreRefused(t *testing.T) {
	for name, script := range map[string]string{
		"nothing":       "create table Other (x);",
		"a view":        cachesTable + "create view NARs as with recursive n(i) as (select 1 union all select i + 1 from n) select i, i from n;",
		"a trigger":     everyTable + twoRows + "create trigger t before delete on NARs begin insert into LastPurge values (randomblob(1000000000), 1); end;",
		"other columns": cachesTable + strings.Replace(narsTable, "hashPart text not null, namePart text", "namePart text, hashPart text not null", 1),
		"more columns":  cachesTable + strings.Replace(narsTable, "present integer not null", "present integer not null, more text", 1),
		"generated":     cachesTable + strings.Replace(narsTable, "present integer not null", "present integer not null as (timestamp)", 1),
		"no rowid":      cachesTable + strings.Replace(narsTable, "cascade);", "cascade) without rowid;", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, path := made(t, script)
			if got, err := Read(context.Background(), mine(), path, everything); !errors.Is(err, ErrSchema) {
				t.Errorf("%v %v", got, err)
			}
			if n, err := Forget(context.Background(), path, all); n != 0 || !errors.Is(err, ErrSchema) {
				t.Errorf("%d %v", n, err)
			}
		})
	}
}

// A trigger that appears between the look and the deletion runs nothing either.
func TestForgetRunsNoTrigger(t *testing.T) {
	c, _ := made(t, everyTable+twoRows+"create trigger t before delete on NARs begin update BinaryCaches set url = 'x'; end;")
	if n, err := forget(context.Background(), c, all); err == nil {
		t.Errorf("%d paths were deleted, and the trigger ran", n)
	}
	c.SetAuthorizer(nil)
	n := 0
	if err := sqlitex.Execute(c, "select 1 from NARs", &sqlitex.ExecOptions{ResultFunc: func(*sqlite.Stmt) error { n++; return nil }}); err != nil || n != 3 {
		t.Errorf("%d rows are left: %v", n, err)
	}
}

func TestWhatIsNoFileIsNeitherReadNorWaitedFor(t *testing.T) {
	_, real := made(t, everyTable+twoRows)
	dir := t.TempDir()
	link, pipe, folder := filepath.Join(dir, "link"), filepath.Join(dir, "pipe"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Symlink(real, link), syscall.Mkfifo(pipe, 0o644), os.Mkdir(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{link, pipe, folder, "/dev/zero"} {
		if got, err := Read(context.Background(), mine(), p, everything); err == nil {
			t.Errorf("%s: %+v", p, got)
		}
		if n, err := Forget(context.Background(), p, all); err == nil {
			t.Errorf("%s: %d", p, n)
		}
	}
	if _, err := Forget(context.Background(), filepath.Join(dir, "none"), all); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("it was made")
	}
	other := OpenOwned(uint32(os.Geteuid()) + 1)
	if _, err := Read(context.Background(), other, real, everything); err == nil {
		t.Error("another user's file was read")
	}
}

func TestForgetWaitsForAWriterAndThenGivesUp(t *testing.T) {
	c, path := made(t, everyTable+twoRows)
	if err := sqlitex.ExecuteTransient(c, "begin immediate", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(context.Background(), mine(), path, everything); err != nil || len(got.Caches) != 2 {
		t.Errorf("reading waits for a writer: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Forget(ctx, path, all); err == nil || time.Since(start) > 3*time.Second {
		t.Errorf("interrupted after %v: %v", time.Since(start), err)
	}
	start = time.Now()
	_, err := Forget(context.Background(), path, all)
	if took := time.Since(start); !errors.Is(err, ErrBusy) || took < wait/2 || took > 3*wait {
		t.Errorf("after %v: %v", took, err)
	}
	time.AfterFunc(300*time.Millisecond, func() {
		if err := sqlitex.ExecuteTransient(c, "rollback", nil); err != nil {
			t.Error(err)
		}
	})
	if n, err := Forget(context.Background(), path, all); n != 3 || err != nil {
		t.Errorf("after the writer had ended: %d %v", n, err)
	}
}

func TestForgetLeavesADatabaseWithAnotherKindOfLockAlone(t *testing.T) {
	_, path := made(t, everyTable+twoRows)
	if err := os.Mkdir(path+".lock", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Forget(context.Background(), path, all); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}

// A tree that leads to itself, from each of its cells, ends.
func TestATreeInCirclesEnds(t *testing.T) {
	data := circle()
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err := Read(context.Background(), mine(), path, everything)
	if err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// circle is a schema whose root is an inner page of cells that all lead to it.
func circle() []byte {
	p := make([]byte, 4096)
	copy(p, "SQLite format 3\x00")
	p[16], p[17], p[18], p[19], p[21], p[22], p[23] = 0x10, 0, 1, 1, 64, 32, 32
	p[59] = 1
	p[100] = 5
	const cells = 900
	p[103], p[104] = cells>>8, cells&0xff
	p[111] = 1
	at := 4096 - 5
	copy(p[at:], []byte{0, 0, 0, 1, 1})
	for i := range cells {
		p[112+2*i], p[113+2*i] = byte(at>>8), byte(at&0xff)
	}
	return p
}

// Beside the fuzzing, which is slow as long as SQLite is in the same program.
func TestDamageIsAnErrorOfAKnownKindAndTakesNoTime(t *testing.T) {
	c, path := made(t, everyTable+twoRows)
	logged, err1 := os.ReadFile(path)
	log, err2 := os.ReadFile(path + "-wal")
	err3 := sqlitex.ExecuteTransient(c, "pragma wal_checkpoint(truncate)", nil)
	whole, err4 := os.ReadFile(path)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	at := filepath.Join(t.TempDir(), "db")
	sound := 0
	for n := range 3000 {
		db, wal := slices.Clone(whole), []byte(nil)
		if n%4 == 0 {
			db, wal = slices.Clone(logged), slices.Clone(log)
			wal[random.IntN(len(wal))] ^= 1 << random.IntN(8)
		}
		for range 1 + random.IntN(12) {
			db[random.IntN([]int{len(db), 200}[random.IntN(2)])] = byte(random.IntN(256))
		}
		if err := errors.Join(os.WriteFile(at, db, 0o644), os.WriteFile(at+"-wal", wal, 0o644)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := Read(context.Background(), mine(), at, everything); err == nil {
			sound++
		} else if !known(err) {
			t.Fatalf("an error of no kind: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
	}
	if sound < 100 || sound > 2900 {
		t.Errorf("%d of 3000 were sound: the damage is too much, or none", sound)
	}
}

func known(err error) bool {
	return errors.Is(err, ErrSchema) || errors.Is(err, dbfile.ErrCorrupt) || errors.Is(err, dbfile.ErrTooLarge) || errors.Is(err, dbfile.ErrBusy)
}

func FuzzReadNeverPanicsNorHangs(f *testing.F) {
	for _, script := range []string{everyTable + twoRows, cachesTable, "create table T (x);"} {
		c, path := made(f, script)
		seed := func() {
			db, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			log, err := os.ReadFile(path + "-wal")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				f.Fatal(err)
			}
			f.Add(db, log)
		}
		seed()
		if err := sqlitex.ExecuteTransient(c, "pragma wal_checkpoint(truncate)", nil); err != nil {
			f.Fatal(err)
		}
		seed()
	}
	f.Add(circle(), []byte(nil))
	dir := f.TempDir()
	n := 0
	f.Fuzz(func(t *testing.T, db, log []byte) {
		n++
		path := filepath.Join(dir, fmt.Sprint("db", os.Getpid(), "-", n))
		defer os.Remove(path)
		defer os.Remove(path + "-wal")
		if err := errors.Join(os.WriteFile(path, db, 0o644), os.WriteFile(path+"-wal", log, 0o644)); err != nil {
			t.Fatal(err)
		}
		got, err := Read(context.Background(), mine(), path, everything)
		if (err == nil) != (got != nil) {
			t.Errorf("%v and %v", got, err)
		}
		if err != nil && !known(err) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}
