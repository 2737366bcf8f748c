package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
)

const (
	applyKey  = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	applyText = `{"version": 1, "operations": [{"do": "allow", "caches": ["https://cache.example"], "keys": ["` + applyKey + `"]}]}`
)

// adminAt is an administrator of a machine whose files are all in one folder.
func adminAt(dir string, v nixconf.Version) administrator {
	return administrator{
		journal: ledger.Journal{Dir: dir + "/state"}, callers: []uint32{uint32(os.Geteuid())},
		system: func(context.Context) (operation.System, error) {
			s := operation.System{
				Conf: dir + "/etc/nix.conf", Home: dir + "/nohome", Version: v, Files: host.Under("/"), Read: ledger.Read, Owned: host.Real("").Bare().Owned,
				Answers: trust.AnswersSource{Path: dir + "/answers.json"}, Grants: grants.Source{Path: dir + "/grants.toml"}, Now: time.Now(),
			}
			s.Platform.Restart = "systemctl restart nix-daemon.service"
			var err error
			if s.Answers.State, err = ledger.Read(s.Answers.Path); err == nil {
				s.Grants.State, err = ledger.Read(s.Grants.Path)
			}
			return s, err
		},
	}
}

// applied runs apply on a made-up machine and returns what it printed and its
// exit code.
func applied(adm administrator, file, typed string, f applyFlags) (out string, code int) {
	var said bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(typed), out: &said, err: &said, terminal: typed != ""}, plain: true}
	err := a.carryOutOperations(context.Background(), adm, file, f)
	var p *problem
	if errors.As(err, &p) {
		a.complain(p)
		return said.String(), p.code
	}
	return said.String(), exitOK
}

func putFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var latest = nixconf.Version{Major: 2, Minor: 34}

func TestApplyMakesTheChangeThatWasLookedAtAndNoOther(t *testing.T) {
	dir := t.TempDir()
	conf, file := dir+"/etc/nix.conf", dir+"/change.json"
	putFile(t, conf, "cores = 1", 0o640)
	putFile(t, file, applyText, 0o600)
	adm := adminAt(dir, latest)

	out, code := applied(adm, file, "", applyFlags{consentFlags: consentFlags{dryRun: true}})
	_, digest, ok := strings.Cut(out, "Digest: ")
	if digest = strings.TrimSpace(digest); code != exitOK || !ok || len(digest) != 64 || content(t, conf) != "cores = 1" {
		t.Fatalf("%d %s", code, out)
	}
	for _, want := range []string{"+extra-trusted-substituters = https://cache.example/", "systemctl restart nix-daemon.service", "Whatever is signed with"} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q: %s", want, out)
		}
	}
	yes := func(digest string) applyFlags {
		return applyFlags{consentFlags: consentFlags{yes: true}, digest: digest}
	}
	for what, c := range map[string]struct {
		typed string
		flags applyFlags
		code  int
	}{
		"--yes alone":         {"", yes(""), exitUsage},
		"another digest":      {"", yes(strings.Repeat("0", 64)), exitFindings},
		"nobody to ask":       {"", applyFlags{}, exitFindings},
		"only the digest":     {"", applyFlags{digest: digest}, exitFindings},
		"a y":                 {"y\n", applyFlags{}, exitFindings},
		"a yes":               {"yes\n", applyFlags{}, exitFindings},
		"another host":        {"cache.examples\n", applyFlags{}, exitFindings},
		"nothing typed":       {"\n", applyFlags{}, exitFindings},
		"not on a second try": {"y\ncache.example\n", applyFlags{}, exitFindings},
	} {
		if out, code := applied(adm, file, c.typed, c.flags); code != c.code || content(t, conf) != "cores = 1" {
			t.Errorf("%s: %d\n%s", what, code, out)
		}
	}
	if _, err := os.Stat(dir + "/state"); err == nil {
		t.Error("a refused change left a journal")
	}
	// The file moved on: the digest is of another change.
	putFile(t, conf, "cores = 2\n", 0o644)
	if out, code := applied(adm, file, "", yes(digest)); code != exitFindings || content(t, conf) != "cores = 2\n" {
		t.Errorf("%d %s", code, out)
	}
	putFile(t, conf, "cores = 1", 0o640)
	if out, code := applied(adm, file, "", yes(digest)); code != exitOK || !strings.Contains(out, "sudo nix-trust undo 1") {
		t.Fatalf("%d %s", code, out)
	}
	const want = "cores = 1\nextra-trusted-substituters = https://cache.example/\nextra-trusted-public-keys = " + applyKey + "\n"
	if got := content(t, conf); got != want {
		t.Errorf("it is %q", got)
	}
	if info, err := os.Stat(conf); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	// Once more there is nothing to do, and undo restores every byte.
	if out, code := applied(adm, file, "", applyFlags{}); code != exitOK || !strings.Contains(out, "Nothing to change") {
		t.Errorf("%d %s", code, out)
	}
	p, err := adm.journal.Undo(0)
	if err != nil || p.Risk != trust.PlanNarrows || len(p.Commands) != 1 {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := adm.journal.Apply(context.Background(), p); err != nil || content(t, conf) != "cores = 1" {
		t.Errorf("%q %v", content(t, conf), err)
	}
	// On a terminal the host is typed.
	if out, code := applied(adm, file, "cache.example\n", applyFlags{}); code != exitOK || content(t, conf) != want {
		t.Errorf("%d %s", code, out)
	}
}

