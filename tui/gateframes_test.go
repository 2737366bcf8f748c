package tui

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
)

// TestGateFrames compares whole frames with the ones that somebody looked at.
func TestGateFrames(t *testing.T) {
	rows := func(n int) func(*driver) {
		return func(d *driver) {
			d.press("tab")
			for range n {
				d.press("j")
			}
		}
	}
	grant := func(d *driver) *driver { return d.press("j", "j") } // the one that counts
	for _, c := range []struct {
		name string
		o    Options
		b    func(*gateBackend)
		play func(d *driver)
	}{
		{name: "grants", play: func(*driver) {}},
		{name: "gate", play: rows(0)},
		{name: "gate-full", play: func(d *driver) { rows(0)(d); d.press("enter") }},
		{name: "hostile-gate", play: func(d *driver) { rows(1)(d); d.press("enter") }},
		{name: "evidence", play: rows(2)},
		{name: "problem", play: rows(3)},
		{name: "conflict", play: rows(4)},
		{name: "skipped", play: rows(6)},
		{name: "delivers", play: rows(7)},
		{name: "event", play: rows(11)},
		{name: "stopped", b: func(b *gateBackend) { b.views = stoppedGates() }, play: rows(0)},
		{name: "unasked", b: func(b *gateBackend) { b.views = stoppedGates() }, play: rows(1)},
		{name: "nothing-granted", b: func(b *gateBackend) { b.list, b.views = GrantList{}, stoppedGates() }, play: func(*driver) {}},
		{name: "stale", play: func(d *driver) {
			d.m.opt.Backend.(*gateBackend).viewsErr = errors.New("\x1b[31mno such host")
			d.later(12 * time.Second).send(gateTick{})
			d.finish().press("tab", "g")
		}},
		{name: "not-read", b: func(b *gateBackend) { b.viewsErr = errNothing }, play: func(*driver) {}},
		{name: "question", play: func(d *driver) { grant(d).press("f").finish() }},
		{name: "fetching", play: func(d *driver) {
			grant(d).press("f").finish().later(time.Second).press("G", "y")
			l := &d.m.grants.fetching
			l.current.done.Store(1234)
			l.current.all.Store(4321)
			d.send(taskTick{l.name, l.current.gen})
		}},
		{name: "fetched", play: func(d *driver) {
			grant(d).press("f").finish().later(time.Second).press("G", "y").finish().press("enter", "G")
		}},
		{name: "not-all", b: func(b *gateBackend) {
			b.out.Paths, b.out.Wrong, b.out.Refused = 1, []string{"https://mirror.example.org has other bytes for " + evilText + "."}, []string{"wlroots-0.18: " + evilText + " delivered the bytes that are pinned, or not."}
		}, play: func(d *driver) { grant(d).press("f").finish().later(time.Second).press("G", "y").finish() }},
		{name: "ascii", o: Options{ASCII: true, Demo: true}, play: rows(2)},
		{name: "ascii-gate", o: Options{ASCII: true, Demo: true}, play: func(d *driver) { rows(0)(d); d.press("enter") }},
		{name: "help", play: func(d *driver) { d.press("?", "G") }},
	} {
		for _, s := range [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 10}} {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
				b := gateFixture()
				if c.b != nil {
					c.b(b)
				}
				c.o.Backend = b
				d := drive(t, s[0], s[1], c.o).press("6").finish()
				c.play(d)
				golden.RequireEqual(t, d.screen())
			})
		}
	}
}
