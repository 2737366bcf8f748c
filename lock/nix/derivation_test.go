package nix

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	oracle "github.com/nix-community/go-nix/pkg/derivation"

	"github.com/nix-trust/nix-trust/lock"
)

const (
	base0 = "00000000000000000000000000000000-"
	base1 = "11111111111111111111111111111111-"
	h0    = "/nix/store/" + base0
	h1    = "/nix/store/" + base1
)

const goodDerivation = `Derive([("dev","` + h0 + `x-dev","",""),("out","` + h0 + `x","","")],[("` + h0 + `d.drv",["out"])],["` + h1 + `src"],"x86_64-linux","/bin/sh",["-c","a\"\\\n\r\tb"],[("name","x"),("out","` + h0 + `x")])`

// Any other value than 1 is a no, as in Nix.
func TestADerivationSaysWhetherItRefusesCaches(t *testing.T) {
	for env, want := range map[string]bool{
		"": false, `("allowSubstitutes","")`: true, `("allowSubstitutes","1")`: false, `("allowSubstitutes","0")`: true,
		`("preferLocalBuild","1")`: false, `("__json","{\"allowSubstitutes\":false}")`: true, `("__json","{\"allowSubstitutes\":true}")`: false,
		`("__json","{\"allowSubstitutes\":null}")`: false, `("__json","{\"a\":1}")`: false, `("__json","nonsense")`: false,
	} {
		d, err := parseDerivation([]byte(`Derive([("out","`+h0+`x","","")],[],[],"s","b",[],[`+env+`])`), "/nix/store")
		if err != nil || d.NoSubstitutes != want {
			t.Errorf("%s: %v %v", env, d.NoSubstitutes, err)
		}
	}
}

func TestDerivationsAreReadAsNixWritesThem(t *testing.T) {
	d, err := parseDerivation([]byte(goodDerivation), "/nix/store")
	if err != nil {
		t.Fatal(err)
	}
	want := Derivation{System: "x86_64-linux",
		Outputs: map[string]lock.StorePath{"dev": base0 + "x-dev", "out": base0 + "x"},
		Inputs:  []lock.StorePath{base0 + "d.drv"}, Sources: []lock.StorePath{base1 + "src"}}
	if fmt.Sprint(d) != fmt.Sprint(want) {
		t.Errorf("%+v", d)
	}
	for out, fixed := range map[string]bool{
		`("out","` + h0 + `x","sha256","00")`:   true,
		`("out","` + h0 + `x","r:sha256","00")`: true,
		`("out","","r:sha256","")`:              false, // floating
		`("out","","r:sha256","impure")`:        false,
		`("out","","","")`:                      false, // deferred
		`("out","` + h0 + `x","","")`:           false,
	} {
		d, err := parseDerivation([]byte("Derive(["+out+`],[],[],"s","b",[],[])`), "/nix/store")
		if err != nil || d.Fixed != fixed || (d.Outputs["out"] != "") != strings.Contains(out, h0) {
			t.Errorf("%s: %+v %v", out, d, err)
		}
	}
}

