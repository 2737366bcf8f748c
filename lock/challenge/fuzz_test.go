package challenge

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

func addTrees(f *testing.F) {
	long := string(bytes.Repeat([]byte{'x'}, 70_000))
	trees := [][]byte{
		narOf("1"), narOf("!1"), narOf("->1"), narOf(folder{}), narOf(folder{"a": folder{"b": "1"}, "a-b": "->../c"}),
		narOf(folder{"a": folder{"b": "2", "c": folder{}}, "a-b": "1"}), narOf(folder{"a": long}), narOf(folder{"a": long + "y", "b": ""}),
		narOf([][2]any{{"..", "1"}}), narOf([][2]any{{"a/b", "1"}}), narOf([][2]any{{"a", "->/"}, {"a", "1"}}), []byte("<html>"), nil,
	}
	for _, a := range trees {
		for _, b := range trees {
			f.Add(a, b)
		}
	}
}

// Two trees differ as much from left to right as from right to left, a tree
// never differs from itself, and what is no NAR is compared with nothing.
func FuzzCompare(f *testing.F) {
	addTrees(f)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		whole := bincache.ReadNar(bytes.NewReader(a), nil) == nil && bincache.ReadNar(bytes.NewReader(b), nil) == nil
		there, err := Compare(context.Background(), treeOf("a", a), treeOf("b", b), 50)
		if (err == nil) != whole {
			t.Fatalf("%v, and both are NARs: %v", err, whole)
		}
		if !whole {
			return
		}
		back, err := Compare(context.Background(), treeOf("b", b), treeOf("a", a), 50)
		if err != nil || there.More != back.More || len(there.Files) != len(back.Files) {
			t.Fatalf("%+v and back %+v %v", there, back, err)
		}
		for i, f := range there.Files {
			g := back.Files[i]
			switch g.What {
			case OnlyA:
				g.What = OnlyB
			case OnlyB:
				g.What = OnlyA
			}
			g.A, g.B = g.B, g.A
			if f != g {
				t.Fatalf("%+v and back %+v", f, g)
			}
		}
		if self, err := Compare(context.Background(), treeOf("a", a), treeOf("a", a), 50); err != nil || len(self.Files) > 0 {
			t.Fatalf("it differs from itself: %+v %v", self, err)
		}
	})
}

// Whatever a NAR says, nothing appears beside the folder, and only what is a
// NAR is unpacked without an error.
func FuzzUnpack(f *testing.F) {
	addTrees(f)
	f.Fuzz(func(t *testing.T, nar, _ []byte) {
		top, err := os.MkdirTemp("", "unpack-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(top)
		root, err := OpenEmpty(filepath.Join(top, "in"))
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		err = Unpack(context.Background(), treeOf("x", nar), root, "a")
		if err == nil && bincache.ReadNar(bytes.NewReader(nar), nil) != nil {
			t.Fatal("what is no NAR was unpacked")
		}
		for dir, most := range map[string][]string{top: {"in"}, filepath.Join(top, "in"): {"a"}} {
			list, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if !slices.Contains(most, e.Name()) {
					t.Fatalf("%s was written", e.Name())
				}
			}
		}
	})
}
