package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// trusting adds a cache that the user's nix.conf lists, in some spellings, with
// a key of its own that is not named after it.
func (w *workshop) trusting(spellings ...string) {
	w.t.Helper()
	w.sh(`nix-store --generate-binary-cache-key house-1 housesec housepub && mkdir house conf && cp cache/nix-cache-info house/`)
	w.sh(`printf 'substituters = %s\ntrusted-public-keys = %s\n' "` + strings.Join(spellings, " ") + `" "$(cat housepub)" > conf/nix.conf`)
}

// trustingEnv is env with that nix.conf.
func (w *workshop) trustingEnv() []string {
	env := w.env()
	for i := range env {
		env[i] = strings.ReplaceAll(strings.Replace(env[i], "/none", "/conf", 1), "substituters =\n", "")
	}
	return env
}

// asked runs lock, without writing, with what the machine trusts.
func (w *workshop) asked(code int, texts ...string) {
	w.t.Helper()
	r := w.nix.Run(w.t, realnix.Cmd{Args: []string{w.inside + "/nix-trust", "lock", "--yes", "--dry-run", "./flake"}, Env: w.trustingEnv(), Dir: w.inside})
	if r.Code != code {
		w.t.Fatalf("exit %d, want %d:\n%s%s", r.Code, code, r.Stdout, r.Stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stdout+r.Stderr, text) {
			w.t.Fatalf("it does not say %q:\n%s%s", text, r.Stdout, r.Stderr)
		}
	}
}

func TestAKeyThatPassesForOneOfThisMachineIsRefused(t *testing.T) {
	w := newWorkshop(t, realnix.Get(t, "2.34"), buildProgram(t))
	w.trusting("file://" + w.inside + "/house")
	w.push("x86_64-linux.free")
	w.asked(1, "would write", "3 paths pinned")
	w.key = "house-1:" + strings.TrimPrefix(w.key, "shop-1:")
	w.flake("1", "")
	w.asked(4, "the key house-1 of file://", "passes its own key off as another's")
	// The very same key is none.
	w.key = strings.TrimSpace(w.sh("cat housepub"))
	w.flake("1", "")
	w.asked(1, "no key of the cache signed it")
}

func TestATrustedCacheIsComparedHoweverItsKeyIsCalledAndItIsSpelled(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		w := newWorkshop(t, nix, bin)
		house := "file://" + w.inside + "/house"
		w.trusting(house, house+"/", house+"?priority=3")
		w.push("x86_64-linux.free")
		w.asked(1, "would write", "compared with "+house, "3 paths pinned")

		w.sh(`nix copy --to "file://$PWD/house?compression=none&secret-key=$PWD/housesec" $(nix path-info ./flake#packages.x86_64-linux.free)`)
		w.asked(1, "would write", "1 path pinned", "2 left out")

		w.sh("mv house/nix-cache-info away")
		w.asked(3, house, "--without URL")
		w.sh("mv away house/nix-cache-info")

		// What it has for a path is not what the flake's cache has.
		w.sh(`path=$(nix path-info ./flake#packages.x86_64-linux.free)
hash=$(basename "$path" | cut -c1-32)
sed -i 's/^NarSize: .*/NarSize: 4096/; /^Sig:/d' cache/$hash.narinfo
nix store sign --store "file://$PWD/cache" --key-file sec "$path"`)
		w.asked(4, "ALARM", "narSize")
	})
}

func TestAKeyThatTheFlakeGaveUpIsToldAndNoPasswordGoesToWhomeverAFlakeNames(t *testing.T) {
	w := newWorkshop(t, realnix.Get(t, "2.34"), buildProgram(t))
	w.push("x86_64-linux.free")
	w.says(0, []string{"lock", "--yes", "./flake"}, "wrote ")
	first := w.key
	w.key = strings.TrimSpace(w.sh("nix-store --generate-binary-cache-key shop-2 sec2 pub2 && cat pub2"))
	w.flake("1", "")
	w.says(0, []string{"lock", "--yes", "./flake"}, "still lists the key shop-1 of file://", "delete it from the lock")
	w.says(2, []string{"lock", "--yes", "--without", "nowhere", "./flake"}, "--without nowhere")

	var sent atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			sent.Add(1)
		}
		rw.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	w.write(t, "netrc", "default login me password secret\n")
	w.says(3, []string{"lock", "--yes", "--dry-run", "--netrc", "netrc", "--cache", server.URL, "--key", first, "./flake"}, "no nix-cache-info")
	if n := sent.Load(); n != 0 {
		t.Errorf("the password of the default entry went out %d times", n)
	}
	w.write(t, "netrc", "machine 127.0.0.1 login me password secret\n")
	w.says(3, []string{"lock", "--yes", "--dry-run", "--netrc", "netrc", "--cache", server.URL, "--key", first, "./flake"}, "no nix-cache-info")
	if sent.Load() == 0 {
		t.Error("credentials do not reach the host that they are for")
	}
}
