package tui

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

func demo(t *testing.T, w, h int) *driver {
	t.Helper()
	return drive(t, w, h, Options{Backend: &backend{report: fixture()}})
}

func TestOpensOnTheCurrentFolderAndItsFirstFailingReason(t *testing.T) {
	demo(t, 80, 24).expect("▸ ✗ ignored     ~/src/hypr-config", "▸ ✗ ignored  https://hyprland.cachix.org", "because the daemon drops the cache (/etc/nix/nix.conf:4)")
}

func TestOpensOnTheFlakeThatWasNamed(t *testing.T) {
	for _, name := range []string{home + "/src/blog", "git+file://" + home + "/src/blog"} {
		d := drive(t, 80, 24, Options{Backend: &backend{report: fixture()}, Flake: name})
		d.expect("▸ ~ asks        ~/src/blog", "▸ ~ asks    https://ada-blog.cachix.org")
	}
	drive(t, 80, 24, Options{Backend: &backend{report: fixture()}, Flake: "github:no/such\x1b"}).expect(`No flake like this was found: github:no/such\x1b`)
}

func TestSelectsTheFirstCacheThatFailsNotTheFirst(t *testing.T) {
	r := fixture()
	f := &r.Flakes[1]
	f.Caches = append([]trust.CacheVerdict{claimOf("https://fine.example", "", trust.StateUsable, inFlake("hypr-config", 4))}, f.Caches...)
	drive(t, 80, 24, Options{Backend: &backend{report: r}}).expect("▸ ✗ ignored  https://hyprland.cachix.org")
}

func TestAnotherFlakeOpensOnItsOwnFirstFailingCache(t *testing.T) {
	d := demo(t, 120, 36)
	d.press("j", "j", "j").expect("▸ · none", "▸ ✓ usable  https://cache.nixos.org/")
	d.press("k").expect("▸ ~ asks    https://ada-blog.cachix.org")
	d.press("enter", "j").expect("▸ ✓ usable  https://cache.nixos.org/")
	d.press("r").settle()
	d.expect("▸ ✓ usable  https://cache.nixos.org/")
	d.press("h", "k").expect("▸ ✗ ignored  https://numtid…rg?priority=41")
}

func TestARejectedFlakeUsesNoCache(t *testing.T) {
	r := fixture()
	for i := range r.Flakes {
		if r.Flakes[i].Rejected != nil {
			r.Flakes[i].Caches = []trust.CacheVerdict{{URL: "https://cache.nixos.org/", State: trust.StateOff}}
		}
	}
	d := drive(t, 120, 36, Options{Backend: &backend{report: r}})
	d.press("j", "j", "j", "j", "j").expect("▸ ✗ rejected", "Nix refuses this flake, so nothing of it is applied.").expectNot("every flake")
}

func TestEscGoesBackOneStep(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("enter", "enter").expect("━━ Why")
	d.press("/").typeText("daemon").press("enter").expect("found")
	d.press("?").expect("Everywhere")
	d.press("esc").expectNot("Everywhere").expect("found")
	d.press("esc").expectNot("found").expect("━━ Why").expectNot("Flakes")
	d.press("esc").expect("━━ Caches and settings", "── Flakes")
	d.press("esc").expect("━━ Flakes")
	d.press("esc").expect("There is nothing to go back from")
}

func TestFilterKeepsWhatItFindsAndSaysHowMany(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("/").typeText("BLOG").expect("1/9", "~/src/blog").expectNot("~/src/gaming")
	d.press("enter").expect("━━ Flakes 1/9 with “BLOG”")
	d.press("esc").expect("~/src/gaming", "▸ ~ asks        ~/src/blog")
	d.press("/").typeText("none of them").expect("Nothing matches")
	d.press("ctrl+w", "ctrl+w", "ctrl+w", "backspace").press("esc").expect("~/src/gaming")
}

func TestTypingAFilterDoesNotRunKeys(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("/").typeText("q1234!?@yYr").expect("/ q1234!?@yYr", "[1 Overview]")
	d.send(tea.PasteMsg{Content: "a\x1b[2Jb\nc\u202e"})
	d.expect("/ q1234!?@yYra[2Jbc")
	d.send(tea.PasteMsg{Content: strings.Repeat("long", 5000)})
	d.expect("/ q1234!?@yYra[2Jbc")
}

