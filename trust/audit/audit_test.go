package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

const storeDir = "/nix/store"

// A pair is a key with its secret half.
type pair struct {
	Key
	secret ed25519.PrivateKey
}

func newPair(name string, seed byte, believed bool) pair {
	secret := ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, 32))
	return pair{Key{PublicKey: bincache.PublicKey{Name: name, Key: secret.Public().(ed25519.PublicKey)}, Believed: believed}, secret}
}

// An item is one path of a made-up store.
type item struct {
	name     string
	size     int64
	refs     []string
	by       []pair // that sign it
	sigs     string // that stand there, too
	ultimate bool
	ca       string
	drv      string // its deriver
	broken   bool
}

func pathOf(name string) bincache.StorePath {
	return bincache.StorePath("0000000000000000000000000000000" + string("0123456789abcdfghijklmnpqrsvwxyz"[len(name)%32]) + "-" + name)
}

// storeOf puts items into a database and reads it.
func storeOf(t *testing.T, items []item) *storedb.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "db.sqlite")
	c, err := sqlite.OpenConn(file, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do := func(query string, args ...any) {
		if err := sqlitex.Execute(c, query, &sqlitex.ExecOptions{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	do("create table ValidPaths (id integer primary key, path text, hash text, registrationTime integer, deriver text, narSize integer, ultimate integer, sigs text, ca text)")
	do("create table Refs (referrer integer, reference integer)")
	do("create table DerivationOutputs (drv integer, id text, path text)")
	id := map[string]int64{}
	for i, it := range items {
		id[it.name] = int64(i)
	}
	for i, it := range items {
		n := bincache.NarInfo{StoreDir: storeDir, Path: pathOf(it.name), NarSize: uint64(it.size), NarHash: bincache.Hash{byte(i), 1}}
		for _, r := range it.refs {
			n.References = append(n.References, pathOf(r))
			do("insert into Refs values (?, ?)", int64(i), id[r])
		}
		slices.Sort(n.References)
		sigs := it.sigs
		for _, p := range it.by {
			sigs += " " + p.Name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(p.secret, []byte(n.Fingerprint())))
		}
		hash := "sha256:" + hex.EncodeToString(n.NarHash[:])
		if it.broken {
			hash = "none"
		}
		var drv any
		if it.drv != "" {
			drv = pathOf(it.drv).In(storeDir)
			do("insert into DerivationOutputs values (?, 'out', ?)", id[it.drv], n.Path.In(storeDir))
		}
		do("insert into ValidPaths values (?, ?, ?, 1, ?, ?, ?, ?, nullif(?, ''))", int64(i), n.Path.In(storeDir), hash, drv, it.size, it.ultimate, sigs, it.ca)
	}
	s, err := storedb.Read(context.Background(), os.Open, file, storeDir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func audited(t *testing.T, items []item, o Options) *Report {
	t.Helper()
	r, err := Audit(context.Background(), storeOf(t, items), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keysOf(pairs ...pair) (out []Key) {
	for _, p := range pairs {
		out = append(out, p.Key)
	}
	return out
}

func TestNothingIsVouchedForUntilItWasChecked(t *testing.T) {
	if Class(0).Vouched() || Imported.Vouched() || NotBelieved.Vouched() || (Path{}).Class != Unknown {
		t.Error("a class that proves nothing is vouched for")
	}
	if (Roots{}).Complete() || (Path{}).Live != LiveUnknown {
		t.Error("roots that nobody looked for are complete")
	}
	a := newPair("acme-1", 1, true)
	r := survey(storeOf(t, []item{{name: "x", size: 1, by: []pair{a}, ultimate: true}}), Options{Keys: keysOf(a)})
	if r.Paths[0].Class.Vouched() {
		t.Error("a path is vouched for before its signatures were checked")
	}
}

func TestOnlyTheSignaturesThatVerifyCount(t *testing.T) {
	acme, bravo := newPair("acme-1", 1, true), newPair("bravo-1", 2, true)
	claimed, impostor := newPair("claimed-1", 3, false), newPair("acme-1", 4, false)
	stranger := newPair("stranger-1", 5, true) // not among the keys
	forClaimed := "claimed-1:" + strings.Repeat("A", 86) + "=="
	zero := "acme-1:" + strings.Repeat("A", 86) + "=="
	items := []item{
		{name: "signed", size: 1, by: []pair{acme, bravo}},
		{name: "unsigned", size: 1},
		{name: "unknown", size: 1, by: []pair{stranger}},
		{name: "known", size: 1, by: []pair{claimed}},
		{name: "impostor", size: 1, by: []pair{impostor}},
		{name: "zeros", size: 1, sigs: zero},
		{name: "zeros-and-good", size: 1, sigs: zero, by: []pair{acme}},
		{name: "misfit", size: 1, sigs: forClaimed},
		{name: "junk", size: 1, sigs: "what:? :x acme-1 \x00:"},
		{name: "no-size", size: 0, by: []pair{acme}},
		{name: "built", size: 1, ultimate: true, sigs: zero},
		{name: "broken", size: 1, ultimate: true, by: []pair{acme}, broken: true},
		{name: "odd-address", size: 1, ca: "fixed:git:sha1:x"},
	}
	r := audited(t, items, Options{Keys: keysOf(acme, bravo, claimed, impostor)})
	want := []string{
		"signed [0 1] []", "imported [] []", "imported [] [stranger-1/unknown signer/false]", "not-believed [2] []",
		"not-believed [3] [acme-1/forged/true]", "imported [] [acme-1/forged/false]", "signed [0] [acme-1/forged/false]",
		"imported [] [claimed-1/misfit/false]", "imported [] [what/malformed/false /malformed/false acme-1/forged/false \x00/malformed/false]",
		"imported [] [acme-1/unchecked/false]", "built [] [acme-1/forged/false]", "unknown [] []", "imported [] []",
	}
	for i, p := range r.Paths {
		var claims []string
		for _, c := range p.Claims {
			claims = append(claims, fmt.Sprintf("%s/%s/%v", c.Name, c.Kind, c.Other))
		}
		if got := fmt.Sprintf("%s %v %v", p.Class, p.Signers, claims); got != want[i] {
			t.Errorf("%s is %q, want %q", items[i].name, got, want[i])
		}
	}
	for _, c := range r.Claims() {
		if c.Kind == ClaimForged && (c.Name != "acme-1" || !c.Other || len(c.Paths) != 5) {
			t.Errorf("%+v", c)
		}
	}
}

func TestASecondKeyOfANameIsNotBelieved(t *testing.T) {
	first, second := newPair("acme-1", 1, true), newPair("acme-1", 2, true)
	r := audited(t, []item{{name: "x", size: 1, by: []pair{second}}}, Options{Keys: keysOf(first, second)})
	if r.Paths[0].Class != NotBelieved || r.Claims()[0].Kind != ClaimForged {
		t.Errorf("%+v", r.Paths[0])
	}
}

func TestARadiusLeavesOutWhatSomethingElseVouchesFor(t *testing.T) {
	acme, bravo, claimed := newPair("acme-1", 1, true), newPair("bravo-1", 2, true), newPair("claimed-1", 3, false)
	r := audited(t, []item{
		{name: "alone", size: 10, by: []pair{acme}, refs: []string{"deep"}},
		{name: "deep", size: 20, by: []pair{acme, claimed}},
		{name: "both", size: 40, by: []pair{acme, bravo}},
		{name: "built", size: 80, by: []pair{acme}, ultimate: true},
		{name: "theirs", size: 160, by: []pair{bravo}},
		{name: "top", size: 320, ultimate: true, refs: []string{"alone"}},
		{name: "aside", size: 640, ultimate: true},
	}, Options{Keys: keysOf(acme, bravo, claimed), Roots: Roots{Looked: true, List: []Root{
		{From: "aside", Path: pathOf("aside")}, {From: "top", Path: pathOf("top")}, {From: "deep", Path: pathOf("deep")}, {From: "gone", Path: pathOf("gone-away")},
	}}})
	for _, c := range []struct {
		keys                []int
		signed, alone, live int64
		roots               []int
	}{
		{[]int{0}, 150, 30, 30, []int{1, 2}},
		{[]int{1}, 200, 160, 0, nil},
		{[]int{0, 1}, 310, 230, 30, []int{1, 2}},
		{[]int{2}, 20, 0, 0, nil}, // acme vouches for it
		{nil, 0, 0, 0, nil},
	} {
		got := r.Radius(c.keys...)
		if got.Signed.All.Size != c.signed || got.Alone.All.Size != c.alone || got.Alone.Live.Size != c.live || !slices.Equal(got.Roots, c.roots) {
			t.Errorf("%v: %+v", c.keys, got)
		}
	}
	var uses []string
	for _, s := range r.Signers() {
		uses = append(uses, fmt.Sprint(r.Keys[s.Key].Name, " ", s.Use(), " ", s.Alone.All.Size))
	}
	if want := []string{"bravo-1 none 160", "acme-1 needed 30", "claimed-1 spare 0"}; !slices.Equal(uses, want) {
		t.Errorf("%q, want %q", uses, want)
	}
}

func TestWhatRootsMightKeepIsNotDead(t *testing.T) {
	acme := newPair("acme-1", 1, true)
	items := []item{
		{name: "kept", size: 1, refs: []string{"below"}, drv: "made.drv"},
		{name: "below", size: 1},
		{name: "made.drv", size: 1, refs: []string{"source"}},
		{name: "source", size: 1},
		{name: "other", size: 1, by: []pair{acme}},
		{name: "doc-out", size: 1, drv: "made.drv"},
	}
	live := func(o Options) (out string) {
		o.Keys = keysOf(acme)
		r := audited(t, items, o)
		for i, p := range r.Paths {
			out += fmt.Sprintf("%s %s, ", items[i].name, p.Live)
		}
		return out + r.Signers()[0].Use().String()
	}
	roots := []Root{{From: "link", Path: pathOf("kept")}}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "kept unknown, below unknown, made.drv unknown, source unknown, other unknown, doc-out unknown, unknown"},
		{Options{Roots: Roots{Looked: true, List: roots, Unseen: []string{"a folder"}}}, "kept live, below live, made.drv unknown, source unknown, other unknown, doc-out unknown, unknown"},
		{Options{Roots: Roots{Looked: true, List: roots}}, "kept live, below live, made.drv dead, source dead, other dead, doc-out dead, none"},
		{Options{Roots: Roots{Looked: true, List: roots}, KeepDerivations: true}, "kept live, below live, made.drv live, source live, other dead, doc-out dead, none"},
		{Options{Roots: Roots{Looked: true, List: roots}, KeepDerivations: true, KeepOutputs: true}, "kept live, below live, made.drv live, source live, other dead, doc-out live, none"},
	} {
		if got := live(c.o); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.o, got, c.want)
		}
	}
	// What a damaged path refers to is not known.
	items[0].broken = true
	if got := live(Options{Roots: Roots{Looked: true, List: roots}}); strings.Contains(got, "dead") {
		t.Error(got)
	}
}

func TestAnAuditThatIsCalledOffSaysNothing(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if r, err := Audit(ctx, storeOf(t, []item{{name: "x", size: 1}}), Options{}); r != nil || !errors.Is(err, context.Canceled) {
		t.Error(r, err)
	}
}
