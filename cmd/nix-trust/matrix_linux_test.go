package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/message"
)

// The matrix holds what `why --json` predicts against what real Nix does: for
// each of three versions, daemons that trust the user in different ways and
// list different things, flakes that ask in different forms, and answers that
// were saved or not. Each case builds one new derivation that every cache of
// the case has, signed by the cache's own key; what Nix prints, which caches it
// contacts and where it fetches from decides.

// A rule is how a daemon treats the user.
type rule struct {
	name, user string
	conf       string
	refused    bool
	local      bool // no daemon: the user owns the store
}

var rules = []rule{
	{name: "untrusted", user: "alice", conf: "trusted-users = root"},
	{name: "named", user: "alice", conf: "trusted-users = root alice"},
	{name: "group-member", user: "bob", conf: "trusted-users = root @wheel"},
	{name: "primary-group", user: "carol", conf: "trusted-users = root @staff"},
	{name: "everyone", user: "alice", conf: "trusted-users = *"},
	{name: "local", user: "root", conf: "trusted-users = nobody", local: true},
	{name: "refused", user: "dave", conf: "trusted-users = root\nallowed-users = alice", refused: true},
}

// A matrixCase is a flake, what was answered before, and what the daemon lists.
// In its texts A, B are the URLs of two caches, KA, KB their keys, and KX a key
// with the name of KA and other bytes.
type matrixCase struct {
	name    string
	config  string // the nixConfig
	answers string // trusted-settings.json, "" for none
	daemon  string // lines for the daemon's nix.conf
	env     string // lines for NIX_CONFIG
	user    string // lines for the user's nix.conf
	some    bool   // run with the rules untrusted and named alone
}

const (
	asksAB  = `extra-substituters = [ "A" "B" ]; extra-trusted-public-keys = [ "KA" "KB" ];`
	asksA   = `extra-substituters = [ "A" ]; extra-trusted-public-keys = [ "KA" ];`
	yesA    = `{"extra-substituters":{"A":true},"extra-trusted-public-keys":{"KA":true}}`
	yesAB   = `{"extra-substituters":{"A B":true},"extra-trusted-public-keys":{"KA KB":true}}`
	listA   = "extra-trusted-substituters = A\nextra-trusted-public-keys = KA"
	listAtS = "extra-trusted-substituters = A/\nextra-trusted-public-keys = KA"
)

