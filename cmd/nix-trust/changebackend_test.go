package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
)

const savedAnswers = `{"accept-flake-config":{"true":true},"extra-substituters":{"https://a.example":true,"https://gone.example":false},"mystery":{"x y":true}}`

// changeHost is a home folder of its own with a flake that has a lock, and
// answers. It returns the flake's folder.
func changeHost(t *testing.T) (a *app, home, flake string) {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home + "/.config", "XDG_DATA_HOME": home + "/.local/share", "XDG_STATE_HOME": home + "/.local/state", "XDG_CACHE_HOME": home + "/.cache",
		"NIX_TRUST_STATE_DIR": home + "/trust-state", "NIX_TRUST_CONFIG_DIR": home + "/trust-config", "NIX_CONF_DIR": home + "/conf", "NIX_USER_CONF_FILES": "",
		"NIX_STORE_DIR": bincache.DefaultStoreDir, "NIX_REMOTE": "local?root=" + home + "/root", "NIX_CONFIG": "",
	} {
		t.Setenv(name, value)
	}
	flake = home + "/flake"
	write(t, home+"/conf/nix.conf", "substituters =\nexperimental-features = nix-command flakes\n")
	write(t, flake+"/flake.nix", `{
  nixConfig.extra-substituters = [ "https://a.example" "https://b.example" ];
  nixConfig.extra-trusted-public-keys = [ "b.example-1:Mt/9hbGlnV4rfmRW0o8hE8nX/PsErINPJf8pKrGJVck=" ];
  nixConfig.post-build-hook = "/bin/false";
  outputs = _: { };
}
`)
	write(t, flake+"/"+lockFile, `version = 1

[[cache]]
url = "https://b.example"
keys = ["b.example-1:Mt/9hbGlnV4rfmRW0o8hE8nX/PsErINPJf8pKrGJVck="]

[paths.x86_64-linux]
"2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello" = { nar = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", size = 168, refs = [], by = ["b.example-1"] }
`)
	write(t, home+"/.local/share/nix/trusted-settings.json", savedAnswers)
	t.Chdir(flake)
	return &app{}, home, flake
}

