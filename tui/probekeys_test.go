package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

func probesAt(t *testing.T, b *probeBackend, o Options) *driver {
	t.Helper()
	o.Backend = b
	return drive(t, 120, 36, o).press("2").finish()
}

// Nothing is probed or diagnosed by looking, nor by anything but a yes.
func TestLookingAtCachesAsksNobody(t *testing.T) {
	b := probeFixture()
	d := probesAt(t, b, Options{})
	d.press("j", "k", "G", "g", "enter", "esc", "tab", "tab", "r").settle()
	d.finish().press("1", "2", "3", "2").later(100 * 24 * time.Hour).send(agedMsg{})
	d.finish()
	for _, ask := range []string{"p", "a", "d"} {
		for _, keys := range [][]string{{"enter"}, {"esc"}, {"n"}, {"q"}, {"tab", "tab", "enter"}} {
			d.press("2", "esc", "esc", "g", ask).expect("would be asked, and learn of no path that you use", "[No]").press(keys...).expect("Nothing was asked of anybody.")
			if d.m.caches.probes.work.current != nil {
				t.Fatalf("%s %q began", ask, keys)
			}
		}
		d.press(ask)
		for y := range 36 {
			for x := 0; x < 120; x += 7 {
				d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
				if d.m.question == nil {
					d.press("2", "esc", "esc", "g", ask)
				}
			}
		}
		d.press("esc")
	}
	for _, path := range []string{"", " ", "/nix/store/x"} {
		d.press("1", "D").typeText(path).press("enter").finish()
		if d.m.question != nil {
			d.expect("would learn that you use 2 paths").later(time.Second).press("esc")
		}
	}
	if len(b.calls) > 0 {
		t.Errorf("it asked: %q", b.calls)
	}
}

// What a yes asks is what the question named, and no more.
func TestAYesAsksWhatTheQuestionNamed(t *testing.T) {
	for _, c := range []struct {
		keys []string
		want string
	}{
		{[]string{"2", "p", "y"}, "probe https://cache.nixos.org/"},
		{[]string{"2", "j", "j", "p", "tab", "enter"}, "probe https://hyprland.cachix.org"},
		{[]string{"2", "a", "y"}, "probe https://cache.nixos.org/ https://cache.example.org/main?priority=30"},
		{[]string{"2", "d", "y"}, "diagnose https://cache.nixos.org/ for  "},
		{[]string{"2", "j", "j", "d", "y"}, "diagnose https://hyprland.cachix.org for /home/ada/src/hypr-config "},
		{[]string{"1", "d", "y"}, "diagnose https://hyprland.cachix.org for /home/ada/src/hypr-config "},
		{[]string{"1", "enter", "j", "d", "y"}, "diagnose https://cache.nixos.org/ for /home/ada/src/hypr-config "},
	} {
		b := probeFixture()
		d := drive(t, 120, 36, Options{Backend: b})
		for _, k := range c.keys {
			d.press(k)
			if k != "y" && k != "enter" && len(b.calls) > 0 {
				t.Fatalf("%q asked at once", c.keys)
			}
			if k == "2" {
				d.finish()
			}
		}
		d.finish()
		if len(b.calls) != 1 || b.calls[0] != c.want {
			t.Errorf("%q asked %q, want %q", c.keys, b.calls, c.want)
		}
	}
	b := probeFixture()
	d := drive(t, 120, 36, Options{Backend: b}).press("1", "D").typeText("/nix/store/a-hello").press("enter").finish()
	if len(b.calls) > 0 {
		t.Fatalf("a path was told before it was asked: %q", b.calls)
	}
	d.press("y").expect("It opened just now")
	d.later(3 * time.Second).press("y").finish().expect("It would not be used. The daemon drops it.")
	if len(b.calls) != 1 || !strings.HasSuffix(b.calls[0], "hypr-config /nix/store/a-hello") {
		t.Errorf("%q", b.calls)
	}
}

// A folder tells nobody anything, so that nothing is asked first.
func TestAFolderIsProbedWithoutAQuestion(t *testing.T) {
	b := probeFixture()
	b.report.Caches[0].URL = "file:///srv/cache"
	d := probesAt(t, b, Options{}).press("g", "p")
	if d.m.question != nil {
		t.Error("it asks")
	}
	d.finish().press("d").finish()
	if strings.Join(b.calls, ", ") != "probe file:///srv/cache, diagnose file:///srv/cache for  " {
		t.Errorf("%q", b.calls)
	}
}

