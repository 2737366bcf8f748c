package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// With --store, what this machine has under the pinned names is told from what
// the caches have, with the exit code that it deserves.
func TestVerifyLooksAtTheRealStore(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			w := newWorkshop(t, realnix.Get(t, version), bin)
			w.push("x86_64-linux.free")
			w.says(0, []string{"lock", "--yes", "./flake"})
			check := []string{"verify", "--plain", "--store", "flake/flake.cache-lock"}
			w.says(0, check, "local store: 3 as pinned, 0 wrong, 0 unknown, 0 not there", "3 of 3 paths verified for x86_64-linux\n")
			w.sh(`nix-store --delete $(nix-store -q --outputs $(nix-store -q --deriver store/*-free-1-doc)) >/dev/null 2>&1`)
			w.says(0, check, "local store: 1 as pinned, 0 wrong, 0 unknown, 2 not there")

			// Nix itself does not notice that a file was changed.
			files, err := filepath.Glob(filepath.Join(w.outside, "store/*-dep-1"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.Chmod(files[0], 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], []byte("swapped\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			w.sh("nix-store --check-validity store/*-dep-1")
			w.says(4, check, "ALARM: the local store has something else than is pinned (1)", "contents narHash pinned  sha256-", "got     sha256-",
				"the files were changed after they came into the store", "it was built on this machine", "2 of 3 paths verified for x86_64-linux; something is wrong, see above")
			w.says(0, []string{"verify", "flake/flake.cache-lock"}, "3 of 3 paths verified")
			var got verifyJSON
			r := w.run(w.inside+"/nix-trust", "verify", "--json", "--store", "flake/flake.cache-lock")
			if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil || r.Code != exitBad {
				t.Fatalf("exit %d, %v: %s", r.Code, err, r.Stdout)
			}
			bad := 0
			for _, p := range got.Pins {
				if len(p.Caches) != 2 || p.Caches[1].URL != "local store" || p.Caches[0].Verdict != "verified" {
					t.Errorf("%+v", p)
				}
				if p.Caches[1].Verdict == "mismatch" && strings.HasSuffix(p.Path, "-dep-1") {
					bad++
				}
			}
			if !got.Store || got.Contents || got.Outcome != "bad" || bad != 1 {
				t.Errorf("%+v", got)
			}

			// No nix, no answer: that is not the same as nothing wrong.
			if err := os.WriteFile(filepath.Join(w.outside, "alone"), []byte("#!/bin/sh\nPATH=/nowhere exec \"$@\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			r = w.run(append([]string{w.inside + "/alone", w.inside + "/nix-trust"}, check...)...)
			if r.Code != exitUnknown || !strings.Contains(r.Stdout, "unknown: the local store could not be read (3)\n  the local store could not be asked: ") ||
				!strings.Contains(r.Stdout, "3 of 3 paths verified for x86_64-linux; the local store could not be read") {
				t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			w.says(2, append([]string{"--root", "/"}, check...), "--root names another one")
		})
	}
}
