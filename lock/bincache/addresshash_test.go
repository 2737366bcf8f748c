package bincache

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// ownHash is the hash of a NAR without its own name, made the plain way.
func ownHash(data []byte, digest string, places bool) []byte {
	zeroed := bytes.ReplaceAll(data, []byte(digest), make([]byte, len(digest)))
	for i := 0; places && i+len(digest) <= len(data); i++ {
		if string(data[i:i+len(digest)]) == digest {
			zeroed = fmt.Appendf(zeroed, "|%d", i)
		}
	}
	sum := sha256.Sum256(zeroed)
	return sum[:]
}

// selfInfo describes a NAR that names its own path, which make is told.
func selfInfo(t *testing.T, places bool, make func(digest string) []byte) (*NarInfo, []byte) {
	t.Helper()
	const before = "0123456789abcdfghijklmnpqrsvwxyz"
	ca := ContentAddress{Method: "r", Algo: "sha256", Digest: ownHash(make(before), before, places)}
	p, err := ca.Path(DefaultStoreDir, "self", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	data := make(p.Digest())
	return &NarInfo{StoreDir: DefaultStoreDir, Path: p, URL: "nar/x.nar", Compression: "none", NarHash: sha256.Sum256(data), NarSize: uint64(len(data)),
		References: []StorePath{p}, CA: "fixed:r:sha256:" + strings.TrimPrefix(Hash(ca.Digest).Nix32(), "sha256:")}, data
}

func TestAPathThatNamesItselfIsProvedByItsContents(t *testing.T) {
	makers := map[string]func(string) []byte{
		"once":          func(d string) []byte { return fileNar("/nix/store/" + d + "-self\n") },
		"often":         func(d string) []byte { return fileNar(strings.Repeat(d, 5000)) },
		"nowhere":       func(string) []byte { return fileNar("nothing") },
		"beside zeros":  func(d string) []byte { return fileNar(strings.Repeat("\x00", 40) + d + strings.Repeat("\x00", 40)) },
		"over a buffer": func(d string) []byte { return fileNar(strings.Repeat("x", 64<<10-140) + d + strings.Repeat("y", 200)) },
	}
	for name, make := range makers {
		for _, places := range []bool{false, true} {
			n, data := selfInfo(t, places, make)
			if err := n.ProveContent(); err != nil {
				t.Fatal(err)
			}
			c, err := CheckNar(bytes.NewReader(data), n, nil, Limits{})
			if err != nil || !c.Addressed {
				t.Errorf("%s, places %v: %+v, %v", name, places, c, err)
			}
		}
	}
}

func TestANameIsFoundWhereverItIsCut(t *testing.T) {
	for _, digest := range []string{"0123456789abcdfghijklmnpqrsvwxyz", strings.Repeat("01", 16), strings.Repeat("0", 32)} {
		data := []byte(strings.Repeat(digest[:16], 9) + "-" + digest + "-" + digest + digest[:31] + "-" + digest[1:] + digest)
		zeroed, places := []byte(strings.ReplaceAll(string(data), digest, strings.Repeat("\x00", 32))), uint64(0)
		for step := 1; step < len(data); step++ {
			o := &ownName{digest: []byte(digest), sum: sha256.New()}
			for piece := range slices.Chunk(data, step) {
				o.Write(piece)
			}
			o.flush(0)
			if sum := sha256.Sum256(zeroed); !bytes.Equal(o.sum.Sum(nil), sum[:]) || o.at != uint64(len(data)) {
				t.Fatalf("%s, %d bytes at a time: another hash", digest, step)
			}
			if first := o.places[0]; step > 1 && first != places || string(data[first:first+32]) != digest {
				t.Fatalf("%s, %d bytes at a time: it is found at %d", digest, step, o.places)
			} else {
				places = first
			}
		}
	}
}

func TestOtherContentsAreNotProvedByAPathThatNamesItself(t *testing.T) {
	make := func(d string) []byte { return fileNar("/nix/store/" + d + "-self and " + d) }
	for _, places := range []bool{false, true} {
		n, data := selfInfo(t, places, make)
		for name, change := range map[string]func([]byte) []byte{
			"another byte": func(b []byte) []byte { b[len(b)-40] ^= 1; return b },
			"one name another's": func(b []byte) []byte {
				return bytes.Replace(b, []byte(n.Path.Digest()), []byte(numbered(1).Digest()), 1)
			},
			"one name zero": func(b []byte) []byte {
				return bytes.Replace(b, []byte(n.Path.Digest()), bytes.Repeat([]byte{0}, 32), 1)
			},
		} {
			changed := change(slices.Clone(data))
			m := *n
			m.NarHash = sha256.Sum256(changed)
			c, err := CheckNar(bytes.NewReader(changed), &m, nil, Limits{})
			// As in Nix since 2.17, which leaves the places out.
			if taken := name == "one name zero" && !places; taken != c.Addressed || (err == nil) != taken {
				t.Errorf("%s, places %v: %+v, %v", name, places, c, err)
			}
		}
	}
}

// A NAR full of its own name takes no more memory than any other.
func TestThePlacesOfANameAreBounded(t *testing.T) {
	make := func(d string) []byte { return fileNar(strings.Repeat(d, maxPlaces+1)) }
	n, data := selfInfo(t, false, make)
	if c, err := CheckNar(bytes.NewReader(data), n, nil, Limits{}); err != nil || !c.Addressed {
		t.Errorf("%+v, %v", c, err)
	}
	n, data = selfInfo(t, true, make)
	if c, err := CheckNar(bytes.NewReader(data), n, nil, Limits{}); err != nil || c.Addressed {
		t.Errorf("more places than are kept: %+v, %v", c, err)
	}
}

const selfPaths = `set -e
cd "$D"; mkdir -p etc
cat > self.nix <<'END'
derivation {
  name = "self"; system = builtins.currentSystem; builder = "/bin/sh";
  args = [ "-c" "echo $out and $out > $out" ];
}
END
p=$(nix-store -r $(nix-instantiate self.nix))
nix store make-content-addressed --json $p 2>/dev/null | tr ',{}"' '\n' | grep "$D/store/.*-self" | grep -v "$p" > made
nix copy --to "file://$D/cache?compression=none" $(cat made)
`

// Each version's own paths are proved. Nix before 2.17 and after have different
// names for them, and refuse each other's.
func TestPathsThatRealNixMadeContentAddressedAreProved(t *testing.T) {
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			nix := realnix.Get(t, version)
			outside, dir := nix.Dir(t)
			if r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", selfPaths}, Env: realEnv(dir)}); r.Code != 0 {
				t.Fatalf("%s%s", r.Stdout, r.Stderr)
			}
			made, err := os.ReadFile(filepath.Join(outside, "made"))
			if err != nil {
				t.Fatal(err)
			}
			cache, err := NewClient(Options{StoreDir: dir + "/store"}).Cache("file://" + outside + "/cache")
			if err != nil {
				t.Fatal(err)
			}
			n, err := cache.NarInfo(t.Context(), base(strings.TrimSpace(string(made))))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(n.References, n.Path) || len(n.Signatures) > 0 || n.ProveContent() != nil {
				t.Fatalf("this tests nothing: %+v", n)
			}
			if c, err := cache.Contents(t.Context(), n, nil); err != nil || !c.Addressed {
				t.Errorf("%+v, %v", c, err)
			}
			data, err := os.ReadFile(filepath.Join(outside, "cache", n.URL))
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range []string{"2.8", "2.26", "2.34"} {
				for name, b := range map[string][]byte{
					"as made":       data,
					"one name zero": bytes.Replace(data, []byte(n.Path.Digest()), make([]byte, 32), 1),
				} {
					same := (version == "2.8") == (other == "2.8")
					want := same && (name == "as made" || other != "2.8")
					if got := realImports(t, other, *n, b); got != want {
						t.Errorf("%s: real Nix %s imports it: %v", name, other, got)
					}
				}
			}
		})
	}
}

