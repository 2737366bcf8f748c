package tui

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// storeBackend answers with what a test put into it, and counts how often.
type storeBackend struct {
	backend
	view    *StoreView
	viewErr error
	reads   int
	block   bool // reading goes on until its context ends
	panics  bool
}

func (b *storeBackend) Store(ctx context.Context, progress func(done, all int)) (*StoreView, error) {
	b.reads++
	progress(1, 2)
	if b.block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if b.panics {
		panic("no")
	}
	return b.view, b.viewErr
}

// again has everything read again.
func (b *storeBackend) again(d *driver) {
	fresh := *b.report
	b.report = &fresh
	d.press("r").settle()
}

// A storeKey is a key of the made-up store with its secret half.
type storeKey struct {
	audit.Key
	secret ed25519.PrivateKey
}

// ofGate is the key as one of a gate's.
func (k storeKey) ofGate() storeKey {
	k.Gate = true
	return k
}

func newStoreKey(name string, seed byte, believed bool, from ...string) storeKey {
	secret := ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, ed25519.SeedSize))
	return storeKey{audit.Key{PublicKey: bincache.PublicKey{Name: name, Key: secret.Public().(ed25519.PublicKey)}, Believed: believed, From: from}, secret}
}

func (k storeKey) sign(n *bincache.NarInfo) string {
	return k.Name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(k.secret, []byte(n.Fingerprint())))
}

// A storeItem is a path of the made-up store.
type storeItem struct {
	name  string
	size  int64
	refs  []int32
	by    []storeKey
	sigs  string // that stand there, too
	built bool
	spoil string
	text  string // in place of a path
	drv   bincache.StorePath
}

func storeName(name string) bincache.StorePath {
	sum := sha256.Sum256([]byte(name))
	var digest [32]byte
	for i := range digest {
		digest[i] = "0123456789abcdfghijklmnpqrsvwxyz"[sum[i]%32]
	}
	return bincache.StorePath(string(digest[:]) + "-" + name)
}

// audited is the view of a made-up store.
func audited(t testing.TB, items []storeItem, keys []storeKey, roots audit.Roots) *StoreView {
	t.Helper()
	rows := make([]storedb.Row, len(items))
	for i, it := range items {
		rows[i] = storedb.Row{Path: storeName(it.name), NarHash: sha256.Sum256([]byte(it.name)), NarSize: it.size, Registered: clock.Unix() - int64(len(items)-i)*3600,
			Refs: it.refs, Ultimate: it.built, Damage: it.spoil, Deriver: it.drv}
		if it.text != "" {
			rows[i].Path, rows[i].Text = "", it.text
		}
	}
	s := storedb.New("/nix/store", rows)
	for i, it := range items {
		var sigs []string
		for _, k := range it.by {
			sigs = append(sigs, k.sign(s.Info(int32(i))))
		}
		rows[i].Signatures = strings.Join(append(sigs, it.sigs), " ")
	}
	all := make([]audit.Key, len(keys))
	for i, k := range keys {
		all[i] = k.Key
	}
	r, err := audit.Audit(t.Context(), s, audit.Options{Keys: all, Roots: roots, KeepDerivations: true})
	if err != nil {
		t.Fatal(err)
	}
	return &StoreView{Report: r, Source: "/nix/var/nix/db/db.sqlite", Outcome: StoreForged}
}

// The keys of the made-up store: one that most is signed by, one of a flake's
// that nobody believes, a gate's, and one that is of no use.
var (
	nixosStoreKey = newStoreKey("cache.nixos.org-1", 1, true, "trusted-public-keys, /etc/nix/nix.conf:6:23")
	hyprStoreKey  = newStoreKey("hyprland.cachix.org-1", 2, false, "claimed by path:"+home+"/src/hypr-config")
	gateStoreKey  = newStoreKey("nix-trust-gate-ada-1", 3, true, "trusted-public-keys, /etc/nix/nix.conf:7:23", "the user's gate").ofGate()
	oldStoreKey   = newStoreKey("old.cachix.org-1", 4, true, "trusted-public-keys, "+home+"/.config/nix/nix.conf:2:1")
	teamStoreKey  = newStoreKey("team.example-1", 5, true, "trusted-public-keys, /etc/nix/nix.conf:6:90")
	evilStoreKey  = newStoreKey("evil\x1b[2J\u202e-1", 6, false, "claimed by "+evilText)
)

