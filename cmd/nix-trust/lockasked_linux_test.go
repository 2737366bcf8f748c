package main

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

func TestAnOutputThatIsAskedForAndIsNotThereIsNeverFine(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		w.flake("1", `; broken = throw "it is broken"`)
		w.push("x86_64-linux.free")
		lock := []string{"lock", "--yes", "./flake", "--output", "packages.free"}
		check := []string{"lock", "--check", "./flake"}
		w.says(0, lock, "wrote ")
		for _, name := range []string{"packages.nosuch", "packages.broken", `packages."broken"`} {
			w.says(1, append(lock, "--output", name), "does not evaluate")
			w.says(1, append(check, "--output", name), "gone, or do not evaluate", "out of date")
		}
		// What nobody named and nobody locked is told, and no more.
		w.says(0, append(lock, "--output", "packages"), "does not evaluate: packages.broken")
		w.says(0, check, "up to date")

		w.sh(`sed -i 's/inherit (for "x86_64-linux") free/other = (for "x86_64-linux").free; free = throw "it is broken"/' flake/flake.nix`)
		w.says(1, append(check, "--output", "packages.free"), "packages.free")
		w.says(1, append(check, "--output", "packages"), "packages.free")
		if all := w.says(1, append(check, "--output", "packages.other"), "packages.other"); strings.Contains(all, "packages.free") {
			t.Errorf("what was not asked for is told:\n%s", all)
		}
	})
}

func TestAFlakeDoesNotSayWhichFileIsWritten(t *testing.T) {
	w := newWorkshop(t, realnix.Get(t, "2.34"), buildProgram(t))
	w.push("x86_64-linux.free")
	lock := []string{"lock", "--yes", "path:" + w.inside + "/flake"}
	w.sh("mkfifo pipe && ln -s ../pipe flake/flake.cache-lock")
	w.says(3, lock, "leads out of the flake's folder")
	w.says(3, append(lock, "--lock", "pipe"), "pipe is no file")
	w.sh("mkdir other && echo 'version = 1' > other/flake.cache-lock && ln -sf ../other/flake.cache-lock flake/flake.cache-lock")
	w.says(3, lock, "leads out of the flake's folder", "--lock")
	if got := w.sh("cat other/flake.cache-lock"); got != "version = 1\n" {
		t.Errorf("another flake's lock was written:\n%s", got)
	}
	w.says(0, append(lock, "--lock", "other/flake.cache-lock"), "wrote other/flake.cache-lock")
	w.sh("mv other/flake.cache-lock flake/real && ln -sf real flake/flake.cache-lock")
	w.says(0, lock, "up to date")
}

func TestALockIsNotOutOfDateBecauseAnInputIsNotHere(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		w.push("x86_64-linux.free")
		w.says(0, []string{"lock", "--yes", "./flake"}, "wrote ")
		w.sh(`sed -i '1a inputs.far.url = "git+https://127.0.0.1:9/far";
s/{ self }:/{ self, far }:/; s/dep = make "dep-1" { }/dep = make "dep-1" { far = far.x; }/' flake/flake.nix
echo '# by hand' >> flake/flake.cache-lock`)
		w.write(t, "flake/flake.lock", `{ "nodes": { "far": {
	"locked": { "type": "git", "url": "https://127.0.0.1:9/far", "ref": "refs/heads/master", "lastModified": 1, "revCount": 1,
		"rev": "c0370c6c4bd729c271727be9be954193498d4d98", "narHash": "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" },
	"original": { "type": "git", "url": "https://127.0.0.1:9/far" } },
	"root": { "inputs": { "far": "far" } } }, "root": "root", "version": 7 }`)
		w.says(3, []string{"lock", "--check", "./flake"}, "is up to date is not known", "packages.free needs what is not on this machine", "nix flake archive")

		// Only the spelling of the file changes.
		w.flake("1", "")
		w.sh("rm flake/flake.lock")
		w.says(0, []string{"lock", "--yes", "./flake"}, "wrote ")
		w.says(0, []string{"lock", "--yes", "./flake"}, "up to date")
	})
}
