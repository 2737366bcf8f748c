package tui

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

func TestTheStoreIsNotAuditedBeforeItsScreenIsOpened(t *testing.T) {
	b := storeFixture(t)
	d := drive(t, 120, 36, Options{Backend: b})
	for _, k := range []string{"2", "3", "4", "5", "6", "7", "!", "1"} {
		d.press(k).finish()
	}
	if b.reads != 0 {
		t.Fatalf("it was audited %d times", b.reads)
	}
	d.press("8").expect("auditing the store").finish().expect("✗ FORGED", "the whole store")
	d.press("1", "8").finish()
	if b.reads != 1 {
		t.Errorf("it was audited %d times for two looks at one report", b.reads)
	}
	b.again(d)
	d.finish()
	if b.reads != 2 {
		t.Errorf("it was audited %d times after r", b.reads)
	}
}

func TestAnAuditIsStoppedByEscAndThenCountsForNothing(t *testing.T) {
	b := storeFixture(t)
	d := drive(t, 120, 36, Options{Backend: b}).press("8")
	old := d.m.store.reading.current
	d.send(taskTick{"audit", old.gen})
	d.expect("esc stops it")
	d.press("esc").expect("The store was not audited: the audit was stopped before its end")
	d.send(old.run()) // it comes to its end all the same
	if d.m.store.stock != nil {
		t.Error("the result of an audit that was stopped is shown")
	}
	d.expectNot("the whole store")
	b.again(d)
	d.finish().expect("the whole store")
}

func TestAStoppedAuditKeepsWhatWasFoundOutBefore(t *testing.T) {
	b := storeFixture(t)
	d := storeAtSize(t, 120, 36, Options{Backend: b})
	d.time = d.time.Add(90 * time.Minute)
	b.again(d)
	d.press("esc").expect("the whole store", "1 h ago, and it was not audited", "the audit was stopped")
}

func TestQuittingStopsAnAudit(t *testing.T) {
	b := storeFixture(t)
	b.block = true
	d := drive(t, 120, 36, Options{Backend: b}).press("8")
	ended := make(chan tea.Msg, 1)
	run := d.m.store.reading.current.run
	go func() { ended <- run() }()
	d.m.giveUp()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the audit goes on")
	}
}

func TestAPanicOfAnAuditIsAnError(t *testing.T) {
	b := storeFixture(t)
	b.panics = true
	storeAtSize(t, 120, 36, Options{Backend: b}).expect("nix-trust has a bug", "What is in the store is unknown")
}

func TestABackendWithoutAStoreSaysSo(t *testing.T) {
	drive(t, 80, 24, Options{Backend: &backend{report: fixture()}}).press("8").finish().expect("The store cannot be audited here.")
}

func TestEnterLeadsFromASignerToAPathAndEscBack(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)})
	d.press("j", "j", "j", "j", "j", "j").finish().expect("▸ ✓ believed      cache.nixos.org-1")
	d.press("enter").finish().expect("▸ ~ alone", "gcc-13.2.0")
	d.press("enter").finish().expect("What keeps it").expectNot("▸")
	d.press("esc").expect("▸ ~ alone")
	d.press("esc").finish().expect("If it were stolen")
}

func TestAPathThatAnotherKeySignedDoesNotRestOnOneAlone(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)})
	d.press("j", "j", "j", "j", "j", "j", "enter").finish().expect("· others too    openssl-3.3.2")
	st := d.m.store.stock
	for _, g := range st.groups {
		if g.kind != groupKey {
			continue
		}
		r := st.Radius(g.signer.Key)
		if got := st.aloneOf(g.signer.Key); fmt.Sprint(got) != fmt.Sprint(r.Paths) {
			t.Errorf("%s: %v rest on it alone, and the audit says %v", g.name(st), got, r.Paths)
		}
	}
}

func TestWhatKeepsAPathIsWhatTheAuditSays(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)}).press("tab").finish()
	for range len(storeItems()) {
		i := d.m.store.path()
		tr, ok := d.m.store.tracedNow()
		if want := d.m.store.stock.KeptBy([]int32{i}); !ok || fmt.Sprint(tr.roots) != fmt.Sprint(want) {
			t.Errorf("path %d is kept by %v, and the audit says %v", i, tr.roots, want)
		}
		d.press("j").finish()
	}
}

