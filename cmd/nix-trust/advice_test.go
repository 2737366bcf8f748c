package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/demo"
)

// Every command of ours that is advised is one that there is, with the flags and
// the number of arguments that it takes.
func TestEveryAdvisedCommandIsOne(t *testing.T) {
	a := &app{}
	seen := map[string]bool{}
	check := func(line string) {
		words := shellWords(strings.TrimPrefix(line, "sudo "))
		cmd, rest, err := a.command().Find(words[1:])
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", line, err)
			return
		}
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		seen[cmd.Name()] = true
	}
	for _, r := range advisedReports(t) {
		for _, f := range advice(r) {
			for line := range strings.Lines(f.Command) {
				if line = strings.TrimSpace(line); f.File == "" && strings.HasPrefix(strings.TrimPrefix(line, "sudo "), "nix-trust ") {
					check(line)
				}
			}
			if _, line, ok := strings.Cut(f.Detail, ": nix-trust "); ok {
				check("nix-trust " + line)
			}
		}
	}
	for _, want := range []string{"lock", "grant", "fetch", "exec", "setup", "grants", "deny", "propose", "forget"} {
		if !seen[want] {
			t.Errorf("nothing advises %s; there are %q", want, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// advisedReports are the demo's host with grants in every state, with and
// without a gate.
func advisedReports(t *testing.T) []*trust.Report {
	t.Helper()
	m, o := demo.Machine()
	states := []trust.GrantState{"none"}
	for s := grants.Unknown; s < grants.NotGranted; s++ {
		states = append(states, trust.GrantState(s.String()))
	}
	var out []*trust.Report
	for _, state := range states {
		for _, key := range []string{"", "demo-gate-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", officialKey} {
			f := host.Look(context.Background(), m, o)
			f.Gate.Machine = trust.GateKey{File: "/m/gate.pub", State: nixconf.SourceMissing}
			f.Gate.User = trust.GateKey{File: "/u/gate.pub", State: nixconf.SourceRead, Key: key}
			for i, fl := range f.Flakes {
				if i%2 == 0 {
					f.Flakes[i].CacheLock = &trust.OfferedLock{File: fl.ID.Path + "/" + lockFile}
				}
				if state == "none" {
					continue
				}
				g := trust.Granted{Flake: fl.ID, Identity: "path:" + fl.ID.Path, State: state, Text: "So.", Paths: 3, Machine: i%3 == 0}
				for _, s := range fl.Config {
					if strings.HasSuffix(s.Name, "substituters") {
						for _, u := range s.Items {
							g.Caches = append(g.Caches, trust.GrantedCache{URL: u})
						}
					}
				}
				f.Grants = append(f.Grants, g)
			}
			out = append(out, trust.Decide(f))
		}
	}
	return out
}

// officialKey is one that the demo's daemon believes.
const officialKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// advice is every way out of a report.
func advice(r *trust.Report) []trust.Fix {
	var out []trust.Fix
	add := func(rs []trust.Reason) {
		for _, why := range rs {
			out = append(out, why.Fixes...)
		}
	}
	add(r.TrustReasons)
	for _, f := range r.Flakes {
		for _, c := range f.Caches {
			add(c.Reasons)
		}
		for _, s := range f.Settings {
			add(s.Reasons)
		}
		for _, in := range f.Inputs {
			for _, s := range in.Settings {
				add(s.Reasons)
			}
		}
	}
	for _, f := range r.Findings {
		out = append(out, f.Fixes...)
	}
	return out
}

// shellWords splits a command as a shell does that knows single quotes.
func shellWords(s string) []string {
	var out []string
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// The engine has words of its own for how a grant stands.
func TestTheEngineKnowsEveryGrantState(t *testing.T) {
	known := []trust.GrantState{
		trust.GrantUnknown, trust.GrantActive, trust.GrantStale, trust.GrantRollback, trust.GrantExpired, trust.GrantNotYet, trust.GrantDenied,
		trust.GrantLockMissing, trust.GrantFlakeGone, trust.GrantUnreadable,
	}
	for s := grants.Unknown; s < grants.NotGranted; s++ {
		if !slices.Contains(known, trust.GrantState(s.String())) {
			t.Errorf("%q is not one of the engine's words", s)
		}
	}
}
