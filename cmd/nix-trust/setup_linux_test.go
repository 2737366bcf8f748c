package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// A gated is a real daemon, and a user whom it does not trust and who sets up a
// gate.
type gated struct {
	*matrix
	t        *testing.T
	dir      string // inside
	uid, gid uint32
	address  string
	base     string // of nix.conf
	stop     func()
}

const gatedConf = "experimental-features = nix-command\nbuild-users-group =\nsandbox = false\nsubstituters =\n"

func newGated(t *testing.T, nix realnix.Nix, bin, conf string) *gated {
	m := newMatrix(t, nix, bin)
	g := &gated{matrix: m, t: t, dir: m.inside + "/g", base: gatedConf + conf + "\n", address: freeAddress(t, "127.0.0.1")}
	g.uid, g.gid = m.id(t, "alice")
	g.conf("")
	chown(t, m.outside+"/g/home", g.uid, g.gid)
	t.Cleanup(func() { g.halt() })
	return g
}

// freeAddress is one where nobody listens. It is below the ports that the kernel
// gives to connections, which would take it now and then.
func freeAddress(t *testing.T, host string) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, 20000+rand.IntN(12000)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatalf("no port of %s is free", host)
	return ""
}

func (g *gated) conf(lines string) { g.write(g.t, "g/etc/nix.conf", g.base+lines) }

func (g *gated) places() []string {
	return []string{
		"NIX_STORE_DIR=" + g.inside + "/store", "NIX_STATE_DIR=" + g.inside + "/state", "NIX_LOG_DIR=" + g.inside + "/log",
		"NIX_CONF_DIR=" + g.dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + g.dir + "/socket",
	}
}

// start starts the daemon anew.
func (g *gated) start() {
	g.halt()
	g.stop = g.daemon(g.t, g.dir, g.places())
}

func (g *gated) halt() {
	if g.stop != nil {
		g.stop()
		os.Remove(filepath.Join(g.nix.Root, g.dir, "socket"))
	}
	g.stop = nil
}

// user runs the program as the user.
func (g *gated) user(args ...string) realnix.Result {
	g.t.Helper()
	return g.nix.Run(g.t, realnix.Cmd{
		Args: append([]string{g.inside + "/nix-trust"}, args...), Dir: g.dir + "/home", UID: g.uid, GID: g.gid,
		Env: append([]string{"HOME=" + g.dir + "/home", "USER=alice", "NIX_REMOTE=daemon", "http_proxy=http://127.0.0.1:1"}, g.places()...),
	})
}

func (g *gated) check(more ...string) setupCheckJSON {
	g.t.Helper()
	var got setupCheckJSON
	r := g.user(append([]string{"setup", "--check", "--json", "--gate", g.address}, more...)...)
	decode(g.t, r.Stdout, &got)
	code := map[force]int{forceYes: exitOK, forceNotLooked: exitOK, forceNotYet: exitFindings, forceNot: exitFindings, forceUnknown: exitUnknown}
	want := max(code[got.Push], code[got.Pull])
	if code[got.Push] == exitFindings || code[got.Pull] == exitFindings {
		want = exitFindings
	}
	if r.Code != want {
		g.t.Errorf("exit code %d, want %d: %s%s", r.Code, want, r.Stdout, r.Stderr)
	}
	return got
}

// stands checks what a check comes to, and returns the text of its steps.
func (g *gated) stands(what string, got setupCheckJSON, push, pull force) string {
	g.t.Helper()
	text, _ := json.MarshalIndent(got, "", " ")
	if got.Push != push || got.Pull != pull {
		g.t.Errorf("%s: push %s, pull %s; want %s, %s\n%s", what, got.Push, got.Pull, push, pull, text)
	}
	return string(text)
}

// setUp sets the gate up, and returns the lines for nix.conf.
func (g *gated) setUp() string {
	g.t.Helper()
	var made planResultJSON
	r := g.user("setup", "--yes", "--json", "--gate", g.address)
	decode(g.t, r.Stdout, &made)
	if r.Code != exitOK || !made.Applied {
		g.t.Fatalf("%d %s%s", r.Code, r.Stdout, r.Stderr)
	}
	for _, c := range made.Plan.Commands {
		if c.File == "/etc/nix/nix.conf" {
			return c.Command + "\n"
		}
	}
	g.t.Fatalf("no lines for nix.conf: %s", r.Stdout)
	return ""
}

func (g *gated) home(name string) string {
	return filepath.Join(g.outside, "g/home/.local/state/nix-trust", name)
}

func (g *gated) key() *gate.Key {
	g.t.Helper()
	k, err := gate.ReadKeyOf(g.home("gate.key"), int(g.uid))
	if err != nil {
		g.t.Fatal(err)
	}
	return k
}

func TestSetup(t *testing.T) {
	bin := buildProgram(t)
	for name, run := range map[string]func(*testing.T, string){
		"the check tells configured from in force":             checkTells,
		"the check is not fooled":                              checkIsNotFooled,
		"the check goes by the configuration that counts":      checkGoesBy,
		"the secret is in its file alone":                      secretStays,
		"root sets up the machine's gate and asks as its user": machineGate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, bin)
		})
	}
}

