package trust

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

// confOf reads text as the system's nix.conf and returns the lists it leads to.
func confOf(t *testing.T, before, text string, env bool) *nixconf.Config {
	t.Helper()
	conf, vars := before+"\n"+text+"\n", func(string) (string, bool) { return "", false }
	if env {
		conf, vars = before, func(name string) (string, bool) { return text, name == "NIX_CONFIG" }
	}
	return nixconf.Load(files{"/etc/nix/nix.conf": conf},
		nixconf.Environment{Lookup: vars, Home: "/home/a", System: "x86_64-linux", CPUs: 2}, nixconf.Newest)
}

var snippetWant = Want{
	Caches: []string{"https://cache.example", "https://cache.example/", "http://127.0.0.1:37515/e0/"},
	Keys:   []string{goodKey},
}

func TestSystemSnippetAddsToWhatThereIs(t *testing.T) {
	for _, os := range []PlatformOS{PlatformPlain, PlatformDarwin, PlatformDeterminate, PlatformDebian} {
		p := Platform{OS: os, Restart: "sudo systemctl restart nix-daemon.service"}
		s, err := p.Snippet(TargetSystem, snippetWant)
		if err != nil {
			t.Fatal(err)
		}
		c := confOf(t, "trusted-substituters = https://other.example\nsubstituters = https://cache.nixos.org/\n", s.Command(), false)
		if got := strings.Join(c.Tokens("trusted-substituters"), " "); got != "http://127.0.0.1:37515/e0/ https://cache.example/ https://other.example" {
			t.Errorf("%v: trusted-substituters = %s", os, got)
		}
		if got := strings.Join(c.Tokens("substituters"), " "); got != "https://cache.nixos.org/" {
			t.Errorf("%v: substituters = %s", os, got)
		}
		keys := c.Tokens("trusted-public-keys")
		if len(keys) != 2 || keys[1] != goodKey {
			t.Errorf("%v: keys %q", os, keys)
		}
		if !s.Admin || s.Then != p.Restart || c.Fatal != nil || len(c.Warnings) != 0 {
			t.Errorf("%v: %+v, warnings %v", os, s, c.Warnings)
		}
		want := "/etc/nix/nix.conf"
		if os == PlatformDeterminate {
			want = "/etc/nix/nix.custom.conf"
		}
		if s.File != want {
			t.Errorf("%v: file %s", os, s.File)
		}
	}
}

func TestCISnippetKeepsWhatTheJobHasSet(t *testing.T) {
	s, err := Platform{}.Snippet(TargetCI, snippetWant)
	if err != nil {
		t.Fatal(err)
	}
	body, ok := strings.CutPrefix(s.Text, "export NIX_CONFIG=\"${NIX_CONFIG:-}")
	if !ok || !strings.HasSuffix(body, "\"") || s.Admin {
		t.Fatalf("%+v", s)
	}
	c := confOf(t, "", "max-jobs = 3"+strings.TrimSuffix(body, "\""), true)
	if got := strings.Join(c.Tokens("substituters"), " "); got != "https://cache.nixos.org/ https://cache.example/ http://127.0.0.1:37515/e0/" || c.Get("max-jobs").Text != "3" {
		t.Errorf("substituters = %s, max-jobs = %s", got, c.Get("max-jobs").Text)
	}
	if keys := c.Tokens("trusted-public-keys"); len(keys) != 2 || keys[1] != goodKey {
		t.Errorf("keys %q", keys)
	}
}

func TestSnippetsRefuseWhatWouldDoMore(t *testing.T) {
	weak := "weak-1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, w := range map[string]Want{
		"nothing":                {},
		"checks turned off":      {Caches: []string{"https://x?trusted=1"}},
		"checks off, encoded":    {Everything: []string{"https://x?%74rusted=1"}},
		"a second line":          {Caches: []string{"https://x\naccept-flake-config = true"}},
		"a second token":         {Caches: []string{"https://x https://y"}},
		"a comment":              {Caches: []string{"https://x#y"}},
		"a shell's substitution": {Caches: []string{"https://x/$(id)"}},
		"a shell's quote":        {Keys: []string{`a"b:` + goodKey}},
		"Nix's own":              {Caches: []string{"https://x/${y}"}},
		"no store":               {Caches: []string{"gopher://x"}},
		"a malformed key":        {Keys: []string{"a:AAAA"}},
		"a weak key":             {Keys: []string{weak}},
		"two keys of one name":   {Keys: []string{goodKey, otherKey}},
		"two lines in a key":     {Keys: []string{goodKey + "\ntrusted-users = *"}},
	} {
		for _, target := range []Target{TargetSystem, TargetHomeManager, TargetCI} {
			for _, os := range []PlatformOS{PlatformPlain, PlatformNixOS} {
				if s, err := (Platform{OS: os}).Snippet(target, w); err == nil {
					t.Errorf("%s, target %d: offered %q", name, target, s.Text)
				}
			}
		}
	}
}

func TestRemovalNamesThePlaceThatDecides(t *testing.T) {
	at := nixconf.Origin{Layer: nixconf.LayerSystem, Name: "extra-trusted-substituters", Pos: nixconf.Pos{File: "/etc/nix/nix.conf", Line: 7, Col: 3}}
	user := nixconf.Origin{Layer: nixconf.LayerUser, Name: "extra-substituters", Pos: nixconf.Pos{File: "/home/a/.config/nix/nix.conf", Line: 2}}
	for _, c := range []struct {
		p                    Platform
		o                    nixconf.Origin
		admin                bool
		title, command, file string
	}{
		{Platform{Restart: "restart"}, at, true, "extra-trusted-substituters", "# then: restart", "/etc/nix/nix.conf:7"},
		{Platform{OS: PlatformNixOS}, at, true, "nix.settings.trusted-substituters", "nixos-rebuild", "/etc/nix/nix.conf:7"},
		{Platform{OS: PlatformNixDarwin}, at, true, "nix.settings.trusted-substituters", "darwin-rebuild", "/etc/nix/nix.conf:7"},
		{Platform{Restart: "restart"}, user, false, "extra-substituters", "", "/home/a/.config/nix/nix.conf:2"},
		{Platform{HomeManager: true}, user, false, "nix.settings.extra-substituters", "home-manager switch", "/home/a/.config/nix/nix.conf:2"},
		{Platform{}, nixconf.Origin{Layer: nixconf.LayerEnv, Pos: nixconf.Pos{File: "NIX_CONFIG", Line: 1}}, false, "NIX_CONFIG", "", "NIX_CONFIG:1"},
		{Platform{}, nixconf.Origin{Name: "substituters"}, true, "built-in substituters", "", ""},
	} {
		f := c.p.Removal(c.o, "https://x")
		if f.Admin != c.admin || !strings.Contains(f.Title, c.title) || !strings.Contains(f.Command, c.command) || c.command == "" && f.Command != "" || f.File != c.file {
			t.Errorf("%+v %+v: %+v", c.p, c.o, f)
		}
	}
}
