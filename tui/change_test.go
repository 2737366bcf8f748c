package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// later lets some time pass.
func (d *driver) later(t time.Duration) *driver {
	d.time = d.time.Add(t)
	return d
}

// planned opens the plan of what keys ask for, and waits until it can be
// answered.
func planned(t *testing.T, w, h int, b *changeBackend, keys ...string) *driver {
	t.Helper()
	return drive(t, w, h, Options{Backend: b}).finish().press(keys...).finish().later(time.Second)
}

// A saved yes is selected and forgotten.
var forget = []string{"3", "g", "j", "j", "f"}

func TestNothingIsChangedWithoutAClearYes(t *testing.T) {
	for _, keys := range [][]string{{"esc"}, {"enter"}, {"n"}, {"q"}, {"tab", "tab", "enter"}, {"tab", "esc"}, {"G", "enter"}} {
		b := changeFixture()
		before := string(b.answers.Data)
		d := planned(t, 120, 50, b, forget...)
		d.expect("Make this change?", "-yes  extra-substituters = https://hyprland.cachix.org", "[Cancel]")
		d.press(keys...).expect("Nothing was changed.").expectNot("Make this change?")
		if d.m.changes.write.current != nil || len(b.made) > 0 || string(b.answers.Data) != before {
			t.Errorf("%q changed something", keys)
		}
	}
	for _, keys := range [][]string{{"y"}, {"tab", "enter"}, {"right", "enter"}} {
		b := changeFixture()
		d := planned(t, 120, 50, b, forget...).press(keys...).finish()
		if len(b.made) != 1 || strings.Contains(string(b.answers.Data), "https://hyprland") {
			t.Fatalf("%q: %d plans were made, and the file has %s", keys, len(b.made), b.answers.Data)
		}
		d.expect("Done (1); z takes it back: Change one saved answer")
		if d.m.jobs.current == nil {
			t.Error("nothing is read again after a change")
		}
		d.settle()
		d.press("@", "G").expect("Changed since the program started", "(1) Change one saved answer", "~/.local/share/nix/trusted-settings.json")
	}
}

func TestAPlanThatWasNotSeenToItsEndIsNotMade(t *testing.T) {
	b := changeFixture()
	d := planned(t, 60, 20, b, forget...)
	d.press("y").expect("Read it to the end first").press("tab", "enter").expect("Read it to the end first")
	for range 100 {
		if d.m.question == nil || d.m.question.seen {
			break
		}
		d.press("y").press("j")
	}
	if len(b.made) > 0 || d.m.question == nil {
		t.Fatal("a plan was made before its end was in sight")
	}
	d.press("y").finish()
	if len(b.made) != 1 {
		t.Error("a plan that was read to its end could not be made")
	}
}

func TestAKeyThatWasPressedBeforeTheDialogOpenedMeansNothing(t *testing.T) {
	b := changeFixture()
	d := drive(t, 120, 50, Options{Backend: b}).press(forget...).finish()
	for range 4 {
		d.press("enter", "y", "tab", "enter", "tab").later(grace / 5)
		if d.m.question == nil || d.m.changes.write.current != nil || len(b.made) > 0 {
			t.Fatal("a key that was meant for something else answered")
		}
	}
	// A key that is held down does not get through after the grace either.
	for range 7 {
		d.press("y").later(grace / 5)
	}
	if d.m.question == nil || d.m.changes.write.current != nil {
		t.Fatal("a key that was held down answered")
	}
	d.later(grace).press("esc").expect("Nothing was changed.")
}

