package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// A household is a whole machine: a real Nix in a root of its own, with its
// files in their usual places, a daemon, and a user whom that does not trust.
type household struct {
	realnix.Nix
	t        *testing.T
	usr      string    // the programs, of the root with the real Nix
	cache    string    // the URL of the cache that is trusted for everything
	key      string    // of the cache
	gate     *gate.Key // of root's gate and of alice's
	uid, gid uint32    // alice's

	mu    sync.Mutex
	asked []string // what the cache was asked for
}

const householdFlake = `{
  %s
  outputs = { self }: let
    make = name: more: derivation ({
      inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo ${name} $dep > $out" ];
    } // more);
  in { packages.x86_64-linux.default = make "%s" { dep = make "%s-dep" { }; }; };
}
`

// newHousehold makes the machine: its cache has what two flakes of the user have,
// of which one asks for it.
func newHousehold(t *testing.T, nix realnix.Nix, bin string) *household {
	t.Helper()
	h := &household{Nix: nix, t: t}
	h.Root, h.usr = t.TempDir(), nix.Root+"/usr"
	made := exec.Command("/bin/sh", "-c", `set -e
chmod 755 "$TO" "$TO/.."
mkdir -p "$TO/usr" "$TO/tmp" "$TO/root" "$TO/srv" "$TO/var/lib" "$TO/nix/var/nix" "$TO/dev" "$TO/proc"
for link in bin sbin lib lib64; do ln -s usr/$link "$TO/$link"; done
cp -a "$FROM/etc" "$TO/etc"
mkdir -p "$TO/etc/nix" && rm -f "$TO/etc/nix/nix.conf" && chmod 1777 "$TO/tmp" && chmod 700 "$TO/root"`)
	made.Env = append(os.Environ(), "FROM="+nix.Root, "TO="+h.Root)
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, h.Root+"/opt/nix-trust", string(program), 0o755)
	h.uid, h.gid = (&matrix{nix: h.Nix}).id(t, "alice")

	files := http.FileServer(http.Dir(h.Root + "/srv/cache"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.URL.Path)
		h.mu.Unlock()
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.cache = server.URL
	putFile(t, h.Root+"/etc/nix/nix.conf", "substituters =\nexperimental-features = nix-command flakes\nsandbox = false\nbuild-users-group =\n", 0o644)
	h.root(0, "mkdir -p /srv && cd /srv && nix-store --generate-binary-cache-key shop-1 sec pub")
	h.key = strings.TrimSpace(content(t, h.Root+"/srv/pub"))
	claim := fmt.Sprintf("nixConfig.extra-substituters = [ %q ]; nixConfig.extra-trusted-public-keys = [ %q ];", h.cache, h.key)
	putFile(t, h.Root+"/home/alice/src/needs/flake.nix", fmt.Sprintf(householdFlake, claim, "needs", "needs"), 0o644)
	putFile(t, h.Root+"/home/alice/src/other/flake.nix", fmt.Sprintf(householdFlake, "", "other", "other"), 0o644)
	h.root(0, `for flake in needs other; do
  drv=$(nix eval --raw path:/home/alice/src/$flake#packages.x86_64-linux.default.drvPath)
  nix-store -r $drv > /dev/null
  nix copy --to "file:///srv/cache?compression=none&secret-key=/srv/sec" $(nix-store -qR $(nix-store -q --outputs $drv))
done
chmod -R u+w /nix/store; rm -rf /nix/store /nix/var/nix ~/.cache /srv/sec; mkdir -p /nix/store /nix/var/nix`)

	if h.gate, err = gate.MakeKey(h.Root+"/srv/gate.key", gate.KeyName("household")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/home/alice/.local/state/nix-trust", "/var/lib/nix-trust-gate"} {
		putFile(t, h.Root+dir+"/gate.key", content(t, h.Root+"/srv/gate.key"), 0o600)
		putFile(t, h.Root+dir+"/gate.pub", h.gate.Public().String()+"\n", 0o644)
	}
	h.root(0, "useradd --system --user-group --no-create-home --home-dir /var/lib/nix-trust-gate nix-trust-gate\nchown -R nix-trust-gate: /var/lib/nix-trust-gate")
	putFile(t, h.Root+"/etc/nix/nix.conf", fmt.Sprintf(`# by hand
experimental-features = nix-command flakes
sandbox = false
build-users-group =
substituters = %s # the shop
trusted-public-keys = %s %s
`, h.cache, h.key, h.gate.Public()), 0o644)
	putFile(t, h.Root+"/home/alice/.config/nix/nix.conf", "max-jobs = 1\nextra-substituters = "+h.cache+"/\n", 0o644)
	h.root(0, "chown -R alice: /home/alice")
	return h
}

