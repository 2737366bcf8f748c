package trust

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A world is a store of real Nix with one path in two caches: one that signs
// it, and one that does not. What the caches have of the path is not what
// building it again gives, so where it came from can be told.
type world struct {
	nix             realnix.Nix
	outside, inside string
	path            string // the store path
	content         string // of the caches' copy
	fill            *strings.Replacer
	lines           string // of nix.conf, for every case
}

// nobody is a user that the root's passwd does not have.
const nobody = 4242

const worldFlake = `derivation { name = "lint"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "read x < /proc/sys/kernel/random/uuid; echo $x > $out" ]; }`

func newWorld(t *testing.T, nix realnix.Nix) *world {
	t.Helper()
	w := &world{nix: nix, lines: "experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nfsync-metadata = false\n"}
	w.outside, w.inside = nix.Dir(t)
	w.write(t, "etc/nix.conf", w.lines)
	w.write(t, "drv.nix", worldFlake)
	out := w.must(t, "nix-build", "--no-out-link", w.inside+"/drv.nix")
	w.path = strings.TrimSpace(out.Stdout)
	if err := os.MkdirAll(w.outside+"/home", 0o755); err != nil {
		t.Fatal(err)
	}
	w.must(t, "nix-store", "--generate-binary-cache-key", "lint.test-1", w.inside+"/sec", w.inside+"/pub")
	w.must(t, "nix-store", "--generate-binary-cache-key", "lint.test-1", w.inside+"/sec2", w.inside+"/pub2")
	w.must(t, "nix", "copy", "--to", "file://"+w.inside+"/bare?compression=none", w.path)
	w.must(t, "nix", "copy", "--to", "file://"+w.inside+"/cache?compression=none&secret-key="+w.inside+"/sec", w.path)
	w.content = w.read(t, strings.TrimPrefix(w.path, w.inside))
	w.fill = strings.NewReplacer("CACHE", "file://"+w.inside+"/cache", "BARE", "file://"+w.inside+"/bare",
		"SAMENAME", w.read(t, "/pub2"), "KEY", w.read(t, "/pub"), "DIR", w.inside)
	return w
}

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	p := filepath.Join(w.outside, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(w.outside + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (w *world) env() []string {
	return []string{
		"HOME=" + w.inside + "/home", "NIX_CONF_DIR=" + w.inside + "/etc", "NIX_STORE_DIR=" + w.inside + "/store",
		"NIX_STATE_DIR=" + w.inside + "/state", "NIX_LOG_DIR=" + w.inside + "/log", "NIX_DAEMON_SOCKET_PATH=" + w.inside + "/socket",
	}
}

func (w *world) run(t *testing.T, args ...string) realnix.Result {
	t.Helper()
	return w.nix.Run(t, realnix.Cmd{Args: args, Env: w.env(), Dir: w.inside})
}

func (w *world) must(t *testing.T, args ...string) realnix.Result {
	t.Helper()
	r := w.run(t, args...)
	if r.Code != 0 {
		t.Fatalf("%q: %d %s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r
}

// substituted deletes the path and gets it again with a nix.conf. It reports
// whether a cache's copy came.
func (w *world) substituted(t *testing.T, conf string) (bool, realnix.Result) {
	t.Helper()
	w.forget(t)
	w.write(t, "etc/nix.conf", w.lines+conf)
	r := w.run(t, "nix-store", "-r", w.path)
	return r.Code == 0 && w.read(t, strings.TrimPrefix(w.path, w.inside)) == w.content, r
}

// forget takes the path out of the store.
func (w *world) forget(t *testing.T) {
	t.Helper()
	w.write(t, "etc/nix.conf", w.lines)
	for i := 0; ; i++ {
		r := w.run(t, "nix-store", "--delete", "--ignore-liveness", w.path)
		if r.Code == 0 {
			return
		}
		if i > 50 {
			t.Fatalf("delete: %s", r.Stderr)
		}
		time.Sleep(20 * time.Millisecond) // a killed daemon's child still holds it
	}
}

// accepted builds a flake with everything of its nixConfig accepted. It reports
// whether a cache's copy of the path came.
func (w *world) accepted(t *testing.T, conf, config string) (bool, realnix.Result) {
	t.Helper()
	w.forget(t)
	w.write(t, "etc/nix.conf", w.lines+conf)
	w.write(t, "flake/flake.nix", flakeText(config))
	r := w.run(t, "nix", "build", "--no-link", "--accept-flake-config", "--option", "substitute", "true", "path:"+w.inside+"/flake#x")
	return r.Code == 0 && w.read(t, strings.TrimPrefix(w.path, w.inside)) == w.content, r
}

func flakeText(config string) string {
	return "{\n  nixConfig = {\n" + config + "\n  };\n  outputs = _: { x = " + worldFlake + "; };\n}\n"
}

// asUser connects to a daemon as nobody with a command, and returns what was said.
func (w *world) asUser(t *testing.T, daemon string, args ...string) realnix.Result {
	t.Helper()
	w.write(t, "etc/nix.conf", w.lines+daemon)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := w.nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append(w.env(), "HOME="+w.inside+"/root")})
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cancel()
		_ = cmd.Wait()
	}()
	for i := 0; ; i++ {
		if c, err := net.Dial("unix", w.outside+"/socket"); err == nil {
			c.Close()
			break
		}
		if i > 1000 {
			t.Fatal("the daemon does not listen")
		}
		time.Sleep(5 * time.Millisecond)
	}
	defer w.lendHome(t)()
	if w.nix.Short == "2.8" {
		args = append(args, "--debug") // it mentions dropped settings only so
	}
	return w.nix.Run(t, realnix.Cmd{Args: args, Env: append(w.env(), "NIX_REMOTE=daemon"), Dir: w.inside, UID: nobody, GID: nobody})
}

// lendHome makes the home folder nobody's own, as Nix passes over one that is
// somebody else's, until the function that it returns is called.
func (w *world) lendHome(t *testing.T) (back func()) {
	t.Helper()
	own := func(id int) {
		os.RemoveAll(w.outside + "/home/.cache")
		if err := os.Chown(w.outside+"/home", id, id); err != nil {
			t.Fatal(err)
		}
	}
	own(nobody)
	return func() { own(0) }
}

// lint looks at the same files.
func (w *world) lint(c lintCase) Lint { return LintOf(w.facts(c), LintScope{}) }

// facts are the case's files as a look at the machine finds them.
func (w *world) facts(c lintCase) *Facts {
	v := w.nix.Version
	conf, user := w.lines+w.fill.Replace(c.conf), w.fill.Replace(c.user)
	all := files{w.inside + "/etc/nix.conf": conf}
	if user != "" {
		all[w.inside+"/home/.config/nix/nix.conf"] = user
	}
	env := func(name string) (string, bool) { return w.inside + "/etc", name == "NIX_CONF_DIR" }
	load := func(home string) *nixconf.Config {
		return nixconf.Load(all, nixconf.Environment{Lookup: env, Home: home, Dir: w.inside, System: "x86_64-linux", CPUs: 2}, v)
	}
	f := &Facts{
		Nix:  Nix{Version: v, Store: StoreLocal, StoreDir: w.inside + "/store"},
		User: User{Name: "4242", UID: nobody}, Client: load(w.inside + "/home"), System: load("/root"),
		Answers: AnswersFile{Path: "/answers", State: nixconf.SourceMissing},
	}
	if c.daemon {
		f.Nix.Store = StoreDaemon
		f.Daemon = Daemon{State: DaemonAnswered, Version: v, Trust: Untrusted, Socket: w.inside + "/socket"}
	}
	if c.answers != "" {
		f.Answers.State = nixconf.SourceRead
		f.Answers.Answers, f.Answers.Err = ParseAnswers([]byte(c.answers), v)
	}
	if c.flake != "" {
		fl := Flake{ID: FlakeID{Ref: "path:" + w.inside + "/flake", Path: w.inside + "/flake"}}
		fl.Config, fl.Rejection = flake.ReadConfig(w.inside+"/flake/flake.nix", []byte(flakeText(w.fill.Replace(c.flake))), v)
		f.Flakes = []Flake{fl}
	}
	return f
}