var matrixCases = []matrixCase{
	{name: "nothing-saved", config: asksA},
	{name: "saved-yes", config: asksA, answers: yesA},
	{name: "saved-yes-listed", config: asksA, answers: yesA, daemon: listA},
	{name: "saved-yes-two-one-listed", config: asksAB, answers: yesAB, daemon: listA},
	{name: "saved-yes-key-listed-only", config: asksA, answers: yesA, daemon: "extra-trusted-public-keys = KA"},
	{name: "saved-no", config: asksA, answers: `{"extra-substituters":{"A":false},"extra-trusted-public-keys":{"KA":false}}`, daemon: listA},
	{name: "half-accepted", config: asksA, answers: `{"extra-substituters":{"A":true},"extra-trusted-public-keys":{"KA":false}}`},
	{name: "listed-with-slash", config: asksA, answers: yesA, daemon: listAtS},

	{name: "asked-with-slash", some: true, config: `extra-substituters = "A/"; extra-trusted-public-keys = "KA";`,
		answers: `{"extra-substituters":{"A/":true},"extra-trusted-public-keys":{"KA":true}}`, daemon: listA},
	{name: "parameter-differs", some: true, config: `extra-substituters = "A?priority=10"; extra-trusted-public-keys = "KA";`,
		answers: `{"extra-substituters":{"A?priority=10":true},"extra-trusted-public-keys":{"KA":true}}`, daemon: listA},
	{name: "parameters-in-another-order", some: true, config: `extra-substituters = "A?want-mass-query=true&priority=10"; extra-trusted-public-keys = "KA";`,
		answers: `{"extra-substituters":{"A?want-mass-query=true&priority=10":true},"extra-trusted-public-keys":{"KA":true}}`, daemon: "extra-trusted-substituters = A?priority=10&want-mass-query=true\nextra-trusted-public-keys = KA"},
	{name: "capital-scheme", some: true, config: `extra-substituters = "HTTPA"; extra-trusted-public-keys = "KA";`,
		answers: `{"extra-substituters":{"HTTPA":true},"extra-trusted-public-keys":{"KA":true}}`, daemon: listA},
	{name: "reordered", some: true, config: `extra-substituters = [ "B" "A" ];`, answers: yesAB, daemon: listA},
	{name: "skeleton-key", some: true, config: `accept-flake-config = true; ` + asksA, answers: `{"accept-flake-config":{"true":true}}`, daemon: listA},
	{name: "skeleton-key-not-saved", some: true, config: `accept-flake-config = true; ` + asksA},
	{name: "replaces-the-list", some: true, config: `substituters = [ "A" ]; extra-trusted-public-keys = [ "KA" ];`,
		answers: `{"substituters":{"A":true},"extra-trusted-public-keys":{"KA":true}}`, daemon: listA},
	{name: "extra-overwritten", some: true, config: `substituters = [ "A" ]; extra-substituters = [ "B" ];`,
		answers: `{"substituters":{"A":true},"extra-substituters":{"B":true}}`, daemon: listA + "\nextra-trusted-substituters = B"},
	{name: "alias", some: true, config: `extra-binary-caches = [ "A" ]; extra-binary-cache-public-keys = "KA";`,
		answers: `{"extra-binary-caches":{"A":true},"extra-binary-cache-public-keys":{"KA":true}}`, daemon: listA},
	{name: "key-name-clash", some: true, config: asksA, answers: yesA, daemon: "extra-trusted-substituters = A\nextra-trusted-public-keys = KX"},
	{name: "listed-without-key", some: true, config: asksA, answers: yesA, daemon: "extra-trusted-substituters = A"},
	{name: "global-substituter", some: true, config: asksA, daemon: "extra-substituters = A\nextra-trusted-public-keys = KA"},
	{name: "global-substituter-no-key", some: true, config: asksA, daemon: "extra-substituters = A"},
	{name: "accepted-everything", some: true, config: asksA, env: "accept-flake-config = true", daemon: listA},
	{name: "accepted-against-a-no", some: true, config: asksA, env: "accept-flake-config = true", answers: `{"extra-substituters":{"A":false}}`},
	{name: "user-file", some: true, config: ``, user: "extra-substituters = A\nextra-trusted-public-keys = KA", daemon: listA},
	{name: "user-file-unlisted", some: true, config: ``, user: "extra-substituters = A\nextra-trusted-public-keys = KA"},
	{name: "environment", some: true, config: asksA, env: "extra-substituters = A", daemon: listA},
	{name: "substitution-off", some: true, config: asksA, answers: yesA, daemon: listA, env: "substitute = false"},
	{name: "trusted-parameter", some: true, config: `extra-substituters = "A?trusted=1";`, answers: `{"extra-substituters":{"A?trusted=1":true}}`},
	{name: "other-settings", some: true, config: `allow-dirty = true; max-jobs = 3; post-build-hook = "/nowhere"; made-up = "x"; bash-prompt = "hi";`,
		answers: `{"allow-dirty":{"true":true},"max-jobs":{"3":true},"made-up":{"x":true}}`},
	{name: "restricted-setting", some: true, config: `http-connections = 3; connect-timeout = 4; timeout = 100;`,
		answers: `{"http-connections":{"3":true},"connect-timeout":{"4":true},"timeout":{"100":true}}`},
	{name: "bad-value", some: true, config: `require-sigs = "maybe"; ` + asksA, answers: `{"require-sigs":{"maybe":true},"extra-substituters":{"A":true}}`, daemon: listA},
	{name: "not-literal", some: true, config: `extra-substituters = [ ("A" + "") ];`, daemon: listA},
	{name: "broken-answers", some: true, config: asksA, answers: `{"extra-substituters":{"A":1}}`, daemon: listA},
	{name: "whitelisted-with-broken-answers", some: true, config: `bash-prompt = "x";`, answers: `[]`},
	{name: "value-with-newline", some: true, config: `extra-substituters = "A\nB"; extra-trusted-public-keys = [ "KA" "KB" ];`,
		answers: `{"extra-substituters":{"A\nB":true},"extra-trusted-public-keys":{"KA KB":true}}`, daemon: listA},
	{name: "signatures-off-by-the-flake", config: `require-sigs = false; ` + asksA, daemon: "extra-trusted-substituters = A",
		answers: `{"require-sigs":{"false":true},"extra-substituters":{"A":true},"extra-trusted-public-keys":{"KA":false}}`},
	{name: "trusted-parameter-encoded", some: true, config: `extra-substituters = "A?%74rusted=1"; extra-trusted-public-keys = "KA";`, daemon: "extra-trusted-substituters = A?%74rusted=1",
		answers: `{"extra-substituters":{"A?%74rusted=1":true},"extra-trusted-public-keys":{"KA":false}}`},
	{name: "parameter-no-number", some: true, config: `extra-substituters = "A?priority=x"; extra-trusted-public-keys = "KA";`, daemon: listA + "\nextra-trusted-substituters = A?priority=x",
		answers: `{"extra-substituters":{"A?priority=x":true},"extra-trusted-public-keys":{"KA":true}}`},
	{name: "parameter-no-boolean", some: true, config: `extra-substituters = "A?trusted=maybe"; extra-trusted-public-keys = "KA";`, daemon: listA + "\nextra-trusted-substituters = A?trusted=maybe",
		answers: `{"extra-substituters":{"A?trusted=maybe":true},"extra-trusted-public-keys":{"KA":true}}`},
	{name: "flakes-off", some: true, config: `experimental-features = "nix-command"; ` + asksA,
		answers: `{"experimental-features":{"nix-command":true},"extra-substituters":{"A":true},"extra-trusted-public-keys":{"KA":true}}`, daemon: listA},
	{name: "no-claim", some: true, config: ``},
}

