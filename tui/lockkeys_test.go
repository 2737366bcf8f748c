package tui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
)

func staleCheck() LockCheck {
	return LockCheck{
		Systems: []string{"aarch64-linux", "x86_64-linux"},
		Changes: lock.Diff{{Class: lock.ClassOutputMoved, System: "x86_64-linux", Subject: "packages.default", Old: string(cleanPath), New: "y4asv3j07d89ywjf8fxkn7sg6mf5s9q5-hyprland-0.46"}},
		Unknown: []string{"aarch64-linux: error: \x1b[31mattribute missing"},
	}
}

func TestLookingAtLocksAsksNobody(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 120, 36, Options{Backend: b})
	d.press("p", "p", "p", "p", "tab", "j", "enter", "esc", "r").settle()
	d.finish().press("v", "esc", "x", "esc")
	if len(b.calls) > 0 {
		t.Errorf("looking called %q", b.calls)
	}
}

func TestNoIsTheAnswerUntilYesIsChosen(t *testing.T) {
	for _, keys := range [][]string{{"enter"}, {"esc"}, {"n"}, {"q"}, {"tab", "tab", "enter"}, {"c", "enter"}} {
		b := lockFixture()
		d := locksAt(t, 80, 24, Options{Backend: b}).press("v")
		d.expect("2 hosts would learn that you use 3 paths", "hyprland.cachix.org", "mirror.example.org", "[No]")
		d.press(keys...)
		d.expect("Nothing was asked of anybody.").expectNot("would learn")
		if d.m.locks.work.current != nil || len(b.calls) > 0 {
			t.Errorf("%q asked: %q", keys, b.calls)
		}
	}
	for _, keys := range [][]string{{"y"}, {"tab", "enter"}, {"right", "enter"}} {
		b := lockFixture()
		locksAt(t, 80, 24, Options{Backend: b}).press("v").press(keys...).finish()
		if len(b.calls) != 1 || !strings.HasPrefix(b.calls[0], "verify ") || strings.HasSuffix(b.calls[0], "contents") {
			t.Errorf("%q called %q", keys, b.calls)
		}
	}
}

func TestYesDoesNothingBeforeTheEndWasInSight(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 40, 10, Options{Backend: b}).press("v")
	d.press("y").expect("Read it to the end").press("tab", "enter").expect("Read it to the end")
	if d.m.question == nil || len(b.calls) > 0 {
		t.Fatalf("an unread question was answered: %q", b.calls)
	}
	d.press("G").press("y").finish()
	if len(b.calls) != 1 {
		t.Errorf("called %q", b.calls)
	}
}

func TestAChangedQuestionHasToBeReadAgain(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 40, 10, Options{Backend: b}).press("v", "G", "c", "g")
	if d.m.question.seen = false; len(b.calls) > 0 {
		t.Fatal("asked")
	}
	d.press("y").expect("Read it to the end")
	d.press("G", "y").finish()
	if len(b.calls) != 1 || !strings.HasSuffix(b.calls[0], "with contents") {
		t.Errorf("called %q", b.calls)
	}
}

func TestAClickNeverSaysYes(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 80, 24, Options{Backend: b}).press("v")
	for y := range 24 {
		for x := 0; x < 80; x += 3 {
			d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
			if d.m.question == nil {
				d.press("5").press("v")
			}
		}
	}
	d.send(tea.PasteMsg{Content: "y"})
	d.send(tea.MouseClickMsg{X: 0, Y: 3, Button: tea.MouseLeft})
	if d.m.question != nil || d.m.popup != nil {
		t.Error("a click outside leaves the question")
	}
	if len(b.calls) > 0 || d.m.locks.work.current != nil {
		t.Errorf("clicks called %q", b.calls)
	}
}

func TestEscStopsATaskAndDropsItsResult(t *testing.T) {
	b := lockFixture()
	ended := make(chan error, 1)
	b.hook = func(ctx context.Context) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil // a backend that pays no heed and answers all the same
	}
	d := locksAt(t, 80, 24, Options{Backend: b}).press("v", "y")
	going := d.m.locks.work.current
	result := make(chan tea.Msg, 1)
	go func() { result <- going.run() }()
	d.press("c").expect("One thing at a time")
	d.press("esc").expect("Stopped, and nothing of it is kept: verifying ~/src/hypr-config")
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the backend was not told")
	}
	d.send(<-result)
	d.expect("? not verified").expectNot("wrong")
	if d.m.locks.about(d.m.locks.file()).verify != nil {
		t.Error("a result that nobody waits for was kept")
	}
}

