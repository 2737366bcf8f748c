package flake

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// references are in the forms that do not depend on the current folder, so
// that Nix can be asked for their attributes without fetching anything.
var references = []string{
	"nixpkgs", "nixpkgs/nixos-25.05", "nixpkgs/1234567890123456789012345678901234567890",
	"nixpkgs/nixos-25.05/1234567890123456789012345678901234567890", "flake:nixpkgs", "flake:nixpkgs/nixos-25.05", "a-b_c",
	"github:NixOS/nixpkgs", "github:NixOS/nixpkgs/nixos-25.05", "github:o/r/1234567890123456789012345678901234567890",
	"github:o/r/refs/pull/1/head", "github:o/r?dir=sub/dir", "github:o/r?ref=main&dir=d", "github:o/r?host=git.example.org",
	"gitlab:o/r", "gitlab:o%2Fsub/r", "sourcehut:~user/r",
	"git+https://example.org/r.git", "git+https://example.org/r?ref=main&rev=1234567890123456789012345678901234567890",
	"git+https://example.org/r?dir=d", "git+ssh://git@example.org/r.git", "git+file:///home/a/r", "git+file:///home/a/r?dir=d",
	"git+file:///home/a/r?ref=main&shallow=1", "git://example.org/r",
	"path:/home/a/r", "path:/home/a/r?dir=d", "path:///home/a/r", "/home/a/r", "/home/a/r?dir=d", "/home/a/../b/./r/",
	"https://example.org/a.tar.gz", "https://example.org/a.tar.gz?x=y", "tarball+https://example.org/a", "file:///a/b.tar.gz",
	"file+https://example.org/a", "https://example.org/a", "hg+https://example.org/r",
}

func TestParseRefHasNixsAttributes(t *testing.T) {
	for _, short := range []string{"2.26", "2.34"} { // earlier ones cannot be asked
		t.Run("nix-"+short, func(t *testing.T) {
			nix := realnix.Get(t, short)
			list, err := json.Marshal(references)
			if err != nil {
				t.Fatal(err)
			}
			r := nix.Run(t, realnix.Cmd{
				Args: []string{"nix", "--extra-experimental-features", "nix-command flakes", "eval", "--json", "--expr",
					"map builtins.parseFlakeRef (builtins.fromJSON ''" + string(list) + "'')"},
				Env: []string{"HOME=/root"},
			})
			var all []map[string]any
			if err := json.Unmarshal([]byte(r.Stdout), &all); err != nil || len(all) != len(references) {
				t.Fatalf("%v: %s", err, r.Stderr)
			}
			for i, s := range references {
				ref, err := ParseRef(s)
				if err != nil {
					t.Errorf("%s: %v", s, err)
					continue
				}
				ours := map[string]string{"type": ref.Type}
				for k, v := range ref.Attrs {
					ours[k] = v
				}
				if ref.Dir != "" {
					ours["dir"] = ref.Dir
				}
				theirs := map[string]string{}
				for k, v := range all[i] {
					theirs[k] = fmt.Sprint(v)
				}
				if p := theirs["path"]; p != "" {
					theirs["path"] = localPath(p) // Nix leaves the dots in
				}
				for _, flag := range []string{"shallow", "submodules"} {
					if theirs[flag] == "true" {
						theirs[flag] = "1"
					}
				}
				a, b := fmt.Sprint(theirs), fmt.Sprint(ours)
				if a != b && !(short == "2.26" && strings.Contains(s, "%2F")) {
					t.Errorf("%s:\n\tNix:  %s\n\tours: %s", s, a, b)
				}
			}
		})
	}
}