func TestTheInputIsEditedAtItsCursor(t *testing.T) {
	d := demo(t, 80, 24)
	is := func(want string, at int) {
		t.Helper()
		if got := string(d.m.input.text); got != want || d.m.input.at != at {
			t.Errorf("the input is %q with the cursor at %d, want %q at %d", got, d.m.input.at, want, at)
		}
		if d.m.input.list.filter != want {
			t.Errorf("the filter is %q, want %q", d.m.input.list.filter, want)
		}
	}
	d.press("/").typeText("src née 漢字")
	is("src née 漢字", 10)
	d.expect("/ src née 漢字")
	d.press("left", "left", "x")
	is("src née x漢字", 9)
	d.press("delete", "backspace")
	is("src née 字", 8)
	d.press("home", "delete", "ctrl+f", "ctrl+w")
	is("c née 字", 0)
	d.press("backspace", "ctrl+b", "ctrl+e", "right")
	is("c née 字", 7)
	d.press("ctrl+w")
	is("c née ", 6)
	d.send(tea.PasteMsg{Content: "q\n\u200br"})
	is("c née qr", 8)
	d.press("left", "ctrl+u")
	is("r", 0)
	d.press("ctrl+k").typeText("src").press("enter")
	d.press("/").typeText("zz").press("esc").expect("with “src”")
	d.press("/", "esc").expectNot("with")
}

func TestRefreshKeepsSelectionFilterAndScroll(t *testing.T) {
	b := &backend{report: fixture()}
	d := drive(t, 80, 24, Options{Backend: b})
	d.press("/").typeText("src").press("enter").press("G", "k", "k").expect("▸ ✗ rejected    ~/src/broken")
	r := fixture()
	r.Flakes = append([]trust.FlakeReport{flakeAt("brand-new", "here")}, r.Flakes...)
	b.report = r
	d.press("r").settle()
	d.expect("▸ ✗ rejected    ~/src/broken", "10/10")
	d.press("tab", "tab", "enter").expect("━━ Why")
	d.press("r").settle()
	d.expect("━━ Why", "rejected")
}

func TestRefreshKeepsTheScrollOfAnExplanation(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("enter", "enter", "j", "j", "j")
	before := d.screen()
	d.press("r").settle()
	if d.screen() != before {
		t.Errorf("reading again moved the text:\n%s\nwas\n%s", d.screen(), before)
	}
}

func TestResizeKeepsTheSelectionInSight(t *testing.T) {
	d := demo(t, 120, 36)
	d.press("G")
	for _, s := range [][2]int{{80, 24}, {60, 20}, {40, 12}, {40, 10}, {200, 60}, {99, 15}, {100, 14}} {
		d.send(tea.WindowSizeMsg{Width: s[0], Height: s[1]})
		d.expect("▸ ? unknown")
	}
}

func TestResultOfAnOldReadingIsDropped(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("r")
	old := d.m.jobs.gen
	d.send(slowMsg{old})
	d.expect("reading again")
	d.press("esc").expect("Reading was stopped")
	d.send(snapshotMsg{gen: old, report: &trust.Report{}})
	d.expect("~/src/hypr-config").expectNot("No flake was found")
	if cmd := d.send(d.m.spin.Tick()); cmd != nil {
		t.Error("the spinner goes on without a reading")
	}
	d.press("r", "r").expect("It is being read already")
	d.settle()
	d.expectNot("reading again")
}

func TestFailureKeepsWhatWasShownAndItsAge(t *testing.T) {
	b := &backend{report: fixture()}
	d := drive(t, 80, 24, Options{Backend: b})
	b.report, b.err = nil, errors.New("no more")
	d.press("r")
	d.time = d.time.Add(65 * time.Second)
	d.settle()
	d.expect("Could not read again, this is 1m5s old: no more", "~/src/hypr-config")
	d.time = d.time.Add(time.Minute)
	d.send(ageMsg{d.m.jobs.gen})
	d.expect("this is 2m5s old")
	b.err, b.report = nil, fixture()
	d.press("r").settle()
	d.expectNot("Could not read")
}

type badBackend struct{}