func TestAStaleResultIsNotTakenForALaterTask(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 80, 24, Options{Backend: b}).press("v", "y")
	old := d.m.locks.work.current.run()
	d.press("esc", "c")
	d.send(old)
	if k := d.m.locks.about(d.m.locks.file()); k.verify != nil || d.m.locks.work.current == nil {
		t.Error("the end of an earlier task ended a later one")
	}
	d.finish().expect("· fresh").expectNot("✓ fresh")
}

func TestAPanicOfTheBackendIsAnError(t *testing.T) {
	b := lockFixture()
	b.hook = func(context.Context) error { panic("boom\x1b[2J") }
	for _, keys := range [][]string{{"c"}, {"d"}, {"v", "y"}} {
		d := locksAt(t, 120, 36, Options{Backend: b}).press(keys...).finish()
		d.expect("nix-trust has a bug", "boom")
		if w := d.m.locks.mark(d.m.locks.file()).Word; w != wordUnchecked {
			t.Errorf("after a panic the lock is %s", w)
		}
	}
}

func TestAFailureLeavesALockUnknown(t *testing.T) {
	b := lockFixture()
	b.err = errors.New("no network\nforged line: verified")
	d := locksAt(t, 120, 36, Options{Backend: b}).press("v", "y").finish().press("c").finish()
	d.expect("? not checked", "? not verified", `no network\nforged`)
}

// A report that is nil, or has nothing in it, is no verification.
func TestNothingIsNotFine(t *testing.T) {
	for _, r := range []*verify.Report{nil, {}} {
		b := lockFixture()
		b.report = r
		d := locksAt(t, 120, 36, Options{Backend: b}).press("v", "y").finish().press("c").finish()
		d.expectNot("✓ 0 of 0")
		if d.m.locks.about(d.m.locks.file()).fine() {
			t.Errorf("%+v is fine", r)
		}
	}
}

func TestTheResultBelongsToTheLockItWasAbout(t *testing.T) {
	b := lockFixture()
	b.report = fineReport()
	d := locksAt(t, 120, 36, Options{Backend: b}).press("v", "y", "j").finish()
	d.expect("✓ 3 of 3")
	for i := range d.m.locks.all {
		if f := &d.m.locks.all[i]; d.m.locks.about(f).fine() != f.Here {
			t.Errorf("%s: verified %v", f.Path, !f.Here)
		}
	}
	if d.m.locks.page != pageContents {
		t.Error("the page turned under a reader of another lock")
	}
}

func TestALockThatChangedIsUnknownAgain(t *testing.T) {
	b := lockFixture()
	b.report = fineReport()
	d := locksAt(t, 120, 36, Options{Backend: b}).press("v", "y").finish().press("c").finish().expect("✓ fresh", "✓ 3 of 3")
	b.files = slices.Clone(b.files)
	for i := range b.files {
		if b.files[i].Here {
			b.files[i].Lock = olderLock()
			b.files[i].Digest = digestOf(b.files[i].Lock)
		}
	}
	r := *b.backend.report
	b.backend.report = &r
	d.press("r").settle()
	d.m.toast = nil
	d.finish().expectNot("✓ fresh", "✓ 3 of 3").expect("? not checked")
}

func TestResultsKeepTheirAge(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 200, 36, Options{Backend: b}).press("c").finish().expect("checked just now")
	d.time = d.time.Add(7 * time.Minute)
	if cmd := d.send(agedMsg{}); cmd == nil {
		t.Error("the ages stand still from now on")
	}
	d.expect("checked 7 min ago")
	d.time = d.time.Add(3 * time.Hour)
	d.send(agedMsg{})
	d.expect("checked 3 h ago")
}

func TestAFileIsTypedToCompareWith(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 80, 24, Options{Backend: b}).press("D").typeText("v?5 x").press("enter").finish()
	if !slices.Equal(b.calls, []string{"compare v?5 x"}) {
		t.Errorf("called %q", b.calls)
	}
	d.expect("Changes since v?5 x", "ALARM")
	d.press("D").typeText("zzz").press("esc").expectNot("older lock")
	d.press("D", "enter").expect("No file was named.")
	if len(b.calls) != 1 {
		t.Errorf("called %q", b.calls)
	}
}