func TestDerivationsThatNixDoesNotWriteAreRefused(t *testing.T) {
	for name, edit := range map[string][2]string{
		"more behind":       {`"` + h0 + `x")])`, `"` + h0 + `x")]) `},
		"spaces":            {`],["`, `], ["`},
		"unsorted outputs":  {`("dev"`, `("zzz"`},
		"output twice":      {`("dev"`, `("out"`},
		"no outputs":        {goodDerivation[7:strings.Index(goodDerivation, `,[("`+h0+`d`)], "[]"},
		"another store":     {h1 + "src", "/other/store/" + base1 + "src"},
		"no store path":     {h1 + "src", "/etc/passwd"},
		"dots":              {h1 + "src", h1 + "src/../../../etc"},
		"input is no drv":   {"d.drv", "d"},
		"unknown escape":    {`\n`, `\x`},
		"unknown kind":      {"Derive(", "Derived("},
		"output's name":     {`("dev"`, `("d/v"`},
		"dynamic":           {"Derive(", `DrvWithVersion("xp-dyn-drv",`},
		"trailing comma":    {`["` + h1 + `src"]`, `["` + h1 + `src",]`},
		"source twice":      {`["` + h1 + `src"]`, `["` + h1 + `src","` + h1 + `src"]`},
		"string in no list": {`["-c"`, `"-c"`},
	} {
		text := strings.Replace(goodDerivation, edit[0], edit[1], 1)
		if text == goodDerivation {
			t.Fatalf("%s changes nothing", name)
		}
		if d, err := parseDerivation([]byte(text), "/nix/store"); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for i := range len(goodDerivation) {
		if _, err := parseDerivation([]byte(goodDerivation[:i]), "/nix/store"); err == nil {
			t.Errorf("taken though it ends after %d bytes", i)
		}
	}
}

// Another reader's opinion: what we take it takes too, with the same meaning.
func FuzzDerivation(f *testing.F) {
	f.Add([]byte(goodDerivation))
	f.Add([]byte(`Derive([("out","` + h0 + `x","sha256","00")],[],[],"s","b",[],[])`))
	f.Add([]byte(`Derive([("out","","","")],[("` + h0 + `d.drv",["out","dev"])],[],"","",["\\"],[("","")])`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := parseDerivation(text, "/nix/store")
		if err != nil {
			return
		}
		if bytes.Contains(text, []byte(`/nix/store/`)) && len(d.Outputs) == 0 {
			t.Error("a derivation without outputs")
		}
		other, err := oracle.ReadDerivation(bytes.NewReader(text))
		if err != nil {
			return // it also checks what belongs together
		}
		if len(other.Outputs) != len(d.Outputs) || len(other.InputDerivations) != len(d.Inputs) || other.Platform != d.System || len(other.InputSources) != len(d.Sources) {
			t.Errorf("%q: %+v and %+v", text, d, other)
		}
		for name, o := range other.Outputs {
			if p, ok := d.Outputs[name]; !ok || p != "" && p.In("/nix/store") != o.Path {
				t.Errorf("%q: output %s is %s and %s", text, name, p, o.Path)
			}
		}
		for in := range other.InputDerivations {
			if !slices.Contains(d.Inputs, lock.StorePath(strings.TrimPrefix(in, "/nix/store/"))) {
				t.Errorf("%q: no input %s", text, in)
			}
		}
	})
}

func TestOnlyFilesOfTheStoreAreReadAsDerivations(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "nix/store")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	n := &Nix{Root: root}
	base := lock.StorePath(base0 + "x.drv")
	file := filepath.Join(dir, string(base))
	if err := os.WriteFile(file, []byte(goodDerivation), 0o444); err != nil {
		t.Fatal(err)
	}
	if d, err := n.Derivation(base); err != nil || d.Name != "x" {
		t.Error(d, err)
	}
	link := lock.StorePath(base1 + "x.drv")
	if err := os.Symlink(file, filepath.Join(dir, string(link))); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Derivation(link); err == nil {
		t.Error("a symbolic link was read")
	}
	if err := os.Truncate(file, maxDerivation+1); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Derivation(base); err == nil {
		t.Error("an endless derivation was read")
	}
}

func BenchmarkDerivation(b *testing.B) {
	text := []byte(strings.Replace(goodDerivation, "-c", strings.Repeat("x", 3000), 1))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parseDerivation(text, "/nix/store"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGraph(b *testing.B) {
	root := b.TempDir()
	dir := filepath.Join(root, "nix/store")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	const many = 10_000
	name := func(i int) string { return fmt.Sprintf("%032d-x.drv", i) }
	env := strings.Repeat("x", 3000)
	for i := range many {
		var inputs []string
		for j := max(0, i-10); j < i; j++ {
			inputs = append(inputs, `("/nix/store/`+name(j)+`",["out"])`)
		}
		text := `Derive([("out","` + h0 + `x","","")],[` + strings.Join(inputs, ",") + `],[],"s","b",[],[("env","` + env + `")])`
		if err := os.WriteFile(filepath.Join(dir, name(i)), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	n := &Nix{Root: root}
	for b.Loop() {
		g, err := n.Graph(b.Context(), []lock.StorePath{lock.StorePath(name(many - 1))})
		if err != nil || len(g) != many {
			b.Fatal(len(g), err)
		}
	}
}
