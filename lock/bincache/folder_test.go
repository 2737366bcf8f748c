package bincache

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAFolderGivesRegularFilesAndNeverWaits(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "nix-cache-info"), "StoreDir: /nix/store\nPriority: 7\n")
	digest := somePath[:digestLen] + ".narinfo"
	cache, err := NewClient(Options{}).Cache("file://" + dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := cache.Info(t.Context()); err != nil || info.Priority != 7 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := cache.NarInfo(t.Context(), somePath); !errors.Is(err, Absent) {
		t.Errorf("missing: %v", err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, digest), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.NarInfo(t.Context(), somePath); !errors.Is(err, Unreachable) {
		t.Errorf("a pipe: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, digest)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, digest), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.NarInfo(t.Context(), somePath); !errors.Is(err, Unreachable) {
		t.Errorf("a folder: %v", err)
	}
}

func TestAnAbsolutePathIsAFileCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with space%20")
	writeFile(t, filepath.Join(dir, "nix-cache-info"), "Priority: 7\n")
	cache, err := NewClient(Options{}).Cache(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := cache.Info(t.Context()); err != nil || info.Priority != 7 {
		t.Errorf("%+v, %v", info, err)
	}
}
