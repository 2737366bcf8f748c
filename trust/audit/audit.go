package audit

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	if err := r.check(ctx, o.Progress); err != nil {
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

// batch is how many rows one worker takes at a time.
const batch = 64

// check checks all signatures, on every processor.
func (r *Report) check(ctx context.Context, progress func(done, all int)) error {
	byName := map[string][]int32{}
	for i, k := range r.Keys {
		byName[k.Name] = append(byName[k.Name], int32(i))
	}
	var next atomic.Int64
	var done int
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				start := int(next.Add(batch)) - batch
				if start >= len(r.Paths) {
					return
				}
				end := min(start+batch, len(r.Paths))
				for i := start; i < end && ctx.Err() == nil; i++ {
					r.judge(int32(i), byName)
				}
				if progress != nil {
					mu.Lock()
					done += end - start
					progress(done, len(r.Paths))
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return ctx.Err()
}

// judge settles one path.
func (r *Report) judge(i int32, byName map[string][]int32) {
	row, p := &r.Store.Rows[i], &r.Paths[i]
	if row.Damage != "" {
		return
	}
	if row.Signatures != "" {
		r.signatures(i, byName)
	}
	believed := slices.ContainsFunc(p.Signers, func(k int32) bool { return r.Keys[k].Believed })
	switch {
	case believed:
		p.Class = Signed
	case p.Built:
		p.Class = Built
	case p.Address >= AddressNamed:
		p.Class = Addressed
	case len(p.Signers) > 0:
		p.Class = NotBelieved
	default:
		p.Class = Imported
	}
}

// signatures tells those that verify from those that only stand there.
func (r *Report) signatures(i int32, byName map[string][]int32) {
	p := &r.Paths[i]
	var message []byte // once there is a key to check with
	for text := range strings.FieldsSeq(r.Store.Rows[i].Signatures) {
		name, _, _ := strings.Cut(text, ":")
		keys := byName[name]
		claim := Claim{Name: name, Kind: ClaimUnknown}
		believed, fits := int32(-1), int32(-1)
		sig, err := bincache.ParseSignature(text)
		if message == nil && len(keys) > 0 && r.Store.Rows[i].NarSize > 0 {
			message = []byte(r.Store.Info(i).Fingerprint())
		}
		for _, k := range keys {
			claim.Kind = min(claim.Kind, ClaimMisfit)
			if r.Keys[k].Believed {
				believed, claim.Kind = k, ClaimForged
			}
			if err == nil && message != nil && fits < 0 && r.Keys[k].Verifies(message, sig.Bytes) {
				fits = k
			}
		}
		if fits >= 0 && !slices.Contains(p.Signers, fits) {
			p.Signers = append(p.Signers, fits)
		}
		switch {
		case fits >= 0 && (believed < 0 || fits == believed):
			continue
		case err != nil && believed < 0:
			claim.Kind = ClaimMalformed
		}
		claim.Other = fits >= 0
		if !slices.Contains(p.Claims, claim) {
			p.Claims = append(p.Claims, claim)
		}
	}
}