func TestApplyReadsNoFileThatSomebodyElseCouldHaveMade(t *testing.T) {
	dir := t.TempDir()
	good := dir + "/good.json"
	putFile(t, good, applyText, 0o600)
	putFile(t, dir+"/etc/nix.conf", "", 0o644)
	putFile(t, dir+"/group.json", applyText, 0o660)
	putFile(t, dir+"/all.json", applyText, 0o602)
	putFile(t, dir+"/huge.json", applyText+strings.Repeat(" ", operation.MaxBytes), 0o600)
	putFile(t, dir+"/wrong.json", "{\"version\": 1,\n\"run\": \"id\"}", 0o600)
	putFile(t, dir+"/control.json", "{\"version\":\x1b[31m 1}", 0o600)
	if err := errors.Join(os.Symlink(good, dir+"/link.json"), syscall.Mkfifo(dir+"/fifo.json", 0o600), os.Mkdir(dir+"/folder.json", 0o700)); err != nil {
		t.Fatal(err)
	}
	adm := adminAt(dir, latest)
	for name, want := range map[string]string{
		"group": "others may write it", "all": "others may write it", "huge": "it is larger than 256 KiB", "link": "it is a link", "fifo": "it is no regular file",
		"folder": "it is no regular file", "missing": "could not be read", "wrong": `wrong.json:2:1: "run" is no key that belongs here`, "control": "control.json:1:12: a control character",
	} {
		out, code := applied(adm, dir+"/"+name+".json", "", applyFlags{consentFlags: consentFlags{dryRun: true}})
		if code == exitOK || !strings.Contains(out, want) || strings.ContainsRune(out, 0x1b) {
			t.Errorf("%s: %d %q", name, code, out)
		}
	}
	adm.callers = []uint32{12345}
	if out, code := applied(adm, good, "", applyFlags{consentFlags: consentFlags{dryRun: true}}); code != exitFindings || !strings.Contains(out, "belongs to neither root nor") {
		t.Errorf("%d %s", code, out)
	}
}

