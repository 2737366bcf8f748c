package audit

import (
	"context"
	"slices"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// Options say what is known besides the store.
type Options struct {
	Keys  []Key
	Roots Roots
	// KeepDerivations and KeepOutputs are the garbage collector's settings; Nix
	// has the first on and the second off.
	KeepDerivations, KeepOutputs bool
	// Progress is called while signatures are checked, often, one call at a
	// time; it may be nil.
	Progress func(done, all int)
}

// Audit judges every path of a store. It fails only when ctx ends.
func Audit(ctx context.Context, s *storedb.Store, o Options) (*Report, error) {
	r := survey(s, o)
	if err := check(ctx, r, o.Progress); err != nil {
		return nil, err
	}
	return r, nil
}

// survey finds out everything but what the signatures are worth.
func survey(s *storedb.Store, o Options) *Report {
	r := &Report{Store: s, Keys: oneBelieved(o.Keys), Roots: o.Roots, Paths: make([]Path, len(s.Rows)),
		keepDerivations: o.KeepDerivations, keepOutputs: o.KeepOutputs}
	for i := range s.Rows {
		row, p := &s.Rows[i], &r.Paths[i]
		p.Root = -1
		if row.Damage == "" {
			p.Built, p.Address = row.Ultimate, addressOf(s, int32(i))
		}
	}
	r.live()
	return r
}

// oneBelieved makes sure that one key of a name is believed at most, as Nix
// tries no other.
func oneBelieved(keys []Key) []Key {
	keys = slices.Clone(keys)
	seen := map[string]bool{}
	for i := range keys {
		if k := &keys[i]; k.Believed {
			k.Believed, seen[k.Name] = !seen[k.Name], true
		}
	}
	return keys
}

// addressOf says what a row's content address is worth.
func addressOf(s *storedb.Store, i int32) Address {
	row := &s.Rows[i]
	if row.CA == "" {
		return AddressNone
	}
	ca, err := bincache.ParseContentAddress(row.CA)
	switch {
	case err != nil:
		return AddressOther
	case s.Info(i).ProveContent() != nil:
		return AddressWrong
	case ca.Method == "r" && ca.Algo == "sha256" && !slices.Contains(row.Refs, i):
		return AddressProved
	case ca.Algo == "md5" || ca.Algo == "sha1":
		return AddressOther // others' contents can be made to have the same
	}
	return AddressNamed
}
