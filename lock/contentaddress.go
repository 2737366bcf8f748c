package lock

import (
	"errors"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// hashSizes has the bytes of each hash that a content address may be made of.
var hashSizes = map[string]int{"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64, "blake3": 32}

// CheckCA reports what is wrong with a content address in Nix's spelling:
// "text:sha256:…", "fixed:ALGO:…", "fixed:r:ALGO:…" or "fixed:git:ALGO:…", the
// hash in base 32. Whether it is the path's own is not checked here.
// Nix: src/libstore/content-address.cc, ContentAddress::render.
func CheckCA(ca string) error {
	bad := errors.New(`a content address is "text:sha256:…", "fixed:ALGO:…", "fixed:r:ALGO:…" or "fixed:git:ALGO:…" with the hash in Nix's base 32`)
	kind, rest, _ := strings.Cut(ca, ":")
	if kind == "fixed" {
		for _, method := range []string{"r:", "git:"} {
			if after, ok := strings.CutPrefix(rest, method); ok {
				rest = after
				break
			}
		}
	}
	algo, hash, _ := strings.Cut(rest, ":")
	size, known := hashSizes[algo]
	if kind != "fixed" && (kind != "text" || algo != "sha256") || !known || len(hash) != nixbase32.EncodedLen(size) || nixbase32.ValidateString(hash) != nil {
		return bad
	}
	return nil
}