func TestWhatWidensIsTypedByHand(t *testing.T) {
	b := changeFixture()
	d := planned(t, 120, 50, b, "3", "j", "j", "j", "+")
	d.expect("widens", "press y and type nix-gaming.cachix.org")
	for _, wrong := range []string{"", "y", "yes", "nix-gaming", "nix-gaming.cachix.org.evil.example", "NIX-GAMING.CACHIX.ORG"} {
		d.press("y").typeText(wrong).press("enter").expect("That is not it, so nothing was changed.")
	}
	d.press("y")
	d.send(tea.PasteMsg{Content: "nix-gaming.cachix.org"})
	d.expect("it has to be typed").press("enter").expect("That is not it")
	d.press("tab", "enter").typeText("nix-gaming.cachix.org").press("esc")
	if d.m.question == nil || d.m.changes.write.current != nil || len(b.made) > 0 {
		t.Fatal("a word that was not given made the change")
	}
	d.press("y").typeText("nix-gaming.cachix.org").press("enter").finish()
	if len(b.made) != 1 || b.made[0].Risk != trust.PlanWidens {
		t.Errorf("%d plans were made", len(b.made))
	}
}

func TestTheWordIsWhatIsLetIn(t *testing.T) {
	answers := func(risk trust.PlanRisk, before, after string) trust.Plan {
		state := func(s string) trust.FileState { return trust.FileState{Exists: s != "", Data: []byte(s)} }
		return trust.Plan{Risk: risk, Steps: []trust.FileChange{{Path: "/x", Form: trust.FormAnswers, Before: state(before), After: state(after)}}}
	}
	text := func(risk trust.PlanRisk, after string) trust.Plan {
		return trust.Plan{Risk: risk, Steps: []trust.FileChange{{Path: "/x", Form: trust.FormText, After: trust.FileState{Exists: true, Data: []byte(after)}}}}
	}
	for _, c := range []struct {
		p    trust.Plan
		want string
	}{
		{answers(trust.PlanNarrows, `{"extra-substituters":{"https://a.example":true}}`, `{}`), ""},
		{answers(trust.PlanNeutral, `{}`, `{}`), ""},
		{answers(trust.PlanWidens, ``, `{"extra-substituters":{"https://a.example https://b.example https://a.example/x":true}}`), "a.example b.example"},
		{answers(trust.PlanWidens, `{"extra-substituters":{"https://a.example":true}}`, `{"extra-substituters":{"https://a.example":true,"https://b.example:8443/x":true}}`), "b.example:8443"},
		{answers(trust.PlanWidens, ``, `{"extra-substituters":{"https://u:secret@a.example":true}}`), "a.example"},
		{answers(trust.PlanWidens, ``, `{"extra-trusted-public-keys":{"k-1:AAAA":true}}`), "extra-trusted-public-keys"},
		{answers(trust.PlanUnknown, ``, `{"extra-substituters":{"https://c\u0430che.example":true}}`), `c\u{430}che.example`},
		{answers(trust.PlanSweeping, ``, `{"extra-substituters":{"https://a.example":true},"post-build-hook":{"/x":true}}`), "post-build-hook"},
		{answers(trust.PlanSweeping, ``, `{"accept-flake-config":{"true":true}}`), "accept-flake-config"},
		{answers(trust.PlanSweeping, `broken`, `{}`), "yes"},
		{text(trust.PlanWidens, "flake = \"git+https://other.example/x\"\nurl = \"https://a.example\"\nurl = \"https://b.example\"\n"), "a.example b.example"},
		{text(trust.PlanUnknown, "[[deny]]\n"), "yes"},
		{trust.Plan{}, "yes"},
	} {
		words := []string{}
		for _, w := range planWords(c.p) {
			words = append(words, w.String())
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.p.Steps, got, c.want)
		}
	}
}

func TestAKnownHostInFrontLetsNoOtherIn(t *testing.T) {
	state := trust.FileState{Exists: true, Data: []byte(`{"extra-substituters":{"https://known.example https://evil.example":true}}`)}
	d := planned(t, 80, 24, changeFixture(), "3")
	made := 0
	q := &question{words: planWords(trust.Plan{Risk: trust.PlanWidens, Steps: []trust.FileChange{{Path: "/x", Form: trust.FormAnswers, After: state}}}),
		yes: func(*root) tea.Cmd { made++; return nil }}
	d.m.ask("Make this change?", q, func(*doc) {})
	d.expect("Make this change?")
	d.press("G", "y").typeText("known.example").press("enter").expect("type evil.example")
	d.typeText("known.example").press("enter").expect("That is not it")
	if made > 0 || d.m.question != q {
		t.Fatal("the first host alone let the other one in")
	}
	if d.press("y").typeText("known.example").press("enter").typeText("evil.example").press("enter"); made != 1 {
		t.Errorf("made %d times", made)
	}
}

