package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust"
)

// realDaemon is a private daemon of a real Nix, with a store of its own.
type realDaemon struct {
	nix             realnix.Nix
	outside, inside string // its folder
	env             []string
	users           map[string]account
}

func (d *realDaemon) socket() string { return d.outside + "/socket" }

// startDaemon starts a daemon with this nix.conf and stops it with the test.
func startDaemon(t *testing.T, nix realnix.Nix, conf string) *realDaemon {
	t.Helper()
	d := &realDaemon{nix: nix}
	d.outside, d.inside = nix.Dir(t)
	for _, dir := range []string{"etc", "state", "store", "log"} {
		if err := os.Mkdir(filepath.Join(d.outside, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(d.outside+"/etc/nix.conf", []byte("experimental-features = nix-command flakes\n"+conf), 0o644); err != nil {
		t.Fatal(err)
	}
	d.env = []string{
		"NIX_CONF_DIR=" + d.inside + "/etc", "NIX_STATE_DIR=" + d.inside + "/state", "NIX_STORE_DIR=" + d.inside + "/store",
		"NIX_LOG_DIR=" + d.inside + "/log", "NIX_DAEMON_SOCKET_PATH=" + d.inside + "/socket",
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append([]string{"HOME=" + d.inside + "/roothome"}, d.env...)})
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); cmd.Wait() })
	// The first connection makes the store; two at once get in each other's way.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c := greet(ctx, dialUnix, d.socket(), 10*time.Second)
		c.close()
		if c.daemon.State == trust.DaemonAnswered {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nix-daemon does not answer (%s); it said %s", c.daemon.Err, said.String())
		}
	}
	data, err := os.ReadFile(nix.Root + "/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	d.users = map[string]account{"nobody-known": {name: "12345", uid: 12345, gid: 12345}}
	for _, a := range parsePasswd(data) {
		d.users[a.name] = a
	}
	return d
}

// dialFor connects with a user's credentials.
func dialFor(a account) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, socket string) (net.Conn, error) {
		return dialAs(ctx, identity{uid: a.uid, gid: a.gid}, socket)
	}
}

// ask has the whole conversation as a user.
func (d *realDaemon) ask(t *testing.T, user string, urls []string) trust.Daemon {
	t.Helper()
	a, ok := d.users[user]
	if !ok {
		t.Fatalf("the root has no user %q", user)
	}
	ctx := context.Background()
	again := func(ctx context.Context) *conversation {
		return greet(ctx, dialFor(a), d.socket(), 10*time.Second)
	}
	c := again(ctx)
	c.ask(ctx, urls, again)
	return c.daemon
}

// client runs a real nix as the user against the daemon with these substituters
// and returns what it says.
func (d *realDaemon) client(t *testing.T, user string, urls []string) realnix.Result {
	t.Helper()
	a := d.users[user]
	return d.nix.Run(t, realnix.Cmd{
		Args: []string{"nix", "--extra-experimental-features", "nix-command", "store", "ping", "--store", "daemon", "--option", "substituters", strings.Join(urls, " ")},
		Env:  append([]string{"HOME=" + d.inside + "/nohome"}, d.env...),
		UID:  a.uid, GID: a.gid,
	})
}

const matrixConf = `trusted-users = root dave @wheel @staff
allowed-users = *
substituters = https://cache.nixos.org/ https://listed.example/ %s
trusted-substituters = https://slash.example/ https://noslash.example https://q.example/?priority=3 https://twice.example https://twice.example/
`

var matrixURLs = []string{
	"https://cache.nixos.org/", "https://cache.nixos.org", "https://listed.example", "https://listed.example/",
	"https://slash.example", "https://slash.example/", "https://noslash.example", "https://noslash.example/",
	"https://q.example/?priority=3", "https://q.example?priority=3", "https://q.example/", "https://q.example/?priority=4",
	"https://twice.example", "https://other.example", "https://other.example/", "https://LISTED.example/", "http://listed.example/",
	"https://listed.example//", "https://listed.example:443/", "https://user@listed.example/", "https://listed.example/?trusted=1",
	"file:///var/cache", "s3://bucket", "ssh-ng://host", "daemon", "auto", "local", "unix:///x",
}

