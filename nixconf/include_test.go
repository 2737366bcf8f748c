package nixconf_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// mapFiles are files in memory; an error in place of the text is returned.
type mapFiles map[string]any

func (f mapFiles) ReadFile(path string) ([]byte, error) {
	switch x := f[path].(type) {
	case string:
		return []byte(x), nil
	case error:
		return nil, &fs.PathError{Op: "open", Path: path, Err: x}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
}

func (f mapFiles) Exists(path string) (bool, error) {
	x, ok := f[path]
	if errors.Is(asError(f[filepath.Dir(path)]), fs.ErrPermission) {
		return false, &fs.PathError{Op: "lstat", Path: path, Err: syscall.EACCES}
	}
	return ok && x != nil, nil
}

func asError(x any) error {
	err, _ := x.(error)
	return err
}

func vars(list ...string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		for _, e := range list {
			if v, ok := strings.CutPrefix(e, key+"="); ok {
				return v, true
			}
		}
		return "", false
	}
}

var versions = []nixconf.Version{{Major: 2, Minor: 8}, {Major: 2, Minor: 26, Patch: 3}, nixconf.Newest, {}}

func alice(env ...string) nixconf.Environment {
	return nixconf.Environment{Lookup: vars(env...), Home: "/home/alice", System: "x86_64-linux"}
}

func TestIncludesThatNeverEndCrashNixAndAreNamedHere(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		for name, files := range map[string]map[string]string{
			"itself":   {"nix.conf": "cores = 1\ninclude nix.conf\n"},
			"two":      {"nix.conf": "include b.conf\n", "b.conf": "cores = 1\n\n!include ./nix.conf\n"},
			"spelling": {"nix.conf": "!include ./x/..//nix.conf\n"},
		} {
			dir := filepath.Join(outside, name)
			os.MkdirAll(filepath.Join(dir, "x"), 0o755)
			for f, text := range files {
				if err := os.WriteFile(filepath.Join(dir, f), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s := setup{env: []string{"HOME=/nowhere", "NIX_CONF_DIR=" + inside + "/" + name}, home: "/nowhere"}
			if name == "two" { // one crash is enough: it takes a second
				if got := show(t, nix, s); got.code < 128 {
					t.Errorf("%s: Nix did not crash: %+v", name, got)
				}
			}
			c := load(nix, s)
			if c.Fatal == nil || c.Fatal.Kind != "include-cycle" || c.Fatal.Pos.Line == 0 {
				t.Errorf("%s: the cycle was not seen: %+v", name, c.Fatal)
			}
		}
	})
}

