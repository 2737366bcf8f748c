package service

import (
	"strings"
)

// module is the text for a configuration from which the system's files are made.
func (s Service) module() string {
	if s.Manager == NixDarwin {
		return s.darwinModule()
	}
	var b strings.Builder
	b.WriteString("users.groups." + Name + " = { };\n")
	b.WriteString("users.users." + Name + " = { isSystemUser = true; group = \"" + Name + "\"; home = \"" + s.Dir + "\"; };\n")
	b.WriteString("systemd.sockets." + Name + " = {\n  wantedBy = [ \"sockets.target\" ];\n  socketConfig = {\n")
	b.WriteString(attributes(s.socketDirectives()))
	b.WriteString("  };\n};\n")
	b.WriteString("systemd.services." + Name + " = {\n  requires = [ \"" + Name + ".socket\" ];\n  after = [ \"" + Name + ".socket\" \"network.target\" ];\n  serviceConfig = {\n")
	b.WriteString(attributes(s.serviceDirectives()))
	b.WriteString("  };\n};")
	return b.String()
}

// attributes are directives as NixOS takes them: one that comes twice is a list.
func attributes(lines []directive) string {
	var b strings.Builder
	for i, d := range lines {
		var values []string
		first := true
		for j, o := range lines {
			if o.key == d.key {
				first = first && j >= i
				values = append(values, nixString(o.value))
			}
		}
		switch {
		case !first:
		case len(values) == 1:
			b.WriteString("    " + d.key + " = " + values[0] + ";\n")
		default:
			b.WriteString("    " + d.key + " = [ " + strings.Join(values, " ") + " ];\n")
		}
	}
	return b.String()
}

// nixString is a string of the Nix language. The texts have no character that
// means something in one but $, which does before a brace alone.
func nixString(s string) string { return `"` + s + `"` }

func (s Service) darwinModule() string {
	var b strings.Builder
	where := "launchd.daemons."
	if !s.System {
		where = "launchd.user.agents."
	}
	b.WriteString(where + Name + ".serviceConfig = {\n")
	for _, e := range s.launchdEntries() {
		b.WriteString("  " + e.key + " = ")
		switch v := e.value.(type) {
		case string:
			b.WriteString(nixString(v))
		case bool:
			b.WriteString(map[bool]string{true: "true", false: "false"}[v])
		case []string:
			items := make([]string, len(v))
			for i, item := range v {
				items[i] = nixString(item)
			}
			b.WriteString("[ " + strings.Join(items, " ") + " ]")
		case number:
			b.WriteString(string(v))
		}
		b.WriteString(";\n")
	}
	b.WriteString("};")
	return b.String()
}