func TestALateTraceIsNotShownForAnotherPath(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)}).press("tab")
	old := d.m.store.tracing.current.run
	d.press("j").expect("looking for roots")
	d.send(old())
	if tr, ok := d.m.store.tracedNow(); ok {
		t.Errorf("the roots of another path are shown: %+v", tr)
	}
	d.finish()
	if tr, ok := d.m.store.tracedNow(); !ok || tr.paths[0] != d.m.store.path() {
		t.Errorf("%+v", tr)
	}
}

func TestOrdersOfTheStoreKeepTheSelection(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)})
	d.press("j", "j", "j", "j", "j", "j", "j").finish()
	name := d.m.store.group().name(d.m.store.stock)
	for _, title := range []string{"by number", "by name", "by size"} {
		d.press("s").finish().expect("By signer, " + title)
		if got := d.m.store.group().name(d.m.store.stock); got != name {
			t.Errorf("%s is selected, and was %s", got, name)
		}
	}
	d.press("tab").finish()
	path := d.m.store.path()
	for _, title := range []string{"newest first", "by name", "largest first"} {
		d.press("s").finish().expect("Paths, " + title)
		if got := d.m.store.path(); got != path {
			t.Errorf("path %d is selected, and was %d", got, path)
		}
	}
}

func TestAllOrdersHaveEveryPath(t *testing.T) {
	st := stockOf(storeFixture(t).view, clock)
	for o, list := range st.order {
		seen := map[int32]bool{}
		for n, i := range list {
			seen[i] = true
			if n == 0 {
				continue
			}
			a, b := &st.Store.Rows[list[n-1]], &st.Store.Rows[i]
			if order(o) == orderSize && a.NarSize < b.NarSize || order(o) == orderSecond && a.Registered < b.Registered || order(o) == orderName && a.Path.Name() > b.Path.Name() {
				t.Errorf("%s: %s before %s", order(o).paths(), a.Path, b.Path)
			}
		}
		if len(seen) != len(st.Paths) {
			t.Errorf("%s has %d of %d paths", order(o).paths(), len(seen), len(st.Paths))
		}
	}
}

// What a group's row says is the sum of the paths that are listed for it.
func TestAGroupsSumsAreThoseOfItsPaths(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)})
	s := d.m.store
	for i := range s.shown {
		g := &s.shown[i]
		m := s.membersOf(g)
		if got := s.stock.Sum(m.at); got != g.sum {
			t.Errorf("%s has %+v, and its row says %+v", g.name(s.stock), got, g.sum)
		}
	}
}

func TestDoubtLeavesNothingSignedGood(t *testing.T) {
	b := storeFixture(t)
	b.view.Doubts = []string{"Which keys are believed is not certain."}
	d := storeAtSize(t, 120, 36, Options{Backend: b}).expect("? signed", "? believed      cache.nixos.org-1").expectNot("✓ signed", "✓ believed", "~ unused")
	d.press("j", "j", "j", "j", "j", "j").finish().expect("Whether it is believed is not certain")
	d.press("enter", "enter").finish().expect("? signed", "whether it is believed is not certain").expectNot("✓ signed", "(believed)")
}

func TestTheZeroStoreViewIsUnknown(t *testing.T) {
	v := audited(t, storeItems()[:1], []storeKey{nixosStoreKey}, audit.Roots{})
	v.Outcome = 0
	b := &storeBackend{backend: backend{report: fixture()}, view: v}
	storeAtSize(t, 120, 36, Options{Backend: b}).expect("? unknown").expectNot("✓ vouched", "not kept")
	b.view = &StoreView{}
	storeAtSize(t, 120, 36, Options{Backend: b}).expect("What is in the store is unknown")
}