// The whole way of a user whom the daemon does not trust: what is configured and
// what is in force are told apart, each time by asking the daemon that runs.
func checkTells(t *testing.T, bin string) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		t.Parallel()
		g := newGated(t, nix, bin, "trusted-users = root")
		g.start()
		if text := g.stands("without a key", g.check(), forceNot, forceNot); !strings.Contains(text, "There is no key") {
			t.Error(text)
		}
		lines := g.setUp()
		if text := g.stands("not configured", g.check(), forceNot, forceNot); !strings.Contains(text, "which no file has that could be read") {
			t.Error(text)
		}

		g.conf(lines)
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(filepath.Join(g.outside, "g/etc/nix.conf"), later, later); err != nil {
			t.Fatal(err)
		}
		if text := g.stands("not restarted", g.check(), forceNotYet, forceNotYet); !strings.Contains(text, "it was started before") || !strings.Contains(text, "lacks a") {
			t.Error(text)
		}
		g.start()
		g.stands("in force", g.check(), forceYes, forceYes)
		g.stands("in force", g.check("--push-only"), forceYes, forceNotLooked)

		// The lines are gone, and the daemon does not know.
		g.conf("")
		if text := g.stands("taken out", g.check(), forceYes, forceYes); !strings.Contains(text, "once the daemon is started anew") {
			t.Error(text)
		}

		g.conf(strings.Replace(lines, " http://"+g.address+"/e3/", "", 1))
		g.start()
		if text := g.stands("an address is missing", g.check(), forceYes, forceNot); !strings.Contains(text, "/e3/") || !strings.Contains(text, "1 of the gate's 8") {
			t.Error(text)
		}
		g.conf(strings.Replace(lines, "/e3/", "/e3", 1))
		g.start()
		if text := g.stands("a slash is missing", g.check(), forceYes, forceNot); !strings.Contains(text, "letter by letter") {
			t.Error(text)
		}
		pushOnly := lines[strings.Index(lines, "extra-trusted-public-keys"):]
		g.conf(pushOnly)
		g.start()
		g.stands("the key alone", g.check(), forceYes, forceNot)
		g.conf(strings.TrimSuffix(lines, pushOnly))
		g.start()
		if text := g.stands("the addresses alone", g.check(), forceNot, forceNot); !strings.Contains(text, "The gate's addresses are admitted, and nothing can come") {
			t.Error(text)
		}
	})
}

// What a check may be fooled by.
func checkIsNotFooled(t *testing.T, bin string) {
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			g := newGated(t, realnix.Get(t, version), bin, "trusted-users = root")
			lines := g.setUp()
			ours := g.key()
			other, err := gate.NewKey(ours.Public().Name)
			if err != nil {
				t.Fatal(err)
			}

			// Nobody has to sign anything here.
			g.conf("require-sigs = false\n")
			g.start()
			if text := g.stands("no signatures", g.check(), forceUnknown, forceNot); !strings.Contains(text, "takes paths that nobody believed has signed") {
				t.Error(text)
			}
			// A key of the same name stands before ours.
			g.conf("trusted-public-keys = " + other.String() + "\n" + lines)
			g.start()
			if text := g.stands("another key", g.check(), forceNot, forceNot); !strings.Contains(text, "another key called") || !strings.Contains(text, "propose disallow") {
				t.Error(text)
			}

			g.conf("allowed-users = bob\n" + lines)
			g.start()
			g.stands("a user whom the daemon turns away", g.check(), forceUnknown, forceUnknown)
			g.conf("trusted-public-keys = nonsense\n" + lines)
			g.start()
			if text := g.stands("a key that is none", g.check(), forceUnknown, forceUnknown); !strings.Contains(text, "which is no key") {
				t.Error(text)
			}

			g.conf(lines)
			g.start()
			serve := func(what string, h http.Handler, push, pull force, says string) {
				t.Helper()
				l, err := net.Listen("tcp", g.address)
				if err != nil {
					t.Fatal(err)
				}
				s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
				s.Start()
				defer s.Close()
				if text := g.stands(what, g.check(), push, pull); !strings.Contains(text, says) {
					t.Errorf("%s: %s", what, text)
				}
			}
			gateOf := func(k *gate.Key) *gate.Gate {
				t.Helper()
				o, err := gate.New(gate.Options{Key: k, Client: bincache.NewClient(bincache.Options{StoreDir: g.inside + "/store"})})
				if err != nil {
					t.Fatal(err)
				}
				return o
			}
			real := gateOf(ours)
			serve("our gate", real, forceYes, forceYes, `"running": true`)
			serve("a gate with another key", gateOf(other), forceYes, forceUnknown, "another gate")
			serve("no gate", http.NotFoundHandler(), forceYes, forceUnknown, "no gate of nix-trust")
			serve("a gate that leads on", http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound), forceYes, forceUnknown, "no gate of nix-trust")
			serve("a gate that says what ends a line", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, "%s/store/%s-x\n--option require-sigs false\n", g.inside, strings.Repeat("a", 32))
			}), forceYes, forceUnknown, "no gate of nix-trust")
			// What the gate has said once is said again.
			said := map[string][]byte{}
			replay := false
			serve("before the replay", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				real.ServeHTTP(rec, r)
				said[r.URL.Path] = rec.Body.Bytes()
				w.WriteHeader(rec.Code)
				w.Write(rec.Body.Bytes())
			}), forceYes, forceYes, "")
			replay = true
			serve("a replay", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if text, ok := said[r.URL.Path]; ok && replay {
					w.Write(text)
					return
				}
				http.NotFound(w, r)
			}), forceYes, forceUnknown, "repeats what the gate has said once")
		})
	}
}

