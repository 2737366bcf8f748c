package trust

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A lintCase is files that a rule finds fault with, and what real Nix does with
// those very files. CACHE signs with KEY, BARE does not sign; SAMENAME is
// another key with KEY's name, DIR the folder of everything.
type lintCase struct {
	code       Code
	conf, user string // the system's nix.conf, and the user's
	flake      string // a nixConfig
	answers    string
	daemon     bool // nobody's commands use a daemon
	line       int  // of the finding: in user, else flake, else conf; 0 when it has none
	does       func(t *testing.T, w *world, c lintCase)
}

// comes wants the cache's copy of the path to come, or not, with a nix.conf.
func comes(t *testing.T, w *world, want bool, conf string) {
	t.Helper()
	if got, r := w.substituted(t, conf); got != want {
		t.Errorf("the cache's copy came: %v, want %v: %d %s", got, want, r.Code, r.Stderr)
	}
}

// lost: the path comes from the cache without what the rule warns of, and not with it.
func lost(without string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		comes(t, w, true, w.fill.Replace(without))
		w.write(t, "home/.config/nix/nix.conf", w.fill.Replace(c.user))
		defer os.RemoveAll(w.outside + "/home/.config")
		comes(t, w, false, w.fill.Replace(c.conf))
	}
}

// unchecked: what nobody signed comes with what the rule warns of, and not without it.
func unchecked(without string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		comes(t, w, false, w.fill.Replace(without))
		comes(t, w, true, w.fill.Replace(c.conf))
	}
}

// misled is lost for a flake whose nixConfig is accepted.
func misled(without string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		for config, want := range map[string]bool{without: true, c.flake: false} {
			if got, r := w.accepted(t, w.fill.Replace(c.conf), w.fill.Replace(config)); got != want || r.Code != 0 {
				t.Errorf("%s: the cache's copy came: %v, want %v: %d %s", config, got, want, r.Code, r.Stderr)
			}
		}
	}
}

// stops: a command fails and says so.
func stops(says string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		w.write(t, "etc/nix.conf", w.lines+w.fill.Replace(c.conf))
		args := []string{"nix-instantiate", "--eval", "--expr", "1"}
		if c.flake != "" {
			w.write(t, "flake/flake.nix", flakeText(w.fill.Replace(c.flake)))
			args = []string{"nix", "eval", "--accept-flake-config", "path:" + w.inside + "/flake#x.name"}
		}
		if r := w.run(t, args...); r.Code == 0 || !strings.Contains(r.Stderr, says) {
			t.Errorf("exit %d, %s", r.Code, r.Stderr)
		}
	}
}

// warns: a command says so and goes on.
func warns(says string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		_, r := w.substituted(t, w.fill.Replace(c.conf))
		if !strings.Contains(r.Stderr, says) {
			t.Errorf("it did not say %q: %s", says, r.Stderr)
		}
	}
}

// dropped: the daemon does not take what nobody sends, and says so.
func dropped(says string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		w.write(t, "home/.config/nix/nix.conf", w.fill.Replace(c.user))
		defer os.RemoveAll(w.outside + "/home/.config")
		args := []string{"nix-store", "--check-validity", w.path}
		if c.flake != "" {
			w.write(t, "flake/flake.nix", flakeText(w.fill.Replace(c.flake)))
			args = []string{"nix", "build", "--no-link", "--dry-run", "--accept-flake-config", "path:" + w.inside + "/flake#x"}
		}
		if r := w.asUser(t, w.fill.Replace(c.conf), args...); !strings.Contains(r.Stderr, says) {
			t.Errorf("it did not say %q: %s", says, r.Stderr)
		}
	}
}

