package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/trust/diskcache"
	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// rememberAll makes a database as Nix 2.26 has it, in which each cache has one
// path and misses another, and returns its path.
func rememberAll(t *testing.T, dir string, urls ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := diskcache.Files(dir)[0]
	c, err := sqlite.OpenConn(file, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = sqlitex.ExecuteScript(c, `
		create table BinaryCaches (id integer primary key autoincrement not null, url text unique not null, timestamp integer not null, storeDir text not null, wantMassQuery integer not null, priority integer not null);
		create table NARs (cache integer not null, hashPart text not null, namePart text, url text, compression text, fileHash text, fileSize integer, narHash text, narSize integer, refs text, deriver text, sigs text, ca text, timestamp integer not null, present integer not null, primary key (cache, hashPart), foreign key (cache) references BinaryCaches(id) on delete cascade);
	`, nil)
	for i, u := range urls {
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{"insert into BinaryCaches values (?, ?, ?, '/nix/store', 1, 30)", []any{i + 1, u, time.Now().Unix()}},
			{"insert into NARs (cache, hashPart, namePart, timestamp, present) values (?, '2dj7lc2zc4lqpil4kyrml5irdzcx8jd8', 'hello', ?, 1)", []any{i + 1, time.Now().Unix()}},
			{"insert into NARs (cache, hashPart, timestamp, present) values (?, 'z4asv3j07d89ywjf8fxkn7sg6mf5s9q5', ?, 0)", []any{i + 1, time.Now().Unix()}},
		} {
			if err == nil {
				err = sqlitex.Execute(c, q.sql, &sqlitex.ExecOptions{Args: q.args})
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// stillRemembered are the URLs of which something is remembered.
func stillRemembered(t *testing.T, file string) []string {
	t.Helper()
	got, err := diskcache.Read(context.Background(), os.Open, file, diskcache.Question{Misses: time.Unix(1, 0), Hits: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range got.Caches {
		if c.Hits.N+c.Misses.N > 0 {
			out = append(out, c.URL)
		}
	}
	return out
}

// asUser sets the variables of a user whose folders are below one.
func asUser(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	for name, dir := range map[string]string{"HOME": "", "XDG_CACHE_HOME": "/.cache", "NIX_TRUST_CONFIG_DIR": "/config", "NIX_TRUST_STATE_DIR": "/state"} {
		t.Setenv(name, home+dir)
	}
	t.Setenv("NIX_CACHE_HOME", "")
	return home
}

func runAs(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"--plain"}, args...), streams{in: strings.NewReader(""), out: &out, err: &errs})
	return out.String(), errs.String(), code
}

func TestAChangeOfGrantsMakesNixForgetTheGateAndNothingElse(t *testing.T) {
	home := asUser(t)
	others := []string{"https://cache.nixos.org", "http://127.0.0.1:8129/e0", "http://127.0.0.1:8128/e8", "http://127.0.0.1:8128/e0/more"}
	file := rememberAll(t, home+"/.cache/nix", append([]string{"http://127.0.0.1:8128/e0", "http://127.0.0.1:8128/e7", "http://127.0.0.1:8128"}, others...)...)

	out, errs, code := runAs("deny", "github:o/r", "--dry-run")
	if code != 0 || !strings.Contains(out, "note: What Nix remembers of the gate's answers in "+file+" is deleted") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if got := stillRemembered(t, file); len(got) != 7 {
		t.Errorf("--dry-run left %v", got)
	}
	if out, errs, code = runAs("deny", "github:o/r", "--yes"); code != 0 || errs != "" {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if got := stillRemembered(t, file); !slices.Equal(got, others) {
		t.Errorf("what is left: %v", got)
	}
}

func TestAGateThatCannotBeForgottenIsAWarningAfterTheChange(t *testing.T) {
	home := asUser(t)
	file := rememberAll(t, home+"/.cache/nix", "http://127.0.0.1:8128/e0")
	if err := os.Truncate(file, 5000); err != nil {
		t.Fatal(err)
	}
	out, errs, code := runAs("deny", "github:o/r", "--yes")
	if code != 0 || !strings.Contains(out, "Done.") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if !strings.Contains(errs, "warning: what Nix remembers of the gate in "+file+" could not be deleted") || !strings.Contains(errs, "--refresh") {
		t.Errorf("nobody is told: %s", errs)
	}
}

func TestAnotherUsersMemoryIsLeftAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving a file away needs root")
	}
	home := asUser(t)
	file := rememberAll(t, home+"/.cache/nix", "http://127.0.0.1:8128/e0")
	if err := os.Chown(file, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if m := gateMemoryIn([]string{filepath.Dir(file)}, nil); len(m.files) != 0 {
		t.Errorf("as root it would write to %v", m.files)
	}
	if _, err := diskcache.Forget(context.Background(), file, func(string) bool { return true }); err == nil {
		t.Error("another user's database was written to")
	}
}

// SQLite plays a journal that lies beside a database, and removes a file that the
// journal names.
func TestRootLeavesADatabaseInAnothersFolderAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it is about root")
	}
	dir := filepath.Join(t.TempDir(), "nix")
	place := gateplace.Place{Address: gateplace.Address}
	file := rememberAll(t, dir, place.URL(0))
	if m := gateMemoryIn([]string{dir}, []gateplace.Place{place}); len(m.files) != 1 || m.files[0] != file {
		t.Fatalf("%v", m.files)
	}
	for name, change := range map[string]func() error{
		"another's":       func() error { return os.Chown(dir, 65534, 65534) },
		"for all":         func() error { return errors.Join(os.Chown(dir, 0, 0), os.Chmod(dir, 0o777)) },
		"below another's": func() error { return errors.Join(os.Chmod(dir, 0o700), os.Chown(filepath.Dir(dir), 65534, 65534)) },
	} {
		if err := errors.Join(os.Chown(filepath.Dir(dir), 0, 0), os.Chown(dir, 0, 0), os.Chmod(dir, 0o700), change()); err != nil {
			t.Fatal(err)
		}
		if m := gateMemoryIn([]string{dir}, []gateplace.Place{place}); len(m.files) != 0 {
			t.Errorf("%s: %v is written to by root", name, m.files)
		}
	}
}
