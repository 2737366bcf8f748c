package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// The daemon is made to remember what the gate said before the grant, or the
// revoke, that decides.
func TestARevokeAndAGrantCountAtOnceWhateverTheDaemonRemembers(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		s := newScene(t, nix, bin, "")
		gone := s.project("gone")
		s.grant(gone.dir)
		contains(t, s.exec(0, gone.dir, "nix", "build", "--dry-run", "--no-link", gone.flake()), "will be fetched", "-top-gone")
		s.own.requests()
		s.trust(0, gone.dir, "revoke", "--yes")
		contains(t, s.exec(1, gone.dir, "true"), "has no grant")
		s.trust(0, gone.dir, "exec", "--any", "--gate", s.gate, "--", "nix", "build", "--no-link", gone.flake())
		if built := s.built(); !slices.Equal(built, []string{"mid-gone", "top-gone"}) {
			t.Errorf("after the revoke these were built: %q", built)
		}
		s.requestsOf(0)
		gone.want("common gone", "built", "built")

		late := s.project("late")
		contains(t, s.trust(0, late.dir, "exec", "--any", "--gate", s.gate, "--", "nix", "build", "--dry-run", "--no-link", late.flake()), "will be built")
		s.grant(late.dir)
		s.exec(0, late.dir, "nix", "build", "--no-link", late.flake())
		if built := s.built(); len(built) > 0 {
			t.Errorf("after the grant these were built: %q", built)
		}
		late.want("common late", "own late", "own late")
	})
}

// A turn is how a cache that was granted becomes hostile to one project.
type turn struct {
	name string
	code int  // of fetch
	bad  bool // it says or delivers what is not pinned
	turn func(s *scene, p *project) func(http.ResponseWriter, *http.Request) bool
}

var turns = []turn{
	{name: "bytes", code: 4, bad: true, turn: func(s *scene, p *project) func(http.ResponseWriter, *http.Request) bool {
		nar := narOf("evil" + strings.Repeat("!", len("own "+p.dir)-4) + "\n")
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/nar/"+p.mid.Digest()+".nar" {
				return false
			}
			_, _ = w.Write(nar)
			return true
		}
	}},
	{name: "refs", code: 4, bad: true, turn: func(s *scene, p *project) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/"+p.mid.Digest()+".narinfo" {
				return false
			}
			s.own.mu.Lock()
			info := s.own.infos[p.mid.Digest()]
			s.own.mu.Unlock()
			_, _ = w.Write([]byte(strings.Replace(info, "References: "+string(p.base), "References: "+string(p.base)+" "+string(p.top), 1)))
			return true
		}
	}},
	{name: "errors", code: 3, turn: func(*scene, *project) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { http.Error(w, "no", 500); return true }
	}},
	{name: "hangs", code: 3, turn: func(s *scene, _ *project) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			select {
			case <-r.Context().Done():
			case <-s.own.gone:
			}
			return true
		}
	}},
}

func TestACacheThatTurnsAfterTheGrantPutsNothingWrongIntoTheStore(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			for _, turn := range turns {
				t.Run(turn.name, func(t *testing.T) { s.turned(t, turn) })
			}
		})
	}
}

func (s *scene) turned(t *testing.T, turn turn) {
	was := s.t
	s.t = t
	defer func() { s.t = was; s.own.is(nil) }()
	name := turn.name
	p := s.project(name)
	s.grant(p.dir)
	s.own.is(turn.turn(s, p))
	began := time.Now()
	out := s.trust(turn.code, p.dir, "fetch")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("fetch took %v", took)
	}
	contains(t, out, s.own.url)
	p.want("common "+name, "", "")
	r := s.as(s.uid, s.gid, "home", p.dir, s.inside+"/nix-trust", "exec", "--gate", s.gate, "--", "nix", "build", "--no-link", p.flake())
	if turn.bad {
		contains(t, out, string(p.mid))
		contains(t, r.Stderr, s.own.url, string(p.mid))
		kept, err := os.ReadFile(filepath.Join(s.outside, "home/.local/state/nix-trust/evidence.jsonl"))
		if err != nil || !strings.Contains(string(kept), string(p.mid)) {
			t.Errorf("no evidence: %v %s", err, kept)
		}
	}
	for _, path := range []string{string(p.mid), string(p.top)} {
		text, err := os.ReadFile(filepath.Join(s.outside, "store", path))
		if err == nil && !slices.Contains([]string{"built", "own " + name}, strings.TrimSpace(string(text))) {
			t.Errorf("%s has %q", path, text)
		}
	}
	if built := s.built(); r.Code == 0 && !slices.Contains(built, "mid-"+name) {
		t.Errorf("it succeeded, and these were built: %q", built)
	}
}