// storeItems are one of everything that can be in a store.
func storeItems() []storeItem {
	return []storeItem{
		{name: "glibc-2.40-66", size: 31_457_280, by: []storeKey{nixosStoreKey}},
		{name: "gcc-13.2.0", size: 212_860_928, refs: []int32{0}, by: []storeKey{nixosStoreKey}},
		{name: "openssl-3.3.2", size: 6_904_832, refs: []int32{0}, by: []storeKey{nixosStoreKey, teamStoreKey}},
		{name: "team-tool-1.0", size: 52_428_800, refs: []int32{0, 2}, by: []storeKey{teamStoreKey}},
		{name: "Hyprland-0.45.2", size: 18_874_368, refs: []int32{0}, by: []storeKey{hyprStoreKey}},
		{name: "waybar-0.11", size: 4_194_304, refs: []int32{0}, by: []storeKey{gateStoreKey}},
		{name: "my-site", size: 1_048_576, refs: []int32{2}, built: true, drv: storeName("my-site.drv")},
		{name: "sdk-4", size: 83_886_080, refs: []int32{0}},
		{name: "swapped-1.0", size: 9_437_184, refs: []int32{0}, sigs: "cache.nixos.org-1:" + base64.StdEncoding.EncodeToString(make([]byte, 64))},
		{name: "stranger-2", size: 2_097_152, sigs: "attic-main:" + base64.StdEncoding.EncodeToString(make([]byte, 64)) + " old\u202e\x1b]0;x\x07:AAAA"},
		{name: "broken-1", size: 1024, spoil: "its size is no size"},
		{text: "/nix/store/..\x1b[2J\u202e/etc", size: 5, spoil: "its path is none of this store"},
		{name: "shady-1", size: 3_000_000, by: []storeKey{evilStoreKey}},
	}
}

func storeRootsSeen() audit.Roots {
	return audit.Roots{Looked: true, List: []audit.Root{
		{Kind: audit.RootLink, From: home + "/src/site/result", Path: storeName("my-site")},
		{Kind: audit.RootProcess, From: "process 4242", Path: storeName("team-tool-1.0")},
		{Kind: audit.RootTemporary, From: "process 12", Path: storeName("swapped-1.0")},
		{Kind: audit.RootLink, From: "/tmp/" + evilText, Path: storeName("sdk-4")},
	}}
}

func storeFixture(t testing.TB) *storeBackend {
	t.Helper()
	v := audited(t, storeItems(), []storeKey{nixosStoreKey, gateStoreKey, oldStoreKey, teamStoreKey, hyprStoreKey, evilStoreKey}, storeRootsSeen())
	r := fixture()
	v.Caches = []StoreCache{
		{URL: r.Caches[0].URL, InEffect: true, Keys: []int{0}, Use: audit.UseNeeded},
		{URL: "https://old.cachix.org", InEffect: true, Keys: []int{2}, Use: audit.UseNone},
		{URL: "https://hyprland.cachix.org", Keys: []int{4}},
	}
	return &storeBackend{backend: backend{report: r}, view: v}
}

// storeAtSize starts the program on the Store screen.
func storeAtSize(t *testing.T, w, h int, o Options) *driver {
	t.Helper()
	return drive(t, w, h, o).press("8").finish()
}

// greatStore has n paths.
func greatStore(t testing.TB, n int) *storeBackend {
	items := make([]storeItem, n)
	for i := range items {
		items[i] = storeItem{name: fmt.Sprintf("package-%d-1.0", i), size: int64(i%997) * 4096, built: i%3 == 0}
		if i > 0 {
			items[i].refs = []int32{int32(i / 2)}
		}
	}
	roots := audit.Roots{Looked: true, List: []audit.Root{{From: "/a/result", Path: storeName(items[n-1].name)}}}
	return &storeBackend{backend: backend{report: &trust.Report{}}, view: audited(t, items, []storeKey{nixosStoreKey}, roots)}
}
