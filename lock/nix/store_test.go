package nix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A realStore is a store of its own in a real Nix's root, and its Runner.
type realStore struct {
	t       *testing.T
	real    realnix.Nix
	outside string
	env     []string
	uid     uint32
}

func newRealStore(t *testing.T, real realnix.Nix) (*realStore, *Nix) {
	t.Helper()
	outside, dir := real.Dir(t)
	for _, name := range []string{"etc", "store", "state", "log"} {
		if err := os.Mkdir(filepath.Join(outside, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &realStore{t: t, real: real, outside: outside, env: []string{
		"D=" + dir, "HOME=" + dir + "/home", "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
		"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + dir + "/socket",
	}}
	conf := "substituters = http://127.0.0.1:9\nsubstitute = true\nsandbox = false\nbuild-users-group =\n"
	if err := os.WriteFile(filepath.Join(outside, "etc/nix.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return s, &Nix{Runner: s, StoreDir: dir + "/store", Root: real.Root}
}

func (s *realStore) Run(_ context.Context, c Call) (Result, error) {
	r := s.real.Run(s.t, realnix.Cmd{Args: c.Args, Env: slices.Concat(s.env, c.Env), Dir: c.Dir, UID: s.uid, GID: s.uid})
	return Result{Stdout: []byte(r.Stdout), Stderr: []byte(r.Stderr), Code: r.Code}, nil
}

// makePaths makes paths of every kind, and prints them.
const makePaths = `set -e
cd "$D"; mkdir -p tree; printf one > tree/one; printf 'hello\n' > file
cat > many.nix <<'END'
let
  deps = builtins.genList (n: builtins.toFile "dep-${toString n}" "dep ${toString n}") 12;
in derivation {
  name = "many"; system = builtins.currentSystem; builder = "/bin/sh";
  args = [ "-c" "echo $deps > $out; echo $out >> $out" ]; inherit deps;
}
END
drv=$(nix-instantiate many.nix); echo $drv
nix-store -r $drv
nix-store --add-fixed sha256 file
nix-store --add-fixed --recursive sha1 tree
nix --extra-experimental-features nix-command store add-path --name 'odd?name=+x.drv2' tree
`

func (s *realStore) make() (paths []lock.StorePath) {
	s.t.Helper()
	r := s.real.Run(s.t, realnix.Cmd{Args: []string{"/bin/sh", "-c", makePaths}, Env: append(slices.Clone(s.env), "NIX_CONFIG=substitute = false")})
	if r.Code != 0 {
		s.t.Fatal(r.Stderr)
	}
	for line := range strings.Lines(r.Stdout) {
		paths = append(paths, lock.StorePath(filepath.Base(strings.TrimSpace(line))))
	}
	if len(paths) != 5 {
		s.t.Fatalf("%q", r.Stdout)
	}
	return paths
}

// query asks real Nix one question in the words of its other program.
func (s *realStore) query(flag string, path lock.StorePath) []string {
	s.t.Helper()
	r := s.real.Run(s.t, realnix.Cmd{Args: []string{"/bin/sh", "-c", "nix-store -q " + flag + " \"" + path.In("$NIX_STORE_DIR") + "\""}, Env: s.env})
	if r.Code != 0 {
		s.t.Fatal(r.Stderr)
	}
	words := strings.Fields(r.Stdout)
	for i := range words {
		words[i] = filepath.Base(words[i])
	}
	slices.Sort(words)
	return words
}

const invalidPath = lock.StorePath("00000000000000000000000000000000-nothing")

func TestInfoIsWhatRealNixsDatabaseHas(t *testing.T) {
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		s, n := newRealStore(t, real)
		paths := s.make()
		drv, many := paths[0], paths[1]
		asked := append([]lock.StorePath{invalidPath, "00000000000000000000000000000000-nothing.drv"}, paths...)
		infos, err := n.Info(context.Background(), append(asked, asked...), false)
		if err != nil {
			t.Fatal(err)
		}
		if len(infos) != len(paths) {
			t.Errorf("%d of %d paths", len(infos), len(paths))
		}
		for _, p := range paths {
			i, ok := infos[p]
			if !ok {
				t.Fatalf("nothing of %s", p)
			}
			if want := s.query("--hash", p); i.NAR.Nix32() != want[0] {
				t.Errorf("%s: %s, want %s", p, i.NAR.Nix32(), want)
			}
			if want := s.query("--size", p); fmt.Sprint(i.Size) != want[0] {
				t.Errorf("%s: %d bytes, want %s", p, i.Size, want)
			}
			var refs []string
			for _, r := range i.Refs {
				refs = append(refs, string(r))
			}
			if want := s.query("--references", p); !slices.Equal(refs, want) {
				t.Errorf("%s: %q, want %q", p, refs, want)
			}
			h, size, err := n.Hash(context.Background(), p)
			if err != nil || h != i.NAR || size != i.Size {
				t.Errorf("%s: on disk are %v and %d bytes, %v", p, h, size, err)
			}
			if i.Ultimate != (p == many) || (i.CA == "") != (p == many) || (i.Deriver == drv) != (p == many) {
				t.Errorf("%s: %+v", p, i)
			}
		}
		all, err := n.Info(context.Background(), []lock.StorePath{many, drv, invalidPath}, true)
		if err != nil || len(all) != 14 || all[many].NAR != infos[many].NAR {
			t.Errorf("closure of %d paths, %v", len(all), err)
		}
		if empty, err := n.Info(context.Background(), []lock.StorePath{invalidPath}, true); err != nil || len(empty) != 0 {
			t.Errorf("%v, %v", empty, err)
		}
	})
}

// Looking at the local store tells no cache anything, whatever nix.conf says.
func TestInfoAsksNoCacheForWhatIsMissing(t *testing.T) {
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		var requests atomic.Int32
		cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			http.NotFound(w, r)
		}))
		defer cache.Close()
		s, n := newRealStore(t, real)
		s.env = append(s.env, "NIX_CONFIG=substituters = "+cache.URL)
		for _, closure := range []bool{false, true} {
			if infos, err := n.Info(context.Background(), []lock.StorePath{invalidPath}, closure); err != nil || len(infos) != 0 || requests.Load() != 0 {
				t.Errorf("%v, %v after %d requests", infos, err, requests.Load())
			}
		}
		// The plain question does ask, so that silence means something.
		args := []string{"nix", "path-info", "--json", "--extra-experimental-features", "nix-command", invalidPath.In(n.StoreDir)}
		if r, err := s.Run(context.Background(), Call{Args: args}); err != nil || requests.Load() == 0 {
			t.Errorf("real Nix does not ask the cache of this test: %v %s", err, r.Stderr)
		}
		// Nor when the path goes away between the two questions.
		requests.Store(0)
		err := n.pathInfo(context.Background(), []lock.StorePath{invalidPath}, false, map[lock.StorePath]Info{})
		if err != nil || requests.Load() != 0 {
			t.Errorf("%v after %d requests", err, requests.Load())
		}
	})
}

