package gate

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// makeCache builds three paths that depend on a fourth and copies them, signed by
// a key that no daemon knows, to a cache in a folder; then the store is emptied.
const makeCache = `set -e
cd "$D"
mkdir -p etc
cat > things.nix <<'END'
let
  make = name: dep: derivation {
    inherit name dep; system = builtins.currentSystem; builder = "/bin/sh";
    args = [ "-c" "i=0; while [ $i -lt 9000 ]; do echo $i $name $dep; i=$((i+1)); done > $out" ];
  };
  base = make "base" "";
in [ base (make "pinned" base) (make "unpinned" base) (make "tampered" base) ]
END
nix-store -r $(nix-instantiate things.nix) > /dev/null
nix-store --generate-binary-cache-key flake-1 sec pub
nix copy --to "file://$D/cache?compression=$C&secret-key=$D/sec" "$D"/store/*-base "$D"/store/*-pinned "$D"/store/*-unpinned "$D"/store/*-tampered
chmod -R u+w store
rm -rf store state
mkdir -p store state
`

func TestARealDaemonTakesPinnedPathsThroughTheGateAndNoOthers(t *testing.T) {
	for version, compression := range map[string]string{"2.26": "xz", "2.34": "zstd"} {
		t.Run("nix-"+version, func(t *testing.T) { realDaemon(t, realnix.Get(t, version), compression) })
	}
}

func realDaemon(t *testing.T, nix realnix.Nix, compression string) {
	outside, dir := nix.Dir(t)
	env := []string{
		"D=" + dir, "C=" + compression, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
		"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + dir + "/socket",
	}
	root := append([]string{"HOME=" + dir, "NIX_CONFIG=experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n"}, env...)
	if r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", makeCache}, Env: root}); r.Code != 0 {
		t.Fatalf("making the cache: %s%s", r.Stdout, r.Stderr)
	}
	pins := map[lock.StorePath]lock.Pin{}
	paths := map[string]lock.StorePath{}
	files, err := filepath.Glob(outside + "/cache/*.narinfo")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := bincache.ParseNarInfo(dir+"/store", text)
		if err != nil || n.Compression != compression {
			t.Fatal(n, err)
		}
		paths[n.Path.Name()] = n.Path
		pin := lock.Pin{NAR: n.NarHash, Size: int64(n.NarSize), Refs: n.References}
		switch n.Path.Name() {
		case "unpinned":
			continue
		case "tampered": // the file is not what the pin and the narinfo say
			pin.NAR[0] ^= 1
			n.NarHash = pin.NAR
			if err := os.WriteFile(file, []byte(n.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		pins[n.Path] = pin
	}

	key, err := MakeKey(outside+"/gate.key", KeyName("real"))
	if err != nil {
		t.Fatal(err)
	}
	client := bincache.NewClient(bincache.Options{StoreDir: dir + "/store"})
	g := serve(t, Options{Key: key, Client: client}, standing(t, "a", time.Time{}, pins, "file://"+outside+"/cache"))

	conf := "experimental-features = nix-command\nsubstituters =\ntrusted-users = root\nallowed-users = *\ntrusted-public-keys = " + key.Public().String() + "\n"
	if err := os.WriteFile(outside+"/etc/nix.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	daemon := nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append([]string{"HOME=" + dir + "/roothome"}, env...)})
	daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); daemon.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(outside + "/socket"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nix-daemon does not start")
		}
	}
	home := outside + "/home"
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	const user = 12345
	if err := os.Chown(home, user, user); err != nil {
		t.Fatal(err)
	}
	copyFrom := func(from, name string) realnix.Result {
		return nix.Run(t, realnix.Cmd{
			Args: []string{"nix", "copy", "--from", from, path.Join(dir, "store", string(paths[name]))},
			Env:  append([]string{"HOME=" + dir + "/home", "NIX_REMOTE=daemon"}, env...), UID: user, GID: user,
		})
	}
	// A path that broke off may leave a part of it behind that is not valid.
	inStore := func(name string) bool {
		return nix.Run(t, realnix.Cmd{
			Args: []string{"nix-store", "--check-validity", path.Join(dir, "store", string(paths[name]))},
			Env:  append([]string{"HOME=" + dir + "/home", "NIX_REMOTE=daemon"}, env...), UID: user, GID: user,
		}).Code == 0
	}

	if r := copyFrom("file://"+dir+"/cache", "pinned"); r.Code == 0 || !strings.Contains(r.Stderr, "signature by a trusted key") || inStore("pinned") {
		t.Errorf("the cache itself is believed: %d %s", r.Code, r.Stderr)
	}
	if r := copyFrom(g.url, "unpinned"); r.Code == 0 || inStore("unpinned") {
		t.Errorf("an unpinned path came through: %s", r.Stderr)
	}
	if r := copyFrom(g.url, "tampered"); r.Code == 0 || inStore("tampered") {
		t.Errorf("other bytes than the pinned ones came through: %s", r.Stderr)
	}
	if e := g.Evidence(); len(e) != 1 || e[0].Path != paths["tampered"] {
		t.Errorf("%+v", e)
	}
	// Nix remembers a narinfo for 30 days, and finds nothing behind it any more.
	info := nix.Run(t, realnix.Cmd{
		Args: []string{"nix", "path-info", "-r", "--store", g.url, path.Join(dir, "store", string(paths["pinned"]))},
		Env:  append([]string{"HOME=" + dir + "/home"}, env...), UID: user, GID: user,
	})
	if info.Code != 0 {
		t.Errorf("%s", info.Stderr)
	}
	granted, misses := g.standings, g.tally.misses.Load()
	g.Load(nil)
	if r := copyFrom(g.url, "pinned"); r.Code == 0 || inStore("pinned") || !strings.Contains(r.Stderr, "does not exist in binary cache") {
		t.Errorf("revoked: %d %s", r.Code, r.Stderr)
	}
	if g.tally.misses.Load() != misses {
		t.Error("Nix has not remembered the narinfo, so this shows nothing")
	}
	g.Load(granted)
	if r := copyFrom(g.url, "pinned"); r.Code != 0 || !inStore("pinned") || !inStore("base") {
		t.Errorf("a pinned path does not come through: %d %s", r.Code, r.Stderr)
	}
	// A probe tells whether the daemon believes the key.
	other := serve(t, Options{Client: client})
	for name, c := range map[string]struct {
		gate     *served
		believed bool
	}{"believed": {g, true}, "another key": {other, false}} {
		probe := lock.StorePath(path.Base(c.gate.probeOf(t, "")))
		paths[name] = probe
		r := copyFrom(c.gate.url, name)
		if c.believed != (r.Code == 0 && inStore(name)) {
			t.Errorf("probe, %s: %d %s", name, r.Code, r.Stderr)
		}
		if !c.believed && !strings.Contains(r.Stderr, "signature by a trusted key") {
			t.Errorf("probe, %s: %s", name, r.Stderr)
		}
	}
	g.Load(nil)
	if r := copyFrom(g.url, "unpinned"); r.Code == 0 || inStore("unpinned") {
		t.Errorf("after revoking: %s", r.Stderr)
	}
}
