package bincache

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// A Hash is a SHA-256, the only hash that Nix makes of a NAR and compares
// with it on import.
type Hash [32]byte

// String writes the hash as locks do: sha256-BASE64.
func (h Hash) String() string { return "sha256-" + base64.StdEncoding.EncodeToString(h[:]) }

// Nix32 writes the hash as narinfos and fingerprints do: sha256:BASE32.
func (h Hash) Nix32() string { return "sha256:" + nixbase32.EncodeToString(h[:]) }

// IsZero reports whether the hash was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// ParseHash reads a SHA-256 with its algorithm in front, in each of Nix's
// spellings: sha256: and base 16, 32 or 64 as the length tells, or sha256- and
// base 64. Nix: src/libutil/hash.cc, Hash::parseAnyPrefixed.
func ParseHash(s string) (Hash, error) {
	algo, raw, err := parseAnyHash(s)
	if err != nil {
		return Hash{}, err
	}
	if algo != "sha256" {
		return Hash{}, fmt.Errorf("the hash %s is not a SHA-256, which is what Nix compares NARs by", quote(s))
	}
	return Hash(raw), nil
}

// hashSizes are the algorithms that content addresses may use, in bytes.
var hashSizes = map[string]int{"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}

func parseAnyHash(s string) (algo string, raw []byte, err error) {
	algo, rest, ok := strings.Cut(s, ":")
	if ok {
		raw, err = parseBareHash(algo, rest)
		return algo, raw, err
	}
	algo, rest, ok = strings.Cut(s, "-")
	size, known := hashSizes[algo]
	if !ok || !known {
		return "", nil, fmt.Errorf("%s is not a hash with its algorithm in front, such as sha256:…", quote(s))
	}
	raw, err = base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil || len(raw) != size || len(rest) != base64.StdEncoding.EncodedLen(size) {
		return "", nil, fmt.Errorf("%s is not a %s hash in base 64", quote(s), algo)
	}
	return algo, raw, nil
}

// parseBareHash reads a hash without its algorithm; the length tells the
// spelling. Nix: src/libutil/hash.cc, Hash::parseNonSRIUnprefixed.
func parseBareHash(algo, s string) (raw []byte, err error) {
	size, known := hashSizes[algo]
	switch {
	case !known:
		return nil, fmt.Errorf("the hash algorithm %s is unknown", quote(algo))
	case len(s) == hex.EncodedLen(size):
		raw, err = hex.DecodeString(s)
	case len(s) == nixbase32.EncodedLen(size):
		raw, err = nixbase32.DecodeString(s)
	case len(s) == base64.StdEncoding.EncodedLen(size):
		raw, err = base64.StdEncoding.Strict().DecodeString(s)
	default:
		return nil, fmt.Errorf("%s has the wrong length for %s", quote(s), algo)
	}
	if err != nil || len(raw) != size {
		return nil, fmt.Errorf("%s is not a %s hash", quote(s), algo)
	}
	return raw, nil
}

// quote makes outside text safe to show, and short.
func quote(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
