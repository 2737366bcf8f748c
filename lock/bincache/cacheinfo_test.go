package bincache

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

var cacheInfoCases = []struct {
	text string
	want CacheInfo
	ok   bool
}{
	{"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n", CacheInfo{"/nix/store", true, 40, true}, true},
	{"StoreDir: /nix/store\r\nPriority: 30\r\n", CacheInfo{"/nix/store", false, 30, true}, true},
	{"", CacheInfo{}, true},
	{"<html>\n<p>style: none</p>\n", CacheInfo{}, true},
	{"WantMassQuery: yes\n", CacheInfo{}, true},
	{"Priority: 12abc\n", CacheInfo{Priority: 12, HasPriority: true}, true},
	{"Priority: -3\n", CacheInfo{Priority: -3, HasPriority: true}, true},
	{"Priority: 1\nPriority: 2", CacheInfo{Priority: 2, HasPriority: true}, true},
	{"Priority: soon\n", CacheInfo{}, false},
	{"Priority:\n", CacheInfo{}, false},
	{"Priority: 99999999999\n", CacheInfo{}, false},
}

func TestParseCacheInfoReadsAsNixDoes(t *testing.T) {
	for _, c := range cacheInfoCases {
		got, err := ParseCacheInfo([]byte(c.text))
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.text, got, err, c.want)
		}
		if err != nil && !errors.Is(err, Misbehaved) {
			t.Errorf("%q: kind %v", c.text, KindOf(err))
		}
	}
}

func TestRealNixFailsOnTheSameCacheInfos(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, dir := nix.Dir(t)
		var script strings.Builder
		for i, c := range cacheInfoCases {
			folder := filepath.Join(outside, fmt.Sprint(i))
			writeFile(t, filepath.Join(folder, "nix-cache-info"), c.text)
			writeFile(t, filepath.Join(folder, somePath[:32]+".narinfo"), someInfo)
			fmt.Fprintf(&script, "nix --extra-experimental-features nix-command path-info --store file://%s/%d /nix/store/%s >/dev/null 2>&1 && echo yes || echo no\n", dir, i, somePath)
		}
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script.String()}, Env: []string{"HOME=" + dir}})
		for i, answer := range strings.Fields(r.Stdout) {
			if c := cacheInfoCases[i]; (answer == "yes") != c.ok {
				t.Errorf("%q: real Nix takes it: %s", c.text, answer)
			}
		}
		if n := len(strings.Fields(r.Stdout)); n != len(cacheInfoCases) {
			t.Errorf("%d answers to %d cases: %s", n, len(cacheInfoCases), r.Stderr)
		}
	})
}

func TestACacheForAnotherStoreIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "nix-cache-info"), "StoreDir: /gnu/store\n")
	cache, err := NewClient(Options{}).Cache(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Info(t.Context()); !errors.Is(err, Misbehaved) || !strings.Contains(err.Error(), "/gnu/store") {
		t.Errorf("got %v", err)
	}
}
