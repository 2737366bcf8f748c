package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A sayingScene is how real Nix is brought to print a saying. In its texts @A is
// the URL of a cache that has what the flake's x builds, @KA its key, @KX a key of
// the same name, @OUT the path of x, and @DIR the scene's folder.
type sayingScene struct {
	config  string   // the flake's nixConfig
	answers string   // trusted-settings.json, "" for none
	daemon  string   // lines for the daemon's nix.conf
	user    string   // lines for the user's nix.conf
	env     string   // lines for NIX_CONFIG
	more    string   // attributes of x's derivation
	args    []string // what is run, nil for a build of x
	prepare func(s *stage)

	trusted, noDaemon, noNetwork, terminal bool
	home                                   string // "" for the user's own
	heard                                  func(s *stage, did realnix.Result) string
}

// A stage is where a saying's scene is played.
type stage struct {
	*matrix
	t         *testing.T
	dir       string // inside the root
	uid, gid  uint32
	cache     *fileCache
	out       lock.StorePath
	env       []string
	daemonLog func() string
	noNetwork bool
	store     string
	fill      func(string) string
}

// info rewrites what the cache says of x.
func (s *stage) info(change func(narinfo string) string) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	s.cache.infos[s.out.Digest()] = change(s.cache.infos[s.out.Digest()])
}

// when answers a file of the cache otherwise, by the end of its name.
func (s *stage) when(suffix string, answer http.HandlerFunc) {
	s.cache.is(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		answer(w, r)
		return true
	})
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// hangUp ends the connection without a word.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
	}
}

// cmd is a command as the user of the scene.
func (s *stage) cmd(args ...string) realnix.Cmd {
	return realnix.Cmd{Args: args, Env: s.env, Dir: s.dir, UID: s.uid, GID: s.gid, Timeout: 60 * time.Second}
}

// user runs a command as the user of the scene.
func (s *stage) user(stdin string, args ...string) realnix.Result {
	s.t.Helper()
	c := s.cmd(args...)
	c.Stdin, c.NoNetwork = stdin, s.noNetwork
	return s.nix.Run(s.t, c)
}

// build is the command that is run where a scene names none.
func (s *stage) build() []string {
	return []string{"nix", "build", "path:" + s.dir + "/flake#x", "--no-link"}
}

// play sets a scene up, has Nix say something, and returns that.
func (m *matrix) play(t *testing.T, name string, c sayingScene) (s *stage, did realnix.Result) {
	t.Helper()
	s = &stage{matrix: m, t: t, dir: m.inside + "/" + name, cache: newFileCache(t, "own-1"), noNetwork: c.noNetwork, store: m.inside + "/store"}
	s.uid, s.gid = m.id(t, "alice")
	base := newFileCache(t, "base-1")
	other := newKey("own-1")
	s.fill = func(text string) string {
		return strings.NewReplacer("@A", s.cache.url, "@KA", s.cache.key.text, "@KX", other.text, "@OUT", s.out.In(s.store), "@DIR", s.dir).Replace(text)
	}
	drv := fmt.Sprintf(`derivation { name = "%s"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo built > $out" ]; %s }`, name, c.more)
	m.write(t, name+"/flake/flake.nix", fmt.Sprintf("{\n  nixConfig = { %s };\n  outputs = _: { x = %s; };\n}\n", s.fill(c.config), drv))
	who := map[bool]string{false: "root", true: "root alice"}[c.trusted]
	m.write(t, name+"/etc/nix.conf", fmt.Sprintf("experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nflake-registry =\nsubstituters = %s\ntrusted-public-keys = %s\ntrusted-users = %s\ndownload-attempts = 2\n%s\n",
		base.url, base.key.text, who, s.fill(c.daemon)))
	if c.user != "" {
		m.write(t, name+"/home/.config/nix/nix.conf", s.fill(c.user))
	}
	if c.answers != "" {
		m.write(t, name+"/home/.local/share/nix/trusted-settings.json", s.fill(c.answers))
	}
	chown(t, filepath.Join(m.outside, name, "home"), s.uid, s.gid)
	common := []string{
		"NIX_STORE_DIR=" + s.store, "NIX_STATE_DIR=" + m.inside + "/state", "NIX_LOG_DIR=" + m.inside + "/log",
		"NIX_CONF_DIR=" + s.dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + s.dir + "/socket",
	}
	out := m.nix.Run(t, realnix.Cmd{Args: []string{"nix-instantiate", "--eval", "--expr", "(" + drv + ").outPath"},
		Env: append([]string{"HOME=" + m.inside + "/root", "NIX_CONF_DIR=" + m.inside + "/none"}, common[:3]...)})
	s.out = lock.StorePath(strings.TrimPrefix(strings.Trim(strings.TrimSpace(out.Stdout), `"`), s.store+"/"))
	if !strings.HasSuffix(string(s.out), "-"+name) {
		t.Fatalf("eval: %s%s", out.Stdout, out.Stderr)
	}
	s.cache.put(s.store, s.out, "from the cache")
	home := s.fill(c.home)
	if home == "" {
		home = s.dir + "/home"
	}
	s.env = append([]string{"HOME=" + home, "USER=alice", "TERM=xterm", "NIX_CONFIG=" + s.fill(c.env)}, common...)
	if !c.noNetwork {
		s.env[3] = "NIX_CONFIG=substitute = true\n" + s.fill(c.env)
	}
	s.env = append(s.env, "NIX_REMOTE=daemon")
	stop := func() {}
	if !c.noDaemon {
		stop = m.daemon(t, s.dir, common)
	}
	t.Cleanup(func() { stop() })
	s.daemonLog = func() string { stop(); stop = func() {}; return m.log }
	if c.prepare != nil {
		c.prepare(s)
	}
	args := s.build()
	if c.args != nil {
		args = nil
		for _, a := range c.args {
			args = append(args, s.fill(a))
		}
	}
	if c.terminal {
		did.Stderr, did.Code = m.nix.OnTerminal(t, s.cmd(args...))
		return s, did
	}
	return s, s.user("", args...)
}

// touch gives the flake a file beside it.
func (s *stage) touch(name, text string) {
	s.t.Helper()
	s.write(s.t, strings.TrimPrefix(s.dir, s.inside+"/")+"/"+name, text)
}

// later adds lines to the daemon's nix.conf, which it has read before.
func (s *stage) later(lines string) {
	s.t.Helper()
	name := filepath.Join(s.outside, strings.TrimPrefix(s.dir, s.inside+"/"), "etc/nix.conf")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(s.fill(lines)); err != nil {
		s.t.Fatal(err)
	}
}
