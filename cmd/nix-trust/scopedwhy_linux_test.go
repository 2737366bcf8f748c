package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// A daemonCase is a daemon that believes the gate's key, or not. In its texts
// GATE is the key, and FAKE another one of the same name.
type daemonCase struct {
	name  string
	conf  string // lines when the daemon starts
	later string // lines in their place afterwards, "" for the same
	user  string // the user's own nix.conf
	off   bool   // the user has substitution off
	takes bool   // it takes what the gate has signed
	want  string // what why says of the cache
}

var daemonCases = []daemonCase{
	{name: "listed", conf: "extra-trusted-public-keys = GATE", takes: true, want: "scoped"},
	{name: "not-listed", want: "ignored"},
	{name: "listed-after-the-start", later: "extra-trusted-public-keys = GATE", want: "unknown"},
	{name: "taken-out-after-the-start", conf: "extra-trusted-public-keys = GATE", later: "# nothing", takes: true, want: "unknown"},
	{name: "behind-another-of-its-name", conf: "extra-trusted-public-keys = FAKE GATE", want: "ignored"},
	{name: "before-another-of-its-name", conf: "extra-trusted-public-keys = GATE FAKE", takes: true, want: "scoped"},
	{name: "beside-a-malformed-one", conf: "extra-trusted-public-keys = GATE junk", want: "ignored"},
	{name: "listed-by-the-user", user: "extra-trusted-public-keys = GATE", want: "ignored"},
	{name: "listed-by-a-trusted-user", conf: "extra-trusted-users = alice", user: "extra-trusted-public-keys = GATE", takes: true, want: "scoped"},
	{name: "substitution-off", conf: "extra-trusted-public-keys = GATE", off: true, want: "off"},
	// The gate adds nothing there, and nothing is scoped: any cache may put in anything.
	{name: "signatures-off", conf: "require-sigs = false", takes: true, want: "ignored"},
	{name: "signatures-off-and-listed", conf: "require-sigs = false\nextra-trusted-public-keys = GATE", takes: true, want: "ignored"},
	{name: "replaced-by-the-file", conf: "extra-trusted-public-keys = GATE\ntrusted-public-keys = KEYS", want: "ignored"},
}

// What why says of a granted cache is what a fetch comes to: scoped is never said
// of one that brings nothing, and a refusal never of one that would.
func TestScopedIsWhatRealDaemonsLetThrough(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, realnix.Get(t, version), bin, "")
			s.write(t, "home/.local/state/nix-trust/gate.pub", s.key.PublicText()+"\n")
			s.home("home", s.uid, s.gid)
			first, err := os.ReadFile(filepath.Join(s.outside, "etc/nix.conf"))
			if err != nil {
				t.Fatal(err)
			}
			fake, err := gate.NewKey("nix-trust-gate-test-1")
			if err != nil {
				t.Fatal(err)
			}
			base := strings.Replace(string(first), s.key.PublicText(), "", 1)
			fill := strings.NewReplacer("GATE", s.key.PublicText(), "FAKE", fake.PublicText(), "KEYS", s.common.key.text)
			for _, c := range daemonCases {
				t.Run(c.name, func(t *testing.T) { s.scopedUnder(t, c, base, fill) })
			}
			for _, c := range grantCases {
				t.Run(c.name, func(t *testing.T) { s.scopedAfter(t, c) })
			}
		})
	}
}

