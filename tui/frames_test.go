package tui

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/nix-trust/nix-trust/trust"
)

var sgr = regexp.MustCompile("\x1b\\[[0-9;:]*m")

var sizes = [][2]int{{120, 36}, {80, 24}, {60, 20}, {40, 12}}

// TestFrames compares whole frames with the ones that somebody looked at.
func TestFrames(t *testing.T) {
	empty := &trust.Report{}
	for _, c := range []struct {
		name   string
		o      Options
		report *trust.Report
		play   func(d *driver)
	}{
		{name: "overview", play: func(*driver) {}},
		{name: "overview-claims", play: func(d *driver) { d.press("enter", "j") }},
		{name: "overview-full", play: func(d *driver) { d.press("enter", "enter") }},
		{name: "overview-end", play: func(d *driver) { d.press("enter", "enter", "G") }},
		{name: "overview-rejected", play: func(d *driver) { d.press("j", "j", "j", "j", "j") }},
		{name: "overview-hostile", play: func(d *driver) { d.press("G", "enter") }},
		{name: "hostile-full", play: func(d *driver) { d.press("G", "enter", "enter") }},
		{name: "overview-clean", play: func(d *driver) { d.press("j", "j", "j") }},
		{name: "overview-input", play: func(d *driver) { d.press("enter", "j", "j", "j", "enter") }},
		{name: "caches", play: func(d *driver) { d.press("2", "j") }},
		{name: "caches-keys", play: func(d *driver) { d.press("2", "tab", "G") }},
		{name: "caches-detail", play: func(d *driver) { d.press("2", "enter") }},
		{name: "answers", play: func(d *driver) { d.press("3") }},
		{name: "answers-near", play: func(d *driver) { d.press("3", "j", "j", "j", "j", "enter") }},
		{name: "answers-broken", play: func(d *driver) { d.press("3", "enter") }},
		{name: "settings", play: func(d *driver) { d.press("4") }},
		{name: "settings-detail", play: func(d *driver) { d.press("4", "j", "j", "enter") }},
		{name: "findings", play: func(d *driver) { d.press("!") }},
		{name: "findings-detail", play: func(d *driver) { d.press("!", "enter") }},
		{name: "help", play: func(d *driver) { d.press("?") }},
		{name: "log", play: func(d *driver) { d.press("@") }},
		{name: "filter", play: func(d *driver) { d.press("/").typeText("GC") }},
		{name: "filter-none", play: func(d *driver) { d.press("/").typeText("zzz").press("enter") }},
		{name: "search", play: func(d *driver) { d.press("enter", "enter", "/").typeText("daemon").press("enter", "n") }},
		{name: "copied", play: func(d *driver) { d.press("Y") }},
		{name: "empty", report: empty, play: func(*driver) {}},
		{name: "empty-caches", report: empty, play: func(d *driver) { d.press("2") }},
		{name: "empty-answers", report: empty, play: func(d *driver) { d.press("3") }},
		{name: "empty-settings", report: empty, play: func(d *driver) { d.press("4") }},
		{name: "empty-findings", report: empty, play: func(d *driver) { d.press("!") }},
		{name: "demo", o: Options{Demo: true}, play: func(*driver) {}},
		{name: "ascii", o: Options{ASCII: true}, play: func(*driver) {}},
		{name: "ascii-caches", o: Options{ASCII: true, Demo: true}, play: func(d *driver) { d.press("2") }},
		{name: "ascii-help", o: Options{ASCII: true}, play: func(d *driver) { d.press("?") }},
		{name: "stale", play: func(d *driver) {
			d.press("r")
			d.time = d.time.Add(90 * time.Second)
			d.m.opt.Backend.(*backend).err = errors.New("/etc/nix/nix.conf: \x1b[31mpermission denied")
			d.settle()
		}},
		{name: "again", play: func(d *driver) {
			d.press("r")
			d.time = d.time.Add(3 * time.Second)
			d.send(slowMsg{d.m.jobs.gen})
		}},
	} {
		for _, s := range sizes {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
				c.o.Backend = &backend{report: c.report}
				if c.report == nil {
					c.o.Backend = &backend{report: fixture()}
				}
				d := drive(t, s[0], s[1], c.o)
				c.play(d)
				golden.RequireEqual(t, d.screen())
			})
		}
	}
}

// TestFramesWithoutAReport shows what is there before and instead of data.
func TestFramesWithoutAReport(t *testing.T) {
	for _, s := range sizes {
		size := fmt.Sprintf("%dx%d", s[0], s[1])
		t.Run("first/"+size, func(t *testing.T) {
			golden.RequireEqual(t, start(t, s[0], s[1], Options{}).screen())
		})
		t.Run("reading/"+size, func(t *testing.T) {
			d := start(t, s[0], s[1], Options{Demo: true})
			d.send(slowMsg{d.m.jobs.gen})
			golden.RequireEqual(t, d.screen())
		})
		t.Run("error/"+size, func(t *testing.T) {
			d := drive(t, s[0], s[1], Options{Backend: &backend{err: errors.New("the folder /etc/nix cannot be read: permission denied\nrun it as a user who may")}})
			golden.RequireEqual(t, d.screen())
		})
	}
	t.Run("small", func(t *testing.T) {
		golden.RequireEqual(t, drive(t, 39, 9, Options{Backend: &backend{report: fixture()}}).screen())
	})
}
