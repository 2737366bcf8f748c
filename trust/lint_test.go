package trust

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// facts are what a scene tells the engine, without asking it.
func (s scene) facts(t testing.TB) *Facts {
	t.Helper()
	var out Facts
	before := s.change
	s.change = func(f *Facts) {
		if before != nil {
			before(f)
		}
		out, *f = *f, Facts{}
	}
	s.decide(t)
	return &out
}

// linted are the findings of a scene as "code@file:line", but for those of the
// default findings of every scene.
func (s scene) linted(t testing.TB, scope LintScope) []string {
	t.Helper()
	var out []string
	for _, f := range LintOf(s.facts(t), scope).Findings {
		out = append(out, fmt.Sprintf("%s@%s", f.Code, place(f.Where)))
		if len(f.Fixes) != 1 || f.Fixes[0].Title == "" {
			t.Errorf("%s has not one way out: %+v", f.Code, f.Fixes)
		}
		if f.Text == "" || !strings.HasSuffix(f.Text, ".") || f.Text == "." {
			t.Errorf("%s does not say what happens: %q", f.Code, f.Text)
		}
	}
	return out
}

const (
	sys   = "@/etc/nix/nix.conf"
	admit = "trusted-substituters = " + cacheURL + "/\n"
)

func TestLintTellsRightFromWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		scene scene
		want  []string // exactly
	}{
		{"nothing is wrong with nothing", scene{}, nil},
		{"a file as NixOS writes it", scene{system: `# WARNING: this file is generated
allowed-users = *
auto-optimise-store = false
builders =
cores = 0
experimental-features = nix-command flakes
extra-sandbox-paths =
max-jobs = auto
require-sigs = true
sandbox = true
sandbox-fallback = false
substituters = https://nix-community.cachix.org https://cache.nixos.org/
system-features = nixos-test benchmark big-parallel kvm
trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY= nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs=
trusted-substituters =
trusted-users = root
`}, nil},
		{"a file as the installer writes it", scene{system: "build-users-group = nixbld\n"}, nil},
		{"a user's file of a few preferences", scene{user: "experimental-features = nix-command flakes\nwarn-dirty = false\nmax-jobs = 4\ncores = 2\nconnect-timeout = 5\nfallback = true\n"}, nil},
		{"root alone is trusted", scene{system: "trusted-users = root"}, nil},
		{"an empty list of users", scene{system: "trusted-users ="}, nil},
		{"each trusted user is told", scene{system: "trusted-users = root * @wheel mira"}, []string{"root-equivalent" + sys + ":1", "root-equivalent" + sys + ":1", "root-equivalent" + sys + ":1"}},
		{"signatures on", scene{system: "require-sigs = true"}, nil},
		{"off and then on again", scene{system: "require-sigs = false\nrequire-sigs = true"}, []string{"line-overwritten" + sys + ":1"}},
		{"the same value twice is harmless", scene{system: "max-jobs = 2\nmax-jobs = 2"}, nil},
		{"a user may override the system", scene{system: "max-jobs = 2", user: "max-jobs = 3"}, []string{"setting-restricted@/home/a/.config/nix/nix.conf:1"}[:0]},
		{"an added cache replaces nothing", scene{system: "extra-substituters = " + cacheURL + "\nextra-trusted-public-keys = " + goodKey}, nil},
		{"a list with the official cache in it", scene{system: "substituters = " + cacheURL + " https://cache.nixos.org\nextra-trusted-public-keys = " + goodKey}, nil},
		{"a list without it", scene{system: "substituters = https://b.example"}, []string{"defaults-replaced" + sys + ":1"}},
		{"an empty list says so itself", scene{system: "substituters ="}, nil},
		{"a key added", scene{system: admit + "extra-trusted-public-keys = " + goodKey}, nil},
		{"a cache that no key is for", scene{system: "extra-substituters = https://b.example"}, []string{"key-undeclared" + sys + ":1"}},
		{"a key that no cache is for", scene{system: "extra-trusted-public-keys = " + goodKey}, []string{"key-without-cache" + sys + ":1"}},
		{"a key that may be for a cache of another name", scene{system: "extra-trusted-public-keys = " + goodKey + "\nextra-substituters = https://b.example"}, nil},
		{"a key of no host", scene{system: "extra-trusted-public-keys = laptop-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="}, nil},
		{"keys replaced", scene{system: "trusted-public-keys = " + goodKey}, []string{"keys-replaced" + sys + ":1"}},
		{"keys replaced by the same and more", scene{system: admit + "trusted-public-keys = " + OfficialKey + " " + goodKey}, nil},
		{"one name, two keys", scene{system: admit + "extra-trusted-public-keys = " + goodKey + " " + otherKey}, []string{"key-name-clash" + sys + ":2"}},
		{"one key twice is harmless", scene{system: admit + "extra-trusted-public-keys = " + goodKey + " " + goodKey}, nil},
		{"an extra line after the plain one is kept", scene{system: "substituters = https://cache.nixos.org/\nextra-substituters = " + cacheURL + "\nextra-trusted-public-keys = " + goodKey}, nil},
		{"an extra line before it is lost", scene{system: "extra-substituters = https://b.example\nsubstituters = https://cache.nixos.org/"}, []string{"line-overwritten" + sys + ":1"}},
		{"unless the plain one has it too", scene{system: "extra-substituters = " + cacheURL + "\nsubstituters = https://cache.nixos.org/ " + cacheURL + "\nextra-trusted-public-keys = " + goodKey}, nil},
		{"listed with the slash", scene{system: "trusted-substituters = https://b.example/"}, nil},
		{"listed in both spellings", scene{system: "trusted-substituters = https://b.example https://b.example/"}, nil},
		{"a user's password is not one of a user alone", scene{system: "extra-trusted-substituters = ssh-ng://build@host.example"}, nil},
		{"a value that is meant to be empty", scene{system: "extra-platforms ="}, nil},
		{"a setting of another release", scene{system: "repeat = 1"}, []string{"unknown-setting" + sys + ":1"}},
		{"accept-flake-config off", scene{user: "experimental-features = flakes\naccept-flake-config = false"}, nil},
		{"a plain flake", scene{flake: claimText}, nil},
		{"a flake that turns accepting off", scene{flake: "nixConfig.accept-flake-config = false;"}, nil},
		{"a flake with the key of a listed cache", scene{flake: `nixConfig.extra-substituters = "` + cacheURL + `";`, system: "extra-trusted-public-keys = " + goodKey}, nil},
		{"a flake with two settings that do not collide", scene{flake: `nixConfig.binary-caches = "https://cache.nixos.org"; nixConfig.extra-substituters = "` + cacheURL + `"; nixConfig.extra-trusted-public-keys = "` + goodKey + `";`},
			[]string{"defaults-replaced@/f/flake.nix:2"}},
		{"a cosmetic setting", scene{flake: `nixConfig.bash-prompt = "hi";`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.scene.linted(t, LintScope{}); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What doctor finds in a file, lint finds too, at the same line.
func TestLintFindsWhatDoctorFindsInFiles(t *testing.T) {
	shared := []Code{
		CodeConfigFatal, CodeAcceptFlag, CodeSigsOff, CodeSettingRestricted, CodeSettingIneffective, CodeAnswersBroken, CodeSkeletonKey,
		CodeRootEquivalent, CodeStoreTrustedParam, CodeKeyMalformed, CodeSuspectText,
	}
	told := map[Code]bool{}
	for _, s := range []scene{
		{system: "substituters x"}, {user: "max-jobs = many"}, {system: "experimental-features = flakes", env: "accept-flake-config = true"}, {user: "experimental-features = flakes\naccept-flake-config = true"},
		{system: "require-sigs = false\ntrusted-users = * @wheel"}, {user: "trusted-users = a\nextra-trusted-public-keys = " + goodKey + "\nrequire-sigs = false\nnetrc-file = /x"},
		{answers: "[]"}, {answers: `{"accept-flake-config":{"true":true}}`}, {system: "extra-substituters = https://a.example?trusted=1\ntrusted-substituters = https://b.example?trusted=true"},
		{system: "extra-trusted-public-keys = nonsense"}, {flake: `nixConfig.extra-substituters = "https://cache.nixos.org.evil.example";`},
		{flake: "nixConfig.\"a\u202eb\" = \"x\";"}, {system: "trusted-users = root a", change: func(f *Facts) { f.Daemon.Trust = Trusted }},
	} {
		f := s.facts(t)
		l := LintOf(f, LintScope{})
		for _, d := range Decide(f).Findings {
			if !slices.Contains(shared, d.Code) || d.Where.File == "" {
				continue
			}
			told[d.Code] = true
			if !slices.ContainsFunc(l.Findings, func(f Finding) bool {
				return f.Code == d.Code && f.Where.File == d.Where.File && f.Where.Line == d.Where.Line
			}) {
				t.Errorf("doctor finds %s at %s (%s), and lint does not: %+v", d.Code, place(d.Where), d.Text, l.Findings)
			}
		}
	}
	for _, c := range shared {
		if !told[c] {
			t.Errorf("no scene makes doctor find %s", c)
		}
	}
}

func TestLintOfAFlakeTellsNothingOfTheMachine(t *testing.T) {
	s := scene{
		system: "trusted-users = *\nrequire-sigs = false\nnonsense = 1\ntrusted-substituters = https://a.example", user: "accept-flake-config = true\ntrusted-users = a",
		answers: `{"accept-flake-config":{"true":true}}`, flake: `nixConfig.substituters = "` + cacheURL + `"; nixConfig.extra-trusted-public-keys = "` + goodKey + `";`,
	}
	if got := s.linted(t, LintScope{Flakes: []int{0}}); !slices.Equal(got, []string{"defaults-replaced@/f/flake.nix:2"}) {
		t.Error(got)
	}
}

func TestLintNeverTakesUnreadForFine(t *testing.T) {
	for _, s := range []scene{
		{hidden: "/etc/nix/nix.conf"},
		{system: "include /etc/nix/more.conf", hidden: "/etc/nix/more.conf"},
		{change: func(f *Facts) { f.Client = nil }},
		{change: func(f *Facts) { f.Answers.State = nixconf.SourceUnreadable }},
		{change: func(f *Facts) { f.Flakes = []Flake{{ID: FlakeID{Path: "/g"}, Err: "no"}} }},
		{change: func(f *Facts) {
			f.Flakes = []Flake{{Rejection: &flake.Rejection{Message: "it is too deep", Unsure: true}}}
		}},
	} {
		l := LintOf(s.facts(t), LintScope{})
		if len(l.Unread) == 0 {
			t.Errorf("%+v: nothing is said to be unread: %+v", s, l)
		}
	}
	if l := LintOf(&Facts{}, LintScope{}); len(l.Unread) == 0 {
		t.Error("no facts at all are taken for a machine without mistakes")
	}
}

// Secrets of the files that are looked at are not in what is said of them.
func TestLintKeepsSecretsToItself(t *testing.T) {
	s := scene{
		system: "access-tokens = github.com=ghp_hunter2\nextra-substituters = https://mira:hunter2@a.example https://b.example?token=hunter2",
		flake:  `nixConfig.extra-substituters = "https://u:hunter2@c.example"; nixConfig.access-tokens = "x.example=hunter2"; nixConfig.extra-acces-tokens = "x=hunter2";`,
		env:    "access-tokens = a=hunter2",
		change: func(f *Facts) {
			l := LintOf(f, LintScope{})
			if len(l.Findings) < 5 {
				t.Errorf("too little was found: %+v", l.Findings)
			}
			for _, x := range l.Findings {
				// As it is printed, in every format.
				all := safetext.Redact(x.Subject + " " + x.Text + " " + x.Fixes[0].Title + " " + x.Fixes[0].Detail + "\n" + x.Fixes[0].Command)
				if strings.Contains(all, "hunter2") {
					t.Errorf("%s tells a secret: %s", x.Code, all)
				}
			}
		},
	}
	s.decide(t)
}

// Files as large as they are read, of every kind that is compared with others.
func TestLintEndsOnHugeFiles(t *testing.T) {
	fill := func(text string) string {
		var b strings.Builder
		for i := 0; b.Len() < 1<<20; i++ {
			fmt.Fprintf(&b, strings.ReplaceAll(text, "#", "%[1]d"), i)
		}
		return b.String()
	}
	for _, s := range []scene{
		{system: fill("extra-substituters = https://a#.example\n")},
		{system: "substituters = " + fill("https://a#.example ") + "\nsubstituters = " + cacheURL},
		{system: "trusted-public-keys = " + fill("a#:x ")},
		{system: "system-features = " + fill("f# ") + "\nsystem-features = x"},
		{user: fill("unknown# = 1\n")},
		{system: "trusted-users = " + fill("u# ")},
		{flake: `nixConfig.extra-substituters = "` + fill("https://a#.example ")[:1<<19] + `"; nixConfig.substituters = "x";`},
		{flake: "nixConfig = {" + fill("a# = 1;\n")[:1<<19] + "};", change: func(f *Facts) {
			if f.Flakes[0].Rejection != nil {
				f.Flakes[0].Rejection = &flake.Rejection{Unsure: true} // it was cut in the middle
			}
		}},
	} {
		facts := s.facts(t)
		at := time.Now()
		l := LintOf(facts, LintScope{})
		took := time.Since(at)
		t.Logf("%.40s…: %v", s.system+s.user+s.flake, took)
		if took > time.Minute {
			t.Errorf("%.60s…: %v", s.system+s.user+s.flake, took)
		}
		if len(l.Findings) == 0 && len(l.Unread) == 0 {
			t.Errorf("%.60s…: nothing is told", s.system+s.user+s.flake)
		}
	}
}

func TestNearNamesAreNear(t *testing.T) {
	for name, want := range map[string]string{
		"substituter": "substituters", "Substituters": "substituters", "trusted-pubic-keys": "trusted-public-keys", "max-job": "max-jobs",
		"x": "", "": "", "nothing-like-it": "", "trusted": "", strings.Repeat("substituters", 100_000): "",
	} {
		if got := nearName(name); got != want {
			t.Errorf("%.40q: %q, want %q", name, got, want)
		}
	}
}

// Any text in files and flakes: no panic, no hang, and each finding with its
// place and one way out.
func FuzzLint(f *testing.F) {
	f.Add("trusted-users = * \"a\", b\nsubstituters = https://a,, ?trusted=1 [x] ://\ntrusted-public-keys = a:b :: \"", "substituters", "https://a b", true)
	f.Add("include x\n!include y\nextra-substituters = a\nsubstituters = b", "extra-trusted-public-keys", "a:AAAA", false)
	f.Add("access-tokens = a=b c\naccept-flake-config = yes", "\x00\x1b", "\xff\xfe", true)
	f.Fuzz(func(t *testing.T, conf, name, value string, local bool) {
		if len(conf) > 4096 || len(value) > 4096 || len(name) > 256 {
			t.Skip()
		}
		s := scene{system: conf, user: conf, change: func(f *Facts) {
			if local {
				f.Nix.Store = StoreLocal
			}
			at := nixconf.Pos{File: "/f/flake.nix", Line: 1, Col: 1}
			f.Flakes = []Flake{{ID: FlakeID{Ref: "path:/f", Path: "/f"}, Config: []flake.Setting{{Name: name, Kind: flake.KindString, Value: value, Pos: at}}}}
		}}
		for _, code := range s.linted(t, LintScope{}) {
			if strings.HasPrefix(code, "@") {
				t.Error(code)
			}
		}
	})
}
