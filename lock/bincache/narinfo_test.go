package bincache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const (
	somePath = "0bbcfg32p2k13pnylvjqrndf4mn8yckk-some"
	someInfo = "StorePath: /nix/store/" + somePath + `
URL: nar/x.nar
Compression: none
FileHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p
FileSize: 120
NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p
NarSize: 120
References: 1mwvy4z6aqch1z9rnv9ffjsp8z96rjd2-dep-3 0bbcfg32p2k13pnylvjqrndf4mn8yckk-some
Deriver: 47kd2nw8c68d1mcxrwhxcljnam5z4410-some.drv
Sig: a-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==
`
)

// A narInfoCase changes someInfo. stricter marks what Nix takes and we refuse.
type narInfoCase struct {
	name     string
	old, new string
	ok       bool
	stricter bool
}

var narInfoCases = []narInfoCase{
	{"as written", "", "", true, false},
	{"unknown fields", "URL:", "Color: red\nURL:", true, false},
	{"no Compression", "Compression: none\n", "", true, false},
	{"an empty Compression", "Compression: none", "Compression: ", true, false},
	{"no FileHash", "FileHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p\n", "", true, false},
	{"an unknown deriver", "47kd2nw8c68d1mcxrwhxcljnam5z4410-some.drv", "unknown-deriver", true, false},
	{"spaces between references", "dep-3 0b", "dep-3   0b", true, false},
	{"no references", "References: 1mwvy4z6aqch1z9rnv9ffjsp8z96rjd2-dep-3 0bbcfg32p2k13pnylvjqrndf4mn8yckk-some", "References: ", true, false},
	{"a NarHash in base 16", "NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p", "NarHash: sha256:00000000000000000000000000000000000000000000000000000000000000ff", true, false},
	{"a NarHash in SRI", "NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p", "NarHash: sha256-e9FMNeZ0mG09jWHNjmsApK47Ya2D42kd7w+GIabI6XY=", true, false},
	{"a NarHash in base 64", "NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p", "NarHash: sha256:e9FMNeZ0mG09jWHNjmsApK47Ya2D42kd7w+GIabI6XY=", true, false},
	{"a content address", "Sig:", "CA: fixed:sha1:0000000000000000000000000000000000000000\nSig:", true, false},
	{"an empty content address", "Sig:", "CA: \nSig:", true, false},
	{"a URL with a query", "nar/x.nar", "nar/x.nar?hash=1", true, false},
	{"fields in another order", "Compression: none\n", "Compression: none\nSig: b:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n", true, false},

	{"StorePath twice", "URL:", "StorePath: /nix/store/0bbcfg32p2k13pnylvjqrndf4mn8yckk-some\nURL:", false, true},
	{"NarHash twice", "NarSize:", "NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p\nNarSize:", false, true},
	{"URL twice", "Compression:", "URL: y\nCompression:", false, true},
	{"a double slash in StorePath", "/nix/store/0", "/nix//store/0", false, true},
	{"a NarHash that is a SHA-512", "NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p", "NarHash: sha512:" + strings.Repeat("0", 128), false, true},
	{"a control character", "nar/x.nar", "nar/\x1b[31m", false, true},
	{"another character than a space", "URL: nar", "URL:nnar", false, true},
	{"a line without a colon", "Compression", "junk\nCompression", false, true},

	{"References twice", "Deriver:", "References: 1mwvy4z6aqch1z9rnv9ffjsp8z96rjd2-dep-3\nDeriver:", false, false},
	{"the content address twice", "Sig:", "CA: fixed:sha1:0000000000000000000000000000000000000000\nCA: fixed:sha1:0000000000000000000000000000000000000000\nSig:", false, false},
	{"a content address of nothing", "Sig:", "CA: fixed:sha1\nSig:", false, false},
	{"a content address of another kind", "Sig:", "CA: magic:sha1:0000000000000000000000000000000000000000\nSig:", false, false},
	{"CR line ends", "\n", "\r\n", false, false},
	{"no last line end", "AAA==\n", "AAA==", false, false},
	{"no StorePath", "StorePath: /nix/store/0bbcfg32p2k13pnylvjqrndf4mn8yckk-some\n", "", false, false},
	{"no URL", "URL: nar/x.nar\n", "", false, false},
	{"an empty URL", "nar/x.nar", "", false, false},
	{"no NarHash", "NarHash: sha256:0ahfvfwycqzh3nf5scv1nc22k79dr036yap1m4xgcyalvn8fv92p\n", "", false, false},
	{"no NarSize", "NarSize: 120\n", "", false, false},
	{"NarSize 0", "NarSize: 120", "NarSize: 0", false, false},
	{"NarSize in words", "NarSize: 120", "NarSize: many", false, false},
	{"NarSize beyond 64 bits", "NarSize: 120", "NarSize: 18446744073709551616", false, false},
	{"a NarHash without its algorithm", "NarHash: sha256:", "NarHash: ", false, false},
	{"a NarHash that is too short", "NarHash: sha256:0", "NarHash: sha256:", false, false},
	{"another store", "StorePath: /nix/store/", "StorePath: /gnu/store/", false, false},
	{"a path below a store path", "yckk-some\nURL", "yckk-some/bin\nURL", false, false},
	{"a reference with a folder", "1mwvy4z6aqch1z9rnv9ffjsp8z96rjd2-dep-3", "/nix/store/1mwvy4z6aqch1z9rnv9ffjsp8z96rjd2-dep-3", false, false},
	{"a reference with a no-break space", "dep-3 0b", "dep-3\u00a00b", false, false},
	{"a reference with e in its hash", "1mwvy4z6aqch", "1mwvy4z6aqce", false, false},
	{"an empty deriver", "47kd2nw8c68d1mcxrwhxcljnam5z4410-some.drv", "", false, false},
	{"a page of HTML", someInfo, "<!doctype html>\n<html>\n", false, false},
	{"an empty file", someInfo, "", false, false},
}

