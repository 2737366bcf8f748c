package keytable

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"filippo.io/edwards25519"
)

// A signed is a signature, or what is said to be one, of a message by a key.
type signed struct {
	name    string
	key     []byte
	message []byte
	sig     []byte
}

// agree checks signatures in one batch and each by crypto/ed25519, and returns
// how many hold. Keys that are no points are left out: they have no table.
func agree(t *testing.T, all []signed) (good int) {
	t.Helper()
	tables := map[string]*Table{}
	var b Batch
	var asked []signed
	for _, s := range all {
		table, known := tables[string(s.key)]
		if !known {
			table, _ = New(s.key)
			tables[string(s.key)] = table
		}
		if table == nil {
			if len(s.key) == ed25519.PublicKeySize && ed25519.Verify(s.key, s.message, s.sig) {
				t.Errorf("%s: the key %x has no table, and crypto/ed25519 takes it", s.name, s.key)
			}
			continue
		}
		if at := b.Add(table, s.message, s.sig); at != len(asked) {
			t.Fatalf("%s: it is %d of the batch, not %d", s.name, at, len(asked))
		}
		asked = append(asked, s)
	}
	verdicts := b.Verdicts()
	if len(verdicts) != len(asked) {
		t.Fatalf("%d verdicts of %d signatures", len(verdicts), len(asked))
	}
	for i, s := range asked {
		want := ed25519.Verify(s.key, s.message, s.sig)
		if verdicts[i] != want {
			t.Errorf("%s: %v, and crypto/ed25519 says %v: key %x, message %x, signature %x", s.name, verdicts[i], want, s.key, s.message, s.sig)
		}
		if want {
			good++
		}
	}
	return good
}

// keyOf makes a key of a seed.
func keyOf(seed int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%032d", seed))
}

func TestVerdictsAreThoseOfOneByOne(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	var all []signed
	const keys, each = 3, 100
	for k := range keys {
		secret := keyOf(k)
		other := keyOf(k + 1).Public().(ed25519.PublicKey)
		for n := range each {
			message := make([]byte, n)
			random.Read(message)
			sig := ed25519.Sign(secret, message)
			s := signed{fmt.Sprint("made ", k, " ", n), secret.Public().(ed25519.PublicKey), message, sig}
			all = append(all, s)
			// In between what does not hold, so that it could spoil what does.
			bad := s
			bad.name, bad.sig = "a bit of the signature changed", slices.Clone(sig)
			bad.sig[random.Intn(64)] ^= 1 << random.Intn(8)
			all = append(all, bad)
			bad = s
			bad.name, bad.message = "longer", append(slices.Clone(message), 0)
			all = append(all, bad)
			bad = s
			bad.name, bad.key = "another key", other
			all = append(all, bad)
			for _, size := range []int{0, 1, 32, 63, 65} {
				all = append(all, signed{"of another length", s.key, message, make([]byte, size)})
			}
		}
	}
	if good := agree(t, all); good != keys*each {
		t.Errorf("%d hold, and %d were made", good, keys*each)
	}
}

func TestEveryBitOfASignatureCounts(t *testing.T) {
	secret := keyOf(7)
	message := []byte("1;/nix/store/a;sha256:b;1;")
	sig := ed25519.Sign(secret, message)
	all := []signed{{"made", secret.Public().(ed25519.PublicKey), message, sig}}
	for bit := range 64 * 8 {
		changed := slices.Clone(sig)
		changed[bit/8] ^= 1 << (bit % 8)
		all = append(all, signed{fmt.Sprint("bit ", bit), all[0].key, message, changed})
	}
	if good := agree(t, all); good != 1 {
		t.Errorf("%d hold", good)
	}
}

// The first four of RFC 8032, 7.1.
func TestRFC8032(t *testing.T) {
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	digest := sha512.Sum512([]byte("abc"))
	all := []signed{
		{"1", raw("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), nil,
			raw("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")},
		{"2", raw("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"), raw("72"),
			raw("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")},
		{"3", raw("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"), raw("af82"),
			raw("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")},
		{"SHA(abc)", raw("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"), digest[:],
			raw("dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704")},
	}
	if good := agree(t, all); good != len(all) {
		t.Errorf("%d of %d hold", good, len(all))
	}
}

// order is that of the group of the generator.
var order = [32]byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}

// plusOrder adds the order to a scalar: another spelling of the same.
func plusOrder(s []byte) []byte {
	out, carry := make([]byte, 32), 0
	for i := range out {
		sum := int(s[i]) + int(order[i]) + carry
		out[i], carry = byte(sum), sum>>8
	}
	return out
}

