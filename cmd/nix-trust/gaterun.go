package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/gateprocess"
	"github.com/nix-trust/nix-trust/trust/grants"
)

type gateStartedJSON struct {
	Version   int    `json:"version"`
	URL       string `json:"url"`     // to be asked under now
	Address   string `json:"address"` // HOST:PORT
	Socket    string `json:"socket"`  // of gate status, "" for an ephemeral gate
	Metrics   string `json:"metrics"` // HOST:PORT, "" for none
	PublicKey string `json:"publicKey"`
	PID       int    `json:"pid"`
}

// gateBook is where the grants of a place are. Nothing is read yet.
func (a *app) gateBook(place gateplace.Place) (*grantBook, error) {
	system := shelf{Source: grants.Source{Path: filepath.Join(systemGrants, "grants.toml")}, locks: filepath.Join(systemState, "locks")}
	b := &grantBook{store: storeDir()}
	if !place.System {
		dir, err := grantsDir(os.Geteuid(), os.Getenv)
		if err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error(), hints: []string{"set HOME to your home folder"}}
		}
		own := shelf{Source: grants.Source{Path: filepath.Join(dir, "grants.toml")}, locks: filepath.Join(place.Dir, "locks")}
		b.shelves = append(b.shelves, own)
		if dir == systemGrants {
			return b, nil
		}
	}
	b.shelves = append(b.shelves, system)
	return b, nil
}

// gateHeap is where memory is looked for before more is taken. A hundred
// thousand pins live in half of it; while grants are read again there are two of
// everything.
const gateHeap = 120 << 20

// runGate serves until it is told to stop.
func (a *app) runGate(ctx context.Context, f gateFlags) error {
	if err := f.check(a); err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gateHeap)
	}
	m := gateprocess.ManagerOf(os.Getenv, os.Unsetenv)
	r, err := a.startGate(ctx, f)
	if err != nil {
		return err
	}
	out := startedJSON(r)
	switch {
	case a.json:
		err = a.writeJSON(out)
	case f.ephemeral:
		a.print(out.URL)
	}
	if err != nil {
		r.Close()
		return err
	}
	r.Log.Info("the gate listens", "address", out.Address, "key", out.PublicKey, "socket", out.Socket, "metrics", out.Metrics)
	m.Tell("READY=1", "STATUS=Serving on "+out.Address)
	err = r.Serve(ctx, f.idle, m)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	if ctx.Err() != nil {
		return silent(exitInterrupted)
	}
	return nil
}

// startGate opens everything that a gate needs.
func (a *app) startGate(ctx context.Context, f gateFlags) (_ *gateprocess.Process, err error) {
	place, err := f.place(a)
	if err != nil {
		return nil, err
	}
	place.Netrc = f.netrc
	b, err := a.gateBook(place)
	if err != nil {
		return nil, err
	}
	r := &gateprocess.Process{Log: gateprocess.Log(a.err, f.log, f.verbose)}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	if r.Listeners, err = gateprocess.Passed(os.Getenv, os.Unsetenv); err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	if len(r.Listeners) > 0 {
		place.Address = r.Listeners[0].Addr().String()
	}
	if r.Gate, err = a.openGate(place, b, gate.Options{Priority: f.priority, Log: r.Log}); err != nil {
		return nil, err
	}
	if !f.ephemeral {
		if r.Control, err = gateprocess.OpenControl(place, place.Address); err != nil {
			return nil, controlProblem(place, err)
		}
	}
	if len(r.Listeners) == 0 {
		l, err := gate.Listen(ctx, place.Address)
		if err != nil {
			return nil, listenProblem(place.Address, err)
		}
		r.Listeners = append(r.Listeners, l)
	}
	if f.metrics != "" {
		if r.Metrics, err = gate.Listen(ctx, f.metrics); err != nil {
			return nil, listenProblem(f.metrics, err)
		}
	}
	return r, nil
}

// controlProblem says why a place could not be taken.
func controlProblem(place gateplace.Place, err error) error {
	p := &problem{code: exitUnknown, text: fmt.Sprintf("the socket %s cannot be opened: %v", place.Socket, err)}
	var alive gateprocess.Alive
	switch {
	case errors.As(err, &alive):
		p.text = alive.Error()
		p.hints = []string{"`nix-trust gate status` says how it does; --ephemeral runs one beside it for a while"}
	case errors.Is(err, os.ErrNotExist) && place.System:
		p.hints = []string{"the unit that `sudo nix-trust gate install` writes makes its folder, with RuntimeDirectory="}
	}
	return p
}

// listenProblem says why an address could not be listened on.
func listenProblem(address string, err error) error {
	p := &problem{code: exitUnknown, text: err.Error()}
	if errors.Is(err, syscall.EADDRINUSE) {
		p.text = address + " is in use by another program"
		p.hints = []string{"give another address with --listen, or as gate in config.toml; it may be a gate of another user, or one that a service manager listens for"}
	}
	return p
}

// startedJSON is what there is to know of a gate that listens.
func startedJSON(r *gateprocess.Process) gateStartedJSON {
	s := r.Gate.Status()
	at := r.Listeners[0].Addr().String()
	out := gateStartedJSON{Version: 1, URL: "http://" + at + "/", Address: at, PublicKey: s.PublicKey, PID: os.Getpid()}
	if r.Control != nil {
		out.Socket, out.URL = r.Control.Path, gateplace.Place{Address: at}.URL(s.Epoch)
	}
	if r.Metrics != nil {
		out.Metrics = r.Metrics.Addr().String()
	}
	return out
}
