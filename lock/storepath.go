package lock

import (
	"errors"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A StorePath is the base name of a store path:
// "2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello".
type StorePath = bincache.StorePath

const (
	hashPartLen = 32  // characters of a store path's hash part
	maxNameLen  = 211 // what Nix takes for the name behind it
)

// CheckPath reports what is wrong with the base name of a store path:
// 32 characters of Nix's base 32, a dash, and a name of 1 to 211 characters.
// It is the rule of bincache.ParseStorePath, made for a million paths at once.
// Nix: src/libstore/path.cc, StorePath and checkName.
func checkPath(base StorePath) error {
	if len(base) < hashPartLen+2 || base[hashPartLen] != '-' {
		return errors.New("a store path is 32 characters, a dash and a name, without the folder")
	}
	class := byte(inHash | inName) // what every character is
	for i := range hashPartLen {
		class &= charClass[base[i]]
	}
	if class&inHash == 0 {
		return errors.New("the first 32 characters of a store path are digits and lower-case letters without e, o, t and u")
	}
	name := base[hashPartLen+1:]
	if len(name) > maxNameLen {
		return errors.New("the name of a store path has at most 211 characters")
	}
	for i := range len(name) {
		class &= charClass[name[i]] | inHash
	}
	if class&inName == 0 {
		return errors.New("the name of a store path has letters, digits and +-._?= only")
	}
	if name[0] == '.' {
		rest := name[1:]
		if rest != "" && rest[0] == '.' {
			rest = rest[1:]
		}
		if rest == "" || rest[0] == '-' {
			return errors.New("the name of a store path must not be . or .., nor begin with one of them and a dash")
		}
	}
	return nil
}

const (
	inHash = 1 << iota
	inName
)

var charClass = func() (t [256]byte) { // never written to again
	for c := '0'; c <= '9'; c++ {
		t[c] = inHash | inName
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] = inHash | inName
		t[c-'a'+'A'] = inName
	}
	for _, c := range "eotu" {
		t[c] = inName
	}
	for _, c := range "+-._?=" {
		t[c] = inName
	}
	return t
}()
