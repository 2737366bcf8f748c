package host

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
)

const hello = "2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello"

// What a real daemon remembers of a path that a flake's lock has among its
// outputs is found in root's database, and why says it.
func TestWhatARealDaemonRemembersIsFoundAndTold(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		var storeDir string
		cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/nix-cache-info") {
				fmt.Fprintf(w, "StoreDir: %s\n", storeDir)
				return
			}
			http.NotFound(w, r)
		}))
		t.Cleanup(cache.Close)
		d := startDaemon(t, nix, "trusted-users = root\nsubstituters = "+cache.URL+"/\nnarinfo-cache-negative-ttl = 7200\n")
		storeDir = d.inside + "/store"
		flake := d.outside + "/flake"
		if err := os.Mkdir(flake, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, flake+"/flake.nix", `{ outputs = _: { }; }`)
		a := userOf(t, nix, "alice")
		m := inRoot(nix, a, map[string]string{
			"NIX_CONF_DIR": d.inside + "/etc", "NIX_STATE_DIR": d.inside + "/state", "NIX_STORE_DIR": d.inside + "/store",
			"NIX_DAEMON_SOCKET_PATH": d.inside + "/socket", "HOME": d.inside + "/nohome", "PATH": "/usr/bin",
		})
		m.dial = func(ctx context.Context, socket string) (net.Conn, error) { return dialFor(a)(ctx, nix.Root+socket) }
		look := func() *trust.Facts {
			return Look(context.Background(), m, Options{User: "alice", Cwd: d.inside + "/flake", Deadline: 10 * time.Second})
		}
		f := look()
		write(t, flake+"/flake.cache-lock", fmt.Sprintf("version = 1\n\n[[cache]]\nurl = %q\nkeys = [\"flake-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\"]\n\n[outputs.%s]\n\"packages.default\" = %q\n\n[paths.%s]\n%q = { nar = \"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\", size = 168, refs = [] }\n",
			cache.URL, f.Platform.System, hello, f.Platform.System, hello))
		daemonMemory := func(f *trust.Facts) trust.Remembered {
			t.Helper()
			i := slices.IndexFunc(f.Remembered, func(m trust.Remembered) bool { return m.Daemon })
			if i < 0 {
				t.Fatalf("the daemon's is not looked for: %+v", f.Remembered)
			}
			return f.Remembered[i]
		}
		if m := daemonMemory(look()); m.State != nixconf.SourceMissing {
			t.Errorf("before anything was asked: %+v", m)
		}
		nix.Run(t, realnix.Cmd{
			Args: []string{"nix-store", "-r", d.inside + "/store/" + hello},
			Env:  append([]string{"HOME=" + d.inside + "/nohome", "NIX_REMOTE=daemon"}, d.env...), UID: a.uid, GID: a.gid,
		})
		f = look()
		mem := daemonMemory(f)
		if mem.State != nixconf.SourceRead || mem.MissTTL != 2*time.Hour || len(mem.Caches) != 1 || mem.Caches[0].Misses.Count != 1 {
			t.Fatalf("%+v", mem)
		}
		if p := mem.Caches[0].Paths; len(p) != 1 || p[0].Path != hello || p[0].Present || time.Since(p[0].Since) > time.Minute {
			t.Errorf("%+v", p)
		}
		// Somebody else's file in its place is not believed.
		if err := os.Chown(filepath.Join(nix.Root, mem.File), 54321, 54321); err != nil {
			t.Fatal(err)
		}
		if m := daemonMemory(look()); m.State != nixconf.SourceUnreadable || m.Err == "" || len(m.Caches) != 0 {
			t.Errorf("a stranger's database: %+v", m)
		}
	})
}
