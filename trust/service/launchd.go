package service

import (
	"encoding/xml"
	"strings"
)

// label is the name that launchd knows the gate by.
const label = "org.nix-trust.gate"

// propertyList is the gate for launchd. launchd.plist(5).
func (s Service) propertyList() string {
	var b strings.Builder
	b.WriteString(xml.Header)
	b.WriteString("<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n@MARK@\n<plist version=\"1.0\">\n<dict>\n")
	for _, e := range s.launchdEntries() {
		b.WriteString("\t<key>" + e.key + "</key>\n")
		switch v := e.value.(type) {
		case string:
			b.WriteString("\t<string>" + v + "</string>\n")
		case bool:
			b.WriteString(map[bool]string{true: "\t<true/>\n", false: "\t<false/>\n"}[v])
		case []string:
			b.WriteString("\t<array>\n")
			for _, item := range v {
				b.WriteString("\t\t<string>" + item + "</string>\n")
			}
			b.WriteString("\t</array>\n")
		case number:
			b.WriteString("\t<integer>" + string(v) + "</integer>\n")
		}
	}
	b.WriteString("</dict>\n</plist>\n")
	return marked("<!-- ", " -->", b.String())
}

// An entry is one of a property list: a string, list of strings, bool or number.
type entry struct {
	key   string
	value any
}

type number string

func (s Service) launchdEntries() []entry {
	out := []entry{
		{"Label", label},
		{"ProgramArguments", s.command()},
		{"RunAtLoad", true},
		{"KeepAlive", true},
		{"ThrottleInterval", number("10")},
		{"ProcessType", "Background"},
		{"Umask", number("63")}, // 0077
		{"StandardErrorPath", s.Dir + "/gate.log"},
	}
	if s.System {
		out = append(out, entry{"UserName", Name}, entry{"GroupName", Name}, entry{"InitGroups", false})
	}
	return out
}
