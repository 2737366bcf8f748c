package bincache

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// verifierCases are signatures by some keys: of each key good ones, those of other
// messages, and what careless programs accept.
func verifierCases(keys []ed25519.PrivateKey, each int) (public []PublicKey, key []int, messages, sigs [][]byte) {
	add := func(k int, message, sig []byte) {
		key, messages, sigs = append(key, k), append(messages, message), append(sigs, sig)
	}
	for k, secret := range keys {
		public = append(public, PublicKey{Name: fmt.Sprint("key-", k), Key: secret.Public().(ed25519.PublicKey)})
		for n := range each {
			message := fmt.Append(nil, k, n)
			sig := ed25519.Sign(secret, message)
			add(k, message, sig)
			add(k, fmt.Append(message, "?"), sig)
			changed := slices.Clone(sig)
			changed[n%64] ^= 4
			add(k, message, changed)
			add(k, message, sig[:n%65])
		}
	}
	// For a key of small order anybody can sign; and some keys are none.
	for _, point := range append(slices.Clone(smallOrder[:]), nearPrime(0xf0), [32]byte{2}) {
		public = append(public, PublicKey{Name: "weak", Key: point[:]})
		for n := range each {
			for _, r := range smallOrder {
				add(len(public)-1, fmt.Append(nil, n), append(r[:], make([]byte, 32)...))
				add(0, fmt.Append(nil, n), append(r[:], make([]byte, 32)...))
			}
		}
	}
	public = append(public, PublicKey{Name: "short", Key: []byte{1, 2, 3}})
	for range each {
		add(len(public)-1, []byte("m"), make([]byte, 64))
	}
	return public, key, messages, sigs
}

func TestVerifierKeepsTheVerdictsOfVerifies(t *testing.T) {
	var keys []ed25519.PrivateKey
	for i := range 3 {
		keys = append(keys, ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%032d", i)))
	}
	// Below the number from which a table is made, and above.
	for _, each := range []int{worthTable / 32, worthTable} {
		public, key, messages, sigs := verifierCases(keys, each)
		v := NewVerifier(public)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				b, start, good := v.Batch(), 0, 0
				for n := range key {
					if at := b.Add(key[n], messages[n], sigs[n]); at != n-start {
						t.Errorf("it is %d of the batch, not %d", at, n-start)
					}
					if n-start < 99 && n < len(key)-1 {
						continue
					}
					for i, got := range b.Verdicts() {
						j := start + i
						if want := public[key[j]].Verifies(messages[j], sigs[j]); got != want {
							t.Errorf("%s: %v, and one by one %v: %x", public[key[j]].Name, got, want, sigs[j])
						} else if want {
							good++
						}
					}
					start = n + 1
				}
				if good != len(keys)*each {
					t.Errorf("%d hold, and %d were made", good, len(keys)*each)
				}
			})
		}
		all.Wait()
		if made := v.tables.Load(); (each == worthTable) != (made == int32(len(keys))) {
			t.Errorf("%d of each: %d tables were made", each, made)
		}
	}
}

func TestVerifierKeepsWithinItsMemory(t *testing.T) {
	var keys []PublicKey
	var secrets []ed25519.PrivateKey
	for i := range mostTables + 5 {
		secrets = append(secrets, ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%032d", i)))
		keys = append(keys, PublicKey{Name: "claimed-1", Key: secrets[i].Public().(ed25519.PublicKey)})
	}
	v := NewVerifier(keys)
	b := v.Batch()
	for i, secret := range secrets {
		sig := ed25519.Sign(secret, []byte("m"))
		for range worthTable {
			b.Add(i, []byte("m"), sig)
		}
		if slices.Contains(b.Verdicts(), false) {
			t.Fatalf("a signature by the key %d does not hold", i)
		}
	}
	made := 0
	for i := range v.keys {
		if v.keys[i].table != nil {
			made++
		}
	}
	if made != mostTables {
		t.Errorf("%d tables were made", made)
	}
}
