// Package audit says what vouches for each path of a store: a signature that
// verifies, this machine that built it, or its own name. It decides from what it
// is given and touches nothing.
//
// A signature in a store's database proves nothing until it was checked: any user
// may add one to any path (Nix: src/libstore/daemon.cc, AddSignatures).
package audit

import (
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// A Key is a public key whose signatures are looked for.
type Key struct {
	bincache.PublicKey
	// Believed says that Nix takes what the key signed. Of several keys of one
	// name at most the first is; others are known, and vouch for nothing.
	Believed bool
	Gate     bool     // it is a gate's, which signs what grants pin
	From     []string // where it is known from, for a person
}

// A Class is what vouches for a path, the strongest that does. The zero value is
// unknown; from Addressed on something vouches.
type Class uint8

const (
	Unknown     Class = iota // the database's row is damaged
	Imported                 // nothing vouches for it
	NotBelieved              // signed by keys that are known and not believed: worth nothing here
	Addressed                // its name was computed of its contents
	Built                    // this machine built it
	Signed                   // a believed key signed it
)

// Classes are all of them, the strongest first.
var Classes = []Class{Signed, Built, Addressed, NotBelieved, Imported, Unknown}

func (c Class) String() string {
	switch c {
	case Imported:
		return "imported"
	case NotBelieved:
		return "not-believed"
	case Addressed:
		return "content-addressed"
	case Built:
		return "built"
	case Signed:
		return "signed"
	}
	return "unknown"
}

// Vouched reports whether something that is believed vouches for such a path.
func (c Class) Vouched() bool { return c >= Addressed }

// An Address is what a path's content address is worth.
type Address uint8

const (
	AddressNone   Address = iota // it has none
	AddressWrong                 // its name does not belong to it: it vouches for nothing
	AddressOther                 // of a kind that is not checked here: it vouches for nothing
	AddressNamed                 // its name is of the address; that the contents are, Nix saw on import
	AddressProved                // its name is of the very hash of its NAR
)

func (a Address) String() string {
	switch a {
	case AddressWrong:
		return "wrong"
	case AddressOther:
		return "not checked"
	case AddressNamed:
		return "name"
	case AddressProved:
		return "name and contents"
	}
	return "none"
}

// A ClaimKind is why a signature vouches for nothing.
type ClaimKind uint8

const (
	ClaimForged    ClaimKind = iota // under the name of a believed key, and not made by it
	ClaimMisfit                     // under the name of a key that is known, and not made by it
	ClaimUnknown                    // no key of that name is known
	ClaimMalformed                  // it is no signature, and no key of that name is believed
	ClaimUnchecked                  // the database has no size of the path, so there is nothing that it could be of
)

func (k ClaimKind) String() string {
	switch k {
	case ClaimMisfit:
		return "misfit"
	case ClaimUnknown:
		return "unknown signer"
	case ClaimMalformed:
		return "malformed"
	case ClaimUnchecked:
		return "unchecked"
	}
	return "forged"
}

// A Claim is a signature that was not proved to be one.
type Claim struct {
	Name string // as the signature has it; it may be anything
	Kind ClaimKind
	// Other is set when another known key of that name did make it.
	Other bool
}

// Live says whether the garbage collector would keep a path. The zero value is
// unknown: no root was seen to keep it, and not every root could be seen.
type Live uint8

const (
	LiveUnknown Live = iota
	Alive
	Dead
)

func (l Live) String() string { return [...]string{"unknown", "live", "dead"}[min(l, Dead)] }

// A Path is what was found out of one row of the store.
type Path struct {
	Class   Class
	Address Address
	Built   bool
	Live    Live
	Root    int32   // index of the first root that keeps it, -1 without one
	Signers []int32 // indexes of the keys whose signatures verified
	Claims  []Claim
}

// A Root is something that keeps a path from the garbage collector.
type Root struct {
	Kind RootKind
	From string // the link, or what else keeps it: "/home/a/p/result", "process 12"
	Path bincache.StorePath
}

// A RootKind is what a root is.
type RootKind uint8

const (
	RootLink      RootKind = iota // a link, on disk
	RootProcess                   // a process that runs now
	RootTemporary                 // something that a Nix process needs now
)

func (k RootKind) String() string {
	return [...]string{"link", "process", "temporary"}[min(k, RootTemporary)]
}

// Roots are the roots that were found. The zero Roots are those that nobody
// looked for.
type Roots struct {
	List []Root
	// Looked says that they were looked for, and Unseen what of them could not
	// be seen, in sentences.
	Looked bool
	Unseen []string
}

// Complete reports whether every root is among them.
func (r Roots) Complete() bool { return r.Looked && len(r.Unseen) == 0 }

// A Report is what vouches for what.
type Report struct {
	Store *storedb.Store
	Keys  []Key
	Roots Roots
	Paths []Path // of the store's rows, in their order

	keepDerivations, keepOutputs bool
	back                         [][]int32 // of each path those that keep it, once it is needed
}
