// Package hosttest makes up system roots for tests and benchmarks: a user whose
// projects, inputs and saved answers come in any number.
package hosttest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// Size says how much a root holds. Every flake locks the same number of inputs;
// each input is a source of its own, present in the store with a flake.nix of
// about 2 KB.
type Size struct {
	Flakes, Inputs, Answers int
}

// Usual is the size that the project's figures are stated for.
var Usual = Size{Flakes: 200, Inputs: 2000, Answers: 1000}

// User is the user of every made-up root.
const User = "alice"

// Write makes up a root in an empty folder and returns the folder of its first
// flake, as seen inside the root. The user has this process's own ids.
func Write(root string, size Size) (cwd string, err error) {
	w := &writer{root: root}
	home := "/home/" + User
	uid, gid := os.Getuid(), os.Getgid()
	w.file("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", User, uid, gid, home))
	w.file("/etc/group", fmt.Sprintf("%s:x:%d:\nwheel:x:998:%s\n", User, gid, User))
	w.file("/etc/nix/nix.conf", "experimental-features = nix-command flakes\ntrusted-users = root\ntrusted-substituters = https://cache0.example/\n")
	w.file(home+"/.config/nix/nix.conf", "extra-substituters = https://cache1.example\n")
	w.program("/nix/store/"+strings.Repeat("n", 32)+"-nix-2.26.3/bin/nix", "")
	w.link("/nix/var/nix/profiles/default/bin/nix", "/nix/store/"+strings.Repeat("n", 32)+"-nix-2.26.3/bin/nix")

	perFlake := 0
	if size.Flakes > 0 {
		perFlake = (size.Inputs + size.Flakes - 1) / size.Flakes
	}
	made := 0
	for i := range size.Flakes {
		dir := fmt.Sprintf("%s/src/project%d", home, i)
		w.file(dir+"/flake.nix", flakeNix(i, i%2 == 0))
		w.link(fmt.Sprintf("/nix/var/nix/gcroots/auto/%032d", i), dir+"/result")
		w.link(dir+"/result", "/nix/store/"+strings.Repeat("r", 32)+"-result")
		nodes := map[string]any{}
		inputs := map[string]string{}
		for k := 0; k < perFlake && made < size.Inputs; k++ {
			name := fmt.Sprintf("input%d", k)
			hash := narHash(made)
			inputs[name] = name
			nodes[name] = map[string]any{
				"locked":   map[string]any{"type": "github", "owner": "o", "repo": name, "rev": fmt.Sprintf("%040x", made), "narHash": hash, "lastModified": 1700000000},
				"original": map[string]any{"type": "github", "owner": "o", "repo": name},
			}
			tree, err := flake.StorePath(hash, "/nix/store")
			if err != nil {
				return "", err
			}
			w.file(tree+"/flake.nix", flakeNix(made, made%3 == 0))
			made++
		}
		nodes["root"] = map[string]any{"inputs": inputs}
		lock, err := json.MarshalIndent(map[string]any{"version": 7, "root": "root", "nodes": nodes}, "", "  ")
		if err != nil {
			return "", err
		}
		w.file(dir+"/flake.lock", string(lock)+"\n")
	}
	answers := map[string]bool{}
	for i := range size.Answers {
		answers[fmt.Sprintf("https://cache%d.example", i)] = i%3 != 0
	}
	data, err := json.Marshal(map[string]any{"extra-substituters": answers})
	if err != nil {
		return "", err
	}
	w.file(home+"/.local/share/nix/trusted-settings.json", string(data))
	return home + "/src/project0", w.err
}

// narHash is the i-th made-up hash.
func narHash(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, "source ", i))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// flakeNix is a flake.nix of about 2 KB.
func flakeNix(i int, claims bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  description = \"project %d\";\n", i)
	if claims {
		fmt.Fprintf(&b, "  nixConfig = {\n    extra-substituters = [ \"https://cache%d.example\" ];\n", i%50)
		fmt.Fprintf(&b, "    extra-trusted-public-keys = [ \"cache%d.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\" ];\n  };\n", i%50)
	}
	b.WriteString("  inputs.nixpkgs.url = \"github:NixOS/nixpkgs/nixos-unstable\";\n  outputs = { self, nixpkgs, ... }@inputs:\n    let\n      systems = [ \"x86_64-linux\" \"aarch64-linux\" ];\n")
	b.WriteString("      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});\n    in {\n")
	for k := range 10 {
		fmt.Fprintf(&b, "      packages%d = each (pkgs: { # package %d\n        default = pkgs.runCommand \"p${toString %d}\" { } ''\n          mkdir -p $out; echo ${self} > $out/f\n        '';\n      });\n", k, k, k)
	}
	b.WriteString("    };\n}\n")
	return b.String()
}

// writer writes files below a root and keeps the first error.
type writer struct {
	root string
	err  error
}

func (w *writer) file(path, text string) { w.put(path, text, 0o644) }

func (w *writer) program(path, text string) { w.put(path, text, 0o755) }

func (w *writer) put(path, text string, mode os.FileMode) {
	at := w.parent(path)
	if w.err == nil {
		w.err = os.WriteFile(at, []byte(text), mode)
	}
}

func (w *writer) link(path, target string) {
	at := w.parent(path)
	if w.err == nil {
		w.err = os.Symlink(target, at)
	}
}

func (w *writer) parent(path string) string {
	at := filepath.Join(w.root, path)
	if w.err == nil {
		w.err = os.MkdirAll(filepath.Dir(at), 0o755)
	}
	return at
}
