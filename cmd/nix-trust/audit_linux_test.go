package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// A depot is a store of its own that real Nix filled in every way that there is.
type depot struct {
	t               *testing.T
	nix             realnix.Nix
	outside, inside string
	keys            map[string]string // public, by the name of the file
	paths           map[string]string // by what they are for
}

func newDepot(t *testing.T, nix realnix.Nix) *depot {
	d := &depot{t: t, nix: nix, keys: map[string]string{}, paths: map[string]string{}}
	d.outside, d.inside = nix.Dir(t)
	// Made before they are named in the configuration.
	d.sh(`mkdir -p home flake cacheA cacheB
make() { nix-store --generate-binary-cache-key $2 $1.sec $1.pub; }
make a acme-1; make b bravo-1; make c claimed-1; make forger acme-1; make nobody nobody-1`)
	for _, k := range []string{"a", "b", "c", "forger", "nobody"} {
		text, err := os.ReadFile(filepath.Join(d.outside, k+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		d.keys[k] = strings.TrimSpace(string(text))
	}
	d.write("flake/flake.nix", fmt.Sprintf("{ nixConfig.extra-substituters = [ \"https://claimed.example\" ]; nixConfig.extra-trusted-public-keys = [ %q ]; outputs = _: { }; }\n", d.keys["c"]))
	d.write("all.nix", `let make = name: more: derivation ({ inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo ${name} $dep > $out; [ -z \"$self\" ] || echo $out >> $out" ]; } // more); in rec {
  a0 = make "a0" { }; a1 = make "a1" { dep = a0; self = "1"; }; b1 = make "b1" { dep = a0; }; ab = make "ab" { };
  built = make "built" { dep = a1; }; both = make "both" { };
  imported = make "imported" { }; forged = make "forged" { }; unknown = make "unknown" { }; claimed = make "claimed" { };
  copied = make "copied" { }; broken = make "broken" { }; altered = make "altered" { }; address = make "address" { };
  fixed = make "fixed" { outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = builtins.hashString "sha256" "fixed\n"; };
}
`)
	d.sh(`get() { nix-build --no-out-link all.nix -A $1; }
sends() { nix copy --to "file://$PWD/cache$1?compression=none&secret-key=$PWD/$2.sec" $3; }
for p in a1 b1 ab altered; do get $p >/dev/null; done
sends A a $(get a1); sends A a $(get ab); sends A a $(get altered); sends B b $(get b1)
for p in imported forged unknown claimed copied broken address fixed both; do nix-store --export $(get $p) > $p.nar; done
nix-store --gc >/dev/null 2>&1
for p in imported forged unknown claimed copied broken address fixed; do nix-store --import < $p.nar; rm $p.nar; done
for p in a1 b1 ab altered; do drv=$(nix-instantiate all.nix -A $p); nix-store -r $drv --option substituters "file://$PWD/cacheA file://$PWD/cacheB" --option trusted-public-keys "$(cat a.pub) $(cat b.pub)" --max-jobs 0; done
get built; get both
nix store sign --key-file b.sec $(nix-store -q --outputs $(nix-instantiate all.nix -A ab))
nix store sign --key-file a.sec $(get both)
nix store sign --key-file forger.sec $(nix-store -q --outputs $(nix-instantiate all.nix -A forged))
nix store sign --key-file nobody.sec $(nix-store -q --outputs $(nix-instantiate all.nix -A unknown))
nix store sign --key-file c.sec $(nix-store -q --outputs $(nix-instantiate all.nix -A claimed))
echo tree > tree; nix store add-path ./tree; nix store add-file all.nix 2>/dev/null || nix store add --mode flat all.nix
nix-store --add-root $PWD/flake/result --indirect -r $(get built)
mkdir -p state/profiles; nix-env -p state/profiles/mine --set $(get ab)
ln -s $(nix-instantiate all.nix -A b1) state/gcroots/here`)
	for _, p := range []string{"a0", "a1", "b1", "ab", "built", "both", "imported", "forged", "unknown", "claimed", "copied", "broken", "altered", "address", "fixed"} {
		d.paths[p] = strings.TrimSpace(d.sh("nix-store -q --outputs $(nix-instantiate all.nix -A " + p + " 2>/dev/null)"))
	}
	d.paths["tree"] = strings.TrimSpace(d.sh("nix store add-path ./tree"))
	d.tamper()
	return d
}

// tamper writes into the database what no Nix would.
func (d *depot) tamper() {
	c, err := sqlite.OpenConn(filepath.Join(d.outside, "state", storedb.File), sqlite.OpenReadWrite)
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	for _, change := range [][2]string{
		{"copied", "sigs = (select sigs from ValidPaths where path = '" + d.paths["a0"] + "')"}, // a good signature of another path
		{"broken", "sigs = 'acme-1:AAAA'"},
		{"altered", "narSize = narSize + 8"},
		{"address", "ca = 'fixed:r:sha256:0000000000000000000000000000000000000000000000000000'"},
	} {
		if err := sqlitex.ExecuteTransient(c, "update ValidPaths set "+change[1]+" where path = '"+d.paths[change[0]]+"'", nil); err != nil || c.Changes() != 1 {
			d.t.Fatal(change, c.Changes(), err)
		}
	}
}

func (d *depot) write(name, text string) {
	if err := os.WriteFile(filepath.Join(d.outside, name), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d *depot) run(args ...string) realnix.Result {
	return d.nix.Run(d.t, realnix.Cmd{Args: args, Dir: d.inside, Env: []string{
		"HOME=" + d.inside + "/home", "NIX_STORE_DIR=" + d.inside + "/store", "NIX_STATE_DIR=" + d.inside + "/state",
		"NIX_LOG_DIR=" + d.inside + "/log", "NIX_CONF_DIR=" + d.inside + "/none", "NIX_REMOTE=local",
		"NIX_CONFIG=experimental-features = nix-command flakes\nsubstituters =\nsandbox = false\nbuild-users-group =\nsystem = x86_64-linux\ntrusted-public-keys = " + d.keys["a"] + " " + d.keys["b"] + "\n",
	}})
}

func (d *depot) sh(script string) string {
	d.t.Helper()
	r := d.run("/bin/sh", "-c", "set -e\n"+script)
	if r.Code != 0 {
		d.t.Fatalf("%s: %d %s%s", script, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// look reads the store as audit does.
func (d *depot) look() (*storedb.Store, audit.Roots) {
	d.t.Helper()
	facts := &trust.Facts{Nix: trust.Nix{StoreDir: d.inside + "/store", StateDir: d.inside + "/state"}}
	m := host.Real(d.nix.Root)
	store, err := host.ReadStore(context.Background(), m, facts)
	if err != nil {
		d.t.Fatal(err)
	}
	return store, host.StoreRoots(context.Background(), m, facts)
}

// known are the keys, those of acme and bravo believed.
func (d *depot) known() []audit.Key {
	var out []audit.Key
	for _, k := range []string{"a", "b", "c"} {
		key, err := bincache.ParsePublicKey(d.keys[k])
		if err != nil {
			d.t.Fatal(err)
		}
		out = append(out, audit.Key{PublicKey: key, Believed: k != "c"})
	}
	return out
}

// folderState is what a folder has, and when it was written.
func folderState(t *testing.T, dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, e := range entries {
		info, _ := e.Info()
		fmt.Fprintln(&out, e.Name(), info.Size(), info.ModTime())
	}
	return out.String()
}

func TestAuditAgreesWithRealNix(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			d := newDepot(t, realnix.Get(t, version))
			before := folderState(t, filepath.Join(d.outside, "state/db"))
			store, roots := d.look()
			d.program(bin)
			if after := folderState(t, filepath.Join(d.outside, "state/db")); after != before {
				t.Errorf("looking left something behind:\n%s%s", before, after)
			}
			d.sameFacts(store)
			d.sameClasses(store, roots)
			d.sameLive(store, roots)
			d.advice()
		})
	}
}

// sameFacts holds the rows against what Nix says of them.
func (d *depot) sameFacts(store *storedb.Store) {
	type fact struct {
		NarHash          string
		NarSize          int64
		References       []string
		Signatures       []string
		CA, Deriver      string
		Ultimate         bool
		RegistrationTime int64
	}
	// The row that cannot be read stops Nix from saying anything of the others.
	d.sh(`cp -r state other; chmod -R u+w other`)
	c, err := sqlite.OpenConn(filepath.Join(d.outside, "other", storedb.File), sqlite.OpenReadWrite)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(c, "update ValidPaths set sigs = null where sigs = 'acme-1:AAAA'", nil); err != nil {
		d.t.Fatal(err)
	}
	c.Close()
	var want map[string]fact
	text := d.sh("NIX_STATE_DIR=$PWD/other nix path-info --all --json --sigs 2>/dev/null")
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		d.t.Fatalf("%v: %s", err, text)
	}
	if len(want) != len(store.Rows) || len(want) < 20 {
		d.t.Errorf("Nix has %d paths, and %d were read", len(want), len(store.Rows))
	}
	for i, row := range store.Rows {
		w, ok := want[row.Path.In(store.Dir)]
		if !ok || row.Damage != "" {
			d.t.Errorf("%s: %q, and Nix has it: %v", row.Path, row.Damage, ok)
			continue
		}
		got := fact{NarHash: row.NarHash.String(), NarSize: row.NarSize, CA: row.CA, Ultimate: row.Ultimate, RegistrationTime: row.Registered}
		for _, p := range store.Info(int32(i)).References {
			got.References = append(got.References, p.In(store.Dir))
		}
		if row.Signatures != "acme-1:AAAA" {
			got.Signatures = strings.Fields(row.Signatures)
		}
		if row.Deriver != "" {
			got.Deriver = row.Deriver.In(store.Dir)
		}
		slices.Sort(got.Signatures)
		slices.Sort(w.Signatures)
		slices.Sort(w.References)
		if fmt.Sprint(got) != fmt.Sprint(w) {
			d.t.Errorf("%s\n got %+v\nwant %+v", row.Path, got, w)
		}
	}
}

// verdict is what was found of a path.
func verdict(r *audit.Report, p string) string {
	i, ok := r.Store.Find(bincache.StorePath(path.Base(p)))
	if !ok {
		return "missing"
	}
	at := r.Paths[i]
	text := at.Class.String()
	for _, k := range at.Signers {
		text += " " + r.Keys[k].Name
	}
	for _, c := range at.Claims {
		text += ", " + c.Kind.String() + " " + c.Name
	}
	if at.Address != audit.AddressNone {
		text += ", address: " + at.Address.String()
	}
	return text
}

func (d *depot) sameClasses(store *storedb.Store, roots audit.Roots) {
	r, err := audit.Audit(context.Background(), store, audit.Options{Keys: d.known(), Roots: roots, KeepDerivations: true})
	if err != nil {
		d.t.Fatal(err)
	}
	for p, want := range map[string]string{
		"a0": "signed acme-1", "a1": "signed acme-1", "b1": "signed bravo-1", "ab": "signed acme-1 bravo-1",
		"built": "built", "both": "signed acme-1",
		"imported": "imported", "forged": "imported, forged acme-1", "unknown": "imported, unknown signer nobody-1",
		"claimed": "not-believed claimed-1", "copied": "imported, forged acme-1", "broken": "imported, forged acme-1",
		"altered": "imported, forged acme-1", "address": "imported, address: wrong",
		"fixed": "imported", "tree": "content-addressed, address: name and contents",
	} {
		if got := verdict(r, d.paths[p]); got != want {
			d.t.Errorf("%s is %q, and should be %q", p, got, want)
		}
	}
	// What rests on acme alone is what Nix would not take without its key.
	radius := r.Radius(0)
	var names []string
	for _, i := range radius.Paths {
		names = append(names, store.Rows[i].Path.Name())
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"a0", "a1"}) {
		d.t.Errorf("on acme rest %q", names)
	}
	for _, p := range slices.Sorted(maps.Keys(d.paths)) {
		// Nix checks the same signatures, and takes a content address for one.
		i, _ := store.Find(bincache.StorePath(path.Base(d.paths[p])))
		if p == "broken" {
			continue // Nix stops at it
		}
		takes := d.run("nix", "store", "verify", "--no-contents", "--sigs-needed", "1", d.paths[p]).Code == 0
		if c := r.Paths[i].Class; takes != (c == audit.Signed || c == audit.Addressed) {
			d.t.Errorf("%s is %s, and Nix takes it: %v", p, c, takes)
		}
	}
}

// sameLive holds what is kept against what Nix keeps.
func (d *depot) sameLive(store *storedb.Store, roots audit.Roots) {
	for _, keep := range []struct{ derivations, outputs bool }{{true, false}, {false, false}, {true, true}} {
		// What runs here is seen by Nix alone.
		complete := audit.Roots{List: roots.List, Looked: true}
		r, err := audit.Audit(context.Background(), store, audit.Options{Roots: complete, KeepDerivations: keep.derivations, KeepOutputs: keep.outputs})
		if err != nil {
			d.t.Fatal(err)
		}
		var got []string
		for i, p := range r.Paths {
			if p.Live == audit.Alive {
				got = append(got, store.Rows[i].Path.In(store.Dir))
			} else if p.Live != audit.Dead {
				d.t.Errorf("%s is %s", store.Rows[i].Path, p.Live)
			}
		}
		text := d.sh(fmt.Sprintf("nix-store --gc --print-live --option keep-derivations %v --option keep-outputs %v 2>/dev/null", keep.derivations, keep.outputs))
		want := strings.Fields(text)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || len(want) < 4 {
			d.t.Errorf("%+v: kept are\n%s\nand Nix keeps\n%s", keep, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(roots.Unseen) != 1 || roots.Complete() {
		d.t.Errorf("what was not seen: %q", roots.Unseen)
	}
}

// program runs the command itself.
func (d *depot) program(bin string) {
	data, err := os.ReadFile(bin)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.outside, "nix-trust"), data, 0o755); err != nil {
		d.t.Fatal(err)
	}
	says := func(code int, args []string, texts ...string) string {
		d.t.Helper()
		r := d.run(append([]string{d.inside + "/nix-trust", "audit", "--plain"}, args...)...)
		all := r.Stdout + r.Stderr
		if r.Code != code {
			d.t.Fatalf("%q: exit %d, want %d:\n%s", args, r.Code, code, all)
		}
		for _, text := range texts {
			if !strings.Contains(all, text) {
				d.t.Errorf("%q does not say %q:\n%s", args, text, all)
			}
		}
		return r.Stdout
	}
	says(4, nil, "Signed by a believed key  5 paths", "acme-1", "bravo-1", "Built on this machine", "Nothing vouches for these  8 paths",
		"FORGED: under the name of the believed key acme-1, and not made by it", "unknown signer nobody-1", "its name does not belong to its content address")
	unvouched := strings.Fields(says(4, []string{"--list"}))
	if len(unvouched) < 8 || !slices.Contains(unvouched, d.paths["forged"]) || slices.Contains(unvouched, d.paths["a0"]) {
		d.t.Errorf("%q", unvouched)
	}
	says(4, []string{"--key", "acme-1"}, "believed", "alone  2 paths", "What keeps any of it", "/flake/result", "nix-trust audit --key acme-1 --list | xargs nix-store --delete")
	says(1, []string{"--key", d.keys["b"]}, "alone  1 path,")
	says(1, []string{"--key", d.keys["nobody"]}, "not believed", "named on the command line", "alone  1 path,", "-unknown")
	says(3, []string{"--key", "stranger-1"}, "no key called stranger-1 is known here")
	says(3, []string{"--cache", "https://stranger.example"}, "which key signs for https://stranger.example is not known")
	if got := says(1, []string{"--key", "bravo-1", "--list"}); got != d.paths["b1"]+"\n" {
		d.t.Errorf("on bravo rests %q", got)
	}
	// bravo signed what acme signed too, and b1, which no root keeps.
	if got := says(1, []string{"--unused"}, "key bravo-1  something else vouches for all of its that is kept"); strings.Contains(got, "acme") {
		d.t.Errorf("a key that is needed could be dropped:\n%s", got)
	}
	var got auditJSON
	r := d.run(d.inside+"/nix-trust", "audit", "--json")
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil || r.Code != exitBad || got.Outcome != "forged" || got.Classes["signed"].Paths != 5 || len(got.Paths) != len(unvouched) {
		d.t.Errorf("exit %d, %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
}

// advice runs what the command tells a person to run.
func (d *depot) advice() {
	rests := func() []string {
		store, roots := d.look()
		r, err := audit.Audit(context.Background(), store, audit.Options{Keys: d.known(), Roots: roots})
		if err != nil {
			d.t.Fatal(err)
		}
		var names []string
		for _, i := range r.Radius(0).Paths {
			names = append(names, store.Rows[i].Path.Name())
		}
		return names
	}
	list := d.paths["a0"] + " " + d.paths["a1"]
	d.sh("nix store verify --no-trust " + list)
	others := " --no-contents --sigs-needed 1 --substituter file://$PWD/cacheB --trusted-public-keys '" + d.keys["b"] + "' "
	d.sh("nix store verify" + others + d.paths["a0"])
	if r := d.run("/bin/sh", "-c", "nix store verify"+others+d.paths["a1"]); r.Code == 0 {
		d.t.Error("Nix takes a1 without acme's key")
	}
	if r := d.run("/bin/sh", "-c", "nix-store --delete "+list); r.Code == 0 || !strings.Contains(r.Stderr, "still alive") {
		d.t.Errorf("what is kept was deleted: %s%s", r.Stdout, r.Stderr)
	}
	d.sh("nix store copy-sigs --substituter file://$PWD/cacheB " + d.paths["a0"])
	if got := rests(); !slices.Equal(got, []string{"a1"}) {
		d.t.Errorf("with bravo's signature, on acme rest %q", got)
	}
	d.sh("rm flake/result state/profiles/mine*; nix-store --delete " + d.paths["built"] + " " + list + " " + d.paths["b1"])
	if got := rests(); len(got) != 0 {
		d.t.Errorf("what was removed still rests on acme: %q", got)
	}
}
