package bincache

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// realCaches makes paths of every kind that a signature or a name can prove,
// and copies them to caches in every compression.
const realCaches = `set -e
cd "$D"
mkdir -p etc tree/sub/empty
printf 'hello\n' > file; : > tree/nothing; printf '#!/bin/sh\n' > tree/run; chmod +x tree/run
ln -s ../missing tree/sub/link; head -c 300000 /dev/zero > tree/zeros; printf odd > tree/sub/odd
cat > many.nix <<'END'
let
  deps = builtins.genList (n: builtins.toFile "dep-${toString n}" "dep ${toString n}") 45;
  text = builtins.toFile "text" (builtins.concatStringsSep "\n" deps);
in derivation {
  name = "many"; system = builtins.currentSystem; builder = "/bin/sh";
  args = [ "-c" "echo $deps $text > $out; echo $out >> $out" ];
  inherit deps text;
}
END
nix-instantiate many.nix > drv
nix-store -r "$(cat drv)" > paths
many=$(cat paths)
nix-store -q --references "$many" >> paths
for algo in md5 sha1 sha256 sha512; do
  cp file "flat-$algo"; nix-store --add-fixed $algo "flat-$algo" >> paths
  cp -r tree "tree-$algo"; nix-store --add-fixed --recursive $algo "tree-$algo" >> paths
done
nix store make-content-addressed --json "$many" | tr ',{}"' '\n' | grep "$D/store/.*-many" | grep -v "$many" >> paths || true
sort -u paths > sorted
nix-store --generate-binary-cache-key real-1 sec pub
for c in none xz zstd gzip bzip2 br; do
  nix copy --to "file://$D/cache-$c?compression=$c&secret-key=$D/sec" $(cat sorted)
done
nix path-info -r --json --sigs --store "file://$D/cache-none" $(cat sorted)
`

type realInfo struct {
	Path       string
	NarHash    any
	NarSize    uint64
	References []string
	Signatures []any
	CA         any
}

// base is the last element: newer versions leave the store's folder out.
func base(p string) StorePath { return StorePath(path.Base(p)) }

func realEnv(dir string) []string {
	return []string{
		"D=" + dir, "HOME=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
		"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
		"NIX_CONFIG=experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n",
	}
}

func TestReadsWhatRealNixWritesAsRealNixDoes(t *testing.T) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			nix := realnix.Get(t, version)
			outside, dir := nix.Dir(t)
			r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", realCaches}, Env: realEnv(dir)})
			if r.Code != 0 {
				t.Fatalf("making the caches: %d %s%s", r.Code, r.Stdout, r.Stderr)
			}
			want := realInfos(t, r.Stdout)
			if len(want) < 45+8+2 {
				t.Fatalf("only %d paths were made: %s", len(want), r.Stderr)
			}
			for _, compression := range Compressions {
				t.Run(compression, func(t *testing.T) {
					checkReal(t, outside, dir, compression, want)
				})
			}
		})
	}
}

func realInfos(t *testing.T, text string) map[StorePath]realInfo {
	t.Helper()
	text = text[strings.Index(text, "{"):]
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	if inner, ok := doc["info"]; ok {
		if err := json.Unmarshal(inner, &doc); err != nil {
			t.Fatal(err)
		}
	}
	infos := map[StorePath]realInfo{}
	for p, raw := range doc {
		var info realInfo
		if !strings.Contains(p, "-") {
			continue
		}
		if err := json.Unmarshal(raw, &info); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		infos[base(p)] = info
	}
	return infos
}