// acceptsMore: with the case's answers and configuration, the flake's setting
// that nobody was asked about is applied; without them it is ignored.
func acceptsMore(t *testing.T, w *world, c lintCase) {
	const ignored = "ignoring untrusted flake configuration setting 'extra-substituters'"
	config := c.flake
	if config == "" {
		config = `accept-flake-config = true; extra-substituters = "BARE";`
	}
	answers := c.answers
	if answers == "" && c.conf == "" {
		answers = `{"accept-flake-config":{"true":true}}`
	}
	w.write(t, "flake/flake.nix", flakeText(w.fill.Replace(config)))
	eval := func() realnix.Result {
		return w.run(t, "nix", "eval", "path:"+w.inside+"/flake#x.name")
	}
	w.write(t, "etc/nix.conf", w.lines)
	if r := eval(); r.Code != 0 || !strings.Contains(r.Stderr, ignored) {
		t.Errorf("before: %d %s", r.Code, r.Stderr)
	}
	w.write(t, "etc/nix.conf", w.lines+c.conf)
	if answers != "" {
		w.write(t, "home/.local/share/nix/trusted-settings.json", answers)
		defer os.RemoveAll(w.outside + "/home/.local")
	}
	if r := eval(); r.Code != 0 || strings.Contains(r.Stderr, ignored) {
		t.Errorf("after: %d %s", r.Code, r.Stderr)
	}
}

const usable = "substituters = CACHE\ntrusted-public-keys = KEY\n"

