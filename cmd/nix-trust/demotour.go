package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A tour walks through the demo without a person. Each step says what it saw,
// and fails when that is not what it has to be.
type tour struct {
	*app
	gate  *demo.Gate
	steps []tourStep
	nar   string // the URL of a path's contents, as somebody may remember it
}

// A tourStep is one step as --json prints it.
type tourStep struct {
	Step  string   `json:"step"`
	OK    bool     `json:"ok"`
	Lines []string `json:"lines"` // sentences
}

// The flakes of the demo that the tour shows.
const (
	tourFine    = "/home/mira/src/comet"
	tourHostile = "/home/mira/src/harbor"
	tourRefused = "/home/mira/src/quarry"
)

func (a *app) tour(ctx context.Context) error {
	a.made().Hurry()
	g, err := a.demoGate(ctx)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), a.endDemo())
	}
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error(), hints: []string{"set TMPDIR to a folder that you can write to"}}
	}
	t := &tour{app: a, gate: g}
	err = t.walk(ctx)
	if ended := t.leave(); err == nil {
		err = ended
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.json {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		if wrote := e.Encode(map[string]any{"version": 1, "ok": err == nil, "steps": t.steps}); wrote != nil {
			return wrote
		}
	}
	if err != nil {
		return &problem{code: exitFindings, text: "the tour has failed: " + err.Error(), hints: []string{"this is a mistake of the program, not of this machine: please report it"}}
	}
	return nil
}

func (t *tour) walk(ctx context.Context) error {
	for _, s := range []struct {
		name string
		do   func(context.Context) ([]string, error)
	}{
		{"start", t.start}, {"nothing granted", t.ungranted}, {"grant", t.grant}, {"fetch", t.fetch}, {"verify", t.verify},
		{"refused grant", t.refused}, {"hostile cache", t.hostile}, {"revoke", t.revoke}, {"nothing", t.nothing},
	} {
		lines, err := s.do(ctx)
		if t.say(s.name, lines, err); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// leave ends the gate, and sees that nothing is left.
func (t *tour) leave() error {
	g := t.gate
	err := t.endDemo()
	lines := []string{"The gate and the caches are closed."}
	if c, dialed := net.Dial("tcp", g.Address); dialed == nil {
		c.Close()
		err = errors.Join(err, errors.New("the gate still listens"))
	}
	_, there := os.Lstat(g.Dir)
	switch {
	case t.demoRun.keep:
		lines = append(lines, "What was fetched stays in "+g.Dir+".")
	case errors.Is(there, fs.ErrNotExist):
		lines = append(lines, g.Dir+" is removed.")
	default:
		err = errors.Join(err, errors.New(g.Dir+" is still there"))
	}
	t.say("end", lines, err)
	return err
}

// say prints a step.
func (t *tour) say(name string, lines []string, err error) {
	if err != nil {
		lines = append(lines, "This is not what it has to be: "+err.Error())
	}
	t.steps = append(t.steps, tourStep{name, err == nil, lines})
	if t.json {
		return
	}
	s := t.style()
	g := s.Glyphs
	mark := explain.Mark{Glyph: g.Good, Word: name, Role: explain.Good}
	if err != nil {
		mark = explain.Mark{Glyph: g.Bad, Word: name, Role: explain.Bad}
	}
	head := mark.String()
	if s.Paint != nil {
		head = s.Paint(mark.Role, head)
	}
	t.print(head)
	for _, text := range lines {
		for line := range strings.Lines(text) {
			for _, part := range explain.Wrap(safetext.Text(strings.TrimSpace(line)), tourWidth-4) {
				t.print("    " + part)
			}
		}
	}
}

// tourWidth is how wide the tour is told.
const tourWidth = 80

// sentence ends a text with a full stop.
func sentence(s string) string { return strings.TrimSuffix(s, ".") + "." }
