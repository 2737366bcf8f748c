package generate

import (
	"slices"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

const (
	localStore = "the local store"
	oldLock    = "the lock"
)

// A saying is what one voter, the local store or the old lock says of a path.
type saying struct {
	who string
	// pin has a content address only where the path's name proves it; By has
	// the names of listed keys whose signatures fit.
	pin     lock.Pin
	claimed bool // by a cache of the lock
	local   bool // by the local store
	trusted bool // the host would take it: a key that it trusts, or the name, proves it
	proved  bool // by a listed key, by one that the host trusts, or by the name
	bad     bool // a known key does not fit, and nothing else proves it
	text    string
}

// judge says what the answer of a voter is worth.
func (v *voter) judge(n *bincache.NarInfo) saying {
	s := saying{who: v.url, claimed: v.listed != nil, pin: pinOf(n)}
	named := provedByName(n)
	s.proved, s.trusted = named, named && v.host != nil
	for _, ring := range []*bincache.Keyring{v.listed, v.host} {
		if ring == nil {
			continue
		}
		check := bincache.CheckSignatures(n, ring)
		switch check.Verdict {
		case bincache.Verified:
			s.proved = true
			if ring == v.host {
				s.trusted = true
			}
			if ring == v.listed {
				s.pin.By = distinct(check.By)
			}
		case bincache.BadSignature, bincache.WrongKey:
			s.bad, s.text = true, check.Text
		}
		if s.text == "" {
			s.text = check.Text
		}
	}
	s.bad = s.bad && !s.proved
	return s
}

// pinOf is what a narinfo says, its content address where the name proves it.
func pinOf(n *bincache.NarInfo) lock.Pin {
	p := lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References}
	if n.CA != "" && n.ProveContent() == nil {
		p.CA = canonicalAddress(n.CA)
	}
	return p
}

// provedByName reports whether the path's name covers the hash of its NAR: the
// content address is of the whole NAR's SHA-256, and of nothing that was left
// out of it. The size follows from the hash; a cache that lies about it makes a
// pin that nothing fits.
func provedByName(n *bincache.NarInfo) bool {
	if n.CA == "" || slices.Contains(n.References, n.Path) || n.ProveContent() != nil {
		return false
	}
	ca, err := bincache.ParseContentAddress(n.CA)
	return err == nil && ca.Method == "r" && ca.Algo == "sha256" && bincache.Hash(ca.Digest) == n.NarHash
}

// canonicalAddress spells a content address as locks do.
func canonicalAddress(s string) string {
	ca, err := bincache.ParseContentAddress(s)
	if err != nil {
		return ""
	}
	return s[:strings.LastIndexByte(s, ':')+1] + nixbase32.EncodeToString(ca.Digest)
}

// localSaying is what the local store says. Its signatures are checked only when
// it has to vouch for the path.
func (m *maker) localSaying(path lock.StorePath, i nix.Info, vouch bool) saying {
	n := &bincache.NarInfo{
		StoreDir: m.storeDir, Path: path, NarHash: i.NAR, NarSize: uint64(i.Size),
		References: distinct(i.Refs), Signatures: i.Signatures, CA: i.CA,
	}
	s := saying{who: localStore, local: true, pin: pinOf(n), proved: provedByName(n)}
	for _, v := range m.voters {
		if !vouch || v.listed == nil {
			continue
		}
		if check := bincache.CheckSignatures(n, v.listed); check.Verdict == bincache.Verified {
			s.proved = true
			s.pin.By = append(s.pin.By, check.By...)
		}
	}
	s.pin.By = distinct(s.pin.By)
	return s
}