// A user who may do nothing but ask the daemon learns the same, and signatures.
func TestInfoThroughADaemonIsTheSame(t *testing.T) {
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		s, n := newRealStore(t, real)
		paths := s.make()
		sign := `cd "$D"; nix-store --generate-binary-cache-key k-1 sec pub
nix --extra-experimental-features nix-command store sign -k sec -r ` + paths[1].In("$NIX_STORE_DIR")
		if r := real.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", sign}, Env: s.env}); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		direct, err := n.Info(context.Background(), paths, true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		daemon := real.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: s.env})
		daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cancel(); daemon.Wait() }()
		s.uid, s.env = 65534, append(s.env, "NIX_REMOTE=daemon")
		socket := filepath.Join(s.outside, "socket")
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(socket); err == nil || time.Now().After(end) {
				break
			}
		}
		asUser, err := n.Info(context.Background(), append([]lock.StorePath{invalidPath}, paths...), true)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(asUser) != fmt.Sprint(direct) || len(asUser) != 17 {
			t.Errorf("%d paths as a user, %d as root", len(asUser), len(direct))
		}
		if sigs := asUser[paths[1]].Signatures; len(sigs) != 1 || !strings.HasPrefix(sigs[0], "k-1:") {
			t.Errorf("signatures %q", sigs)
		}
	})
}

func TestAStoreThatCannotBeAskedIsAnErrorAndNotEmpty(t *testing.T) {
	realnix.Each(t, func(t *testing.T, real realnix.Nix) {
		s, n := newRealStore(t, real)
		paths := s.make()
		s.env = append(s.env, "NIX_REMOTE=daemon") // and none runs
		if infos, err := n.Info(context.Background(), paths, false); err == nil || infos != nil || !strings.Contains(err.Error(), "socket") {
			t.Errorf("%v, %v", infos, err)
		}
		n.StoreDir = "/elsewhere"
		s.env = s.env[:len(s.env)-1]
		if infos, err := n.Info(context.Background(), paths, false); err == nil || infos != nil {
			t.Errorf("%v, %v", infos, err)
		}
	})
}

// saying is a Runner that answers path-info with one text.
type saying struct {
	out  string
	code int
	err  error
	args [][]string
}

func (s *saying) Run(_ context.Context, c Call) (Result, error) {
	s.args = append(s.args, c.Args)
	if c.Args[0] == "nix-store" {
		return Result{}, s.err
	}
	return Result{Stdout: []byte(s.out), Stderr: []byte("warning: x\nerror: it is\x1b[31m\n  full"), Code: s.code}, s.err
}