func TestPredictionsAreWhatRealNixDoes(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.8", "2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			nix := realnix.Get(t, version)
			m := newMatrix(t, nix, bin)
			for _, r := range rules {
				t.Run(r.name, func(t *testing.T) { m.rule(t, r) })
			}
			t.Logf("%d cases", m.cases)
			if m.cases < 50 {
				t.Errorf("only %d cases ran", m.cases)
			}
		})
	}
}

// matrix is one version's part.
type matrix struct {
	nix             realnix.Nix
	outside, inside string
	caches          *cacheServer
	cases           int
	log             string // of the daemon that was stopped last
}

func newMatrix(t *testing.T, nix realnix.Nix, bin string) *matrix {
	outside, inside := nix.Dir(t)
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "nix-trust"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	// A store that is there: two first connections at once may stumble over each
	// other, and a daemon without a state folder takes its own socket for its store.
	r := nix.Run(t, realnix.Cmd{Args: []string{"nix-store", "--init"}, Env: []string{
		"HOME=" + inside + "/root", "NIX_STORE_DIR=" + inside + "/store", "NIX_STATE_DIR=" + inside + "/state",
		"NIX_LOG_DIR=" + inside + "/log", "NIX_CONF_DIR=" + inside + "/none", "NIX_REMOTE=local",
	}})
	if r.Code != 0 {
		t.Fatalf("nix-store --init: %s", r.Stderr)
	}
	return &matrix{nix: nix, outside: outside, inside: inside, caches: newCacheServer(t)}
}

func (m *matrix) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(m.outside, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// id looks a user up in the root.
func (m *matrix) id(t *testing.T, name string) (uid, gid uint32) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(m.nix.Root, "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); f[0] == name {
			u, _ := strconv.ParseUint(f[2], 10, 32)
			g, _ := strconv.ParseUint(f[3], 10, 32)
			return uint32(u), uint32(g)
		}
	}
	t.Fatalf("no user %s in %s", name, m.nix.Root)
	return 0, 0
}

// rule runs every case that wants this rule, each against a daemon with the
// case's own lists.
func (m *matrix) rule(t *testing.T, r rule) {
	uid, gid := m.id(t, r.user)
	for _, c := range matrixCases {
		if c.some && r.name != "untrusted" && r.name != "named" {
			continue
		}
		if r.refused && c.name != "saved-yes" && c.name != "nothing-saved" {
			continue
		}
		m.cases++
		t.Run(c.name, func(t *testing.T) { m.run(t, r, c, uid, gid) })
	}
}

