package bincache

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// This package refuses more than Nix does: 2.8 guesses the format of a file, and
// no version looks at what follows the end of a NAR. It never takes more.
func TestRealNixNeverRefusesAFileThatWeTake(t *testing.T) {
	honest := narPattern(1000)
	cases := []struct {
		name        string
		compression string
		data        func(t *testing.T) []byte
		ok          bool
		takenBy     []string // versions that import it all the same
	}{
		{"as described", "none", func(*testing.T) []byte { return honest }, true, []string{"2.8", "2.26", "2.34"}},
		{"packed as described", "zstd", func(t *testing.T) []byte { return packWith(t, "zstd", honest) }, true, []string{"2.8", "2.26", "2.34"}},
		{"another format than named", "xz", func(t *testing.T) []byte { return packWith(t, "zstd", honest) }, false, []string{"2.8"}},
		{"bytes behind the NAR", "none", func(*testing.T) []byte { return append(append([]byte{}, honest...), "extra"...) }, false, []string{"2.8", "2.26", "2.34"}},
		{"another byte", "none", func(*testing.T) []byte { b := append([]byte{}, honest...); b[120] ^= 1; return b }, false, nil},
		{"cut short", "none", func(*testing.T) []byte { return honest[:500] }, false, nil},
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		for _, c := range cases {
			outside, dir := nix.Dir(t)
			h := &hostileCache{info: parsed(t, someInfo)}
			h.describe(honest)
			n := h.info
			n.StoreDir, n.References, n.FileHash, n.FileSize, n.Deriver = dir+"/store", nil, "", 0, ""
			n.Compression, n.Signatures = c.compression, nil
			writeFile(t, filepath.Join(outside, "c/nix-cache-info"), "StoreDir: "+dir+"/store\n")
			writeFile(t, filepath.Join(outside, "c", n.Path.Digest()+".narinfo"), n.String())
			writeFile(t, filepath.Join(outside, "c/nar/x.nar"), string(c.data(t)))

			cache, err := NewClient(Options{StoreDir: n.StoreDir}).Cache(filepath.Join(outside, "c"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = cache.Contents(t.Context(), n, nil)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, Misbehaved) {
				t.Errorf("%s: we say %v", c.name, err)
			}
			r := nix.Run(t, realnix.Cmd{Env: realEnv(dir), Args: []string{"nix", "copy", "--no-check-sigs", "--from", "file://" + dir + "/c", n.Path.In(n.StoreDir)}})
			taken := false
			for _, v := range c.takenBy {
				taken = taken || v == nix.Short
			}
			if (r.Code == 0) != taken {
				t.Errorf("%s: real Nix %s imports it: %v (%s)", c.name, nix.Short, r.Code == 0, r.Stderr)
			}
		}
	})
}