// A user who opens the store alone, or whom the daemon trusts, is believed by
// what the user's own configuration says.
func checkGoesBy(t *testing.T, bin string) {
	for _, version := range []string{"2.26", "2.34"} {
		nix := realnix.Get(t, version)
		if l, err := net.Listen("tcp", "[::1]:0"); err == nil { // not every machine has it
			l.Close()
			t.Run("nix-"+version+"-v6", func(t *testing.T) {
				g := newGated(t, nix, bin, "trusted-users = root")
				g.address = freeAddress(t, "[::1]")
				g.conf(g.setUp())
				g.start()
				g.stands("over IPv6", g.check(), forceYes, forceYes)
			})
		}
		t.Run("nix-"+version+"-trusted", func(t *testing.T) {
			g := newGated(t, nix, bin, "trusted-users = root alice")
			g.start()
			g.setUp()
			g.stands("not configured", g.check(), forceNot, forceNot)
			g.write(t, "g/home/.config/nix/nix.conf", "extra-trusted-public-keys = "+g.key().String()+"\n")
			g.stands("the user's own file", g.check(), forceYes, forceYes)
		})
		t.Run("nix-"+version+"-local", func(t *testing.T) {
			g := newGated(t, nix, bin, "")
			root := func(args ...string) realnix.Result {
				return nix.Run(t, realnix.Cmd{Args: append([]string{g.inside + "/nix-trust", "setup", "--gate", g.address}, args...), Dir: g.dir,
					Env: append([]string{"HOME=" + g.dir + "/home", "NIX_TRUST_STATE_DIR=" + g.dir + "/home/state", "NIX_TRUST_CONFIG_DIR=" + g.dir + "/home/config"}, g.places()...)})
			}
			if r := root("--yes"); r.Code != exitOK {
				t.Fatal(r.Stdout, r.Stderr)
			}
			key, err := gate.ReadKey(g.outside + "/g/home/state/gate.key")
			if err != nil {
				t.Fatal(err)
			}
			check := func(want force, code int) {
				t.Helper()
				var got setupCheckJSON
				r := root("--check", "--json")
				decode(t, r.Stdout, &got)
				if got.Store != "local" || r.Code != code {
					t.Errorf("%d %s %s", r.Code, r.Stdout, r.Stderr)
				}
				g.stands("a store of one's own", got, want, want)
			}
			check(forceNot, exitFindings)
			g.conf("extra-trusted-public-keys = " + key.String() + "\n")
			check(forceYes, exitOK)
		})
	}
}

// The secret half is in the key's file and nowhere else, and the file stays.
func secretStays(t *testing.T, bin string) {
	g := newGated(t, realnix.Get(t, "2.34"), bin, "trusted-users = root")
	g.start()
	first := g.setUp()
	st, err := os.Stat(g.home("gate.key"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st, err)
	}
	secret := content(t, g.home("gate.key"))
	_, half, _ := strings.Cut(strings.TrimSpace(secret), ":")
	if !strings.Contains(first, g.key().String()) || content(t, g.home("gate.pub")) != g.key().String()+"\n" {
		t.Errorf("the lines have another key: %s", first)
	}
	for _, args := range [][]string{
		{"setup"}, {"setup", "--json"}, {"setup", "--yes"}, {"setup", "--dry-run", "--json"}, {"setup", "--check"}, {"setup", "--remove", "--yes"}, {"journal", "--json"}, {"undo", "--yes", "--json"}, {"undo", "--yes"},
	} {
		if r := g.user(args...); strings.Contains(r.Stdout+r.Stderr, half[:40]) {
			t.Errorf("%q prints the key", args)
		}
		if content(t, g.home("gate.key")) != secret {
			t.Fatalf("%q changes the key", args)
		}
	}
	err = filepath.Walk(g.outside+"/g/home", func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && path != g.home("gate.key") && strings.Contains(content(t, path), half[:40]) {
			t.Errorf("%s has the key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := g.user("setup", "--remove", "--yes", "--delete-key"); r.Code != exitOK || !absent(g.home("gate.key")) || !absent(g.home("gate.pub")) {
		t.Errorf("%d %s%s", r.Code, r.Stdout, r.Stderr)
	}
}
