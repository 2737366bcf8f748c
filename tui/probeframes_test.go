package tui

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
)

// TestProbeFrames compares whole frames with the ones that somebody looked at.
func TestProbeFrames(t *testing.T) {
	rows := func(n int) func(*driver) {
		return func(d *driver) {
			d.press("2").finish()
			for range n {
				d.press("j")
			}
		}
	}
	for _, c := range []struct {
		name string
		o    Options
		b    func(*probeBackend)
		play func(d *driver)
	}{
		{name: "caches", play: rows(0)},
		{name: "old", play: rows(1)},
		{name: "unreachable", play: rows(2)},
		{name: "hostile", play: func(d *driver) { rows(4)(d); d.press("enter") }},
		{name: "full", play: func(d *driver) { rows(0)(d); d.press("enter") }},
		{name: "never", play: rows(5)},
		{name: "not-known", b: func(b *probeBackend) { b.probesErr = errors.New("probes.json: " + evilText) }, play: rows(0)},
		{name: "chain", play: func(d *driver) { d.press("enter", "enter") }},
		{name: "question", play: func(d *driver) { rows(0)(d); d.press("p") }},
		{name: "question-all", b: func(b *probeBackend) { b.probes.Unkept = "the program was started with --read-only." }, o: Options{Demo: true}, play: func(d *driver) { rows(0)(d); d.press("a") }},
		{name: "probing", play: func(d *driver) {
			rows(0)(d)
			d.press("a", "G", "y")
			l := &d.m.caches.probes.work
			l.current.done.Store(1)
			l.current.all.Store(2)
			d.send(taskTick{l.name, l.current.gen})
		}},
		{name: "probed", play: func(d *driver) { rows(0)(d); d.press("a", "G", "y").finish() }},
		{name: "diagnosis-question", play: func(d *driver) { d.press("d") }},
		{name: "path-question", play: func(d *driver) { d.press("D").typeText("/nix/store/a-hello.drv").press("enter").finish() }},
		{name: "diagnosis", play: func(d *driver) { d.press("d", "G", "y").finish() }},
		{name: "ascii", o: Options{ASCII: true}, play: rows(2)},
		{name: "ascii-question", o: Options{ASCII: true}, play: func(d *driver) { rows(0)(d); d.press("p") }},
	} {
		for _, s := range [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 10}} {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
				b := probeFixture()
				if c.b != nil {
					c.b(b)
				}
				c.o.Backend = b
				d := drive(t, s[0], s[1], c.o)
				c.play(d)
				golden.RequireEqual(t, d.screen())
			})
		}
	}
}

// A frame over many caches costs no more than one over a few: what is shown was
// worked out when it was read.
func BenchmarkProbedCaches(b *testing.B) {
	f := probeFixture()
	one := f.report.Caches[0]
	for i := range 100_000 {
		c := one
		c.URL = fmt.Sprintf("https://%d.example", i)
		f.report.Caches = append(f.report.Caches, c)
	}
	m := newRoot(b.Context(), Options{Backend: f, Home: home}, func() time.Time { return clock })
	m.w, m.h = 120, 36
	m.view.report = f.report
	m.version++
	m.active = 1
	m.Update(nil)
	m.settle()
	for b.Loop() {
		m.move(1)
		m.Update(nil)
		m.View()
	}
}
