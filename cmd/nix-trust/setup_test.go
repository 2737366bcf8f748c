package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/operation"
	"github.com/nix-trust/nix-trust/trust/setup"
)

// setupAt runs setup of a user whose things are all in one folder.
func setupAt(t *testing.T, dir, typed string, args ...string) (out string, code int) {
	t.Helper()
	for name, sub := range map[string]string{"HOME": "home", "NIX_TRUST_STATE_DIR": "state", "NIX_TRUST_CONFIG_DIR": "config", "NIX_CONF_DIR": "etc", "NIX_STATE_DIR": "var", "NIX_DAEMON_SOCKET_PATH": "var/socket", "XDG_CONFIG_HOME": "home/.config"} {
		t.Setenv(name, filepath.Join(dir, sub))
	}
	var said bytes.Buffer
	code = run(context.Background(), append([]string{"setup", "--plain"}, args...),
		streams{in: iotest.OneByteReader(strings.NewReader(typed)), out: &said, err: &said, terminal: typed != ""})
	return said.String(), code
}

func TestSetupMakesNothingBeforeItWasAgreedTo(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		typed string
		args  []string
		code  int
	}{
		{"", nil, exitFindings}, {"n\n", nil, exitFindings}, {"", []string{"--dry-run"}, exitOK}, {"", []string{"--json"}, exitFindings},
		{"", []string{"--yes", "--check"}, exitUsage}, {"", []string{"--yes", "--delete-key"}, exitUsage}, {"", []string{"--yes", "--gate", "0.0.0.0:1"}, exitUsage},
		{"", []string{"--yes", "--remove", "--push-only"}, exitUsage}, {"", []string{"--yes", "--user", "mira"}, exitUsage}, {"", []string{"--yes", "--root", dir}, exitUsage},
		{"", []string{"--remove", "--yes"}, exitOK}, {"", []string{"--check"}, exitFindings},
	} {
		out, code := setupAt(t, dir, c.typed, c.args...)
		if files, _ := os.ReadDir(dir); code != c.code || len(files) > 0 {
			t.Fatalf("%q %q: %d, %v\n%s", c.typed, c.args, code, files, out)
		}
	}
	out, code := setupAt(t, dir, "y\n", "-o", dir+"/admin.json")
	if code != exitOK || !strings.Contains(out, setupMeans[0]+"\n") || !strings.Contains(out, setupMeans[1]+"\n") {
		t.Fatalf("%d %s", code, out)
	}
	key, err := gate.ReadKey(dir + "/state/gate.key")
	if err != nil {
		t.Fatal(err)
	}
	ops, err := operation.Parse("x", []byte(content(t, dir+"/admin.json")))
	if err != nil || len(ops) != 1 || ops[0].Do != operation.Allow || strings.Join(ops[0].Keys, " ") != key.String() || len(ops[0].Caches) != gate.Epochs || ops[0].Caches[7] != "http://127.0.0.1:8128/e7/" {
		t.Errorf("%v %v", ops, err)
	}
}