func (c narInfoCase) text() string {
	if c.old == "" {
		return someInfo
	}
	return strings.ReplaceAll(someInfo, c.old, c.new)
}

func TestParseNarInfoTakesOnlyWhatItShould(t *testing.T) {
	for _, c := range narInfoCases {
		t.Run(c.name, func(t *testing.T) {
			if c.old != "" && c.text() == someInfo {
				t.Fatal("the case changes nothing")
			}
			n, err := ParseNarInfo("", []byte(c.text()))
			if (err == nil) != c.ok {
				t.Fatalf("got %v, want ok %v", err, c.ok)
			}
			if err != nil {
				if !errors.Is(err, Misbehaved) || strings.ContainsAny(err.Error(), "\x1b\r\n") {
					t.Errorf("the error is %q, of kind %v", err, KindOf(err))
				}
				return
			}
			again, err := ParseNarInfo("", []byte(n.String()))
			if err != nil || again.String() != n.String() || !slices.IsSorted(n.References) {
				t.Errorf("printing is no fixed point (%v):\n%s\n%s", err, n, again)
			}
		})
	}
}

// Nix may take more than we do, never less.
func TestRealNixTakesEveryNarInfoThatWeTake(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, dir := nix.Dir(t)
		for i, c := range narInfoCases {
			folder := filepath.Join(outside, fmt.Sprint(i))
			writeFile(t, filepath.Join(folder, "nix-cache-info"), "StoreDir: /nix/store\n")
			writeFile(t, filepath.Join(folder, somePath[:32]+".narinfo"), c.text())
		}
		script := fmt.Sprintf(`for i in $(seq 0 %d); do
if nix --extra-experimental-features nix-command path-info --json --store file://%s/$i /nix/store/%s >/dev/null 2>%s/err; then echo yes; else echo no; fi
done`, len(narInfoCases)-1, dir, somePath, dir)
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: []string{"HOME=" + dir}})
		answers := strings.Fields(r.Stdout)
		if len(answers) != len(narInfoCases) {
			t.Fatalf("%d answers to %d cases: %s", len(answers), len(narInfoCases), r.Stderr)
		}
		for i, c := range narInfoCases {
			if takes := answers[i] == "yes"; takes != (c.ok || c.stricter) {
				t.Errorf("%s: real Nix takes it: %v, want %v", c.name, takes, c.ok || c.stricter)
			}
		}
	})
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestParseNarInfoRefusesAHugeOne(t *testing.T) {
	text := someInfo + strings.Repeat("Sig: a:b\n", 1<<17)
	if _, err := ParseNarInfo("", []byte(text)); !errors.Is(err, Misbehaved) {
		t.Errorf("got %v", err)
	}
}