func TestAClickOrAPasteNeverMakesAPlan(t *testing.T) {
	b := changeFixture()
	d := planned(t, 80, 24, b, forget...).press("G", "tab")
	for y := range 24 {
		for x := 0; x < 80; x += 3 {
			d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
			d.send(tea.PasteMsg{Content: "y\n"})
			if d.m.question == nil {
				d.press(forget...).finish().later(time.Second).press("G", "tab")
			}
		}
	}
	if len(b.made) > 0 || d.m.changes.write.current != nil {
		t.Error("a click or a paste made a plan")
	}
}

func TestAFileThatMovedIsPlannedAnewAndAskedAgain(t *testing.T) {
	b := changeFixture()
	b.applies = []error{fmt.Errorf("/x/trusted-settings.json: %w", ErrMoved)}
	d := planned(t, 120, 50, b, forget...).press("y").finish()
	d.expect("Nothing was written: /x/trusted-settings.json: a file was", "This is the change worked out anew.", "[Cancel]")
	if len(b.made) != 1 || len(b.actions) != 2 || b.actions[0] != b.actions[1] {
		t.Fatalf("%d plans were made of %+v", len(b.made), b.actions)
	}
	d.press("y").expect("It opened just now")
	d.later(time.Second).press("y").finish()
	if len(b.made) != 2 {
		t.Error("the new plan was not made")
	}
}

func TestEscStopsPlanningAndNothingStopsWriting(t *testing.T) {
	b := changeFixture()
	d := drive(t, 80, 24, Options{Backend: b}).press(forget...)
	result := d.m.changes.plan.current.run()
	d.press("esc").expect("Stopped, and nothing of it is kept").send(result)
	d.expectNot("Make this change?")

	d.press("f").finish().later(time.Second).press("G", "y")
	writing := d.m.changes.write.current
	if writing == nil {
		t.Fatal("nothing is written")
	}
	d.press("esc", "f").expect("One thing at a time: a change is being written.")
	if d.send(tea.KeyPressMsg(named["ctrl+c"])); d.m.changes.write.current != writing || !d.m.changes.leaving {
		t.Fatal("the write was given up")
	}
	d.expect("The program ends as soon as that is done.")
	if cmd := d.send(writing.run()); cmd == nil || cmd() != tea.Quit() {
		t.Error("the program did not end after the write")
	}
	if len(b.made) != 1 || !d.m.interrupted {
		t.Error("the write was not made, or the interrupt was lost")
	}
}

func TestEveryChangingKeySaysWhyItIsReadOnly(t *testing.T) {
	for _, o := range []Options{{ReadOnly: true}, {ReadOnly: true, ReadOnlyWhy: "started so."}, {}} {
		b := changeFixture()
		o.Backend = b
		want := "Read-only: "
		if !o.ReadOnly {
			o.Backend, want = &b.lockBackend, "Nothing can be changed from here."
		}
		d := drive(t, 120, 36, o)
		if got := strings.Contains(d.screen(), "read-only"); got != o.ReadOnly {
			t.Errorf("the header says read-only: %t", got)
		}
		n := 0
		for i := range d.m.screens {
			for _, bind := range bindings() {
				if bind.scope != inChanges {
					continue
				}
				n++
				d.m.active, d.m.toast = i, nil
				d.press(bind.Keys()[0]).finish().expect(want)
			}
		}
		if n < 60 || len(b.actions)+len(b.made) > 0 {
			t.Errorf("%d keys, %d plans", n, len(b.actions))
		}
	}
}

