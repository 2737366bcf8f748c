package challenge

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpackingKeepsWhatANarHas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	root, err := OpenEmpty(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	nar := narOf(folder{"bin": folder{"run": "!#!/bin/sh\n"}, "empty": folder{}, "link": "->/etc/passwd", "text": "hello", "nothing": ""})
	if err := Unpack(context.Background(), treeOf("a", nar), root, "a"); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"a": fs.ModeDir, "a/bin": fs.ModeDir, "a/empty": fs.ModeDir, "a/link": fs.ModeSymlink, "a/text": 0, "a/bin/run": 0} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || info.Mode().Type() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
		if mode == 0 && (info.Mode()&0o100 != 0) != (name == "a/bin/run") {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a/text")); string(text) != "hello" {
		t.Errorf("%q %v", text, err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "a/link")); target != "/etc/passwd" {
		t.Errorf("%q %v", target, err)
	}
}

// Nothing that a NAR can say writes outside of the folder.
func TestUnpackingDoesNotLeaveItsFolder(t *testing.T) {
	for _, c := range []struct {
		name string
		nar  []byte
		says string
	}{
		{"a name that climbs", narOf([][2]any{{"..", folder{"evil": "1"}}}), "file name"},
		{"a name with slashes", narOf([][2]any{{"../../evil", "1"}}), "file name"},
		{"an absolute name", narOf([][2]any{{"/evil", "1"}}), "file name"},
		{"a name that is the folder", narOf([][2]any{{".", "1"}}), "file name"},
		{"no name", narOf([][2]any{{"", "1"}}), "file name"},
		{"a name with a NUL", narOf([][2]any{{"a\x00b", "1"}}), "file name"},
		{"through a link of the same name", narOf([][2]any{{"a", "->../../outside"}, {"a", folder{"evil": "1"}}}), "out of order"},
		{"a file over a link", narOf([][2]any{{"a", "->../../outside/evil"}, {"a", "1"}}), "out of order"},
		{"cut off", narOf(folder{"a": "1"})[:150], "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := t.TempDir()
			outside := filepath.Join(top, "outside")
			if err := os.Mkdir(outside, 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := OpenEmpty(filepath.Join(top, "in"))
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			err = Unpack(context.Background(), treeOf("evil", c.nar), root, "a")
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if list, _ := os.ReadDir(outside); len(list) > 0 {
				t.Errorf("written outside: %v", list)
			}
			if list, _ := os.ReadDir(top); len(list) != 2 {
				t.Errorf("written beside: %v", list)
			}
		})
	}
}

// Links that another program puts in the way are not followed either.
func TestUnpackingFollowsNoLinkThatIsThere(t *testing.T) {
	top := t.TempDir()
	root, err := OpenEmpty(filepath.Join(top, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, link := range []string{"a", "b"} {
		if err := os.Symlink(filepath.Join(top, "victim"), filepath.Join(top, "in", link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unpack(context.Background(), treeOf("x", narOf("evil")), root, "a"); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if err := Unpack(context.Background(), treeOf("x", narOf(folder{"evil": "1"})), root, "b"); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(top, "victim")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it wrote through the link")
	}
}

func TestOnlyAnEmptyFolderIsUnpackedInto(t *testing.T) {
	dir := t.TempDir()
	if root, err := OpenEmpty(dir); err != nil {
		t.Errorf("an empty one: %v", err)
	} else {
		root.Close()
	}
	if err := os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenEmpty(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Error(err)
	}
	if _, err := OpenEmpty(filepath.Join(dir, ".hidden")); err == nil {
		t.Error("a file is taken for a folder")
	}
	if _, err := OpenEmpty(filepath.Join(dir, "no", "parent")); err == nil {
		t.Error("parents were made")
	}
}

func TestTooMuchIsNotUnpacked(t *testing.T) {
	root, err := OpenEmpty(filepath.Join(t.TempDir(), "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	huge := Tree{Voter: "huge", Size: MostUnpacked + 1, Open: func(context.Context) io.ReadCloser { t.Fatal("it was opened"); return nil }}
	if err := Unpack(context.Background(), huge, root, "a"); err == nil || !strings.Contains(err.Error(), "are not unpacked") {
		t.Error(err)
	}
}