// TestLongChainsOfIncludesAreReadToTheirEnd holds the depth limit against what
// real Nix reads without trouble.
func TestLongChainsOfIncludesAreReadToTheirEnd(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		const depth = 190
		for i := range depth {
			name, text := fmt.Sprintf("c%d.conf", i), fmt.Sprintf("include c%d.conf\n", i+1)
			if i == 0 {
				name = "nix.conf"
			}
			if i == depth-1 {
				text = "extra-trusted-users = deep\n"
			}
			if err := os.WriteFile(filepath.Join(outside, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		learnHost(t, nix)
		s := setup{env: []string{"HOME=/nowhere", "NIX_CONF_DIR=" + inside}, home: "/nowhere"}
		c := load(nix, s)
		if d := difference(show(t, nix, s), c, rootFiles{root: nix.Root}, s); d != "" {
			t.Fatal(d)
		}
		items := c.Get("trusted-users").Items
		if last := items[len(items)-1]; last.Text != "deep" || len(last.Origin.Included) != depth-1 || last.Origin.Included[0].File != inside+"/nix.conf" {
			t.Errorf("the include chain is not kept: %+v", last)
		}
	})
}

func TestEndlessOrExplodingIncludesAreCutOffAndSaid(t *testing.T) {
	bomb := mapFiles{}
	for i := range 40 { // 2^40 reads, if nobody stops
		name := fmt.Sprintf("/etc/nix/b%d", i)
		if i == 0 {
			name = "/etc/nix/nix.conf"
		}
		bomb[name] = fmt.Sprintf("include b%d\ninclude b%d\n", i+1, i+1)
	}
	bomb["/etc/nix/b40"] = "cores = 1\n"
	deep := mapFiles{}
	for i := range 5000 {
		name := fmt.Sprintf("/etc/nix/b%d", i)
		if i == 0 {
			name = "/etc/nix/nix.conf"
		}
		deep[name] = fmt.Sprintf("include b%d\n", i+1)
	}
	deep["/etc/nix/b5000"] = ""
	wide := mapFiles{"/etc/nix/nix.conf": strings.Repeat("include big\n", 1000), "/etc/nix/big": strings.Repeat("# x\n", nixconf.MaxFileSize/4)}
	for name, files := range map[string]mapFiles{"bomb": bomb, "deep": deep, "wide": wide} {
		for _, v := range versions {
			c := nixconf.Load(files, alice(), v)
			i := slices.IndexFunc(c.Warnings, func(d nixconf.Diagnostic) bool { return d.Kind == "too-large" })
			if i < 0 || c.Warnings[i].Pos.Line == 0 {
				t.Errorf("%s, %v: nothing says what was not read: %+v", name, v, c.Warnings)
			}
			if c.Read[0].State != nixconf.SourceUnreadable {
				t.Errorf("%s, %v: the file passes for read: %+v", name, v, c.Read)
			}
		}
	}
}

func TestWhatCannotBeReadIsToldApart(t *testing.T) {
	files := mapFiles{
		"/etc/nix/nix.conf":                "include secret.conf\n!include gone.conf\ninclude dir\ncores = 3\n",
		"/etc/nix/secret.conf":             syscall.EACCES,
		"/etc/nix/dir":                     syscall.EISDIR,
		"/home/alice/.config/nix/nix.conf": syscall.EACCES,
		"/etc/xdg/nix/nix.conf":            syscall.EISDIR,
		"/shut/nix":                        syscall.EACCES,
		"/shut/nix/nix.conf":               syscall.EACCES,
		"/big/nix/nix.conf":                nixconf.ErrTooLarge,
	}
	for _, v := range versions {
		c := nixconf.Load(files, alice("XDG_CONFIG_DIRS=/etc/xdg:/none:/shut:/big"), v)
		if c.Fatal != nil {
			t.Fatal(c.Fatal)
		}
		want := []nixconf.Source{
			{Layer: nixconf.LayerSystem, Path: "/etc/nix/nix.conf", State: nixconf.SourceRead},
			{Layer: nixconf.LayerUser, Path: "/big/nix/nix.conf", State: nixconf.SourceUnreadable},
			{Layer: nixconf.LayerUser, Path: "/shut/nix/nix.conf", State: nixconf.SourceUnreadable},
			{Layer: nixconf.LayerUser, Path: "/none/nix/nix.conf", State: nixconf.SourceMissing},
			{Layer: nixconf.LayerUser, Path: "/etc/xdg/nix/nix.conf", State: nixconf.SourceMissing},
			{Layer: nixconf.LayerUser, Path: "/home/alice/.config/nix/nix.conf", State: nixconf.SourceUnreadable},
		}
		// A folder that cannot be searched hides even whether the file is there.
		hidden := slices.Clone(want)
		hidden[2].State = nixconf.SourceUnseen
		if !slices.Equal(c.Read, hidden) {
			t.Errorf("%v: sources\n%+v\nwant\n%+v", v, c.Read, hidden)
		}
		var kinds []string
		for _, d := range c.Warnings {
			kinds = append(kinds, d.Kind+" "+d.Pos.String())
			if d.Severity != nixconf.SeverityNote || d.Text == "" {
				t.Errorf("%v: Nix says nothing of it, and a person needs a sentence: %+v", v, d)
			}
		}
		if want := []string{"unreadable /etc/nix/nix.conf:1:1", "folder /etc/nix/nix.conf:3:1", "too-large /big/nix/nix.conf",
			"unreadable /shut/nix/nix.conf", "folder /etc/xdg/nix/nix.conf", "unreadable /home/alice/.config/nix/nix.conf"}; !slices.Equal(kinds, want) {
			t.Errorf("%v: said %q, want %q", v, kinds, want)
		}
		if got := c.Get("cores").Text; got != "3" {
			t.Errorf("%v: a line after what cannot be read is lost: cores is %s", v, got)
		}
	}
}

func TestLookingUnderAShutFolderGivesUpTheFileAsNixDoes(t *testing.T) {
	files := mapFiles{
		"/etc/nix/nix.conf": "cores = 3\ninclude sub.conf\nmax-jobs = 4\n",
		"/etc/nix/sub.conf": "log-lines = 5\ninclude /shut/x\ntimeout = 6\n",
		"/shut":             syscall.EACCES,
	}
	top := mapFiles{"/etc/nix/nix.conf": "log-lines = 5\ninclude /shut/x\ntimeout = 6\n", "/shut": syscall.EACCES}
	for _, v := range versions {
		c := nixconf.Load(files, alice(), v)
		if got := c.Get("log-lines").Text + c.Get("timeout").Text + c.Get("max-jobs").Text; c.Fatal != nil || got != "504" {
			t.Errorf("%v: included file: %q %v", v, got, c.Fatal)
		}
		c = nixconf.Load(top, alice(), v)
		want := "25" // the default: from 2.16 nothing of the file is applied
		if !v.AtLeast(2, 16) {
			want = "5"
		}
		if got := c.Get("log-lines").Text; c.Fatal != nil || got != want {
			t.Errorf("%v: top-level file: log-lines %s, want %s", v, got, want)
		}
		c = nixconf.Load(top, alice("NIX_CONFIG=include /shut/x"), v)
		if c.Fatal == nil || c.Fatal.Pos != (nixconf.Pos{File: "NIX_CONFIG", Line: 1, Col: 1}) {
			t.Errorf("%v: NIX_CONFIG: %+v", v, c.Fatal)
		}
	}
}
