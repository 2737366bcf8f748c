package trust

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const (
	allowQuestion = "do you want to allow configuration setting"
	keepQuestion  = "do you want to permanently mark this value"
)

// asked runs nix on a terminal, and returns too how many settings it asked about.
func asked(t *testing.T, nix realnix.Nix, dir, flake string, replies ...string) (screen string, questions, code int) {
	t.Helper()
	screen, code = nix.OnTerminal(t, evaluation(dir, flake), replies...)
	return screen, strings.Count(screen, allowQuestion), code
}

// evaluation is the command that asks about a flake's settings.
func evaluation(dir, flake string) realnix.Cmd {
	return realnix.Cmd{
		Args: []string{"nix", "eval", "--offline", "path:" + dir + "/" + flake + "#x"},
		Env: []string{"TERM=xterm", "HOME=" + dir, "XDG_DATA_HOME=" + dir + "/data", "NIX_CONF_DIR=" + dir + "/etc",
			"NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state", "NIX_LOG_DIR=" + dir + "/log"},
	}
}

// promptHost is a place in a root of real Nix with one flake and one file of answers.
type promptHost struct {
	t       *testing.T
	nix     realnix.Nix
	outside string
	dir     string
}

func newPromptHost(t *testing.T, nix realnix.Nix, nixConfig string) promptHost {
	outside, dir := nix.Dir(t)
	h := promptHost{t, nix, outside, dir}
	h.write("etc/nix.conf", "experimental-features = nix-command flakes\nsubstituters =\nflake-registry =\n")
	h.write("flake/flake.nix", "{ nixConfig = { "+nixConfig+" }; outputs = _: { x = 1; }; }")
	return h
}

func (h promptHost) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.outside, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

const answersName = "data/nix/trusted-settings.json"

func (h promptHost) source() AnswersSource {
	h.t.Helper()
	src := AnswersSource{Path: "/" + answersName, Version: h.nix.Version}
	data, err := os.ReadFile(filepath.Join(h.outside, answersName))
	if err == nil {
		src.State = FileState{Exists: true, Data: data, Mode: 0o644}
	} else if !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	return src
}

// change plans the edits and writes what the plan says.
func (h promptHost) change(edits ...AnswerEdit) Plan {
	h.t.Helper()
	p, err := PlanAnswers(h.source(), edits)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(p.Steps) != 1 {
		h.t.Fatalf("the plan has %d steps: %+v", len(p.Steps), p)
	}
	h.write(answersName, string(p.Steps[0].After.Data))
	return p
}

func TestRealNixObeysAnswersThatNixTrustSaved(t *testing.T) {
	const setting, value = "extra-substituters", "https://a.example https://b.example/"
	// A value that no Nix accepts: where it is applied, the command fails.
	const canary, bad = "warn-dirty", "maybe"
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		h := newPromptHost(t, nix, `extra-substituters = [ "https://a.example" "https://b.example/" ]; warn-dirty = "maybe";`)
		run := func(when string, wantAsked int, wantApplied bool) {
			t.Helper()
			screen, questions, code := asked(t, nix, h.dir, "flake")
			if questions != wantAsked {
				t.Errorf("%s: Nix asked %d questions, want %d:\n%s", when, questions, wantAsked, screen)
			}
			if applied := code != 0 && strings.Contains(screen, "has invalid value"); applied != wantApplied {
				t.Errorf("%s: applied is %t (exit code %d), want %t:\n%s", when, applied, code, wantApplied, screen)
			}
		}
		run("with no file", 2, false)
		h.change(AnswerEdit{setting, value, AnswerYes}, AnswerEdit{canary, bad, AnswerYes}, AnswerEdit{"unheard-of", "ü \"\\\n\x01", AnswerNo})
		run("after a yes", 0, true)
		h.change(AnswerEdit{canary, bad, AnswerNo})
		run("after a no", 0, false)
		answers, err := h.source().Answers()
		if err != nil {
			t.Fatal(err)
		}
		h.change(answers.ForgetItem("https://b.example")...)
		run("after one cache is forgotten", 1, false)
		h.change(AnswerEdit{canary, bad, AnswerForget})
		run("after all is forgotten", 2, false)
		if a, err := h.source().Answers(); err != nil || len(a) != 1 || a["unheard-of"] == nil {
			t.Errorf("an answer to a name that nobody knows went missing: %v, %v", a, err)
		}
	})
}

func TestAnswersAreWrittenByteForByteAsRealNixWritesThem(t *testing.T) {
	files := []string{
		"", // no file
		`{}`,
		"\ufeff{\n  \"z\" : { \"b\\u0041\\/\\ud83d\\ude00\" : true, \"a\\u0000\\u001f\\u007f\\b\\f\\t\" : false } ,\n\"a\": {}, \"a\": {\"x\": false}, \"\": {\"\": true} } \n",
		`{"é":{"ü\u2028":true},"extra-substituters":{"https://x.example":false}}`,
		"{\"a\":{}}\x00rest",
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		h := newPromptHost(t, nix, `extra-substituters = "https://y.example/?a=b&c=\"d\\\n\té";`)
		edit := AnswerEdit{Setting: "extra-substituters", Value: "https://y.example/?a=b&c=\"d\\\n\té"}
		for i, text := range files {
			for do, reply := range map[AnswerDo]string{AnswerYes: "y", AnswerNo: "n"} {
				os.Remove(filepath.Join(h.outside, answersName))
				if i > 0 {
					h.write(answersName, text)
				}
				edit.Do = do
				p, err := PlanAnswers(h.source(), []AnswerEdit{edit})
				if err != nil {
					t.Fatal(err)
				}
				screen, questions, _ := asked(t, nix, h.dir, "flake", reply, "y")
				if questions != 1 || !strings.Contains(screen, keepQuestion) {
					t.Fatalf("Nix asked %d questions:\n%s", questions, screen)
				}
				if got := h.source().State.Data; string(got) != string(p.Steps[0].After.Data) {
					t.Errorf("from %q:\nNix wrote %q\nwe write  %q", text, got, p.Steps[0].After.Data)
				}
			}
		}
	})
}

// What every plan notes: no writer can keep Nix from it.
func TestANixThatWaitsAtItsQuestionOverwritesWhatCameMeanwhile(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		h := newPromptHost(t, nix, `extra-substituters = "https://a.example";`)
		h.write(answersName, `{"a":{"x":true}}`)
		nix.Converse(t, evaluation(h.dir, "flake"), func(question int) string {
			if question == 0 {
				h.change(AnswerEdit{"a", "x", AnswerForget}, AnswerEdit{"b", "y", AnswerNo})
			}
			return "y"
		})
		if got, want := string(h.source().State.Data), `{"a":{"x":true},"extra-substituters":{"https://a.example":true}}`; got != want {
			t.Errorf("the file is %s, want what Nix read before it asked and its own answer: %s", got, want)
		}
	})
}
