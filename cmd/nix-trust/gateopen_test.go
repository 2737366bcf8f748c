package main

import (
	"testing"

	"github.com/nix-trust/nix-trust/trust/gateplace"
)

func TestTheMachinesGateHasNothingToDoWithWhatUsersGrant(t *testing.T) {
	a := &app{}
	t.Setenv("NIX_TRUST_CONFIG_DIR", t.TempDir())
	for _, place := range []gateplace.Place{gateplace.OfMachine(""), {Dir: t.TempDir()}} {
		b, err := a.gateBook(place)
		if err != nil {
			t.Fatal(err)
		}
		shelves := b.forPlace(place).kept()
		want := 1
		if !place.System {
			want = 2
		}
		last := shelves[len(shelves)-1]
		if len(shelves) != want || last.Path != "/etc/nix-trust/grants.toml" || last.Locks != "/var/lib/nix-trust/locks" || !last.Guard.Folders || len(last.Guard.Owners) != 1 || last.Guard.Owners[0] != 0 {
			t.Errorf("system %t: %d files, the last %+v", place.System, len(shelves), last)
		}
	}
}
