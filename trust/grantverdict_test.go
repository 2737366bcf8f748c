package trust

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

const (
	gateKey  = "nix-trust-gate-h-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
	gateFake = "nix-trust-gate-h-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	gateFile = "/home/a/.local/state/nix-trust/gate.pub"
)

// granted is a grant of the scene's flake.
func granted(state GrantState, change func(*Granted)) Granted {
	g := Granted{
		Flake: FlakeID{Ref: "path:/f", Path: "/f"}, Identity: "path:/f", State: state, Text: "So it is.", Lock: "40905d4ca53d",
		Systems: []string{"x86_64-linux"}, Where: nixconf.Pos{File: "/home/a/.config/nix-trust/grants.toml", Line: 4},
	}
	if state != GrantDenied {
		g.Caches = []GrantedCache{{URL: cacheURL, Keys: []string{goodKey}}}
	}
	if state == GrantActive {
		g.Paths = 12
	}
	if change != nil {
		change(&g)
	}
	return g
}

// Ways in which the claimed cache stands by itself.
var global = map[string]scene{
	"usable":    {flake: claimText, answers: yes, system: lists},
	"ignored":   {flake: claimText, answers: yes},
	"asks":      {flake: claimText},
	"denied":    {flake: claimText, answers: `{"extra-substituters":{"` + cacheURL + `":false}}`},
	"wrong-key": {flake: claimText, answers: yes, system: "extra-trusted-substituters = " + cacheURL + "\n"},
	// It is overwritten by a setting that sorts later.
	"off, and others on": {flake: claimText + ` nixConfig.substituters = "https://else.example";`, answers: `{"substituters":{"https://else.example":true},` + yes[1:]},
	"off":                {flake: claimText, answers: yes, system: lists, env: "substitute = false"},
	"unknown":            {flake: claimText, system: lists, change: func(f *Facts) { f.Answers.State = nixconf.SourceUnreadable }},
}

// Ways in which the gate's key stands, and whether it is in force.
var gateKeys = map[string]struct {
	system string
	change func(*Facts)
	of     Outcome
}{
	"listed":      {"extra-trusted-public-keys = " + gateKey + "\n", nil, Pass},
	"not listed":  {"", nil, Fail},
	"a clash":     {"extra-trusted-public-keys = " + gateFake + " " + gateKey + "\n", nil, Fail},
	"listed once": {"extra-trusted-public-keys = " + gateKey + " " + gateFake + "\n", nil, Pass},
	"no gate": {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) {
		f.Gate.User = GateKey{File: gateFile, State: nixconf.SourceMissing}
	}, Fail},
	"not looked at": {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) { f.Gate = Gate{} }, Unknown},
	"unreadable": {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) {
		f.Gate.User = GateKey{File: gateFile, State: nixconf.SourceUnreadable, Err: "no"}
	}, Unknown},
	"no key": {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) { f.Gate.User.Key = "junk" }, Unknown},
	"a stale daemon": {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) {
		f.Daemon.Started, f.Daemon.ChangedFile = time.Unix(1_700_000_000, 0), "/etc/nix/nix.conf"
		f.Daemon.FilesChanged = f.Daemon.Started.Add(time.Hour)
	}, Unknown},
	"a silent daemon": {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) {
		f.Daemon.State, f.Daemon.Trust = DaemonSilent, TrustUnknown
	}, Unknown},
	"a secret key": {"secret-key-files = /k\n", nil, Unknown},
	"no store":     {"extra-trusted-public-keys = " + gateKey + "\n", func(f *Facts) { f.Nix.Store = StoreNone }, Unknown},
}

func withGate(s scene, system string, change func(*Facts), grants ...Granted) scene {
	before := s.change
	s.system += system
	s.change = func(f *Facts) {
		f.Gate = Gate{
			User:    GateKey{File: gateFile, State: nixconf.SourceRead, Key: gateKey},
			Machine: GateKey{File: "/var/lib/nix-trust-gate/gate.pub", State: nixconf.SourceMissing},
		}
		f.Grants = grants
		for _, c := range []func(*Facts){before, change} {
			if c != nil {
				c(f)
			}
		}
	}
	return s
}

