package trust

import (
	"errors"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func plannedText(t *testing.T, text string, edits ...AnswerEdit) (string, Plan) {
	t.Helper()
	p, err := PlanAnswers(AnswersSource{Path: "/t.json", State: stateOf(text)}, edits)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Steps) == 0 {
		return text, p
	}
	return string(p.Steps[0].After.Data), p
}

func TestEditsChangeNothingElse(t *testing.T) {
	const text = `{"b":{"x":true,"y":false},"unknown":{},"a":{"z":true}}`
	for _, c := range []struct {
		edit AnswerEdit
		want string
		risk PlanRisk
	}{
		{AnswerEdit{"b", "x", AnswerForget}, `{"a":{"z":true},"b":{"y":false},"unknown":{}}`, PlanNarrows},
		{AnswerEdit{"b", "y", AnswerForget}, `{"a":{"z":true},"b":{"x":true},"unknown":{}}`, PlanNeutral},
		{AnswerEdit{"a", "z", AnswerForget}, `{"b":{"x":true,"y":false},"unknown":{}}`, PlanNarrows},
		{AnswerEdit{"a", "z", AnswerNo}, `{"a":{"z":false},"b":{"x":true,"y":false},"unknown":{}}`, PlanNarrows},
		{AnswerEdit{"a", "z", AnswerYes}, text, PlanNeutral},
		{AnswerEdit{"a", "nothing", AnswerForget}, text, PlanNeutral},
		{AnswerEdit{"b", "y", AnswerYes}, `{"a":{"z":true},"b":{"x":true,"y":true},"unknown":{}}`, PlanSweeping},
		{AnswerEdit{"extra-substituters", "https://a", AnswerYes}, `{"a":{"z":true},"b":{"x":true,"y":false},"extra-substituters":{"https://a":true},"unknown":{}}`, PlanWidens},
		{AnswerEdit{"post-build-hook", "/x", AnswerYes}, `{"a":{"z":true},"b":{"x":true,"y":false},"post-build-hook":{"/x":true},"unknown":{}}`, PlanSweeping},
		{AnswerEdit{"post-build-hook", "/x", AnswerNo}, `{"a":{"z":true},"b":{"x":true,"y":false},"post-build-hook":{"/x":false},"unknown":{}}`, PlanNeutral},
	} {
		got, p := plannedText(t, text, c.edit)
		if got != c.want || p.Risk != c.risk {
			t.Errorf("%+v: %s, %s; want %s, %s", c.edit, got, p.Risk, c.want, c.risk)
		}
		if p.Empty() != (got == text) {
			t.Errorf("%+v: Empty is %t", c.edit, p.Empty())
		}
	}
}

func TestForgettingACacheFindsEveryValueThatHasIt(t *testing.T) {
	const key, name = "a.example-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "a.example-1"
	a := Answers{
		"extra-substituters":          {"https://b https://a.example/": true, "https://a.example.org": true, "\n\thttps://A.example?priority=1\n": false},
		"substituters":                {"https://a.example/sub": true, "http://a.example": true},
		"trusted-substituters":        {"https://a.example:444": true},
		"extra-trusted-public-keys":   {key + " other-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=": true},
		"trusted-public-keys":         {strings.TrimRight(key, "="): true, "a.example-1:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=": true},
		"extra-unknown-setting":       {"x https://a.example": true},
		"bash-prompt":                 {"see https://a.example": true},
		"extra-experimental-features": {"a.example": true},
	}
	for item, want := range map[string]int{
		"https://a.example":   3, // with a slash, with a parameter, in an unknown setting
		"https://a.example/":  3,
		"HTTPS://A.EXAMPLE/?": 3,
		"http://a.example":    1,
		"https://a.example/s": 0,
		"a.example":           7, // any cache of the host, and the setting whose item it is
		key:                   2,
		name:                  3, // any key of the name
		"other-1":             1,
		"b":                   1,
		"":                    0,
		" ":                   0,
		"see":                 0,
	} {
		got := a.ForgetItem(item)
		if len(got) != want {
			t.Errorf("%q: %d answers are forgotten, want %d: %+v", item, len(got), want, got)
		}
		for _, e := range got {
			if e.Do != AnswerForget {
				t.Errorf("%q: %+v", item, e)
			}
		}
	}
}

