package demo

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// The made-up store: what is said of each path is made up, and the signatures
// are real ones, of the demo's keys. Where a lock pins a path, it is the same.

// An entry is one path of the store, by its name.
type entry struct {
	name string
	size int64  // of its NAR, in bytes; 0 for that of the lock that pins it
	refs string // names, separated by spaces
	by   string // names of keys that signed it; "gate" for that of the host
	// more stands among the signatures, too, and proves nothing.
	more  string
	here  bool   // this machine built it
	drv   string // the name of its deriver
	path  bincache.StorePath
	ca    string
	hash  bincache.Hash
	spoil string // why its row is damaged
}

// installer is the key of what the installer brought.
const installer = "demo-linux.example-1"

// entries are the paths in the order in which they came.
func entries() []entry {
	const harborKey, cometKey, quarryKey = "harbor-cache.example-1", "comet.cachix.org-1", "quarry.example-1"
	in := func(names ...string) string { return strings.Join(names, " ") }
	list := []entry{
		{name: "glibc-2.40-66", size: 31_457_280, by: installer},
		{name: "bash-5.2p37", size: 1_654_784, refs: "glibc-2.40-66", by: installer},
		{name: "gcc-14.2.1-lib", size: 9_873_408, refs: "glibc-2.40-66", by: installer},
		{name: "zlib-1.3.1", size: 129_024, refs: "glibc-2.40-66", by: installer},
		{name: "openssl-3.3.2", size: 6_904_832, refs: in("glibc-2.40-66", "zlib-1.3.1"), by: installer},
		{name: "coreutils-9.5", size: 1_924_096, refs: "glibc-2.40-66", by: installer},
		{name: "sqlite-3.46.1", size: 1_703_936, refs: in("glibc-2.40-66", "zlib-1.3.1"), by: installer},
		{name: "curl-8.11.0", size: 1_331_200, refs: in("glibc-2.40-66", "openssl-3.3.2", "zlib-1.3.1"), by: installer},
		{name: "boost-1.81.0", size: 16_515_072, refs: in("glibc-2.40-66", "gcc-14.2.1-lib"), by: installer},
		{name: "nix-2.34.8", size: 14_012_416, refs: in("glibc-2.40-66", "gcc-14.2.1-lib", "boost-1.81.0", "curl-8.11.0", "openssl-3.3.2", "sqlite-3.46.1"), by: installer, path: "6q1brnd2hs6szdrl19hqlkbkjb8jxgbw-nix-2.34.8"},
		{name: "python3-3.11.10", size: 104_857_600, refs: in("glibc-2.40-66", "openssl-3.3.2"), by: installer},
		{name: "python3-3.12.8", size: 118_489_088, refs: in("glibc-2.40-66", "openssl-3.3.2", "sqlite-3.46.1"), by: installer},
		{name: "mesa-24.2.6", size: 96_468_992, refs: in("glibc-2.40-66", "gcc-14.2.1-lib"), by: installer},
		{name: "gcc-13.2.0", size: 212_860_928, refs: in("glibc-2.40-66", "zlib-1.3.1"), by: installer},
		{name: "linux-firmware-20241110", size: 61_865_984, by: installer},
		{name: "crossguard-2.2", size: 7_340_032, refs: "glibc-2.40-66", by: in(installer, harborKey)},
		// What an administrator copied in while signatures were not checked.
		{name: "orbit-uplink-1.9", size: 48_234_496, refs: in("glibc-2.40-66", "openssl-3.3.2"), more: forgery(installer, "orbit-uplink-1.9")},
		{name: "vendor-telescope-sdk-4", size: 83_886_080, refs: "glibc-2.40-66"},
		{name: "licence-daemon-11.16", size: 5_242_880, refs: "glibc-2.40-66", more: forgery("attic-main", "licence-daemon-11.16")},
		{name: "old-project-0.3", size: 22_020_096, refs: "glibc-2.40-66", more: "old\u202eproject:AAAA"},
		{name: "pixel-fonts-3", size: 12_582_912, by: cometKey, more: forgery("fern.cachix.org-1", "pixel-fonts-3")},
		{name: "lantern-theme-2", size: 3_145_728, spoil: "its size is no size"},
	}
	list = append(list, sourceTree("f6a0zk6vs0w2fc16jmc3jsjck6yafw6l-source", "2T/H0Q3fWzComEgjP1J/SDoNiG+nS9bADAz0kXd1Kqo=", 189_792_256),
		sourceTree("vp372csscq44k9h6svdxmzlhzp9mx999-source", "FtdCMtZmJD492XEdqu8rdTj4Se+qYs8Z+RqX6CxCDjQ=", 2_097_152))
	// What flakes' caches delivered: harbor's key is believed, comet's is not,
	// and quarry's has the name of another one that is.
	list = append(list, entry{name: "tide-tables-2025", by: harborKey}, entry{name: craneName}, entry{name: "harbor-1.2", by: harborKey})
	for _, name := range []string{"star-catalogue-2026.1", "ephemeris-de441", "nebula-graphics-1.4.2", "dome-control-3.0", "libslew-0.9.1", "libseeing-2.2"} {
		list = append(list, entry{name: name, by: cometKey})
	}
	for _, name := range []string{"weather-feed-1.1", "fits-tools-4.4.0", "plate-solver-0.38", "observatory-fonts-7", "timekeeper-5.2", "focus-model-1.0.3"} {
		list = append(list, entry{name: name, by: "gate"})
	}
	return append(list, entry{name: "sieve-3.1", by: quarryKey}, entry{name: "drill-firmware-8", by: quarryKey},
		entry{name: "comet-scheduler-2.1.drv", size: 4_208, ca: "text"},
		entry{name: "comet-scheduler-2.1", here: true, drv: "comet-scheduler-2.1.drv"},
		entry{name: "comet-docs-2.1", size: 9_437_184, here: true, refs: "comet-scheduler-2.1"},
		entry{name: "notes-site", size: 2_621_440, here: true},
		entry{name: "user-environment", size: 1_792, here: true, refs: in("python3-3.12.8", "vendor-telescope-sdk-4", "harbor-1.2", "crossguard-2.2")})
}

