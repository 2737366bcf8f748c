package bincache

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-community/go-nix/pkg/narinfo"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A signer signs as a cache does.
type signer struct {
	name   string
	secret ed25519.PrivateKey
}

func newSigner(name string, seed byte) signer {
	return signer{name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))}
}

func (s signer) public() string {
	return s.name + ":" + base64.StdEncoding.EncodeToString(s.secret.Public().(ed25519.PublicKey))
}

func (s signer) sign(n *NarInfo) string {
	return s.name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(s.secret, []byte(n.Fingerprint())))
}

// weakSignature is one that fits the key, and every message, when the key is
// the neutral element: R is the neutral element and S is 0.
var (
	weakPoint     = append([]byte{1}, make([]byte, 31)...)
	weakKey       = "weak-1:" + base64.StdEncoding.EncodeToString(weakPoint)
	weakSignature = "weak-1:" + base64.StdEncoding.EncodeToString(append(bytes.Clone(weakPoint), make([]byte, 32)...))
)

type signatureCase struct {
	name    string
	keys    []string
	sigs    []string
	change  func(*NarInfo)
	want    Verdict
	byNix   bool // whether real Nix finds one good signature
	aborts  bool // whether every version of Nix must stop with an error instead
	dropNix bool // whether 2.34 alone refuses the whole narinfo
}

func signatureCases(n *NarInfo) []signatureCase {
	good, other, stranger := newSigner("good-1", 1), newSigner("good-1", 2), newSigner("stranger-1", 3)
	bogus := "good-1:" + base64.StdEncoding.EncodeToString(make([]byte, 64))
	return []signatureCase{
		{name: "one good signature", keys: []string{good.public()}, sigs: []string{good.sign(n)}, want: Verified, byNix: true},
		{name: "a bogus one before the good one", keys: []string{good.public()}, sigs: []string{bogus, good.sign(n)}, want: Verified, byNix: true},
		{name: "a stranger's beside the good one", keys: []string{good.public()}, sigs: []string{good.sign(n), stranger.sign(n)}, want: Verified, byNix: true},
		{name: "no signature", keys: []string{good.public()}, want: Unsigned},
		{name: "a stranger's signature", keys: []string{good.public()}, sigs: []string{stranger.sign(n)}, want: UnknownSigner},
		{name: "another key of the same name", keys: []string{good.public()}, sigs: []string{other.sign(n)}, want: BadSignature},
		{name: "the second key of a name", keys: []string{good.public(), other.public()}, sigs: []string{other.sign(n)}, want: WrongKey},
		{name: "no keys", sigs: []string{good.sign(n)}, want: UnknownSigner},
		{name: "references changed", keys: []string{good.public()}, sigs: []string{good.sign(n)}, want: BadSignature,
			change: func(n *NarInfo) { n.References = n.References[1:] }},
		{name: "size changed", keys: []string{good.public()}, sigs: []string{good.sign(n)}, want: BadSignature,
			change: func(n *NarInfo) { n.NarSize++ }},
		{name: "hash changed", keys: []string{good.public()}, sigs: []string{good.sign(n)}, want: BadSignature,
			change: func(n *NarInfo) { n.NarHash[0]++ }},
		{name: "what is not signed changed", keys: []string{good.public()}, sigs: []string{good.sign(n)}, want: Verified, byNix: true,
			change: func(n *NarInfo) { n.URL, n.Deriver = "elsewhere", "" }},
		{name: "a key that anybody can sign for", keys: []string{weakKey}, sigs: []string{weakSignature}, want: BadSignature},
		{name: "a malformed key in the list", keys: []string{good.public(), "junk"}, sigs: []string{good.sign(n)}, want: Unchecked, aborts: true},
		{name: "a signature that is too short", keys: []string{good.public()}, sigs: []string{"good-1:AAAA"}, want: BadSignature, aborts: true},
		{name: "a short signature by a stranger", keys: []string{good.public()}, sigs: []string{"stranger-1:AAAA", good.sign(n)}, want: Verified, byNix: true},
		{name: "a signature that is none beside the good one", keys: []string{good.public()}, sigs: []string{"junk", good.sign(n)}, want: Verified, dropNix: true},
	}
}

func (c signatureCase) narInfo(t *testing.T) *NarInfo {
	t.Helper()
	n := parsed(t, someInfo)
	n.Signatures = slices.Clone(c.sigs)
	if c.change != nil {
		c.change(n)
	}
	// What counts is what a reader makes of it.
	return parsed(t, n.String())
}

