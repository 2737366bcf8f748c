package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
)

// fineDiagnosis is one of which nothing is wrong.
func fineDiagnosis() *diagnosis {
	return &diagnosis{
		report:  &trust.Report{Nix: trust.Nix{Store: trust.StoreDaemon}},
		verdict: trust.CacheVerdict{URL: "https://a.example", State: trust.StateUsable, Reasons: []trust.Reason{{Code: trust.CodeKeyListed, Outcome: trust.Pass, Text: "Its key is believed."}}},
		probe:   probe.Result{URL: "https://a.example", Outcome: probe.Reachable, Effect: probe.Asks, Miss: probe.Miss{Answer: probe.MissAbsent}},
		paths: []pathDiagnosis{{
			Path: probe.Path{Path: "a0000000000000000000000000000000-hello", State: probe.PathSigned, By: []string{"a-1"}}, valid: trust.Fail,
			memory: recollection{known: true},
		}},
	}
}

// Whatever is wrong or not known alone is said, and nothing is fine that is not.
func TestADiagnosisIsOnlyAsGoodAsItsWorstPart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*diagnosis)
		code   int
		text   string
	}{
		"all is fine":         {func(*diagnosis) {}, exitOK, "It would be used for a0000000000000000000000000000000-hello"},
		"no path":             {func(d *diagnosis) { d.paths = nil }, exitOK, "It would be used."},
		"forged":              {func(d *diagnosis) { d.paths[0].State = probe.PathBadSignature; d.verdict.State = trust.StateOff }, exitBad, "wrong under the name of a key in effect"},
		"off":                 {func(d *diagnosis) { d.verdict.State = trust.StateOff }, exitFindings, "Nix never asks this cache."},
		"asks":                {func(d *diagnosis) { d.verdict.State = trust.StateAsks }, exitFindings, "Until it is answered"},
		"ignored":             {func(d *diagnosis) { d.verdict.State = trust.StateIgnored }, exitFindings, "the daemon drops it"},
		"wrong key":           {func(d *diagnosis) { d.verdict.State = trust.StateWrongKey }, exitFindings, "refuses every signature"},
		"unknown":             {func(d *diagnosis) { d.verdict = trust.CacheVerdict{} }, exitUnknown, "not known"},
		"zero":                {func(d *diagnosis) { *d = diagnosis{report: &trust.Report{}} }, exitUnknown, "not known"},
		"not probed":          {func(d *diagnosis) { d.probe = probe.Result{} }, exitUnknown, "not known"},
		"stops":               {func(d *diagnosis) { d.probe.Effect = probe.Stops }, exitFindings, "nothing else either"},
		"unreachable":         {func(d *diagnosis) { d.probe.Outcome, d.probe.Effect = probe.Unreachable, probe.Skips }, exitFindings, "would not be used now"},
		"forbidden":           {func(d *diagnosis) { d.probe.Outcome, d.probe.Effect = probe.Forbidden, probe.Skips }, exitFindings, "would not be used"},
		"another store":       {func(d *diagnosis) { d.probe.Outcome, d.probe.Effect = probe.WrongStore, probe.Skips }, exitFindings, "would not be used"},
		"a page":              {func(d *diagnosis) { d.probe.Outcome = probe.NotACache }, exitFindings, "would not be used"},
		"a priority in words": {func(d *diagnosis) { d.probe.Effect = probe.Skips }, exitFindings, "would not be used"},
		"odd misses":          {func(d *diagnosis) { d.probe.Miss.Answer = probe.MissOdd }, exitFindings, "stumble"},
		"failing misses":      {func(d *diagnosis) { d.probe.Miss.Answer = probe.MissFailed }, exitFindings, "stumble"},
		"absent":              {func(d *diagnosis) { d.paths[0].State = probe.PathAbsent }, exitFindings, "does not have it"},
		"refused":             {func(d *diagnosis) { d.paths[0].State = probe.PathRefused }, exitFindings, "would not be used for"},
		"corrupt":             {func(d *diagnosis) { d.paths[0].State = probe.PathCorrupt }, exitFindings, "would not be used for"},
		"unsigned":            {func(d *diagnosis) { d.paths[0].State = probe.PathUnsigned }, exitFindings, "would not be used for"},
		"another signer":      {func(d *diagnosis) { d.paths[0].State = probe.PathUnknownKey }, exitFindings, "would not be used for"},
		"unsigned, in doubt":  {func(d *diagnosis) { d.paths[0].State = probe.PathUnsigned; d.report.Doubt = &trust.Reason{} }, exitUnknown, "not known"},
		"unsigned, unasked":   {func(d *diagnosis) { d.paths[0].State, d.unsignedOK = probe.PathUnsigned, "require-sigs is off" }, exitOK, "would be used"},
		"addressed":           {func(d *diagnosis) { d.paths[0].State = probe.PathAddressed }, exitOK, "would be used"},
		"unknown path":        {func(d *diagnosis) { d.paths[0].State = probe.PathUnknown }, exitUnknown, "not known"},
		"zero path":           {func(d *diagnosis) { d.paths[0] = pathDiagnosis{} }, exitUnknown, "not known"},
		"there already":       {func(d *diagnosis) { d.paths[0].valid = trust.Pass }, exitFindings, "has it already"},
		"there, perhaps":      {func(d *diagnosis) { d.paths[0].valid = trust.Unknown }, exitUnknown, "could not be found out"},
		"a miss remembered": {func(d *diagnosis) {
			d.paths[0].memory = recollection{known: true, there: true, until: time.Now().Add(time.Hour)}
		}, exitFindings, "Nix believes until"},
		"a hit remembered": {func(d *diagnosis) {
			d.paths[0].memory = recollection{known: true, there: true, Entry: diskcache.Entry{Present: true}}
		}, exitOK, "would be used"},
		"nothing to remember by": {func(d *diagnosis) { d.paths[0].memory = recollection{why: "permission denied"} }, exitUnknown, "permission denied"},
		"refuses caches":         {func(d *diagnosis) { d.paths[0].drv = derivationFact{"x", true, true} }, exitFindings, "allowSubstitutes"},
		"scoped":                 {func(d *diagnosis) { d.verdict.State = trust.StateScoped }, exitUnknown, "only what a grant pins"},
		"scoped, no path":        {func(d *diagnosis) { d.verdict.State, d.paths = trust.StateScoped, nil }, exitOK, "through the gate"},
		"the second is absent": {func(d *diagnosis) {
			d.paths = append(d.paths, pathDiagnosis{Path: probe.Path{State: probe.PathAbsent}})
		}, exitFindings, "does not have it"},
		"the first is not known, the second absent": {func(d *diagnosis) {
			d.paths[0].State = probe.PathUnknown
			d.paths = append(d.paths, pathDiagnosis{Path: probe.Path{State: probe.PathAbsent}})
		}, exitFindings, "does not have it"},
		"the first is not known": {func(d *diagnosis) {
			d.paths = append([]pathDiagnosis{{}}, d.paths...)
		}, exitUnknown, "not known"},
		"the flake is refused":        {func(d *diagnosis) { d.flake = &trust.FlakeReport{Rejected: &trust.Reason{Text: "bad value"}} }, exitFindings, "bad value"},
		"the flake could not be read": {func(d *diagnosis) { d.flake = &trust.FlakeReport{Err: "permission denied"} }, exitUnknown, "permission denied"},
		"no key is named": {func(d *diagnosis) {
			d.verdict.State, d.verdict.Reasons = trust.StateUnknown, []trust.Reason{{Code: trust.CodeKeyUndeclared}}
		}, exitOK, "would be used"},
		"no key is named, nor path": {func(d *diagnosis) {
			d.verdict.State, d.verdict.Reasons, d.paths = trust.StateUnknown, []trust.Reason{{Code: trust.CodeKeyUndeclared}}, nil
		}, exitUnknown, "not known"},
		"no key is named, and no fits": {func(d *diagnosis) {
			d.verdict.State, d.verdict.Reasons = trust.StateUnknown, []trust.Reason{{Code: trust.CodeKeyUndeclared}}
			d.paths[0].State = probe.PathUnknownKey
		}, exitFindings, "would not be used for"},
		"no key is named, and more is unknown": {func(d *diagnosis) {
			d.verdict.State, d.verdict.Reasons = trust.StateUnknown, []trust.Reason{{Code: trust.CodeKeyUndeclared}, {Code: trust.CodeDaemonStale}}
		}, exitUnknown, "not known"},
	} {
		d := fineDiagnosis()
		c.change(d)
		if got := d.conclude(); got.code != c.code || !strings.Contains(got.text, c.text) {
			t.Errorf("%s: %d %q, want %d", name, got.code, got.text, c.code)
		}
	}
}

// A flake that replaces the keys leaves none of the others.
func TestADiagnosisGoesByTheKeysOfTheBuild(t *testing.T) {
	d := fineDiagnosis()
	d.report.Keys = []trust.KeyReport{{Text: "a-1:x", InEffect: true}, {Text: "b-1:y"}}
	if got := strings.Join(d.keys(), " "); got != "a-1:x" {
		t.Error(got)
	}
	d.verdict.Reasons = append(d.verdict.Reasons, trust.Reason{Code: trust.CodeKeyForwarded, Outcome: trust.Pass, Subject: "c-1:z"}, trust.Reason{Code: trust.CodeKeyForwarded, Subject: "d-1:w"})
	if got := strings.Join(d.keys(), " "); got != "c-1:z a-1:x" {
		t.Error(got)
	}
	d.flake = &trust.FlakeReport{Settings: []trust.SettingVerdict{{Name: "trusted-public-keys", State: trust.SettingApplied, Daemon: trust.Honoured}}}
	if got := strings.Join(d.keys(), " "); got != "c-1:z" {
		t.Error(got)
	}
}