func cacheOf(t *testing.T, s scene) CacheVerdict {
	t.Helper()
	c := s.decide(t).Flakes[0].Caches[0]
	if c.URL != cacheURL {
		t.Fatalf("the first cache is %s", c.URL)
	}
	return c
}

// Every way in which a cache stands, a grant stands and the gate's key stands.
func TestScopedIsAnActiveGrantWhoseGateIsBelieved(t *testing.T) {
	states := []GrantState{"none", "", "Active", GrantActive, GrantStale, GrantRollback, GrantExpired, GrantNotYet, GrantDenied, GrantLockMissing, GrantFlakeGone, GrantUnreadable, GrantUnknown}
	seen := map[CacheState]int{}
	for name, s := range global {
		for keyName, key := range gateKeys {
			alone := cacheOf(t, withGate(s, key.system, key.change))
			if key.of == Pass && keyName == "listed" && alone.State.String() != strings.Split(name, ",")[0] {
				t.Errorf("%s: it is %s without a grant", name, alone.State)
			}
			for _, state := range states {
				var grants []Granted
				if state != "none" {
					grants = append(grants, granted(state, nil))
				}
				got := cacheOf(t, withGate(s, key.system, key.change, grants...))
				want := alone.State
				open := want != StateUsable && want != StateUnknown
				if name == "off" && state != GrantDenied { // nothing is asked, whatever is granted
					open = false
				}
				switch state {
				case "none", GrantStale, GrantRollback, GrantExpired, GrantNotYet, GrantLockMissing, GrantFlakeGone:
				case GrantDenied:
					if open {
						want = StateDenied
					}
				case GrantActive:
					if open && key.of == Pass {
						want = StateScoped
					}
					if open && key.of == Unknown {
						want = StateUnknown
					}
				default:
					if open && key.of != Fail {
						want = StateUnknown
					}
				}
				if got.State != want {
					t.Errorf("%s, grant %q, key %s: %s, want %s: %s", name, state, keyName, got.State, want, codes(got.Reasons))
				}
				if state == "none" && (got.Grant != nil || !reflect.DeepEqual(got, alone)) {
					t.Errorf("%s, key %s: without a grant it is something else", name, keyName)
				}
				if state != "none" && got.Grant == nil {
					t.Errorf("%s, grant %q: the verdict does not name it", name, state)
				}
				seen[got.State]++
				checkScoped(t, got, state, key.of)
			}
		}
	}
	for _, s := range []CacheState{StateUsable, StateScoped, StateAsks, StateDenied, StateIgnored, StateWrongKey, StateOff, StateUnknown} {
		if seen[s] == 0 {
			t.Errorf("no case is %s", s)
		}
	}
}

// checkScoped holds a verdict against what the word promises.
func checkScoped(t *testing.T, v CacheVerdict, state GrantState, key Outcome) {
	t.Helper()
	last := v.Reasons[len(v.Reasons)-1]
	if v.State == StateScoped {
		if state != GrantActive || key != Pass {
			t.Errorf("scoped with a grant %q and a key that is %s", state, key)
		}
		if last.Code != CodeGranted || !strings.Contains(last.Text, "12 pinned paths come through the gate") || !strings.Contains(last.Text, "Nothing else of this cache is trusted.") {
			t.Errorf("scoped, and the last step is %+v", last)
		}
		return
	}
	for _, r := range v.Reasons {
		if strings.Contains(r.Text, "Nothing else of this cache is trusted") {
			t.Errorf("%s says that nothing else is trusted: %s", v.State, codes(v.Reasons))
		}
	}
	if v.State == StateUsable && state == GrantActive && key == Pass && !strings.Contains(codes(v.Reasons), "granted:pass") {
		t.Errorf("the grant is not told: %s", codes(v.Reasons))
	}
}

