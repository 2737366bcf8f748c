// Package bincachetest has what tests of caches need: keys that sign.
package bincachetest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Signer is a key of a name.
type Signer struct {
	Name   string
	secret ed25519.PrivateKey
}

// NewSigner makes a key out of one byte, which tells keys of one name apart.
func NewSigner(name string, seed byte) Signer {
	return Signer{name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

// Public is the key as trusted-public-keys has it, NAME:BASE64.
func (s Signer) Public() string {
	return s.Name + ":" + base64.StdEncoding.EncodeToString(s.secret.Public().(ed25519.PublicKey))
}

// Sign is the key's signature of a narinfo, as a Sig line has it.
func (s Signer) Sign(n *bincache.NarInfo) string {
	return s.Name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(s.secret, []byte(n.Fingerprint())))
}
