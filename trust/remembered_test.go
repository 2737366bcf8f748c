package trust

import (
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

const helloPath = "2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello"

// remembering are the facts of a user whose one cache is usable, and a flake
// whose lock has one output.
func remembering(t *testing.T, store StoreKind, standing Trust, m ...Remembered) *Facts {
	t.Helper()
	all := files{"/etc/nix/nix.conf": "substituters = https://a.example/?priority=1\ntrusted-public-keys = a.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\n"}
	cfg := nixconf.Load(all, nixconf.Environment{Lookup: func(string) (string, bool) { return "", false }, Home: "/root"}, nixconf.Newest)
	return &Facts{
		Nix:    Nix{Version: nixconf.Newest, Path: "/bin/nix", Store: store, StoreDir: "/nix/store"},
		User:   User{Name: "alice", UID: 1000},
		Daemon: Daemon{State: DaemonAnswered, Version: nixconf.Newest, Trust: standing},
		Client: cfg, System: cfg,
		Flakes:     []Flake{{ID: FlakeID{Path: "/f"}, Locked: []LockedOutput{{"packages.default", helloPath}, {"packages.other", "z4asv3j07d89ywjf8fxkn7sg6mf5s9q5-other"}}}},
		Remembered: m,
	}
}

var fourteen = time.Date(2026, 1, 2, 14, 4, 0, 0, time.UTC)

func memory(daemon bool, present bool) Remembered {
	return Remembered{
		File: "/db", Daemon: daemon, State: nixconf.SourceRead, MissTTL: time.Hour, HitTTL: 30 * 24 * time.Hour, Complete: true,
		Caches: []RememberedCache{{URL: "https://a.example", Paths: []RememberedPath{{helloPath, present, fourteen}}}},
	}
}

// only is the reason with a code about the one cache, nil when there is none.
func onlyReason(t *testing.T, f *Facts, code Code) *Reason {
	t.Helper()
	r := Decide(f)
	if len(r.Flakes) != 1 || len(r.Flakes[0].Caches) != 1 || r.Flakes[0].Caches[0].State != StateUsable {
		t.Fatalf("%+v", r.Flakes)
	}
	for _, reason := range r.Flakes[0].Caches[0].Reasons {
		if reason.Code == code {
			return &reason
		}
	}
	return nil
}

func TestARememberedMissOfALockedOutputIsSaidWithItsEnd(t *testing.T) {
	for _, c := range []struct {
		name     string
		store    StoreKind
		standing Trust
		daemon   bool
		command  string
	}{
		{"own store", StoreLocal, TrustUnknown, false, "nix build --refresh"},
		{"trusted", StoreDaemon, Trusted, true, "--option narinfo-cache-negative-ttl 0"},
		{"untrusted", StoreDaemon, Untrusted, true, "sudo -H nix --extra-experimental-features nix-command path-info --refresh --store https://a.example/ /nix/store/" + helloPath},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := onlyReason(t, remembering(t, c.store, c.standing, memory(c.daemon, false)), CodeCachedMiss)
			if r == nil || r.Outcome != Fail || r.Where.File != "/db" {
				t.Fatalf("%+v", r)
			}
			if want := "Nix believes until 15:04 that it does not have packages.default (2dj7…-hello), as it said at 14:04, and does not ask it again before."; r.Text != want {
				t.Error(r.Text)
			}
			if last := r.Fixes[len(r.Fixes)-1]; !strings.Contains(last.Command, c.command) {
				t.Errorf("%+v", r.Fixes)
			}
			// The memory by which this user's builds do not go says nothing.
			if r := onlyReason(t, remembering(t, c.store, c.standing, memory(!c.daemon, false)), CodeCachedMiss); r != nil {
				t.Errorf("a memory that does not decide: %+v", r)
			}
		})
	}
}

func TestARememberedHitChangesNoVerdict(t *testing.T) {
	r := onlyReason(t, remembering(t, StoreLocal, TrustUnknown, memory(false, true)), CodeCachedHit)
	if r == nil || r.Outcome != Pass || !strings.Contains(r.Text, "until 2026-02-01 14:04 that it has packages.default") {
		t.Fatalf("%+v", r)
	}
}

func TestAnUnreadableMemoryIsNotTakenForAnEmptyOne(t *testing.T) {
	for _, state := range []nixconf.SourceState{nixconf.SourceNotRead, nixconf.SourceUnreadable, nixconf.SourceUnseen} {
		m := memory(true, false)
		m.State = state
		f := remembering(t, StoreDaemon, Untrusted, m)
		if r := onlyReason(t, f, CodeCachedMiss); r != nil {
			t.Errorf("%v: %+v", state, r)
		}
		if r := Decide(f); len(r.Remembered) != 1 || r.Remembered[0].State != state || !r.Flakes[0].Locked {
			t.Errorf("%v is not told: %+v", state, r.Remembered)
		}
	}
}

func TestNoCommandIsMadeOfAHostileURL(t *testing.T) {
	f := remembering(t, StoreDaemon, Untrusted)
	e := &engine{f: f}
	e.prepare()
	for _, url := range []string{"https://a.example/$(id)", "https://a.example/;id", "https://user:secret@a.example/", "--store=x"} {
		for _, fix := range e.askAgain(url, []RememberedPath{{Path: helloPath}}, "15:04") {
			if fix.Command != "" {
				t.Errorf("%s: %s", url, fix.Command)
			}
		}
	}
	for _, fix := range e.askAgain("https://a.example", []RememberedPath{{Path: helloPath}, {Path: "x;id"}, {Path: "y z"}}, "15:04") {
		if strings.ContainsAny(fix.Command, ";") || strings.Contains(fix.Command, "y z") {
			t.Error(fix.Command)
		}
	}
}
