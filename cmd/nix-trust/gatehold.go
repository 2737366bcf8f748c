package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// holdOwn opens the gate of a place at an address, whose port may be 0. It
// answers once holdOwn returns, and until Stop, or until ctx ends.
// Without a key it is the place's.
func (a *app) holdOwn(ctx context.Context, place gateplace.Place, b *grantBook, address string, key *gate.Key) (*gateplace.Held, error) {
	place.Address = address
	o := gate.Options{Key: key}
	if key == nil && place.System && os.Geteuid() == 0 {
		// Root may read the machine's key, and leaves that gate's files alone.
		owner, err := gateOwner(place)
		if err != nil {
			return nil, err
		}
		if o.Key, err = gate.ReadKeyOf(place.KeyFile(), owner.UID); err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error()}
		}
		if place.Dir, err = ledger.StateDir(0, os.Getenv); err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error()}
		}
	}
	g, err := a.openGate(place, b, o)
	if err != nil {
		return nil, err
	}
	listener, err := gateplace.ListenShared(ctx, address)
	if err != nil {
		return nil, portProblem(address, err)
	}
	return gateplace.Serve(ctx, place, g, listener), nil
}

// portProblem is why a gate cannot listen, and who does.
func portProblem(address string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return &problem{code: exitUnknown, text: fmt.Sprintf("the gate cannot listen on %s: %v", address, cause(err))}
	}
	who := host.PortHolder(address)
	if who == "" {
		who = "another program"
	}
	return &problem{
		code: exitUnknown, text: fmt.Sprintf("the gate cannot listen on %s: %s does already, and it is no gate that serves this", address, who),
		hints: []string{
			"if it is the machine's gate, root grants what it serves: sudo nix-trust grant",
			"for a gate at another address give --gate 127.0.0.1:PORT, which the administrator has to admit: `nix-trust setup --gate 127.0.0.1:PORT`",
		},
	}
}

// serves reports whether a gate serves what a grant pins.
func serves(s gate.Status, g granted) bool {
	for _, one := range s.Grants {
		if one.Flake == string(g.flake) && one.State == g.State.String() {
			return true
		}
	}
	return false
}

// machineMay reports whether the machine's gate may have a grant: it serves what
// root has granted.
func (g granted) machineMay() bool { return g.file == filepath.Join(systemGrants, "grants.toml") }

// anyPort is a port that nobody has.
const anyPort = "127.0.0.1:0"

// holdForWord is a gate for who is believed at their word: with a key of the
// command's own, which is passed along, nothing has to be set up. Nothing else
// can believe it, so it is on a port of its own.
func (a *app) holdForWord(ctx context.Context, place gateplace.Place, b *grantBook) (*gateplace.Held, error) {
	key, err := gate.NewKey("nix-trust-gate-once-1")
	if err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	return a.holdOwn(ctx, place, b, anyPort, key)
}

// holdForCopy is a gate to copy from: the machine's that runs when the place is
// that, or for who has no key; or else one of the command's own on a free port.
// believed says that the user's word counts with the store.
func (a *app) holdForCopy(ctx context.Context, place gateplace.Place, b *grantBook, g granted, believed bool) (*gateplace.Held, error) {
	noKey := place.ReadableKey()
	if noKey == nil && !place.System {
		return a.holdOwn(ctx, place, b, anyPort, nil)
	}
	if g.machineMay() {
		switch h, s, err := gateplace.Waken(ctx, gateplace.OfMachine(place.Address)); {
		case err == nil && serves(s, g):
			return h, nil
		case noKey == nil || believed: // the command's own will do
		case err == nil:
			return nil, notServed(g, h)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, &problem{code: exitUnknown, text: err.Error(), hints: []string{"`nix-trust gate status` asks the machine's gate"}}
		}
	}
	switch {
	case noKey == nil:
		return a.holdOwn(ctx, place, b, anyPort, nil)
	case believed && errors.Is(noKey, fs.ErrNotExist):
		return a.holdForWord(ctx, place, b)
	}
	return nil, keyProblem(place, noKey)
}

// holdForBuild is a gate at a fixed address for a daemon to ask: the user's that
// runs, the machine's that runs, or else one of the command's own. g is zero when
// any grant will do.
func (a *app) holdForBuild(ctx context.Context, place gateplace.Place, b *grantBook, g granted, believed bool) (*gateplace.Held, error) {
	places := []gateplace.Place{place}
	if !place.System && (g.flake == "" || g.machineMay()) {
		places = append(places, gateplace.OfMachine(place.Address))
	}
	var other error
	for _, p := range places {
		h, s, err := gateplace.Waken(ctx, p)
		switch {
		case err == nil && (g.flake == "" || serves(s, g)):
			return h, nil
		case err == nil:
			other = notServed(g, h)
		case !errors.Is(err, fs.ErrNotExist):
			other = &problem{code: exitUnknown, text: err.Error(), hints: []string{"`nix-trust gate status` asks the gate"}}
		}
	}
	if err := place.ReadableKey(); err != nil {
		if believed && errors.Is(err, fs.ErrNotExist) {
			return a.holdForWord(ctx, place, b)
		}
		if other != nil {
			return nil, other
		}
		return nil, keyProblem(place, err)
	}
	return a.holdOwn(ctx, place, b, place.Address, nil)
}

func notServed(g granted, h *gateplace.Held) error {
	return &problem{
		code: exitUnknown, text: fmt.Sprintf("the gate at %s does not serve %s", h.Base, g.flake),
		hints: []string{"`nix-trust gate status` says what it serves, and what it could not read"},
	}
}

// keyProblem is why there is no gate of the user's own.
func keyProblem(place gateplace.Place, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &problem{
			code: exitUnknown, text: "the gate has no key: there is no " + place.KeyFile(),
			hints: []string{"`nix-trust setup` makes one, and shows what the administrator does once"},
		}
	}
	return &problem{code: exitUnknown, text: fmt.Sprintf("the gate's key cannot be read: %v", cause(err)), hints: []string{"`nix-trust setup --check` says what is wrong"}}
}

// namesake is a key in effect with the name of another one and other bytes, ""
// for none. Of two keys of one name Nix tries the first alone.
// Nix: src/libstore/keys.cc, getDefaultPublicKeys.
func namesake(r *trust.Report, key string) string {
	name, _, _ := strings.Cut(key, ":")
	for _, k := range r.Keys {
		if k.InEffect && k.Name == name && k.Text != key {
			return k.Text
		}
	}
	return ""
}