// What was stopped, and what comes too late, is not shown.
func TestAProbeThatWasStoppedIsDropped(t *testing.T) {
	b := probeFixture()
	ended := make(chan error, 1)
	b.hook = func(ctx context.Context) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil // a backend that pays no heed
	}
	for _, key := range []string{"a", "d"} {
		d := probesAt(t, b, Options{}).press("g", key, "y")
		going := d.m.caches.probes.work.current
		result := make(chan tea.Msg, 1)
		go func() { result <- going.run() }()
		d.press("p").expect("One thing at a time: it is ")
		d.press("esc").expect("Stopped, and nothing of it is kept:")
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Fatal("the backend was not told")
		}
		d.send(<-result)
		if d.m.popup != nil || d.m.caches.probes.last["https://cache.nixos.org"].At != clock.Add(-2*time.Hour) {
			t.Errorf("%s: a result that nobody waits for was taken", key)
		}
	}
}

// A failure is said, and leaves what was known with its age.
func TestAProbeThatFailsLeavesWhatWasKnown(t *testing.T) {
	for _, key := range []string{"p", "d"} {
		for name, fail := range map[string]func(b *probeBackend){
			"the demo's gate cannot be started": func(b *probeBackend) { b.err = errors.New("the demo's gate cannot be started") },
			"nix-trust has a bug":               func(b *probeBackend) { b.hook = func(context.Context) error { panic("boom\x1b[2J") } },
			"nothing came back":                 func(b *probeBackend) { b.results, b.diagnosis = nil, nil },
		} {
			b := probeFixture()
			fail(b)
			probesAt(t, b, Options{}).press("g", key, "y").finish().expect(name).press("esc").expect("Last probe, 2 h ago", "✓ 2h 14 ms")
		}
	}
	b := probeFixture()
	b.toldErr = errors.New("this is no store path")
	d := drive(t, 120, 36, Options{Backend: b}).press("D").typeText("hello").press("enter").finish().expect("This cannot be diagnosed", "this is no store path")
	if d.m.question != nil || len(b.calls) > 0 {
		t.Error("it went on")
	}
}

// Ages on the screen grow, and from a day on a probe is old and has no colour.
func TestAProbeGrowsOldOnTheScreen(t *testing.T) {
	b := probeFixture()
	d := probesAt(t, b, Options{}).expect("Last probe, 2 h ago", "✓ 2h 14 ms").expectNot("2 h ago, which is old")
	d.later(30 * time.Hour).send(agedMsg{})
	d.expect("Last probe, 32 h ago, which is old", "✓ 32h 14 ms")
	if c := d.m.caches.urls.rows[0].cells[5]; c.role != explain.Faint {
		t.Errorf("an old result is drawn as %v", c.role)
	}
	d.press("1").expect("probed 30 h ago, which is old: unreachable")
	if !d.m.ages.kept {
		t.Error("nothing makes the ages grow")
	}
}

// The newer of two results of a cache counts, whichever came first.
func TestTheNewerProbeCounts(t *testing.T) {
	p := &probed{}
	at := func(ago time.Duration) []probe.Result {
		return []probe.Result{{URL: "https://a.example/", At: clock.Add(-ago)}}
	}
	p.note(at(time.Hour))
	p.note(at(time.Minute))
	p.note(at(2 * time.Hour))
	r, ok := p.of(&trust.CacheReport{URL: "https://me@a.example?priority=7", Priority: "7"})
	if !ok || r.At != clock.Add(-time.Minute) || r.Priority != 7 {
		t.Errorf("%+v", r)
	}
	if _, ok := p.of(&trust.CacheReport{URL: "https://b.example"}); ok {
		t.Error("one that was never probed has a result")
	}
}

// Without anything to probe with, nothing speaks of probes.
func TestWithoutABackendNothingIsProbed(t *testing.T) {
	d := drive(t, 120, 36, Options{Backend: &backend{report: fixture()}}).press("2").expectNot("probe")
	d.press("p").expect("There is nothing here to probe with.").press("d").expect("There is nothing here to probe with.")
	b := probeFixture()
	probesAt(t, b, Options{}).press("tab", "p").expect("A key is selected.").press("d").expect("A key is selected.")
	drive(t, 120, 36, Options{Backend: b}).press("enter", "G", "d").expect("No cache is selected.")
}

func TestABundlesCachesAreNotDiagnosed(t *testing.T) {
	const why = "This is a bundle of another machine."
	probesAt(t, probeFixture(), Options{NoDiagnosis: why}).press("d").expect(why).expectNot("Ask the network?").press("D").expect(why)
}