// What one flake was granted is nothing to another, nor to another cache.
func TestAGrantIsForItsFlakeAndCachesAlone(t *testing.T) {
	listed := "extra-trusted-public-keys = " + gateKey + "\n"
	for name, change := range map[string]func(*Granted){
		"another flake":                  func(g *Granted) { g.Flake.Path, g.Flake.Ref = "/g", "path:/g" },
		"a flake not found here":         func(g *Granted) { g.Flake = FlakeID{} },
		"another cache":                  func(g *Granted) { g.Caches[0].URL = "https://cache.example.org" },
		"a folder of the cache":          func(g *Granted) { g.Caches[0].URL = cacheURL + "/x" },
		"another scheme":                 func(g *Granted) { g.Caches[0].URL = "http://cache.example" },
		"another port":                   func(g *Granted) { g.Caches[0].URL = cacheURL + ":8443" },
		"no cache":                       func(g *Granted) { g.Caches = nil },
		"nothing that is not in dispute": func(g *Granted) { g.Paths, g.Disputed = 0, 3 },
	} {
		if c := cacheOf(t, withGate(global["ignored"], listed, nil, granted(GrantActive, change))); c.State != StateIgnored {
			t.Errorf("%s: %s, %s", name, c.State, codes(c.Reasons))
		}
	}
	s := scene{flake: strings.ReplaceAll(claimText, cacheURL+`"`, `HTTPS://cache.example:443//?priority=3"`), answers: `{}`}
	c := withGate(s, listed, nil, granted(GrantActive, nil)).decide(t).Flakes[0].Caches[0]
	if c.State != StateScoped {
		t.Errorf("%s, another spelling of the cache: %s", c.URL, c.State)
	}
}

// Root's grants come through either gate, a user's only through the user's own.
func TestEachGateServesItsOwnGrants(t *testing.T) {
	const machineKey = "nix-trust-gate-m-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	for _, c := range []struct {
		root, user, machine bool // whose grant, and which keys are believed
		want                CacheState
		advice              string
	}{
		{false, true, false, StateScoped, "nix-trust fetch /f"},
		{false, false, true, StateIgnored, "sudo nix-trust grant /f"},
		{false, false, false, StateIgnored, "nix-trust setup"},
		{true, true, false, StateScoped, "nix-trust fetch /f"},
		{true, false, true, StateScoped, "nix-trust fetch /f"},
		{true, false, false, StateIgnored, "nix-trust setup"},
	} {
		lines := ""
		if c.user {
			lines += "extra-trusted-public-keys = " + gateKey + "\n"
		}
		if c.machine {
			lines += "extra-trusted-public-keys = " + machineKey + "\n"
		}
		s := withGate(global["ignored"], lines, func(f *Facts) {
			f.User.UID = 1000
			f.Gate.Machine.State, f.Gate.Machine.Key = nixconf.SourceRead, machineKey
		}, granted(GrantActive, func(g *Granted) { g.Machine = c.root }))
		v := cacheOf(t, s)
		if v.State != c.want || !strings.Contains(commands(v.Reasons), c.advice+"\n") {
			t.Errorf("%+v: %s, %s\n%s", c, v.State, codes(v.Reasons), commands(v.Reasons))
		}
	}
}

// A trusted user's flake may replace the list of keys, and with it the gate's.
func TestAFlakeThatReplacesTheKeysKeepsTheGateOut(t *testing.T) {
	s := scene{
		flake:   `nixConfig.extra-substituters = "` + cacheURL + `"; nixConfig.trusted-public-keys = "` + otherName + `";`,
		answers: `{"trusted-public-keys":{"` + otherName + `":true},"extra-substituters":{"` + cacheURL + `":false}}`,
		user:    "extra-trusted-public-keys = " + gateKey + "\n",
	}
	for trust, want := range map[Trust]CacheState{Trusted: StateDenied, Untrusted: StateDenied} {
		v := cacheOf(t, withGate(s, "", func(f *Facts) { f.Daemon.Trust = trust }, granted(GrantActive, nil)))
		if v.State != want {
			t.Errorf("%s: %s, %s", trust, v.State, codes(v.Reasons))
		}
	}
	s.flake = claimText
	v := cacheOf(t, withGate(s, "", func(f *Facts) { f.Daemon.Trust = Trusted }, granted(GrantActive, nil)))
	if v.State != StateScoped {
		t.Errorf("without the replacement: %s, %s", v.State, codes(v.Reasons))
	}
}