// files has the content of every file below the folders that changes go to.
func changedFiles(t *testing.T, home string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, path := range []string{home + "/.local/share/nix/trusted-settings.json", home + "/trust-config/grants.toml"} {
		data, err := os.ReadFile(path)
		if err == nil {
			out[path] = string(data)
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return out
}

func sameFiles(a, b map[string]string) bool {
	for path, text := range a {
		if other, ok := b[path]; !ok || other != text {
			return false
		}
	}
	return len(a) == len(b)
}

func noProgress(int, int) {}

// For every action of the screens: the plan changes nothing, what it shows is
// what is written, the command would do the same, and undo brings back the
// bytes.
func TestEveryActionWritesWhatItsPlanShowsAndUndoBringsTheBytesBack(t *testing.T) {
	answer := func(k tui.ActionKind, setting, value string) tui.Action {
		return tui.Action{Kind: k, Setting: setting, Value: value}
	}
	for _, c := range []struct {
		name string
		act  func(flake string) tui.Action
		cli  []string // FLAKE stands for the folder
		risk trust.PlanRisk
		also []tui.ActionKind // are done before it
		gone bool             // the flake is removed before it
	}{
		{name: "yes", act: func(string) tui.Action { return answer(tui.AnswerYes, "extra-substituters", "https://gone.example") },
			cli: []string{"answers", "set", "yes", "extra-substituters", "https://gone.example"}, risk: trust.PlanWidens},
		{name: "no", act: func(string) tui.Action { return answer(tui.AnswerNo, "extra-substituters", "https://a.example") },
			cli: []string{"answers", "set", "no", "extra-substituters", "https://a.example"}, risk: trust.PlanNarrows},
		{name: "yes to a flake", act: func(f string) tui.Action { return tui.Action{Kind: tui.AnswerYes, Flake: trust.FlakeID{Path: f}} },
			cli: []string{"answers", "set", "yes", "--from", "FLAKE"}, risk: trust.PlanWidens},
		{name: "no to a flake", act: func(f string) tui.Action { return tui.Action{Kind: tui.AnswerNo, Flake: trust.FlakeID{Path: f}} },
			cli: []string{"answers", "set", "no", "--from", "FLAKE"}, risk: trust.PlanNeutral},
		{name: "forget", act: func(string) tui.Action { return answer(tui.Forget, "accept-flake-config", "true") },
			cli: []string{"answers", "forget", "accept-flake-config", "true"}, risk: trust.PlanNarrows},
		{name: "forget a cache", act: func(string) tui.Action { return tui.Action{Kind: tui.Forget, Item: "https://a.example/"} },
			cli: []string{"answers", "forget", "https://a.example/"}, risk: trust.PlanNarrows},
		{name: "orphans", act: func(string) tui.Action { return tui.Action{Kind: tui.Orphans} },
			cli: []string{"answers", "forget", "--orphans"}},
		{name: "deny", act: func(f string) tui.Action { return tui.Action{Kind: tui.Deny, Flake: trust.FlakeID{Path: f}} }, risk: trust.PlanNarrows},
		{name: "allow", act: func(f string) tui.Action { return tui.Action{Kind: tui.Allow, Grant: "path:" + f} }, also: []tui.ActionKind{tui.Deny},
			cli: []string{"deny", "FLAKE", "--remove"}, risk: trust.PlanNeutral},
		{name: "grant", act: func(f string) tui.Action { return tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: f}} }},
		{name: "revoke", act: func(f string) tui.Action { return tui.Action{Kind: tui.Revoke, Flake: trust.FlakeID{Path: f}} }, also: []tui.ActionKind{tui.Grant},
			cli: []string{"revoke", "FLAKE"}, risk: trust.PlanNarrows},
		{name: "revoke by name", act: func(f string) tui.Action { return tui.Action{Kind: tui.Revoke, Grant: "path:" + f} }, also: []tui.ActionKind{tui.Grant}, risk: trust.PlanNarrows},
		{name: "prune", act: func(string) tui.Action { return tui.Action{Kind: tui.Prune} }, also: []tui.ActionKind{tui.Grant}, gone: true,
			cli: []string{"grants", "--prune"}, risk: trust.PlanNarrows},
		{name: "undo", act: func(string) tui.Action { return tui.Action{Kind: tui.Undo} }, also: []tui.ActionKind{tui.Orphans}, cli: []string{"undo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, home, flake := changeHost(t)
			for _, k := range c.also {
				if _, err := a.Apply(t.Context(), mustPlan(t, a, tui.Action{Kind: k, Flake: trust.FlakeID{Path: flake}})); err != nil {
					t.Fatal(err)
				}
			}
			if c.gone {
				if err := os.RemoveAll(flake); err != nil {
					t.Fatal(err)
				}
			}
			before := changedFiles(t, home)
			act := c.act(flake)
			p := mustPlan(t, a, act)
			if p.Empty() || p.Summary == "" || c.risk != trust.PlanUnknown && p.Risk != c.risk {
				t.Fatalf("the plan is %v: %+v", p.Risk, p)
			}
			if !sameFiles(before, changedFiles(t, home)) {
				t.Fatal("planning changed a file")
			}
			if c.cli != nil {
				sameAsCommand(t, p, strings.Split(strings.ReplaceAll(strings.Join(c.cli, "\n"), "FLAKE", flake), "\n"))
			}
			n, err := a.Apply(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			after := changedFiles(t, home)
			want := map[string]string{}
			for path, text := range before {
				want[path] = text
			}
			for _, s := range p.Steps {
				if string(s.Before.Data) != before[s.Path] {
					t.Errorf("the plan was made from something else than was in %s", s.Path)
				}
				if delete(want, s.Path); s.After.Exists {
					want[s.Path] = string(s.After.Data)
				}
			}
			if !sameFiles(want, after) {
				t.Errorf("written was %q, and shown was %q", after, want)
			}
			if shown, err := a.Entry(t.Context(), n); err != nil || shown.Digest() != p.Digest() {
				t.Errorf("the journal has another plan: %v", err)
			}
			if _, err := a.Apply(t.Context(), p); !errors.Is(err, tui.ErrMoved) {
				t.Errorf("the same plan a second time: %v", err)
			}
			back := mustPlan(t, a, tui.Action{Kind: tui.Undo, Entry: n})
			if _, err := a.Apply(t.Context(), back); err != nil {
				t.Fatal(err)
			}
			if !sameFiles(before, changedFiles(t, home)) {
				t.Errorf("undo left %q of %q", changedFiles(t, home), before)
			}
			h, err := a.History(t.Context())
			if err != nil || len(h.Entries) < 2 || h.Entries[n-1].UndoneBy == 0 || h.Entries[len(h.Entries)-1].Undoes != n {
				t.Errorf("the journal says %+v, %v", h, err)
			}
		})
	}
}

func mustPlan(t *testing.T, a *app, act tui.Action) trust.Plan {
	t.Helper()
	p, err := a.Plan(t.Context(), act, noProgress)
	if err != nil {
		t.Fatalf("%+v: %v", act, err)
	}
	return p
}

// sameAsCommand fails unless a command shows the very plan.
func sameAsCommand(t *testing.T, p trust.Plan, args []string) {
	t.Helper()
	var out, errs strings.Builder
	run(context.Background(), append(args, "--dry-run", "--json"), streams{in: strings.NewReader(""), out: &out, err: &errs})
	var got planResultJSON
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%q: %v\n%s%s", args, err, out.String(), errs.String())
	}
	if want := planOf(p); got.Plan.Digest != want.Digest || len(got.Plan.Residual) != len(want.Residual) || len(got.Plan.Commands) != len(want.Commands) || got.Plan.Risk != want.Risk {
		t.Errorf("%q plans\n%+v\nand the screens\n%+v", args, got.Plan, want)
	}
}

