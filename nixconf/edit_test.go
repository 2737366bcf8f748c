package nixconf_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

func TestAddingKeepsEveryOtherByte(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"", "extra-trusted-substituters = https://a/ https://b/\n"},
		{"cores = 1\n", "cores = 1\nextra-trusted-substituters = https://a/ https://b/\n"},
		{"cores = 1", "cores = 1\nextra-trusted-substituters = https://a/ https://b/\n"},
		{"cores = 1 # no newline", "cores = 1 # no newline\nextra-trusted-substituters = https://a/ https://b/\n"},
		{"cores = 1\r\n", "cores = 1\r\nextra-trusted-substituters = https://a/ https://b/\r\n"},
		{"cores = 1\r\nx", "cores = 1\r\nx\r\nextra-trusted-substituters = https://a/ https://b/\r\n"},
		{"!include other", "!include other\nextra-trusted-substituters = https://a/ https://b/\n"},
		{"\x00\xff\n\n", "\x00\xff\n\nextra-trusted-substituters = https://a/ https://b/\n"},
	} {
		f, err := nixconf.Parse("nix.conf", []byte(c.before)).Adding("trusted-substituters", []string{"https://a/", "https://b/"})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Bytes()); got != c.after {
			t.Errorf("%q became %q, want %q", c.before, got, c.after)
		}
	}
}

func TestAddingRefusesWhatWouldBeReadAsSomethingElse(t *testing.T) {
	for _, item := range []string{"", "a b", "a#b", "a\nrequire-sigs = false", "a\tb", "a\r", "\x00"} {
		if f, err := nixconf.Parse("nix.conf", nil).Adding("trusted-substituters", []string{item}); err == nil {
			t.Errorf("%q was written: %q", item, f.Bytes())
		}
	}
	for _, name := range []string{"cores", "extra-trusted-substituters", "nothing", "a = b\nx"} {
		if _, err := nixconf.Parse("nix.conf", nil).Adding(name, []string{"x"}); err == nil {
			t.Errorf("%q was added to", name)
		}
	}
}

func TestWithoutTakesTheItemAndNothingElse(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"extra-trusted-substituters = x\n", ""},
		{"extra-trusted-substituters = x", ""},
		{"a = b\r\nextra-trusted-substituters = x\r\nc = d\r\n", "a = b\r\nc = d\r\n"},
		{"extra-trusted-substituters = x # mine\n", "extra-trusted-substituters = # mine\n"},
		{"trusted-substituters = x\n", "trusted-substituters =\n"},
		{"  trusted-substituters =  a   x\tb x # x\n", "  trusted-substituters =  a\tb # x\n"},
		{"trusted-substituters = x a\r\n", "trusted-substituters = a\r\n"},
		{"trusted-binary-caches = x a\n", "trusted-binary-caches = a\n"},
		{"extra-trusted-binary-caches = x\n", ""},
		{"substituters = x\n# trusted-substituters = x\n", "substituters = x\n# trusted-substituters = x\n"},
		{"trusted-substituters x\n", "trusted-substituters x\n"},
		{"include x\n", "include x\n"},
		{"\ufefftrusted-substituters = x\n", "\ufefftrusted-substituters = x\n"},
	} {
		f := nixconf.Parse("nix.conf", []byte(c.before)).Without("trusted-substituters", func(s string) bool { return s == "x" })
		if got := string(f.Bytes()); got != c.after {
			t.Errorf("%q became %q, want %q", c.before, got, c.after)
		}
	}
}

