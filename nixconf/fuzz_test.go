package nixconf_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

var texts = []string{
	"", "\n", "a = b", "a = b\n", "a=b\n", "\ufeffa = b\r\n# c\r\n", "include x\n!include y # z\n", "a \f = b\x00c\n",
	"experimental-features = flakes nope\naccept-flake-config = true\n", "cores = 99999999999T\n", "cores\n", "sandbox-paths = /a=/b? /a//=/c\n",
	"substituters = https://a?x=%41 daemon /b\nextra-substituters = z\n", "include nix.conf\n", strings.Repeat("extra-trusted-users = a b\n", 50),
	"external-builders = [{\"systems\":[\"a\"],\"program\":\"b\",\"args\":[]}]\nwarn-short-path-literals = true\n", "\xff\xfe = \x80\n",
}

func FuzzParseIsLossless(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := nixconf.Parse("nix.conf", data)
		if !bytes.Equal(file.Bytes(), data) {
			t.Error("Bytes is not what was parsed")
		}
		var joined []byte
		n := 0
		for line := range file.Lines() {
			if n++; line.Number != n {
				t.Errorf("line %d is numbered %d", n, line.Number)
			}
			joined = append(joined, line.Raw...)
			for _, tok := range line.Tokens {
				if at := line.Raw[tok.Col-1:]; !bytes.HasPrefix(at, []byte(tok.Text)) {
					t.Errorf("line %d: %q is not at column %d of %q", n, tok.Text, tok.Col, line.Raw)
				}
			}
		}
		if !bytes.Equal(joined, data) {
			t.Errorf("the lines make %q of %q", joined, data)
		}
	})
}

func FuzzLoadNeverPanics(f *testing.F) {
	for i, s := range texts {
		f.Add(s, texts[(i+5)%len(texts)], texts[(i+9)%len(texts)], uint8(i))
	}
	f.Fuzz(func(t *testing.T, system, user, env string, what uint8) {
		files := mapFiles{
			"/etc/nix/nix.conf":                system,
			"/etc/nix/x":                       user,
			"/home/alice/.config/nix/nix.conf": user,
		}
		list := []string{"NIX_CONFIG=" + env}
		switch what % 6 {
		case 1:
			list = append(list, "NIX_CONF_DIR="+system)
		case 2:
			list = append(list, "NIX_USER_CONF_FILES="+user)
		case 3:
			list = append(list, "NIX_PATH="+system, "NIX_REMOTE="+user)
		case 4:
			list = append(list, "XDG_CONFIG_HOME="+system, "XDG_CONFIG_DIRS="+user)
		}
		e := alice(list...)
		e.Offline = what&64 != 0
		for _, v := range versions {
			c := nixconf.Load(files, e, v)
			if c.Fatal != nil && (c.Fatal.Severity != nixconf.SeverityFatal || c.Fatal.Message == "" || c.Fatal.Text == "") {
				t.Errorf("an error without a sentence: %+v", c.Fatal)
			}
			clone := c.Clone()
			for _, layer := range []nixconf.Layer{nixconf.LayerFlake, nixconf.LayerFlag} {
				name, value, _ := strings.Cut(user, "=")
				clone.Apply(nixconf.Origin{Layer: layer}, name, value)
				clone.Apply(nixconf.Origin{Layer: layer}, "extra-substituters", env)
			}
			for _, x := range clone.All() {
				if !json.Valid(x.JSON) {
					t.Errorf("%s is not JSON: %q", x.Setting.Name, x.JSON)
				}
			}
		}
	})
}

// typical is a nix.conf as an administrator has it.
const typical = `# managed by hand
build-users-group = nixbld
experimental-features = nix-command flakes
max-jobs = auto
cores = 4
sandbox = true
substituters = https://cache.nixos.org/ https://nix-community.cachix.org/ https://example.cachix.org/
trusted-substituters = https://cache.nixos.org/ https://nix-community.cachix.org/ https://example.cachix.org/ http://127.0.0.1:8080/
trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY= nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs=
trusted-users = root @wheel
allowed-users = *
keep-outputs = true
keep-derivations = true
!include /etc/nix/secrets.conf
`

func BenchmarkLoadTypical(b *testing.B) {
	files := mapFiles{"/etc/nix/nix.conf": typical, "/home/alice/.config/nix/nix.conf": "extra-substituters = https://mine.example/\n"}
	env := alice()
	b.ReportAllocs()
	for b.Loop() {
		if c := nixconf.Load(files, env, nixconf.Newest); c.Fatal != nil {
			b.Fatal(c.Fatal)
		}
	}
}

func BenchmarkLoadMegabyte(b *testing.B) {
	text := strings.Repeat(typical, 1<<20/len(typical))
	files := mapFiles{"/etc/nix/nix.conf": text}
	env := alice()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if c := nixconf.Load(files, env, nixconf.Newest); c.Fatal != nil {
			b.Fatal(c.Fatal)
		}
	}
}

func BenchmarkParseMegabyte(b *testing.B) {
	text := []byte(strings.Repeat(typical, 1<<20/len(typical)))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for line := range nixconf.Parse("nix.conf", text).Lines() {
			n += len(line.Tokens)
		}
	}
}

func BenchmarkCloneAndApply(b *testing.B) {
	c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": typical}, alice(), nixconf.Newest)
	o := nixconf.Origin{Layer: nixconf.LayerFlake, Pos: nixconf.Pos{File: "flake.nix", Line: 3}}
	b.ReportAllocs()
	for b.Loop() {
		n := c.Clone()
		n.Apply(o, "extra-substituters", "https://other.cachix.org")
		if d := n.Apply(o, "extra-trusted-public-keys", "other.cachix.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="); d != nil {
			b.Fatal(d)
		}
	}
}