func TestNothingIsPlannedForNobodyKnowsWhat(t *testing.T) {
	a, home, flake := changeHost(t)
	before := changedFiles(t, home)
	for _, act := range []tui.Action{
		{}, {Kind: tui.Forget}, {Kind: tui.AnswerYes}, {Kind: tui.AnswerNo}, {Kind: 99}, {Kind: tui.Undo}, {Kind: tui.Undo, Entry: 7}, {Kind: tui.Undo, Entry: -1},
		{Kind: tui.AnswerYes, Setting: "accept-flake-config", Value: "true"}, {Kind: tui.AnswerYes, Setting: "require-sigs", Value: "false"},
		{Kind: tui.Revoke, Flake: trust.FlakeID{Path: flake}}, {Kind: tui.Allow, Flake: trust.FlakeID{Path: flake}},
		{Kind: tui.Grant, Flake: trust.FlakeID{Path: home + "/none"}}, {Kind: tui.Grant, Flake: trust.FlakeID{Ref: "github:a/b"}},
		{Kind: tui.Deny, Flake: trust.FlakeID{Path: home + "/none"}}, {Kind: tui.AnswerYes, Flake: trust.FlakeID{Path: home + "/none"}},
	} {
		if p, err := a.Plan(t.Context(), act, noProgress); err == nil || !p.Empty() {
			t.Errorf("%+v: %+v, %v", act, p, err)
		}
	}
	for _, a := range []*app{{readOnly: true}, {root: home}, {user: "root"}} {
		p := trust.Plan{Steps: []trust.FileChange{{Path: home + "/x", After: trust.FileState{Exists: true}}}}
		if _, err := a.Apply(t.Context(), p); err == nil {
			t.Errorf("%+v applied a plan", a)
		}
		if _, err := a.Plan(t.Context(), tui.Action{Kind: tui.Orphans}, noProgress); err == nil {
			t.Error("a plan was made where nothing may be changed")
		}
		if h, err := a.History(t.Context()); (err == nil) == (a.root != "") || len(h.Entries) > 0 {
			t.Errorf("the journal of another system: %+v, %v", h, err)
		}
	}
	if !sameFiles(before, changedFiles(t, home)) {
		t.Error("something was changed")
	}
}

// A grant is written only together with the very lock that was shown.
func TestALockThatMovedBetweenPlanAndYesIsNotGranted(t *testing.T) {
	a, home, flake := changeHost(t)
	p := mustPlan(t, a, tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: flake}})
	write(t, flake+"/"+lockFile, oneLock)
	if _, err := a.Apply(t.Context(), p); !errors.Is(err, tui.ErrMoved) || !strings.Contains(err.Error(), "it is another lock now") {
		t.Errorf("a lock that was exchanged: %v", err)
	}
	if err := os.Remove(flake + "/" + lockFile); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Apply(t.Context(), p); err == nil {
		t.Error("a lock that is gone was granted")
	}
	if got := changedFiles(t, home); got[home+"/trust-config/grants.toml"] != "" {
		t.Errorf("written was %q", got)
	}
	if kept, _ := filepath.Glob(home + "/trust-state/locks/*"); len(kept) > 0 {
		t.Errorf("a lock that nobody granted is kept: %q", kept)
	}
}

func TestGrantsOfTheScreenStandAsTheyAreListed(t *testing.T) {
	a, home, flake := changeHost(t)
	if _, err := a.Apply(t.Context(), mustPlan(t, a, tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: flake}})); err != nil {
		t.Fatal(err)
	}
	at := func() tui.GrantItem {
		t.Helper()
		g, err := a.Grants(t.Context())
		if err != nil || len(g.Items) != 1 {
			t.Fatalf("%+v, %v", g, err)
		}
		return g.Items[0]
	}
	if it := at(); !it.Counts || it.State != "active" || it.Unsure || it.Alarm || it.Paths != 1 || !it.Own || it.Seen != flake {
		t.Errorf("what was granted stands so: %+v", it)
	}
	text, err := os.ReadFile(flake + "/" + lockFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, flake+"/"+lockFile, strings.Replace(string(text), "168", "169", 1))
	if it := at(); it.Counts || it.State != "stale" || !it.Alarm || it.Paths != 0 || len(it.Diff) == 0 {
		t.Errorf("after the lock moved on: %+v", it)
	}
	write(t, home+"/trust-config/grants.toml", "version = 1\nsurprise = 1\n")
	if g, err := a.Grants(t.Context()); err != nil || len(g.Problems) != 1 || !strings.Contains(g.Problems[0], "grants.toml:2:") || len(g.Items) != 0 {
		t.Errorf("a file that makes no sense: %+v, %v", g, err)
	}
}