func (badBackend) Snapshot(context.Context) (*trust.Report, error) { panic("boom\x1b[2J") }

func TestPanicInTheBackendIsAnErrorOnTheScreen(t *testing.T) {
	drive(t, 80, 24, Options{Backend: badBackend{}}).expect("This machine could not be read", `boom\x1b[2J`)
	drive(t, 80, 24, Options{}).expect("nothing to read from")
	drive(t, 80, 24, Options{Backend: &backend{}}).expect("nothing was read")
}

func TestCopyPutsTheExactTextOnTheClipboard(t *testing.T) {
	d := demo(t, 80, 24)
	for _, c := range []struct{ key, want, says string }{
		{"Y", reasonUnlisted.Fixes[0].Command, "copied the snippet for /etc/nix/nix.conf:"},
		{"y", home + "/src/hypr-config", "copied the folder:"},
	} {
		d.cmds = nil
		d.press(c.key).expect(c.says)
		found := false
		for _, cmd := range d.cmds {
			for _, msg := range run(cmd) {
				if fmt.Sprint(msg) == c.want {
					found = true
				}
			}
		}
		if !found {
			t.Errorf("%s did not put %q on the clipboard", c.key, c.want)
		}
	}
	d.press("enter", "j", "y").expect("copied the URL: https://cache.nixos.org/")
	d.press("Y").expect("Nothing here has a command to copy")
	d.press("2", "tab", "y").expect("copied the key: cache.nixos.org-1")
	d.press("3", "j", "j", "y").expect("copied the value: https://hyprland.cachix.org")
	d.press("4", "j", "y").expect("copied the line: access-tokens = ").expectNot("ghp_secret")
}