var lintCases = []lintCase{
	{code: CodeConfigFatal, conf: "substituters CACHE\n", line: 5, does: stops("configuration line 'substituters ")},
	{code: CodeIncludeMissing, conf: "include gone.conf\n", line: 5, does: stops("included from")},
	{code: CodeAnswersBroken, answers: `{"a":1}`, does: func(t *testing.T, w *world, c lintCase) {
		w.write(t, "home/.local/share/nix/trusted-settings.json", c.answers)
		defer os.RemoveAll(w.outside + "/home/.local")
		w.write(t, "etc/nix.conf", w.lines)
		w.write(t, "flake/flake.nix", flakeText(`max-jobs = 1;`))
		if r := w.run(t, "nix", "eval", "path:"+w.inside+"/flake#x.name"); r.Code == 0 {
			t.Error("it was read all the same")
		}
	}},
	{code: CodeSkeletonKey, answers: `{"accept-flake-config":{"true":true}}`, does: acceptsMore},
	{code: CodeAcceptFlag, conf: "accept-flake-config = true\n", line: 5, does: acceptsMore},
	{code: CodeAcceptInFlake, flake: `accept-flake-config = true; extra-substituters = "BARE";`, line: 3, does: acceptsMore},
	{code: CodeRootEquivalent, conf: "trusted-users = root 4242\n", line: 5, daemon: true, does: func(t *testing.T, w *world, c lintCase) {
		for conf, want := range map[string]bool{"trusted-users = root\n": false, c.conf: true, "trusted-users = *\n": true} {
			w.forget(t)
			r := w.asUser(t, conf, "nix", "copy", "--no-check-sigs", "--from", w.fill.Replace("BARE"), w.path)
			if (r.Code == 0) != want {
				t.Errorf("%s a user put an unsigned path into the store: exit %d, want success %v: %s", conf, r.Code, want, r.Stderr)
			}
		}
	}},
	{code: CodeSigsOff, conf: "substituters = BARE\nrequire-sigs = false\n", line: 6, does: unchecked("substituters = BARE\n")},
	{code: CodeStoreTrustedParam, conf: "substituters = BARE?trusted=1\n", line: 5, does: unchecked("substituters = BARE\n")},
	{code: CodeDangerous, flake: `post-build-hook = "DIR/hook";`, line: 3, does: func(t *testing.T, w *world, c lintCase) {
		w.write(t, "hook", "#!/bin/sh\nexec > "+w.inside+"/ran\necho $OUT_PATHS\n")
		_, r := w.accepted(t, "substituters =\n", w.fill.Replace(c.flake))
		if w.nix.Short == "2.8" {
			// It leaves the root that tests run it in before it starts the program.
			if !strings.Contains(r.Stderr, "running post-build-hook '"+w.inside+"/hook'") {
				t.Errorf("no hook was started: %s", r.Stderr)
			}
			return
		}
		if got := w.read(t, "/ran"); got != w.path {
			t.Errorf("the hook was given %q: %s", got, r.Stderr)
		}
	}},
	{code: CodeSuspectText, flake: "\"gnp\u202e\" = \"x\";", line: 3, does: func(t *testing.T, w *world, c lintCase) {
		w.write(t, "etc/nix.conf", w.lines)
		w.write(t, "flake/flake.nix", flakeText(c.flake))
		if r := w.run(t, "nix", "eval", "path:"+w.inside+"/flake#x.name"); !strings.Contains(r.Stderr, "gnp\u202e") {
			t.Errorf("Nix does not print it as it is: %q", r.Stderr)
		}
	}},
	{code: CodeURLCredentials, conf: "substituters = http://mira:hunter2@127.0.0.1:9\n", line: 5, does: printsToAnybody("hunter2")},
	{code: CodeTokenReadable, conf: "access-tokens = github.com=ghp_secret\n", line: 5, does: printsToAnybody("ghp_secret")},

	{code: CodeKeyMalformed, conf: usable + "extra-trusted-public-keys = other-1:AAAA\n", line: 7, does: lost(usable)},
	{code: CodeKeyMalformed, conf: usable + "extra-trusted-public-keys = https://cache.example\n", line: 7, does: lost(usable)},
	{code: CodeKeyNameClash, conf: "substituters = CACHE\ntrusted-public-keys = SAMENAME KEY\n", line: 6, does: lost("substituters = CACHE\ntrusted-public-keys = KEY SAMENAME\n")},
	{code: CodeKeysReplaced, conf: usable, user: "trusted-public-keys = other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\n", line: 1, does: lost(usable)},
	{code: CodeKeysReplaced, conf: usable, flake: `trusted-public-keys = "other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";`, line: 3,
		does: misled(`extra-trusted-public-keys = "other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";`)},
	{code: CodeKeyUndeclared, conf: "substituters =\n", flake: `extra-substituters = "CACHE";`, line: 3, does: misled(`extra-substituters = "CACHE"; extra-trusted-public-keys = "KEY";`)},
	{code: CodeKeyUndeclared, conf: "trusted-public-keys =\nsubstituters = CACHE\n", line: 6, does: lost(usable)},
	{code: CodeKeyWithoutCache, conf: "substituters =\ntrusted-public-keys = KEY\n", daemon: true, line: 6, does: func(t *testing.T, w *world, c lintCase) {
		for conf, want := range map[string]bool{"substituters =\n": false, c.conf: true} {
			w.forget(t)
			r := w.asUser(t, w.fill.Replace(conf), "nix", "copy", "--from", w.fill.Replace("CACHE"), w.path)
			if (r.Code == 0) != want {
				t.Errorf("%s a path from a cache that is listed nowhere: exit %d, want success %v: %s", conf, r.Code, want, r.Stderr)
			}
		}
	}},

	{code: CodeNotLiteral, flake: `extra-substituters = "a" + "b";`, line: 3, does: stops("is a thunk")},
	{code: CodeBadValue, flake: `require-sigs = "maybe";`, line: 3, does: stops("'require-sigs' has invalid value 'maybe'")},
	{code: CodeDefaultsReplaced, conf: usable, flake: `substituters = "BARE";`, line: 3, does: misled(`extra-substituters = "BARE";`)},
	{code: CodeDefaultsReplaced, conf: usable, user: "substituters = BARE\n", line: 1, does: lost(usable)},
	{code: CodeExtraOverwritten, conf: "substituters =\ntrusted-public-keys = KEY\n", flake: `extra-substituters = "CACHE"; substituters = "BARE";`, line: 3, does: misled(`extra-substituters = "CACHE BARE";`)},
	{code: CodeLineOverwritten, conf: "trusted-public-keys = KEY\nextra-substituters = CACHE\nsubstituters = BARE\n", line: 6, does: lost("trusted-public-keys = KEY\nsubstituters = BARE\nextra-substituters = CACHE\n")},
	{code: CodeLineOverwritten, conf: usable + "substitute = true\nsubstitute = false\n", line: 7, does: lost(usable)},
	{code: CodePunctuation, conf: "substituters = CACHE, BARE\ntrusted-public-keys = KEY\n", line: 5, does: lost("substituters = CACHE BARE\ntrusted-public-keys = KEY\n")},
	{code: CodeUnknownScheme, conf: "substituters = htps://cache.example\n", line: 5, does: warns("don't know how to open Nix store")},
	{code: CodeBadParameter, conf: "substituters = CACHE?priority=high\ntrusted-public-keys = KEY\n", line: 5, does: lost("substituters = CACHE?priority=10\ntrusted-public-keys = KEY\n")},
	{code: CodeStoreDirMismatch, conf: "substituters = CACHE?store=/other\ntrusted-public-keys = KEY\n", line: 5, does: lost(usable)},
	{code: CodeListedParameter, conf: "trusted-substituters = http://127.0.0.1:9/?priority=5\n", daemon: true, line: 5, does: func(t *testing.T, w *world, c lintCase) {
		c.user = "substituters = http://127.0.0.1:9/\n"
		dropped("ignoring untrusted substituter")(t, w, c)
	}},
	{code: CodeListedNoSlash, conf: "trusted-substituters = http://127.0.0.1:9\n", daemon: true, line: 5, does: func(t *testing.T, w *world, c lintCase) {
		c.user = "substituters = http://127.0.0.1:9/\n"
		dropped("ignoring untrusted substituter")(t, w, c)
		w.write(t, "home/.config/nix/nix.conf", "substituters = http://127.0.0.1:9\n")
		defer os.RemoveAll(w.outside + "/home/.config")
		if r := w.asUser(t, "trusted-substituters = http://127.0.0.1:9/\n", "nix-store", "--check-validity", w.path); strings.Contains(r.Stderr, "ignoring untrusted") {
			t.Errorf("listed with the slash, the URL without it is refused: %s", r.Stderr)
		}
	}},
	{code: CodeNearMissURL, conf: "trusted-substituters = http://127.0.0.1:9\n", user: "substituters = http://127.0.0.1:9/\n", daemon: true, line: 1, does: dropped("ignoring untrusted substituter 'http://127.0.0.1:9/'")},
	{code: CodeNearMissURL, conf: "trusted-substituters = http://127.0.0.1:9\n", flake: `substituters = "http://localhost:9";`, daemon: true, line: 3, does: dropped("ignoring untrusted substituter 'http://localhost:9'")},
	{code: CodeSubstituterUnlisted, user: "substituters = http://127.0.0.1:9/\n", daemon: true, line: 1, does: dropped("ignoring untrusted substituter 'http://127.0.0.1:9/'")},
	{code: CodeSettingRestricted, user: "extra-trusted-public-keys = KEY\n", daemon: true, line: 1, does: dropped("ignoring the client-specified setting 'trusted-public-keys'")},
	{code: CodeSettingIneffective, conf: "substituters = BARE\n", flake: `require-sigs = false;`, line: 3, does: func(t *testing.T, w *world, c lintCase) {
		if came, r := w.accepted(t, w.fill.Replace(c.conf), c.flake); came || r.Code != 0 {
			t.Errorf("an unsigned path came: %v %d %s", came, r.Code, r.Stderr)
		}
	}},
	{code: CodeSettingIneffective, user: "trusted-users = 4242\n", daemon: true, line: 1, does: func(t *testing.T, w *world, c lintCase) {
		w.write(t, "home/.config/nix/nix.conf", c.user)
		defer os.RemoveAll(w.outside + "/home/.config")
		w.forget(t)
		if r := w.asUser(t, "trusted-users = root\n", "nix", "copy", "--no-check-sigs", "--from", w.fill.Replace("BARE"), w.path); r.Code == 0 {
			t.Error("a user became trusted by a file of its own")
		}
	}},
	{code: CodeSubstitutionOff, conf: usable + "substitute = false\n", line: 7, does: lost(usable)},
	{code: CodeUnknownSetting, conf: "substituter = CACHE\n", line: 5, does: warns("unknown setting 'substituter'")},
	{code: CodeUnknownSetting, conf: usable, flake: `extra-substituter = "BARE";`, line: 3, does: func(t *testing.T, w *world, c lintCase) {
		if _, r := w.accepted(t, w.fill.Replace(c.conf), w.fill.Replace(c.flake)); r.Code != 0 || strings.Contains(r.Stderr, "unknown setting") {
			t.Errorf("accepted, it is not dropped without a word: %d %s", r.Code, r.Stderr)
		}
	}},
	{code: CodeConfigWarning, conf: "experimental-features = nix-command flakes made-up-one\n", line: 5, does: warns("unknown experimental feature 'made-up-one'")},
}

