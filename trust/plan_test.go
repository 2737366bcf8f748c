package trust

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func stateOf(text string) FileState { return FileState{Exists: true, Data: []byte(text), Mode: 0o600} }

func shownDiff(c FileChange) string {
	var b strings.Builder
	for _, l := range c.Diff() {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

func TestDiffIsUnified(t *testing.T) {
	numbered := func(skip ...int) FileState {
		var b strings.Builder
		for i := 1; i <= 30; i++ {
			if !slices.Contains(skip, i) {
				fmt.Fprintf(&b, "line %d\n", i)
			}
		}
		return stateOf(b.String())
	}
	for _, c := range []struct {
		change FileChange
		want   string
	}{
		{FileChange{Path: "/f", Before: numbered(10), After: numbered(25)}, `--- /f
+++ /f
@@ -7,6 +7,7 @@
 line 7
 line 8
 line 9
+line 10
 line 11
 line 12
 line 13
@@ -21,7 +22,6 @@
 line 22
 line 23
 line 24
-line 25
 line 26
 line 27
 line 28
`},
		{FileChange{Path: "/f", After: stateOf("a\nb\n")}, "--- no file\n+++ /f\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{FileChange{Path: "/f", Before: stateOf("a\n")}, "--- /f\n+++ no file\n@@ -1,1 +0,0 @@\n-a\n"},
		{FileChange{Path: "/f", Before: stateOf("a\n"), After: stateOf("a")}, "--- /f\n+++ /f\n@@ -1,1 +1,2 @@\n a\n+\\\\ no newline at the end\n"},
		{FileChange{Path: "/f", Before: stateOf("a\n"), After: stateOf("a\n")}, ""},
		{FileChange{Path: "/f"}, ""},
		{FileChange{Path: "/a\x1b[2J", Before: stateOf("https://u:secret@h/\x1b[2J\n"), After: stateOf("")},
			"--- /a\\x1b[2J\n+++ /a\\x1b[2J\n@@ -1,1 +0,0 @@\n-https://***@h/\\x1b[2J\n"},
	} {
		if got := shownDiff(c.change); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestDiffOfAnswersIsAnAnswerALineWithoutSecrets(t *testing.T) {
	c := FileChange{
		Path: "/t.json", Form: FormAnswers,
		Before: stateOf(`{"access-tokens":{"github.com=secret1":true},"extra-substituters":{"https://a https://b":true},"x":{}}`),
		After:  stateOf(`{"access-tokens":{"github.com=secret2":true},"extra-substituters":{"https://a https://b":false},"x":{}}`),
	}
	want := `--- /t.json
+++ /t.json
@@ -1,3 +1,3 @@
-yes  access-tokens = github.com=***
-yes  extra-substituters = https://a https://b
+yes  access-tokens = github.com=***
+no   extra-substituters = https://a https://b
      x
`
	if got := shownDiff(c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What is no such file is shown as the text it is.
	c.Before.Data = []byte(`{"a":1}`)
	if got := shownDiff(c); !strings.Contains(got, `-{"a":1}`) {
		t.Errorf("got\n%s", got)
	}
}

// Whatever two files are, the lines that stay and go are the first file, and
// those that stay and come the second.
func TestDiffLosesNoLine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() []diffLine {
		out := make([]diffLine, r.IntN(12))
		for i := range out {
			out[i].text = string(rune('a' + r.IntN(4)))
		}
		return out
	}
	check := func(a, b []diffLine) {
		t.Helper()
		var left, right []diffLine
		for _, e := range diffLines(a, b) {
			if e.i != len(left) || e.j != len(right) {
				t.Fatalf("%v → %v: %c %v is said to be at %d,%d and is at %d,%d", a, b, e.op, e.line, e.i, e.j, len(left), len(right))
			}
			if e.op != '+' {
				left = append(left, e.line)
			}
			if e.op != '-' {
				right = append(right, e.line)
			}
		}
		if !slices.Equal(left, a) || !slices.Equal(right, b) {
			t.Fatalf("%v → %v: the diff has %v → %v", a, b, left, right)
		}
	}
	for range 3000 {
		check(text(), text())
	}
	// More than is searched for the shortest.
	a, b := make([]diffLine, 5000), make([]diffLine, 5000)
	for i := range a {
		a[i].text, b[i].text = fmt.Sprint("a", i), fmt.Sprint("b", i)
	}
	check(a, b)
}

func TestPlanDigestTellsPlansApart(t *testing.T) {
	base := func() Plan {
		return Plan{Risk: PlanWidens, Commands: []Fix{{Command: "x"}}, Steps: []FileChange{{Path: "/f", Before: stateOf("a"), After: stateOf("b")}}}
	}
	seen := map[Digest]string{base().Digest(): "the plan itself"}
	for name, alter := range map[string]func(p *Plan){
		"path":        func(p *Plan) { p.Steps[0].Path = "/g" },
		"before":      func(p *Plan) { p.Steps[0].Before = stateOf("c") },
		"no before":   func(p *Plan) { p.Steps[0].Before = FileState{} },
		"after":       func(p *Plan) { p.Steps[0].After = stateOf("c") },
		"empty after": func(p *Plan) { p.Steps[0].After = stateOf("") },
		"no after":    func(p *Plan) { p.Steps[0].After = FileState{} },
		"mode":        func(p *Plan) { p.Steps[0].After.Mode = 0o644 },
		"parents":     func(p *Plan) { p.Steps[0].Parents = true },
		"risk":        func(p *Plan) { p.Risk = PlanNarrows },
		"command":     func(p *Plan) { p.Commands[0].Command = "y" },
		"another":     func(p *Plan) { p.Steps = append(p.Steps, FileChange{Path: "/h"}) },
	} {
		p := base()
		alter(&p)
		if other, ok := seen[p.Digest()]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[p.Digest()] = name
	}
	p := base()
	p.Summary = "other words"
	if p.Digest() != base().Digest() {
		t.Error("the words of a plan are in its digest")
	}
}

func TestTheZeroPlanIsTheWorst(t *testing.T) {
	if r := (Plan{}).Risk; r != PlanUnknown || r.With(PlanNarrows) != PlanUnknown || PlanSweeping.With(PlanUnknown) != PlanUnknown {
		t.Error("an unknown risk became a known one")
	}
	if got := (Plan{Risk: PlanNarrows}).Inverse().Risk; got != PlanUnknown {
		t.Errorf("taking back what narrowed is %s: how far it widens is unknown", got)
	}
}

func TestResidualNamesWhatStillTrusts(t *testing.T) {
	const url, key = "https://a.example", "a.example-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	conf := files{"/etc/nix/nix.conf": "\n\nextra-trusted-public-keys = " + key + "\ntrusted-substituters = " + url + "\nsubstituters = https://other"}
	none := func(string) (string, bool) { return "", false }
	r := &Report{
		Client: nixconf.Load(conf, nixconf.Environment{Lookup: none, Home: "/home/a", System: "x86_64-linux", CPUs: 2}, nixconf.Newest),
		AnswerFiles: []AnswersFile{
			{Path: "/u.json", State: nixconf.SourceRead, Answers: Answers{"extra-substituters": {url: true}, "substituters": {url + "/ https://b": true}}},
			{Path: "/root.json", State: nixconf.SourceUnreadable},
		},
	}
	text := `{"extra-substituters":{"` + url + `":true},"extra-trusted-public-keys":{"` + key + `":true},"substituters":{"` + url + `/ https://b":true}}`
	p, err := PlanAnswers(AnswersSource{Path: "/u.json", State: stateOf(text)}, []AnswerEdit{
		{"extra-substituters", url, AnswerForget}, {"extra-trusted-public-keys", key, AnswerNo},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range p.WithResidual(r).Residual {
		got = append(got, e.Subject+" "+place(e.Where)+" "+e.Text)
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		url + " /u.json A yes to substituters", url + " /etc/nix/nix.conf:4 The administrator lists it in trusted-substituters",
		key + " /etc/nix/nix.conf:3 The configuration believes the key", "/root.json /root.json The answers in it could not be read", "stays in the store",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among\n%s", want, all)
		}
	}
	if strings.Contains(all, "https://other") || strings.Contains(all, "A yes to extra-substituters") {
		t.Errorf("too much is said to be left:\n%s", all)
	}
}
