package tui

import (
	"context"
	"errors"
	"image/color"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/tui/explain"
)

func gatesAt(t *testing.T, b *gateBackend) *driver {
	t.Helper()
	return drive(t, 120, 50, Options{Backend: b}).press("6").finish()
}

func TestGatesAreLookedAtOnceASecondAndOnlyWhileTheyAreShown(t *testing.T) {
	b := gateFixture()
	d := drive(t, 120, 50, Options{Backend: b}).finish()
	for range 5 {
		d.later(time.Minute).press("2", "1").finish()
	}
	if b.looks != 0 {
		t.Fatalf("they were looked at %d times before they were shown", b.looks)
	}
	d.press("6").finish().press("j", "k", "tab").finish()
	if b.looks != 1 {
		t.Errorf("they were looked at %d times within a moment", b.looks)
	}
	for range 3 {
		d.later(gatePoll).send(gateTick{})
		d.finish()
	}
	if b.looks != 4 {
		t.Errorf("they were looked at %d times in three seconds more", b.looks)
	}
	d.press("1").later(gatePoll).send(gateTick{})
	d.finish()
	if b.looks != 4 {
		t.Error("they are looked at while another screen is shown")
	}
}

func TestAGateThatDoesNotAnswerHoldsNothingUp(t *testing.T) {
	b := gateFixture()
	d := gatesAt(t, b)
	b.block = true
	d.later(gatePoll).send(gateTick{})
	looking := d.m.grants.looking().current
	if looking == nil {
		t.Fatal("nobody looks")
	}
	d.expectNot("as they were").press("j", "j").expect("Caches that may deliver it")
	d.later(gateStale).press("k").expect("Gates, as they were 4s ago").later(time.Minute).press("k").expect("Gates, as they were 1m4s ago")
	if d.m.grants.looking().current != looking || b.looks != 1 {
		t.Error("a second look began while the first one hangs")
	}
	d.press("esc").expect("There is nothing to go back from")
	d.m.giveUp() // as the program does when it ends
	if msg, ok := looking.run().(taskMsg); !ok || msg.gen != looking.gen {
		t.Error("the look does not end with the program")
	}
}

func TestALookEndsByItselfWithoutAnAnswer(t *testing.T) {
	b := gateFixture()
	b.block = true
	d := drive(t, 120, 50, Options{Backend: b}).press("6")
	ended := make(chan tea.Msg, 1)
	run := d.m.grants.looking().current.run
	go func() { ended <- run() }()
	select {
	case msg := <-ended:
		d.send(msg)
		d.expect("? unknown", "deadline exceeded").expectNot("running")
	case <-time.After(2*gateWait + 5*time.Second):
		t.Fatal("it goes on")
	}
}

// Only a gate that runs with a key that counts is marked as good.
func TestNoDoubtfulGateIsMarkedAsGood(t *testing.T) {
	g := explain.Unicode()
	for state := GateUnknown; state <= GateRunning+1; state++ {
		for key := KeyUnknown; key <= KeyInForce+1; key++ {
			m := gateMark(&GateView{State: state, Key: key}, g)
			if good := m.Role == explain.Good || m.Glyph == g.Good; good != (state == GateRunning && key == KeyInForce) || m.Word == "" {
				t.Errorf("state %d, key %d: %+v", state, key, m)
			}
		}
	}
	if (FetchOutcome{}).Whole() || (FetchOutcome{Paths: 1, Wrong: []string{"x"}}).Whole() || (FetchOutcome{Paths: 1, Refused: []string{"x"}}).Whole() {
		t.Error("a fetch that did not bring all of it is whole")
	}
}

func TestNothingIsFetchedWithoutAYes(t *testing.T) {
	for _, keys := range [][]string{{"esc"}, {"enter"}, {"n"}, {"q"}, {"tab", "tab", "enter"}} {
		b := gateFixture()
		d := gatesAt(t, b).press("j", "j", "f").finish()
		d.press("y").expect("It opened just now").later(time.Second)
		d.expect("hyprland.cachix.org", "mirror.example.org", "3 paths", "the store", "1.2 MB").press(keys...).finish()
		d.expectNot("Fetch through the gate?").expect("Nothing was asked of anybody.")
		if len(b.fetches) > 0 {
			t.Errorf("%q fetched %v", keys, b.fetches)
		}
	}
	b := gateFixture()
	d := gatesAt(t, b).press("j", "j", "f").finish().later(time.Second).press("y").finish()
	if len(b.fetches) != 1 || b.fetches[0] != b.list.Items[1].Flake {
		t.Fatalf("what was fetched is %v", b.fetches)
	}
	d.expect("✓ 3 paths arrived, verified, 1.2 MB.", "Fetched just now", "all of it is there")
}

func TestAFetchSaysWhatDidNotArrive(t *testing.T) {
	b := gateFixture()
	b.out = FetchOutcome{Paths: 1, Into: "the store", Wrong: []string{"https://mirror.example.org has other bytes."}, Refused: []string{"wlroots: nobody had it."}}
	d := gatesAt(t, b).press("j", "j", "f").finish().later(time.Second).press("y").finish()
	d.expect("Not all of it was fetched", "✗ not all of it is there", "! https://mirror.example.org has other bytes.", "✗ wlroots: nobody had it.")
	b.outErr = errors.New("the gate is gone")
	d.press("esc", "f").finish().later(time.Second).press("y").finish().expect("Nothing was fetched", "the gate is gone")
	b.askErr = errors.New("its lock cannot be read")
	d.press("esc", "f").finish().expect("This cannot be fetched", "its lock cannot be read")
	b.askErr, b.ask = nil, FetchAsk{}
	d.press("esc", "f").finish().expect("There is nothing to fetch")
}

