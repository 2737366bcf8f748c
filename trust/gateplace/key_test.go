package gateplace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/operation"
)

// Nix tries the first key of a name alone, so two gates of one machine must not
// share one.
func TestNoTwoGatesOfAMachineShareTheNameOfTheirKeys(t *testing.T) {
	for _, host := range []string{"box", "", "häuschen", strings.Repeat("h", 64), strings.Repeat("h", 59) + "-mira", "box-mira", "box_mira"} {
		seen := map[string]string{}
		for i, owner := range []string{"", "mira", "Mira", "m_ira", "m-ira", "m.ira", "mi ra", "mi:ra", "mïra", "uid-1", "uid-9", "mira-1", strings.Repeat("u", 32), strings.Repeat("u", 33), strings.Repeat("u", 33) + "x", "a@b"} {
			for n := 1; n < 3; n++ {
				name := keyName(host, Owner{Name: owner, UID: 1000 + i}, n)
				who := fmt.Sprintf("%q %d", owner, n)
				if other := seen[name]; other != "" {
					t.Errorf("host %q: %s and %s are both %s", host, other, who, name)
				}
				seen[name] = who
				k, err := gate.NewKey(name)
				if err != nil {
					t.Errorf("%q: %v", name, err)
				} else if err := (operation.Operation{Do: operation.Allow, Keys: []string{k.String()}}).Check(); err != nil {
					t.Errorf("the administrator cannot be asked for it: %v", err)
				}
			}
		}
	}
}