// What a trusted user's flake does to the list of keys may hang on answers that
// cannot be read. An untrusted user's does nothing to it.
func TestNothingIsScopedWhileAFlakesKeysAreNotKnown(t *testing.T) {
	s := scene{
		flake:  `nixConfig.trusted-public-keys = "` + otherName + `";`,
		change: func(f *Facts) { f.Answers.State = nixconf.SourceUnreadable },
	}
	for trust, want := range map[Trust]CacheState{Trusted: StateUnknown, Untrusted: StateScoped} {
		listed := "extra-trusted-public-keys = " + gateKey + "\n"
		all := withGate(s, listed, func(f *Facts) { f.Daemon.Trust = trust }, granted(GrantActive, nil)).decide(t).Flakes[0].Caches
		if v := all[len(all)-1]; v.URL != cacheURL || v.State != want {
			t.Errorf("%s: %s is %s, want %s: %s", trust, v.URL, v.State, want, codes(v.Reasons))
		}
	}
}

// A cache that only a grant names is the flake's as well, and a flake that Nix
// refuses has no use of any.
func TestACacheThatOnlyAGrantNamesIsShown(t *testing.T) {
	listed := "extra-trusted-public-keys = " + gateKey + "\n"
	for flake, want := range map[string]CacheState{`description = "x";`: StateScoped, `nixConfig.allow-dirty = true;`: StateScoped} {
		f := withGate(scene{flake: flake}, listed, nil, granted(GrantActive, nil)).decide(t).Flakes[0]
		last := f.Caches[len(f.Caches)-1]
		if last.URL != cacheURL || last.State != want || last.Claimed || !last.Own() || f.State != want {
			t.Errorf("%s: %s is %s, the flake %s", flake, last.URL, last.State, f.State)
		}
	}
	for _, s := range []scene{
		{flake: `nixConfig.extra-substituters = [ ("a" + "b") ];`}, {flake: claimText, answers: "{"}, {flake: claimText, answers: yes, user: "a=b"},
	} {
		f := withGate(s, listed, nil, granted(GrantActive, nil)).decide(t).Flakes[0]
		for _, c := range f.Caches {
			if c.State == StateScoped || f.State != StateOff {
				t.Errorf("%s: %s is %s, the flake %s", s.flake, c.URL, c.State, f.State)
			}
		}
	}
	denied := withGate(scene{flake: `description = "x";`}, listed, nil, granted(GrantDenied, func(g *Granted) { g.Caches = []GrantedCache{{URL: cacheURL}} })).decide(t)
	for _, c := range denied.Flakes[0].Caches {
		if c.URL == cacheURL {
			t.Errorf("the flake is denied, and %s is among its caches: %s", c.URL, c.State)
		}
	}
	// Nothing is in the list of the machine because of a grant for a flake.
	r := withGate(scene{flake: `description = "x";`}, listed, nil, granted(GrantActive, nil)).decide(t)
	for _, c := range r.Caches {
		if c.URL == cacheURL && (c.State != StateOff || c.InEffect || len(c.Flakes) != 0 || len(c.Granted) != 1) {
			t.Errorf("%+v", c)
		}
	}
}

// Signatures that are not checked make no gate trustworthy, and keep nothing of
// what is granted out, whether its key is listed or not.
func TestWithoutSignatureChecksNothingIsScoped(t *testing.T) {
	for _, system := range []string{"", "extra-trusted-public-keys = " + gateKey + "\n"} {
		for name, state := range map[string]CacheState{"ignored": StateIgnored, "asks": StateAsks, "denied": StateDenied} {
			s := withGate(global[name], "require-sigs = false\n"+system, nil, granted(GrantActive, nil))
			v := cacheOf(t, s)
			if v.State != state || v.Grant == nil {
				t.Errorf("%s, keys %q: %s: %s", name, system, v.State, codes(v.Reasons))
			}
			if said := codes(v.Reasons); !strings.Contains(said, "sigs-off:pass") || !strings.Contains(said, "granted:pass") || strings.Contains(said, "gate-key-missing") {
				t.Errorf("%s, keys %q: %s", name, system, said)
			}
			checkScoped(t, v, GrantActive, Pass)
			for _, f := range s.decide(t).Findings {
				if f.Code == CodeGateKeyMissing {
					t.Errorf("%s, keys %q: %s", name, system, f.Text)
				}
			}
		}
	}
}

