package trust

import (
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

// An implementation is one Nix of those that differ. What is stated of Lix and
// of Determinate Nix is read from their sources (Lix 2.90.0 to 2.95.3,
// Determinate Nix 3.22.2); none of them was run.
type implementation struct {
	name    string
	version nixconf.Version
	os      PlatformOS
}

var implementations = []implementation{
	{"Nix 2.8", nixconf.Version{Major: 2, Minor: 8}, PlatformPlain},
	{"Nix 2.26", nixconf.Version{Major: 2, Minor: 26, Patch: 3}, PlatformPlain},
	{"Nix 2.34", nixconf.Version{Major: 2, Minor: 34, Patch: 8}, PlatformPlain},
	{"Determinate", nixconf.Version{Major: 2, Minor: 34, Patch: 8}, PlatformDeterminate},
	{"Lix 2.90", nixconf.Version{Major: 2, Minor: 90}, PlatformPlain},
	{"Lix 2.91", nixconf.Version{Major: 2, Minor: 91, Patch: 3}, PlatformPlain},
	{"Lix 2.94", nixconf.Version{Major: 2, Minor: 94, Patch: 2}, PlatformPlain},
	{"Lix 2.95", nixconf.Version{Major: 2, Minor: 95, Patch: 3}, PlatformPlain},
}

func (i implementation) decide(t *testing.T, s scene) *Report {
	t.Helper()
	more := s.change
	s.version, s.change = i.version, func(f *Facts) {
		f.Platform.OS = i.os
		if more != nil {
			more(f)
		}
	}
	return s.decide(t)
}

// settingOf is what becomes of one setting of the scene's flake.
func settingOf(t *testing.T, r *Report, name string) SettingVerdict {
	t.Helper()
	for _, s := range r.Flakes[0].Settings {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("%s is not among the settings", name)
	return SettingVerdict{}
}

func claimState(t *testing.T, r *Report) CacheState {
	t.Helper()
	for _, c := range r.Flakes[0].Caches {
		if c.URL == cacheURL {
			return c.State
		}
	}
	return StateNone
}

// Each row is one fact, with what becomes of the claimed cache in each of the
// implementations, in their order.
func TestEachImplementationDecidesByItsOwnRules(t *testing.T) {
	const (
		U, I, A, D, O = "usable", "ignored", "asks", "denied", "off"
		features      = "experimental-features = nix-command flakes\n"
	)
	no := strings.ReplaceAll(yes, "true", "false")
	for _, tc := range []struct {
		fact  string
		scene scene
		want  [8]string
	}{
		{"a saved yes counts", scene{flake: claimText, answers: yes, system: lists}, [8]string{U, U, U, U, U, U, U, U}},
		{"a saved no counts", scene{flake: claimText, answers: no, system: lists}, [8]string{D, D, D, D, D, D, D, D}},
		{"without an answer it asks", scene{flake: claimText, system: lists}, [8]string{A, A, A, A, A, A, A, A}},
		{"accept-flake-config = false is a no to everything in Lix, a saved yes included",
			scene{flake: claimText, answers: yes, system: lists, user: features + "accept-flake-config = false"}, [8]string{U, U, U, U, U, D, D, D}},
		{"ask is a value in Lix alone",
			scene{flake: claimText, answers: yes, system: lists, user: features + "accept-flake-config = ask"}, [8]string{O, O, O, O, O, U, U, U}},
		{"yes is a word for true in Nix alone",
			scene{flake: claimText, answers: no, system: lists, user: features + "accept-flake-config = yes"}, [8]string{U, U, U, U, U, O, O, O}},
		{"true accepts whatever was saved",
			scene{flake: claimText, answers: no, system: lists, user: features + "accept-flake-config = true"}, [8]string{U, U, U, U, U, U, U, U}},
		{"answers that cannot be read stop what has to look one up",
			scene{flake: claimText, answers: "{", system: lists}, [8]string{O, O, O, O, O, O, O, O}},
		{"they are read with accept-flake-config on by Nix 2.8 and Lix from 2.95",
			scene{flake: claimText, answers: "{", system: lists, user: features + "accept-flake-config = true"}, [8]string{O, U, U, U, U, U, U, O}},
		{"with false Lix needs no answer, and reads them from 2.95 on all the same",
			scene{flake: claimText, answers: "{", system: lists, user: features + "accept-flake-config = false"}, [8]string{O, O, O, O, O, D, D, O}},
		{"parameters in another order are another text, and no other reference",
			scene{flake: claimText, answers: yes, system: "extra-trusted-substituters = " + cacheURL + "?priority=1&compression=xz\nextra-trusted-public-keys = " + goodKey,
				change: func(f *Facts) {
					f.Flakes[0].Config[0].Value = cacheURL + "?compression=xz&priority=1"
					f.Flakes[0].Config[0].Items = nil
					f.Answers.Answers["extra-substituters"][f.Flakes[0].Config[0].Value] = true
				}}, [8]string{I, I, U, U, I, I, I, I}},
	} {
		for i, imp := range implementations {
			r := imp.decide(t, tc.scene)
			got := claimState(t, r).String()
			if got == StateNone.String() {
				got = r.Flakes[0].Caches[0].State.String()
			}
			if got != tc.want[i] {
				t.Errorf("%s: %s: %s, want %s", imp.name, tc.fact, got, tc.want[i])
			}
		}
	}
}

// Nix and each Lix apply these with no question.
func TestLixDoesNotWaveThroughWhatNixDoes(t *testing.T) {
	for name, want := range map[string][8]bool{
		"bash-prompt":              {true, true, true, true, true, true, true, true},
		"bash-prompt-prefix":       {false, true, true, true, true, true, true, true},
		"flake-registry":           {true, true, true, true, true, true, true, true},
		"commit-lockfile-summary":  {false, true, true, true, true, true, true, true},
		"commit-lock-file-summary": {false, true, true, true, false, false, false, false},
		"substituters":             {},
	} {
		for i, imp := range implementations {
			r := imp.decide(t, scene{flake: `nixConfig.` + name + ` = "x";`})
			v := settingOf(t, r, name)
			if got := strings.Contains(codes(v.Reasons), string(CodeWhitelisted)); got != want[i] {
				t.Errorf("%s: %s applied with no question: %v, want %v", imp.name, name, got, want[i])
			}
		}
	}
}

// With accept-flake-config = false Lix still applies what needs no question.
func TestAFlatNoDoesNotReachWhatNeedsNoQuestion(t *testing.T) {
	r := scene{flake: `nixConfig.bash-prompt = "x";`, user: "experimental-features = flakes nix-command\naccept-flake-config = false", version: nixconf.Version{Major: 2, Minor: 95}}.decide(t)
	if v := settingOf(t, r, "bash-prompt"); v.State != SettingApplied {
		t.Errorf("%s: %s", v.State, codes(v.Reasons))
	}
}

// Lix from 2.95 reads the answers before it looks at a flake, so that a broken
// file stops commands on flakes that ask for nothing.
func TestBrokenAnswersStopLixOnAFlakeWithoutSettings(t *testing.T) {
	for i, imp := range implementations {
		r := imp.decide(t, scene{answers: "{", change: func(f *Facts) { f.Flakes = []Flake{{ID: FlakeID{Ref: "path:/f", Path: "/f"}}} }})
		if got, want := r.Flakes[0].Rejected != nil, i == 7; got != want {
			t.Errorf("%s: rejected %v, want %v", imp.name, got, want)
		}
	}
}

// Lix from 2.95 applies what is trusted first and what was asked about after it,
// so that an accepted extra- setting is added to a list that it sorts before.
func TestLixAppliesWhatItAsksAboutLast(t *testing.T) {
	const both = `nixConfig.extra-substituters = "` + cacheURL + `"; nixConfig.substituters = "https://other.example";`
	saved := `{"substituters":{"https://other.example":true}}`
	for i, imp := range implementations {
		r := imp.decide(t, scene{flake: both, answers: saved, system: lists})
		v := settingOf(t, r, "extra-substituters")
		if got, want := strings.Contains(codes(v.Reasons), string(CodeExtraOverwritten)), i != 7; got != want {
			t.Errorf("%s: %s: overwritten %v, want %v: %s", imp.name, v.Name, got, want, codes(v.Reasons))
		}
	}
}

// The groups that the `id` command prints count for a Lix daemon from 2.95 on.
func TestSupplementaryGroupsCountForLixAlone(t *testing.T) {
	u := User{Name: "a", UID: 1000, Group: "users", Supplementary: []string{"sudo"}}
	for i, imp := range implementations {
		if _, got := u.Match([]string{"@sudo"}, imp.version); got != (i == 7) {
			t.Errorf("%s: @sudo matches: %v", imp.name, got)
		}
		if _, got := u.Match([]string{"@wheel", "@"}, imp.version); got {
			t.Errorf("%s: a group that the process is not in matches", imp.name)
		}
		// The daemon's word decides whatever the files say.
		r := imp.decide(t, scene{flake: claimText, answers: yes, system: "trusted-users = @sudo", change: func(f *Facts) { f.User.Supplementary = []string{"sudo"} }})
		if r.Trust != Untrusted {
			t.Errorf("%s: %v, although the daemon says otherwise", imp.name, r.Trust)
		}
	}
}

// What Nix prints is quoted as the implementation words it.
func TestEachImplementationIsQuotedInItsOwnWords(t *testing.T) {
	const long = "warning: ignoring untrusted flake configuration setting 'extra-substituters', pass '--accept-flake-config' to trust it (may allow the flake to gain root, see the nix.conf manual page)"
	const short = "warning: ignoring untrusted flake configuration setting 'extra-substituters'.\nPass '--accept-flake-config' to trust it"
	for i, want := range []string{"warning: ignoring untrusted flake configuration setting 'extra-substituters'", short, short, short, short, long, long, long} {
		r := implementations[i].decide(t, scene{flake: claimText})
		v := settingOf(t, r, "extra-substituters")
		if !slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.NixSays == want }) {
			t.Errorf("%s: %q", implementations[i].name, v.Reasons[0].NixSays)
		}
		v = settingOf(t, r, "extra-trusted-public-keys")
		for _, why := range v.Reasons {
			if why.Code == CodeKeyRestricted && why.NixSays != "" && strings.HasPrefix(why.NixSays, "warning: Ignoring") != implementations[i].version.Lix() {
				t.Errorf("%s: %q", implementations[i].name, why.NixSays)
			}
		}
	}
}

