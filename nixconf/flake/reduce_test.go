package flake

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func same(_, text string) string { return text }

// wholeFlakes are the corpus's flakes.
func wholeFlakes(t testing.TB) []string {
	all := lines(t, "flakes.txt")
	for _, s := range lines(t, "settings.txt") {
		all = append(all, "{ outputs = _: { }; nixConfig = { "+s+" }; }")
	}
	for _, file := range []string{"cachix.nix", "computed.nix", "everything.nix", "hostile.nix"} {
		b, err := os.ReadFile(corpus + file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

func TestReduceKeepsWhatIsReadAndWhere(t *testing.T) {
	taken := 0
	for _, v := range threeVersions {
		for _, src := range wholeFlakes(t) {
			want, refusal := ReadConfig("flake.nix", []byte(src), v)
			out, ok := Reduce([]byte(src), v, nil, same)
			if !ok {
				if refusal == nil && !strings.HasPrefix(src, "(") {
					t.Errorf("%s: a flake that Nix takes could not be reduced:\n%s", v, src)
				}
				continue
			}
			taken++
			got, r := ReadConfig("flake.nix", out, v)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(r, refusal) {
				t.Errorf("%s: %s\nbecame %s\nwhich says %v, %v instead of %v, %v", v, src, out, got, r, want, refusal)
			}
			if len(out) != len(src) {
				t.Errorf("%s: %q became %q, of another length", v, src, out)
			}
		}
	}
	if taken < 300 {
		t.Errorf("only %d flakes were reduced", taken)
	}
}

func TestReduceLeavesNothingOfTheRest(t *testing.T) {
	src := `# SECRET in a comment
{ /* SECRET */
  description = "SECRET \"x";
  inputs.a.url = "github:SECRET/b"; # SECRET
  inputs = { b.url = "git+https://SECRET@x"; };
  nixConfig = { # SECRET
    extra-substituters = [ "https://a.example" /* SECRET */ ];
    extra-access-tokens = "github.com=TOKEN"; b = "TOKEN";
  };
  outputs = { self, ... }@inputs: with inputs; let SECRET = 1; in
    assert SECRET == 1; { SECRET = ''
      SECRET; ${"SECRET"} '''; }
    ''; };
}
# SECRET
`
	v := nixconf.Newest
	out, ok := Reduce([]byte(src), v, nil, func(setting, text string) string {
		if setting == "extra-access-tokens" {
			return strings.ReplaceAll(text, "TOKEN", "none")
		}
		return text
	})
	if !ok || strings.Contains(string(out), "SECRET") || strings.Count(string(out), "TOKEN") != 1 {
		t.Fatalf("%v:\n%s", ok, out)
	}
	settings, r := ReadConfig("flake.nix", out, v)
	if r != nil || len(settings) != 3 || settings[2].Items[0] != "https://a.example" || settings[2].ItemPos[0].Line != 7 || settings[1].Value != "github.com=none" {
		t.Errorf("%+v, %v of\n%s", settings, r, out)
	}
}

func TestReduceKeepsInputsThatNixRefuses(t *testing.T) {
	src := []byte(`{ inputs.a.url = 1; outputs = { self, a }: { secret = 1; }; }`)
	out, ok := Reduce(src, nixconf.Newest, nil, same)
	_, want := ReadConfig("flake.nix", src, nixconf.Newest)
	_, got := ReadConfig("flake.nix", out, nixconf.Newest)
	if !ok || want == nil || !reflect.DeepEqual(got, want) || strings.Contains(string(out), "secret") {
		t.Errorf("%q, %v: %v instead of %v", out, ok, got, want)
	}
}

func FuzzReduce(f *testing.F) {
	for i, s := range wholeFlakes(f) {
		if i%3 == 0 {
			f.Add([]byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, v := range threeVersions {
			out, ok := Reduce(src, v, nil, same)
			if !ok {
				continue
			}
			want, refusal := ReadConfig("flake.nix", src, v)
			got, r := ReadConfig("flake.nix", out, v)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(r, refusal) {
				t.Errorf("%q became %q", src, out)
			}
		}
	})
}
