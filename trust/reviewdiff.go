package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// kindOf are the codes of new settings by class.
var kindOf = map[nixconf.Risk]Code{
	nixconf.RiskCache: CodeNewTrust, nixconf.RiskCode: CodeNewCode, nixconf.RiskSandbox: CodeNewSandbox,
	nixconf.RiskCredential: CodeNewCredentials, nixconf.RiskEvaluation: CodeNewEvaluation,
	nixconf.RiskDenial: CodeNewPerformance, nixconf.RiskCosmetic: CodeNewCosmetic,
}

// Since says how what the flake asks for differs from an older record of it, as
// findings, in the order of the review. nil is no record: then all is new. It
// is of use only when Known.
func (v Review) Since(old *ReviewRecord) []Finding {
	d := &reviewDiff{had: map[string]RecordedSetting{}, items: map[string][]string{}}
	if old != nil {
		for _, s := range old.Settings {
			d.had[s.Name] = s
			if list := itemList(s.Name); list != "" && s.Sum == "" {
				d.items[list] = append(d.items[list], fields(s.Value)...)
			}
		}
	}
	asked := map[string]bool{}
	now := map[string][]string{}
	for _, a := range v.Asks {
		d.ask(a)
		asked[recordText(a.Name)] = true
		for _, it := range a.Items {
			now[itemList(a.Name)] = append(now[itemList(a.Name)], it.Text)
		}
	}
	if old == nil {
		return d.out
	}
	for _, s := range old.Settings {
		list := itemList(s.Name)
		if list == "" || s.Sum != "" {
			if !asked[s.Name] {
				d.add(CodeNoLongerAsked, nixconf.Pos{}, s.Name, fmt.Sprintf("It asked for %s = %s.", s.Name, s.Value))
			}
			continue
		}
		for _, it := range fields(s.Value) {
			if !slices.ContainsFunc(now[list], func(n string) bool { return sameCache(n, it) }) {
				d.add(CodeNoLongerAsked, nixconf.Pos{}, it, fmt.Sprintf("It asked for %s in %s.", it, s.Name))
			}
		}
	}
	return d.out
}

type reviewDiff struct {
	had   map[string]RecordedSetting // by the name as written
	items map[string][]string        // "substituters" and so on → what was asked for in it
	out   []Finding
}

func (d *reviewDiff) add(code Code, at nixconf.Pos, subject, text string) {
	d.out = append(d.out, Finding{Code: code, Severity: catalogue[code].Severity, Where: at, Subject: subject, Text: text})
}

// ask compares one setting with what was asked for before.
func (d *reviewDiff) ask(a Ask) {
	value := safetext.RedactValue(a.Name, a.Value)
	before, was := d.had[recordText(a.Name)]
	if now := recorded(a); was && before.Value == now.Value && before.Sum == now.Sum && !a.Opaque {
		return
	}
	if a.Suspect {
		d.add(CodeNewSuspect, a.Where, a.Name, fmt.Sprintf("%s has characters that cannot be seen, or that change what a terminal shows.", a.Name))
	}
	list := itemList(a.Name)
	if list == "" {
		code, known := kindOf[a.Class]
		if !known {
			code = CodeNewUnknown
		}
		text := fmt.Sprintf("It asks for %s = %s.", a.Name, value)
		switch {
		case a.Opaque:
			text = fmt.Sprintf("It asks for %s = %s, a file of the flake. What is in the file is in no record, so it counts as new.", a.Name, value)
		case was:
			text = fmt.Sprintf("It asks for %s = %s, where it asked for %s.", a.Name, value, orNothing(before.Value))
		}
		d.add(code, a.Where, a.Name, text)
		return
	}
	fresh := false
	for _, it := range a.Items {
		text := recordText(safetext.Redact(it.Text))
		if slices.Contains(d.items[list], it.Text) {
			continue
		}
		fresh = true
		if it.Suspect.String() != "" {
			d.add(CodeNewSuspect, it.Where, text, suspectHost)
		}
		switch respelled := slices.ContainsFunc(d.items[list], func(had string) bool { return sameCache(had, it.Text) }); {
		case respelled:
			d.add(CodeRespelled, it.Where, text, fmt.Sprintf("It asks for %s in %s, which was written otherwise.", text, a.Name))
		case trustedParam(it.Text):
			d.add(CodeNewTrust, it.Where, text, fmt.Sprintf("It asks for %s in %s, and to believe it without signatures.", text, a.Name))
			d.add(CodeNewCache, it.Where, text, fmt.Sprintf("It asks for %s in %s.", text, a.Name))
		case list == "trusted-public-keys":
			d.add(CodeNewKey, it.Where, text, fmt.Sprintf("It asks for the key %s in %s.", text, a.Name))
		default:
			d.add(CodeNewCache, it.Where, text, fmt.Sprintf("It asks for %s in %s.", text, a.Name))
		}
	}
	switch adds := strings.HasPrefix(a.Name, "extra-"); {
	case !was && !adds:
		d.add(CodeNewTrust, a.Where, a.Name, fmt.Sprintf("%s replaces the whole list of whoever accepts it, instead of adding to it.", a.Name))
	case list == "trusted-substituters" && !was:
		d.add(CodeNewTrust, a.Where, a.Name, fmt.Sprintf("It asks for %s, which says what other users may use.", a.Name))
	case !fresh:
		d.add(CodeRespelled, a.Where, a.Name, fmt.Sprintf("The value of %s has nothing new in it and is another text all the same: %s.", a.Name, orNothing(value)))
	}
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}

// itemList is the list that a setting sets or extends, by its canonical name,
// when that list has caches or keys; "" for every other setting.
func itemList(name string) string {
	known, _, ok := nixconf.Lookup(name)
	if !ok {
		return ""
	}
	switch known.Name {
	case "substituters", "trusted-substituters", "trusted-public-keys":
		return known.Name
	}
	return ""
}

// sameCache reports whether two texts differ in nothing but the slashes at
// their ends. Parameters count: one of them turns signatures off.
func sameCache(a, b string) bool {
	if a == b {
		return true
	}
	return !strings.Contains(a, "?") && !strings.Contains(b, "?") && strings.Contains(a, "://") &&
		strings.TrimRight(a, "/") == strings.TrimRight(b, "/")
}
