package lock

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// madeLock is a lock of n paths with the given number of references each, the
// same at every call.
func madeLock(n, refs int, systems ...string) *Lock {
	l := New()
	l.Caches = []Cache{{URL: "https://example.cachix.org", Keys: []string{keyA}}}
	for si, system := range systems {
		rnd := rand.New(rand.NewPCG(1, uint64(si)))
		s := l.Section(system)
		paths := make([]StorePath, n)
		for i := range paths {
			sum := sha256.Sum256(fmt.Append(nil, system, i))
			paths[i] = StorePath(nixbase32.EncodeToString(sum[:20]) + fmt.Sprintf("-package-%d.%d.%d", i%977, i%13, i%7))
		}
		for _, p := range paths {
			pin := Pin{NAR: sha256.Sum256([]byte(p)), Size: 96 + rnd.Int64N(1<<30), By: []string{"cache-1"}}
			for range refs {
				pin.Refs = append(pin.Refs, paths[rnd.IntN(n)])
			}
			slices.Sort(pin.Refs)
			pin.Refs = slices.Compact(pin.Refs)
			s.Paths[p] = pin
		}
		s.Outputs["packages.default"] = paths[0]
	}
	return l
}

const (
	keyA  = "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	keyA2 = "cache-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
	keyB  = "other-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
)

func BenchmarkParse100000Paths(b *testing.B) {
	text, err := madeLock(100_000, 5, "x86_64-linux").Print()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("flake.cache-lock", text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrint100000Paths(b *testing.B) {
	l := madeLock(100_000, 5, "x86_64-linux")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Print(); err != nil {
			b.Fatal(err)
		}
	}
}
