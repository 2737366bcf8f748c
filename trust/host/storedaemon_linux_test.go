package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// A told row has what it refers to by name, as the order of the rows is not what
// a daemon tells.
type told struct {
	storedb.Row
	refs, outputs string
}

func byPath(s *storedb.Store) map[string]told {
	out := map[string]told{}
	for _, row := range s.Rows {
		names := func(list []int32) string {
			var all []string
			for _, j := range list {
				all = append(all, string(s.Rows[j].Path))
			}
			return strings.Join(all, " ")
		}
		out[string(row.Path)] = told{row, names(row.Refs), names(row.Outputs)}
	}
	return out
}

// A daemon's store as its database has it and as the daemon tells it.
func TestADaemonTellsWhatItsDatabaseHas(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, "sandbox = false\nbuild-users-group =\nsubstituters =\n")
		fillStore(t, d)
		facts := &trust.Facts{Nix: trust.Nix{StoreDir: d.inside + "/store", StateDir: d.inside + "/state"}, Daemon: trust.Daemon{State: trust.DaemonAnswered, Socket: d.inside + "/socket"}}
		m := Real(nix.Root)
		read, err := ReadStore(context.Background(), m, facts)
		if err != nil || read.Told != nil {
			t.Fatal(read, err)
		}
		// The same machine where the database cannot be seen.
		hidden := *facts
		hidden.Nix.StateDir = d.inside + "/nowhere"
		asked, err := ReadStore(context.Background(), m, &hidden)
		if err != nil {
			t.Fatal(err)
		}
		if asked.Told == nil || asked.Told.Socket != d.inside+"/socket" || !strings.Contains(asked.Told.Version, nix.Short) {
			t.Errorf("told by %+v", asked.Told)
		}
		want, got := byPath(read), byPath(asked)
		if len(want) != len(got) || len(want) < 8 {
			t.Fatalf("%d paths, and the database has %d", len(got), len(want))
		}
		var signed, addressed, built, derivations, self int
		for path, w := range want {
			g := got[path]
			if g.refs != w.refs || g.outputs != w.outputs {
				t.Errorf("%s: refers to %q and makes %q, in the database to %q and %q", path, g.refs, g.outputs, w.refs, w.outputs)
			}
			if strings.Contains(w.refs, path) {
				self++
			}
			if w.outputs != "" {
				derivations++
			}
			g.Refs, g.Outputs, w.Refs, w.Outputs = nil, nil, nil, nil
			if g.Path != w.Path || g.NarHash != w.NarHash || g.NarSize != w.NarSize || g.Registered != w.Registered || g.Deriver != w.Deriver ||
				g.Ultimate != w.Ultimate || g.Signatures != w.Signatures || g.CA != w.CA || g.Damage != "" {
				t.Errorf("%s:\n%+v\nin the database\n%+v", path, g.Row, w.Row)
			}
			for n, is := range map[*int]bool{&signed: w.Signatures != "", &addressed: w.CA != "", &built: w.Ultimate} {
				if is {
					*n++
				}
			}
		}
		if signed == 0 || addressed == 0 || built == 0 || derivations == 0 || self == 0 {
			t.Errorf("the store has too little: %d signed, %d addressed, %d built, %d derivations with outputs, %d that refer to themselves", signed, addressed, built, derivations, self)
		}
	})
}

// fillStore has real Nix build and sign a few paths, through the daemon.
func fillStore(t *testing.T, d *realDaemon) {
	t.Helper()
	err := os.WriteFile(filepath.Join(d.outside, "all.nix"), []byte(`let make = name: more: derivation ({ inherit name; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo ${name}$dep > $out; [ -z \"$self\" ] || echo $out >> $out" ]; } // more);
in rec { a = make "a" { }; b = make "b" { dep = a; self = "1"; }; c = make "c" { dep = b; };
  fixed = make "fixed" { outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = builtins.hashString "sha256" "fixed\n"; }; }
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	r := d.nix.Run(t, realnix.Cmd{Dir: d.inside, Args: []string{"/bin/sh", "-c", `set -e
nix-store --generate-binary-cache-key acme-1 sec pub
nix-store --generate-binary-cache-key bravo-1 sec2 pub2
all=$(nix-build --no-out-link all.nix)
nix store sign --key-file sec $all
nix store sign --key-file sec2 $(nix-build --no-out-link all.nix -A b)
echo text > text; nix-store --add text`},
		Env: append([]string{"HOME=" + d.inside + "/roothome", "NIX_REMOTE=daemon"}, d.env...)})
	if r.Code != 0 {
		t.Fatalf("%d %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// FindRoots is not asked for, as it would change something.
func TestRealNixRemovesLinksWhenAskedForRoots(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, "sandbox = false\nbuild-users-group =\nsubstituters =\n")
		link := d.outside + "/state/gcroots/auto/leads-nowhere"
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/nowhere/result", link); err != nil {
			t.Fatal(err)
		}
		facts := &trust.Facts{Nix: trust.Nix{StoreDir: d.inside + "/store", StateDir: d.inside + "/nowhere"}, Daemon: trust.Daemon{State: trust.DaemonAnswered, Socket: d.inside + "/socket"}}
		if _, err := ReadStore(context.Background(), Real(nix.Root), facts); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(link); err != nil {
			t.Fatal("reading the store changed something:", err)
		}
		d.nix.Run(t, realnix.Cmd{Args: []string{"nix-store", "--gc", "--print-roots"}, Env: append([]string{"HOME=" + d.inside + "/roothome", "NIX_REMOTE=daemon"}, d.env...)})
		if _, err := os.Lstat(link); !os.IsNotExist(err) {
			t.Errorf("asked for roots, this Nix leaves the link alone: FindRoots could be used (%v)", err)
		}
	})
}
