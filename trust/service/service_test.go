package service

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust"
)

func machine(m Manager) Service {
	return Service{Manager: m, System: true, Program: "/usr/local/bin/nix-trust", Address: "127.0.0.1:8128", Dir: "/var/lib/nix-trust-gate"}
}

func person(m Manager) Service {
	return Service{Manager: m, Program: "/usr/bin/nix-trust", Address: "[::1]:8128", Home: "/home/mira", Dir: "/home/mira/.local/state/nix-trust"}
}

// unitKeys are the keys of systemd's manual that the units may have, by section.
var unitKeys = map[string]string{
	"Unit":    " Description Requires After ",
	"Socket":  " ListenStream NoDelay IPAddressDeny IPAddressAllow ",
	"Install": " WantedBy ",
	"Service": " Type ExecStart ExecReload Restart RestartSec UMask LimitNOFILE MemoryMax TasksMax NoNewPrivileges LockPersonality" +
		" MemoryDenyWriteExecute RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID SystemCallArchitectures" +
		" SystemCallFilter SystemCallErrorNumber User Group StateDirectory StateDirectoryMode RuntimeDirectory RuntimeDirectoryMode" +
		" CapabilityBoundingSet AmbientCapabilities ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateMounts PrivateUsers ProtectClock" +
		" ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProcSubset RemoveIPC ",
}

// readUnit reads a unit more strictly than systemd does: a line that systemd
// would ignore, a key in the wrong section, or one that comes twice fails.
func readUnit(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	section := ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, isPair := strings.Cut(line, "=")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			if section = line[1 : len(line)-1]; unitKeys[section] == "" {
				t.Errorf("line %d: there is no section %s", i+1, section)
			}
		case !isPair || section == "" || !strings.Contains(unitKeys[section], " "+key+" ") || strings.TrimSpace(value) != value || strings.ContainsAny(value, "%\\\"'"):
			t.Errorf("line %d: %q is nothing that belongs into [%s]", i+1, line, section)
		default:
			name := section + "." + key
			if _, twice := out[name]; twice {
				if key != "SystemCallFilter" {
					t.Errorf("line %d: %s comes twice", i+1, name)
				}
				value = out[name] + " | " + value
			}
			out[name] = value
		}
	}
	return out
}

func fileOf(t *testing.T, s Service, end string) File {
	t.Helper()
	for _, f := range s.Files() {
		if strings.HasSuffix(f.Path, end) {
			return f
		}
	}
	t.Fatalf("there is no file %s", end)
	return File{}
}

// What systemd-analyze verify takes without a word, and security calls an
// exposure of 1.0 of 10.
func TestTheMachinesGateHasTheRightsThatItNeedsAndNoOthers(t *testing.T) {
	f := fileOf(t, machine(Systemd), ".service")
	got := readUnit(t, f.Text)
	for key, want := range map[string]string{
		"ExecStart": "/usr/local/bin/nix-trust gate --system", "Type": "notify", "User": "nix-trust-gate", "Group": "nix-trust-gate",
		"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
		"PrivateDevices": "yes", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectControlGroups": "yes", "RestrictNamespaces": "yes",
		"RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes",
		"SystemCallArchitectures": "native", "SystemCallFilter": "@system-service | ~@privileged @resources", "UMask": "0077", "MemoryMax": "512M",
		"StateDirectory": "nix-trust-gate", "StateDirectoryMode": "0711", "RuntimeDirectory": "nix-trust-gate", "RuntimeDirectoryMode": "0755",
	} {
		if value, ok := got["Service."+key]; !ok || value != want {
			t.Errorf("%s=%s, want %s", key, value, want)
		}
	}
	if f.Path != "/etc/systemd/system/nix-trust-gate.service" || got["Unit.Requires"] != "nix-trust-gate.socket" {
		t.Error(f.Path, got)
	}
	if conf := fileOf(t, machine(Systemd), ".conf"); conf.Path != "/etc/sysusers.d/nix-trust-gate.conf" || !strings.HasSuffix(conf.Text, "\nu nix-trust-gate - \"The gate of nix-trust\" /var/lib/nix-trust-gate\n") {
		t.Error(conf)
	}
}

func TestTheManagerListensOnTheLoopbackAlone(t *testing.T) {
	f := fileOf(t, machine(Systemd), ".socket")
	got := readUnit(t, f.Text)
	if got["Socket.ListenStream"] != "127.0.0.1:8128" || got["Socket.IPAddressDeny"] != "any" || got["Socket.IPAddressAllow"] != "localhost" || got["Install.WantedBy"] != "sockets.target" {
		t.Error(got)
	}
}

