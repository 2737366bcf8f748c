package main

import (
	"context"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/global"
)

func (n *narrowing) options() global.Options {
	o := apartFrom(n.place)
	o.Keys, o.KeepKeys = n.f.keys, n.f.keepKeys
	return o
}

// apartFrom keeps out of it what is the gate's own, and the machine's gate's.
func apartFrom(place gateplace.Place) global.Options {
	o := global.Options{Apart: append(place.URLs(), "http://"+place.Address)}
	for _, p := range []gateplace.Place{place, gateplace.OfMachine("")} {
		if key, err := gatePublic(p); err == nil {
			o.Apart = append(o.Apart, key.String())
		}
	}
	return o
}

// gateMissing says why what is granted would not be served and believed, and
// what to do about it, in sentences; "" when the configuration says that it
// would. What the running daemon does is for setup --check to find out: it puts
// paths into the store.
func (n *narrowing) gateMissing(ctx context.Context) (string, error) {
	place := n.place
	if absent(place.KeyFile()) {
		return "The gate has no key: run `nix-trust setup` first.", nil
	}
	key, err := gatePublic(place)
	if err != nil {
		return "The gate cannot be used: " + err.Error() + ". Run `nix-trust setup` first.", nil
	}
	j := &setupJob{app: n.app, place: place}
	if err := j.look(ctx, ""); err != nil {
		return "", err
	}
	switch l := j.KeyListing(key); {
	case l.Outcome != trust.Pass:
		return l.Text + " Run `nix-trust setup` first.", nil
	case j.Stale():
		return "The daemon is older than its files, so whether it believes the gate's key is not known: restart it, and look with `nix-trust setup --check`.", nil
	}
	return "", nil
}
