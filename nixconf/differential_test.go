package nixconf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// number reads a variable that makes the generated tests longer or other.
func number(key string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(key)); err == nil {
		return n
	}
	return usual
}

// TestGeneratedConfigurationsAreAsInRealNix makes configurations from seeds and
// holds every value, every warning and the error that ends Nix against the real
// one. NIX_TRUST_CASES and NIX_TRUST_SEED choose how many and from which seed.
func TestGeneratedConfigurationsAreAsInRealNix(t *testing.T) {
	cases, first := number("NIX_TRUST_CASES", 520), number("NIX_TRUST_SEED", 1)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		learnHost(t, nix)
		outside, inside := nix.Dir(t)
		var mu sync.Mutex
		var failed, fatals, readings int
		seeds := make(chan int)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for seed := range seeds {
					name := fmt.Sprintf("c%d", seed)
					dir := filepath.Join(outside, name)
					if err := os.Mkdir(dir, 0o755); err != nil {
						t.Error(err)
						continue
					}
					m := make1(uint64(seed), dir, inside+"/"+name)
					want := show(t, nix, m.setup, m.flags...)
					diff := difference(want, load(nix, m.setup, m.flags...), rootFiles{nix.Root, m.uid}, m.setup)
					mu.Lock()
					readings += len(want.values)
					if want.code != 0 {
						fatals++
					}
					if diff != "" {
						if failed++; failed <= 5 {
							t.Errorf("seed %d, uid %d:\n%s\n%s", seed, m.uid, diff, m.log.String())
						}
					}
					mu.Unlock()
				}
			})
		}
		for i := range cases {
			seeds <- first + i
		}
		close(seeds)
		wg.Wait()
		t.Logf("%d cases, %d of them fatal in Nix, %d values compared, %d cases differ", cases, fatals, readings, failed)
		if cases >= 100 && (fatals < cases/20 || fatals > cases/2) {
			t.Errorf("%d of %d cases are fatal: the generator does not reach both sides", fatals, cases)
		}
	})
}