// scopedUnder asks why under one daemon, and then fetches through the gate.
func (s *scene) scopedUnder(t *testing.T, c daemonCase, base string, fill *strings.Replacer) {
	outer := *s
	defer func() { *s = outer }()
	s.t = t
	dir := "d-" + c.name
	conf := filepath.Join(s.outside, dir, "etc/nix.conf")
	s.write(t, dir+"/etc/nix.conf", base+fill.Replace(c.conf)+"\n")
	common := []string{
		"NIX_STORE_DIR=" + s.inside + "/store", "NIX_STATE_DIR=" + s.inside + "/state", "NIX_LOG_DIR=" + s.inside + "/log",
		"NIX_CONF_DIR=" + s.inside + "/" + dir + "/etc", "NIX_DAEMON_SOCKET_PATH=" + s.inside + "/" + dir + "/socket",
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(conf, past, past); err != nil {
		t.Fatal(err)
	}
	defer s.daemon(t, s.inside+"/"+dir, common)()
	if c.later != "" {
		s.write(t, dir+"/etc/nix.conf", base+fill.Replace(c.later)+"\n")
		ahead := time.Now().Add(time.Minute)
		if err := os.Chtimes(conf, ahead, ahead); err != nil {
			t.Fatal(err)
		}
	}
	user := filepath.Join(s.outside, "home/.config/nix/nix.conf")
	if c.user != "" {
		s.write(t, "home/.config/nix/nix.conf", fill.Replace(c.user)+"\n")
		s.home("home", s.uid, s.gid)
		defer os.Remove(user)
	}
	s.env = append([]string{"NIX_REMOTE=daemon", fmt.Sprintf("NIX_CONFIG=substitute = %v", !c.off)}, common...)
	p := s.project(c.name)
	// The flake's setting was accepted: a grant is not the same as that.
	s.write(t, "home/.local/share/nix/trusted-settings.json", fmt.Sprintf(`{"extra-substituters":{%q:true},"extra-trusted-public-keys":{%q:false}}`, s.own.url, s.own.key.text))
	s.home("home", s.uid, s.gid)
	defer os.Remove(filepath.Join(s.outside, "home/.local/share/nix/trusted-settings.json"))
	if before := s.why(t, p); before.State == "scoped" || before.Grant != nil {
		t.Errorf("without a grant it is %s", before.State)
	}
	s.trust(0, p.dir, "grant", "--yes", "--confirmed", "--system", "x86_64-linux")
	said := s.why(t, p)
	if want := c.want; said.State != want && !(want == "ignored" && said.State == "wrong-key") {
		t.Errorf("why says %s, want %s: %+v", said.State, want, said.Reasons)
	}
	s.fetches(t, p, said, c)
}

// fetches fetches a project's paths, and holds what comes of it against what was
// said.
func (s *scene) fetches(t *testing.T, p *project, said jsonCache, c daemonCase) {
	t.Helper()
	r := s.as(s.uid, s.gid, "home", p.dir, s.inside+"/nix-trust", "fetch")
	came := r.Code == 0 && s.has(p.top) != "" && s.has(p.mid) != ""
	if came != c.takes {
		t.Fatalf("fetched: %v, want %v: exit %d\n%s%s", came, c.takes, r.Code, r.Stdout, r.Stderr)
	}
	if said.State == "scoped" && !came {
		t.Errorf("why says scoped, and nothing came: %s", r.Stderr)
	}
	if came && said.State != "scoped" && said.State != "unknown" && !strings.HasPrefix(c.name, "signatures-off") {
		t.Errorf("why says %s, and the paths came", said.State)
	}
}

// why is what it says of the flakes' own cache for a project.
func (s *scene) why(t *testing.T, p *project) jsonCache {
	t.Helper()
	r := s.as(s.uid, s.gid, "home", p.dir, s.inside+"/nix-trust", "why", "--json")
	var out whyJSON
	if err := json.Unmarshal([]byte(r.Stdout), &out); err != nil {
		t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
	}
	for _, c := range out.Caches {
		if c.URL == s.own.url {
			return c
		}
	}
	t.Fatalf("why does not speak of %s: %s", s.own.url, r.Stdout)
	return jsonCache{}
}

// A grantCase is what becomes of a grant, under a daemon that believes the gate.
type grantCase struct {
	name  string
	after func(s *scene, p *project)
	state string // of the grant, "" for none
	code  string // that why gives
	takes bool
}

var grantCases = []grantCase{
	{name: "granted", after: func(*scene, *project) {}, state: "active", code: "granted", takes: true},
	{name: "revoked", after: func(s *scene, p *project) { s.trust(0, p.dir, "revoke", "--yes") }},
	{name: "denied", after: func(s *scene, p *project) { s.trust(0, p.dir, "deny", "--yes") }, state: "denied", code: "flake-denied"},
	{name: "expired", after: func(s *scene, p *project) {
		s.edit("home/.config/nix-trust/grants.toml", "granted = 20", "expires = 2020-01-02T00:00:00Z\ngranted = 20")
		s.edit("home/.config/nix-trust/grants.toml", "granted = "+time.Now().UTC().Format("2006-01-02"), "granted = 2020-01-01")
	}, state: "expired", code: "grant-expired"},
	{name: "another-lock", after: func(s *scene, p *project) {
		l, err := lock.Parse("flake.cache-lock", s.read(p.dir+"/flake.cache-lock"))
		if err != nil {
			s.t.Fatal(err)
		}
		pin := l.Systems["x86_64-linux"].Paths[p.top]
		pin.NAR[0] ^= 1
		l.Systems["x86_64-linux"].Paths[p.top] = pin
		text, err := l.Print()
		if err != nil {
			s.t.Fatal(err)
		}
		s.write(s.t, p.dir+"/flake.cache-lock", string(text))
	}, state: "stale", code: "grant-stale"},
	{name: "no-lock", after: func(s *scene, p *project) {
		if err := os.Remove(filepath.Join(s.outside, p.dir, "flake.cache-lock")); err != nil {
			s.t.Fatal(err)
		}
	}, state: "lock-missing", code: "grant-lock-missing"},
	{name: "the-accepted-lock-is-gone", after: func(s *scene, p *project) {
		files, err := filepath.Glob(filepath.Join(s.outside, "home/.local/state/nix-trust/locks/*"))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				s.t.Fatal(err)
			}
		}
	}, state: "unreadable", code: "grant-unknown"},
	{name: "others-can-write-the-grants", after: func(s *scene, p *project) {
		if err := os.Chmod(filepath.Join(s.outside, "home/.config/nix-trust/grants.toml"), 0o666); err != nil {
			s.t.Fatal(err)
		}
	}},
}

