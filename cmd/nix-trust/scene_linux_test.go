package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// A scene is a real daemon that does not trust alice and believes the key of
// her gate, with a cache that it trusts anyway, and flakes whose own cache it
// does not trust. What is in a cache says so in its contents, so that what was
// built can be told from what came from where.
type scene struct {
	*matrix
	t        *testing.T
	uid, gid uint32
	env      []string
	gate     string // the gate's address
	key      *gate.Key
	common   *fileCache // trusted by the daemon
	own      *fileCache // the flakes'
}

// newScene makes the scene. more are lines for the daemon's nix.conf.
func newScene(t *testing.T, nix realnix.Nix, bin string, more string) *scene {
	t.Helper()
	s := &scene{matrix: newMatrix(t, nix, bin), t: t, common: newFileCache(t, "common-1"), own: newFileCache(t, "own-1")}
	s.uid, s.gid = s.id(t, "alice")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.gate = l.Addr().String()
	l.Close()
	if s.key, err = gate.NewKey("nix-trust-gate-test-1"); err != nil {
		t.Fatal(err)
	}
	urls := ""
	for i := range gate.Epochs {
		urls += fmt.Sprintf(" http://%s/e%d/", s.gate, i)
	}
	s.write(t, "etc/nix.conf", fmt.Sprintf(`experimental-features = nix-command flakes
build-users-group =
sandbox = false
flake-registry =
trusted-users = root
substituters = %s
trusted-substituters =%s
trusted-public-keys = %s %s
%s
`, s.common.url, urls, s.common.key.text, s.key.PublicText(), more))
	s.write(t, "built", "")
	if err := os.Chmod(filepath.Join(s.outside, "built"), 0o666); err != nil {
		t.Fatal(err)
	}
	s.write(t, "home/.local/state/nix-trust/keep", "")
	s.home("home", s.uid, s.gid)
	if err := s.key.Save(filepath.Join(s.outside, "home/.local/state/nix-trust/gate.key"), int(s.uid), int(s.gid)); err != nil {
		t.Fatal(err)
	}
	common := []string{
		"NIX_STORE_DIR=" + s.inside + "/store", "NIX_STATE_DIR=" + s.inside + "/state", "NIX_LOG_DIR=" + s.inside + "/log",
		"NIX_CONF_DIR=" + s.inside + "/etc", "NIX_DAEMON_SOCKET_PATH=" + s.inside + "/socket",
	}
	t.Cleanup(s.daemon(t, s.inside, common))
	s.env = append([]string{"NIX_REMOTE=daemon", "NIX_CONFIG=substitute = true"}, common...)
	return s
}

func (s *scene) home(name string, uid, gid uint32) {
	chown(s.t, filepath.Join(s.outside, name), uid, gid)
}

// as runs a program as a user whose home is a folder of the scene.
func (s *scene) as(uid, gid uint32, home, dir string, args ...string) realnix.Result {
	s.t.Helper()
	env := append([]string{"HOME=" + s.inside + "/" + home, "TMPDIR=" + s.inside + "/" + home + "/tmp"}, s.env...)
	tmp := filepath.Join(s.outside, home, "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chown(tmp, int(uid), int(gid)); err != nil {
		s.t.Fatal(err)
	}
	r := s.nix.Run(s.t, realnix.Cmd{Args: args, Env: env, Dir: s.inside + "/" + dir, UID: uid, GID: gid})
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		s.t.Errorf("%q leaves %s behind", args, left[0].Name())
	}
	return r
}

// alice runs a program in a folder, fails unless it exits with the code, and
// returns all that it printed.
func (s *scene) alice(code int, dir string, args ...string) string {
	s.t.Helper()
	r := s.as(s.uid, s.gid, "home", dir, args...)
	if r.Code != code {
		s.t.Fatalf("%q: exit %d, want %d:\n%s%s", args, r.Code, code, r.Stdout, r.Stderr)
	}
	return r.Stdout + r.Stderr
}

