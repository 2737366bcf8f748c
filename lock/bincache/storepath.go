package bincache

import (
	"fmt"
	"strings"
)

// DefaultStoreDir is where nearly every store lies. It is part of every
// fingerprint.
const DefaultStoreDir = "/nix/store"

// A StorePath is the last element of a path in a store:
// "2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello".
type StorePath string

const (
	digestLen  = 32
	maxNameLen = 211
)

// ParseStorePath checks a base name: 32 characters of Nix's base 32, a dash,
// and 1 to 211 characters of a name.
// Nix: src/libstore/path.cc, StorePath and checkName.
func ParseStorePath(s string) (StorePath, error) {
	if len(s) < digestLen+2 || s[digestLen] != '-' {
		return "", fmt.Errorf("%s is not a store path: a hash of 32 characters, a dash and a name are expected", quote(s))
	}
	for i := range digestLen {
		c := s[i]
		if !inDigest[c] {
			return "", fmt.Errorf("%s is not a store path: its hash has the character %q", quote(s), c)
		}
	}
	name := s[digestLen+1:]
	if len(name) > maxNameLen {
		return "", fmt.Errorf("%s is not a store path: its name is longer than %d characters", quote(s), maxNameLen)
	}
	for i := range len(name) {
		c := name[i]
		if !inName[c] {
			return "", fmt.Errorf("%s is not a store path: its name has the character %q", quote(s), c)
		}
	}
	if first, _, _ := strings.Cut(name, "-"); first == "." || first == ".." {
		return "", fmt.Errorf("%s is not a store path: its name starts with %q", quote(s), first)
	}
	return StorePath(s), nil
}

// The characters of a path's hash and of its name.
var (
	inDigest = setOf("0123456789abcdfghijklmnpqrsvwxyz")
	inName   = setOf("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._?=")
)

func setOf(characters string) (set [256]bool) {
	for i := range len(characters) {
		set[characters[i]] = true
	}
	return set
}

// ParseStorePathIn reads a whole path, which must lie directly in storeDir.
// Nix also takes spellings such as "/nix//store/…"; no cache writes them, and
// they are refused here.
func ParseStorePathIn(storeDir, s string) (StorePath, error) {
	base, ok := strings.CutPrefix(s, storeDir+"/")
	if !ok {
		return "", fmt.Errorf("%s is not in the store %s", quote(s), storeDir)
	}
	return ParseStorePath(base)
}

// Digest returns the 32 characters that name the path in a cache.
func (p StorePath) Digest() string {
	if len(p) < digestLen {
		return ""
	}
	return string(p[:digestLen])
}

// Name returns what follows the hash.
func (p StorePath) Name() string {
	if len(p) <= digestLen {
		return ""
	}
	return string(p[digestLen+1:])
}

// In returns the whole path.
func (p StorePath) In(storeDir string) string { return storeDir + "/" + string(p) }
