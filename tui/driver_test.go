package tui

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/trust"
)

// backend answers with what a test put into it.
type backend struct {
	report *trust.Report
	err    error
}

func (b *backend) Snapshot(context.Context) (*trust.Report, error) { return b.report, b.err }

// A driver plays a person at the terminal. Every frame that it sees has to fit.
type driver struct {
	t    *testing.T
	m    *root
	time time.Time
	cmds []tea.Cmd
}

// drive starts the program at a size and lets it read.
func drive(t *testing.T, w, h int, o Options) *driver {
	t.Helper()
	d := start(t, w, h, o)
	d.settle()
	return d
}

// start starts the program and leaves the first reading to come.
func start(t *testing.T, w, h int, o Options) *driver {
	t.Helper()
	o.Home = home
	d := &driver{t: t, time: clock}
	d.m = newRoot(t.Context(), o, func() time.Time { return d.time })
	t.Cleanup(func() { d.m.jobs.cancel() })
	d.m.jobs.start()
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

// settle ends the reading that goes on.
func (d *driver) settle() {
	d.t.Helper()
	r := d.m.jobs.current
	if r == nil {
		d.t.Fatal("nothing is being read")
	}
	report, err := snapshot(d.t.Context(), d.m.opt.Backend)
	d.send(snapshotMsg{gen: r.gen, report: report, err: err, took: 12300 * time.Microsecond})
}

func (d *driver) send(msg tea.Msg) tea.Cmd {
	d.t.Helper()
	_, cmd := d.m.Update(msg)
	d.fits()
	return cmd
}

// fits fails unless the frame fits the terminal and holds nothing that could
// do anything to it.
func (d *driver) fits() {
	d.t.Helper()
	content := d.m.View().Content
	if d.m.w <= 0 || d.m.h <= 0 {
		if content != "" {
			d.t.Fatalf("a frame on a terminal of %dx%d: %q", d.m.w, d.m.h, content)
		}
		return
	}
	lines := strings.Split(content, "\n")
	if len(lines) > d.m.h {
		d.t.Fatalf("%d lines on a terminal of %d:\n%s", len(lines), d.m.h, ansi.Strip(content))
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > d.m.w {
			d.t.Fatalf("line %d has %d cells on a terminal of %d: %q", i, w, d.m.w, ansi.Strip(l))
		}
		for _, r := range ansi.Strip(l) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == 0x200b || r == utf8.RuneError {
				d.t.Fatalf("line %d holds %U: %q", i, r, l)
			}
		}
		if rest := sgr.ReplaceAllString(l, ""); strings.ContainsRune(rest, 0x1b) {
			d.t.Fatalf("line %d has an escape that is no colour: %q", i, l)
		}
	}
	if d.m.w >= minWidth && d.m.h >= minHeight && len(lines) != d.m.h {
		d.t.Fatalf("%d lines do not fill a terminal of %d:\n%s", len(lines), d.m.h, ansi.Strip(content))
	}
}

// keys that are not one character.
var named = map[string]tea.Key{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"space": {Code: tea.KeySpace, Text: " "}, "backspace": {Code: tea.KeyBackspace}, "alt+backspace": {Code: tea.KeyBackspace, Mod: tea.ModAlt}, "delete": {Code: tea.KeyDelete},
	"ctrl+a": {Code: 'a', Mod: tea.ModCtrl}, "ctrl+b": {Code: 'b', Mod: tea.ModCtrl}, "ctrl+e": {Code: 'e', Mod: tea.ModCtrl}, "ctrl+f": {Code: 'f', Mod: tea.ModCtrl}, "ctrl+k": {Code: 'k', Mod: tea.ModCtrl},
	"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+d": {Code: 'd', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	"ctrl+w": {Code: 'w', Mod: tea.ModCtrl}, "ctrl+h": {Code: 'h', Mod: tea.ModCtrl}, "ctrl+z": {Code: 'z', Mod: tea.ModCtrl},
}

// press types keys, named as bindings name them.
func (d *driver) press(keys ...string) *driver {
	d.t.Helper()
	for _, k := range keys {
		key, ok := named[k]
		if !ok {
			r, n := utf8.DecodeRuneInString(k)
			if n != len(k) {
				d.t.Fatalf("there is no key %q", k)
			}
			key = tea.Key{Code: r, Text: k}
		}
		if got := tea.KeyPressMsg(key).String(); got != k {
			d.t.Fatalf("the key %q is called %q", k, got)
		}
		d.cmds = append(d.cmds, d.send(tea.KeyPressMsg(key)))
	}
	return d
}

// typeText types each character of a text.
func (d *driver) typeText(s string) *driver {
	d.t.Helper()
	for _, r := range s {
		if r == ' ' {
			d.press("space")
			continue
		}
		d.press(string(r))
	}
	return d
}

func (d *driver) screen() string {
	lines := strings.Split(ansi.Strip(d.m.View().Content), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (d *driver) expect(texts ...string) *driver {
	d.t.Helper()
	for _, s := range texts {
		if !strings.Contains(d.screen(), s) {
			d.t.Fatalf("%q is not on the screen:\n%s", s, d.screen())
		}
	}
	return d
}

func (d *driver) expectNot(texts ...string) *driver {
	d.t.Helper()
	for _, s := range texts {
		if strings.Contains(d.screen(), s) {
			d.t.Fatalf("%q is on the screen:\n%s", s, d.screen())
		}
	}
	return d
}
