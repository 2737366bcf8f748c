package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/nix-trust/nix-trust/trust"
)

// finish runs what goes on to its end.
func (d *driver) finish() *driver {
	d.t.Helper()
	for n := 0; ; n++ {
		lanes := d.m.lanes()
		i := slices.IndexFunc(lanes, func(l *lane) bool { return l.current != nil })
		if i < 0 {
			break
		}
		if n > 30 {
			d.t.Fatal("a task begins again and again")
		}
		d.send(lanes[i].current.run())
	}
	return d
}

// onLocks starts the program on the Locks screen.
func locksAt(t *testing.T, w, h int, o Options) *driver {
	t.Helper()
	d := drive(t, w, h, o)
	return d.press("5").finish()
}

// TestLockFrames compares whole frames with the ones that somebody looked at.
func TestLockFrames(t *testing.T) {
	verified := func(d *driver) { d.press("v").press("G", "y").finish() }
	for _, c := range []struct {
		name string
		o    Options
		b    func(*lockBackend)
		play func(d *driver)
	}{
		{name: "unasked", play: func(*driver) {}},
		{name: "reading", b: func(b *lockBackend) {}, play: func(d *driver) {
			d.press("r")
			d.settle()
		}},
		{name: "not-read", b: func(b *lockBackend) { b.filesErr = errNothing; b.files = nil }, play: func(*driver) {}},
		{name: "no-flakes", b: func(b *lockBackend) { b.report, b.files = nil, nil; b.backend.report = &trust.Report{} }, play: func(*driver) {}},
		{name: "unreadable", play: func(d *driver) { d.press("j", "j") }},
		{name: "none", play: func(d *driver) { d.press("G") }},
		{name: "system", play: func(d *driver) { d.press("tab", "enter") }},
		{name: "cache", play: func(d *driver) { d.press("tab", "j", "j") }},
		{name: "question", play: func(d *driver) { d.press("v") }},
		{name: "question-contents", play: func(d *driver) { d.press("v", "c", "tab") }},
		{name: "verifying", play: func(d *driver) {
			d.press("v", "G", "y")
			l := &d.m.locks.work
			l.current.done.Store(1234)
			l.current.all.Store(4321)
			d.send(taskTick{l.name, l.current.gen})
		}},
		{name: "evaluating", play: func(d *driver) {
			d.press("c")
			d.time = d.time.Add(3 * time.Second)
			d.send(taskTick{d.m.locks.work.name, d.m.locks.work.gen})
		}},
		{name: "verified", play: verified},
		{name: "verified-pin", play: func(d *driver) { verified(d); d.press("tab") }},
		{name: "verified-pin-full", play: func(d *driver) { verified(d); d.press("tab", "enter") }},
		{name: "fine-fresh", b: func(b *lockBackend) { b.report = fineReport() }, play: func(d *driver) { verified(d); d.press("c").finish() }},
		{name: "stale", b: func(b *lockBackend) { b.check = staleCheck() }, play: func(d *driver) { d.press("c").finish() }},
		{name: "pins-unasked", play: func(d *driver) { d.press("p") }},
		{name: "changes", play: func(d *driver) { d.press("d").finish() }},
		{name: "changes-full", play: func(d *driver) { d.press("d").finish().press("enter") }},
		{name: "not-compared", b: func(b *lockBackend) { b.err = errNothing }, play: func(d *driver) { d.press("d").finish() }},
		{name: "other-file", play: func(d *driver) { d.press("D").typeText("../old.cache-lock") }},
		{name: "votes", play: func(d *driver) { verified(d); d.press("x", "G", "y").finish() }},
		{name: "votes-full", play: func(d *driver) { verified(d); d.press("x", "G", "y").finish().press("enter") }},
		{name: "ascii", o: Options{ASCII: true}, play: func(d *driver) { verified(d); d.press("tab") }},
		{name: "ascii-question", o: Options{ASCII: true, Demo: true}, play: func(d *driver) { d.press("v") }},
		{name: "ascii-verifying", o: Options{ASCII: true, Demo: true}, play: func(d *driver) {
			d.press("v", "G", "y")
			d.m.locks.work.current.done.Store(2)
			d.m.locks.work.current.all.Store(3)
			d.send(taskTick{d.m.locks.work.name, d.m.locks.work.gen})
		}},
		{name: "ascii-changes", o: Options{ASCII: true}, play: func(d *driver) { d.press("d").finish() }},
	} {
		for _, s := range [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 10}} {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
				b := lockFixture()
				if c.b != nil {
					c.b(b)
				}
				c.o.Backend = b
				d := locksAt(t, s[0], s[1], c.o)
				c.play(d)
				golden.RequireEqual(t, d.screen())
			})
		}
	}
}
