package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// What doctor says of a cache and a path is what a build with a real daemon then
// does: whether the path comes from the cache, or is built.
func TestDoctorSaysWhatRealDaemonsDo(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			overruled := newScene(t, realnix.Get(t, version), bin, "always-allow-substitutes = true")
			doctorIn := func(s *scene, cache string, path string, used string, text string) {
				t.Helper()
				var doc diagnosisJSON
				// Root reads what the daemon remembers, which is in its own home.
				r := s.as(0, 0, "root", "", s.inside+"/nix-trust", "doctor", "--json", "--yes", cache, path)
				decode(t, r.Stdout, &doc)
				codes := map[string]int{"yes": 0, "no": 1, "unknown": 3, "bad-signature": 4}
				if doc.Conclusion.Used != used || r.Code != codes[used] || !strings.Contains(doc.Conclusion.Text, text) {
					t.Errorf("%s: exit %d, %+v\n%s\n%s", path, r.Code, doc.Conclusion, r.Stdout, r.Stderr)
				}
			}
			doctor := func(cache string, path string, used string, text string) {
				t.Helper()
				doctorIn(s, cache, path, used, text)
			}
			madeIn := func(s *scene, name, more string) (drv, out string) {
				t.Helper()
				expr := fmt.Sprintf(`derivation ({ name = "%s"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo built > $out" ]; } // { %s })`, name, more)
				drv = s.pathIn(s.alice(0, "", "nix-instantiate", "-Q", "-E", expr))
				out = s.pathIn(s.alice(0, "", "nix-store", "-q", "--outputs", drv))
				return drv, out
			}
			made := func(name, more string) (drv, out string) {
				t.Helper()
				return madeIn(s, name, more)
			}
			// What is in a cache says so, and so does what was built.
			buildIn := func(s *scene, drv string) string {
				t.Helper()
				out := s.pathIn(s.alice(0, "", "nix-store", "-r", drv))
				return s.has(base(out))
			}
			build := func(drv string) string {
				t.Helper()
				return buildIn(s, drv)
			}

			drv, out := made("fetched", "")
			doctor(s.common.url, out, "no", "does not have it")
			s.common.put(s.inside+"/store", base(out), "fetched")
			doctor(s.common.url, out, "yes", "would be used")
			doctor(s.common.url, drv, "yes", "would be used")
			doctor(s.own.url, out, "no", "not in the list of substituters")
			// Alice cannot read what root's daemon remembers.
			alice := s.as(s.uid, s.gid, "home", "", s.inside+"/nix-trust", "doctor", "--plain", "--yes", s.common.url, out)
			if alice.Code != 3 || !strings.Contains(alice.Stdout, "signed by common-1, whose key in effect is SHA256:") || !strings.Contains(alice.Stdout, "could not be read") {
				t.Errorf("%d %s%s", alice.Code, alice.Stdout, alice.Stderr)
			}
			if got := build(drv); got != "fetched" {
				t.Errorf("it would be used, and the store has %q", got)
			}
			doctor(s.common.url, out, "no", "the store has it already")

			// A miss that is remembered outlasts what the cache has by then.
			drv, out = made("missed", "")
			s.alice(0, "", "nix-store", "-r", "--dry-run", drv)
			s.common.put(s.inside+"/store", base(out), "fetched")
			doctor(s.common.url, out, "no", "Nix believes until")
			if got := build(drv); got != "built" {
				t.Errorf("it would not be used, and the store has %q", got)
			}

			drv, out = made("stubborn", "allowSubstitutes = false;")
			s.common.put(s.inside+"/store", base(out), "fetched")
			doctor(s.common.url, drv, "no", "allowSubstitutes")
			if got := build(drv); got != "built" {
				t.Errorf("it would not be used, and the store has %q", got)
			}

			// Unless the daemon overrides it, of which alice's configuration knows nothing.
			drv, out = madeIn(overruled, "stubborn", "allowSubstitutes = false;")
			overruled.common.put(overruled.inside+"/store", base(out), "fetched")
			doctorIn(overruled, overruled.common.url, drv, "yes", "would be used")
			if got := buildIn(overruled, drv); got != "fetched" {
				t.Errorf("it would be used, and the store has %q", got)
			}

			// Signed by the key that another cache has; then under the right name.
			drv, out = made("stranger", "")
			s.own.put(s.inside+"/store", base(out), "fetched")
			foreign := s.own.infos[base(out).Digest()]
			s.common.info(base(out), foreign)
			doctor(s.common.url, out, "no", "no such key is trusted")
			s.common.info(base(out), strings.Replace(foreign, "Sig: own-1:", "Sig: common-1:", 1))
			doctor(s.common.url, out, "bad-signature", "wrong under the name")
			if got := build(drv); got != "built" {
				t.Errorf("its signature is wrong, and the store has %q", got)
			}

			// Last, as a priority that is no number stops everything.
			drv, out = made("last", "")
			s.common.put(s.inside+"/store", base(out), "fetched")
			s.common.is(func(w http.ResponseWriter, r *http.Request) bool {
				if filepath.Base(r.URL.Path) == "nix-cache-info" {
					fmt.Fprint(w, "Priority: first\n")
					return true
				}
				return false
			})
			doctor(s.common.url, out, "no", "nothing else either")

			// A daemon that is older than its files may go by others.
			s.common.is(nil)
			doctor(s.common.url, out, "yes", "would be used")
			s.write(t, "etc/nix.conf", "substituters = "+s.common.url+"\n")
			doctor(s.common.url, out, "unknown", "changed after the daemon had started")
		})
	}
}

// base is the name of a whole store path.
func base(path string) lock.StorePath { return lock.StorePath(filepath.Base(path)) }

// info puts a narinfo into the cache as it is.
func (c *fileCache) info(path lock.StorePath, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.infos[path.Digest()] = text
}

// pathIn is the first line that names something in the scene's store.
func (s *scene) pathIn(printed string) string {
	s.t.Helper()
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, s.inside+"/store/") {
			return strings.TrimSpace(line)
		}
	}
	s.t.Fatalf("no store path in %s", printed)
	return ""
}
