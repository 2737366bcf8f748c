package page

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/demo"
)

var made = time.Date(2026, 11, 22, 17, 45, 0, 0, time.UTC)

// demoShown is the demo's host, with what it has not: grants, probes, and what
// Nix remembers.
func demoShown(t *testing.T) Shown {
	t.Helper()
	ctx := context.Background()
	m, o := demo.New().Machine()
	f := host.Look(ctx, m, o)
	r := trust.Decide(f)
	r.Made = made
	r.Grants = []trust.Granted{
		{Flake: r.Flakes[0].ID, Identity: "path:/home/mira/src/comet", State: trust.GrantActive, Lock: "4f5a1b2c", Paths: 12, Disputed: 1, Systems: []string{"x86_64-linux"},
			Caches: []trust.GrantedCache{{URL: "https://comet.cachix.org", Keys: []string{"comet.cachix.org-1:Mt/9hbGlnV4rfmRW0o8hE8nX/PsErINPJf8pKrGJVck="}}},
			Where:  nixconf.Pos{File: "/home/mira/.config/nix-trust/grants.toml", Line: 3}},
		{Identity: "github:example/nebula", State: trust.GrantDenied, Machine: true, Text: "It is denied for the whole machine."},
		{Identity: "path:/srv/new", State: "a word of a later version"},
	}
	r.Remembered = []trust.Remembered{
		{File: "/home/mira/.cache/nix/binary-cache-v7.sqlite", State: nixconf.SourceRead, Caches: []trust.RememberedCache{
			{URL: "https://comet.cachix.org", Misses: trust.AnswerTally{Count: 3, Oldest: made.Add(-time.Hour), Newest: made.Add(-time.Minute)}},
		}},
		{File: "/root/.cache/nix/binary-cache-v7.sqlite", Daemon: true, State: nixconf.SourceUnseen, Err: "permission denied"},
	}
	r.Notes = append(r.Notes, trust.Note{Path: "/home/mira/src/vault", Text: "It may not be listed by mira."})
	kept := []probe.Result{
		{URL: "https://cache.nixos.org", At: made.Add(-2 * time.Hour), Outcome: probe.Reachable, Effect: probe.Asks, Text: "It is a cache for /nix/store.",
			Hit: probe.Latency{First: 90 * time.Millisecond, Typical: 20 * time.Millisecond, Times: 4}},
		{URL: "https://fern.cachix.org", At: made.Add(-200 * time.Hour), Outcome: probe.Unreachable, Effect: probe.Skips, Text: "no such host"},
	}
	return Shown{Report: r, Flake: -1, Demo: true, Home: f.User.Home, Store: demoStore(t, ctx, m, f, r), Probes: &Probes{Kept: kept, AtOnce: 25}}
}

func demoStore(t *testing.T, ctx context.Context, m *host.Machine, f *trust.Facts, r *trust.Report) *Store {
	t.Helper()
	s, err := host.ReadStore(ctx, m, f)
	if err != nil {
		t.Fatal(err)
	}
	var keys []audit.Key
	for _, k := range r.Keys {
		if p, err := bincache.ParsePublicKey(k.Text); err == nil {
			keys = append(keys, audit.Key{PublicKey: p, Believed: k.InEffect, From: []string{"trusted-public-keys, /home/mira/.config/nix/nix.conf:3"}})
		}
	}
	got, err := audit.Audit(ctx, s, audit.Options{Keys: keys, Roots: host.StoreRoots(ctx, m, f), KeepDerivations: true})
	if err != nil {
		t.Fatal(err)
	}
	return &Store{Audit: got, Doubts: []string{"Which keys are believed is not certain."}}
}

// steady writes the demo gate's key, which is another one each time, as one.
func steady(page []byte) []byte {
	return regexp.MustCompile(`nix-trust-gate-demo-1:[A-Za-z0-9+/&#;]+=`).ReplaceAll(page, []byte("nix-trust-gate-demo-1:KEY="))
}

func html(t *testing.T, s Shown) string {
	t.Helper()
	text, err := HTML(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