func TestAnAnswerThatNixNeverGivesIsAnError(t *testing.T) {
	p := "/nix/store/" + string(dumped)
	const hash = "sha256-4lqf23F/UpnPeS4RdBnteYmWOH2NfIsLw5OWE3UOioc="
	good := fmt.Sprintf(`{%q: {"narHash": %q, "narSize": 120, "references": []}}`, p, hash)
	if infos, err := (&Nix{Runner: &saying{out: good}}).Info(context.Background(), []lock.StorePath{dumped}, false); err != nil || infos[dumped].Size != 120 {
		t.Fatalf("%v, %v", infos, err)
	}
	for _, out := range []string{
		"", "nonsense", "{}", "[]", "null", `{"/nix/store/x": null}`,
		fmt.Sprintf(`{%q: null, "/nix/store/11111111111111111111111111111111-x": null}`, p),
		fmt.Sprintf(`{%q: {"narHash": "sha256-AAAA", "narSize": 1}}`, p),
		fmt.Sprintf(`{%q: {"narHash": "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "narSize": 1}}`, p),
		fmt.Sprintf(`{%q: {"narHash": %q, "narSize": -1}}`, p, hash),
		fmt.Sprintf(`{%q: {"narHash": %q, "narSize": 1, "references": ["../x"]}}`, p, hash),
		fmt.Sprintf(`{%q: {"narHash": %q, "narSize": 1, "deriver": "/etc/passwd"}}`, p, hash),
		fmt.Sprintf(`{%q: {"narHash": %q, "narSize": 1, "version": 3}}`, p, hash),
		fmt.Sprintf(`{"info": {%q: {"narHash": %q, "narSize": 1}}, "version": 2}`, dumped, hash),
		good + "x",
	} {
		infos, err := (&Nix{Runner: &saying{out: out}}).Info(context.Background(), []lock.StorePath{dumped}, false)
		if err == nil || infos != nil {
			t.Errorf("%s: %v", out, infos)
		}
	}
	_, err := (&Nix{Runner: &saying{code: 1}}).Info(context.Background(), []lock.StorePath{dumped}, false)
	if err == nil || !strings.Contains(err.Error(), `nix ended with 1: "it is full"`) {
		t.Error(err)
	}
	none := errors.New("not found in PATH")
	if _, err := (&Nix{Runner: &saying{err: none}}).Info(context.Background(), []lock.StorePath{dumped}, false); !errors.Is(err, none) {
		t.Error(err)
	}
	if _, err := (&Nix{Runner: &saying{}}).Info(context.Background(), []lock.StorePath{"--option"}, false); err == nil {
		t.Error("a flag was taken for a path")
	}
}

// A Nix that wants to be told the format is told it.
func TestALaterNixIsToldTheFormat(t *testing.T) {
	asked := 0
	n := &Nix{Runner: runnerFunc(func(c Call) (Result, error) {
		switch {
		case c.Args[0] == "nix-store":
			return Result{}, nil
		case !slices.Contains(c.Args, "--json-format"):
			asked++
			return Result{Code: 1, Stderr: []byte("error: '--json' needs '--json-format'")}, nil
		}
		out, err := json.Marshal(map[string]any{"/nix/store/" + string(dumped): nil})
		return Result{Stdout: out}, err
	})}
	infos, err := n.Info(context.Background(), []lock.StorePath{dumped}, false)
	if err != nil || len(infos) != 0 || asked != 1 {
		t.Errorf("%v, %v", infos, err)
	}
}

type runnerFunc func(Call) (Result, error)

func (f runnerFunc) Run(_ context.Context, c Call) (Result, error) { return f(c) }

// No call is longer than a system takes, and every path is in one.
func TestManyPathsAreAskedForInSeveralCalls(t *testing.T) {
	var paths []lock.StorePath
	for i := range 9000 {
		paths = append(paths, lock.StorePath(fmt.Sprintf("%032d-%s", i, strings.Repeat("n", i%200+1))))
	}
	n, seen := &Nix{}, 0
	chunks := n.chunks(paths)
	for _, c := range chunks {
		size := 0
		for _, w := range n.full(c) {
			size += len(w) + 9
		}
		if seen += len(c); size > argBytes+300 || len(c) == 0 {
			t.Errorf("a call of %d bytes", size)
		}
	}
	if seen != len(paths) || len(chunks) < 4 || n.chunks(nil) != nil {
		t.Errorf("%d paths in %d calls", seen, len(chunks))
	}
}

// Whatever is printed is either refused or made of what a lock can have.
func FuzzInfosOfTheStore(f *testing.F) {
	p := "/nix/store/" + string(dumped)
	f.Add(fmt.Sprintf(`{%q: {"narHash": "sha256-4lqf23F/UpnPeS4RdBnteYmWOH2NfIsLw5OWE3UOioc=", "narSize": 120, "references": [%q], "deriver": null, "ca": null, "signatures": ["a:b"]}}`, p, p))
	f.Add(fmt.Sprintf(`[{"path": %q, "valid": false}]`, p))
	f.Add(`{"info": {}, "storeDir": "/nix/store", "version": 2}`)
	f.Fuzz(func(t *testing.T, out string) {
		infos, err := (&Nix{}).parseInfos([]byte(out))
		if err != nil && infos != nil {
			t.Errorf("both %v and %v", infos, err)
		}
		for p, i := range infos {
			if i == nil {
				continue
			}
			if i.NAR.IsZero() || i.Size < 0 || !slices.IsSorted(i.Refs) {
				t.Errorf("%s: %+v", p, i)
			}
			l := lock.New()
			l.Section("x86_64-linux").Paths[p] = lock.Pin{NAR: i.NAR, Size: max(i.Size, 1), Refs: i.Refs}
			if err := l.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