// printsToAnybody: any user's nix prints it.
func printsToAnybody(secret string) func(*testing.T, *world, lintCase) {
	return func(t *testing.T, w *world, c lintCase) {
		w.write(t, "etc/nix.conf", w.lines+c.conf)
		show := []string{"nix", "config", "show"}
		if w.nix.Short == "2.8" {
			show = []string{"nix", "show-config"}
		}
		defer w.lendHome(t)()
		r := w.nix.Run(t, realnix.Cmd{Args: show, Env: w.env(), Dir: w.inside, UID: nobody, GID: nobody})
		if !strings.Contains(r.Stdout, secret) {
			t.Errorf("it is not printed: %s%s", r.Stdout, r.Stderr)
		}
	}
}

// Every rule finds its mistake in files with which real Nix does what the rule
// warns of.
func TestLintRulesWarnOfWhatRealNixDoes(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		w := newWorld(t, nix)
		for _, c := range lintCases {
			t.Run(string(c.code), func(t *testing.T) {
				l := w.lint(c)
				file := w.inside + "/etc/nix.conf"
				switch {
				case c.line == 0:
					file = "/answers"
				case c.user != "":
					file = w.inside + "/home/.config/nix/nix.conf"
				case c.flake != "":
					file = w.inside + "/flake/flake.nix"
				}
				if !slices.ContainsFunc(l.Findings, func(f Finding) bool {
					return f.Code == c.code && f.Where.File == file && f.Where.Line == c.line && len(f.Fixes) == 1 && f.Text != ""
				}) {
					t.Errorf("no such finding at %s:%d: %+v", file, c.line, l.Findings)
				}
				c.does(t, w, c)
			})
		}
	})
}

