package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/keeper"
)

// kept are the files of the book as a gate reads them. The system's are believed
// when they and all folders on the way are root's alone; the user's when they are
// root's or the user's.
func (b *grantBook) kept() (out []keeper.Shelf) {
	for _, s := range b.shelves {
		g := guard.Guard{Owners: []uint32{0, uint32(os.Geteuid())}}
		if s.Path == filepath.Join(systemGrants, "grants.toml") {
			g = guard.Guard{Owners: []uint32{0}, Folders: true}
		}
		out = append(out, keeper.Shelf{Path: s.Path, Locks: s.locks, Guard: g})
	}
	return out
}

// forPlace is the part of the book that a gate serves: the machine's gate, whose
// key everybody's daemon believes, has nothing to do with what users grant.
func (b *grantBook) forPlace(place gateplace.Place) *grantBook {
	if !place.System {
		return b
	}
	out := *b
	out.shelves = slices.DeleteFunc(slices.Clone(b.shelves), func(s shelf) bool { return s.Path != filepath.Join(systemGrants, "grants.toml") })
	return &out
}

// openGate makes the gate of a place, which serves what the book says at each
// moment. Of the options those that depend on the place are filled in. With port
// 0 it is a gate for a while, at an address that nobody knows from before.
func (a *app) openGate(place gateplace.Place, b *grantBook, o gate.Options) (*gate.Gate, error) {
	if o.Key == nil {
		key, err := gate.ReadKey(place.KeyFile())
		if err != nil {
			p := &problem{code: exitUnknown, text: err.Error(), hints: []string{"`nix-trust setup --check` says what is wrong; once the file is removed, `nix-trust setup` makes another key, for the administrator to list"}}
			if errors.Is(err, fs.ErrNotExist) {
				p.text = "the gate has no key: there is no " + place.KeyFile()
				p.hints = []string{"`nix-trust setup` makes one, and shows what the administrator does once"}
			}
			return nil, p
		}
		o.Key = key
	}
	netrc, err := readNetrc(place.Netrc)
	if err != nil {
		return nil, err
	}
	o.StoreDir, o.Netrc = b.store, netrc
	k := keeper.New(b.forPlace(place).kept(), keeper.Options{Log: o.Log})
	o.Grants, o.Problems, o.Evidence = k.Standings, k.Problems, place.EvidenceFile()
	// Under a free port nobody remembers anything.
	if _, port, err := net.SplitHostPort(place.Address); err == nil && port == "0" {
		o.Unheard = true
	} else if err == nil {
		o.Address, o.Epochs = place.Address, place.EpochFile()
	}
	g, err := gate.New(o)
	if err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	return g, nil
}