func (m *matrix) run(t *testing.T, r rule, c matrixCase, uid, gid uint32) {
	name := r.name + "-" + c.name
	base, a, b := m.caches.add(1, name+"/base"), m.caches.add(2, name+"/a"), m.caches.add(3, name+"/b")
	other := newKey(a.keyName)
	fill := strings.NewReplacer("KA", a.key(), "KB", b.key(), "KX", other.text,
		"HTTPA", "HTTP"+strings.TrimPrefix(a.url, "http"), "A", a.url, "B", b.url).Replace
	dir := m.inside + "/" + name
	drv := fmt.Sprintf(`derivation { name = "%s"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo built > $out" ]; }`, name)
	m.write(t, name+"/flake/flake.nix", fmt.Sprintf("{\n  nixConfig = { %s };\n  outputs = _: { x = %s; };\n}\n", fill(c.config), drv))
	m.write(t, name+"/etc/nix.conf", fmt.Sprintf("experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nflake-registry =\nsubstituters = %s\ntrusted-public-keys = %s\n%s\n%s\n",
		base.url, base.key(), r.conf, fill(c.daemon)))
	if c.user != "" {
		m.write(t, name+"/home/.config/nix/nix.conf", fill(c.user))
	}
	if c.answers != "" {
		m.write(t, name+"/home/.local/share/nix/trusted-settings.json", fill(c.answers))
	}
	chown(t, filepath.Join(m.outside, name, "home"), uid, gid)
	common := []string{
		"NIX_STORE_DIR=" + m.inside + "/store", "NIX_STATE_DIR=" + m.inside + "/state", "NIX_LOG_DIR=" + m.inside + "/log",
		"NIX_CONF_DIR=" + dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + dir + "/socket",
	}
	// The path that will be asked for, which every cache of the case has.
	out := m.nix.Run(t, realnix.Cmd{Args: []string{"nix-instantiate", "--eval", "--expr", "(" + drv + ").outPath"},
		Env: append([]string{"HOME=" + m.inside + "/root"}, common...)})
	path := strings.Trim(strings.TrimSpace(out.Stdout), `"`)
	if !strings.HasPrefix(path, m.inside+"/store/") {
		t.Fatalf("eval: %s%s", out.Stdout, out.Stderr)
	}
	for _, cache := range []*cache{base, a, b} {
		cache.serve(path)
	}
	// The base cache is there to be in effect and has nothing.
	base.narinfo = ""

	env := append([]string{"HOME=" + dir + "/home", "USER=" + r.user,
		"NIX_CONFIG=substitute = true\n" + fill(c.env)}, common...)
	if !r.local {
		stop := m.daemon(t, dir, common)
		defer stop()
		env = append(env, "NIX_REMOTE=daemon")
	}
	user := func(args ...string) realnix.Result {
		return m.nix.Run(t, realnix.Cmd{Args: args, Env: env, Dir: dir, UID: uid, GID: gid, Timeout: 30 * time.Second})
	}
	said := user(m.inside+"/nix-trust", "why", "--json", dir+"/flake")
	m.caches.forget()
	args := []string{"nix", "build", "path:" + dir + "/flake#x", "--no-link"}
	if !slices.Contains([]string{"2.26", "2.34"}, m.nix.Short) {
		args = append(args, "--debug") // 2.8 mentions dropped settings only so
	}
	did := user(args...)
	compare(t, said, did, m.caches.seen(), []*cache{a, b}, r)
}

