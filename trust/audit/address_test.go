package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// What a name is computed of vouches for a path beside a signature only when
// nobody else can make contents of the same hash, and when the name is its own.
func TestOnlyANameThatNobodyElseCanMakeVouchesForAPath(t *testing.T) {
	acme := newPair("acme-1", 1, true)
	nar := bincache.Hash{7}
	for name, c := range map[string]struct {
		ca      string
		renamed bool
		address Address
		class   Class
		alone   int // of the key that signs it in the second run
	}{
		"sha256 of the archive": {ca: "fixed:r:" + nar.Nix32(), address: AddressProved, class: Addressed},
		"sha256 of a file":      {ca: "fixed:" + nar.Nix32(), address: AddressNamed, class: Addressed},
		"sha1":                  {ca: "fixed:r:sha1:" + strings.Repeat("0", 32), address: AddressOther, class: Imported, alone: 1},
		"md5":                   {ca: "fixed:r:md5:" + strings.Repeat("0", 26), address: AddressOther, class: Imported, alone: 1},
		"of another name":       {ca: "fixed:r:" + nar.Nix32(), renamed: true, address: AddressWrong, class: Imported, alone: 1},
		"none":                  {address: AddressNone, class: Imported, alone: 1},
	} {
		row := storedb.Row{Path: pathOf("x"), NarHash: nar, NarSize: 8, CA: c.ca}
		if c.ca != "" && !c.renamed {
			address, err := bincache.ParseContentAddress(c.ca)
			if err != nil {
				t.Fatal(name, err)
			}
			if row.Path, err = address.Path(storeDir, "x", nil, false); err != nil {
				t.Fatal(name, err)
			}
		}
		for _, signed := range []bool{false, true} {
			s := &storedb.Store{Dir: storeDir, Rows: []storedb.Row{row}}
			class, alone := c.class, 0
			if signed {
				s.Rows[0].Signatures = "acme-1:" + base64.StdEncoding.EncodeToString(ed25519.Sign(acme.secret, []byte(s.Info(0).Fingerprint())))
				class, alone = Signed, c.alone
			}
			r, err := Audit(context.Background(), s, Options{Keys: keysOf(acme)})
			if err != nil {
				t.Fatal(err)
			}
			if p := r.Paths[0]; p.Address != c.address || p.Class != class || r.Radius(0).Alone.All.Paths != alone {
				t.Errorf("%s, signed %v: %v %v, %+v", name, signed, p.Address, p.Class, r.Radius(0).Alone)
			}
		}
	}
}