// Each changing key on each screen, with what it asks for.
func TestEveryActionOfEveryScreen(t *testing.T) {
	flake := func(name string) trust.FlakeID {
		return trust.FlakeID{Ref: "git+file://" + home + "/src/" + name, Path: home + "/src/" + name}
	}
	const url = "https://hyprland.cachix.org"
	for _, c := range []struct {
		keys string
		want Action
		why  string // instead
	}{
		{keys: "1 f", why: "Select a cache or a setting of it first"},
		{keys: "1 +", want: Action{Kind: AnswerYes, Flake: flake("hypr-config")}},
		{keys: "1 -", want: Action{Kind: AnswerNo, Flake: flake("hypr-config")}},
		{keys: "1 t", want: Action{Kind: Grant, Flake: flake("hypr-config")}},
		{keys: "1 b", want: Action{Kind: Deny, Flake: flake("hypr-config")}},
		{keys: "1 R", want: Action{Kind: Revoke, Flake: flake("hypr-config")}},
		{keys: "1 F", why: "Press 3 first"},
		{keys: "1 P", why: "Press 6 first"},
		{keys: "1 z", want: Action{Kind: Undo}},
		{keys: "1 enter f", want: Action{Kind: Forget, Item: url}},
		{keys: "1 enter +", want: Action{Kind: AnswerYes, Flake: flake("hypr-config")}},
		{keys: "1 enter j +", why: "This flake does not ask for it"},
		{keys: "1 enter j f", want: Action{Kind: Forget, Item: "https://cache.nixos.org/"}},
		{keys: "1 enter j j f", want: Action{Kind: Forget, Flake: flake("hypr-config"), Setting: "extra-substituters", Value: url}},
		{keys: "1 enter j j -", want: Action{Kind: AnswerNo, Flake: flake("hypr-config"), Setting: "extra-substituters", Value: url}},
		{keys: "1 enter j j j f", why: "No answer is saved for this setting and value."},
		{keys: "1 enter j j j +", want: Action{Kind: AnswerYes, Flake: flake("hypr-config"), Setting: "extra-trusted-public-keys", Value: hyprKey}},
		{keys: "1 enter G +", why: "What an input asks for is never applied"},
		{keys: "1 j j j +", why: "This flake asks for nothing."},
		{keys: "1 j j j j j +", why: "Nix refuses this flake"},
		{keys: "1 j j j j j j -", why: "This flake could not be read"},
		{keys: "2 f", want: Action{Kind: Forget, Item: "https://cache.nixos.org/"}},
		{keys: "2 j f", why: "No saved answer has it"},
		{keys: "2 j +", why: "No flake asks for this cache"},
		{keys: "2 j j f", want: Action{Kind: Forget, Item: url}},
		{keys: "2 j j +", want: Action{Kind: AnswerYes, Flake: flake("hypr-config")}},
		{keys: "2 j j -", want: Action{Kind: AnswerNo, Flake: flake("hypr-config")}},
		{keys: "2 j j t", want: Action{Kind: Grant, Flake: flake("hypr-config")}},
		{keys: "2 j j b", want: Action{Kind: Deny, Flake: flake("hypr-config")}},
		{keys: "2 j j R", want: Action{Kind: Revoke, Flake: flake("hypr-config")}},
		{keys: "2 G b", why: "Several flakes ask for this cache"},
		{keys: "2 tab f", why: "No saved answer has it"},
		{keys: "2 tab +", why: "There is nothing here to answer"},
		{keys: "3 f", why: "This file cannot be read"},
		{keys: "3 j f", want: Action{Kind: Forget, Setting: "accept-flake-config", Value: "true"}},
		{keys: "3 F", want: Action{Kind: Orphans}},
		{keys: "3 j +", why: "It is a yes already."},
		{keys: "3 j -", want: Action{Kind: AnswerNo, Setting: "accept-flake-config", Value: "true"}},
		{keys: "3 j j j +", want: Action{Kind: AnswerYes, Setting: "extra-substituters", Value: "https://nix-gaming.cachix.org"}},
		{keys: "3 j j j -", why: "It is a no already."},
		{keys: "3 G k f", why: "This is root's answer"},
		{keys: "3 t", why: "There is no lock here"},
		{keys: "4 f", why: "There is no saved answer here"},
		{keys: "5 t", want: Action{Kind: Grant, Flake: flake("hypr-config")}},
		{keys: "5 b", want: Action{Kind: Deny, Flake: flake("hypr-config")}},
		{keys: "5 R", want: Action{Kind: Revoke, Flake: flake("hypr-config")}},
		{keys: "5 j t", why: "This lock cannot be read."},
		{keys: "5 G t", why: "This flake has no lock."},
		{keys: "6 R", why: "There is no grant here"},
		{keys: "6 j R", want: Action{Kind: Allow, Grant: "git:/home/ada/src/gaming/.git"}},
		{keys: "6 j b", why: "It is denied already."},
		{keys: "6 j t", why: "It is denied."},
		{keys: "6 j j R", want: Action{Kind: Revoke, Grant: "git:/home/ada/src/hypr-config/.git"}},
		{keys: "6 j j b", want: Action{Kind: Deny, Grant: "git:/home/ada/src/hypr-config/.git", Flake: trust.FlakeID{Path: home + "/src/hypr-config"}}},
		{keys: "6 j j t", want: Action{Kind: Grant, Flake: trust.FlakeID{Path: home + "/src/hypr-config"}}},
		{keys: "6 G R", why: "This is the system's"},
		{keys: "6 G t", why: "The flake is not on this machine"},
		{keys: "6 P", want: Action{Kind: Prune}},
		{keys: "7 z", why: "There is no change here"},
		{keys: "7 j z", want: Action{Kind: Undo, Entry: 7}},
		{keys: "7 j j j z", want: Action{Kind: Undo, Entry: 5}},
		{keys: "7 j j j j z", why: "It was not made"},
		{keys: "7 G z", why: "It was taken back already, by number 2."},
		{keys: "! f", want: Action{Kind: Forget, Setting: "accept-flake-config", Value: "true"}},
		{keys: "! j f", why: "There is no saved answer here"},
		{keys: "! z", want: Action{Kind: Undo}},
	} {
		b := changeFixture()
		d := drive(t, 120, 36, Options{Backend: b}).finish()
		for _, k := range strings.Fields(c.keys) {
			d.press(k).finish()
		}
		switch {
		case c.why != "":
			if d.expect(c.why); len(b.actions) > 0 {
				t.Errorf("%s asked for %+v", c.keys, b.actions)
			}
		case len(b.actions) != 1 || b.actions[0] != c.want:
			t.Errorf("%s asked for %+v, want %+v\n%s", c.keys, b.actions, c.want, d.screen())
		}
		if len(b.made) > 0 {
			t.Errorf("%s changed something at once", c.keys)
		}
	}
}