// realImports reports whether a real Nix takes a NAR for a path without any
// signature.
func realImports(t *testing.T, version string, n NarInfo, data []byte) bool {
	t.Helper()
	nix := realnix.Get(t, version)
	outside, dir := nix.Dir(t)
	n.NarHash, n.NarSize, n.FileHash, n.FileSize, n.Deriver = sha256.Sum256(data), uint64(len(data)), "", 0, ""
	writeFile(t, filepath.Join(outside, "c/nix-cache-info"), "StoreDir: "+n.StoreDir+"\n")
	writeFile(t, filepath.Join(outside, "c", n.Path.Digest()+".narinfo"), n.String())
	writeFile(t, filepath.Join(outside, "c", n.URL), string(data))
	// The store must have the folder that the name was computed for.
	env := append(realEnv(dir), "NIX_STORE_DIR="+n.StoreDir)
	r := nix.Run(t, realnix.Cmd{Env: env, Args: []string{"nix", "copy", "--from", "file://" + dir + "/c", n.Path.In(n.StoreDir)}})
	if r.Code != 0 && !strings.Contains(r.Stderr, "ca hash mismatch") {
		t.Errorf("real Nix %s refuses it for another reason: %s", version, r.Stderr)
	}
	os.RemoveAll(filepath.Join(nix.Root, n.StoreDir))
	t.Cleanup(func() { os.RemoveAll(filepath.Join(nix.Root, filepath.Dir(n.StoreDir))) })
	return r.Code == 0
}
