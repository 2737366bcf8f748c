package lock

import (
	"encoding/base64"
	"errors"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Hash is a SHA-256. The zero Hash stands for none: it is never read, never
// printed, and equals no hash of anything.
type Hash = bincache.Hash

const (
	sriPrefix = "sha256-"
	sriText   = 44 // characters of base 64 for 32 bytes, with padding
)

// Strict refuses unused bits that are set; only one text then means a hash.
// A newline, which the decoder skips, makes the result too short.
var strictBase64 = base64.StdEncoding.Strict()

// ParseHash reads a hash in the one spelling that a lock has, SRI: "sha256-"
// and the standard base 64 of the 32 bytes, with padding.
func ParseHash(s string) (h Hash, err error) {
	if len(s) != len(sriPrefix)+sriText || s[:len(sriPrefix)] != sriPrefix {
		return Hash{}, errors.New(`a hash is written "sha256-" and 44 characters of base 64`)
	}
	var raw [len(h) + 1]byte // Decode wants room for what padding may stand for
	var text [sriText]byte
	copy(text[:], s[len(sriPrefix):])
	n, err := strictBase64.Decode(raw[:], text[:])
	if err != nil || n != len(h) {
		return Hash{}, errors.New("the base 64 of the hash is not the canonical one of 32 bytes")
	}
	copy(h[:], raw[:])
	if h.IsZero() {
		return Hash{}, errors.New("the hash is all zeros, which stands for no hash")
	}
	return h, nil
}

func appendHash(b []byte, h Hash) []byte {
	return base64.StdEncoding.AppendEncode(append(b, sriPrefix...), h[:])
}
