package main

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

var record = flag.Bool("record", false, "write what real Nix prints into testdata/sayings")

// Each saying is played on each real Nix: what it prints has to be what was
// recorded, explain has to understand it, and the reasons that it gives have to be
// those of why, for the same flake and the same cache.
func TestExplainSaysOfRealNixWhatWhySays(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t, realnix.Get(t, version), bin)
			for _, saying := range sayings {
				t.Run(saying.name, func(t *testing.T) {
					scene, ok := sayingScenes[saying.name]
					if !ok {
						t.Fatal("it has no scene")
					}
					m.saying(t, saying, scene)
				})
			}
		})
	}
	for name := range sayingScenes {
		if !slices.ContainsFunc(sayings, func(s saying) bool { return s.name == name }) {
			t.Errorf("the scene %s has no saying", name)
		}
	}
}

func (m *matrix) saying(t *testing.T, saying saying, scene sayingScene) {
	s, did := m.play(t, saying.name, scene)
	var why whyJSON
	decode(t, s.user("", m.inside+"/nix-trust", "why", "--json", s.dir+"/flake").Stdout, &why)
	text := did.Stderr
	explained := s.user(text, m.inside+"/nix-trust", "explain", "--json", "--flake", s.dir+"/flake")
	if scene.heard != nil { // by somebody else, afterwards
		text = scene.heard(s, did)
		explained = s.user(text, m.inside+"/nix-trust", "explain", "--json", "--flake", s.dir+"/flake")
		decode(t, s.user("", m.inside+"/nix-trust", "why", "--json", s.dir+"/flake").Stdout, &why)
	}
	fixed := []string{s.cache.url, "http://cache.example", s.cache.key.text, "own-1:KEY", s.dir, "/scene", m.inside, ""}
	printed := normal(text, fixed...)
	file := sayingFile(m.nix.Short, saying.name)
	if *record {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(printed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if printed != string(recorded) && !scene.terminal && !strings.HasPrefix(printed, "@nix ") { // progress comes in between as it likes
		t.Errorf("Nix prints\n%s\nand recorded was\n%s", printed, recorded)
	}

	var out explainJSON
	decode(t, explained.Stdout, &out)
	got := []string{}
	for _, j := range out.Messages {
		a := normal(strings.TrimSpace(j.Kind+" "+subjectOf(j)), fixed...) + ": " + placeOf(t, why, j)
		if !slices.Contains(got, a) {
			got = append(got, a)
		}
	}
	if want := saying.in(m.nix.Short); !slices.Equal(got, want) {
		t.Errorf("explained\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), printed)
	}
	if (explained.Code == exitFindings) != (len(out.Messages) > 0) {
		t.Errorf("exit %d with %d messages", explained.Code, len(out.Messages))
	}
	if dir := os.Getenv("NIX_TRUST_SAYINGS"); dir != "" {
		r := s.user(text, m.inside+"/nix-trust", "explain", "--flake", s.dir+"/flake")
		_ = os.MkdirAll(dir, 0o755)
		_ = os.WriteFile(filepath.Join(dir, m.nix.Short+"-"+saying.name), []byte(strings.Join(got, "\n")+"\n----\n"+printed+"----\n"+r.Stdout+r.Stderr), 0o644)
	}
}

func subjectOf(j jsonMessage) string {
	for _, s := range []string{j.Setting, j.URL, j.Path, j.User, j.File, j.Key, j.Detail} {
		if s != "" {
			return s
		}
	}
	return ""
}

// placeOf says in a word what explain gives as the reason of a message, and fails
// unless it is why's.
func placeOf(t *testing.T, why whyJSON, j jsonMessage) string {
	t.Helper()
	same := func(what string, reasons []jsonReason) {
		t.Helper()
		if !reflect.DeepEqual(reasons, j.Reasons) {
			t.Errorf("of %s %s explain says\n%+v\nwhy says of %s\n%+v", j.Kind, subjectOf(j), j.Reasons, what, reasons)
		}
	}
	switch {
	case j.Finding != nil:
		if !slices.ContainsFunc(why.Findings, func(f jsonFinding) bool { return reflect.DeepEqual(f, *j.Finding) }) {
			t.Errorf("why does not have the finding %+v", *j.Finding)
		}
		return "finding " + j.Finding.Code
	case j.State != "" && j.Setting != "":
		for _, s := range why.Settings {
			if s.State == j.State && reflect.DeepEqual(s.Reasons, j.Reasons) {
				return j.State
			}
		}
		t.Errorf("why has no setting as explain gives for %s: %s %+v", j.Setting, j.State, j.Reasons)
	case j.State != "":
		for _, c := range why.Caches {
			if strings.HasPrefix(j.URL+"/", strings.TrimRight(c.URL, "/")+"/") || strings.HasPrefix(c.URL, j.URL+"://") {
				same(c.URL, c.Reasons)
				if c.State != j.State {
					t.Errorf("why says of %s %s, explain %s", c.URL, c.State, j.State)
				}
				return j.State
			}
		}
		t.Errorf("why does not know %s", j.URL)
	case len(j.Reasons) == 0:
		return "-"
	case reflect.DeepEqual(j.Reasons, why.User.Reasons):
	case why.Rejected != nil && j.Reasons[0].Code == why.Rejected.Code:
		same("the flake", []jsonReason{*why.Rejected})
	default:
		if !slices.ContainsFunc(why.Caches, func(c jsonCache) bool {
			return slices.ContainsFunc(c.Reasons, func(r jsonReason) bool { return reflect.DeepEqual([]jsonReason{r}, j.Reasons) })
		}) {
			t.Errorf("why has no such step: %+v", j.Reasons)
		}
	}
	if len(j.Reasons) == 0 {
		return "?"
	}
	return "step " + j.Reasons[0].Code
}