// In Determinate Nix flakes are no experimental feature: nothing turns them off.
func TestFlakesAreNeverOffInDeterminateNix(t *testing.T) {
	const off = `nixConfig.experimental-features = "nix-command";` + claimText
	answers := strings.TrimSuffix(yes, "}") + `,"experimental-features":{"nix-command":true}}`
	for _, imp := range implementations[1:] {
		r := imp.decide(t, scene{flake: off, answers: answers, system: lists, user: "experimental-features = nix-command flakes",
			change: func(f *Facts) { f.Nix.Path = "/bin/nix" }})
		if got, want := r.Flakes[0].Rejected != nil, imp.os != PlatformDeterminate; got != want {
			t.Errorf("%s: the flake is rejected for turning flakes off: %v, want %v", imp.name, got, want)
		}
		r = imp.decide(t, scene{flake: claimText, change: func(f *Facts) { f.Nix.Path = "/bin/nix" }})
		off := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == CodeFlakesOff })
		if want := imp.os != PlatformDeterminate; off != want {
			t.Errorf("%s: flakes are called off: %v, want %v", imp.name, off, want)
		}
	}
}

// What Lix alone has is applied there and warned of elsewhere; Determinate Nix has
// settings of its own, so that nothing is warned of there.
func TestASettingThatOnlyLixHasIsNotCalledUnknownToIt(t *testing.T) {
	const name = "repl-overlays"
	saved := `{"` + name + `":{"x":true}}`
	for _, imp := range implementations {
		r := imp.decide(t, scene{flake: `nixConfig.` + name + ` = "x";`, answers: saved, user: name + " = x"})
		want := SettingInert
		if imp.version.Lix() {
			want = SettingApplied
		}
		if v := settingOf(t, r, name); v.State != want {
			t.Errorf("%s: %s, want %s", imp.name, v.State, want)
		}
		warned := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == CodeConfigWarning && f.Severity > Info })
		if warned == (imp.version.Lix() || imp.os == PlatformDeterminate) {
			t.Errorf("%s: warned of %s: %v", imp.name, name, warned)
		}
	}
}

// A fix for Lix must not be the value that accepts everything.
func TestTheWayOutOfAFlatNoAcceptsNothing(t *testing.T) {
	r := scene{flake: claimText, answers: yes, user: "experimental-features = flakes\naccept-flake-config = false", version: nixconf.Version{Major: 2, Minor: 95}}.decide(t)
	v := settingOf(t, r, "extra-substituters")
	if v.State != SettingDenied || v.Reasons[0].Code != CodeAcceptOff || len(v.Reasons[0].Fixes) == 0 {
		t.Fatalf("%s: %+v", v.State, v.Reasons)
	}
	if v.Reasons[0].Where.Line != 2 {
		t.Errorf("it points at %v", v.Reasons[0].Where)
	}
	for _, f := range v.Reasons[0].Fixes {
		if strings.Contains(f.Command+f.Title, "true") {
			t.Errorf("%+v", f)
		}
	}
}
