package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

func TestWhySaysHowLongACacheIsNotAskedAndWhatIsNotKnown(t *testing.T) {
	now := time.Date(2026, 3, 4, 14, 30, 0, 0, time.Local)
	r := &trust.Report{Made: now, Remembered: []trust.Remembered{
		{
			File: "/home/a/.cache/nix/binary-cache-v7.sqlite", State: nixconf.SourceRead, MissTTL: time.Hour, HitTTL: 48 * time.Hour,
			Caches: []trust.RememberedCache{
				{URL: "https://a.example", Misses: trust.AnswerTally{Count: 12, Oldest: now.Add(-50 * time.Minute), Newest: now.Add(-10 * time.Minute)}, Hits: trust.AnswerTally{Count: 1, Oldest: now, Newest: now}},
				{URL: "https://b.example", Misses: trust.AnswerTally{Count: 1, Oldest: now, Newest: now}},
			},
		},
		{File: "/root/.cache/nix/binary-cache-v7.sqlite", Daemon: true, State: nixconf.SourceUnseen, Err: "permission denied"},
	}}
	caches := []trust.CacheVerdict{{URL: "https://a.example/?priority=3"}}
	got := rememberedLines(r, caches, false, explain.Style{})
	if want := "Your own Nix remembers of https://a.example: it does not have at least 12 paths, since 13:40, until 15:20; it has at least 1 path, since 14:30, until 2026-03-06 14:30"; len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
	got = rememberedLines(r, caches, true, explain.Style{})
	if len(got) != 2 || !strings.Contains(got[1], "cannot be read here") || !strings.Contains(got[1], "not known") {
		t.Errorf("that the daemon's is not known is not said: %q", got)
	}
	j := rememberedOf(r)
	if len(j) != 2 || j[1].State != "unseen" || j[1].Error == "" || j[0].Caches[0].Misses.Until != now.Add(50*time.Minute).UTC().Format(time.RFC3339) || j[0].Caches[1].Hits != (jsonTally{}) {
		t.Errorf("%+v", j)
	}
}
