package nixconf_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// rootFiles reads files under another root as the user that a test plays. The
// test runs as root, so what that user may not see is worked out from modes.
type rootFiles struct {
	root string
	uid  uint32
}

func (f rootFiles) ReadFile(path string) ([]byte, error) {
	if !f.allowed(path, 4) {
		return nil, &os.PathError{Op: "open", Path: path, Err: syscall.EACCES}
	}
	return os.ReadFile(f.root + path)
}

func (f rootFiles) Exists(path string) (bool, error) {
	if !f.allowed(filepath.Dir(path), 1) {
		return false, &os.PathError{Op: "lstat", Path: path, Err: syscall.EACCES}
	}
	_, err := os.Lstat(f.root + path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

// allowed checks the mode's bit on path and the search bit on every folder above.
func (f rootFiles) allowed(path string, bit uint32) bool {
	if f.uid == 0 {
		return true
	}
	for p := path; p != "/"; p, bit = filepath.Dir(p), 1 {
		st, err := os.Stat(f.root + p)
		if err != nil {
			continue
		}
		mode := uint32(st.Mode().Perm())
		if st.Sys().(*syscall.Stat_t).Uid == f.uid {
			mode >>= 6
		}
		if mode&bit == 0 {
			return false
		}
	}
	return true
}

// A setup is one environment in which configuration is resolved, by real Nix and by Load.
type setup struct {
	env  []string // all variables
	dir  string   // working directory
	uid  uint32
	home string
}

// shown is what `nix config show --json` did.
type shown struct {
	values   map[string]json.RawMessage
	warnings []string
	err      string
	code     int
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

var warningLine = regexp.MustCompile(`^(?:warning: )(.*)$`)

// show asks real Nix.
func show(t testing.TB, nix realnix.Nix, s setup, flags ...string) shown {
	args := []string{"nix", "config", "show", "--json"}
	if nix.Short == "2.8" {
		args = []string{"nix", "show-config", "--json"}
	}
	args = append(append(args, flags...), "--extra-experimental-features", "nix-command")
	r := nix.Run(t, realnix.Cmd{Args: args, Env: s.env, Dir: s.dir, UID: s.uid, GID: s.uid})
	out := shown{code: r.Code}
	for line := range strings.Lines(r.Stderr) {
		line = strings.TrimSuffix(line, "\n")
		if m := warningLine.FindStringSubmatch(line); m != nil {
			out.warnings = append(out.warnings, m[1])
		} else if out.err == "" {
			out.err = line
		} else {
			out.err += "\n" + line
		}
	}
	if r.Code != 0 {
		return out
	}
	var all map[string]struct{ Value json.RawMessage }
	dec := json.NewDecoder(strings.NewReader(r.Stdout))
	if err := dec.Decode(&all); err != nil {
		t.Fatalf("%q printed no JSON: %v\n%s", args, err, r.Stdout)
	}
	out.values = map[string]json.RawMessage{}
	for name, v := range all {
		out.values[name] = v.Value
	}
	return out
}

// load resolves the same with this package. Flags are triples of --option, then others.
func load(nix realnix.Nix, s setup, flags ...string) *nixconf.Config {
	env := environment(nix, s)
	env.Offline = slices.Contains(flags, "--offline")
	c := nixconf.Load(rootFiles{nix.Root, s.uid}, env, nix.Version)
	if c.Fatal != nil {
		return c
	}
	for i := 0; i+2 < len(flags) && flags[i] == "--option"; i += 3 {
		if d := c.Apply(nixconf.Origin{Layer: nixconf.LayerFlag}, flags[i+1], flags[i+2]); d != nil {
			if d.Severity == nixconf.SeverityFatal {
				c.Fatal = d
				return c
			}
			c.Warnings = append(c.Warnings, *d)
		}
	}
	c.Apply(nixconf.Origin{Layer: nixconf.LayerFlag}, "extra-experimental-features", "nix-command")
	return c
}

// environment is what the host's part of the program would find out.
func environment(nix realnix.Nix, s setup) nixconf.Environment {
	env := nixconf.Environment{
		Lookup: func(key string) (string, bool) {
			for _, e := range slices.Backward(s.env) {
				if v, ok := strings.CutPrefix(e, key+"="); ok {
					return v, true
				}
			}
			return "", false
		},
		Home:           s.home,
		Dir:            s.dir,
		System:         "x86_64-linux",
		CPUs:           runtime.NumCPU(),
		Root:           s.uid == 0,
		NixPath:        "/usr/bin/nix",
		ExtraPlatforms: hostPlatforms[nix.Short],
		KVM:            hostKVM(nix, s.uid),
	}
	if nix.Short != "2.8" {
		env.SandboxShell = "/usr/bin/bash-static"
	}
	return env
}

var hostCPUs = strconv.Itoa(runtime.NumCPU())

// hostPlatforms is filled from each real Nix once: which x86-64 levels a
// processor has is found by libcpuid, not by configuration.
var hostPlatforms = map[string][]string{}

func learnHost(t testing.TB, nix realnix.Nix) {
	var list []string
	got := show(t, nix, setup{env: []string{"HOME=/root"}})
	if err := json.Unmarshal(got.values["extra-platforms"], &list); err != nil {
		t.Fatalf("extra-platforms: %v in %+v", err, got)
	}
	hostPlatforms[nix.Short] = list
}

func hostKVM(nix realnix.Nix, uid uint32) bool {
	st, err := os.Stat(nix.Root + "/dev/kvm")
	return err == nil && (uid == 0 || st.Mode().Perm()&6 == 6)
}

// difference compares the two, "" when they agree.
func difference(want shown, got *nixconf.Config, files rootFiles, s setup) string {
	var b bytes.Buffer
	if want.code != 0 || got.Fatal != nil {
		switch {
		case got.Fatal == nil:
			return "Nix fails and Load does not: " + want.err
		case want.code == 0:
			return "Load fails and Nix does not: " + got.Fatal.Message
		case !strings.Contains(plain(want.err), plain(got.Fatal.Message)):
			return "Nix says:  " + plain(want.err) + "\nLoad says: " + plain(got.Fatal.Message)
		}
		return wrongLine(want.err, got.Fatal, files, s)
	}
	for name, v := range want.values {
		g := got.Get(name)
		if g == nil {
			b.WriteString(name + " is not known\n")
		} else if !bytes.Equal(g.JSON, v) {
			b.WriteString(name + ": Nix " + string(v) + ", Load " + string(g.JSON) + "\n")
		}
	}
	for _, g := range got.All() {
		if _, ok := want.values[g.Setting.Name]; !ok {
			b.WriteString(g.Setting.Name + " is not in Nix\n")
		}
	}
	var warned []string
	for _, w := range got.Warnings {
		if w.Severity == nixconf.SeverityWarning {
			warned = append(warned, plain(w.Message))
		}
	}
	var should []string
	for _, w := range want.warnings {
		if !strings.HasPrefix(w, "dubious URI query") {
			should = append(should, plain(w))
		}
	}
	// Nix warns once of an unknown name, however often and wherever it stands.
	slices.Sort(warned)
	slices.Sort(should)
	warned = slices.CompactFunc(warned, func(a, b string) bool { return a == b && strings.HasPrefix(a, "unknown setting") })
	if !slices.Equal(warned, should) {
		b.WriteString("Nix warns " + strings.Join(should, " | ") + "\nLoad warns " + strings.Join(warned, " | ") + "\n")
	}
	return b.String()
}

// wrongLine checks that the line an error points at is the one Nix means, as far
// as its message tells: for a syntax error it quotes the line, for a bad value
// it names the setting or the value.
func wrongLine(said string, d *nixconf.Diagnostic, files rootFiles, s setup) string {
	if d.Pos.Line == 0 {
		if d.Kind == "syntax" || d.Kind == "include-missing" {
			return "no line is named for: " + said
		}
		return ""
	}
	text, err := []byte(nil), error(nil)
	if d.Pos.File == "NIX_CONFIG" {
		for _, e := range s.env {
			if v, ok := strings.CutPrefix(e, "NIX_CONFIG="); ok {
				text = []byte(v)
			}
		}
	} else {
		name := d.Pos.File
		if !filepath.IsAbs(name) {
			name = filepath.Join(s.dir, name)
		}
		text, err = files.ReadFile(name)
	}
	if err != nil {
		return "the file of the error cannot be read: " + err.Error()
	}
	for line := range nixconf.Parse(d.Pos.File, text).Lines() {
		if line.Number != d.Pos.Line {
			continue
		}
		switch d.Kind {
		case "syntax":
			if strings.Contains(said, "configuration line") && !strings.Contains(plain(said), plain("'"+line.Text+"'")) {
				return "line " + d.Pos.String() + " is not the one of: " + said
			}
		case "bad-value":
			name := strings.TrimPrefix(line.Tokens[0].Text, "extra-")
			set, _, _ := nixconf.Lookup(name)
			for _, t := range line.Tokens[2:] {
				if strings.Contains(plain(said), plain(t.Text)) {
					return ""
				}
			}
			if set == nil || !strings.Contains(said, "'"+set.Name+"'") {
				return "line " + d.Pos.String() + " is not the one of: " + said
			}
		case "include-missing":
			if base := filepath.Base(line.Tokens[1].Text); !strings.Contains(said, base) {
				return "line " + d.Pos.String() + " is not the one of: " + said
			}
		}
		return ""
	}
	return "there is no line " + d.Pos.String()
}

// plain is a message without what Nix's terminal filter changes: blanks and
// control characters.
func plain(s string) string {
	s = colour.ReplaceAllString(s, "")
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\n' {
			return ' '
		}
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func TestDefaultsAreThoseOfRealNix(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		learnHost(t, nix)
		for _, uid := range []uint32{0, 1000} {
			s := setup{env: []string{"HOME=/nowhere"}, uid: uid, home: "/nowhere"}
			if d := difference(show(t, nix, s), load(nix, s), rootFiles{nix.Root, uid}, s); d != "" {
				t.Errorf("uid %d:\n%s", uid, d)
			}
		}
	})
}
