package lock

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// A Hash is a SHA-256. The zero Hash stands for none: it is never read, never
// printed, and equals no hash of anything.
type Hash [sha256.Size]byte

const sriPrefix = "sha256-"

// sriLen is the length of "sha256-" and 32 bytes in base 64 with padding.
const sriLen = len(sriPrefix) + 44

// ParseHash reads a hash in its one accepted spelling, SRI: "sha256-" and the
// standard base 64 of the 32 bytes, with padding.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != sriLen || s[:len(sriPrefix)] != sriPrefix {
		return h, errors.New(`a hash is written "sha256-" and 44 characters of base 64`)
	}
	var buf [sha256.Size + 1]byte // Decode wants room for what padding may stand for
	var text [sriLen - len(sriPrefix)]byte
	copy(text[:], s[len(sriPrefix):])
	n, err := strictBase64.Decode(buf[:], text[:])
	if err != nil || n != len(h) {
		return h, errors.New("the base 64 of the hash is not the canonical one of 32 bytes")
	}
	copy(h[:], buf[:])
	if h.IsZero() {
		return h, errors.New("the hash is all zeros, which stands for no hash")
	}
	return h, nil
}

// Strict refuses unused bits that are set; only one text then means a hash.
// A newline, which the decoder skips, makes the result too short.
var strictBase64 = base64.StdEncoding.Strict()

// IsZero reports whether h is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns the hash as SRI, or "" when it is none.
func (h Hash) String() string {
	if h.IsZero() {
		return ""
	}
	return string(h.append(nil))
}

func (h Hash) append(b []byte) []byte {
	return base64.StdEncoding.AppendEncode(append(b, sriPrefix...), h[:])
}

// Nix32 returns the hash as narinfo files have it, "sha256:" and Nix's base 32,
// or "" when it is none.
func (h Hash) Nix32() string {
	if h.IsZero() {
		return ""
	}
	return "sha256:" + nixbase32.EncodeToString(h[:])
}
