package bincache

import (
	"bytes"
	"crypto/ed25519"
)

// Verifies reports whether sig is this key's signature of message, and agrees
// with libsodium, which Nix uses: a key or a commitment of small order verifies
// nothing, nor does a key in a second spelling. crypto/ed25519 takes them, and
// for a key of small order anybody can sign.
func (k PublicKey) Verifies(message, sig []byte) bool {
	if len(k.Key) != ed25519.PublicKeySize || len(sig) != ed25519.SignatureSize {
		return false
	}
	if k.Weak() || isSmallOrder(sig[:32]) {
		return false
	}
	return ed25519.Verify(k.Key, message, sig)
}

// Weak reports whether the key verifies nothing: a point of small order, for
// which anybody can make signatures that careless programs accept, or a point
// spelled in a second way.
func (k PublicKey) Weak() bool { return isSmallOrder(k.Key) || !isCanonical(k.Key) }

// isCanonical reports whether a point's y is below 2^255-19.
func isCanonical(point []byte) bool {
	if len(point) != 32 || point[31]&0x7f != 0x7f || point[0] < 0xed {
		return true
	}
	for _, b := range point[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}

// isSmallOrder compares with the encodings of the points of order 1, 2, 4 and
// 8, whatever the sign bit, canonical or not. The y of those points solve
// y·(y²-1)·(d·y⁴+2·y²-1) = 0 (mod p).
func isSmallOrder(point []byte) bool {
	if len(point) != 32 {
		return false
	}
	y := [32]byte(point)
	y[31] &= 0x7f
	for i := range smallOrder {
		if bytes.Equal(y[:], smallOrder[i][:]) {
			return true
		}
	}
	return false
}

var smallOrder = [...][32]byte{
	{},  // y = 0, order 4
	{1}, // y = 1, the neutral element
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}, // order 8
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}, // order 8
	nearPrime(0xec), // y = -1, order 2
	nearPrime(0xed), // y = p, which is 0
	nearPrime(0xee), // y = p+1, which is 1
}

// nearPrime is the little-endian 2^255-19 with another lowest byte.
func nearPrime(lowest byte) (y [32]byte) {
	for i := range y {
		y[i] = 0xff
	}
	y[0], y[31] = lowest, 0x7f
	return y
}
