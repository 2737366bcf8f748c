package tui

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/nix-trust/nix-trust/trust"
)

func init() { time.Local = time.UTC } // frames have times in them

// TestPlanFrames compares whole frames with the ones that somebody looked at.
func TestPlanFrames(t *testing.T) {
	with := func(p trust.Plan) func(*changeBackend) {
		return func(b *changeBackend) { b.plan = func(Action) (trust.Plan, error) { return p, nil } }
	}
	for _, c := range []struct {
		name string
		o    Options
		b    func(*changeBackend)
		play func(d *driver)
	}{
		{name: "forget", play: func(d *driver) { d.press("3", "j", "f").finish() }},
		{name: "forget-end", play: func(d *driver) { d.press("3", "j", "f").finish().later(time.Second).press("G", "tab") }},
		{name: "widens", play: func(d *driver) { d.press("3", "j", "j", "j", "+").finish().later(time.Second).press("G") }},
		{name: "typing", play: func(d *driver) {
			d.press("3", "j", "j", "j", "+").finish().press("G").later(time.Second).press("y").typeText("nix-gaming.cachix")
		}},
		{name: "sweeping", b: with(sweepingPlan()), play: func(d *driver) { d.press("z").finish() }},
		{name: "hostile", b: with(hostilePlan()), play: func(d *driver) { d.press("t").finish() }},
		{name: "hostile-end", b: with(hostilePlan()), play: func(d *driver) { d.press("t").finish().press("G") }},
		{name: "hostile-ascii", o: Options{ASCII: true}, b: with(hostilePlan()), play: func(d *driver) { d.press("t").finish().press("G") }},
		{name: "moved", b: func(b *changeBackend) { b.applies = []error{ErrMoved} }, play: func(d *driver) {
			d.press("3", "j", "f").finish().later(time.Second).press("G", "y").finish()
		}},
		{name: "asks", b: func(b *changeBackend) { b.told = Told{Hosts: []string{"cache.nixos.org"}, Paths: 3} }, play: func(d *driver) { d.press("t").finish() }},
		{name: "cannot", play: func(d *driver) { d.press("t").finish() }},
		{name: "not-written", b: func(b *changeBackend) { b.applies = []error{errors.New("no space left on device")} }, play: func(d *driver) {
			d.press("3", "j", "f").finish().later(time.Second).press("G", "y").finish()
		}},
		{name: "done", play: func(d *driver) {
			d.press("3", "j", "f").finish().later(time.Second).press("G", "y").finish().settle()
		}},
		{name: "read-only", o: Options{ReadOnly: true, ReadOnlyWhy: "another user is looked at."}, play: func(d *driver) { d.press("3", "j", "f") }},
		{name: "journal", play: func(d *driver) { d.press("7").finish() }},
		{name: "journal-entry", play: func(d *driver) { d.press("7").finish().press("j", "enter").finish() }},
		{name: "journal-empty", b: func(b *changeBackend) { b.history = History{} }, play: func(d *driver) { d.press("7").finish() }},
		{name: "journal-unread", b: func(b *changeBackend) { b.histErr = errNothing }, play: func(d *driver) { d.press("7").finish() }},
		{name: "grants", play: func(d *driver) { d.press("6").finish().press("j", "j") }},
		{name: "grants-stale", play: func(d *driver) { d.press("6").finish().press("j", "j", "j", "enter") }},
		{name: "grants-empty", b: func(b *changeBackend) { b.list = GrantList{} }, play: func(d *driver) { d.press("6").finish() }},
		{name: "grants-unread", b: func(b *changeBackend) {
			b.list = GrantList{Problems: []string{"/home/ada/.config/nix-trust/grants.toml:3:1: \x1b[31munknown key"}}
		}, play: func(d *driver) { d.press("6").finish() }},
	} {
		for _, s := range [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 10}} {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
				b := changeFixture()
				if c.b != nil {
					c.b(b)
				}
				c.o.Backend = b
				d := drive(t, s[0], s[1], c.o).finish()
				c.play(d)
				golden.RequireEqual(t, d.screen())
			})
		}
	}
}
