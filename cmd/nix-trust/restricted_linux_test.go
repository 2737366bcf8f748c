package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// The user's nix.conf sets every setting there is, to its default. What the
// daemon then says it drops has to be what doctor says it drops.
func TestRestrictedSettingsAreThoseTheDaemonDrops(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		m := newMatrix(t, nix, bin)
		uid, gid := m.id(t, "alice")
		dir := m.inside + "/r"
		m.write(t, "r/etc/nix.conf", "experimental-features = nix-command flakes\nbuild-users-group =\nsubstituters =\ntrusted-users = root\n")
		chown(t, m.outside+"/r/home", uid, gid)
		common := []string{
			"NIX_STORE_DIR=" + m.inside + "/store", "NIX_STATE_DIR=" + m.inside + "/state", "NIX_LOG_DIR=" + m.inside + "/log",
			"NIX_CONF_DIR=" + dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + dir + "/socket",
		}
		stop := m.daemon(t, dir, common)
		defer stop()
		env := append([]string{"HOME=" + dir + "/home", "NIX_REMOTE=daemon"}, common...)
		user := func(args ...string) realnix.Result {
			return nix.Run(t, realnix.Cmd{Args: args, Env: env, Dir: dir, UID: uid, GID: gid})
		}
		var cfg configJSON
		decode(t, user(m.inside+"/nix-trust", "config", "--json").Stdout, &cfg)
		var conf strings.Builder
		for name, s := range cfg.Settings {
			switch name {
			case "store", "plugin-files", "experimental-features", "nix-path", "accept-flake-config", "log-lines", "log-format", "external-builders":
				continue
			}
			if line, ok := confLine(name, s.Value); ok {
				conf.WriteString(line)
			}
		}
		m.write(t, "r/home/.config/nix/nix.conf", conf.String())

		var doctor doctorJSON
		decode(t, user(m.inside+"/nix-trust", "doctor", "--json").Stdout, &doctor)
		var said []string
		for _, f := range doctor.Findings {
			if f.Code == "setting-restricted" || f.Code == "setting-ineffective" && f.Subject == "require-sigs" {
				said = append(said, f.Subject)
			}
		}
		slices.Sort(said)
		did := user("nix", "--extra-experimental-features", "nix-command", "store", "ping", "--debug")
		var dropped []string
		for name := range matches(restricted, colours.ReplaceAllString(did.Stderr, "")) {
			if name == "trusted-users" || name == "allowed-users" {
				continue // said to have no effect: the daemon reads them when it starts
			}
			dropped = append(dropped, name)
		}
		slices.Sort(dropped)
		if len(dropped) < 40 {
			t.Fatalf("the daemon drops only %d settings: %s", len(dropped), did.Stderr)
		}
		if !slices.Equal(said, dropped) {
			t.Errorf("said and not dropped: %v\ndropped and not said: %v", minus(said, dropped), minus(dropped, said))
		}
	})
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// confLine writes a setting's JSON value as a line of nix.conf.
func confLine(name string, value json.RawMessage) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || v == nil {
		return "", false
	}
	switch v := v.(type) {
	case []any:
		words := make([]string, len(v))
		for i, w := range v {
			words[i] = fmt.Sprint(w)
		}
		return name + " = " + strings.Join(words, " ") + "\n", true
	case map[string]any:
		return name + " =\n", true
	}
	return fmt.Sprintf("%s = %v\n", name, v), true
}