func TestAFetchIsStoppedByEscAndThenCountsForNothing(t *testing.T) {
	b := gateFixture()
	d := gatesAt(t, b).press("j", "j", "f").finish().later(time.Second).press("y")
	going := d.m.grants.fetching.current
	if going == nil {
		t.Fatal("nothing is fetched")
	}
	d.press("f").expect("One thing at a time: it is fetching")
	d.press("esc").expect("Stopped, and nothing of it is kept: fetching")
	msg := going.run() // it has noticed
	d.send(msg)
	if d.m.grants.fetching.current != nil || len(d.m.grants.fetched) > 0 {
		t.Error("a fetch that was stopped counts")
	}
	d.expectNot("arrived", "Nothing was fetched")
}

func TestWhatCannotBeFetchedSaysWhy(t *testing.T) {
	for _, c := range []struct {
		keys []string
		o    Options
		want string
	}{
		{keys: []string{"f"}, want: "There is no grant here to fetch"}, // an alarm
		{keys: []string{"j", "f"}, want: "It is denied, so nothing of it is served."},
		{keys: []string{"j", "j", "j", "f"}, want: "The grant does not count now"}, // stale
		{keys: []string{"G", "f"}, want: "The grant does not count now"},           // unknown
		{keys: []string{"j", "j", "tab", "f"}, want: "Select a grant first"},
		{keys: []string{"j", "j", "f"}, o: Options{ReadOnly: true}, want: "Read-only"},
	} {
		b := gateFixture()
		c.o.Backend = b
		d := drive(t, 120, 50, c.o).press("6").finish().press(c.keys...).finish().expect(c.want)
		if len(b.fetches) > 0 || d.m.question != nil {
			t.Errorf("%q went on", c.keys)
		}
	}
}

// A key that changes a grant means the grant that the screen is about, and none
// while it is about a gate.
func TestKeysOnAGateChangeNoGrant(t *testing.T) {
	b := gateFixture()
	d := gatesAt(t, b).press("j", "j", "tab")
	for _, k := range []string{"R", "b", "t"} {
		d.press(k).finish().expect("Select a grant first")
	}
	d.press("+", "-").finish()
	d.press("enter").press("R").finish().expect("Select a grant first") // on the full screen, too
	if len(b.actions) > 0 {
		t.Errorf("it was planned: %+v", b.actions)
	}
	d.press("esc", "shift+tab", "R").finish()
	if len(b.actions) != 1 || b.actions[0].Grant != b.list.Items[1].Flake {
		t.Errorf("on the grant: %+v", b.actions)
	}
}

func TestWhatIsSelectedAmongTheGatesStaysSelected(t *testing.T) {
	b := gateFixture()
	d := gatesAt(t, b).press("tab", "j", "j").expect("A cache had something else")
	more := b.views[0].Status.Evidence[0]
	more.When = clock
	b.views = fixtureGates()
	b.views[0].Status.Evidence = append(b.views[0].Status.Evidence, more)
	d.later(gatePoll).send(gateTick{})
	d.finish()
	if e := d.m.grants.gates.at().evidence; e == nil || e.When.Equal(clock) {
		t.Errorf("another row is selected: %+v", d.m.grants.gates.at())
	}
}

func TestTheWaysToStartAGateCanBeCopied(t *testing.T) {
	b := gateFixture()
	b.views = stoppedGates()
	d := gatesAt(t, b).press("tab", "Y").expect("copied the command: nix-trust setup")
	d.press("y").expect("Nothing is selected that could be copied")
	b.views = fixtureGates()
	d.later(gatePoll).send(gateTick{})
	d.finish().press("y").expect("copied the gate's public key: nix-trust-gate-ada-1:")
	d.press("j", "y").expect("Not copied") // what a stranger says
}

func TestAClickSelectsAmongTheGatesAndChangesNothing(t *testing.T) {
	b := gateFixture()
	d := gatesAt(t, b)
	y := -1
	for i, l := range strings.Split(d.screen(), "\n") {
		if strings.Contains(l, "WRONG BYTES") && y < 0 {
			y = i
		}
	}
	d.send(tea.MouseClickMsg{X: 10, Y: y, Button: tea.MouseLeft})
	d.expect("A cache had something else")
	d.send(tea.MouseWheelMsg{X: 10, Y: y, Button: tea.MouseWheelDown})
	if d.m.grants.gates.at().evidence != nil || len(b.fetches)+len(b.actions) > 0 {
		t.Error("the wheel did not move the selection, or something was done")
	}
}

// Light and dark differ in colours alone, and no colour says something that the
// text does not.
func TestGatesSayTheSameInTheLight(t *testing.T) {
	b := gateFixture()
	d := gatesAt(t, b).press("tab")
	dark, text := d.m.View().Content, d.screen()
	d.send(tea.BackgroundColorMsg{Color: color.White})
	if d.screen() != text {
		t.Errorf("in the light:\n%s\nin the dark:\n%s", d.screen(), text)
	}
	if light := d.m.View().Content; light == dark || ansi.Strip(light) != ansi.Strip(dark) {
		t.Error("the colours are the same")
	}
}

func TestFetchOfABackendThatPanicsIsAnError(t *testing.T) {
	b := &panicking{gateFixture()}
	d := drive(t, 120, 50, Options{Backend: b}).press("6").finish().press("j", "j", "f").finish()
	d.expect("This cannot be fetched", "nix-trust has a bug")
}

type panicking struct{ *gateBackend }

func (p *panicking) FetchAsks(context.Context, string) (FetchAsk, error) { panic("no") }
