package bincache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// A ContentAddress says of what a path's name was computed.
type ContentAddress struct {
	Method string // "text", "flat" or "r" (of the NAR)
	Algo   string // "md5", "sha1", "sha256", "sha512"
	Digest []byte
}

// ParseContentAddress reads text:sha256:HASH, fixed:ALGO:HASH or
// fixed:r:ALGO:HASH. Nix's experimental fixed:git: is refused, as it is by Nix
// without that feature. Nix: src/libstore/content-address.cc.
func ParseContentAddress(s string) (ContentAddress, error) {
	kind, rest, _ := strings.Cut(s, ":")
	var ca ContentAddress
	switch kind {
	case "text":
		ca.Method = "text"
	case "fixed":
		ca.Method = "flat"
		if after, ok := strings.CutPrefix(rest, "r:"); ok {
			ca.Method, rest = "r", after
		}
	default:
		return ContentAddress{}, fmt.Errorf("the content address %s starts with neither \"text:\" nor \"fixed:\"", quote(s))
	}
	algo, hash, ok := strings.Cut(rest, ":")
	if !ok {
		return ContentAddress{}, fmt.Errorf("the content address %s has no algorithm and hash", quote(s))
	}
	raw, err := parseBareHash(algo, hash)
	if err != nil {
		return ContentAddress{}, fmt.Errorf("the content address %s: %v", quote(s), err)
	}
	if ca.Method == "text" && algo != "sha256" {
		return ContentAddress{}, fmt.Errorf("the content address %s is not of a SHA-256", quote(s))
	}
	ca.Algo, ca.Digest = algo, raw
	return ca, nil
}

// Path computes the path that a content address belongs to, of the given name
// in the store storeDir and with the references that self (the path itself,
// when it refers to itself) and others make.
// Nix: src/libstore/store-dir-config.cc, makeFixedOutputPathFromCA.
func (ca ContentAddress) Path(storeDir, name string, others []StorePath, self bool) (StorePath, error) {
	switch {
	case ca.Method == "text" && self:
		return "", fmt.Errorf("a path with a text: content address cannot refer to itself")
	case ca.Method == "text":
		return makePath(typeOf("text", storeDir, others, false), hex.EncodeToString(ca.Digest), storeDir, name)
	case ca.Method == "r" && ca.Algo == "sha256":
		return makePath(typeOf("source", storeDir, others, self), hex.EncodeToString(ca.Digest), storeDir, name)
	case len(others) > 0 || self:
		return "", fmt.Errorf("a path with a content address of this kind cannot have references")
	}
	prefix := ""
	if ca.Method == "r" {
		prefix = "r:"
	}
	inner := sha256.Sum256([]byte("fixed:out:" + prefix + ca.Algo + ":" + hex.EncodeToString(ca.Digest) + ":"))
	return makePath("output:out", hex.EncodeToString(inner[:]), storeDir, name)
}

func typeOf(kind, storeDir string, others []StorePath, self bool) string {
	others = slices.Clone(others)
	slices.Sort(others)
	for _, ref := range others {
		kind += ":" + ref.In(storeDir)
	}
	if self {
		kind += ":self"
	}
	return kind
}

func makePath(kind, inner, storeDir, name string) (StorePath, error) {
	sum := sha256.Sum256([]byte(kind + ":sha256:" + inner + ":" + storeDir + ":" + name))
	var short [20]byte
	for i, b := range sum {
		short[i%len(short)] ^= b
	}
	return ParseStorePath(nixbase32.EncodeToString(short[:]) + "-" + name)
}

// ProveContent reports whether the path's own name proves what the narinfo
// says, so that no signature is needed. nil means proved.
//
// The name covers the content address and the references. It covers the
// NarHash only when the address is of the NAR's SHA-256 (and the path does not
// refer to itself); for text: and flat addresses the contents prove it, see
// Contents.Matches. Nix checks both on import too.
func (n *NarInfo) ProveContent() error {
	if n.CA == "" {
		return fmt.Errorf("the narinfo has no content address")
	}
	ca, err := ParseContentAddress(n.CA)
	if err != nil {
		return err
	}
	self := slices.Contains(n.References, n.Path)
	others := slices.DeleteFunc(slices.Clone(n.References), func(p StorePath) bool { return p == n.Path })
	want, err := ca.Path(n.StoreDir, n.Path.Name(), others, self)
	if err != nil {
		return fmt.Errorf("it claims the content address %s, but %v", quote(n.CA), err)
	}
	if want != n.Path {
		return fmt.Errorf("it claims the content address %s, but that belongs to %s; Nix ignores such a claim and asks for a signature", quote(n.CA), want)
	}
	if ca.Method == "r" && ca.Algo == "sha256" && !self && Hash(ca.Digest) != n.NarHash {
		return fmt.Errorf("its content address and its NarHash are of different NARs, %s and %s", Hash(ca.Digest), n.NarHash)
	}
	return nil
}