func TestSetupKeepsTheKeyThatIsThere(t *testing.T) {
	dir := t.TempDir()
	if out, code := setupAt(t, dir, "", "--yes", "--push-only"); code != exitOK || strings.Contains(out, "127.0.0.1") {
		t.Fatalf("%d %s", code, out)
	}
	file := dir + "/state/gate.key"
	was := content(t, file)
	if out, code := setupAt(t, dir, "", "--yes", "-o", dir+"/mine.json"); code != exitOK || content(t, file) != was || absent(dir+"/mine.json") {
		t.Fatalf("%d %s", code, out)
	}
	putFile(t, dir+"/state/gate.pub", "other-1:AAAA\n", 0o644)
	if out, code := setupAt(t, dir, "", "--yes"); code != exitOK || content(t, file) != was || !strings.HasPrefix(was, content(t, dir+"/state/gate.pub")[:20]) {
		t.Fatalf("%d %s", code, out)
	}
	for name, spoil := range map[string]func() error{
		"others may read it": func() error { return os.Chmod(file, 0o640) },
		"it is no key":       func() error { return os.WriteFile(file, []byte("secret-1:c2VjcmV0IHNlY3JldA==\n"), 0o600) },
		"it is a link":       func() error { os.Remove(file); return os.Symlink(dir+"/mine.json", file) },
		"it leads nowhere":   func() error { os.Remove(file); return os.Symlink(dir+"/nowhere", file) },
		"it is a folder":     func() error { os.Remove(file); return os.Mkdir(file, 0o700) },
	} {
		os.RemoveAll(file)
		putFile(t, file, was, 0o600)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(file)
		for _, args := range [][]string{{"--yes"}, {"--check"}, {"--dry-run"}} {
			out, code := setupAt(t, dir, "", args...)
			after, err := os.Lstat(file)
			if code != exitFindings || err != nil || after.Mode() != before.Mode() || !absent(dir+"/nowhere") || strings.Contains(out, "c2VjcmV0") {
				t.Errorf("%s, %q: %d %s", name, args, code, out)
			}
		}
	}
	os.RemoveAll(file)
	putFile(t, dir+"/text.json", "my notes\n", 0o644)
	if out, code := setupAt(t, dir, "", "--yes", "-o", dir+"/text.json"); code != exitFindings || content(t, dir+"/text.json") != "my notes\n" || !absent(file) {
		t.Errorf("%d %s", code, out)
	}
	// The key is not left behind when the rest cannot be done.
	if err := os.Remove(dir + "/state/gate.pub"); err != nil {
		t.Fatal(err)
	}
	if out, code := setupAt(t, dir, "", "--yes", "-o", dir+"/no/such/folder/x.json"); code == exitOK || !absent(file) {
		t.Errorf("%d %s", code, out)
	}
}

func TestTheKeyGoesWithTheWordYesAlone(t *testing.T) {
	dir := t.TempDir()
	if out, code := setupAt(t, dir, "", "--yes"); code != exitOK {
		t.Fatal(out)
	}
	file := dir + "/state/gate.key"
	for _, c := range []struct {
		typed string
		args  []string
	}{{"", []string{"--yes"}}, {"", []string{"--dry-run", "--delete-key"}}, {"", []string{"--dry-run", "--delete-key", "--yes"}}, {"\n", nil}, {"y\n", nil}, {"Yes\n", nil}, {"no\n", nil}} {
		if out, code := setupAt(t, dir, c.typed, append([]string{"--remove"}, c.args...)...); absent(file) || code != exitOK {
			t.Fatalf("%q %q: %d %s", c.typed, c.args, code, out)
		}
	}
	if out, code := setupAt(t, dir, "", "--remove", "--delete-key"); code != exitUsage || absent(file) {
		t.Errorf("%d %s", code, out)
	}
	out, code := setupAt(t, dir, "yes\n", "--remove")
	if code != exitOK || !absent(file) || !absent(dir+"/state/gate.pub") || strings.Index(out, stillBelieved) > strings.Index(out, "type yes") {
		t.Errorf("%d %s", code, out)
	}
	setupAt(t, dir, "", "--yes")
	if out, code := setupAt(t, dir, "", "--remove", "--yes", "--delete-key"); code != exitOK || !absent(file) || !strings.Contains(out, stillBelieved) {
		t.Errorf("%d %s", code, out)
	}
}

// A key that was lost is not taken for the new one, which has another name.
func TestANewKeyIsNotCalledAsOneThatIsBelieved(t *testing.T) {
	dir := t.TempDir()
	setupAt(t, dir, "", "--yes", "--push-only")
	old, err := gate.ReadKey(dir + "/state/gate.key")
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, dir+"/etc/nix.conf", "extra-trusted-public-keys = "+old.String()+"\n", 0o644)
	if err := os.RemoveAll(dir + "/state"); err != nil {
		t.Fatal(err)
	}
	out, code := setupAt(t, dir, "", "--yes", "--push-only")
	made, err := gate.ReadKey(dir + "/state/gate.key")
	if code != exitOK || err != nil || made.Public().Name == old.Public().Name || !strings.Contains(out, "An earlier key is believed still, "+old.String()) {
		t.Errorf("%d %v %s", code, err, out)
	}
}