func TestCopiesStorePathsAndCommands(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)})
	for _, want := range []struct{ keys, what, text string }{
		{"", "command that lists its paths", "nix-trust audit --list"},
		{"jjjjjj", "command that lists its paths", "nix-trust audit --key 'cache.nixos.org-1:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=' --list"},
		{"\t", "store path", "/nix/store/" + string(storeName("gcc-13.2.0"))},
	} {
		for _, k := range want.keys {
			d.press(map[string]string{"\t": "tab"}[string(k)] + strings.Trim(string(k), "\t")).finish()
		}
		if what, text := d.m.store.value(); what != want.what || text != want.text {
			t.Errorf("%q, %q, want %q, %q", what, text, want.what, want.text)
		}
	}
}

func TestANameThatHidesIsNotCopied(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)})
	for range 11 {
		d.press("j").finish()
	}
	d.expect(`▸ ✗ not believed  evil`).press("y").expect("Not copied")
}

func TestStoreAndCachesLeadToEachOther(t *testing.T) {
	b := storeFixture(t)
	b.view.Keys[0].PublicKey = nixosStoreKey.PublicKey
	b.report.Caches[0].Keys = []string{nixosStoreKey.String()}
	d := drive(t, 120, 36, Options{Backend: b}).press("2")
	d.press("S").finish().expect("▸ ✓ believed      cache.nixos.org-1")
	d.press("c").expect("[2 Caches]", "▸ ✓ usable", "https://cache.nixos.org/")
	d.press("S").finish().expect("[8 Store]", "▸ ✓ believed      cache.nixos.org-1")
	d.press("j", "c").expect("Which cache the key belongs to is not known")
	d.press("2", "tab", "G", "S").finish().expect("[8 Store]", "nothing in the store is signed by it")
}

func TestManyNamesOfClaimsAreCountedNotListed(t *testing.T) {
	items := make([]storeItem, 1)
	items[0] = storeItem{name: "a", size: 1, sigs: ""}
	var sigs []string
	for i := range 5_000 {
		sigs = append(sigs, fmt.Sprintf("made-up-%d:AAAA", i))
	}
	items[0].sigs = strings.Join(sigs, " ")
	b := &storeBackend{backend: backend{report: fixture()}, view: audited(t, items, nil, audit.Roots{Looked: true})}
	d := storeAtSize(t, 120, 36, Options{Backend: b}).press("G").finish().expect("and 4800 more names", "nix-trust audit --json")
	if n := len(d.m.store.shown); n > 300 {
		t.Errorf("%d rows", n)
	}
}

func TestSizesThatAreNoneDoNotBreakTheScreen(t *testing.T) {
	items := []storeItem{{name: "huge-1", size: 1<<63 - 1}, {name: "huge-2", size: 1<<63 - 1}, {name: "none", size: 0, drv: "evil\x1b[2J"}}
	b := &storeBackend{backend: backend{report: fixture()}, view: audited(t, items, nil, audit.Roots{Looked: true})}
	d := storeAtSize(t, 120, 36, Options{Backend: b}).expect("9.2 EB")
	d.press("tab", "G").finish().expect("not recorded", `evil\x1b[2J`)
}

func TestTheStoreSaysTheSameInTheLight(t *testing.T) {
	d := storeAtSize(t, 120, 36, Options{Backend: storeFixture(t)}).press("j").finish()
	dark, text := d.m.View().Content, d.screen()
	d.send(tea.BackgroundColorMsg{Color: color.White})
	d.finish()
	if d.screen() != text {
		t.Errorf("in the light:\n%s\nin the dark:\n%s", d.screen(), text)
	}
	if light := d.m.View().Content; light == dark || ansi.Strip(light) != ansi.Strip(dark) {
		t.Error("the colours are the same")
	}
}

func TestTheStoreInASCIIIsASCII(t *testing.T) {
	d := storeAtSize(t, 80, 24, Options{Backend: storeFixture(t), ASCII: true})
	for _, k := range []string{"j", "j", "j", "j", "j", "j", "j", "j", "j", "j", "j", "enter", "enter", "esc", "esc", "?"} {
		d.press(k).finish()
		if i := strings.IndexFunc(d.screen(), func(r rune) bool { return r > '~' }); i >= 0 {
			t.Fatalf("after %s the frame has %q:\n%s", k, []rune(d.screen()[i:])[0], d.screen())
		}
	}
}

