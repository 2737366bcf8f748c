package bincache

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"
)

// A Signature is KEYNAME:BASE64, one Sig line of a narinfo.
type Signature struct {
	Name  string
	Bytes []byte // 64 of them
}

// ParseSignature reads a signature. Nix: src/libutil/signature/local-keys.cc,
// Signature::parse and verifyDetached.
func ParseSignature(s string) (Signature, error) {
	name, text, ok := strings.Cut(s, ":")
	if !ok || name == "" || text == "" {
		return Signature{}, fmt.Errorf("%s is not a signature of the form name:base64", quote(s))
	}
	raw, err := decodeBase64(text)
	if err != nil {
		return Signature{}, fmt.Errorf("the signature by %s is not in base 64", quote(name))
	}
	if len(raw) != ed25519.SignatureSize {
		return Signature{}, fmt.Errorf("the signature by %s has %d bytes, not %d", quote(name), len(raw), ed25519.SignatureSize)
	}
	return Signature{Name: name, Bytes: raw}, nil
}

// Fingerprint returns the text that a cache signs: the path, the NAR's hash and
// size, and the sorted references. URL, Compression, FileHash, Deriver and CA
// are not in it. Nix: src/libstore/path-info.cc, fingerprint.
func (n *NarInfo) Fingerprint() string { return string(n.AppendFingerprint(nil)) }

// AppendFingerprint appends the fingerprint to out.
func (n *NarInfo) AppendFingerprint(out []byte) []byte {
	inStore := func(p StorePath) {
		out = append(append(append(out, n.StoreDir...), '/'), p...)
	}
	out = append(out, "1;"...)
	inStore(n.Path)
	out = append(out, ";sha256:"...)
	digits := nixbase32.EncodedLen(len(n.NarHash))
	out = slices.Grow(out, digits)[:len(out)+digits]
	nixbase32.Encode(out[len(out)-digits:], n.NarHash[:])
	out = append(strconv.AppendUint(append(out, ';'), n.NarSize, 10), ';')
	for i, ref := range n.References {
		if i > 0 {
			out = append(out, ',')
		}
		inStore(ref)
	}
	return out
}

// A Verdict is what the signatures of a narinfo are worth. The zero value says
// that nothing was checked.
type Verdict uint8

const (
	Unchecked     Verdict = iota
	Unsigned              // no signature at all
	UnknownSigner         // only names that the keyring does not have
	BadSignature          // a name of the keyring, and its key does not fit
	WrongKey              // made with another key of the same name, one that is known but not tried
	Verified              // at least one signature by a key of the keyring
)

func (v Verdict) String() string {
	switch v {
	case Unsigned:
		return "unsigned"
	case UnknownSigner:
		return "unknown signer"
	case BadSignature:
		return "bad signature"
	case WrongKey:
		return "wrong key"
	case Verified:
		return "verified"
	}
	return "unchecked"
}

// A SignatureCheck is a verdict and what it rests on.
type SignatureCheck struct {
	Verdict Verdict
	By      []string // names of the keys that verified; sorted as the signatures are
	Others  []string // names in signatures that did not verify, or are unknown
	Text    string   // a sentence
}

// CheckSignatures judges a narinfo's signatures by a keyring, as Nix does: any
// good one suffices, bad ones beside it do not matter, and a keyring with a
// malformed key verifies nothing.
//
// also are keys known from elsewhere, say from the flake that names the cache;
// they verify nothing, they only tell a wrong key from a bad signature. Which
// of the two it is cannot be seen when no key fits.
func CheckSignatures(n *NarInfo, ring *Keyring, also ...PublicKey) SignatureCheck {
	if ring == nil {
		return SignatureCheck{Text: "no keys were given to check with"}
	}
	if bad := ring.Bad(); bad != nil {
		return SignatureCheck{Text: fmt.Sprintf("key %d of the list, %s, is malformed (%v), and Nix checks no signature with such a list; correct or remove it", bad.Index+1, quote(bad.Text), bad.Err)}
	}
	if n.NarSize == 0 || n.NarHash.IsZero() || n.Path == "" {
		return SignatureCheck{Text: "the narinfo is incomplete, so that there is nothing a signature could be of"}
	}
	if len(n.Signatures) == 0 {
		text := "it has no signature"
		if guix := guixText(n.Guix); guix != "" {
			text += " that Nix knows; " + guix
		}
		return SignatureCheck{Verdict: Unsigned, Text: text}
	}
	message := []byte(n.Fingerprint())
	check := SignatureCheck{Verdict: UnknownSigner}
	for _, text := range n.Signatures {
		v, name, why := checkOne(message, text, ring, also)
		if v == Verified {
			check.By = append(check.By, name)
		} else {
			check.Others = append(check.Others, name)
		}
		if v > check.Verdict || check.Text == "" {
			check.Verdict, check.Text = max(v, check.Verdict), why
		}
	}
	return check
}

func checkOne(message []byte, text string, ring *Keyring, also []PublicKey) (v Verdict, name, why string) {
	if host, guix := guixSignature(text); guix {
		// HOST:PORT would read as the name of a key.
		return UnknownSigner, "Guix's " + host, guixText([]string{host})
	}
	name, _, _ = strings.Cut(text, ":")
	key, _, known := ring.Find(name)
	if !known {
		return UnknownSigner, name, fmt.Sprintf("it is signed by %s, and no such key is trusted", quote(name))
	}
	sig, err := ParseSignature(text)
	if err != nil {
		return BadSignature, name, err.Error()
	}
	if key.Verifies(message, sig.Bytes) {
		return Verified, name, "it is signed by " + quote(name)
	}
	for _, other := range append(ring.shadowed(name), also...) {
		if other.Name == name && !other.Key.Equal(key.Key) && other.Verifies(message, sig.Bytes) {
			return WrongKey, name, fmt.Sprintf("it is signed by another key of the name %s, %s, and the one that is tried is %s", quote(name), other, key)
		}
	}
	return BadSignature, name, fmt.Sprintf("the signature by %s does not fit the trusted key of that name: either the cache signs with another key, or what it says was changed after signing", quote(name))
}
