package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/host"
)

// gatePlace is the gate of the user who runs the program. Without an address it
// is the one of the config.toml beside the user's grants: for root that of the
// system.
func (a *app) gatePlace(address string) (gateplace.Place, error) {
	if dir, err := grantsDir(os.Geteuid(), os.Getenv); err == nil && address == "" {
		file := filepath.Join(dir, "config.toml")
		if address, err = host.GateAddress(host.Under("/"), file); err != nil {
			a.warn("%s does not say where the gate listens, so it is %s: %v", file, gateplace.Address, cause(err))
		}
	}
	p, err := gateplace.OfUser(os.Geteuid(), os.Getenv, address)
	if err != nil {
		return p, &problem{code: exitUsage, text: err.Error()}
	}
	return p, nil
}

// grantsAndGate is what is granted here, and the gate that serves it: at an
// address and with a file of credentials, "" for the usual ones.
func (a *app) grantsAndGate(address, netrc string) (*grantBook, gateplace.Place, error) {
	b, _, err := a.grantBook()
	if err != nil {
		return nil, gateplace.Place{}, err
	}
	place, err := a.gatePlace(address)
	place.Netrc = netrc
	return b, place, err
}

// gateOwner is who runs the gate of a place.
func gateOwner(p gateplace.Place) (gateplace.Owner, error) {
	o, err := p.Owner()
	switch {
	case err == nil:
		return o, nil
	case errors.Is(err, gateplace.ErrRoot):
		return o, &problem{code: exitFindings, text: err.Error(), hints: []string{"a gate reads what caches send: give it a user of its own"}}
	case !errors.Is(err, gateplace.ErrNoOwner):
		return o, &problem{code: exitUnknown, text: err.Error()}
	}
	hints := []string{"`sudo nix-trust gate install` has the user made, and says when to make the key"}
	if runtime.GOOS == "linux" {
		hints = append(hints, "or make the user without a service: sudo useradd --system --user-group --no-create-home --home-dir "+gateplace.MachineDir+" --shell /usr/sbin/nologin "+gateplace.MachineUser)
	}
	return o, &problem{code: exitFindings, text: err.Error(), hints: append(hints, "for a gate of your own, run it without sudo")}
}

// gatePublic is the public half of a gate's key.
func gatePublic(p gateplace.Place) (bincache.PublicKey, error) {
	owner, err := gateOwner(p)
	if err != nil {
		return bincache.PublicKey{}, err
	}
	k, err := p.PublicKey(owner)
	switch {
	case err == nil:
		return k, nil
	case errors.Is(err, gateplace.ErrPublic):
		return k, &problem{code: exitFindings, text: p.PublicFile() + " has no public key, in its one spelling", hints: []string{"`nix-trust setup` writes it again"}}
	}
	return k, &problem{code: exitUnknown, text: fmt.Sprintf("the gate's public key could not be read: %v", cause(err)), hints: []string{"`nix-trust setup` makes a key, or writes " + p.PublicFile() + " again"}}
}