func (s *scene) read(name string) []byte {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.outside, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *scene) edit(name, old, text string) {
	s.t.Helper()
	was := string(s.read(name))
	if !strings.Contains(was, old) {
		s.t.Fatalf("%s has no %q:\n%s", name, old, was)
	}
	s.write(s.t, name, strings.Replace(was, old, text, 1))
}

// scopedAfter grants, lets something become of it, asks why, and fetches.
func (s *scene) scopedAfter(t *testing.T, c grantCase) {
	outer := s.t
	s.t = t
	defer func() { s.t = outer }()
	grants := filepath.Join(s.outside, "home/.config/nix-trust/grants.toml")
	_ = os.Remove(grants)
	p := s.project(c.name)
	s.grant(p.dir)
	c.after(s, p)
	s.home("home", s.uid, s.gid)
	s.home(p.dir, s.uid, s.gid)
	said := s.why(t, p)
	state := ""
	if said.Grant != nil {
		state = said.Grant.State
	}
	has := c.code == ""
	for _, r := range said.Reasons {
		has = has || r.Code == c.code
	}
	if state != c.state || !has || (said.State == "scoped") != c.takes {
		t.Errorf("why says %s with a grant that is %q: %+v", said.State, state, said.Reasons)
	}
	r := s.as(s.uid, s.gid, "home", p.dir, s.inside+"/nix-trust", "fetch")
	if came := r.Code == 0 && s.has(p.top) != ""; came != c.takes {
		t.Errorf("fetched: %v, want %v: exit %d\n%s%s", came, c.takes, r.Code, r.Stdout, r.Stderr)
	}
}