func checkReal(t *testing.T, outside, dir, compression string, want map[StorePath]realInfo) {
	ctx := context.Background()
	client := NewClient(Options{StoreDir: dir + "/store"})
	cache, err := client.Cache("file://" + outside + "/cache-" + compression + "?priority=3")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := cache.Info(ctx); err != nil || info.StoreDir != dir+"/store" {
		t.Errorf("nix-cache-info: %+v, %v", info, err)
	}
	ring, secret := realKeys(t, outside)
	var roots []StorePath
	for p := range want {
		roots = append(roots, p)
	}
	found, err := Walk(ctx, []*Cache{cache}, roots, WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(want) {
		t.Errorf("found %d paths, real Nix has %d", len(found), len(want))
	}
	proved, addressed, selves, most := 0, 0, 0, 0
	for _, f := range found {
		n := f.Accepted()
		if n == nil {
			t.Errorf("%s: %v", f.Path, f.Answers[0].Err)
			continue
		}
		compareInfo(t, n, want[f.Path])
		most = max(most, len(n.References))
		if c := CheckSignatures(n, ring); c.Verdict != Verified {
			t.Errorf("%s: %v: %s", n.Path, c.Verdict, c.Text)
		}
		again := "real-1:" + base64.StdEncoding.EncodeToString(ed25519.Sign(secret, []byte(n.Fingerprint())))
		if !slices.Equal(n.Signatures, []string{again}) {
			t.Errorf("%s: real Nix signed %v, we %s", n.Path, n.Signatures, again)
		}
		if n.CA != "" {
			if err := n.ProveContent(); err != nil {
				t.Errorf("%s: %v", n.Path, err)
			}
			proved++
		}
		entries := 0
		c, err := cache.Contents(ctx, n, func(Entry) error { entries++; return nil })
		if err != nil || entries == 0 {
			t.Errorf("%s: %d entries, %v", n.Path, entries, err)
		}
		if slices.Contains(n.References, n.Path) && n.CA != "" {
			selves++
		}
		if c.Addressed != (n.CA != "") {
			t.Errorf("%s: Addressed = %v with CA %q", n.Path, c.Addressed, n.CA)
		}
		if c.Addressed {
			addressed++
		}
		file, err := os.ReadFile(filepath.Join(outside, "cache-"+compression, n.Path.Digest()+".narinfo"))
		if err != nil || string(file) != n.String() {
			t.Errorf("%s is printed as\n%s\nand real Nix wrote\n%s", n.Path, n, file)
		}
	}
	if proved < 45+8 || addressed < 45+9 || selves != 1 || most < 45 {
		t.Errorf("only %d names and %d contents were proved, %d of paths that refer to themselves, with at most %d references", proved, addressed, selves, most)
	}
}

func realKeys(t *testing.T, outside string) (*Keyring, ed25519.PrivateKey) {
	t.Helper()
	pub, err := os.ReadFile(filepath.Join(outside, "pub"))
	if err != nil {
		t.Fatal(err)
	}
	sec, err := os.ReadFile(filepath.Join(outside, "sec"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(strings.TrimSpace(string(sec)), ":")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return NewKeyring([]string{strings.TrimSpace(string(pub))}), raw
}

func compareInfo(t *testing.T, n *NarInfo, want realInfo) {
	t.Helper()
	hash, ok := want.NarHash.(string)
	if !ok {
		m, _ := want.NarHash.(map[string]any)
		algo, _ := m["algorithm"].(string)
		text, _ := m["hash"].(string)
		hash = algo + "-" + text
	}
	h, err := ParseHash(hash)
	if err != nil || h != n.NarHash || n.NarSize != want.NarSize {
		t.Errorf("%s: %s of %d bytes; real Nix says %v of %d (%v)", n.Path, n.NarHash, n.NarSize, want.NarHash, want.NarSize, err)
	}
	var refs []StorePath
	for _, r := range want.References {
		refs = append(refs, base(r))
	}
	slices.Sort(refs)
	if !slices.Equal(refs, n.References) {
		t.Errorf("%s refers to %v; real Nix says %v", n.Path, n.References, refs)
	}
	if (want.CA == nil) != (n.CA == "") {
		t.Errorf("%s has the content address %q; real Nix says %v", n.Path, n.CA, want.CA)
	}
	if text, ok := want.CA.(string); ok && text != n.CA {
		t.Errorf("%s has the content address %q; real Nix says %q", n.Path, n.CA, text)
	}
}
