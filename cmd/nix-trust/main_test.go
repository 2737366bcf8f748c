package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestMain(m *testing.M) {
	testscript.Main(tidied{m}, map[string]func(){"nix-trust": main, "screen-fetch": screenFetch})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": exitCode, "clean": cleanOutput, "bytes": writeBytes, "empty": emptyFolder, "sqlite": makeDatabase,
		},
	})
}

// exitCode runs a command and compares its exit code: code N COMMAND…
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var ok bool
		if got, ok = codeOf(err); !ok {
			ts.Fatalf("%v", err)
		}
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func codeOf(err error) (int, bool) {
	if e, ok := err.(interface{ ExitCode() int }); ok {
		return e.ExitCode(), true
	}
	return 0, false
}

// cleanOutput fails when what was printed could do something to a terminal.
func cleanOutput(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range []string{"stdout", "stderr"} {
		for i, r := range ts.ReadFile(name) {
			bidi := r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x200b
			if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 || bidi {
				ts.Fatalf("%s has %U at byte %d", name, r, i)
			}
		}
	}
}

// writeBytes writes a file from a Go-quoted string: bytes FILE TEXT
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: bytes FILE TEXT")
	}
	text := strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\x1b`, "\x1b", `\u202e`, "\u202e", `\0`, "\x00", `\t`, "\t").Replace(args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// makeDatabase runs an SQL script: sqlite FILE SCRIPT
func makeDatabase(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE SCRIPT")
	}
	file := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	c, err := sqlite.OpenConn(file, sqlite.OpenReadWrite|sqlite.OpenCreate)
	ts.Check(err)
	defer c.Close()
	ts.Check(sqlitex.ExecuteScript(c, ts.ReadFile(args[1]), nil))
}

// Looking changes nothing: after every command each file of the host is as it
// was, to the byte, the mode and the time.
func TestLookingChangesNothing(t *testing.T) {
	root := t.TempDir()
	data, err := os.ReadFile("../../trust/host/demo/host.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse(data).Files {
		if f.Name == "LINKS" {
			continue
		}
		path := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := picture(t, root)
	for _, args := range [][]string{
		{"status"}, {"why", "/home/mira/src/comet"}, {"why", "/home/mira/src/comet", "--json"}, {"config"}, {"config", "--all", "--json"},
		{"answers", "list"}, {"doctor"}, {"doctor", "--json"}, {"status", "--json"},
		{"lint"}, {"lint", "--json"}, {"lint", "/home/mira/src/comet", "--json"}, {"review", "/home/mira/src/comet"}, {"review", "/home/mira/src/comet", "--json"},
	} {
		var out strings.Builder
		run(context.Background(), append(args, "--root", root, "--user", "mira"), streams{in: strings.NewReader(""), out: &out, err: &out})
		if !strings.Contains(out.String(), "mira") {
			t.Errorf("%v printed %q", args, out.String())
		}
	}
	if after := picture(t, root); before != after {
		t.Errorf("looking changed the host:\nbefore\n%s\nafter\n%s", before, after)
	}
}

// picture lists every file with its mode, time and content.
func picture(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %v", p, info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
