package tui

import (
	"slices"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// settingAt is a setting that a line of the system's file sets, or its default
// for line 0.
func settingAt(name string, risk nixconf.Risk, line int) trust.SettingReport {
	origin := nixconf.Origin{Layer: nixconf.LayerSystem, Pos: at(sysConf, line), Name: name}
	if line == 0 {
		origin = nixconf.Origin{Layer: nixconf.LayerDefault, Name: name}
	}
	v := &nixconf.Value{Setting: &nixconf.Setting{Name: name, Risk: risk}, Text: "x", Origin: origin, History: []nixconf.Assignment{{Origin: origin, Value: "x"}}}
	return trust.SettingReport{Value: v}
}

func TestSettingsAboutTrustComeFirstAmongThoseSetAndAmongDefaults(t *testing.T) {
	r := &trust.Report{Settings: []trust.SettingReport{
		settingAt("allow-dirty", nixconf.RiskNone, 0), settingAt("build-users-group", nixconf.RiskSandbox, 2), settingAt("require-sigs", nixconf.RiskCache, 3),
		settingAt("secret-key-files", nixconf.RiskCache, 9), settingAt("substituters", nixconf.RiskCache, 0), settingAt("trusted-users", nixconf.RiskCode, 4), settingAt("accept-flake-config", nixconf.RiskCache, 0),
	}}
	d := drive(t, 120, 36, Options{Backend: &backend{report: r}})
	d.press("4")
	var got []string
	for _, row := range d.m.screens[3].(*settings).all.rows {
		got = append(got, row.id)
	}
	want := []string{"trusted-users", "require-sigs", "secret-key-files", "build-users-group", "substituters", "accept-flake-config", "allow-dirty"}
	if !slices.Equal(got, want) {
		t.Errorf("the settings come in the order %q, want %q", got, want)
	}
}

func TestSettingIsMarkedForFindingsAboutItsOwnLinesAlone(t *testing.T) {
	for _, c := range []struct {
		name  string
		where nixconf.Pos
		want  string
	}{
		{"its own line", at(sysConf, 4), "!"},
		{"another line of the file", at(sysConf, 5), ""},
		{"a flake", inFlake("evil", 4), ""},
		{"no place", nixconf.Pos{}, ""},
	} {
		s := settingAt("trusted-users", nixconf.RiskCode, 4)
		s.Findings = []int{0, 7, -1}
		r := &trust.Report{Settings: []trust.SettingReport{s}, Findings: []trust.Finding{{Code: trust.CodeRootEquivalent, Severity: trust.Danger, Subject: "trusted-users", Where: c.where,
			Fixes: []trust.Fix{{Title: "Take it out", Command: "edit it"}}}}}
		d := drive(t, 120, 36, Options{Backend: &backend{report: r}})
		d.press("4")
		screen := d.m.screens[3].(*settings)
		if got := screen.all.rows[0].cells[0].text.String(); got != c.want {
			t.Errorf("a finding about %s marks the setting %q, want %q", c.name, got, c.want)
		}
		if fixes := screen.fixes(); (len(fixes) == 1) != (c.want == "!") {
			t.Errorf("a finding about %s gives the setting the fixes %v", c.name, fixes)
		}
	}
}

func TestNamesAreCutAfterWhatIsVeryLong(t *testing.T) {
	cols := newSettings().all.cols
	wide := []int{1, 42, 400, 12}
	for _, c := range []struct{ w, name, value int }{{500, 42, 400}, {120, 42, 59}, {91, 42, 30}, {80, 31, 30}, {62, 23, 20}} {
		if got := fit(cols, wide, c.w); got[1] != c.name || got[2] != c.value {
			t.Errorf("in %d cells the columns are %v, want %d for the name and %d for the value", c.w, got, c.name, c.value)
		}
	}
}
