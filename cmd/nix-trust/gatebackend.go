package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/tui"
)

// What the Grants screen asks of the program about the gates; see
// tui.GateBackend.

// statusWait is how long one gate may take to say how it does.
const statusWait = 2 * time.Second

// Gates looks at the user's gate and at the machine's.
func (a *app) Gates(ctx context.Context) ([]tui.GateView, error) {
	if a.demo {
		v, err := a.demoGateView(ctx)
		return []tui.GateView{v}, err
	}
	if a.root != "" || a.user != "" {
		return nil, errors.New("gates are looked at on the running system, as the user whose they are")
	}
	place, err := a.gatePlace("")
	if err != nil {
		return nil, asked(err)
	}
	places := []gatePlace{place}
	if !place.system {
		places = append(places, systemGatePlace(""))
	}
	a.mu.Lock()
	r := a.last
	a.mu.Unlock()
	views := make([]tui.GateView, len(places))
	for i, p := range places {
		views[i] = gateView(ctx, p, r)
	}
	return views, ctx.Err()
}

// gateView asks one gate how it does. r is what was read of the machine last,
// nil for nothing.
func gateView(ctx context.Context, p gatePlace, r *trust.Report) tui.GateView {
	v := tui.GateView{Name: "your gate", Machine: p.system, Address: p.address, Dir: p.dir}
	start := "nix-trust gate"
	if p.system {
		v.Name, start = "the machine's gate", "sudo nix-trust gate install"
	}
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	status, err := gate.ReadStatus(ctx, p.socket)
	switch {
	case err == nil:
		v.State, v.Status = tui.GateRunning, status
		if status.Address != "" {
			v.Address = status.Address
		}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		v.State = tui.GateStopped
		v.Start = append(v.Start, trust.Fix{Title: "Start it", Command: start, Admin: p.system, Detail: "fetch and exec need none that runs: they start their own."})
	case errors.Is(err, fs.ErrPermission):
		v.Text = "Its socket is not open to this user, so that it cannot be asked."
	default:
		v.Text = err.Error()
	}
	v.Key, v.KeyText = gateKeyState(p, r)
	if v.Key == tui.KeyMissing || v.Key == tui.KeyNotInForce {
		v.Start = append(v.Start, trust.Fix{Title: "Bring its key in force", Command: "nix-trust setup", Detail: "It shows what the administrator has to do, once."})
	}
	return v
}

// gateKeyState finds whether the daemon believes a gate's key, by what was read
// of its configuration. `nix-trust setup --check` asks the daemon itself.
func gateKeyState(p gatePlace, r *trust.Report) (tui.KeyState, string) {
	text, err := readRegular(p.publicFile(), 4<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return tui.KeyMissing, ""
	}
	if err != nil {
		return tui.KeyUnknown, fmt.Sprintf("%s cannot be read: %v.", p.publicFile(), cause(err))
	}
	key, err := bincache.ParsePublicKey(strings.TrimSpace(string(text)))
	if err != nil {
		return tui.KeyUnknown, fmt.Sprintf("%s has no public key: %v.", p.publicFile(), err)
	}
	if r == nil {
		return tui.KeyUnknown, "The machine was not looked at yet."
	}
	doubted := slices.ContainsFunc(r.Findings, func(f trust.Finding) bool {
		return slices.Contains([]trust.Code{trust.CodeDaemonStale, trust.CodeUnreadableLayer, trust.CodeUserRefused, trust.CodeNoStore, trust.CodeConfigFatal}, f.Code)
	})
	listed := slices.ContainsFunc(r.Keys, func(k trust.KeyReport) bool { return k.InEffect && k.Problem == nil && k.Text == key.String() })
	switch {
	case doubted:
		return tui.KeyUnknown, "What the running daemon goes by is not certain. `nix-trust setup --check` asks it."
	case listed:
		return tui.KeyInForce, "The daemon's trusted-public-keys have it. `nix-trust setup --check` proves it."
	}
	return tui.KeyNotInForce, "The daemon's trusted-public-keys do not have it."
}

// FetchAsks says who would learn of what by a fetch.
func (a *app) FetchAsks(ctx context.Context, grant string) (tui.FetchAsk, error) {
	if a.demo {
		return a.demoFetchAsks(ctx, grant)
	}
	return tui.FetchAsk{}, errors.New("nothing can be fetched from here yet. To do: run nix-trust fetch")
}

// Fetch gets what a grant pins through a gate.
func (a *app) Fetch(ctx context.Context, grant string, progress func(done, all int)) (tui.FetchOutcome, error) {
	if why := a.mayNotChange(); why != "" {
		return tui.FetchOutcome{}, errors.New("nothing can be fetched: " + why)
	}
	if a.demo {
		return a.demoFetch(ctx, grant, progress)
	}
	return tui.FetchOutcome{}, errors.New("nothing can be fetched from here yet. To do: run nix-trust fetch")
}