// The screens themselves, on real files.
func TestTheScreensChangeRealFiles(t *testing.T) {
	a, home, _ := changeHost(t)
	path := home + "/.local/share/nix/trusted-settings.json"
	show := func(keys ...string) string {
		t.Helper()
		frame, err := tui.Frame(t.Context(), tui.Options{Backend: a}, 120, 70, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	if frame := show("3", "f"); !strings.Contains(frame, "-yes  accept-flake-config = true") {
		t.Errorf("the plan is not shown:\n%s", frame)
	}
	show("3", "f", "enter")
	show("3", "f", "esc")
	if got, _ := os.ReadFile(path); string(got) != savedAnswers {
		t.Fatalf("without a yes the file became %s", got)
	}
	show("3", "f", "y")
	if got, _ := os.ReadFile(path); strings.Contains(string(got), "accept-flake-config") {
		t.Fatalf("after a yes the file is %s", got)
	}
	if _, err := tui.Frame(t.Context(), tui.Options{Backend: a}, 120, 20, "z", "y"); err == nil {
		t.Error("a plan was made that was not read to its end")
	}
	show("z", "y", "y", "e", "s", "enter")
	if got, _ := os.ReadFile(path); strings.Contains(string(got), "accept-flake-config") {
		t.Fatal("what gives everything back was undone without its name typed")
	}
	show(append([]string{"z", "y"}, append(strings.Split("accept-flake-config", ""), "enter")...)...)
	if got, _ := os.ReadFile(path); string(got) != savedAnswers {
		t.Errorf("undo left %s", got)
	}
	if frame := show("7"); !strings.Contains(frame, "taken back") || !strings.Contains(frame, "+yes  accept-flake-config = true") {
		t.Errorf("the journal shows\n%s", frame)
	}
}

func TestTheDemoChangesItsOwnHostAlone(t *testing.T) {
	_, home, _ := changeHost(t)
	before := picture(t, home)
	a := &app{demo: true}
	flake := trust.FlakeID{Path: "/home/mira/src/comet"}
	for _, act := range []tui.Action{
		{Kind: tui.Forget, Setting: "accept-flake-config", Value: "true"}, {Kind: tui.Orphans}, {Kind: tui.AnswerNo, Flake: flake},
		{Kind: tui.Grant, Flake: flake}, {Kind: tui.Revoke, Flake: flake}, {Kind: tui.Deny, Flake: flake}, {Kind: tui.Allow, Flake: flake},
	} {
		p := mustPlan(t, a, act)
		was, err := a.read(p.Steps[0].Path)
		if err != nil || !was.Equal(p.Steps[0].Before) {
			t.Fatalf("%+v was planned from something else: %v", act, err)
		}
		n, err := a.Apply(t.Context(), p)
		if err != nil {
			t.Fatalf("%+v: %v", act, err)
		}
		if now, err := a.read(p.Steps[0].Path); err != nil || !now.Equal(p.Steps[0].After) {
			t.Errorf("%+v wrote something else: %v", act, err)
		}
		if _, err := a.Apply(t.Context(), p); !errors.Is(err, tui.ErrMoved) {
			t.Errorf("%+v a second time: %v", act, err)
		}
		back := mustPlan(t, a, tui.Action{Kind: tui.Undo, Entry: n})
		if _, err := a.Apply(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		if now, err := a.read(p.Steps[0].Path); err != nil || !now.Equal(was) {
			t.Errorf("undo of %+v: %v", act, err)
		}
		// Redo, so that the next one finds it so.
		redo := mustPlan(t, a, tui.Action{Kind: tui.Undo, Entry: n + 1})
		if _, err := a.Apply(t.Context(), redo); err != nil {
			t.Fatal(err)
		}
	}
	r, err := a.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, saved := range r.Answers {
		if saved.Skeleton || saved.Orphan {
			t.Errorf("what was forgotten is still reported: %+v", saved)
		}
	}
	h, err := a.History(t.Context())
	if err != nil || len(h.Entries) != 21 {
		t.Errorf("the journal has %d entries, %v", len(h.Entries), err)
	}
	if after := picture(t, home); before != after {
		t.Error("the demo changed a real file")
	}
}
