package tui

import (
	"fmt"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/nix-trust/nix-trust/trust/audit"
)

// TestStoreFrames compares whole frames with the ones that somebody looked at.
func TestStoreFrames(t *testing.T) {
	down := func(n int) func(*driver) {
		return func(d *driver) {
			for range n {
				d.press("j")
			}
			d.finish()
		}
	}
	then := func(first func(*driver), keys ...string) func(*driver) {
		return func(d *driver) {
			first(d)
			d.press(keys...).finish()
		}
	}
	for _, c := range []struct {
		name string
		o    Options
		b    func(*storeBackend)
		play func(d *driver)
	}{
		{name: "whole", play: down(0)},
		{name: "signed", play: down(1)},
		{name: "not-believed", play: down(3)},
		{name: "imported", play: down(4)},
		{name: "damaged", play: then(down(5), "enter", "j")},
		{name: "key", play: down(6)},
		{name: "key-paths", play: then(down(6), "enter")},
		{name: "key-path", play: then(down(6), "enter", "enter")},
		{name: "key-full", play: then(down(7), "shift+tab", "enter")},
		{name: "unused", play: down(9)},
		{name: "claimed", play: down(10)},
		{name: "hostile", play: down(11)},
		{name: "forged", play: down(12)},
		{name: "forged-path", play: then(down(12), "enter", "enter")},
		{name: "unknown-signer", play: then(down(13), "enter")},
		{name: "sorted", play: then(down(0), "s", "s", "tab", "s", "s")},
		{name: "filter", play: func(d *driver) { d.press("/").typeText("nixos") }},
		{name: "filter-paths", play: func(d *driver) { d.press("tab", "/").typeText("SDK").finish() }},
		{name: "doubts", b: func(b *storeBackend) {
			b.view.Outcome = StoreUnknown
			b.view.Doubts = []string{"The daemon did not answer, so which keys it believes is not known: those in its files are taken."}
		}, play: down(6)},
		{name: "doubts-whole", b: func(b *storeBackend) {
			b.view.Outcome = StoreUnknown
			b.view.Doubts = []string{"The daemon did not answer, so which keys it believes is not known: those in its files are taken."}
		}, play: down(0)},
		{name: "vouched", b: func(b *storeBackend) {
			b.view = audited(t, storeItems()[:3], []storeKey{nixosStoreKey}, audit.Roots{Looked: true, Unseen: []string{"What 12 processes use is not this user's to look at."}})
			b.view.Outcome = StoreVouched
		}, play: down(0)},
		{name: "empty", b: func(b *storeBackend) {
			b.view = audited(t, nil, []storeKey{nixosStoreKey}, audit.Roots{Looked: true})
			b.view.Outcome = StoreVouched
		}, play: down(0)},
		{name: "not-read", b: func(b *storeBackend) { b.viewErr = fmt.Errorf("there is no %s", evilText) }, play: down(0)},
		{name: "nothing", b: func(b *storeBackend) { b.view = nil }, play: down(0)},
		{name: "ascii", o: Options{ASCII: true}, play: then(down(7), "enter")},
		{name: "ascii-demo", o: Options{ASCII: true, Demo: true}, play: down(12)},
	} {
		for _, s := range [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 10}} {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
				b := storeFixture(t)
				if c.b != nil {
					c.b(b)
				}
				c.o.Backend = b
				d := storeAtSize(t, s[0], s[1], c.o)
				c.play(d)
				golden.RequireEqual(t, d.screen())
			})
		}
	}
	for _, s := range [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 10}} {
		t.Run(fmt.Sprintf("auditing/%dx%d", s[0], s[1]), func(t *testing.T) {
			d := drive(t, s[0], s[1], Options{Backend: storeFixture(t)}).press("8")
			l := &d.m.store.reading
			l.current.done.Store(1234)
			l.current.all.Store(100_000)
			d.send(taskTick{l.name, l.current.gen})
			golden.RequireEqual(t, d.screen())
		})
	}
}