func chown(t *testing.T, dir string, uid, gid uint32) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(p string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(p, int(uid), int(gid))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// daemon starts a real daemon as root and waits until it listens.
func (m *matrix) daemon(t *testing.T, dir string, env []string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := m.nix.Command(ctx, realnix.Cmd{Args: []string{"nix-daemon"}, Env: append([]string{"HOME=" + m.inside + "/root"}, env...)})
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(m.nix.Root, dir, "socket")
	for i := 0; ; i++ {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		if i > 500 {
			cancel()
			t.Fatalf("the daemon does not listen on %s: %s", socket, log.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
	return func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cancel()
		_ = cmd.Wait()
		m.log = log.String()
	}
}

var (
	ignoredSetting = regexp.MustCompile(`ignoring untrusted flake configuration setting '([^']+)'`)
	ignoredURL     = regexp.MustCompile(`ignoring untrusted substituter '([^']+)'`)
	restricted     = regexp.MustCompile(`ignoring the client-specified setting '([^']+)'`)
	unsigned       = regexp.MustCompile(`(?:the substitute for '[^']+' from '([^']+)' is not signed|ignoring substitute for '[^']+' from '([^']+)')`)
	colours        = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// canonical names of settings that the daemon's messages use.
var canonical = map[string]string{
	"extra-trusted-public-keys": "trusted-public-keys", "extra-binary-cache-public-keys": "trusted-public-keys",
}

// compare holds the prediction against what happened.
func compare(t *testing.T, said, did realnix.Result, seen map[string]*seenCache, caches []*cache, r rule) {
	t.Helper()
	var why whyJSON
	if err := json.Unmarshal([]byte(said.Stdout), &why); err != nil {
		t.Fatalf("why --json: %v\n%s%s", err, said.Stdout, said.Stderr)
	}
	stderr := colours.ReplaceAllString(did.Stderr, "")
	fail := func(format string, args ...any) {
		t.Helper()
		short := stderr
		if len(short) > 3000 {
			short = "…" + short[len(short)-3000:]
		}
		t.Errorf(format+"\nwhy: %s\nnix (exit %d): %s", append(args, said.Stdout, did.Code, short)...)
	}
	if r.refused {
		for _, s := range why.User.Reasons[:1] {
			if s.Code != "user-refused" {
				fail("the daemon refuses the user, the first reason is %s", s.Code)
			}
		}
		if did.Code == 0 {
			fail("nix was not refused")
		}
		for url := range seen {
			fail("a refused user's nix contacted %s", url)
		}
		for _, c := range why.Caches {
			if c.State == "usable" {
				fail("%s is said to be usable for a refused user", c.URL)
			}
		}
		return
	}
	want := map[bool]string{true: "trusted", false: "untrusted"}[r.name != "untrusted"]
	if why.User.Trusted != want {
		fail("the user is said to be %s, want %s", why.User.Trusted, want)
	}

	if rejected := why.Rejected != nil; rejected || did.Code != 0 {
		if !rejected || did.Code == 0 {
			fail("predicted rejection: %v", rejected)
			return
		}
		if msg := strings.TrimPrefix(why.Rejected.NixSays, "error: "); !strings.Contains(stderr, msg) {
			fail("Nix did not say %q", msg)
		}
		for _, c := range caches {
			if seen[c.url] != nil {
				fail("a rejected flake's cache %s was contacted", c.url)
			}
		}
		return
	}

	ignored := matches(ignoredSetting, stderr)
	dropped := matches(restricted, stderr)
	for _, s := range why.Settings {
		notApplied := s.State == "asks" || s.State == "denied"
		if ignored[s.Name] != notApplied {
			fail("%s is said to be %s; ignored by Nix: %v", s.Name, s.State, ignored[s.Name])
		}
		name := s.Name
		if canonical[name] != "" {
			name = canonical[name]
		}
		if s.State == "applied" && !strings.Contains(name, "substituters") && !strings.Contains(name, "binary-caches") {
			if drop := s.Daemon == "dropped"; dropped[name] != drop && !ineffective(s) {
				fail("%s is said to be %s by the daemon; dropped: %v", s.Name, s.Daemon, dropped[name])
			}
		}
	}

	refused := matches(ignoredURL, stderr)
	badSig := matches(unsigned, stderr)
	hears(t, did.Stderr, map[message.Kind]map[string]bool{
		message.SettingIgnored: ignored, message.SettingRestricted: dropped, message.SubstituterIgnored: refused, message.NotSigned: badSig,
	})
	usable := 0
	for _, c := range why.Caches {
		used := c.State == "usable" || c.State == "wrong-key"
		bare := strings.TrimRight(strings.SplitN(c.URL, "?", 2)[0], "/")
		got := seen[bare]
		if (got != nil) != used {
			fail("%s is said to be %s; contacted: %v", c.URL, c.State, got != nil)
		}
		if refused[c.URL] != (c.State == "ignored") {
			fail("%s is said to be %s; dropped by the daemon: %v", c.URL, c.State, refused[c.URL])
		}
		if strings.HasSuffix(c.URL, "/base") {
			continue
		}
		switch c.State {
		case "usable":
			usable++
		case "wrong-key":
			if got != nil && got.nar > 0 {
				fail("%s is said to be wrong-key, and its NAR was fetched", c.URL)
			}
			if got != nil && got.narinfo > 0 && usable == 0 && !badSig[c.URL] && !badSig[bare] {
				fail("%s is said to be wrong-key; Nix does not complain about its signature", c.URL)
			}
		}
	}
	fetched := 0
	for _, s := range seen {
		fetched += s.nar
	}
	if (fetched > 0) != (usable > 0) {
		fail("%d caches are said to be usable; %d NARs were fetched", usable, fetched)
	}
	for url, s := range seen {
		known := slices.ContainsFunc(why.Caches, func(c jsonCache) bool {
			return strings.TrimRight(strings.SplitN(c.URL, "?", 2)[0], "/") == url
		})
		if !known {
			fail("Nix contacted %s (%+v), of which nothing was said", url, *s)
		}
	}
}

// ineffective reports whether a dropped setting is one that is dropped in silence.
func ineffective(s jsonSetting) bool {
	return slices.ContainsFunc(s.Reasons, func(r jsonReason) bool { return r.Code == "setting-ineffective" })
}

func matches(re *regexp.Regexp, s string) map[string]bool {
	out := map[string]bool{}
	for _, m := range re.FindAllStringSubmatch(s, -1) {
		for _, g := range m[1:] {
			if g != "" {
				out[g] = true
			}
		}
	}
	return out
}

// cacheServer serves binary caches over loopback and counts what is asked.
type cacheServer struct {
	mu     sync.Mutex
	port   int
	caches map[string]*cache
	log    map[string]*seenCache
}

type seenCache struct{ info, narinfo, nar int }

type cache struct {
	url, keyName string
	private      ed25519.PrivateKey
	narinfo      string
	hash         string
	nar          []byte
}

type testKey struct {
	text    string
	private ed25519.PrivateKey
}

// newKey makes a key from its name and a count, so that two of one name differ.
var keyCount = struct {
	sync.Mutex
	n int
}{}

func newKey(name string) testKey {
	keyCount.Lock()
	keyCount.n++
	seed := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, keyCount.n))
	keyCount.Unlock()
	private := ed25519.NewKeyFromSeed(seed[:])
	return testKey{name + ":" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)), private}
}

