package trust

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A daemon does not know what was written into its files since it started, so
// nothing that rests on them is said to be so.
func TestNothingRestsOnFilesThatAreNewerThanTheDaemon(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	newer := func(f *Facts) {
		f.Daemon.Started, f.Daemon.FilesChanged, f.Daemon.ChangedFile = start, start.Add(time.Hour), "/etc/nix/nix.conf"
		f.Daemon.Admits = map[string]bool{cacheURL: true}
	}
	trusted := func(f *Facts) {
		newer(f)
		f.Daemon.Trust = Trusted
	}
	for name, s := range map[string]scene{
		"a listed key":                 {flake: claimText, answers: yes, system: lists, change: newer},
		"a missing key":                {flake: claimText, answers: yes, change: newer},
		"a malformed key":              {flake: claimText, answers: yes, system: lists + "extra-trusted-public-keys = junk", change: newer},
		"signatures off":               {flake: claimText, answers: yes, system: "require-sigs = false", change: newer},
		"the daemon's own list":        {flake: claimText, system: "substituters = " + cacheURL + "\nextra-trusted-public-keys = " + goodKey, change: trusted},
		"a list that was not asked":    {flake: claimText, answers: yes, system: lists, change: func(f *Facts) { newer(f); f.Daemon.Admits = nil }},
		"none lists it, nor was asked": {flake: claimText, answers: yes, change: func(f *Facts) { newer(f); f.Daemon.Admits = nil }},
	} {
		c := s.decide(t).Flakes[0].Caches[0]
		if c.State != StateUnknown {
			t.Errorf("%s: %v, %s", name, c.State, codes(c.Reasons))
		}
		last := c.Reasons[len(c.Reasons)-1]
		if last.Code != CodeDaemonStale || last.Outcome != Unknown {
			t.Errorf("%s: the last step is %s:%s, want the doubt", name, last.Code, last.Outcome)
		}
	}
	// The running daemon's own words, and what the client sends, stand.
	for name, want := range map[CacheState]scene{
		StateIgnored: {flake: claimText, answers: yes, system: lists, change: func(f *Facts) { newer(f); f.Daemon.Admits = map[string]bool{cacheURL: false} }},
		StateUsable:  {flake: claimText, answers: yes, change: trusted},
	} {
		if c := want.decide(t).Flakes[0].Caches[0]; c.State != name {
			t.Errorf("%v, want %v: %s", c.State, name, codes(c.Reasons))
		}
	}
}

func local(f *Facts) { f.Nix.Store = StoreLocal }

// A flake's require-sigs comes after the store was opened, and changes nothing.
func TestAFlakeCannotTurnSignaturesOff(t *testing.T) {
	s := scene{
		flake:   `nixConfig.require-sigs = false; ` + claimText,
		answers: `{"require-sigs":{"false":true},"extra-substituters":{"` + cacheURL + `":true},"extra-trusted-public-keys":{"` + goodKey + `":false}}`,
		change:  local,
	}
	f := s.decide(t).Flakes[0]
	if c := f.Caches[0]; c.State != StateWrongKey {
		t.Errorf("%v: %s", c.State, codes(c.Reasons))
	}
	if v := f.Settings[2]; v.Name != "require-sigs" || v.Daemon != Dropped {
		t.Errorf("%s is %v", v.Name, v.Daemon)
	}
}

// The public halves of secret keys are believed as well, whoever's list of keys
// is in force, so a key that is not listed may be one of them.
func TestAnUnlistedKeyMayBelongToASecretOne(t *testing.T) {
	trusted := func(f *Facts) { f.Daemon.Trust = Trusted }
	answers := `{"extra-substituters":{"` + cacheURL + `":true},"extra-trusted-public-keys":{"` + goodKey + `":false}}`
	sent := "extra-trusted-public-keys = " + otherName + "\n"
	for name, s := range map[string]scene{
		"a store opened directly":                 {user: "secret-key-files = /k", change: local},
		"a trusted user's own":                    {user: sent + "secret-key-files = /k", change: trusted},
		"the daemon's, for a trusted user's keys": {system: "secret-key-files = /k", user: sent, change: trusted},
		"the daemon's":                            {system: "secret-key-files = /k\nextra-trusted-substituters = " + cacheURL},
	} {
		s.flake, s.answers = claimText, answers
		if c := s.decide(t).Flakes[0].Caches[0]; c.State != StateUnknown {
			t.Errorf("%s: %v, %s", name, c.State, codes(c.Reasons))
		}
	}
}

const otherName = "else.example-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="

// A stranger's flake cannot keep the program busy, and what is not judged is
// unknown.
func TestTooManyCachesAreNotJudged(t *testing.T) {
	var urls, keys strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&urls, "https://h%d.example ", i)
		fmt.Fprintf(&keys, "k%d-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY= ", i)
	}
	s := scene{flake: `nixConfig.extra-substituters = "` + urls.String() + `"; nixConfig.extra-trusted-public-keys = "` + keys.String() + `";`}
	if f := s.decide(t).Flakes[0]; f.State != StateUnknown || f.Err == "" || len(f.Caches) > 0 {
		t.Errorf("%v, %q, %d caches", f.State, f.Err, len(f.Caches))
	}
}

// A store may be named by a URL with a password in it.
func TestTheStoresPasswordIsNotPassedOn(t *testing.T) {
	r := scene{change: func(f *Facts) { f.Nix.Store, f.Nix.StoreWhy = StoreOther, "NIX_REMOTE=https://u:hunter2@x" }}.decide(t)
	if why := r.Nix.StoreWhy; strings.Contains(why, "hunter2") || !strings.Contains(why, "@x") {
		t.Errorf("%s", why)
	}
}

