package demo

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// narText packs words as a NAR has them.
func narText(words ...string) []byte {
	var b []byte
	for _, s := range words {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
		b = append(b, make([]byte, (8-len(s)%8)%8)...)
	}
	return b
}

func file(text string) []string { return []string{"(", "type", "regular", "contents", text, ")"} }

func link(to string) []string { return []string{"(", "type", "symlink", "target", to, ")"} }

func folder(entries ...any) []string {
	out := []string{"(", "type", "directory"}
	for i := 0; i < len(entries); i += 2 {
		out = append(out, "entry", "(", "name", entries[i].(string), "node")
		out = append(append(out, entries[i+1].([]string)...), ")")
	}
	return append(out, ")")
}

func TestWhatIsUnpackedIsWhatTheNarHas(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tree := folder("bin", folder("run", []string{"(", "type", "regular", "executable", "", "contents", "#!", ")"}), "empty", folder(), "up", link("/etc/passwd"))
	if err := unpack(bytes.NewReader(narText(append([]string{"nix-archive-1"}, tree...)...)), root, "x"); err != nil {
		t.Fatal(err)
	}
	run, err := os.Stat(dir + "/x/bin/run")
	if err != nil || run.Mode().Perm()&0o111 == 0 || run.Size() != 2 {
		t.Errorf("%v %v", run, err)
	}
	if to, err := os.Readlink(dir + "/x/up"); err != nil || to != "/etc/passwd" {
		t.Errorf("%q %v", to, err)
	}
	if list, err := os.ReadDir(dir + "/x/empty"); err != nil || len(list) > 0 {
		t.Errorf("%v %v", list, err)
	}
}

func TestNothingIsUnpackedOutsideTheFolder(t *testing.T) {
	for name, tree := range map[string][]string{
		"dots":               folder("..", folder("evil", file("x"))),
		"slash":              folder("a/../../evil", file("x")),
		"absolute":           folder("/evil", file("x")),
		"through a link":     folder("a", link(".."), "a", folder("evil", file("x"))),
		"link before folder": folder("a", link("../.."), "a/evil", file("x")),
		"twice":              folder("a", file("x"), "a", file("y")),
		"nul":                folder("a\x00b", file("x")),
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "in")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := unpack(bytes.NewReader(narText(append([]string{"nix-archive-1"}, tree...)...)), root, "x"); err == nil {
				t.Error("it was unpacked")
			}
			if list, err := os.ReadDir(top); err != nil || len(list) != 1 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}

// A link that is there already, made by somebody else, is not followed out of
// the folder, and a file that is there is not written over.
func TestWhatIsThereAlreadyIsNotWrittenThrough(t *testing.T) {
	top := t.TempDir()
	outside := filepath.Join(top, "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../outside", dir+"/x"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", dir+"/up"); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	data := narText(append([]string{"nix-archive-1"}, file("evil")...)...)
	for _, name := range []string{"x", "up/new", "../new"} {
		if err := unpack(bytes.NewReader(data), root, name); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(top + "/new"); err == nil {
		t.Error("a file came to lie outside")
	}
}

func TestAPathOfTooManyFilesIsGivenUp(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	words := []string{"nix-archive-1", "(", "type", "directory"}
	for i := range mostFiles {
		words = append(words, "entry", "(", "name", "f"+strings.Repeat("0", 6-len(strconv.Itoa(i)))+strconv.Itoa(i), "node", "(", "type", "symlink", "target", "x", ")", ")")
	}
	if err := unpack(bytes.NewReader(narText(append(words, ")")...)), root, "x"); err == nil {
		t.Error("it was unpacked")
	}
}