// sourceTree is a source tree whose name was computed of its contents.
func sourceTree(path bincache.StorePath, hash string, size int64) entry {
	sum, _ := base64.StdEncoding.DecodeString(hash)
	e := entry{name: string(path), path: path, size: size, ca: "source"}
	copy(e.hash[:], sum)
	return e
}

// forgery is a signature under a name by somebody who has another key.
func forgery(name, path string) string {
	other := signerOf("somebody who is not " + name)
	other.name = name
	return other.sign(pack(linux, path, path).info())
}

// storeRoots are the links that keep paths, by the name of what they lead to.
func storeRoots() map[string]string {
	return map[string]string{
		"nix/var/nix/gcroots/per-user/mira/comet":   "comet-scheduler-2.1",
		"nix/var/nix/gcroots/per-user/mira/profile": "user-environment",
		"nix/var/nix/gcroots/graphics":              "mesa-24.2.6",
		"nix/var/nix/gcroots/uplink":                "orbit-uplink-1.9",
		"proc/self/exe":                             "python3-3.12.8",
		"proc/4242/exe":                             "python3-3.12.8",
		"proc/4243/exe":                             "licence-daemon-11.16",
	}
}

// linkRoots adds the links that keep paths.
func linkRoots(tree fstest.MapFS) {
	for at, name := range storeRoots() {
		tree[at] = &fstest.MapFile{Data: []byte(pack(linux, name, "").path.In(bincache.DefaultStoreDir)), Mode: fs.ModeSymlink | 0o777}
	}
	tree["proc/1/exe"] = &fstest.MapFile{Data: []byte("/sbin/init"), Mode: fs.ModeSymlink | 0o777} // so everybody's processes are shown
}

// store is what the host's database would say.
func (h *Host) store(ctx context.Context) (*storedb.Store, error) {
	pinned := map[lock.StorePath]lock.Pin{}
	for _, l := range locked() {
		for p, pin := range l.now.Systems[linux].Paths {
			pinned[p] = pin
		}
	}
	list := entries()
	rows, at := make([]storedb.Row, len(list)), map[string]int32{}
	byPath := map[lock.StorePath]int32{}
	for i := range list {
		e := &list[i]
		parcel := pack(linux, e.name, e.name)
		row := storedb.Row{Path: parcel.path, NarHash: sha256.Sum256(parcel.nar), NarSize: e.size, Registered: firstCame + int64(i)*5_400, Ultimate: e.here, Damage: e.spoil}
		if e.path != "" {
			row.Path = e.path
		}
		for _, name := range strings.Fields(e.refs) {
			row.Refs = append(row.Refs, at[name])
		}
		if pin, ok := pinned[row.Path]; ok {
			row.NarHash, row.NarSize = pin.NAR, pin.Size
			for _, ref := range pin.Refs {
				if j, ok := byPath[ref]; ok {
					row.Refs = append(row.Refs, j)
				}
			}
		}
		e.address(&row)
		if j, ok := at[e.drv]; ok {
			row.Deriver = rows[j].Path
			rows[j].Outputs = []int32{int32(i)}
		}
		slices.SortFunc(row.Refs, func(a, b int32) int { return strings.Compare(string(rows[a].Path), string(rows[b].Path)) })
		rows[i], at[e.name], byPath[row.Path] = row, int32(i), int32(i)
	}
	s := storedb.New(bincache.DefaultStoreDir, rows)
	for i, e := range list {
		rows[i].Signatures = strings.Join(h.signatures(s.Info(int32(i)), e), " ")
	}
	return s, ctx.Err()
}

// firstCame is when the first path came into the store, in seconds since 1970.
const firstCame = 1_763_000_000

// address gives a path its content address.
func (e *entry) address(row *storedb.Row) {
	switch e.ca {
	case "source":
		row.NarHash = e.hash
		row.CA = "fixed:r:sha256:" + nixbase32.EncodeToString(e.hash[:])
	case "text":
		sum := sha256.Sum256([]byte(e.name))
		row.CA = "text:sha256:" + nixbase32.EncodeToString(sum[:])
		ca := bincache.ContentAddress{Method: "text", Algo: "sha256", Digest: sum[:]}
		if p, err := ca.Path(bincache.DefaultStoreDir, e.name, nil, false); err == nil {
			row.Path = p
		}
	}
}

func (h *Host) signatures(n *bincache.NarInfo, e entry) (out []string) {
	for _, name := range strings.Fields(e.by) {
		switch {
		case name != "gate":
			out = append(out, signerOf(name).sign(n))
		case h.key != nil:
			out = append(out, h.key.Sign(n))
		}
	}
	if e.more != "" {
		out = append(out, e.more)
	}
	return out
}