// torsion are the eight points of small order, and every spelling of them and of
// the points that have two.
func torsion(t *testing.T) (points []*edwards25519.Point, spellings [][]byte) {
	t.Helper()
	// Multiplied by the order, any point is one of them.
	for n := 0; len(points) < 8; n++ {
		digest := sha512.Sum512(fmt.Append(nil, n))
		p, err := new(edwards25519.Point).SetBytes(digest[:32])
		if err != nil {
			continue
		}
		least, err := new(edwards25519.Scalar).SetCanonicalBytes(orderLessOne())
		if err != nil {
			t.Fatal(err)
		}
		q := new(edwards25519.Point).ScalarMult(least, p)
		q.Add(q, p) // order-1 times, and once more
		if !slices.ContainsFunc(points, func(o *edwards25519.Point) bool { return o.Equal(q) == 1 }) {
			points = append(points, q)
		}
	}
	for y := range 19 { // y, y + p, and the sign bit
		low := make([]byte, 32)
		low[0] = byte(y)
		high := bytes.Repeat([]byte{0xff}, 32)
		high[0], high[31] = byte(0xed+y), 0x7f
		for _, b := range [][]byte{low, high} {
			signed := slices.Clone(b)
			signed[31] |= 0x80
			spellings = append(spellings, b, signed)
		}
	}
	for _, p := range points {
		spellings = append(spellings, p.Bytes())
		other := p.Bytes()
		other[31] ^= 0x80
		spellings = append(spellings, other)
	}
	slices.SortFunc(spellings, bytes.Compare)
	spellings = slices.CompactFunc(spellings, bytes.Equal)
	spellings = slices.DeleteFunc(spellings, func(b []byte) bool {
		_, err := new(edwards25519.Point).SetBytes(b)
		return err != nil
	})
	return points, spellings
}

// orderLessOne is the order less one.
func orderLessOne() []byte {
	out := slices.Clone(order[:])
	out[0]--
	return out
}

// sign signs with a secret scalar, adding a point to the commitment and another
// to the key: only who has the secret can, or for what is of small order anybody.
func sign(t *testing.T, secret, nonce *edwards25519.Scalar, inKey, inNonce *edwards25519.Point, message []byte) signed {
	t.Helper()
	key := new(edwards25519.Point).ScalarBaseMult(secret)
	r := new(edwards25519.Point).ScalarBaseMult(nonce)
	s := signed{key: key.Add(key, inKey).Bytes(), message: message}
	commitment := r.Add(r, inNonce).Bytes()
	digest := sha512.Sum512(slices.Concat(commitment, s.key, message))
	k, err := edwards25519.NewScalar().SetUniformBytes(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	s.sig = append(commitment, k.MultiplyAdd(k, secret, nonce).Bytes()...)
	return s
}

// What Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs", found that
// programs disagree on, made anew: points of small and of mixed order for key and
// commitment, second spellings of points, scalars at and above the order.
func TestEdgeCasesAreThoseOfOneByOne(t *testing.T) {
	points, spellings := torsion(t)
	zero := edwards25519.NewScalar()
	some, err := edwards25519.NewScalar().SetUniformBytes(bytes.Repeat([]byte{0x5a}, 64))
	if err != nil {
		t.Fatal(err)
	}
	other := edwards25519.NewScalar().Multiply(some, some)
	var all []signed
	for i, inKey := range points {
		for j, inNonce := range points {
			for n := range 8 {
				message := fmt.Append(nil, "message ", n)
				for _, secret := range []*edwards25519.Scalar{zero, some} {
					for _, nonce := range []*edwards25519.Scalar{zero, other} {
						s := sign(t, secret, nonce, inKey, inNonce, message)
						s.name = fmt.Sprint("torsion ", i, j, n)
						all = append(all, s)
						s.sig = slices.Concat(s.sig[:32], plusOrder(s.sig[32:]))
						s.name += ", plus the order"
						all = append(all, s)
					}
				}
			}
		}
	}
	scalars := [][]byte{make([]byte, 32), order[:], orderLessOne(), some.Bytes(), bytes.Repeat([]byte{0xff}, 32), append(bytes.Repeat([]byte{0xff}, 31), 0x0f), append(bytes.Repeat([]byte{0x80}, 31), 0x0f)}
	for i, a := range spellings {
		for j, r := range spellings {
			for k, s := range scalars {
				all = append(all, signed{fmt.Sprint("spellings ", i, j, k), a, fmt.Append(nil, i*j), slices.Concat(r, s)})
			}
		}
	}
	good := agree(t, all)
	if good < 200 || good > len(all)/2 {
		t.Errorf("%d of %d hold: the cases are not what they were meant to be", good, len(all))
	}
}

func TestAddToIsMultiplication(t *testing.T) {
	random := rand.New(rand.NewSource(2))
	point := new(edwards25519.Point).ScalarBaseMult(func() *edwards25519.Scalar {
		s, _ := edwards25519.NewScalar().SetUniformBytes(bytes.Repeat([]byte{7}, 64))
		return s
	}())
	table := multiplesOf(point)
	var scalars [][]byte
	for b := range 256 { // every digit in every place, with a carry into it and without
		scalars = append(scalars, append(bytes.Repeat([]byte{byte(b)}, 31), 0x0f))
		mixed := bytes.Repeat([]byte{byte(b), 0xff}, 16)
		mixed[31] = 0x0e
		scalars = append(scalars, mixed)
	}
	for range 200 {
		n := make([]byte, 32)
		random.Read(n)
		n[31] &= 0x0f
		scalars = append(scalars, n)
	}
	scalars = append(scalars, make([]byte, 32), orderLessOne())
	for _, n := range scalars {
		s, err := edwards25519.NewScalar().SetCanonicalBytes(n)
		if err != nil {
			t.Fatal(err)
		}
		sum := neutral()
		table.addTo(&sum, n)
		inverse := sum.z
		inverse.Invert(&inverse)
		if got := sum.encode(&inverse); !bytes.Equal(got[:], new(edwards25519.Point).ScalarMult(s, point).Bytes()) {
			t.Errorf("%x times the point is wrong", n)
		}
	}
}

func TestABatchIsEmptyAfterItsVerdicts(t *testing.T) {
	secret := keyOf(3)
	table, err := New(secret.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	if len(b.Verdicts()) != 0 {
		t.Error("an empty batch has verdicts")
	}
	for n := range 5 {
		message := fmt.Append(nil, n)
		for range n {
			b.Add(table, message, ed25519.Sign(secret, message))
		}
		b.Add(table, message, make([]byte, 64))
		got := b.Verdicts()
		if len(got) != n+1 || slices.Contains(got[:n], false) || got[n] {
			t.Errorf("%d: %v", n, got)
		}
	}
}

func TestATableIsForManyGoroutines(t *testing.T) {
	secret := keyOf(4)
	table, err := New(secret.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			var b Batch
			for n := range 50 {
				message := fmt.Append(nil, g, n)
				b.Add(table, message, ed25519.Sign(secret, message))
			}
			if slices.Contains(b.Verdicts(), false) {
				t.Error("a good signature does not hold")
			}
		})
	}
	all.Wait()
}