// someConf makes a nix.conf of lines that are of interest to an edit.
func someConf(r *rand.Rand) string {
	eol := []string{"\n", "\r\n"}[r.IntN(2)]
	names := []string{"trusted-substituters", "extra-trusted-substituters", "trusted-binary-caches", "substituters", "extra-substituters", "trusted-public-keys", "extra-trusted-public-keys"}
	items := []string{"https://a.example/", "https://a.example", "https://b.example/", "https://c.example/x", "k-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
	var b strings.Builder
	for range r.IntN(8) {
		switch r.IntN(6) {
		case 0:
			b.WriteString("# comment https://a.example/" + eol)
		case 1:
			b.WriteString("cores = 3" + strings.Repeat(" ", r.IntN(3)) + eol)
		default:
			b.WriteString(strings.Repeat(" ", r.IntN(2)) + names[r.IntN(len(names))] + " =")
			for range r.IntN(4) {
				b.WriteString(strings.Repeat(" ", 1+r.IntN(2)) + items[r.IntN(len(items))])
			}
			b.WriteString([]string{"", " ", "\t# x"}[r.IntN(3)] + eol)
		}
	}
	text := b.String()
	if r.IntN(3) == 0 {
		text = strings.TrimRight(text, "\r\n")
	}
	return text
}

type oneFile []byte

func (f oneFile) ReadFile(path string) ([]byte, error) {
	if path == "/conf/nix.conf" {
		return f, nil
	}
	return nil, os.ErrNotExist
}
func (f oneFile) Exists(path string) (bool, error) { return path == "/conf/nix.conf", nil }

func loadText(text []byte, v nixconf.Version) *nixconf.Config {
	return nixconf.Load(oneFile(text), nixconf.Environment{Root: true, Home: "/nohome", Lookup: func(k string) (string, bool) { return "/conf", k == "NIX_CONF_DIR" }}, v)
}

// Whatever the file is: after adding, the setting has the items besides what it
// had; after removing, what it had without them; and no other setting changes.
func TestAnEditHasExactlyTheWantedEffect(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	v := nixconf.Version{Major: 2, Minor: 34}
	const name, item = "trusted-substituters", "https://a.example/"
	for range 3000 {
		text := someConf(r)
		before := loadText([]byte(text), v)
		added, err := nixconf.Parse("nix.conf", []byte(text)).Adding(name, []string{item})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(added.Bytes(), []byte(text)) {
			t.Fatalf("%q became %q", text, added.Bytes())
		}
		removed := nixconf.Parse("nix.conf", []byte(text)).Without(name, func(s string) bool { return s == item })
		for _, c := range []struct {
			after *nixconf.Config
			want  []string
		}{
			{loadText(added.Bytes(), v), append(before.Tokens(name), item)},
			{loadText(removed.Bytes(), v), slices.DeleteFunc(before.Tokens(name), func(s string) bool { return s == item })},
		} {
			slices.Sort(c.want)
			if got := c.after.Tokens(name); !slices.Equal(got, slices.Compact(c.want)) || c.after.Fatal != nil {
				t.Fatalf("%q: %s is %q, want %q (%v)", text, name, got, c.want, c.after.Fatal)
			}
			for _, val := range before.All() {
				if n := val.Setting.Name; n != name && string(val.JSON) != string(c.after.Get(n).JSON) {
					t.Fatalf("%q: %s became %s", text, n, c.after.Get(n).JSON)
				}
			}
		}
	}
}

// Real Nix reads the edited file as it was meant.
func TestRealNixReadsAnEditedFile(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		r := rand.New(rand.NewPCG(3, 5))
		outside, inside := nix.Dir(t)
		show := func(text []byte) (list []string, rest string) {
			if err := os.WriteFile(outside+"/nix.conf", text, 0o644); err != nil {
				t.Fatal(err)
			}
			command := []string{"nix", "--extra-experimental-features", "nix-command", "config", "show"}
			if nix.Short == "2.8" {
				command[3] = "show-config"
				command = command[:4]
			}
			got := nix.Run(t, realnix.Cmd{Args: command, Env: []string{"HOME=" + inside + "/none", "NIX_CONF_DIR=" + inside}})
			if got.Code != 0 {
				t.Fatalf("%q: %s", text, got.Stderr)
			}
			for line := range strings.Lines(got.Stdout) {
				if value, ok := strings.CutPrefix(line, "trusted-substituters ="); ok {
					list = strings.Fields(value)
				} else {
					rest += line
				}
			}
			return list, rest
		}
		const name, item = "trusted-substituters", "https://a.example/"
		for range 3 {
			text := someConf(r)
			had, rest := show([]byte(text))
			added, err := nixconf.Parse("", []byte(text)).Adding(name, []string{item})
			if err != nil {
				t.Fatal(err)
			}
			list, now := show(added.Bytes())
			if !slices.Contains(list, item) || len(list) > len(had)+1 || now != rest {
				t.Errorf("%q with it is %q", text, list)
			}
			list, now = show(nixconf.Parse("", []byte(text)).Without(name, func(s string) bool { return s == item }).Bytes())
			want := slices.DeleteFunc(slices.Clone(had), func(s string) bool { return s == item })
			if fmt.Sprint(list) != fmt.Sprint(want) || now != rest {
				t.Errorf("%q without it is %q, want %q", text, list, want)
			}
		}
	})
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte("trusted-substituters = https://a.example/ x # c\r\n"))
	f.Add([]byte("extra-trusted-substituters = https://a.example/"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const item = "https://a.example/"
		out := nixconf.Parse("", data).Without("trusted-substituters", func(s string) bool { return s == item })
		again := nixconf.Parse("", out.Bytes()).Without("trusted-substituters", func(s string) bool { return s == item })
		if !bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Fatalf("%q: %q, then %q", data, out.Bytes(), again.Bytes())
		}
		added, err := nixconf.Parse("", data).Adding("trusted-substituters", []string{item})
		if err != nil || !bytes.HasPrefix(added.Bytes(), data) {
			t.Fatalf("%q became %q, %v", data, added.Bytes(), err)
		}
	})
}
