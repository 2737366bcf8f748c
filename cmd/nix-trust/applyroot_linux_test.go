package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A small is a system whose root folder has little more than the program.
type small struct {
	dir string
	uid uint32
	env []string
}

// run runs the program in the system, as sudo would when it keeps every variable.
func (s small) run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command("/nix-trust", args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.dir, Credential: &syscall.Credential{Uid: s.uid, Gid: s.uid}}
	cmd.Env = s.env
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return both.String(), cmd.ProcessState.ExitCode()
}

// smallSystem makes one, with a user whose variables lead elsewhere.
func smallSystem(t *testing.T, program string) small {
	t.Helper()
	s := small{dir: t.TempDir()}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	putFile(t, s.dir+"/nix-trust", string(data), 0o755)
	putFile(t, s.dir+"/etc/passwd", "root:x:0:0::/root:/bin/sh\nmira:x:1000:1000::/home/mira:/bin/sh\n", 0o644)
	putFile(t, s.dir+"/etc/nix/nix.conf", "cores = 1\n", 0o644)
	putFile(t, s.dir+"/change.json", applyText, 0o600)
	for _, dir := range []string{"/root", "/tmp", "/var/lib", "/evil/nix"} {
		if err := os.MkdirAll(s.dir+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	putFile(t, s.dir+"/evil/nix.conf", "cores = 2\n", 0o644)
	for _, name := range []string{"NIX_CONF_DIR", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "NIX_TRUST_STATE_DIR", "NIX_TRUST_CONFIG_DIR", "NIX_STORE_DIR", "PATH"} {
		s.env = append(s.env, name+"=/evil")
	}
	return s
}

func (s small) digest(t *testing.T, file string) string {
	t.Helper()
	out, code := s.run(t, "apply", file, "--dry-run", "--json")
	var got planResultJSON
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK || got.Applied {
		t.Fatalf("%d %s", code, out)
	}
	return got.Plan.Digest
}

// The whole program as root, on a system of its own.
func TestApplyAsRootChangesTheMachinesOwnFilesAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can change its root folder")
	}
	program := buildProgram(t)
	const after = "cores = 1\nextra-trusted-substituters = https://cache.example/\nextra-trusted-public-keys = " + applyKey + "\n"

	t.Run("apply and undo", func(t *testing.T) {
		s := smallSystem(t, program)
		conf := s.dir + "/etc/nix/nix.conf"
		if out, code := s.run(t, "apply", "/change.json", "--yes", "--digest", s.digest(t, "/change.json")); code != exitOK || content(t, conf) != after {
			t.Fatalf("%d %s\n%s", code, out, content(t, conf))
		}
		if info, err := os.Stat(s.dir + "/var/lib/nix-trust/journal.jsonl"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the journal: %v %v", info, err)
		}
		if got := content(t, s.dir+"/evil/nix.conf"); got != "cores = 2\n" {
			t.Errorf("the caller's file became %q", got)
		}
		if found, _ := filepath.Glob(s.dir + "/evil/*"); len(found) != 2 {
			t.Errorf("something was written where the caller's variables lead: %q", found)
		}
		s.env = []string{"HOME=/root"}
		if out, code := s.run(t, "undo", "--yes"); code != exitOK || content(t, conf) != "cores = 1\n" {
			t.Errorf("%d %s\n%s", code, out, content(t, conf))
		}
	})
	t.Run("whose file it is", func(t *testing.T) {
		s := smallSystem(t, program)
		if err := os.Chown(s.dir+"/change.json", 1000, 1000); err != nil {
			t.Fatal(err)
		}
		if out, code := s.run(t, "apply", "/change.json", "--dry-run"); code != exitFindings || !strings.Contains(out, "belongs to neither root nor") {
			t.Errorf("%d %s", code, out)
		}
		s.env = append(s.env, "SUDO_UID=1000")
		s.digest(t, "/change.json")
		s.uid = 1000
		digest := s.digest(t, "/change.json")
		if out, code := s.run(t, "apply", "/change.json", "--yes", "--digest", digest); code != exitFindings || !strings.Contains(out, "only root may") {
			t.Errorf("%d %s", code, out)
		}
		// Root's plan is the one that the user looked at.
		s.uid = 0
		if out, code := s.run(t, "apply", "/change.json", "--yes", "--digest", digest); code != exitOK || content(t, s.dir+"/etc/nix/nix.conf") != after {
			t.Errorf("%d %s", code, out)
		}
	})
	t.Run("what cannot be read", func(t *testing.T) {
		s := smallSystem(t, program)
		putFile(t, s.dir+"/etc/nix/nix.conf", "!include secret\n", 0o644)
		putFile(t, s.dir+"/etc/nix/secret", "cores = 1\n", 0o600)
		if err := os.Chown(s.dir+"/change.json", 1000, 1000); err != nil {
			t.Fatal(err)
		}
		s.uid = 1000
		if out, code := s.run(t, "apply", "/change.json", "--dry-run"); code != exitUnknown || !strings.Contains(out, "secret") {
			t.Errorf("%d %s", code, out)
		}
	})
	t.Run("NixOS", func(t *testing.T) {
		s := smallSystem(t, program)
		const made = "/nix/store/2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-nix.conf"
		putFile(t, s.dir+made, "cores = 1\n", 0o644)
		putFile(t, s.dir+"/etc/NIXOS", "", 0o644)
		if err := errors.Join(os.Remove(s.dir+"/etc/nix/nix.conf"), os.Symlink(made, s.dir+"/etc/nix/nix.conf")); err != nil {
			t.Fatal(err)
		}
		out, code := s.run(t, "apply", "/change.json", "--yes", "--digest", s.digest(t, "/change.json"))
		if code != exitFindings || !strings.Contains(out, `nix.settings.trusted-substituters = [ "https://cache.example/" ];`) || !strings.Contains(out, "nixos-rebuild switch") {
			t.Errorf("%d %s", code, out)
		}
		if got := content(t, s.dir+made); got != "cores = 1\n" {
			t.Errorf("it became %q", got)
		}
	})
	t.Run("answers and grants", func(t *testing.T) {
		s := smallSystem(t, program)
		const saved = `{"extra-substituters":{"https://cache.example":true,"https://b.example":true}}`
		answers := s.dir + "/root/.local/share/nix/trusted-settings.json"
		putFile(t, answers, saved, 0o600)
		putFile(t, s.dir+"/evil/nix/trusted-settings.json", saved, 0o600)
		putFile(t, s.dir+"/change.json", `{"version": 1, "operations": [{"do": "forget", "caches": ["https://cache.example/"]}, {"do": "deny", "flake": "github:o/r"}]}`, 0o600)
		out, code := s.run(t, "apply", "/change.json", "--yes", "--digest", s.digest(t, "/change.json"))
		if code != exitOK || content(t, answers) != `{"extra-substituters":{"https://b.example":true}}` || content(t, s.dir+"/evil/nix/trusted-settings.json") != saved {
			t.Errorf("%d %s\n%s", code, out, content(t, answers))
		}
		if got := content(t, s.dir+"/etc/nix-trust/grants.toml"); !strings.Contains(got, `flake = "github:o/r"`) {
			t.Errorf("%q", got)
		}
	})
}