// While it is not known what was answered, the flake may replace the lists, and
// no cache is known to be in use.
func TestUnknownAnswersLeaveEveryCacheOpen(t *testing.T) {
	unread := func(f *Facts) { f.Answers.State = nixconf.SourceUnreadable }
	listed := "substituters = " + cacheURL + "\nextra-trusted-public-keys = " + goodKey
	for _, s := range []scene{
		{flake: `nixConfig.substituters = "https://else.example";`, system: listed, change: unread},
		{flake: `nixConfig.substitute = false;`, system: listed, change: unread},
		{flake: claimText, system: listed, change: unread},
	} {
		for _, c := range s.decide(t).Flakes[0].Caches {
			if c.State != StateUnknown {
				t.Errorf("%s: %s is %v: %s", s.flake, c.URL, c.State, codes(c.Reasons))
			}
		}
	}
	s := scene{flake: `nixConfig.allow-dirty = true;`, system: listed, change: unread}
	if c := s.decide(t).Flakes[0].Caches[0]; c.State != StateUsable {
		t.Errorf("%v: %s", c.State, codes(c.Reasons))
	}
}

// A flake may declare any key; the one named after the cache's host is looked at
// all the same.
func TestAKeyNamedAfterTheHostIsNotOverlooked(t *testing.T) {
	s := scene{
		flake:   `nixConfig.extra-substituters = "` + cacheURL + `"; nixConfig.extra-trusted-public-keys = "` + otherName + `";`,
		answers: `{"extra-substituters":{"` + cacheURL + `":true},"extra-trusted-public-keys":{"` + otherName + `":true}}`,
		system:  lists,
	}
	if c := s.decide(t).Flakes[0].Caches[0]; c.State != StateUnknown {
		t.Errorf("%v: %s", c.State, codes(c.Reasons))
	}
}

// A daemon that does not say whether it trusts the user may believe the keys
// that the user's nix sends, or its own.
func TestWhoseKeysCountDependsOnTrust(t *testing.T) {
	s := scene{
		flake: claimText, system: lists, user: "substituters = " + cacheURL + "\ntrusted-public-keys = " + otherName,
		change: func(f *Facts) { f.Daemon.Trust = TrustUnknown },
	}
	if c := s.decide(t).Flakes[0].Caches[0]; c.State != StateUnknown {
		t.Errorf("%v: %s", c.State, codes(c.Reasons))
	}
}

// A setting of a feature that is not enabled is passed over.
func TestASettingOfADisabledFeatureIsInert(t *testing.T) {
	s := scene{flake: `nixConfig.impure-env = "a=b";`, answers: `{"impure-env":{"a=b":true}}`}
	if v := s.decide(t).Flakes[0].Settings[0]; v.State != SettingInert || v.Reasons[1].Code != CodeConfigWarning {
		t.Errorf("%v: %s", v.State, codes(v.Reasons))
	}
}

// Files that no daemon could start with are not what the running one has read.
func TestNothingRestsOnFilesThatDoNotLoad(t *testing.T) {
	s := scene{flake: claimText, answers: yes, system: lists, change: func(f *Facts) {
		bad := files{"/etc/nix/nix.conf": lists + "junk"}
		f.System = nixconf.Load(bad, nixconf.Environment{Lookup: func(string) (string, bool) { return "", false }, Home: "/root"}, nixconf.Newest)
		f.Daemon.Admits = map[string]bool{cacheURL: true}
	}}
	for _, c := range s.decide(t).Flakes[0].Caches {
		if c.State != StateUnknown && c.State != StateIgnored {
			t.Errorf("%s: %v, %s", c.URL, c.State, codes(c.Reasons))
		}
	}
}

// A daemon from 2.34 on drops a list in which it cannot read a URL. An older
// client sends it all the same.
func TestAListThatTheDaemonCannotReadIsNotTaken(t *testing.T) {
	for _, trust := range []Trust{Trusted, Untrusted} {
		s := scene{
			version: since(2, 26), flake: claimText, answers: yes, system: lists, user: "extra-substituters = junk",
			change: func(f *Facts) { f.Daemon.Version, f.Daemon.Trust = since(2, 34), trust },
		}
		if c := s.decide(t).Flakes[0].Caches[0]; c.State != StateUnknown {
			t.Errorf("%v: %v, %s", trust, c.State, codes(c.Reasons))
		}
	}
}

// A daemon that was not asked may well run: starting it is no advice.
func TestOnlyADaemonThatFailedIsToBeStarted(t *testing.T) {
	for state, advised := range map[DaemonState]bool{DaemonNotAsked: false, DaemonAbsent: true, DaemonSilent: true} {
		r := scene{flake: claimText, change: func(f *Facts) {
			f.Daemon = Daemon{State: state, Socket: "/s"}
			f.Platform.Restart = "restart it"
		}}.decide(t)
		if got := len(r.TrustReasons[0].Fixes) > 0; got != advised {
			t.Errorf("state %d: advised %v", state, r.TrustReasons[0].Fixes)
		}
	}
}

// What is in the list already needs nothing, whatever is not answered yet.
func TestAUsableCacheIsGivenNoWayOut(t *testing.T) {
	c := scene{flake: `nixConfig.extra-substituters = "https://cache.nixos.org/";`, change: local}.decide(t).Flakes[0].Caches[0]
	if c.State != StateUsable || !strings.Contains(codes(c.Reasons), "not-asked:fail") {
		t.Fatalf("%v: %s", c.State, codes(c.Reasons))
	}
	for _, r := range c.Reasons {
		if len(r.Fixes) > 0 {
			t.Errorf("%s advises %v", r.Code, r.Fixes)
		}
	}
}
