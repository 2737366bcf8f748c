package flake

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

var realnixVersion = nixconf.Newest

var threeVersions = []nixconf.Version{{Major: 2, Minor: 8}, {Major: 2, Minor: 26, Patch: 3}, {Major: 2, Minor: 34, Patch: 8}}

func FuzzReadConfigNeverPanics(f *testing.F) {
	for _, file := range []string{"expressions.txt", "flakes.txt", "settings.txt"} {
		for i, s := range lines(f, file) {
			if i%4 == 0 {
				f.Add([]byte(s))
			}
		}
	}
	files, _ := filepath.Glob(corpus + "*.nix")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, v := range threeVersions {
			settings, r := ReadConfig("flake.nix", src, v, "pipe-operators")
			if r != nil && (settings != nil || r.Message == "" || r.Pos.Line < 0) {
				t.Errorf("%+v with %v", r, settings)
			}
			for i, s := range settings {
				if i > 0 && settings[i-1].Name >= s.Name || s.Kind == KindUnknown || s.Pos.Line < 1 || len(s.Items) != len(s.ItemPos) {
					t.Errorf("%+v", settings)
				}
			}
		}
	})
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(lock(`"root": {"inputs": {"a": "a", "b": ["a"]}}, ` + leaf("a", `"c": ["b"]`))))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLock("flake.lock", data)
		if (l == nil) == (err == nil) {
			t.Fatal(l, err)
		}
		if l == nil {
			return
		}
		for _, in := range l.Inputs() {
			if in.Name == "" && in.Node == l.Root {
				t.Error("the root is its own input")
			}
			for _, e := range in.Node.Inputs {
				if e.Node == nil {
					t.Errorf("input %q leads nowhere", e.Name)
				}
			}
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, s := range references {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		if r.Type == "" || r.Identity() == "" || r.String() == "" {
			t.Errorf("%q gives %+v", s, r)
		}
		if again, err := ParseRef(s); err != nil || again.Identity() != r.Identity() {
			t.Errorf("%q is two flakes", s)
		}
	})
}

func FuzzParseRegistry(f *testing.F) {
	f.Add([]byte(`{"version": 2, "flakes": [{"from": {"type": "indirect", "id": "a"}, "to": {"type": "path", "path": "/a"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRegistry("registry.json", data)
		if (r == nil) == (err == nil) {
			t.Fatal(r, err)
		}
	})
}

// Every one of these once made some reader of Nix or of JSON slow, or crash.
func TestPathologicalInputEndsSoon(t *testing.T) {
	const size = 1 << 20
	for name, unit := range map[string]string{
		"lists": "[", "sets": "{a=", "parens": "(", "braces": "{", "lets": "let a=", "strings": `"${`, "ind": "''${", "quotes": "''", "nots": "!",
		"minus": "-", "spaced": "- ", "lambdas": "x: ", "withs": "with a; ", "asserts": "assert a; ", "ifs": "if a then b else ", "dots": "a.", "path": "a/",
		"pluses": "a+", "plus": "1 + ", "concat": "a ++ ", "impl": "a -> ", "ors": "a.b or ", "comments": "/* ", "hashes": "# x\n", "search": "<a",
		"url": "a:", "dollar": "$", "tildes": "~/", "ats": "a@", "formals": "{a,", "defaults": "{a ? ", "inherits": "{inherit(", "nul": "\x00", "cr": "\r",
		"dirs": "./a/${", "or": "or ", "semicolons": ";", "digits": "1", "floats": "1.", "quoted": `"a".`, "has": "a ? ", "rec": "rec{", "pipes": "a |> ",
	} {
		for _, form := range []string{"%s", "{ outputs = _: %s", "{ nixConfig.a = %s"} {
			src := []byte(fmt.Sprintf(form, strings.Repeat(unit, size/len(unit))))
			start := time.Now()
			_, r := ReadConfig("flake.nix", src, realnixVersion)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: %v for 1 MiB", name, took)
			}
			if r == nil {
				t.Errorf("%s is taken", name)
			}
		}
	}
}

func TestManyDefinitionsTakeLinearTime(t *testing.T) {
	var attrs, merged, inherits, formals, paths strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&attrs, "a%d = 1; ", i)
		fmt.Fprintf(&merged, "a = { b%d = 1; }; ", i)
		fmt.Fprintf(&inherits, "inherit (a) b%d; ", i)
		fmt.Fprintf(&formals, "a%d, ", i)
		fmt.Fprintf(&paths, "a.b.c.d%d.e = 1; ", i)
	}
	for name, body := range map[string]string{
		"attributes": "{ " + attrs.String() + "}", "merged": "{ " + merged.String() + "}", "rec": "rec { " + attrs.String() + "}",
		"inherited": "{ a }: { " + inherits.String() + "}", "formals": "{ " + formals.String() + "... }: 1", "paths": "{ " + paths.String() + "}",
		"let": "let " + attrs.String() + "in a1",
	} {
		start := time.Now()
		_, r := ReadConfig("flake.nix", []byte("{ outputs = _: "+body+"; }"), realnixVersion)
		if r != nil {
			t.Errorf("%s: %v", name, r)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func BenchmarkReadConfig(b *testing.B) {
	src, err := os.ReadFile(corpus + "cachix.nix")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("flake", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		for b.Loop() {
			if _, r := ReadConfig("flake.nix", src, realnixVersion); r != nil {
				b.Fatal(r)
			}
		}
	})
	var big strings.Builder
	big.WriteString("{ outputs = _: { x = [\n")
	for range 400 {
		big.WriteString("(" + string(src) + ")\n")
	}
	big.WriteString("]; }; }")
	b.Run("large", func(b *testing.B) {
		text := []byte(big.String())
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if _, r := ReadConfig("flake.nix", text, realnixVersion); r != nil {
				b.Fatal(r)
			}
		}
	})
}

func BenchmarkParseLock(b *testing.B) {
	nodes := []string{`"root": {"inputs": {"n0": "n0"}}`}
	for i := range 200 {
		next := fmt.Sprintf(`"n": "n%d", "m": ["n0"]`, (i+1)%200)
		nodes = append(nodes, fmt.Sprintf(`
    "n%d": {
      "inputs": { %s },
      "locked": { "lastModified": 1700000000, "narHash": "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "owner": "o", "repo": "r%d", "rev": "1234567890123456789012345678901234567890", "type": "github" },
      "original": { "owner": "o", "repo": "r%d", "type": "github" }
    }`, i, next, i, i))
	}
	data := []byte(lock(strings.Join(nodes, ",")))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		l, err := ParseLock("flake.lock", data)
		if err != nil {
			b.Fatal(err)
		}
		if n := len(l.Inputs()); n != 200 {
			b.Fatal(n)
		}
	}
}
