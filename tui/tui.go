// Package tui is the terminal program: it shows a trust.Report and lets a
// person walk through it, and change what they may. It reads nothing and changes
// nothing itself: all that goes through its Backend, and nothing is changed
// before its plan was shown whole.
//
// There is one tea.Model, the root. Screens are structs made of panes; a pane
// is a list or a text. What comes from outside is a safetext.S before it can
// be drawn.
package tui

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
)

// A Backend is where the program's data comes from.
type Backend interface {
	// Snapshot looks at the machine and returns what it found. It is called
	// outside the program's loop. It stops early when ctx ends; it may be
	// called again before a call that was given up has returned. Nobody
	// changes the report afterwards.
	Snapshot(ctx context.Context) (*trust.Report, error)
}

// Options say how to run the program.
type Options struct {
	Backend Backend
	// Demo marks every screen as showing a made-up host.
	Demo bool
	// ASCII draws with ASCII only.
	ASCII bool
	// NoMotion shows no animation.
	NoMotion bool
	// NoMouse leaves the mouse to the terminal.
	NoMouse bool
	// ReadOnly keeps every key from changing anything, and is shown in the
	// header. ReadOnlyWhy is a sentence.
	ReadOnly    bool
	ReadOnlyWhy string
	// NoDiagnosis is why it cannot be found out here why a cache is not used, a
	// sentence; "" when it can.
	NoDiagnosis string
	// Flake is the flake to open on, by its reference or its folder; "" for
	// the one in the current folder.
	Flake string
	// Home is shown as ~ in paths; "" for never.
	Home string
	// Environ is the environment that decides on colours, nil for the
	// process's own.
	Environ []string
}

// ErrInterrupted is returned by Run after ctrl+c or SIGINT. The command exits
// with 130.
var ErrInterrupted = errors.New("interrupted")

// Run shows the program on the process's terminal until it is left. Both stdin
// and stdout have to be terminals: check before.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := []tea.ProgramOption{tea.WithContext(ctx)}
	if o.Environ != nil {
		opts = append(opts, tea.WithEnvironment(o.Environ))
	}
	m := newRoot(ctx, o, time.Now)
	_, err := tea.NewProgram(m, opts...).Run()
	m.giveUp()
	switch {
	case m.interrupted, errors.Is(err, tea.ErrInterrupted), errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return ErrInterrupted
	case err != nil:
		return err
	}
	return nil
}

// giveUp stops all that goes on outside the loop.
func (m *root) giveUp() {
	m.jobs.cancel()
	for _, l := range m.lanes() {
		if l != &m.changes.write {
			l.cancel()
		}
	}
}

// typed is a key by its name.
type typed string

func (k typed) String() string { return string(k) }

// settle waits for the tasks that go on, one after the other.
func (m *root) settle() {
	for _, l := range m.lanes() {
		for t := l.current; t != nil; t = l.current {
			m.Update(t.run())
		}
	}
}

// Frame reads once and returns the screen after some keys as it would be drawn
// on a dark terminal of w by h cells, with colours. Between two keys lies a
// second. It is for pictures and tests.
func Frame(ctx context.Context, o Options, w, h int, keys ...string) (string, error) {
	o.NoMotion = true
	late := time.Duration(0)
	m := newRoot(ctx, o, func() time.Time { return time.Now().Add(late) })
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	read := func() error {
		report, err := snapshot(ctx, o.Backend)
		m.Update(snapshotMsg{gen: m.jobs.gen, report: report, err: err})
		return err
	}
	m.jobs.start()
	if err := read(); err != nil {
		return "", err
	}
	for _, k := range keys {
		late += time.Second
		if m.input != nil && utf8.RuneCountInString(k) == 1 {
			m.input.typed(k)
			continue
		}
		b, ok := m.lookup(typed(k))
		if !ok {
			return "", fmt.Errorf("the key %q does nothing here", k)
		}
		if b.why != nil {
			if why := b.why(m); why != "" {
				return "", fmt.Errorf("the key %q does nothing now: %s", k, why)
			}
		}
		b.do(m)
		m.Update(nil)
		m.settle()
		if m.jobs.current != nil { // a change was made
			if err := read(); err != nil {
				return "", err
			}
			m.settle()
		}
	}
	return m.frame(), nil
}