// trust runs nix-trust as alice.
func (s *scene) trust(code int, dir string, args ...string) string {
	s.t.Helper()
	return s.alice(code, dir, append([]string{s.inside + "/nix-trust"}, args...)...)
}

// exec runs nix through the gate as alice.
func (s *scene) exec(code int, dir string, args ...string) string {
	s.t.Helper()
	return s.trust(code, dir, append([]string{"exec", "--gate", s.gate, "--"}, args...)...)
}

func (s *scene) grant(dir string) {
	s.t.Helper()
	s.trust(0, dir, "grant", "--yes", "--system", "x86_64-linux")
}

// A project is a flake whose default package needs mid, which needs base.
type project struct {
	s              *scene
	dir            string
	base, mid, top lock.StorePath
}

// project makes a flake. Its base is in the common cache, and all the rest in
// the flakes' own; its lock pins that.
func (s *scene) project(name string) *project {
	s.t.Helper()
	p := &project{s: s, dir: name}
	s.write(s.t, name+"/flake.nix", fmt.Sprintf(`{
  nixConfig.extra-substituters = [ %q ];
  nixConfig.extra-trusted-public-keys = [ %q ];
  outputs = _: let
    make = name: dep: derivation {
      inherit name dep; system = "x86_64-linux"; builder = "/bin/sh";
      args = [ "-c" "echo built > $out; echo $name >> %s/built" ];
    };
  in {
    packages.x86_64-linux = rec { base = make "base-%s" ""; mid = make "mid-%s" base; default = make "top-%s" mid; };
  };
}
`, s.own.url, s.own.key.text, s.inside, name, name, name))
	s.home(name, s.uid, s.gid)
	out := s.alice(0, name, "nix", "eval", "--json", "path:"+s.inside+"/"+name+"#packages.x86_64-linux", "--apply", "p: map (x: baseNameOf (builtins.unsafeDiscardStringContext x.outPath)) [ p.base p.mid p.default ]")
	line := out[strings.Index(out, "["):]
	var names []lock.StorePath
	if err := json.NewDecoder(strings.NewReader(line)).Decode(&names); err != nil || len(names) != 3 {
		s.t.Fatalf("%v in %s", err, out)
	}
	p.base, p.mid, p.top = names[0], names[1], names[2]
	store := s.inside + "/store"
	s.common.put(store, p.base, "common "+name)
	l := lock.New()
	l.Caches = []lock.Cache{{URL: s.own.url, Keys: []string{s.own.key.text}}}
	section := l.Section("x86_64-linux")
	section.Outputs["packages.default"], section.Outputs["packages.mid"] = p.top, p.mid
	section.Paths[p.mid] = s.own.put(store, p.mid, "own "+name, p.base)
	section.Paths[p.top] = s.own.put(store, p.top, "own "+name, p.mid)
	text, err := l.Print()
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(s.t, name+"/flake.cache-lock", string(text))
	s.home(name, s.uid, s.gid)
	return p
}

// flake is the project's reference.
func (p *project) flake() string { return "path:" + p.s.inside + "/" + p.dir }

// build builds the project as alice by herself.
func (p *project) build() string {
	p.s.t.Helper()
	return p.s.alice(0, p.dir, "nix", "build", "--no-link", p.flake())
}

