package keytable

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"hash"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// A Batch collects checks, so that they share one division. The zero Batch is
// empty. It is for one goroutine.
type Batch struct {
	checks   []check
	inverses []field.Element
	verdicts []bool
	hash     hash.Hash
	digest   []byte
}

// A check is one signature: the point that it has to begin with.
type check struct {
	point  extended
	r      [32]byte
	broken bool // it is no signature of anything
}

// Add takes in a signature of a message, and returns its index in what Verdicts
// will return. Neither is kept.
func (b *Batch) Add(t *Table, message, sig []byte) int {
	b.checks = append(b.checks, check{point: neutral()})
	c := &b.checks[len(b.checks)-1]
	s, k, ok := b.scalars(t, message, sig)
	if c.broken = !ok; ok {
		c.r = [32]byte(sig[:32])
		base().addTo(&c.point, s.Bytes())
		t.minus.addTo(&c.point, k.Bytes())
	}
	return len(b.checks) - 1
}

// scalars are s, which has to be below the order of the group (RFC 8032, 5.1.7),
// and k, the hash that ties R, the key and the message together.
func (b *Batch) scalars(t *Table, message, sig []byte) (s, k *edwards25519.Scalar, ok bool) {
	if len(sig) != ed25519.SignatureSize {
		return nil, nil, false
	}
	if b.hash == nil {
		b.hash = sha512.New()
	}
	b.hash.Reset()
	b.hash.Write(sig[:32])
	b.hash.Write(t.key[:])
	b.hash.Write(message)
	b.digest = b.hash.Sum(b.digest[:0])
	s, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
	if err != nil {
		return nil, nil, false
	}
	k, err = edwards25519.NewScalar().SetUniformBytes(b.digest)
	return s, k, err == nil
}

// Verdicts says of each signature whether it is one, and empties the batch. What
// it returns is good until it is called again.
func (b *Batch) Verdicts() []bool {
	b.inverses, b.verdicts = b.inverses[:0], b.verdicts[:0]
	for i := range b.checks {
		b.inverses = append(b.inverses, b.checks[i].point.z)
	}
	invert(b.inverses)
	for i := range b.checks {
		c := &b.checks[i]
		got := c.point.encode(&b.inverses[i])
		b.verdicts = append(b.verdicts, !c.broken && bytes.Equal(got[:], c.r[:]))
	}
	b.checks = b.checks[:0]
	return b.verdicts
}
