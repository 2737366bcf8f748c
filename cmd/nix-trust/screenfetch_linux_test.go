package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/tui"
)

// buildTests builds this package's tests as a program that needs no library.
func buildTests(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tests")
	cmd := exec.Command("go", "test", "-c", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	return bin
}

// screenFetch does what the Grants screen does to fetch the first grant.
func (s *scene) screenFetch(code int, dir string) (f screenFetched) {
	s.t.Helper()
	link := filepath.Join(s.outside, "screen-fetch")
	if err := os.Symlink("nix-trust", link); err != nil && !os.IsExist(err) {
		s.t.Fatal(err)
	}
	r := s.as(s.uid, s.gid, "home", dir, s.inside+"/screen-fetch")
	if r.Code != code || r.Stderr != "" && code == 0 {
		s.t.Fatalf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if err := json.NewDecoder(strings.NewReader(r.Stdout)).Decode(&f); err != nil {
		s.t.Fatalf("%v: %s", err, r.Stdout)
	}
	return f
}

// With real Nix and a user whom the daemon does not trust, the screen brings what
// is granted into the store, tells first who would learn of what, and writes
// nothing on the terminal.
func TestTheScreenFetchesWhatIsGrantedAsTheCommandDoes(t *testing.T) {
	bin := buildTests(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		s := newScene(t, nix, bin, "")
		p := s.project("screen")
		s.grant(p.dir)
		s.own.requests()
		f := s.screenFetch(0, p.dir)
		if f.AskErr != "" || f.Ask.Paths != 2 || f.Ask.Left != 1 || f.Ask.Had != 0 || len(f.Ask.Hosts) != 1 || !strings.Contains(s.own.url, f.Ask.Hosts[0]) {
			t.Errorf("it says before: %+v %s", f.Ask, f.AskErr)
		}
		if f.Err != "" || !f.Out.Whole() || f.Out.Paths != 3 || f.Out.Bytes != f.Ask.Bytes {
			t.Fatalf("%+v %s", f.Out, f.Err)
		}
		p.want("common screen", "own screen", "own screen")
		if len(f.Gates) != 1 || f.Gates[0].State != tui.GateStopped || f.Gates[0].Key != tui.KeyInForce {
			t.Errorf("the gate: %+v", f.Gates)
		}
		s.own.requests()
		if again := s.screenFetch(0, p.dir); again.Ask.Paths != 0 || again.Ask.Had != 3 || s.own.requests() != 0 {
			t.Errorf("what is there is fetched again: %+v", again.Ask)
		}

		bad := s.project("turned")
		s.trust(0, p.dir, "revoke", "--yes")
		if gone := s.screenFetch(0, p.dir); gone.AskErr == "" || gone.Err == "" {
			t.Errorf("what was taken back can be fetched: %+v", gone)
		}
		s.grant(bad.dir)
		s.own.put(s.inside+"/store", bad.mid, "a trojan", bad.base)
		f = s.screenFetch(0, bad.dir)
		if f.Out.Whole() || len(f.Out.Wrong) == 0 || len(f.Out.Refused) == 0 {
			t.Errorf("a cache that turned hostile: %+v %s", f.Out, f.Err)
		}
		bad.want("common turned", "", "")
	})
}