// A user's manager refuses to start what asks for rights that it cannot give.
func TestAUsersUnitsAskForNothingThatTheirManagerCannotDo(t *testing.T) {
	s := person(Systemd)
	f := fileOf(t, s, ".service")
	got := readUnit(t, f.Text)
	for _, key := range []string{"User", "Group", "ProtectSystem", "PrivateTmp", "PrivateUsers", "CapabilityBoundingSet", "StateDirectory"} {
		if value, ok := got["Service."+key]; ok {
			t.Errorf("%s=%s", key, value)
		}
	}
	if got["Service.ExecStart"] != "/usr/bin/nix-trust gate" || got["Service.NoNewPrivileges"] != "yes" || f.Path != "/home/mira/.config/systemd/user/nix-trust-gate.service" || len(s.Files()) != 2 {
		t.Error(got, f.Path)
	}
	if got := readUnit(t, fileOf(t, s, ".socket").Text); got["Socket.ListenStream"] != "[::1]:8128" {
		t.Error(got)
	}
}

func TestThePropertyListIsOneAndSaysHowTheGateIsRun(t *testing.T) {
	for _, s := range []Service{machine(Launchd), person(Launchd)} {
		f := s.Files()[0]
		got := readPropertyList(t, f.Text)
		command := s.Program + " gate --listen " + s.Address
		want := "/home/mira/Library/LaunchAgents/org.nix-trust.gate.plist"
		if s.System {
			command = s.Program + " gate --system --listen " + s.Address
			want = "/Library/LaunchDaemons/org.nix-trust.gate.plist"
		}
		if got["ProgramArguments"] != "array "+command || got["Label"] != "string org.nix-trust.gate" || got["Umask"] != "integer 63" || got["KeepAlive"] != "true " || f.Path != want {
			t.Error(got, f.Path)
		}
		if user := got["UserName"]; s.System != (user == "string nix-trust-gate") || !s.System && user != "" {
			t.Errorf("system %t: %q", s.System, user)
		}
		if MadeBy([]byte(f.Text)) != Unchanged {
			t.Error("it is not known for ours")
		}
	}
}

// readPropertyList reads a dict of strings, lists of strings, numbers and bools.
func readPropertyList(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	d := xml.NewDecoder(strings.NewReader(text))
	var open []string
	key, value := "", ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch v := token.(type) {
		case xml.StartElement:
			open = append(open, v.Name.Local)
			if len(open) == 3 && v.Name.Local != "key" {
				value = v.Name.Local + " "
			}
		case xml.CharData:
			switch at := strings.Join(open, "/"); {
			case at == "plist/dict/key":
				key = string(v)
			case at == "plist/dict/array/string":
				value += string(v) + " "
			case strings.HasPrefix(at, "plist/dict/") && len(open) == 3 && open[2] != "array":
				value += string(v)
			case strings.TrimSpace(string(v)) != "":
				t.Errorf("%q in %s", v, at)
			}
		case xml.EndElement:
			if len(open) == 3 && v.Name.Local != "key" {
				if _, twice := out[key]; twice || key == "" {
					t.Errorf("%s comes twice", key)
				}
				out[key] = strings.TrimSuffix(value, " ")
				if value == "true " || value == "false " {
					out[key] = value
				}
			}
			open = open[:len(open)-1]
		}
	}
	return out
}

func TestWhatWouldMeanSomethingElseInAUnitIsRefused(t *testing.T) {
	read := func(string) (trust.FileState, error) { return trust.FileState{}, nil }
	for _, m := range []Manager{Systemd, Launchd, NixOS, NixDarwin} {
		if _, err := PlanInstall(machine(m), read); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		for _, bad := range []string{"", "nix-trust", "/a b", "/a%h", "/a$HOME", "/a\"b", "/a'b", "/a\\b", "/a\nUser=root", "/a/../b", "/a<b", "/a&b", "/a;b", "/a#b", "/${x}", "/ä"} {
			s := machine(m)
			s.Program = bad
			if _, err := PlanInstall(s, read); err == nil {
				t.Errorf("%s: the program %q is taken", m, bad)
			}
			s = person(m)
			s.Home = bad
			if _, err := PlanInstall(s, read); err == nil {
				t.Errorf("%s: the home %q is taken", m, bad)
			}
		}
		for _, bad := range []string{"", "0.0.0.0:8128", "8128", ":8128", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:http", "192.0.2.1:80", "localhost:80", "127.0.0.1:80\nListenStream=80"} {
			s := machine(m)
			s.Address = bad
			if _, err := PlanInstall(s, read); err == nil {
				t.Errorf("%s: the address %q is taken", m, bad)
			}
		}
	}
	if _, err := PlanInstall(machine("openrc"), read); err == nil {
		t.Error("an unknown manager is taken")
	}
}