// command prepares a script as a user, with nothing but the usual variables. The
// root gets its programs, /proc and /dev in a view of the mounts that ends with the command.
func (h *household) command(ctx context.Context, uid, gid uint32, script string) *exec.Cmd {
	home := "/root"
	if uid != 0 {
		home = "/home/alice"
	}
	cmd := exec.CommandContext(ctx, "unshare", "-m", "--propagation", "private", "/bin/sh", "-c",
		`mount --bind "$3" "$0/usr" && mount --bind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot --userspec="$1" --groups= "$0" /bin/sh -c "$2"`,
		h.Root, fmt.Sprintf("%d:%d", uid, gid), "cd\nset -e\n"+script, h.usr)
	cmd.Env = []string{"HOME=" + home, "PATH=/opt:/usr/bin:/bin:/usr/sbin:/sbin"}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

func (h *household) run(uid, gid uint32, script string) realnix.Result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var r realnix.Result
	var out, errb bytes.Buffer
	cmd := h.command(ctx, uid, gid, script)
	cmd.Stdout, cmd.Stderr = &out, &errb
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		h.t.Fatalf("%s: %v; it said %s%s", script, err, out.String(), errb.String())
	}
	r.Stdout, r.Stderr, r.Code = out.String(), errb.String(), cmd.ProcessState.ExitCode()
	return r
}

func (h *household) says(r realnix.Result, code int, texts []string) string {
	h.t.Helper()
	all := r.Stdout + r.Stderr
	if r.Code != code {
		h.t.Fatalf("exit %d, want %d:\n%s", r.Code, code, all)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			h.t.Fatalf("it does not say %q:\n%s", text, all)
		}
	}
	return all
}

// root runs a script as root, and fails unless it exits with the code and says all.
func (h *household) root(code int, script string, texts ...string) string {
	h.t.Helper()
	return h.says(h.run(0, 0, script), code, texts)
}

// alice is the same as alice.
func (h *household) alice(code int, script string, texts ...string) string {
	h.t.Helper()
	return h.says(h.run(h.uid, h.gid, script), code, texts)
}

// daemon starts the machine's daemon, and returns what stops it.
func (h *household) daemon() (stop func()) {
	h.t.Helper()
	socket := h.Root + "/nix/var/nix/daemon-socket/socket"
	os.Remove(socket)
	ctx, cancel := context.WithCancel(context.Background())
	d := h.command(ctx, 0, 0, "exec nix-daemon")
	d.Cancel = func() error { return d.Process.Signal(syscall.SIGTERM) }
	if err := d.Start(); err != nil {
		h.t.Fatal(err)
	}
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); d.Wait() }) }
	h.t.Cleanup(stop)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return stop
		}
		if time.Now().After(end) {
			h.t.Fatal("nix-daemon does not start")
		}
	}
}

// requests are what the cache was asked for since the last call.
func (h *household) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.asked
	h.asked = nil
	return out
}

// files are the machine's files that are configuration, grants, flakes or answers.
func (h *household) files() map[string]string {
	out := map[string]string{}
	for _, dir := range []string{"/etc/nix", "/etc/nix-trust", "/home/alice/src", "/home/alice/.config", "/home/alice/.local/share/nix"} {
		filepath.WalkDir(h.Root+dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				info, _ := d.Info()
				out[strings.TrimPrefix(path, h.Root)] = info.Mode().String() + " " + content(h.t, path)
			}
			return nil
		})
	}
	return out
}

// asItWas fails where a file is not what it was, to the byte.
func (h *household) asItWas(before map[string]string) {
	h.t.Helper()
	after := h.files()
	for name, text := range before {
		if after[name] != text {
			h.t.Errorf("%s is\n%q\nand was\n%q", name, after[name], text)
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			h.t.Errorf("%s is left over", name)
		}
	}
}