// The text is that of the platform, to the letter, and nobody is told to edit a
// file that another program makes.
func TestSetupSaysWhatThePlatformTakes(t *testing.T) {
	key, err := bincache.ParsePublicKey(applyKey)
	if err != nil {
		t.Fatal(err)
	}
	urls := gateplace.OfMachine("").URLs()
	conf := "extra-trusted-substituters = " + strings.Join(urls, " ") + "\nextra-trusted-public-keys = " + applyKey
	modules := "nix.settings.trusted-substituters = [ \"" + strings.Join(urls, `" "`) + "\" ];\nnix.settings.trusted-public-keys = [ \"" + applyKey + "\" ];"
	for _, c := range []struct {
		platform  trust.Platform
		file, has string
		then      string
		apply     bool
	}{
		{trust.Platform{OS: trust.PlatformPlain, Restart: "restart it"}, "/etc/nix/nix.conf", conf, "restart it", true},
		{trust.Platform{OS: trust.PlatformDarwin, Restart: "restart it"}, "/etc/nix/nix.conf", conf, "restart it", true},
		{trust.Platform{OS: trust.PlatformDeterminate, Generated: true, Restart: "restart it"}, "/etc/nix/nix.custom.conf", conf, "restart it", true},
		{trust.Platform{OS: trust.PlatformNixOS, Generated: true, Restart: "restart it"}, "the NixOS configuration", modules, "sudo nixos-rebuild switch", false},
		{trust.Platform{OS: trust.PlatformNixDarwin, Generated: true, Restart: "restart it"}, "the nix-darwin configuration", modules, "sudo darwin-rebuild switch", false},
	} {
		dir := t.TempDir()
		t.Setenv("NIX_TRUST_CONFIG_DIR", dir)
		facts := &trust.Facts{Platform: c.platform, Nix: trust.Nix{Store: trust.StoreDaemon}, Daemon: trust.Daemon{State: trust.DaemonAnswered, Trust: trust.Untrusted}}
		j := &setupJob{app: &app{}, place: gateplace.Place{Dir: dir, Address: gateplace.Address}, owner: gateplace.Owner{Name: "mira"}, Machine: setup.Machine{Facts: facts, Report: trust.Decide(facts)}}
		p, err := j.planUser(gateplace.Key{Place: j.place, Owner: j.owner, Public: key})
		if err != nil {
			t.Fatal(err)
		}
		var text, then, apply bool
		for _, f := range p.Commands {
			text = text || f.File == c.file && f.Command == c.has
			then = then || f.Command == c.then
			apply = apply || f.Command == "sudo nix-trust apply "+dir+"/gate-setup.json"
			if strings.Contains(f.Command, "trusted-users") || strings.Contains(f.Command, "require-sigs") {
				t.Error(f.Command)
			}
		}
		if !text || !then || apply != c.apply || p.Risk != trust.PlanNeutral {
			t.Errorf("%v: %+v", c.platform.OS, p.Commands)
		}
	}
}

func TestSetupWritesOverNothingElse(t *testing.T) {
	key, err := gate.NewKey("k-1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j := &setupJob{app: &app{}, place: gateplace.Place{System: true, Dir: dir}}
	other := filepath.Join(t.TempDir(), "ld.so.preload")
	if err := errors.Join(os.WriteFile(other, []byte("root's\n"), 0o644), os.Symlink(other, j.place.PublicFile())); err != nil {
		t.Fatal(err)
	}
	var p trust.Plan
	if err := j.publish(&p, gateplace.Key{Public: key.Public()}); err == nil || len(p.Steps) != 0 {
		t.Errorf("%v: %+v", err, p.Steps)
	}
	os.Remove(j.place.PublicFile())
	if err := j.publish(&p, gateplace.Key{Public: key.Public()}); err != nil || len(p.Steps) != 1 {
		t.Errorf("%v: %+v", err, p.Steps)
	}
}