func newCacheServer(t *testing.T) *cacheServer {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &cacheServer{port: l.Addr().(*net.TCPAddr).Port, caches: map[string]*cache{}, log: map[string]*seenCache{}}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return s
}

// add makes a cache under a path of its own, so that nothing Nix remembers of
// another one counts for it. The number chooses its address, after which its
// key is named.
func (s *cacheServer) add(host int, name string) *cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := fmt.Sprintf("127.0.0.%d", host)
	keyName := addr + "-1"
	k := newKey(keyName)
	c := &cache{url: fmt.Sprintf("http://%s:%d/%s", addr, s.port, name), keyName: keyName, private: k.private}
	s.caches["/"+name] = c
	return c
}

func (c *cache) key() string {
	return c.keyName + ":" + base64.StdEncoding.EncodeToString(c.private.Public().(ed25519.PublicKey))
}

// serve puts one file into the cache under a store path, signed.
func (c *cache) serve(path string) {
	str := func(b *bytes.Buffer, s string) {
		_ = binary.Write(b, binary.LittleEndian, uint64(len(s)))
		b.WriteString(s)
		b.Write(make([]byte, (8-len(s)%8)%8))
	}
	var nar bytes.Buffer
	for _, s := range []string{"nix-archive-1", "(", "type", "regular", "contents", "from the cache\n", ")"} {
		str(&nar, s)
	}
	sum := sha256.Sum256(nar.Bytes())
	hash := "sha256:" + nixbase32.EncodeToString(sum[:])
	fingerprint := fmt.Sprintf("1;%s;%s;%d;", path, hash, nar.Len())
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(c.private, []byte(fingerprint)))
	c.hash, _, _ = strings.Cut(filepath.Base(path), "-")
	c.nar = nar.Bytes()
	c.narinfo = fmt.Sprintf("StorePath: %s\nURL: nar/%s.nar\nCompression: none\nNarHash: %s\nNarSize: %d\nReferences: \nSig: %s:%s\n",
		path, hex.EncodeToString(sum[:8]), hash, nar.Len(), c.keyName, sig)
}

func (s *cacheServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	if len(parts) < 3 {
		http.NotFound(w, r)
		return
	}
	name := "/" + parts[0] + "/" + parts[1]
	c := s.caches[name]
	if c == nil {
		http.NotFound(w, r)
		return
	}
	seen := s.log[c.url]
	if seen == nil {
		seen = &seenCache{}
		s.log[c.url] = seen
	}
	rest := strings.TrimLeft(parts[2], "/")
	switch {
	case rest == "nix-cache-info":
		seen.info++
		store := ""
		if c.narinfo != "" {
			line, _, _ := strings.Cut(c.narinfo, "\n")
			store = "StoreDir: " + filepath.Dir(strings.TrimPrefix(line, "StorePath: ")) + "\n"
		}
		fmt.Fprintf(w, "%sPriority: 30\n", store)
	case rest == c.hash+".narinfo" && c.narinfo != "":
		seen.narinfo++
		fmt.Fprint(w, c.narinfo)
	case strings.HasPrefix(rest, "nar/") && c.narinfo != "":
		seen.nar++
		_, _ = w.Write(c.nar)
	default:
		http.NotFound(w, r)
	}
}

func (s *cacheServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = map[string]*seenCache{}
}

func (s *cacheServer) seen() map[string]*seenCache {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log
}