// run runs a command and those in it, except what waits.
func run(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	select {
	case msg := <-done:
		if batch, ok := msg.(tea.BatchMsg); ok {
			var out []tea.Msg
			for _, c := range batch {
				out = append(out, run(c)...)
			}
			return out
		}
		return []tea.Msg{msg}
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}

func TestCopyRefusesWhatHides(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("G", "enter", "Y").expect("Not copied: the command has characters that cannot be seen")
	d.press("y").expect("Not copied: the URL has characters")
}

func TestToastGoesAwayAndANewOneStays(t *testing.T) {
	d := demo(t, 80, 24)
	d.press("y")
	first := d.m.toast.id
	d.press("Y")
	d.send(toastMsg{first})
	d.expect("copied the snippet")
	d.send(toastMsg{d.m.toast.id})
	d.expect("q quit")
}

func TestSecretsAreNeverShown(t *testing.T) {
	d := demo(t, 120, 36)
	for _, keys := range [][]string{{"1", "G", "enter", "j", "enter"}, {"2", "G"}, {"3"}, {"4"}, {"4", "enter"}, {"esc", "j", "j", "enter"}, {"y"}, {"Y"}} {
		d.press(keys...).expectNot("ghp_secret", "hunter2", "u:pw@")
	}
}

func TestMouseSelectsAndScrollsAndNeverOpens(t *testing.T) {
	d := demo(t, 120, 36)
	d.send(tea.MouseClickMsg{X: 5, Y: 6, Button: tea.MouseLeft})
	d.expect("▸ ~ asks        ~/src/blog")
	d.send(tea.MouseClickMsg{X: 60, Y: 5, Button: tea.MouseLeft}) // a heading
	d.expect("▸ ~ asks    https://ada-blog.cachix.org")
	d.send(tea.MouseClickMsg{X: 60, Y: 6, Button: tea.MouseLeft})
	d.expect("▸ ✓ usable  https://cache.nixos.org/", "┏━ Caches and settings")
	d.send(tea.MouseWheelMsg{X: 5, Y: 6, Button: tea.MouseWheelUp})
	d.expect("▸ ✗ ignored     ~/src/devshell")
	d.send(tea.MouseClickMsg{X: 16, Y: 1, Button: tea.MouseLeft})
	d.expect("[2 Caches]")
	d.send(tea.MouseClickMsg{X: 2, Y: 1, Button: tea.MouseLeft})
	d.press("?")
	d.send(tea.MouseClickMsg{X: 40, Y: 20, Button: tea.MouseLeft})
	d.expect("Everywhere")
	d.send(tea.MouseClickMsg{X: 1, Y: 20, Button: tea.MouseLeft})
	d.expectNot("Everywhere")
	d.send(tea.MouseClickMsg{X: 5, Y: 6, Button: tea.MouseRight})
	d.expect("~/src/devshell")
}

func TestQuitAndInterrupt(t *testing.T) {
	d := demo(t, 80, 24)
	for key, interrupted := range map[string]bool{"q": false, "ctrl+c": true} {
		d.m.interrupted, d.cmds = false, nil
		d.press(key)
		if d.cmds[0]() != tea.Quit() {
			t.Errorf("%s does not quit", key)
		}
		if d.m.interrupted != interrupted {
			t.Errorf("after %s interrupted is %v", key, d.m.interrupted)
		}
	}
}

func TestBackgroundChangesColoursAndNotWords(t *testing.T) {
	d := demo(t, 80, 24)
	dark, words := d.m.View().Content, d.screen()
	d.send(tea.BackgroundColorMsg{Color: ansi.RGBColor{R: 255, G: 255, B: 255}})
	if d.m.View().Content == dark {
		t.Error("a light background changes nothing")
	}
	if d.screen() != words {
		t.Errorf("a light background changes words:\n%s", d.screen())
	}
	light := d.m.View().Content
	d.send(tea.EnvMsg{"COLORFGBG=15;0"})
	if d.m.View().Content != dark {
		t.Error("COLORFGBG with a dark background changes nothing")
	}
	d.send(tea.EnvMsg{"COLORFGBG=0;default;15"})
	if d.m.View().Content != light {
		t.Error("COLORFGBG with a light background changes nothing")
	}
}

func TestASCIIFramesAreASCII(t *testing.T) {
	for _, s := range sizes {
		d := drive(t, s[0], s[1], Options{Backend: &backend{report: fixture()}, ASCII: true})
		for _, keys := range [][]string{{}, {"G", "enter", "enter"}, {"2"}, {"3"}, {"4"}, {"!"}, {"?"}, {"esc", "@"}, {"esc", "/", "z"}} {
			d.press(keys...)
			if i := strings.IndexFunc(d.screen(), func(r rune) bool { return r > '~' }); i >= 0 {
				t.Fatalf("the frame has %q:\n%s", []rune(d.screen()[i:])[0], d.screen())
			}
		}
	}
}

func TestOnlyRowsInSightAreDrawn(t *testing.T) {
	r := fixture()
	for i := range 10_000 {
		r.Flakes = append(r.Flakes, flakeAt(fmt.Sprintf("many/%05d", i), "registry user"))
	}
	d := drive(t, 120, 36, Options{Backend: &backend{report: r}})
	d.press("G").expect("▸ · none        ~/src/many/09999", "10009 of 10009")
	draws := testing.AllocsPerRun(5, func() { d.m.View() })
	few := demo(t, 120, 36)
	few.press("G")
	if base := testing.AllocsPerRun(5, func() { few.m.View() }); draws > 4*base {
		t.Errorf("a frame takes %.0f allocations with 10 009 flakes and %.0f with 9", draws, base)
	}
}

func TestAConfigurationThatFailsIsSaidFirst(t *testing.T) {
	r := fixture()
	r.Client.Fatal = &nixconf.Diagnostic{Kind: "syntax", Severity: nixconf.SeverityFatal, Pos: at(sysConf, 3), Message: "error: syntax error in configuration line 'a=b\x1b' in '/etc/nix/nix.conf'", Text: "There is no space around the =."}
	b := &backend{report: r}
	d := drive(t, 80, 24, Options{Backend: b})
	d.press("4").expect("▸ ✗  Nix stops here", "every Nix command", "There is no space around the =.", `syntax error in configuration line 'a=b\x1b'`, "/etc/nix/nix.conf:3")
	d.press("y").expect("Nothing is selected that could be copied")
	d.press("j").expect("access-tokens").expectNot("every Nix command")
	b.report = &trust.Report{Client: r.Client}
	d.press("r").settle()
	d.expect("Nix stops here")
}

func TestHugeTextsDoNotStallAFrame(t *testing.T) {
	huge := strings.Repeat("https://\xfe\u202e漢.example/ ", 1<<18) // 8 MB
	r := fixture()
	r.Flakes[0].ID = trust.FlakeID{Ref: huge, Path: huge}
	r.Flakes[0].Caches[0].URL = huge
	r.Flakes[0].Caches[0].Reasons[0].Text = huge
	r.Caches[0].URL, r.Keys[0].Text = huge, huge
	r.Answers[0].Value, r.Answers[0].Items = huge, []string{huge}
	r.Settings[0].Value.Text = huge
	r.Findings[0].Subject, r.Findings[0].Text = huge, huge
	start := time.Now()
	d := drive(t, 100, 30, Options{Backend: &backend{report: r}})
	for _, k := range []string{"g", "enter", "enter", "2", "tab", "3", "4", "G", "!", "G", "@"} {
		d.press(k)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("eleven frames took %v", took)
	}
}

func TestAnyKeysOnAnyScreenFitAndDoNotPanic(t *testing.T) {
	var keys []string
	seen := map[string]bool{}
	for _, b := range bindings() {
		for _, k := range b.Keys() {
			if !seen[k] && k != "ctrl+c" && k != "q" && k != "ctrl+z" {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	keys = append(keys, "x", "ö", "漢", "Z")
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			play(t, seed, keys)
		})
	}
}

// play types 200 random keys, and resizes, clicks and reads between them.
func play(t *testing.T, seed uint64, keys []string) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	b := &backend{report: fixture()}
	if seed%5 == 0 {
		b.report = &trust.Report{}
	}
	var from Backend = b
	if seed%2 == 1 { // one that has locks, and opens on them
		l := lockFixture()
		l.backend = *b
		if seed%5 == 0 {
			l.files = nil
		}
		from = l
	}
	if seed%4 == 2 { // one that can change things
		c := changeFixture()
		c.backend = *b
		if seed%8 == 2 {
			c.applies = []error{ErrMoved, errNothing, ErrMoved}
			c.told = Told{Hosts: []string{"cache.example"}, Paths: 2}
		}
		from = c
	}
	var g *gateBackend
	if seed%8 == 4 || seed%8 == 6 { // one that has gates, too, and opens on them
		g = gateFixture()
		g.backend = *b
		g.viewsErr = []error{nil, errNothing}[rnd.IntN(2)]
		from = g
	}
	screen := "5"
	if seed%8 == 0 { // one that has a store, and opens on it
		s := storeFixture(t)
		s.backend = *b
		if seed == 16 {
			s.viewErr = errNothing
		}
		from, screen = s, "8"
	}
	d := drive(t, 20+rnd.IntN(140), 5+rnd.IntN(50), Options{Backend: from, ASCII: seed%3 == 0, Demo: seed%2 == 0})
	d.press(screen)
	if g != nil {
		d.press("6").finish()
	}
	var played []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d: %q", seed, played)
		}
	})
	for range 200 {
		switch rnd.IntN(30) {
		case 0:
			d.send(tea.WindowSizeMsg{Width: rnd.IntN(170), Height: rnd.IntN(60)})
		case 1:
			d.send(tea.MouseClickMsg{X: rnd.IntN(170) - 2, Y: rnd.IntN(60) - 2, Button: tea.MouseLeft})
		case 2:
			d.send(tea.MouseWheelMsg{X: rnd.IntN(170), Y: rnd.IntN(60), Button: tea.MouseWheelDown})
		case 3:
			if d.m.jobs.current != nil {
				d.settle()
			}
		case 4:
			d.send(slowMsg{d.m.jobs.gen})
		case 6, 7:
			d.finish()
		case 9, 10, 11:
			d.later(time.Second)
			d.send(graceMsg{})
		case 8:
			d.send(taskTick{d.m.locks.work.name, d.m.locks.work.gen})
			d.send(agedMsg{})
		case 12:
			if g != nil {
				g.views, g.viewsErr = [][]GateView{fixtureGates(), stoppedGates(), nil}[rnd.IntN(3)], []error{nil, errNothing}[rnd.IntN(2)]
				g.out.Refused = []string{evilText}[:rnd.IntN(2)]
			}
			d.later(gatePoll).send(gateTick{})
		default:
			k := keys[rnd.IntN(len(keys))]
			played = append(played, k)
			d.press(k)
		}
	}
}