func TestRowsOfAGreatStoreAreMadeWhenTheyAreDrawn(t *testing.T) {
	b := greatStore(t, 20_000)
	d := storeAtSize(t, 120, 36, Options{Backend: b}).press("tab", "G").finish()
	d.expect("20000 of 20000")
	draws := testing.AllocsPerRun(5, func() { d.m.View() })
	few := storeAtSize(t, 120, 36, Options{Backend: greatStore(t, 40)}).press("tab", "G").finish()
	if base := testing.AllocsPerRun(5, func() { few.m.View() }); draws > 2*base {
		t.Errorf("a frame takes %.0f allocations with 20 000 paths and %.0f with 40", draws, base)
	}
	d.press("/").typeText("package-19999-").press("enter").finish().expect("1/20000", "package-19999-1.0")
}

func TestShareBarsAreAsLongAsTheShareAndNeverNothing(t *testing.T) {
	for _, th := range []*theme{newTheme(true, false), newTheme(true, true)} {
		for _, c := range []struct{ alone, share, all int64 }{{0, 0, 0}, {0, 0, 9}, {0, 1, 1 << 40}, {1, 1, 1 << 40}, {1, 1 << 39, 1 << 40}, {1 << 39, 1 << 40, 1 << 40}, {5, 5, 5}, {1, 2, 1<<63 - 1}, {9, 9, 3}} {
			bar := shareBar(c.alone, c.share, c.all, 10, th)
			w := ansi.StringWidth(bar)
			if w > 10 || (w == 0) != (c.share == 0) {
				t.Errorf("%+v: %q", c, bar)
			}
			if c.alone == 0 && strings.Contains(bar, th.full) && !th.coarse && c.share < c.all/2 {
				t.Errorf("%+v: %q shows a part that stands by itself", c, bar)
			}
		}
		if got := ansi.StringWidth(shareBar(1, 50, 100, 10, th)); got != 5 {
			t.Errorf("a half of 10 cells is %d", got)
		}
	}
	u := newTheme(true, false)
	if got := shareBar(25, 50, 100, 12, u); got != "███▒▒▒" {
		t.Errorf("%q", got)
	}
	if got := shareBar(1, 1, 16, 10, u); got != "▋" {
		t.Errorf("%q", got)
	}
}

func BenchmarkFrameOfAGreatStore(b *testing.B) {
	f := greatStore(b, 100_000)
	f.report = &trust.Report{}
	m := newRoot(context.Background(), Options{Backend: f}, time.Now)
	m.jobs.start()
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
	m.Update(snapshotMsg{gen: m.jobs.gen, report: f.report})
	press := func(k rune) { m.Update(tea.KeyPressMsg(tea.Key{Code: k, Text: string(k)})) }
	press('8')
	m.settle()
	if m.store.stock == nil {
		b.Fatal(errors.Join(m.store.err, errNothing))
	}
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			m.View()
		}
	})
	b.Run("group", func(b *testing.B) {
		for b.Loop() {
			press('j')
			press('k')
			m.View()
		}
	})
	m.Update(tea.KeyPressMsg(tea.Key{Code: tea.KeyTab}))
	m.settle()
	b.Run("move", func(b *testing.B) {
		for b.Loop() {
			press('j')
			m.View()
		}
	})
	b.Run("trace", func(b *testing.B) {
		for b.Loop() {
			m.store.stock.KeptBy([]int32{m.store.path()})
		}
	})
	b.Run("sort", func(b *testing.B) {
		for b.Loop() {
			press('s')
			m.View()
		}
	})
	b.Run("filter", func(b *testing.B) {
		for b.Loop() {
			m.store.paths.setFilter("package-7")
			m.store.paths.setFilter("")
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			stockOf(f.view, clock)
		}
	})
}

func TestAStoreThatADaemonToldOfSaysSo(t *testing.T) {
	b := storeFixture(t)
	b.view.Store.Told = &storedb.Told{Socket: "/nix/var/nix/daemon-socket/\x1b[2J", Version: "2.34.8", Why: "permission denied " + evilText}
	storeAtSize(t, 160, 50, Options{Backend: b}).press("shift+tab", "enter").expect("told by", `daemon-socket/\x1b[2J`, "could not be read").expectNot("db.sqlite")
}
