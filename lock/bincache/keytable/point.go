package keytable

import (
	"sync"

	"filippo.io/edwards25519/field"
)

// An extended point is (X/Z, Y/Z), with T = X·Y/Z.
type extended struct{ x, y, z, t field.Element }

// An affine point (x, y), as what an addition needs of it: y+x, y-x and 2·d·x·y.
type affine struct{ sum, difference, product field.Element }

// neutral is the point (0, 1).
func neutral() (p extended) {
	p.y.One()
	p.z.One()
	return p
}

func (q *affine) set(x, y *field.Element) {
	q.sum.Add(y, x)
	q.difference.Subtract(y, x)
	q.product.Multiply(x, y)
	q.product.Multiply(&q.product, twiceD())
}

// add adds q to p. The formulas hold for every two points of the curve, equal ones
// and those of small order included, and never give a Z of zero: RFC 8032, 5.1.4.
func (p *extended) add(q *affine) {
	p.combine(&q.sum, &q.difference, new(field.Element).Multiply(&p.t, &q.product))
}

// subtract adds -q, which is q with the sign of x changed.
func (p *extended) subtract(q *affine) {
	c := new(field.Element).Multiply(&p.t, &q.product)
	p.combine(&q.difference, &q.sum, c.Negate(c))
}

func (p *extended) combine(sum, difference, c *field.Element) {
	var a, b, d, e, f, g, h field.Element
	a.Multiply(a.Subtract(&p.y, &p.x), difference)
	b.Multiply(b.Add(&p.y, &p.x), sum)
	d.Add(&p.z, &p.z)
	e.Subtract(&b, &a)
	f.Subtract(&d, c)
	g.Add(&d, c)
	h.Add(&b, &a)
	p.x.Multiply(&e, &f)
	p.y.Multiply(&g, &h)
	p.z.Multiply(&f, &g)
	p.t.Multiply(&e, &h)
}

// encode writes the point as RFC 8032 does, 5.1.2, inverse being 1/Z.
func (p *extended) encode(inverse *field.Element) [32]byte {
	var x, y field.Element
	x.Multiply(&p.x, inverse)
	y.Multiply(&p.y, inverse)
	out := [32]byte(y.Bytes())
	out[31] |= byte(x.IsNegative() << 7)
	return out
}

// invert turns each element into its inverse; none may be zero.
func invert(all []field.Element) {
	// before[i] is the product of all elements before i.
	before := make([]field.Element, len(all))
	var product field.Element
	product.One()
	for i := range all {
		before[i] = product
		product.Multiply(&product, &all[i])
	}
	product.Invert(&product)
	for i := len(all) - 1; i >= 0; i-- {
		own := all[i]
		all[i].Multiply(&product, &before[i])
		product.Multiply(&product, &own)
	}
}

// twiceD is 2·d, where d = -121665/121666 is the curve's: RFC 8032, 5.1.
var twiceD = sync.OnceValue(func() *field.Element {
	var one, above, below field.Element
	one.One()
	above.Mult32(&one, 121665)
	below.Mult32(&one, 121666)
	above.Multiply(&above, below.Invert(&below))
	above.Negate(&above)
	return above.Add(&above, &above)
})
