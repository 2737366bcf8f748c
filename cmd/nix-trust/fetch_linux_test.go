package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("it does not say %q:\n%s", p, text)
		}
	}
}

func TestWhatIsGrantedIsFetchedAndThenNothingIsBuilt(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		s := newScene(t, nix, bin, "")
		p := s.project("push")
		contains(t, s.trust(1, p.dir, "fetch"), "has no grant", "nix-trust grant")
		if n := s.own.requests(); n != 0 {
			t.Errorf("without a grant the flake's cache got %d requests", n)
		}
		s.grant(p.dir)
		contains(t, s.trust(0, p.dir, "fetch", "--dry-run"), "2 pinned paths", "-top-push", "1 path, with what they need")
		if n := s.own.requests(); n != 0 {
			t.Errorf("the dry run asked the flake's cache %d times", n)
		}
		var plan, done fetchJSON
		decode(t, s.trust(0, p.dir, "fetch", "--dry-run", "--json"), &plan)
		if plan.Paths != 3 || plan.Present != 0 || len(plan.Pinned) != 2 || len(plan.Left) != 1 || !plan.DryRun || len(plan.Caches) != 1 || plan.Caches[0].URL != s.own.url {
			t.Errorf("%+v", plan)
		}
		contains(t, s.trust(0, p.dir, "fetch", "--output", "packages.mid"), "2 paths were brought", "1 path from "+s.own.url, "1 path from caches that are trusted anyway", "--add-root")
		decode(t, s.trust(0, p.dir, "fetch", "--json"), &done)
		if done.Paths != 3 || done.Present != 2 || done.Fetched != 1 || len(done.Pinned)+len(done.Left)+len(done.Wrong)+len(done.Others)+len(done.Said) != 0 || done.Caches[0].Paths != 1 || done.Bytes != done.Caches[0].Bytes || done.Bytes == 0 {
			t.Errorf("%+v", done)
		}
		p.want("common push", "own push", "own push")
		s.own.requests()
		p.build()
		if built := s.built(); len(built) > 0 {
			t.Errorf("after the fetch these were built: %q", built)
		}
		contains(t, s.trust(0, p.dir, "fetch", "--add-root", "../home/kept"), "All 3 paths are in the store already")
		if n := s.own.requests(); n != 0 {
			t.Errorf("what is in the store is asked for again, %d times", n)
		}
	})
}

func TestAGrantWorksThroughExecAndWithoutOneAllIsBuilt(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		s := newScene(t, nix, bin, "")
		p := s.project("pull")
		contains(t, s.exec(1, p.dir, "nix", "build", "--no-link", p.flake()), "has no grant")
		s.grant(p.dir)
		s.requestsOf(0)
		out := s.exec(0, p.dir, "nix", "build", "--no-link", p.flake())
		if built := s.built(); len(built) > 0 {
			t.Errorf("these were built: %q\n%s", built, out)
		}
		p.want("common pull", "own pull", "own pull")

		q := s.project("none")
		s.own.requests()
		s.trust(0, q.dir, "exec", "--any", "--gate", s.gate, "--", "nix", "build", "--no-link", q.flake())
		if built := s.built(); !slices.Equal(built, []string{"mid-none", "top-none"}) {
			t.Errorf("without a grant these were built: %q", built)
		}
		s.requestsOf(0)
	})
}

// requestsOf fails when the flakes' cache was asked more often.
func (s *scene) requestsOf(most int) {
	s.t.Helper()
	if n := s.own.requests(); n > most {
		s.t.Errorf("the flakes' cache was asked %d times", n)
	}
}