func TestEscTurnsBackToTheContents(t *testing.T) {
	d := locksAt(t, 120, 36, Options{Backend: lockFixture()}).press("p", "enter").expect("┏━ Pin ━━")
	d.press("esc").expect("┏━ Pins 1 of 3").press("esc").expect("┏━ Locks 1 of 9", "╭─ Pins 1 of 3").press("esc").expect("╭─ Contents 1 of 4")
	d.press("esc").expect("There is nothing to go back from")
}

func TestTheAlarmComesFirst(t *testing.T) {
	d := locksAt(t, 120, 36, Options{Backend: lockFixture()}).press("d").finish()
	d.expect("▸ ! OTHER BYTES", "No update of a flake does that", "! rehashed", "ALARM: a store path stands for something else")
}

func TestAChallengeAsksWhatIsWrongOrSelected(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 120, 36, Options{Backend: b})
	d.press("x").expect("Select a pin first")
	d.press("v", "y").finish().press("x").expect("would learn that you use 1 path", "cache.nixos.org").press("y").finish()
	if !slices.Equal(b.paths, []lock.StorePath{swappedPath}) || len(b.asked) < 3 {
		t.Errorf("asked %v about %v", b.asked, b.paths)
	}
	d.expect("✗ mismatch", "Side 2", "says so: the lock")
	d.press("p", "p", "G").press("x", "G", "y").finish()
	if !slices.Equal(b.paths, []lock.StorePath{cleanPath}) {
		t.Errorf("asked about %v", b.paths)
	}
}

func TestKeysSayWhyTheyDoNothing(t *testing.T) {
	d := locksAt(t, 120, 36, Options{Backend: lockFixture()})
	d.press("G")
	for _, k := range []string{"c", "v", "d", "D", "x", "p"} {
		d.press(k).expect("This flake has no lock.")
	}
	d.press("g", "j", "j").expect("▸ ? unreadable")
	for _, k := range []string{"c", "v", "d", "D", "x", "p"} {
		d.press(k).expect("This lock cannot be read.")
	}
	d = locksAt(t, 120, 36, Options{Backend: &backend{report: fixture()}})
	d.expect("Locks cannot be read here.").press("v").expect("No flake is selected.")
}

func TestCopiesPathsAndCommands(t *testing.T) {
	b := lockFixture()
	d := locksAt(t, 120, 36, Options{Backend: b})
	d.press("y").expect("copied the path of the lock: " + home + "/src/hypr-config/flake.cache-lock")
	d.press("Y").expect("copied the command: nix-trust lock --check " + home + "/src/hypr-config")
	d.press("v", "y").finish().press("tab", "y").expect("copied the store path: /nix/store/" + string(swappedPath))
	d.press("Y").expect("copied the command: nix-trust challenge --diff --lock ")
}

func TestQuoteMakesOneWordForAShell(t *testing.T) {
	for in, want := range map[string]string{"/a/b-c.d": "/a/b-c.d", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "-x": "'-x'", "$(x)": "'$(x)'", "~": "'~'"} {
		if got := quote(in); got != want {
			t.Errorf("%q is quoted as %s, want %s", in, got, want)
		}
	}
}

// unending is a backend whose locks are never read.
type unending struct {
	*lockBackend
	ended chan struct{}
}

func (b unending) Locks(ctx context.Context, _ *trust.Report) ([]LockFile, error) {
	<-ctx.Done()
	close(b.ended)
	return nil, ctx.Err()
}

func TestQuittingStopsTheReadingOfLocks(t *testing.T) {
	b := unending{lockFixture(), make(chan struct{})}
	m := newRoot(t.Context(), Options{Backend: b}, time.Now)
	m.jobs.start()
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(snapshotMsg{gen: m.jobs.gen, report: b.backend.report})
	m.Update(tea.KeyPressMsg(tea.Key{Code: '5', Text: "5"}))
	go m.locks.reading.current.run()
	m.giveUp()
	select {
	case <-b.ended:
	case <-time.After(5 * time.Second):
		t.Error("the reading of locks goes on after the program ended")
	}
}