// has returns what is in the store under a path: "" when it is not valid.
func (s *scene) has(p lock.StorePath) string {
	s.t.Helper()
	if s.as(s.uid, s.gid, "home", "", "nix-store", "--check-validity", p.In(s.inside+"/store")).Code != 0 {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(s.outside, "store", string(p)))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// want fails unless the store has these contents.
func (p *project) want(base, mid, top string) {
	p.s.t.Helper()
	for _, c := range []struct {
		path lock.StorePath
		want string
	}{{p.base, base}, {p.mid, mid}, {p.top, top}} {
		if got := p.s.has(c.path); got != c.want {
			p.s.t.Errorf("%s is %q, want %q", c.path, got, c.want)
		}
	}
}

// built is what was built since it was asked last.
func (s *scene) built() []string {
	s.t.Helper()
	name := filepath.Join(s.outside, "built")
	text, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Truncate(name, 0); err != nil {
		s.t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// A fileCache is a binary cache over HTTP that can turn hostile.
type fileCache struct {
	url string
	key testKey

	mu    sync.Mutex
	infos map[string]string // by hash part
	nars  map[string][]byte // by URL
	asked int
	turn  func(w http.ResponseWriter, r *http.Request) (done bool)
	gone  chan struct{} // closed at the end, for those that hang
}

func newFileCache(t *testing.T, keyName string) *fileCache {
	c := &fileCache{key: newKey(keyName), infos: map[string]string{}, nars: map[string][]byte{}, gone: make(chan struct{})}
	server := httptest.NewServer(c)
	c.url = server.URL
	t.Cleanup(func() { close(c.gone); server.CloseClientConnections(); server.Close() })
	return c
}

// nar is a NAR of one file.
func narOf(text string) []byte {
	var b bytes.Buffer
	for _, s := range []string{"nix-archive-1", "(", "type", "regular", "contents", text, ")"} {
		_ = binary.Write(&b, binary.LittleEndian, uint64(len(s)))
		b.WriteString(s)
		b.Write(make([]byte, (8-len(s)%8)%8))
	}
	return b.Bytes()
}

// put puts a path with one file into the cache, signed, and returns its pin.
func (c *fileCache) put(store string, path lock.StorePath, text string, refs ...lock.StorePath) lock.Pin {
	nar := narOf(text + "\n")
	sum := sha256.Sum256(nar)
	hash := "sha256:" + nixbase32.EncodeToString(sum[:])
	var names, full []string
	for _, r := range refs {
		names, full = append(names, string(r)), append(full, r.In(store))
	}
	sig := ed25519.Sign(c.key.private, fmt.Appendf(nil, "1;%s;%s;%d;%s", path.In(store), hash, len(nar), strings.Join(full, ",")))
	name, _, _ := strings.Cut(c.key.text, ":")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nars[path.Digest()] = nar
	c.infos[path.Digest()] = fmt.Sprintf("StorePath: %s\nURL: nar/%s.nar\nCompression: none\nNarHash: %s\nNarSize: %d\nReferences: %s\nSig: %s:%s\n",
		path.In(store), path.Digest(), hash, len(nar), strings.Join(names, " "), name, base64.StdEncoding.EncodeToString(sig))
	return lock.Pin{NAR: sum, Size: int64(len(nar)), Refs: refs}
}

// is lets the cache answer otherwise from now on; nil: as it should.
func (c *fileCache) is(turn func(w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn = turn
}

// requests is how many questions came since it was asked last.
func (c *fileCache) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.asked
	c.asked = 0
	return n
}

func (c *fileCache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	c.mu.Lock()
	c.asked++
	turn := c.turn
	info := c.infos[strings.TrimSuffix(name, ".narinfo")]
	nar := c.nars[strings.TrimSuffix(strings.TrimPrefix(name, "nar/"), ".nar")]
	c.mu.Unlock()
	switch {
	case turn != nil && turn(w, r):
	case name == "nix-cache-info":
		fmt.Fprint(w, "WantMassQuery: 1\nPriority: 40\n")
	case strings.HasSuffix(name, ".narinfo") && info != "":
		fmt.Fprint(w, info)
	case strings.HasPrefix(name, "nar/") && nar != nil:
		w.Header().Set("Content-Length", strconv.Itoa(len(nar)))
		_, _ = w.Write(nar)
	default:
		http.NotFound(w, r)
	}
}

// eventually fails unless something becomes true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}