func TestEveryLintRuleHasACaseOfRealNix(t *testing.T) {
	for _, code := range LintCodes() {
		if !slices.ContainsFunc(lintCases, func(c lintCase) bool { return c.code == code }) {
			t.Errorf("%s is held against no real Nix", code)
		}
	}
}

// What a review says that Nix will ask about is what real Nix complains that
// it was not answered.
func TestReviewForetellsWhatRealNixAsks(t *testing.T) {
	const config = `
    accept-flake-config = false; allow-dirty = true; bash-prompt = "x"; bash-prompt-prefix = "y"; commit-lockfile-summary = "z";
    extra-substituters = [ "https://a.example" "https://b.example" ]; extra-trusted-public-keys = "k-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
    flake-registry = "/none"; made-up = "x"; max-jobs = 1; post-build-hook = "/x"; substituters = "https://a.example"; sandbox = false;`
	const answers = `{"allow-dirty":{"true":true},"max-jobs":{"1":false},"extra-substituters":{"https://b.example https://a.example":true}}`
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		w := &world{nix: nix, lines: "experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nfsync-metadata = false\n"}
		w.outside, w.inside = nix.Dir(t)
		w.fill = strings.NewReplacer()
		w.write(t, "etc/nix.conf", w.lines)
		w.write(t, "flake/flake.nix", flakeText(config))
		w.write(t, "home/.local/share/nix/trusted-settings.json", answers)
		r := w.run(t, "nix", "eval", "path:"+w.inside+"/flake#x.name")
		if r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		const ignoring = "ignoring untrusted flake configuration setting '"
		var complained []string
		for rest := r.Stderr; ; {
			_, after, found := strings.Cut(rest, ignoring)
			if !found {
				break
			}
			name, _, _ := strings.Cut(after, "'")
			complained, rest = append(complained, name), after
		}
		f := w.facts(lintCase{flake: config, answers: answers})
		v := ReviewOf(f, Decide(f), 0)
		var foretold []string
		for _, a := range v.Asks {
			if a.State == SettingAsks || a.State == SettingDenied {
				foretold = append(foretold, a.Name)
			}
		}
		slices.Sort(foretold)
		if !v.Known || len(foretold) < 6 || !slices.Equal(foretold, complained) {
			t.Errorf("foretold %v\nasked    %v", foretold, complained)
		}
	})
}