func parsed(t testing.TB, text string) *NarInfo {
	t.Helper()
	n, err := ParseNarInfo("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCheckSignaturesNeverVerifiesWhatItMustNot(t *testing.T) {
	for _, c := range signatureCases(parsed(t, someInfo)) {
		t.Run(c.name, func(t *testing.T) {
			got := CheckSignatures(c.narInfo(t), NewKeyring(c.keys))
			if got.Verdict != c.want || got.Text == "" {
				t.Errorf("got %v (%s), want %v", got.Verdict, got.Text, c.want)
			}
			if (got.Verdict == Verified) != (len(got.By) > 0) {
				t.Errorf("verdict %v by %v", got.Verdict, got.By)
			}
		})
	}
}

func TestAKeyKnownFromElsewhereExplainsAndVerifiesNothing(t *testing.T) {
	n := parsed(t, someInfo)
	mine, theirs := newSigner("good-1", 1), newSigner("good-1", 2)
	n.Signatures = []string{theirs.sign(n)}
	also, err := ParsePublicKey(theirs.public())
	if err != nil {
		t.Fatal(err)
	}
	if got := CheckSignatures(n, NewKeyring([]string{mine.public()}), also); got.Verdict != WrongKey {
		t.Errorf("got %v: %s", got.Verdict, got.Text)
	}
	if got := CheckSignatures(n, NewKeyring(nil), also); got.Verdict != UnknownSigner {
		t.Errorf("with no trusted key: %v: %s", got.Verdict, got.Text)
	}
	if got := CheckSignatures(n, nil); got.Verdict != Unchecked {
		t.Errorf("with no keyring: %v", got.Verdict)
	}
}

func TestRealNixGivesTheSameVerdicts(t *testing.T) {
	cases := signatureCases(parsed(t, someInfo))
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, dir := nix.Dir(t)
		var script strings.Builder
		for i, c := range cases {
			folder := filepath.Join(outside, fmt.Sprint(i))
			writeFile(t, filepath.Join(folder, "nix-cache-info"), "StoreDir: /nix/store\n")
			text := c.narInfo(t).String()
			writeFile(t, filepath.Join(folder, somePath[:32]+".narinfo"), text)
			fmt.Fprintf(&script, "nix --extra-experimental-features nix-command --option trusted-public-keys '%s' store verify --no-contents --sigs-needed 1 --store file://%s/%d /nix/store/%s 2>err; echo $?; tail -n1 err | tr '\\n' ' '; echo\n",
				strings.Join(c.keys, " "), dir, i, somePath)
		}
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script.String()}, Env: []string{"HOME=" + dir}, Dir: dir})
		lines := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
		if len(lines) != 2*len(cases) {
			t.Fatalf("%d lines for %d cases: %s%s", len(lines), len(cases), r.Stdout, r.Stderr)
		}
		for i, c := range cases {
			code, message := lines[2*i], lines[2*i+1]
			stopped := strings.Contains(message, "corrupt") || strings.Contains(message, "not valid") || strings.Contains(message, "invalid")
			if c.dropNix && (code == "0") != (nix.Short != "2.34") {
				t.Errorf("%s: real Nix %s exits with %s (%s)", c.name, nix.Short, code, message)
			}
			if !c.dropNix && ((code == "0") != c.byNix || c.aborts && !stopped) {
				t.Errorf("%s: real Nix exits with %s (%s)", c.name, code, message)
			}
			if code == "0" && c.want != Verified {
				t.Errorf("%s: real Nix accepts it, and we say %v", c.name, c.want)
			}
		}
	})
}

// The constants of small order are right when each lets anybody sign: with
// R = the neutral element and S = 0 the equation holds for one message in eight.
func TestSmallOrderPointsAreThoseThatAnybodyCanSignFor(t *testing.T) {
	forged := append(bytes.Clone(weakPoint), make([]byte, 32)...)
	for _, point := range smallOrder {
		accepted := false
		for i := range 1000 {
			accepted = accepted || ed25519.Verify(point[:], fmt.Append(nil, i), forged)
			k := PublicKey{Name: "weak", Key: point[:]}
			if !k.Weak() || k.Verifies(fmt.Append(nil, i), forged) {
				t.Fatalf("%x verifies", point)
			}
		}
		if !accepted {
			t.Errorf("crypto/ed25519 never accepts %x, so that it is no point of small order", point)
		}
	}
	honest := newSigner("a", 1).secret
	k := PublicKey{Name: "a", Key: honest.Public().(ed25519.PublicKey)}
	if k.Weak() || !k.Verifies([]byte("m"), ed25519.Sign(honest, []byte("m"))) {
		t.Error("an honest key verifies nothing")
	}
}

func TestFingerprintIsThatOfGoNixForSortedReferences(t *testing.T) {
	n := parsed(t, someInfo)
	theirs, err := narinfo.Parse(strings.NewReader(n.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.Fingerprint(), theirs.Fingerprint(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