// What the file says after it was read does not count.
func TestApplyReadsTheFileOnce(t *testing.T) {
	dir := t.TempDir()
	file, conf := dir+"/change.json", dir+"/etc/nix.conf"
	putFile(t, file, applyText, 0o600)
	putFile(t, conf, "", 0o644)
	adm := adminAt(dir, latest)
	inner := adm.system
	adm.system = func(ctx context.Context) (operation.System, error) {
		putFile(t, file, strings.ReplaceAll(applyText, "cache.example\"", "evil.example\""), 0o600)
		return inner(ctx)
	}
	if out, code := applied(adm, file, "cache.example\n", applyFlags{}); code != exitOK || strings.Contains(content(t, conf), "evil") {
		t.Errorf("%d %s\n%s", code, out, content(t, conf))
	}
}

// A nix.conf that is changed between looking and writing stays as it is.
func TestApplyWritesOverNothingItHasNotSeen(t *testing.T) {
	dir := t.TempDir()
	file, conf := dir+"/change.json", dir+"/etc/nix.conf"
	putFile(t, file, applyText, 0o600)
	putFile(t, conf, "cores = 1\n", 0o644)
	adm := adminAt(dir, latest)
	inner := adm.system
	adm.system = func(ctx context.Context) (operation.System, error) {
		s, err := inner(ctx)
		read := s.Read
		s.Read = func(path string) (trust.FileState, error) {
			state, err := read(path)
			putFile(t, conf, "cores = 2\n", 0o644)
			return state, err
		}
		return s, err
	}
	if out, code := applied(adm, file, "cache.example\n", applyFlags{}); code != exitFindings || content(t, conf) != "cores = 2\n" {
		t.Errorf("%d %s\n%s", code, out, content(t, conf))
	}
}

func TestApplyWithoutRootOnlyLooks(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir+"/change.json", applyText, 0o600)
	putFile(t, dir+"/etc/nix.conf", "", 0o644)
	adm := adminAt(dir, latest)
	adm.mayNot = "only root may"
	if out, code := applied(adm, dir+"/change.json", "cache.example\n", applyFlags{}); code != exitFindings || content(t, dir+"/etc/nix.conf") != "" {
		t.Errorf("%d %s", code, out)
	}
	if out, code := applied(adm, dir+"/change.json", "", applyFlags{consentFlags: consentFlags{dryRun: true}}); code != exitOK {
		t.Errorf("%d %s", code, out)
	}
}

// The caller's variables lead root nowhere: the plan is the same with and
// without them.
func TestNoVariableOfTheCallerMovesWhatRootWrites(t *testing.T) {
	plan := func() (string, []string) {
		s, err := thisSystem(context.Background())
		if err != nil {
			t.Skip(err) // a machine without a root
		}
		ops, err := operation.Parse("f", []byte(applyText))
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Plan(ops)
		d := p.Digest()
		return hex.EncodeToString(d[:]) + errText(err), []string{s.Conf, s.Home, s.Answers.Path, s.Grants.Path}
	}
	digest, places := plan()
	evil := t.TempDir()
	putFile(t, evil+"/nix.conf", "trusted-users = *\n", 0o644)
	for _, name := range []string{
		"NIX_CONF_DIR", "NIX_USER_CONF_FILES", "NIX_STATE_DIR", "NIX_STORE_DIR", "NIX_REMOTE", "NIX_DAEMON_SOCKET_PATH", "NIX_CONFIG_HOME", "NIX_DATA_HOME",
		"HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_STATE_HOME", "NIX_TRUST_STATE_DIR", "NIX_TRUST_CONFIG_DIR", "PATH", "USER", "LOGNAME", "SUDO_USER",
	} {
		t.Setenv(name, evil)
	}
	t.Setenv("NIX_CONFIG", "trusted-substituters = https://cache.example/")
	again, now := plan()
	if again != digest || strings.Join(now, " ") != strings.Join(places, " ") {
		t.Errorf("%s %q became %s %q", digest, places, again, now)
	}
	adm, err := (&app{}).administrator()
	if err != nil || adm.journal.Dir != "/var/lib/nix-trust" {
		t.Errorf("the journal is in %s, %v", adm.journal.Dir, err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
