package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestKeysOfOneNameAreTriedInTurn(t *testing.T) {
	// Enough of each that tables are made and that several portions are checked.
	believed := newPair("acme-1", 1, true)
	second, third := newPair("acme-1", 2, false), newPair("acme-1", 3, false)
	stranger := newPair("acme-1", 4, false) // not among the keys
	signers := [][]pair{{believed}, {second}, {third}, {third, believed}, {stranger}, {stranger, second, believed}}
	want := []struct {
		class   Class
		signers []int32
		claims  []Claim
	}{
		{Signed, []int32{0}, nil},
		{NotBelieved, []int32{1}, []Claim{{"acme-1", ClaimForged, true}}},
		{NotBelieved, []int32{2}, []Claim{{"acme-1", ClaimForged, true}}},
		{Signed, []int32{2, 0}, []Claim{{"acme-1", ClaimForged, true}}},
		{Imported, nil, []Claim{{"acme-1", ClaimForged, false}}},
		{Signed, []int32{1, 0}, []Claim{{"acme-1", ClaimForged, false}, {"acme-1", ClaimForged, true}}},
	}
	var items []item
	for i := range 600 {
		it := item{name: fmt.Sprint("path-", i), size: int64(i + 1), by: signers[i%len(signers)]}
		if i > 0 {
			it.refs = []string{fmt.Sprint("path-", i-1)}
		}
		items = append(items, it)
	}
	r := audited(t, items, Options{Keys: keysOf(believed, second, third)})
	for i, p := range r.Paths {
		w := want[i%len(want)]
		if p.Class != w.class || !slices.Equal(p.Signers, w.signers) || !slices.Equal(p.Claims, w.claims) {
			t.Fatalf("path %d: %v, signed by %v, claims %v, and not %v", i, p.Class, p.Signers, p.Claims, w)
		}
	}
}

func TestARowOfManySignaturesIsReadToItsEnd(t *testing.T) {
	acme := newPair("acme-1", 1, true)
	const claims = 100_000
	var text strings.Builder
	for i := range claims {
		fmt.Fprintf(&text, "n%d:x ", i%(claims/2)) // each twice
	}
	forged := "acme-1:" + strings.Repeat("A", 86) + "== "
	text.WriteString(strings.Repeat(forged, 2*most))
	items := []item{{name: "many", size: 1, sigs: text.String(), by: []pair{acme}}, {name: "fewer", size: 1, sigs: forged}}
	r := audited(t, items, Options{Keys: keysOf(acme)})
	if p := r.Paths[0]; p.Class != Signed || len(p.Claims) != claims/2+1 || p.Claims[claims/2] != (Claim{Name: "acme-1", Kind: ClaimForged}) {
		t.Errorf("%v with %d claims", p.Class, len(p.Claims))
	}
	if p := r.Paths[1]; p.Class != Imported || len(p.Claims) != 1 {
		t.Errorf("%v with %v", p.Class, p.Claims)
	}
}

func TestASignatureThatCannotBeCheckedIsNotCalledForged(t *testing.T) {
	a := newPair("acme-1", 1, true)
	r := audited(t, []item{{name: "x", size: 0, by: []pair{a}}}, Options{Keys: keysOf(a)})
	if p := r.Paths[0]; p.Class != Imported || len(p.Claims) != 1 || p.Claims[0].Kind != ClaimUnchecked {
		t.Errorf("%v, %v", p.Class, p.Claims)
	}
}
