package service

import (
	"strings"
)

// A directive is one line of a unit's section.
type directive struct{ key, value string }

// socketDirectives are where the manager listens. Its listening is for the
// loopback interface alone, whatever the address becomes.
func (s Service) socketDirectives() []directive {
	out := []directive{{"ListenStream", s.Address}, {"NoDelay", "yes"}}
	if s.System {
		out = append(out, directive{"IPAddressDeny", "any"}, directive{"IPAddressAllow", "localhost"})
	}
	return out
}

// serviceDirectives are how the gate is run: with the rights that it needs and no
// others. A user's manager has no right to most of them.
// systemd.exec(5), systemd.resource-control(5).
func (s Service) serviceDirectives() []directive {
	out := []directive{
		{"Type", "notify"},
		{"ExecStart", strings.Join(s.command(), " ")},
		{"Restart", "on-failure"},
		{"RestartSec", "2"},
		{"UMask", "0077"},
		{"LimitNOFILE", "16384"},
		{"MemoryMax", "512M"},
		{"TasksMax", "128"},
		{"NoNewPrivileges", "yes"},
		{"LockPersonality", "yes"},
		{"MemoryDenyWriteExecute", "yes"},
		{"RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"},
		{"RestrictNamespaces", "yes"},
		{"RestrictRealtime", "yes"},
		{"RestrictSUIDSGID", "yes"},
		{"SystemCallArchitectures", "native"},
		{"SystemCallFilter", "@system-service"},
		{"SystemCallFilter", "~@privileged @resources"},
		{"SystemCallErrorNumber", "EPERM"},
	}
	if s.Manager == Systemd { // elsewhere nothing is in /bin
		out = append(out, directive{"ExecReload", "/bin/kill -HUP $MAINPID"})
	}
	if !s.System {
		return out
	}
	return append(out, []directive{
		{"User", Name},
		{"Group", Name},
		// Others look for gate.pub in it, and read no other file.
		{"StateDirectory", Name},
		{"StateDirectoryMode", "0711"},
		{"RuntimeDirectory", Name},
		{"RuntimeDirectoryMode", "0755"},
		{"CapabilityBoundingSet", ""},
		{"AmbientCapabilities", ""},
		{"ProtectSystem", "strict"},
		{"ProtectHome", "yes"},
		{"PrivateTmp", "yes"},
		{"PrivateDevices", "yes"},
		{"PrivateMounts", "yes"},
		{"PrivateUsers", "yes"},
		{"ProtectClock", "yes"},
		{"ProtectControlGroups", "yes"},
		{"ProtectHostname", "yes"},
		{"ProtectKernelLogs", "yes"},
		{"ProtectKernelModules", "yes"},
		{"ProtectKernelTunables", "yes"},
		{"ProtectProc", "invisible"},
		{"ProcSubset", "pid"},
		{"RemoveIPC", "yes"},
	}...)
}

func (s Service) socketUnit() string {
	return section("Unit", []directive{{"Description", "What nix-trust has granted, for Nix on this machine"}}) +
		section("Socket", s.socketDirectives()) +
		section("Install", []directive{{"WantedBy", "sockets.target"}})
}

func (s Service) serviceUnit() string {
	return section("Unit", []directive{
		{"Description", "The gate of nix-trust, which serves what is granted"},
		{"Requires", Name + ".socket"},
		{"After", Name + ".socket network.target"},
	}) + section("Service", s.serviceDirectives())
}

func section(name string, lines []directive) string {
	var b strings.Builder
	b.WriteString("\n[" + name + "]\n")
	for _, d := range lines {
		b.WriteString(d.key + "=" + d.value + "\n")
	}
	return b.String()
}

// sysusers makes the user that runs the machine's gate. sysusers.d(5).
func (s Service) sysusers() string {
	return "\nu " + Name + " - \"The gate of nix-trust\" " + s.Dir + "\n"
}
