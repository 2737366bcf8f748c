// Package keytable checks many Ed25519 signatures of few keys, about five times
// as fast as crypto/ed25519 and with the very same verdicts.
//
// A signature (R, s) of a message by the key A holds when the encoding of
//
//	s·B - k·A,  k = SHA-512(R, A, message)
//
// is R (RFC 8032, 5.1.7). crypto/ed25519 works that out anew for each signature,
// with some 250 doublings of a point. Here the multiples of B and of -A that can
// occur in it are laid out in a table before, so that it is 64 additions and no
// doubling; and the division that the encoding needs is done once for many.
//
// This is not what is called batch verification, which adds signatures up with
// random weights: each signature is worked out by itself and compared byte for
// byte. So there is nothing in which the verdicts could differ from those of
// crypto/ed25519, points of small order included, a forged one takes no longer
// than a good one, and none can spoil the verdict of another.
//
// Nothing in it is secret, so nothing takes the same time whatever the input.
package keytable

import (
	"crypto/ed25519"
	"errors"
	"sync"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// Size is what one table takes in memory, in bytes.
const Size = digits * highest * 3 * 40

const (
	digits  = 32  // of a scalar, to the base of 256
	highest = 128 // the largest digit by its amount: digits are from -127 to 128
)

// A Table is a key made ready for many checks. It is not changed once it was
// made, so several goroutines may use it.
type Table struct {
	key   [32]byte
	minus *multiples // of -A
}

// New makes a key ready, which takes as long as some fifty checks by
// crypto/ed25519. It fails for what is no key. Of keys that are points of small
// order, or that have a second spelling, it takes those that crypto/ed25519
// takes: whether such a key counts is for others to say.
func New(key ed25519.PublicKey) (*Table, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, errors.New("it is not of the length of a key")
	}
	a, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return nil, errors.New("it is no point of the curve")
	}
	return &Table{key: [32]byte(key), minus: multiplesOf(a.Negate(a))}, nil
}

// multiples has, for each place i of a scalar and each digit d from 1 on, the
// point d·256^i·P at [i][d-1].
type multiples [digits][highest]affine

// base has the multiples of the generator.
var base = sync.OnceValue(func() *multiples { return multiplesOf(edwards25519.NewGeneratorPoint()) })

func multiplesOf(p *edwards25519.Point) *multiples {
	t := new(multiples)
	var row [highest]edwards25519.Point
	step := new(edwards25519.Point).Set(p)
	for i := range t {
		row[0].Set(step)
		for d := 1; d < highest; d++ {
			row[d].Add(&row[d-1], step)
		}
		normalise(&t[i], &row)
		step.Double(&row[highest-1])
	}
	return t
}

// normalise brings points into the form in which they are added fastest, with
// one division for all.
func normalise(out *[highest]affine, row *[highest]edwards25519.Point) {
	var zs [highest]field.Element
	for d := range row {
		_, _, z, _ := row[d].ExtendedCoordinates()
		zs[d] = *z
	}
	invert(zs[:])
	for d := range row {
		x, y, _, _ := row[d].ExtendedCoordinates()
		out[d].set(x.Multiply(x, &zs[d]), y.Multiply(y, &zs[d]))
	}
}

// addTo adds n·P to a sum, n being 32 bytes, the lowest first, below 2^255.
func (t *multiples) addTo(sum *extended, n []byte) {
	carry := 0
	for i, b := range n {
		digit := int(b) + carry
		carry = 0
		if digit > highest {
			digit, carry = digit-256, 1
		}
		switch {
		case digit > 0:
			sum.add(&t[i][digit-1])
		case digit < 0:
			sum.subtract(&t[i][-digit-1])
		}
	}
}
