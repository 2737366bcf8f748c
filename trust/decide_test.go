package trust

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
)

const (
	goodKey  = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	otherKey = "cache.example-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
	cacheURL = "https://cache.example"
)

// scene is a machine in few words.
type scene struct {
	system, user, env string // configuration files and NIX_CONFIG
	hidden            string // a file that exists and cannot be read
	flake             string // the nixConfig
	answers           string
	version           nixconf.Version
	change            func(*Facts)
}

// texts is a set of files.
type files map[string]string

func (f files) ReadFile(p string) ([]byte, error) {
	s, ok := f[p]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case s == "\x00hidden":
		return nil, fs.ErrPermission
	}
	return []byte(s), nil
}

func (f files) Exists(p string) (bool, error) { _, ok := f[p]; return ok, nil }

func (s scene) decide(t testing.TB) *Report {
	t.Helper()
	if s.version == (nixconf.Version{}) {
		s.version = nixconf.Newest
	}
	all := files{"/etc/nix/nix.conf": s.system, "/home/a/.config/nix/nix.conf": s.user}
	if s.hidden != "" {
		all[s.hidden] = "\x00hidden"
	}
	env := func(name string) (string, bool) { return s.env, name == "NIX_CONFIG" && s.env != "" }
	none := func(string) (string, bool) { return "", false }
	f := &Facts{
		Nix:     Nix{Version: s.version, Store: StoreDaemon, StoreDir: "/nix/store"},
		User:    User{Name: "a", UID: 1000, Group: "users"},
		Daemon:  Daemon{State: DaemonAnswered, Version: s.version, Trust: Untrusted, Socket: "/s"},
		Client:  nixconf.Load(all, nixconf.Environment{Lookup: env, Home: "/home/a", System: "x86_64-linux", CPUs: 2}, s.version),
		System:  nixconf.Load(all, nixconf.Environment{Lookup: none, Home: "/root", System: "x86_64-linux", CPUs: 2}, s.version),
		Answers: AnswersFile{Path: "/home/a/ts.json", State: nixconf.SourceMissing},
	}
	if s.answers != "" {
		f.Answers.State = nixconf.SourceRead
		f.Answers.Answers, f.Answers.Err = ParseAnswers([]byte(s.answers), s.version)
	}
	if s.flake != "" {
		src := "{\n" + s.flake + "\noutputs = _: { };\n}\n"
		fl := Flake{ID: FlakeID{Ref: "path:/f", Path: "/f"}}
		fl.Config, fl.Rejection = flake.ReadConfig("/f/flake.nix", []byte(src), s.version)
		f.Flakes = []Flake{fl}
	}
	if s.change != nil {
		s.change(f)
	}
	return Decide(f)
}

const (
	claimText = `nixConfig.extra-substituters = "` + cacheURL + `"; nixConfig.extra-trusted-public-keys = "` + goodKey + `";`
	yes       = `{"extra-substituters":{"` + cacheURL + `":true},"extra-trusted-public-keys":{"` + goodKey + `":true}}`
	lists     = "extra-trusted-substituters = " + cacheURL + "/\nextra-trusted-public-keys = " + goodKey + "\n"
)

// codes writes a chain as "code:outcome …".
func codes(rs []Reason) string {
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "%s:%s ", r.Code, r.Outcome)
	}
	return strings.TrimSpace(b.String())
}