func TestNobodyIsAskedAboutALockBeforeAYes(t *testing.T) {
	b := changeFixture()
	b.told = Told{Hosts: []string{"cache.nixos.org"}, Paths: 3}
	d := planned(t, 80, 24, b, "t").expect("1 host would learn that you use 3 paths", "cache.nixos.org", "[No]")
	d.press("enter").expect("Nothing was asked of anybody.")
	if len(b.actions) > 0 {
		t.Fatal("the plan was made, and the caches asked")
	}
	d.press("t").finish().later(time.Second).press("y").finish()
	if len(b.actions) != 1 || b.actions[0].Kind != Grant {
		t.Errorf("%+v", b.actions)
	}
}

func TestAnAnswerIsNeverTakenForAnotherText(t *testing.T) {
	for _, fail := range []bool{false, true} {
		b := changeFixture()
		keys := []string{"3", "j", "j", "f", "5"}
		if fail {
			b.plan = func(Action) (trust.Plan, error) { return trust.Plan{}, errNothing }
		}
		d := drive(t, 120, 50, Options{Backend: b}).finish().press(keys...)
		plan := d.m.changes.plan.current.run()
		d.send(d.m.locks.reading.current.run())
		d.press("v").expect("2 hosts would learn").send(plan)
		d.expectNot("2 hosts would learn").press("y", "tab", "enter").later(time.Second).press("y").finish()
		if len(b.calls) > 0 {
			t.Errorf("a yes to another text asked the caches: %q", b.calls)
		}
		if want := 1; !fail && len(b.made) != want {
			t.Errorf("%d plans were made", len(b.made))
		}
	}
}