func TestTrustIsWhatRealDaemonsGrant(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, fmt.Sprintf(matrixConf, ""))
		for user, want := range map[string]trust.Trust{
			"alice": trust.Untrusted, "bob": trust.Trusted, "carol": trust.Trusted, "dave": trust.Trusted,
			"root": trust.Trusted, "nobody-known": trust.Untrusted,
		} {
			got := d.ask(t, user, nil)
			if got.State != trust.DaemonAnswered || got.Trust != want || got.Err != "" {
				t.Errorf("%s: state %v, trust %v (%s), want %v", user, got.State, got.Trust, got.Err, want)
			}
			if wantProbed := nix.Short == "2.8"; got.Probed != wantProbed {
				t.Errorf("%s: probed is %v", user, got.Probed)
			}
			if got.Version != nix.Version {
				t.Errorf("%s: version %v (%q), want %v", user, got.Version, got.RawVersion, nix.Version)
			}
			// What the real client is told: its untrusted user's unlisted cache is
			// named in a warning.
			said := d.client(t, user, []string{"https://surely-unlisted.example"}).Stderr
			if warned := strings.Contains(said, "gnoring untrusted substituter"); warned != (want == trust.Untrusted) {
				t.Errorf("%s: the real client says %q, and %v is expected", user, said, want)
			}
		}
	})
}

func TestAdmitsIsWhatRealClientsAreTold(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, fmt.Sprintf(matrixConf, ""))
		for _, user := range []string{"alice", "bob"} {
			got := d.ask(t, user, matrixURLs)
			if got.Err != "" || len(got.Admits) != len(matrixURLs) {
				t.Fatalf("%s: asked about %d URLs, learnt %d: %q", user, len(matrixURLs), len(got.Admits), got.Err)
			}
			said := d.client(t, user, matrixURLs)
			text := strings.ReplaceAll(stripANSI(said.Stderr), `"`, `'`)
			if said.Code != 0 {
				t.Fatalf("%s: the real client failed: %s", user, text)
			}
			for _, u := range matrixURLs {
				dropped := strings.Contains(text, "gnoring untrusted substituter '"+u+"'")
				if got.Admits[u] == dropped {
					t.Errorf("%s: %s: admitted is %v, and the real client says dropped is %v", user, u, got.Admits[u], dropped)
				}
			}
		}
	})
}

// What one daemon cannot parse must not hide what it says of the others.
func TestURLsThatADaemonCannotParseHideNothing(t *testing.T) {
	urls := []string{
		"https://listed.example", "junk", "https://other.example", "https://x/%zz", "https://slash.example", "://", "https://[::1",
		"http://a b", "https://noslash.example", "https://h/?a=%", "https://listed.example/", "%", "https://slash.example/",
	}
	want := map[string]bool{
		"https://listed.example": true, "https://other.example": false, "https://slash.example": true,
		"https://noslash.example": true, "https://listed.example/": true, "https://slash.example/": true,
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, fmt.Sprintf(matrixConf, ""))
		for _, user := range []string{"alice", "dave"} {
			got := d.ask(t, user, urls)
			for u, w := range want {
				admitted, asked := got.Admits[u]
				if !asked || admitted != (w || user == "dave") {
					t.Errorf("%s: %s: admitted %v, asked %v (%s)", user, u, admitted, asked, got.Err)
				}
			}
			for u, admitted := range got.Admits {
				if _, known := want[u]; !known && admitted && (user == "alice" || nix.Short == "2.34") {
					t.Errorf("%s: %q counts as admitted", user, u)
				}
			}
		}
	})
}