// files are what a plan is made from and applied to.
type files map[string]string

func (f files) read(path string) (trust.FileState, error) {
	text, ok := f[path]
	return trust.FileState{Exists: ok, Data: []byte(text), Mode: 0o644}, nil
}

func (f files) apply(p trust.Plan) {
	for _, s := range p.Steps {
		if delete(f, s.Path); s.After.Exists {
			f[s.Path] = string(s.After.Data)
		}
	}
}

func TestUninstallTakesAwayExactlyWhatInstallWrote(t *testing.T) {
	for _, s := range []Service{machine(Systemd), person(Systemd), machine(Launchd), person(Launchd)} {
		f := files{"/etc/passwd": "root"}
		p, err := PlanInstall(s, f.read)
		if err != nil || len(p.Steps) != len(s.Files()) || len(p.Commands) == 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		f.apply(p)
		if p, err = PlanInstall(s, f.read); err != nil || !p.Empty() || !strings.Contains(p.Summary, "installed already") {
			t.Errorf("again: %+v, %v", p, err)
		}
		// Another program runs by now: what was installed is still known.
		other := s
		other.Program, other.Address = "/opt/nix-trust", "127.0.0.1:9000"
		if p, err = PlanUninstall(other, f.read); err != nil || len(p.Steps) != len(s.Files()) || len(p.Residual) != 3 || len(p.Commands) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		f.apply(p)
		if len(f) != 1 {
			t.Errorf("%v is left", f)
		}
		if p, err = PlanUninstall(s, f.read); err != nil || !p.Empty() || len(p.Commands) != 0 {
			t.Errorf("again: %+v, %v", p, err)
		}
	}
}

func TestWhatSomebodyChangedOrWroteStays(t *testing.T) {
	for _, s := range []Service{machine(Systemd), person(Launchd)} {
		f := files{}
		p, err := PlanInstall(s, f.read)
		if err != nil {
			t.Fatal(err)
		}
		f.apply(p)
		path := s.Files()[0].Path
		f[path] += "# a line of mine\n"
		p, err = PlanUninstall(s, f.read)
		if err != nil || len(p.Steps) != len(s.Files())-1 || !slices.ContainsFunc(p.Residual, func(r trust.Residual) bool { return r.Subject == path }) {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err = PlanInstall(s, f.read); err != nil || len(p.Steps) != 1 || !strings.Contains(strings.Join(p.Notes, " "), path+" was changed since") {
			t.Errorf("%+v, %v", p, err)
		}
		f[path] = "[Service]\n"
		if p, err = PlanUninstall(s, f.read); err != nil || len(p.Steps) != len(s.Files())-1 {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err = PlanInstall(s, f.read); err == nil || !strings.Contains(err.Error(), path+" is there, and nix-trust has not written it") {
			t.Error(err)
		}
	}
}

func TestAFileThatCannotBeReadStopsThePlan(t *testing.T) {
	bad := errors.New("no")
	read := func(string) (trust.FileState, error) { return trust.FileState{}, bad }
	_, err1 := PlanInstall(machine(Systemd), read)
	_, err2 := PlanUninstall(machine(Systemd), read)
	if !errors.Is(err1, bad) || !errors.Is(err2, bad) {
		t.Error(err1, err2)
	}
}

func TestAGeneratorsFilesAreNotWritten(t *testing.T) {
	for _, m := range []Manager{NixOS, NixDarwin} {
		for _, plan := range []func(Service, func(string) (trust.FileState, error)) (trust.Plan, error){PlanInstall, PlanUninstall} {
			p, err := plan(machine(m), func(path string) (trust.FileState, error) { return trust.FileState{}, fmt.Errorf("%s was read", path) })
			if err != nil || !p.Empty() || len(p.Commands) == 0 {
				t.Errorf("%s: %+v, %v", m, p, err)
			}
		}
	}
}

func FuzzMadeByTakesNothingElseForOurs(f *testing.F) {
	for _, file := range append(machine(Systemd).Files(), person(Launchd).Files()...) {
		f.Add([]byte(file.Text), 10, byte('x'))
	}
	f.Add([]byte("# Written by `nix-trust gate install`: \n"), 0, byte(0))
	f.Fuzz(func(t *testing.T, text []byte, at int, b byte) {
		if MadeBy(text) != Unchanged || at < 0 || at >= len(text) || text[at] == b {
			return
		}
		line := markLine.FindIndex(text)
		if at >= line[0] && at < line[1] {
			return // the line about it, whose words do not count
		}
		changed := append([]byte{}, text...)
		changed[at] = b
		if MadeBy(changed) == Unchanged {
			t.Errorf("byte %d was changed", at)
		}
	})
}
