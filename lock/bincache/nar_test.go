package bincache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const narMagic = "nix-archive-1"

// nar writes strings as NARs do.
func nar(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		b.WriteString(p)
		b.Write(make([]byte, (8-len(p)%8)%8))
	}
	return b.Bytes()
}

func fileNar(contents string) []byte {
	return nar(narMagic, "(", "type", "regular", "contents", contents, ")")
}

// narPattern is a NAR of size bytes of contents that do not repeat soon.
func narPattern(size int) []byte {
	contents := make([]byte, size)
	sum := sha256.Sum256(nil)
	for i := 0; i < size; i += copy(contents[i:], sum[:]) {
		sum = sha256.Sum256(sum[:])
	}
	return fileNar(string(contents))
}

func entry(name string, node ...string) []string {
	return append(append([]string{"entry", "(", "name", name, "node"}, node...), ")")
}

func folderNar(entries ...[]string) []byte {
	parts := []string{narMagic, "(", "type", "directory"}
	for _, e := range entries {
		parts = append(parts, e...)
	}
	return nar(append(parts, ")")...)
}

func deep(levels int) []byte {
	parts := []string{narMagic}
	for range levels - 1 {
		parts = append(parts, "(", "type", "directory", "entry", "(", "name", "d", "node")
	}
	parts = append(parts, leaf...)
	for range levels - 1 {
		parts = append(parts, ")", ")")
	}
	return nar(parts...)
}

var leaf = []string{"(", "type", "regular", "contents", "x", ")"}

// nix says which versions of Nix unpack the NAR: "all" or "none" of the three,
// or "" where they differ; 2.34 always does as we do.
var narCases = []struct {
	name string
	data []byte
	ok   bool
	nix  string
}{
	{"a file", fileNar("hello"), true, "all"},
	{"an empty file", fileNar(""), true, "all"},
	{"an executable", nar(narMagic, "(", "type", "regular", "executable", "", "contents", "x", ")"), true, "all"},
	{"an empty folder", folderNar(), true, "all"},
	{"a folder", folderNar(entry("a", leaf...), entry("b", leaf...)), true, "all"},
	{"a link", nar(narMagic, "(", "type", "symlink", "target", "/x", ")"), true, "all"},
	{"63 folders deep", deep(64), true, "all"},
	{"64 folders deep", deep(65), false, ""},
	{"another magic", nar("nix-archive-2", "(", "type", "regular", "contents", "x", ")"), false, "none"},
	{"nothing", nil, false, "none"},
	{"a page of HTML", []byte("<!doctype html><html><body>not found</body></html>"), false, "none"},
	{"cut in the contents", fileNar("hello hello hello")[:100], false, "none"},
	{"cut before the end", fileNar("hello")[:len(fileNar("hello"))-16], false, "none"},
	{"padding that is not zero", func() []byte { b := fileNar("hello"); b[len(b)-17] = 1; return b }(), false, "none"},
	{"names out of order", folderNar(entry("b", leaf...), entry("a", leaf...)), false, ""},
	{"a name twice", folderNar(entry("a", leaf...), entry("a", leaf...)), false, ""},
	{"the name ..", folderNar(entry("..", leaf...)), false, "none"},
	{"a name with a slash", folderNar(entry("a/b", leaf...)), false, "none"},
	{"a name with a zero", folderNar(entry("a\x00b", leaf...)), false, "none"},
	{"an empty name", folderNar(entry("", leaf...)), false, "none"},
	{"a name of 256 bytes", folderNar(entry(strings.Repeat("n", 256), leaf...)), false, ""},
	{"a link to nothing", nar(narMagic, "(", "type", "symlink", "target", "", ")"), false, ""},
	{"an unknown type", nar(narMagic, "(", "type", "device", ")"), false, "none"},
	{"a file without contents", nar(narMagic, "(", "type", "regular", ")"), false, ""},
	{"an executable mark with a value", nar(narMagic, "(", "type", "regular", "executable", "yes", "contents", "x", ")"), false, "none"},
	{"a length of 2^64-1", append(nar(narMagic, "(", "type", "regular", "contents"), bytes.Repeat([]byte{0xff}, 8)...), false, ""},
	{"a tag of 2^62 bytes", append(nar(narMagic), 0, 0, 0, 0, 0, 0, 0, 0x40), false, ""},
}

func TestReadNarTakesOnlyWholeStrictNARs(t *testing.T) {
	for _, c := range narCases {
		t.Run(c.name, func(t *testing.T) {
			for _, visit := range []func(Entry) error{nil, func(Entry) error { return nil }} {
				err := ReadNar(bytes.NewReader(c.data), visit)
				if (err == nil) != c.ok {
					t.Fatalf("got %v, want ok %v", err, c.ok)
				}
				if err != nil && !errors.Is(err, Misbehaved) {
					t.Errorf("%v is of kind %v", err, KindOf(err))
				}
			}
		})
	}
}

func TestRealNixUnpacksEveryNARThatWeTake(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, dir := nix.Dir(t)
		for i, c := range narCases {
			writeFile(t, filepath.Join(outside, fmt.Sprintf("%d.nar", i)), string(c.data))
		}
		script := fmt.Sprintf(`cd %s; for i in $(seq 0 %d); do if nix-store --restore $i.out < $i.nar 2>/dev/null; then echo yes; else echo no; fi; done`, dir, len(narCases)-1)
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: []string{"HOME=" + dir}})
		answers := strings.Fields(r.Stdout)
		if len(answers) != len(narCases) {
			t.Fatalf("%d answers to %d cases: %s", len(answers), len(narCases), r.Stderr)
		}
		for i, c := range narCases {
			takes := answers[i] == "yes"
			if c.nix != "" && takes != (c.nix == "all") {
				t.Errorf("%s: real Nix unpacks it: %v", c.name, takes)
			}
			if nix.Short == "2.34" && takes != c.ok {
				t.Errorf("%s: real Nix %s unpacks it: %v, and our rules are its", c.name, nix.Short, takes)
			}
		}
	})
}

func TestReadNarListsEveryEntryWithItsHash(t *testing.T) {
	data := folderNar(
		entry("bin", append([]string{"(", "type", "directory"}, append(entry("run", "(", "type", "regular", "executable", "", "contents", "#!", ")"), ")")...)...),
		entry("link", "(", "type", "symlink", "target", "bin/run", ")"),
	)
	var got []Entry
	if err := ReadNar(bytes.NewReader(data), func(e Entry) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Path: "", Type: Directory},
		{Path: "bin", Type: Directory},
		{Path: "bin/run", Type: RegularFile, Executable: true, Size: 2, SHA256: sha256.Sum256([]byte("#!"))},
		{Path: "link", Type: Symlink, Target: "bin/run"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