func TestVerdictOfAClaimedCache(t *testing.T) {
	cases := []struct {
		name  string
		scene scene
		state CacheState
		has   string // a step of the chain
	}{
		{"accepted and listed is usable", scene{flake: claimText, answers: yes, system: lists}, StateUsable, "key-listed:pass"},
		{"accepted and unlisted is ignored", scene{flake: claimText, answers: yes}, StateIgnored, "substituter-unlisted:fail"},
		{"a daemon that admits more than its files counts", scene{flake: claimText, answers: yes, system: "extra-trusted-public-keys = " + goodKey,
			change: func(f *Facts) { f.Daemon.Admits = map[string]bool{cacheURL: true} }}, StateUsable, "substituter-listed:pass"},
		{"a daemon that admits less than its files counts", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Daemon.Admits = map[string]bool{cacheURL: false} }}, StateIgnored, "daemon-stale:unknown"},
		{"a refused user uses nothing", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Daemon.State, f.Daemon.Trust = DaemonRefused, TrustUnknown }}, StateIgnored, "user-refused:fail"},
		{"a silent daemon leaves it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Daemon.State, f.Daemon.Trust = DaemonSilent, TrustUnknown }}, StateUnknown, "trust-unknown:unknown"},
		{"an absent daemon leaves it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Daemon.State, f.Daemon.Trust = DaemonAbsent, TrustUnknown }}, StateUnknown, "trust-unknown:unknown"},
		{"a garbled daemon leaves it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Daemon.State, f.Daemon.Trust = DaemonGarbled, TrustUnknown }}, StateUnknown, "trust-unknown:unknown"},
		{"a daemon that does not say leaves an unlisted cache unknown", scene{flake: claimText, answers: yes,
			change: func(f *Facts) { f.Daemon.Trust = TrustUnknown }}, StateUnknown, "trust-unknown:unknown"},
		{"zero facts about the store leave it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Nix.Store = StoreUnknown }}, StateUnknown, "no-store:unknown"},
		{"a store of another kind leaves it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Nix.Store = StoreOther }}, StateUnknown, "no-store:unknown"},
		{"no Nix leaves it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Nix.Store = StoreNone }}, StateUnknown, "no-store:unknown"},
		{"no configuration leaves it unknown", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Client = nil }}, StateUnknown, ""},
		{"a hidden include may change the keys", scene{flake: claimText, answers: yes, hidden: "/etc/nix/secret.conf",
			system: lists + "!include secret.conf\n", change: func(f *Facts) { f.Daemon.Admits = map[string]bool{cacheURL: true} }}, StateUnknown, "key-listed:pass unreadable-layer:unknown"},
		{"a hidden include may list the cache", scene{flake: claimText, answers: yes, hidden: "/etc/nix/secret.conf",
			system: "!include secret.conf\n"}, StateUnknown, "unreadable-layer:unknown"},
		{"an unreadable nix.conf may say anything", scene{flake: claimText, answers: yes, hidden: "/etc/nix/nix.conf"}, StateUnknown, "unknown"},
		{"unreadable answers leave it unknown", scene{flake: claimText, system: lists,
			change: func(f *Facts) { f.Answers.State = nixconf.SourceUnreadable }}, StateUnknown, "unreadable-layer:unknown"},
		{"answers that were not looked at leave it unknown", scene{flake: claimText, system: lists,
			change: func(f *Facts) { f.Answers.State = nixconf.SourceNotRead }}, StateUnknown, "unreadable-layer:unknown"},
		{"broken answers stop the command", scene{flake: claimText, answers: "{", system: lists}, StateOff, "answers-broken:fail"},
		{"a fatal nix.conf stops the command", scene{flake: claimText, answers: yes, system: lists, user: "a=b"}, StateOff, "config-fatal:fail"},
		{"another key of the name is tried alone", scene{flake: claimText, answers: yes, system: "extra-trusted-substituters = " + cacheURL + "\nextra-trusted-public-keys = " + otherKey}, StateWrongKey, "key-name-clash:fail"},
		{"a malformed key spoils them all", scene{flake: claimText, answers: yes, system: lists + "extra-trusted-public-keys = junk"}, StateWrongKey, "key-malformed:fail"},
		{"the first key of a name wins", scene{flake: claimText, answers: yes, system: lists + "extra-trusted-public-keys = " + otherKey}, StateUsable, "key-listed:pass"},
		{"the later key of a name loses", scene{flake: claimText, answers: yes,
			system: "extra-trusted-substituters = " + cacheURL + "\nextra-trusted-public-keys = " + otherKey + " " + goodKey}, StateWrongKey, "key-name-clash:fail"},
		{"secret keys raise a doubt", scene{flake: claimText, answers: yes, system: "extra-trusted-substituters = " + cacheURL + "\nsecret-key-files = /k"}, StateUnknown, "unreadable-layer:unknown"},
		{"offline nothing is asked", scene{flake: claimText, answers: yes, system: lists,
			change: func(f *Facts) { f.Nix.Offline = true }}, StateOff, "offline:fail"},
		{"a user's substitute = true beats offline", scene{flake: claimText, answers: yes, system: lists, env: "substitute = true",
			change: func(f *Facts) { f.Nix.Offline = true }}, StateUsable, "key-listed:pass"},
		{"substitution off, nothing is asked", scene{flake: claimText, answers: yes, system: lists, env: "substitute = false"}, StateOff, "substitution-off:fail"},
		{"a local store obeys the user", scene{flake: claimText, answers: yes, change: func(f *Facts) { f.Nix.Store = StoreLocal }}, StateUsable, "key-forwarded:pass"},
		{"a local store without signatures takes anything", scene{flake: claimText, answers: yes, user: "require-sigs = false",
			change: func(f *Facts) { f.Nix.Store = StoreLocal }}, StateUsable, "sigs-off:pass"},
		{"a client's require-sigs = false is no use with a daemon", scene{flake: claimText, answers: yes, user: "require-sigs = false",
			system: "extra-trusted-substituters = " + cacheURL}, StateWrongKey, "key-restricted:fail"},
		{"the daemon's own require-sigs = false is", scene{flake: claimText, answers: yes,
			system: "require-sigs = false\nextra-trusted-substituters = " + cacheURL}, StateUsable, "sigs-off:pass"},
		{"an undeclared key leaves it unknown", scene{flake: `nixConfig.extra-substituters = "` + cacheURL + `";`, answers: yes,
			system: "extra-trusted-substituters = " + cacheURL}, StateUnknown, "key-undeclared:unknown"},
		{"some keys believed and some not leave it unknown", scene{
			flake:   `nixConfig.extra-substituters = "` + cacheURL + `"; nixConfig.extra-trusted-public-keys = [ "` + goodKey + `" "cache.example-2:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs=" ];`,
			answers: `{"extra-substituters":{"` + cacheURL + `":true}}`, system: lists}, StateUnknown, "key-missing:fail"},
		{"a path value cannot be looked up", scene{flake: `nixConfig.extra-substituters = ./x;`, answers: yes}, StateUnknown, "not-static:unknown"},
		{"a path value that nothing was answered about is asked about", scene{flake: `nixConfig.extra-substituters = ./x;`}, StateAsks, "not-asked:fail"},
		{"a flake that turns flakes off stops the command", scene{flake: claimText + ` nixConfig.experimental-features = "nix-command";`, system: "experimental-features = nix-command flakes\n" + lists,
			answers: `{"experimental-features":{"nix-command":true},"extra-substituters":{"` + cacheURL + `":true},"extra-trusted-public-keys":{"` + goodKey + `":true}}`}, StateOff, "flakes-off:fail"},
		{"a flake.nix that cannot be followed is unknown", scene{flake: "", change: func(f *Facts) {
			f.Flakes = []Flake{{Rejection: &flake.Rejection{Message: "too deep", Unsure: true}}}
		}}, StateUnknown, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := c.scene.decide(t)
			f := r.Flakes[0]
			got, chain := f.State, ""
			for _, v := range f.Caches {
				if v.Claimed {
					got, chain = v.State, codes(v.Reasons)
				}
			}
			if f.Err != "" {
				got = f.State
			}
			if got != c.state || !strings.Contains(chain, c.has) {
				t.Errorf("state %s with chain %q; want %s with %q", got, chain, c.state, c.has)
			}
		})
	}
}

// The worst error there is: facts that say nothing, and a verdict that says usable.
func TestNothingIsUsableWithoutFacts(t *testing.T) {
	config, rejection := flake.ReadConfig("/f/flake.nix", []byte("{"+claimText+"outputs = _: {};}"), nixconf.Newest)
	if rejection != nil || len(config) != 2 {
		t.Fatal(config, rejection)
	}
	r := Decide(&Facts{Flakes: []Flake{{Config: config}, {}}})
	if r.Trust != TrustUnknown {
		t.Errorf("zero facts make the user %s", r.Trust)
	}
	for _, f := range r.Flakes {
		if f.State == StateUsable {
			t.Error("zero facts make a flake usable")
		}
		for _, c := range f.Caches {
			if c.State != StateUnknown {
				t.Errorf("zero facts make %s %s", c.URL, c.State)
			}
		}
	}
	for _, c := range r.Caches {
		if c.State == StateUsable {
			t.Errorf("zero facts make %s usable", c.URL)
		}
	}
}

func TestZeroStatesAreUnknown(t *testing.T) {
	for _, s := range []fmt.Stringer{CacheState(0), SettingState(0), DaemonVerdict(0), Trust(0), Outcome(0), StoreKind(0), CacheState(99), Trust(-1)} {
		if s.String() != "unknown" {
			t.Errorf("%T reads %q", s, s)
		}
	}
}

func TestEveryCodeIsDescribed(t *testing.T) {
	for _, c := range Codes() {
		e, ok := c.Lookup()
		if !ok || e.Title == "" || !strings.HasSuffix(e.Explain, ".") {
			t.Errorf("%s: title %q, explanation %q", c, e.Title, e.Explain)
		}
		for i := 1; i < len(e.Remedies); i++ {
			for j := range i {
				if e.Remedies[i] == e.Remedies[j] {
					t.Errorf("%s has a remedy twice", c)
				}
			}
		}
	}
}

// What must never be advised, in any fix of any scene.
func TestNoFixWidensMoreThanItSays(t *testing.T) {
	scenes := []scene{
		{flake: claimText}, {flake: claimText, answers: yes}, {flake: claimText, answers: yes, system: "extra-trusted-substituters = " + cacheURL},
		{flake: claimText, env: "accept-flake-config = true"}, {flake: claimText, answers: `{"accept-flake-config":{"true":true}}`},
		{flake: claimText, answers: yes, change: func(f *Facts) { f.Daemon.State = DaemonRefused }},
		{flake: claimText, answers: yes, system: "require-sigs = false\ntrusted-users = *", change: func(f *Facts) { f.Daemon.Trust = Trusted }},
		{flake: claimText, answers: yes, change: func(f *Facts) { f.Platform.OS = PlatformNixOS }},
		{flake: claimText, answers: yes, change: func(f *Facts) { f.Platform.OS = PlatformDeterminate }},
	}
	check := func(t *testing.T, fixes []Fix) {
		for _, f := range fixes {
			for _, bad := range []string{"trusted-users =", "trusted-users=", "accept-flake-config = true", "--accept-flake-config", "require-sigs = false", "no-check-sigs", "trusted=1"} {
				if strings.Contains(f.Command, bad) {
					t.Errorf("a fix says %q: %s", bad, f.Command)
				}
			}
			for line := range strings.Lines(f.Command) {
				if strings.HasPrefix(line, "substituters") || strings.HasPrefix(line, "trusted-public-keys") || strings.HasPrefix(line, "trusted-substituters") {
					t.Errorf("a fix replaces a list instead of adding to it: %s", line)
				}
			}
		}
	}
	for _, s := range scenes {
		r := s.decide(t)
		for _, f := range r.Flakes {
			for _, c := range f.Caches {
				for _, why := range c.Reasons {
					check(t, why.Fixes)
				}
			}
			for _, v := range f.Settings {
				for _, why := range v.Reasons {
					check(t, why.Fixes)
				}
			}
		}
		for _, f := range r.Findings {
			check(t, f.Fixes)
		}
	}
}

// A flake's text must not become a line that an administrator pastes.
func TestNoSnippetHasWhatDoesNotBelongInOne(t *testing.T) {
	evil := "https://cache.example/\x1b[8m"
	r := scene{flake: `nixConfig.extra-substituters = "` + evil + `";`, answers: `{"extra-substituters":{"https://cache.example/\u001b[8m":true}}`, version: nixconf.Version{Major: 2, Minor: 26}}.decide(t)
	for _, c := range r.Flakes[0].Caches {
		for _, why := range c.Reasons {
			for _, f := range why.Fixes {
				if strings.Contains(f.Command, "\x1b") {
					t.Errorf("the fix %q has a control character", f.Command)
				}
			}
		}
	}
	c := remedyCase{platform: Platform{OS: PlatformNixOS}, url: `https://x/"${builtins.exec}`, keys: []string{goodKey}}
	f, _ := c.fix(RemedyAdminCache)
	if strings.Contains(f.Command, `"${`) || strings.Contains(f.Command, `/"$`) {
		t.Errorf("a URL breaks out of its Nix string: %s", f.Command)
	}
}

func TestMatchIsTheDaemonsRule(t *testing.T) {
	u := User{Name: "alice", UID: 1000, Group: "users", MemberOf: []string{"wheel"}, Supplementary: []string{"sudo"}}
	for list, want := range map[string]bool{
		"": false, "root": false, "alice": true, "*": true, "@wheel": true, "@users": true, "@sudo": false,
		"1000": false, "Alice": false, "@*": false, "@": false, "@alice": false, "@1000": false, "root @wheel": true,
	} {
		if _, got := u.Match(strings.Fields(list), nixconf.Newest); got != want {
			t.Errorf("trusted-users = %s: match %v, want %v", list, got, want)
		}
	}
	nobody := User{Name: "4242", UID: 4242, Group: "4242"}
	for list, want := range map[string]bool{"4242": true, "@4242": true, "*": true, "42": false} {
		if _, got := nobody.Match(strings.Fields(list), nixconf.Newest); got != want {
			t.Errorf("a user without a name, trusted-users = %s: match %v, want %v", list, got, want)
		}
	}
	if _, got := (User{}).Match([]string{"", "@"}, nixconf.Version{}); got {
		t.Error("a user of whom nothing is known matches")
	}
}

func TestURLRuleForgivesOneSlashOnly(t *testing.T) {
	item := func(s string) []nixconf.Item { return []nixconf.Item{{Text: s}} }
	for _, c := range []struct {
		listed, sent  string
		strings, refs bool
	}{
		{"http://h:1", "http://h:1", true, true},
		{"http://h:1", "http://h:1/", false, false},
		{"http://h:1", "http://h:1//", false, false},
		{"http://h:1/", "http://h:1", true, true},
		{"http://h:1/", "http://h:1/", true, true},
		{"http://h:1", "http://h:1?priority=10", false, false},
		{"http://h:1?priority=5", "http://h:1?priority=5", true, true},
		{"http://h:1?priority=5", "http://h:1", false, false},
		{"http://h:1", "HTTP://h:1", false, false},
		{"http://127.0.0.1:1", "http://localhost:1", false, false},
		{"http://h:1?a=1&b=2", "http://h:1?b=2&a=1", false, true},
		{"http://h:1/?a=1", "http://h:1?a=1", false, true},
	} {
		if _, got := (urlRule{}).admits(item(c.listed), c.sent); got != c.strings {
			t.Errorf("as strings, %s admits %s: %v, want %v", c.listed, c.sent, got, c.strings)
		}
		if _, got := (urlRule{refs: true}).admits(item(c.listed), c.sent); got != c.refs {
			t.Errorf("as references, %s admits %s: %v, want %v", c.listed, c.sent, got, c.refs)
		}
	}
}