func TestIdentityIsTheSameForOneFlakeHoweverSpelled(t *testing.T) {
	for _, same := range [][]string{
		{"/x", "path:/x", "path:///x", "/x/", "/x/.", "/y/../x", "git+file:///x", "git+file:///x?shallow=1", "path:/x?narHash=sha256-a&lastModified=1"},
		{"/x/d", "/x?dir=d", "git+file:///x?dir=d", "path:/x?dir=./d/"},
		{"/a%20b?dir=c", "/a%20b/c"},
		{"/a b", "path:/a%20b", "git+file:///a%20b"},
		{"github:O/R", "github:o/r", "github:o/r?host=github.com"},
		{"nixpkgs", "flake:nixpkgs"},
		{"github:o/r/b", "github:o/r?ref=b"},
		{"git+https://Example.org/r", "git+https://example.org/r/", "git+https://example.org/r?shallow=1"},
	} {
		first, err := ParseRef(same[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range same[1:] {
			r, err := ParseRef(s)
			if err != nil || r.Identity() != first.Identity() {
				t.Errorf("%s is %q, %s is %q (%v)", same[0], first.Identity(), s, r.Identity(), err)
			}
		}
	}
}

func TestIdentityKeepsDifferentFlakesApart(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{
		"/x", "/x/d", "/x?ref=b", "git+file:///x?rev=1234567890123456789012345678901234567890", "git+file:///x?submodules=1",
		"/x%3Fref=b", "/X", "github:o/r", "github:o/r/b", "github:o/r/1234567890123456789012345678901234567890", "github:o/r?dir=d",
		"github:o/r?host=evil.example.org", "gitlab:o/r", "gitlab:O/r", "git+https://github.com/o/r", "https://github.com/o/r",
		"git+ssh://github.com/o/r", "nixpkgs", "nixpkgs/b", "github:o/r%3Fref=b", "github:o/r?ref=b%26dir=d", "github:o/r?ref=b&dir=d",
		"tarball+https://github.com/o/x", "https://github.com/o/x?dir=d", "./x", "git+https://example.org/r?ref=a", "git+https://example.org/r",
	} {
		r, err := ParseRef(s)
		if err != nil {
			t.Fatal(err)
		}
		id := r.Identity()
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s are both %q", other, s, id)
		}
		seen[id] = s
	}
}

func TestPathIsTheFolderOfTheFlake(t *testing.T) {
	for s, want := range map[string]string{
		"/x": "/x", "path:/x?dir=d": "/x/d", "git+file:///x?dir=d/e": "/x/d/e", "./x": "./x", ".": ".", "path:.?dir=d": "./d",
		"path:x": "./x", "..": "..", "../x?dir=d": "../x/d", "github:o/r": "", "git+https://example.org/x": "", "nixpkgs": "",
		"path:/x?dir=../../etc": "/x/etc", "/": "/", "/?dir=d": "/d", "git+file:///a%20b": "/a b",
	} {
		r, err := ParseRef(s)
		if err != nil || r.Path() != want {
			t.Errorf("%s: path %q, want %q (%v)", s, r.Path(), want, err)
		}
	}
}

func TestParseRefRefusesWhatIsNone(t *testing.T) {
	for _, s := range []string{"", "a\nb", "github:o", "github:/r", "github:o/", "ftp://x/y", "x#y", "./x#y", "path:%zz", "flake:!", "https://x?%zz", "a\x1b[31m"} {
		if r, err := ParseRef(s); err == nil {
			t.Errorf("%q is taken for %+v", s, r)
		} else if !strings.Contains(err.Error(), "not a flake reference") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestStringIsWhatOneWouldType(t *testing.T) {
	for _, s := range []string{
		"github:NixOS/nixpkgs", "github:NixOS/nixpkgs/nixos-25.05", "github:o/r?dir=sub/dir", "git+https://example.org/r?ref=main",
		"git+https://example.org/r?a=b&ref=main", "git+file:///home/a/r?dir=d", "path:/home/a/r", "https://example.org/a.tar.gz", "flake:nixpkgs/b",
		"hg+https://example.org/r",
	} {
		r, err := ParseRef(s)
		if err != nil || r.String() != s {
			t.Errorf("%s comes back as %s (%v)", s, r, err)
		}
		again, err := ParseRef(r.String())
		if err != nil || again.Identity() != r.Identity() {
			t.Errorf("%s changes its identity by being printed (%v)", s, err)
		}
	}
}