func TestGrantsThatServeNothingAreFindings(t *testing.T) {
	find := func(s scene, code Code) *Finding {
		for _, f := range s.decide(t).Findings {
			if f.Code == code {
				return &f
			}
		}
		return nil
	}
	s := withGate(scene{}, "", func(f *Facts) {
		f.GrantFiles = []GrantFile{{Path: "/g.toml", State: nixconf.SourceUnreadable, Err: "a word too many", Where: nixconf.Pos{File: "/g.toml", Line: 3}}}
		f.Disputes = []GrantDispute{{Text: "a and b disagree"}}
	}, granted(GrantActive, func(g *Granted) { g.Flake = FlakeID{} }), granted(GrantExpired, nil))
	for code, where := range map[Code]int{CodeGateKeyMissing: 4, CodeGrantsUnreadable: 3, CodeGrantConflict: 0} {
		if f := find(s, code); f == nil || f.Where.Line != where || f.Text == "" {
			t.Errorf("%s: %+v", code, f)
		}
	}
	for _, quiet := range []scene{
		withGate(scene{}, "extra-trusted-public-keys = "+gateKey+"\n", nil, granted(GrantActive, nil)), withGate(scene{}, "", nil), withGate(scene{}, "", nil, granted(GrantExpired, nil)),
	} {
		if f := find(quiet, CodeGateKeyMissing); f != nil {
			t.Errorf("%+v", f)
		}
	}
}

// What is known of gates changes nothing without a grant.
func TestAGateAloneChangesNoState(t *testing.T) {
	for name, s := range global {
		with, without := cacheOf(t, withGate(s, "", nil)), cacheOf(t, s)
		if with.State != without.State || codes(with.Reasons) != codes(without.Reasons) {
			t.Errorf("%s: %s instead of %s: %s", name, with.State, without.State, codes(with.Reasons))
		}
	}
}

// Whatever the facts, scoped takes an active grant of this flake that names this
// cache, serves something, and comes through a gate whose key the answering
// daemon lists first of its name.
func TestNothingElseIsScoped(t *testing.T) {
	pick := rand.New(rand.NewPCG(5, 5))
	one := func(n int) bool { return pick.IntN(n) == 0 }
	names := slices.Sorted(maps.Keys(global))
	keys := slices.Sorted(maps.Keys(gateKeys))
	states := []GrantState{GrantActive, GrantActive, GrantActive, GrantActive, GrantStale, GrantExpired, GrantDenied, GrantUnknown, "x"}
	scoped := 0
	for range 5000 {
		key := keys[pick.IntN(len(keys))]
		var grants []Granted
		denied, may := false, false
		for range pick.IntN(3) {
			g := granted(states[pick.IntN(len(states))], func(g *Granted) {
				if one(4) {
					g.Flake.Path = "/other"
				}
				if one(4) && g.Caches != nil {
					g.Caches[0].URL += "/else"
				}
				if one(4) {
					g.Paths = 0
				}
				g.Machine = one(3)
			})
			grants = append(grants, g)
			here := g.Flake.Path == "/f"
			denied = denied || here && g.State == GrantDenied
			may = may || here && g.State == GrantActive && g.Paths > 0 && g.Covers(cacheURL)
		}
		s := withGate(global[names[pick.IntN(len(names))]], gateKeys[key].system, gateKeys[key].change, grants...)
		if v := cacheOf(t, s); v.State == StateScoped {
			scoped++
			if !may || denied || gateKeys[key].of != Pass {
				t.Fatalf("key %s, %+v: %s", key, grants, codes(v.Reasons))
			}
		}
	}
	if scoped < 50 {
		t.Errorf("only %d of the cases were scoped", scoped)
	}
}