func TestRefusedUsersAreRecognised(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, "trusted-users = root\nallowed-users = alice @wheel\n")
		for user, want := range map[string]trust.DaemonState{
			"alice": trust.DaemonAnswered, "bob": trust.DaemonAnswered, "dave": trust.DaemonRefused, "nobody-known": trust.DaemonRefused,
		} {
			got := d.ask(t, user, []string{"https://cache.nixos.org/"})
			if got.State != want {
				t.Errorf("%s: state %v (%s), want %v", user, got.State, got.Err, want)
			}
			if want == trust.DaemonRefused && (got.Trust != trust.TrustUnknown || got.Admits != nil || got.Err == "") {
				t.Errorf("%s: a refusal taught trust %v, %v, %q", user, got.Trust, got.Admits, got.Err)
			}
		}
	})
}

// Looking changes nothing: the daemon is asked about a cache that is alive and
// listed, and nothing reaches it, nor does a file of the daemon change.
func TestAskingTouchesNoCacheAndNoFile(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		var contacts atomic.Int32
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				contacts.Add(1)
				c.Close()
			}
		}()
		cache := "http://" + listener.Addr().String()
		d := startDaemon(t, nix, fmt.Sprintf(matrixConf, cache+"/"))
		// A daemon of 2.8 makes a user's own folders on that user's first
		// connection, whatever program makes it.
		for _, user := range []string{"alice", "dave"} {
			d.client(t, user, nil)
		}
		before := settled(t, d.outside)
		for _, user := range []string{"alice", "dave"} {
			got := d.ask(t, user, append([]string{cache, cache + "/", cache + "/other"}, matrixURLs...))
			if !got.Admits[cache] || !got.Admits[cache+"/"] {
				t.Errorf("%s: the live cache is listed and not admitted: %+v", user, got)
			}
		}
		after := settled(t, d.outside)
		for _, line := range append(difference(before, after), difference(after, before)...) {
			t.Errorf("asking changed %s", line)
		}
		if n := contacts.Load(); n != 0 {
			t.Errorf("asking made the daemon contact the cache %d times", n)
		}
	})
}

// difference has the lines of a that b does not have.
func difference(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}

// settled is the snapshot after the processes of past connections have ended.
func settled(t *testing.T, dir string) []string {
	t.Helper()
	last := snapshot(t, dir)
	for calm := 0; calm < 5; {
		time.Sleep(20 * time.Millisecond)
		now := snapshot(t, dir)
		if calm++; !slices.Equal(now, last) {
			calm = 0
		}
		last = now
	}
	return last
}

// snapshot lists a folder's files with everything about them that can change.
func snapshot(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a process of a past connection took it away
		}
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		// SQLite's shared memory has the read locks of the processes that have the
		// database open; it is no data.
		if strings.HasSuffix(p, "-shm") {
			return nil
		}
		line := fmt.Sprintf("%s %v %d", p, info.Mode(), info.Size())
		if info.Mode().IsRegular() {
			line += fmt.Sprint(" ", info.ModTime().UnixNano())
			data, err := os.ReadFile(p)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Later daemons name a URL in words of their own. One that is dropped under
// another spelling than it was asked about must not pass for admitted.
func TestNoSpellingPassesForAdmitted(t *testing.T) {
	urls := []string{
		"https://other.example/%61", "https://other.example/a#x", "https://other.example/?b=1&a=2", "https://other.example?",
		"https://other.example/?trusted", "https://other.example/?a=%62", "/some/folder", "./folder/x", "https://other.example/a/../b",
		"https://other.example:/x", "https://@other.example", "https://other.example/[x]", "ssh://::1", "ssh://[::1]", "daemon?a=b", "local?a=b", "unix://x?",
		"https://other.example/?a=1&a=2", "https://other.example/?&&a=1", "https://other.example/?a=b+c", "file:x/y", "auto?x=1",
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		d := startDaemon(t, nix, fmt.Sprintf(matrixConf, ""))
		got := d.ask(t, "alice", urls)
		for _, u := range urls {
			if got.Admits[u] {
				t.Errorf("%s is said to be admitted (%s)", u, got.Err)
			}
		}
	})
}
