package nix

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATreeIsCopiedWithoutFollowingLinks(t *testing.T) {
	dir := t.TempDir()
	from, to, outside := dir+"/from", dir+"/to", dir+"/outside"
	for _, d := range []string{from + "/sub", from + "/locked", outside} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"/from/run": 0o555, "/from/read": 0o444, "/outside/flake.cache-lock": 0o644, "/from/sub/deep": 0o444} {
		if err := os.WriteFile(dir+name, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"up": "../outside", "abs": outside, "dangling": "nosuch", "locked/flake.cache-lock": "../../outside/flake.cache-lock"} {
		if err := os.Symlink(target, from+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(from+"/sub", 0o555); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"up": "../outside", "abs": outside, "dangling": "nosuch"} {
		if got, err := os.Readlink(to + "/" + name); got != target {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	for name, exec := range map[string]bool{"run": true, "read": false} {
		st, err := os.Stat(to + "/" + name)
		if err != nil || (st.Mode()&0o100 != 0) != exec {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
	if text, err := os.ReadFile(to + "/sub/deep"); string(text) != "/from/sub/deep" {
		t.Error(string(text), err)
	}

	// A lock that is a link is replaced; a folder that is one is not entered.
	if err := changeLock(to, "locked"); err != nil {
		t.Error(err)
	}
	if st, err := os.Lstat(to + "/locked/flake.cache-lock"); err != nil || !st.Mode().IsRegular() {
		t.Error(st, err)
	}
	for _, hostile := range []string{"up", "abs", "../outside"} {
		if err := changeLock(to, hostile); err == nil {
			t.Errorf("a lock was written through %s", hostile)
		}
	}
	if text, err := os.ReadFile(outside + "/flake.cache-lock"); string(text) != "/outside/flake.cache-lock" {
		t.Error("something outside was changed", string(text), err)
	}
	if err := copyTree(t.Context(), from+"/run", dir+"/file"); err == nil {
		t.Error("a file was taken for a tree")
	}
	if err := copyTree(t.Context(), from, to); err == nil {
		t.Error("a folder that is there was written into")
	}
}

func TestTheCopysLockIsAnother(t *testing.T) {
	for name, prepare := range map[string]func(file string) error{
		"none":   func(string) error { return nil },
		"file":   func(f string) error { return os.WriteFile(f, []byte("version = 1\n"), 0o444) },
		"folder": func(f string) error { return os.MkdirAll(f+"/x", 0o755) },
		"big":    func(f string) error { return os.WriteFile(f, []byte(strings.Repeat("x", 2<<20)), 0o444) },
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, lockName)
		if err := prepare(file); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(file)
		if err := changeLock(dir, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		after, err := os.ReadFile(file)
		if err != nil || string(after) == string(before) || len(after) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHugeTreesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/from", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/from/big", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/from/more", []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	src, err := os.OpenRoot(dir + "/from")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := copyFile(dst, src, "more", 9); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
	if n, err := copyFile(dst, src, "big", 0); n != 0 || err != nil {
		t.Error(n, err)
	}
}