func TestADangerousYesIsNeverSaved(t *testing.T) {
	for _, e := range []AnswerEdit{
		{"accept-flake-config", "true", AnswerYes}, {"accept-flake-config", "1", AnswerYes}, {"accept-flake-config", "ask", AnswerYes},
		{"require-sigs", "false", AnswerYes}, {"binary-caches-parallel-connections", "x", AnswerNothing},
		{"trusted-users", "me", AnswerYes}, {"extra-trusted-users", "*", AnswerYes},
		{"extra-substituters", "https://a https://b?trusted=1", AnswerYes}, {"extra-substituters", "https://b?tr%75sted=true", AnswerYes},
		{"unheard-of", "https://b?trusted=yes", AnswerYes}, {"a", "\xff", AnswerYes},
		// Stores without a scheme have parameters too, and so has the store itself.
		{"extra-substituters", "https://a local?root=/x&trusted=1", AnswerYes}, {"binary-caches", "/x?trusted=yes", AnswerYes},
		{"extra-trusted-substituters", "auto?tr%75sted=1", AnswerYes}, {"store", "local?trusted=true", AnswerYes},
		{"store", "local?require-sigs=false", AnswerYes}, {"store", "unix:///s?require%2dsigs=0", AnswerYes},
	} {
		if p, err := PlanAnswers(AnswersSource{Path: "/t.json"}, []AnswerEdit{e}); err == nil {
			t.Errorf("%+v: it is planned: %+v", e, p.Changes)
		}
	}
	for _, e := range []AnswerEdit{{"accept-flake-config", "false", AnswerYes}, {"accept-flake-config", "true", AnswerNo}, {"require-sigs", "true", AnswerYes},
		{"bash-prompt", "a?trusted=1", AnswerYes}, {"store", "local?require-sigs=true", AnswerYes}, {"store", "local?require-sigs=false", AnswerNo}} {
		if _, err := PlanAnswers(AnswersSource{Path: "/t.json"}, []AnswerEdit{e}); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

// What Nix cannot read is explained with its place and left alone, whatever the
// edit is; and what we write is always read back as what was meant.
func TestAFileThatNixRefusesIsNeverReplaced(t *testing.T) {
	for _, text := range answerFiles {
		src := AnswersSource{Path: "/t.json", State: stateOf(text)}
		p, err := PlanAnswers(src, []AnswerEdit{{"a", "new", AnswerYes}})
		before, bad := ParseAnswers([]byte(text), nixconf.Newest)
		if bad != nil {
			var refusal *AnswersRefusal
			if !errors.As(err, &refusal) || len(p.Steps) > 0 || !strings.HasPrefix(err.Error(), "/t.json") {
				t.Errorf("%q: %v, %+v", text, err, p)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		after, bad := ParseAnswers(p.Steps[0].After.Data, nixconf.Newest)
		if bad != nil {
			t.Errorf("%q: we write %q, which Nix refuses: %v", text, p.Steps[0].After.Data, bad)
		}
		if d := answerDiff(before, after); len(d) != 1 || d[0].name != "a" || d[0].value != "new" {
			t.Errorf("%q: changed %+v", text, d)
		}
		if r, err := RevertAnswers(AnswersSource{Path: "/t.json", State: p.Steps[0].After}, p.Steps[0]); err != nil {
			t.Errorf("%q: %v", text, err)
		} else if back, bad := ParseAnswers(r.Steps[0].After.Data, nixconf.Newest); bad != nil || len(answerDiff(before, back)) > 0 {
			t.Errorf("%q: taken back it is %q", text, r.Steps[0].After.Data)
		}
	}
}

func FuzzAnswersSurviveBeingPrinted(f *testing.F) {
	for _, s := range answerFiles {
		f.Add([]byte(s), "name", "value")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		p, err := PlanAnswers(AnswersSource{Path: "/t", State: FileState{Exists: true, Data: data}}, []AnswerEdit{{name, value, AnswerNo}})
		if err != nil {
			return
		}
		before, _ := ParseAnswers(data, nixconf.Newest)
		want, err := before.edit([]AnswerEdit{{name, value, AnswerNo}})
		if err != nil {
			t.Fatal(err)
		}
		got := before
		if len(p.Steps) > 0 {
			var bad *AnswersError
			if got, bad = ParseAnswers(p.Steps[0].After.Data, nixconf.Newest); bad != nil {
				t.Fatalf("%q: %v", p.Steps[0].After.Data, bad)
			}
		}
		if d := answerDiff(want, got); len(d) > 0 {
			t.Fatalf("%q: differs in %+v", data, d)
		}
		for _, s := range p.Steps {
			s.Diff()
		}
	})
}

func TestAYesToALookAlikeIsSaid(t *testing.T) {
	for value, want := range map[string]bool{
		"https://cache.nixos.org https://cache.nixos.org.evil.example": true, "https://xn--pple-43d.com": true, "https://ok.example": false,
	} {
		for _, do := range []AnswerDo{AnswerYes, AnswerNo} {
			p, err := PlanAnswers(AnswersSource{Path: "/t.json"}, []AnswerEdit{{"extra-substituters", value, do}})
			said := strings.Contains(strings.Join(p.Notes, "\n"), "Look at https://")
			if err != nil || said != (want && do == AnswerYes) {
				t.Errorf("%s: said %v, %q %v", value, said, p.Notes, err)
			}
		}
	}
}
