package flake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

// These hold without a Nix beside them; the tests against real Nix have shown
// every line of them right.
func TestReadConfigGivesNamesValuesAndPlaces(t *testing.T) {
	src := `{
  outputs = { self, ... }: { };
  nixConfig.zz = true;
  nixConfig = rec {
    extra-substituters = [ "" "https://a" # one
      ''https://b'' ];
    "b\n" = 007; Ab = ./f; a = extra-substituters;
  };
}`
	settings, r := ReadConfig("flake.nix", []byte(src), nixconf.Newest)
	if r == nil {
		t.Fatalf("a rec that is merged into another set still binds names: %+v", settings)
	}
	src = strings.Replace(src, "rec {", "{", 1)
	src = strings.Replace(src, "a = extra-substituters;", "", 1)
	settings, r = ReadConfig("flake.nix", []byte(src), nixconf.Newest)
	if r != nil {
		t.Fatal(r)
	}
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "%q %d %q %q %d:%d", s.Name, s.Kind, s.Value, s.Items, s.Pos.Line, s.Pos.Col)
		for _, p := range s.ItemPos {
			fmt.Fprintf(&b, " %d:%d", p.Line, p.Col)
		}
		fmt.Fprintln(&b, "", s.Opaque, s.Pos.File)
	}
	want := `"Ab" 2 "./f" [] 7:18 true flake.nix
"b\n" 3 "7" [] 7:5 false flake.nix
"extra-substituters" 5 "https://a https://b" ["" "https://a" "https://b"] 5:5 5:28 5:31 6:7 false flake.nix
"zz" 4 "true" [] 3:13 false flake.nix
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestReadConfigRefusesInNixsWords(t *testing.T) {
	for src, want := range map[string]string{
		`{ outputs = _: { }; nixConfig.a = 1.5; }`:               "1:21 flake configuration setting 'a' is a float",
		`{ outputs = _: { }; nixConfig.a = "x" + "y"; }`:         "1:21 flake configuration setting 'a' is a thunk",
		`{ outputs = _: { }; nixConfig.a = [ 1 ]; }`:             "1:21 list element in flake configuration setting 'a' is a list while a string is expected",
		`{ outputs = _: { }; nixConfig = import ./x; }`:          "1:21 expected a set but got a thunk",
		`{ outputs = _: { }; x = 1; }`:                           "1:21 flake has an unsupported attribute 'x'",
		`{ }`:                                                    "1:1 flake lacks attribute 'outputs'",
		`let in { }`:                                             "1:1 file 'f' must be an attribute set",
		`{ outputs = _: x; }`:                                    "1:16 undefined variable 'x'",
		`{ outputs = _: { a = 1; a = 2; }; }`:                    "1:25 attribute 'a' already defined at f:1:18",
		`{ outputs = _: }`:                                       "1:16 syntax error, unexpected '}'",
		`{ outputs = _: 1 }`:                                     "1:18 syntax error, unexpected '}', expecting ';'",
		`{ outputs = _: ~/a; }`:                                  "0:0 the path '~/a' can not be resolved in pure mode",
		`{ outputs = _: 1 |> 2; }`:                               "1:18 experimental Nix feature 'pipe-operators' is disabled; add '--extra-experimental-features pipe-operators' to enable it",
		"{\r\n  outputs = _: { };\r\n  nixConfig.a = null;\r\n}": "3:3 flake configuration setting 'a' is null",
		`{ outputs = _: { }; nixConfig.a = "` + "\x1b[31m" + `"; x.y = 1; }`: "1:44 flake has an unsupported attribute 'x'",
	} {
		settings, r := ReadConfig("f", []byte(src), nixconf.Newest)
		if r == nil {
			t.Errorf("%q gives %+v", src, settings)
			continue
		}
		if got := fmt.Sprintf("%d:%d %s", r.Pos.Line, r.Pos.Col, r.Message); got != want || r.Unsure || r.Pos.File != "f" {
			t.Errorf("%q:\n\tgot  %s\n\twant %s", src, got, want)
		}
	}
}

func TestReadConfigSaysWhenItCannotTell(t *testing.T) {
	deep := "{ outputs = _: " + strings.Repeat("(", maxDepth) + "1" + strings.Repeat(")", maxDepth) + "; }"
	for _, src := range []string{
		`{ outputs = _: { }; ${"nix" + "Config"} = { a = "x"; }; }`,
		`{ outputs = _: { }; inputs = rec { __overrides = { }; }; }`,
		deep,
	} {
		settings, r := ReadConfig("f", []byte(src), nixconf.Newest)
		if r == nil || !r.Unsure {
			t.Errorf("%.60q is taken for certain: %+v, %+v", src, settings, r)
		}
	}
}

func TestReadConfigKnowsFeatures(t *testing.T) {
	src := []byte(`{ outputs = _: { x = 1 |> toString; y = a:b; }; }`)
	if _, r := ReadConfig("f", src, nixconf.Newest, "pipe-operators"); r != nil {
		t.Error(r)
	}
	if _, r := ReadConfig("f", src, nixconf.Newest, "pipe-operators", "no-url-literals"); r == nil {
		t.Error("a URL literal is taken")
	}
	for _, chain := range []string{"1 |> 2 |> 3", "1 <| 2 <| 3", "1 |> a: a |> 2"} {
		_, r := ReadConfig("f", []byte("{ outputs = _: "+chain+"; }"), nixconf.Newest, "pipe-operators")
		if want := strings.Contains(chain, "a:"); (r != nil) != want {
			t.Errorf("%s: %v", chain, r)
		}
	}
	if _, r := ReadConfig("f", []byte("{ outputs = _: 1 |> 2 <| 3; }"), nixconf.Newest, "pipe-operators"); r == nil {
		t.Error("both pipes at once are taken")
	}
}

func TestReadConfigReturnsNothingForNoNixConfig(t *testing.T) {
	for _, src := range []string{`{ outputs = _: { }; }`, `{ outputs = _: { }; nixConfig = { }; }`} {
		if settings, r := ReadConfig("f", []byte(src), nixconf.Newest); settings != nil || r != nil {
			t.Errorf("%s gives %v, %v", src, settings, r)
		}
	}
}