func TestWhatIsNoKeyHasNoTable(t *testing.T) {
	for _, key := range [][]byte{nil, make([]byte, 31), make([]byte, 33), append([]byte{2}, make([]byte, 31)...)} {
		if _, err := New(key); err == nil {
			t.Errorf("%x has a table", key)
		}
	}
}

func FuzzVerdicts(f *testing.F) {
	secret := keyOf(5)
	message := []byte("a message")
	f.Add([]byte(secret.Public().(ed25519.PublicKey)), message, ed25519.Sign(secret, message))
	f.Add(make([]byte, 32), message, make([]byte, 64))
	f.Add(append([]byte{1}, make([]byte, 31)...), message, append([]byte{1}, make([]byte, 63)...))
	f.Fuzz(func(t *testing.T, key, message, sig []byte) {
		if len(key) != 32 {
			return
		}
		own := ed25519.NewKeyFromSeed(key)
		good := ed25519.Sign(own, message)
		public := own.Public().(ed25519.PublicKey)
		agree(t, []signed{{"given", key, message, sig}, {"made", public, message, good}, {"of another", public, message, sig}, {"by another", key, message, good}})
	})
}

func BenchmarkSignature(b *testing.B) {
	secret := keyOf(6)
	public := secret.Public().(ed25519.PublicKey)
	var messages, sigs [][]byte
	for n := range 1024 {
		messages = append(messages, bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 200))
		sigs = append(sigs, ed25519.Sign(secret, messages[n]))
	}
	b.Run("ed25519", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if !ed25519.Verify(public, messages[n%1024], sigs[n%1024]) {
				b.Fatal("it does not hold")
			}
		}
	})
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		table, err := New(public)
		if err != nil {
			b.Fatal(err)
		}
		var batch Batch
		for n := 0; b.Loop(); n++ {
			if batch.Add(table, messages[n%1024], sigs[n%1024]) == 255 && slices.Contains(batch.Verdicts(), false) {
				b.Fatal("one does not hold")
			}
		}
	})
	b.Run("making a table", func(b *testing.B) {
		for b.Loop() {
			if _, err := New(public); err != nil {
				b.Fatal(err)
			}
		}
	})
}
