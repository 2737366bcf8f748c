package lock

import (
	"errors"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// CheckCA reports what is wrong with a content address. A lock has it as Nix
// prints it: "text:sha256:…", "fixed:ALGO:…" or "fixed:r:ALGO:…", the hash in
// Nix's base 32. Whether it is the path's own is not checked here.
// Nix: src/libstore/content-address.cc, ContentAddress::render.
func CheckCA(s string) error {
	ca, err := bincache.ParseContentAddress(s)
	if err != nil {
		return err
	}
	hash := s[strings.LastIndexByte(s, ':')+1:]
	if len(hash) != nixbase32.EncodedLen(len(ca.Digest)) || nixbase32.EncodeToString(ca.Digest) != hash {
		return errors.New("the hash of a content address is written in Nix's base 32")
	}
	return nil
}
