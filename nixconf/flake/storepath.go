package flake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// StorePath returns where a source tree with this narHash ("sha256-…", as lock
// files have it) lies in the store: "/nix/store/<hash>-source". An empty
// storeDir is /nix/store.
//
// Nix: src/libfetchers/fetchers.cc, Input::computeStorePath.
func StorePath(narHash string, storeDir string) (string, error) {
	if storeDir == "" {
		storeDir = "/nix/store"
	}
	algo, text, ok := strings.Cut(narHash, "-")
	if !ok || algo != "sha256" {
		return "", &FormatError{Message: fmt.Sprintf("the narHash %q is not of the form \"sha256-…\", the only one Nix makes store paths of", narHash)}
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(sum) != sha256.Size || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) {
		return "", &FormatError{Message: fmt.Sprintf("the narHash %q is not a SHA-256 in base 64", narHash)}
	}
	inner := sha256.Sum256([]byte("source:sha256:" + hex.EncodeToString(sum) + ":" + storeDir + ":source"))
	var short [20]byte
	for i, b := range inner {
		short[i%len(short)] ^= b
	}
	return storeDir + "/" + nixbase32.EncodeToString(short[:]) + "-source", nil
}
