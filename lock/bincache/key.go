// Package bincache has the formats of Nix's binary caches. It reads what
// strangers publish, so every reader is strict and bounded; it does not decide
// whom to believe.
package bincache

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// A PublicKey is one key that a cache may sign with.
type PublicKey struct {
	Name string
	Key  ed25519.PublicKey
}

// The two ways in which Nix refuses a key. It stops with the message at the
// first such key of a list, whatever it was about to check.
// Nix: src/libutil/signature/local-keys.cc, Key and PublicKey.
var (
	ErrKeyCorrupt = errors.New("key is corrupt")
	ErrKeyInvalid = errors.New("public key is not valid")
)

// ParsePublicKey reads NAME:BASE64 as Nix does: the name ends at the first
// colon, padding may be missing, what follows the padding is ignored, and the
// key has 32 bytes.
func ParsePublicKey(s string) (PublicKey, error) {
	name, text, _ := strings.Cut(s, ":")
	if name == "" || text == "" {
		return PublicKey{}, ErrKeyCorrupt
	}
	raw, err := decodeBase64(text)
	if err != nil {
		return PublicKey{}, err
	}
	if len(raw) != ed25519.PublicKeySize {
		// From 2.34 an empty rest is "corrupt" too; both stop Nix.
		return PublicKey{}, ErrKeyInvalid
	}
	return PublicKey{Name: name, Key: raw}, nil
}

// String writes the key as Nix does, padding included.
func (k PublicKey) String() string {
	return k.Name + ":" + base64.StdEncoding.EncodeToString(k.Key)
}

// decodeBase64 reads base64 as leniently as Nix does.
func decodeBase64(s string) ([]byte, error) {
	s, _, _ = strings.Cut(s, "=")
	s = strings.ReplaceAll(s, "\n", "")
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
		default:
			return nil, fmt.Errorf("invalid character in Base64 string: '%c'", c)
		}
	}
	if len(s)%4 == 1 {
		// A single left-over character holds no whole byte; Nix drops it.
		s = s[:len(s)-1]
	}
	// Nix does not ask for the unused bits to be zero, and neither does the
	// decoder unless it is told to.
	return base64.RawStdEncoding.DecodeString(s)
}

// A Keyring is the keys that a Nix process believes, as it builds them from a
// list: the first key of a name wins and a later one is never tried.
// Nix: src/libstore/keys.cc, getDefaultPublicKeys.
type Keyring struct {
	keys  map[string]keyAt
	later []PublicKey // of names that are taken
	bad   *BadKey
}

type keyAt struct {
	key   PublicKey
	index int
}

// A BadKey is the first entry that stops Nix from building a keyring.
type BadKey struct {
	Index int
	Text  string
	Err   error
}

// NewKeyring reads a list of keys in order.
func NewKeyring(list []string) *Keyring {
	r := &Keyring{keys: make(map[string]keyAt, len(list))}
	for i, text := range list {
		k, err := ParsePublicKey(text)
		if err != nil {
			if r.bad == nil {
				r.bad = &BadKey{i, text, err}
			}
			continue
		}
		if _, taken := r.keys[k.Name]; taken {
			r.later = append(r.later, k)
			continue
		}
		r.keys[k.Name] = keyAt{k, i}
	}
	return r
}

// Bad returns the entry that makes every check of a signature fail, or nil.
func (r *Keyring) Bad() *BadKey { return r.bad }

// Find returns the key that is tried for signatures of this name, and its
// index in the list.
func (r *Keyring) Find(name string) (k PublicKey, index int, ok bool) {
	at, ok := r.keys[name]
	return at.key, at.index, ok
}

// shadowed returns the keys of this name that are in the list and never tried.
func (r *Keyring) shadowed(name string) (keys []PublicKey) {
	for _, k := range r.later {
		if k.Name == name {
			keys = append(keys, k)
		}
	}
	return keys
}