func TestUnknownStandingsAreNeverGood(t *testing.T) {
	b := changeFixture()
	b.list = GrantList{Items: []GrantItem{{}, {State: "active"}, {State: "active", Counts: true, Unsure: true}, {State: "active", Counts: true, Alarm: true}}}
	b.history = History{Entries: []Entry{{N: 1}}}
	d := drive(t, 120, 36, Options{Backend: b}).press("6").finish().expectNot("✓ active")
	d.press("7").finish().expectNot("✓").expect("? unclear", "unknown: take it for the worst")
}

func TestAPlanShowsEveryLineOfItsDiff(t *testing.T) {
	var before, after strings.Builder
	for i := range 300 {
		fmt.Fprintf(&before, "old line %03d %s\n", i, strings.Repeat("x", i%120))
		fmt.Fprintf(&after, "new line %03d %s\n", i, strings.Repeat("y", i%120))
	}
	p := trust.Plan{Summary: "s", Risk: trust.PlanNarrows, Steps: []trust.FileChange{{Path: "/f", Form: trust.FormText,
		Before: trust.FileState{Exists: true, Data: []byte(before.String())}, After: trust.FileState{Exists: true, Data: []byte(after.String())}}},
		Residual: []trust.Residual{{Subject: "https://left.example", Text: "It stays.", Where: nixconf.Pos{File: "/etc/nix/nix.conf", Line: 9}}},
		Commands: []trust.Fix{{Title: "Do this", Command: "sudo make-it-so"}}}
	b := changeFixture()
	b.plan = func(Action) (trust.Plan, error) { return p, nil }
	d := planned(t, 60, 20, b, "z")
	seen := map[string]bool{}
	for range 2000 {
		for l := range strings.Lines(d.screen()) {
			seen[strings.Trim(l, " │┃\n")] = true
		}
		if d.m.question.seen {
			break
		}
		d.press("j")
	}
	for i := range 300 {
		for _, want := range []string{fmt.Sprintf("-old line %03d", i), fmt.Sprintf("+new line %03d", i)} {
			found := false
			for l := range seen {
				found = found || strings.HasPrefix(l, want)
			}
			if !found {
				t.Fatalf("%q was never shown", want)
			}
		}
	}
	d.expect("sudo make-it-so", "https://left.example").press("Y").expect("copied the command: sudo make-it-so")
}

// A plan can be as large as a file of answers may be. Its first frame and every
// step through it stay quick.
func TestAHugePlanDoesNotStallAFrame(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "line %d %s\n", i, strings.Repeat("https://\u202e漢.example/ ", 20))
	}
	b := changeFixture()
	b.plan = func(Action) (trust.Plan, error) {
		return trust.Plan{Summary: text.String(), Changes: []string{text.String()}, Risk: trust.PlanNarrows,
			Steps: []trust.FileChange{{Path: "/x", Form: trust.FormText, After: trust.FileState{Exists: true, Data: []byte(text.String())}}}}, nil
	}
	start := time.Now()
	d := planned(t, 100, 30, b, "z")
	for _, k := range []string{"j", "space", "tab", "j", "G", "y"} {
		d.press(k)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("seven frames took %v", took)
	}
}
