package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
)

// What the Grants screen asks of the program about the gates; see
// tui.GateBackend.

// statusWait is how long the gates may take to say how they do.
const statusWait = 2 * time.Second

// Gates looks at the user's gate and at the machine's.
func (a *app) Gates(ctx context.Context) ([]tui.GateView, error) {
	if a.demo {
		return []tui.GateView{a.demoGateView(ctx)}, nil
	}
	if a.root != "" || a.user != "" {
		return nil, errors.New("gates are looked at on the running system, as the user whose they are")
	}
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	found, err := a.findGates(ctx)
	if err != nil {
		return nil, asked(err)
	}
	views := make([]tui.GateView, len(found))
	for i, f := range found {
		views[i] = a.gateView(f)
	}
	return views, nil
}

var gateStates = map[gateState]tui.GateState{gateUnknown: tui.GateUnknown, gateStopped: tui.GateStopped, gateRunning: tui.GateRunning}

// gateView is a gate as the screen shows it.
func (a *app) gateView(f foundGate) tui.GateView {
	v := tui.GateView{Name: "your gate", Machine: f.place.System, State: gateStates[f.state], Address: f.place.Address, Dir: f.place.Dir, Status: f.status}
	run, setup := "nix-trust gate", "nix-trust setup"
	if f.place.System {
		v.Name, run, setup = "the machine's gate", "sudo nix-trust gate install", "sudo nix-trust setup"
	}
	v.Key, v.KeyText = a.gateKeyState(f)
	switch v.Key {
	case tui.KeyMissing:
		v.Start = append(v.Start, trust.Fix{Title: "Make its key, and bring it in force", Command: setup, Admin: f.place.System, Detail: "It shows what the administrator has to do, once."})
	case tui.KeyNotInForce:
		v.Start = append(v.Start, trust.Fix{Title: "Bring its key in force", Command: setup, Admin: f.place.System, Detail: "It shows what the administrator has to do, once."})
	}
	switch f.state {
	case gateUnknown:
		v.Text = f.text
	case gateStopped:
		v.Start = append(v.Start, trust.Fix{Title: "Start it", Command: run, Admin: f.place.System, Detail: "fetch and exec need none that runs: they start one of their own."})
	}
	return v
}

// gateKeyState finds whether the daemon believes a gate's key, by the report that
// the other screens go by.
func (a *app) gateKeyState(f foundGate) (tui.KeyState, string) {
	key, err := gatePublic(f.place)
	switch {
	case err != nil && absent(f.place.PublicFile()) && absent(f.place.KeyFile()):
		return tui.KeyMissing, ""
	case err != nil:
		return tui.KeyUnknown, sentence(err.Error())
	case f.state == gateRunning && f.key != key.String():
		return tui.KeyNotInForce, "The gate signs with another key than the one in its folder: it was started before that was made."
	}
	a.mu.Lock()
	r := a.seen.report
	a.mu.Unlock()
	if r == nil {
		return tui.KeyUnknown, "The machine was not looked at yet."
	}
	i := slices.IndexFunc(r.Gates, func(g trust.GateReport) bool { return g.Machine == f.place.System })
	if i < 0 || r.Gates[i].Key != "" && r.Gates[i].Key != key.String() {
		return tui.KeyUnknown, "When the machine was looked at, it was not there yet or was another one."
	}
	const prove = " `nix-trust setup --check` asks the daemon itself."
	switch g := r.Gates[i]; {
	case g.Believed == trust.Pass:
		return tui.KeyInForce, g.Why.Text + prove
	case g.Believed == trust.Fail && g.Why.Code != trust.CodeSigsOff:
		return tui.KeyNotInForce, g.Why.Text
	default:
		return tui.KeyUnknown, g.Why.Text + prove
	}
}
