package nixconf_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// refs are forms whose reading is easy to get wrong.
var refs = strings.Fields(`
	auto daemon local daemon?a=b local?root=/x auto?x=y ?a=b z z/ ./z ../z /z //z /z/../y// /a%20b /a?b=c?d /ä
	https://cache.nixos.org https://cache.nixos.org/ https://cache.nixos.org// HTTPS://Cache.NixOS.org/ https://cache.nixos.org:443/
	https://cache.nixos.org:0443 https://h:0 https://h:65535 https://h:65536 https://h:x https://h: https://h:/ https://:80/
	http:// http:/// http:/x http:x http: http://?a=b http://h?a=b http://h?a http://h?a=b&&c=d http://h?=b http://h?a==b http://h?a=b=c
	http://h?a=%41 http://h?%41=b http://h?a=%zz http://h?a=%4 http://h?a=b+c http://h?a=b;c=d http://h?a=[x] http://h?a="x" http://h?a=x^y
	http://h?a=x|y http://h?a={x} http://h?a=\ http://h?a=é http://h?a=1&a=2 http://h?b=1&a=2 http://h?a=b?c http://h?a=/:@!$'()*,; http://h?a=<x>
	http://h/a+b http://h/a%2Bb http://h/a%2fb http://h/%7Ex http://h/a:b@c http://h/a;b,c=d http://h/a!$&'()*b http://h/[x] http://h/"x"
	http://h/^ http://h/a|b http://h/{x} http://h/é http://h/%C3%A9 http://h/%00 http://h/%FF http://h/%zz http://h/% http://h/.. http://h/./a/../b
	http://u@h http://u:p@h http://u:@h http://:p@h http://@h http://u:p:q@h http://u%40x:p%3Aq@h/ http://u@v@h http://u!$&'()*+,;=@h
	http://h%41 http://h%2Fx http://h_x http://h!$&'()*+,;=x http://é http://h"x http://a~b http://-h http://h..x http://h. http://%00
	http://1.2.3.4 http://1.2.3 http://1.2.3.256 http://01.2.3.4 http://1.2.3.4:80/ http://[::1] http://[::1]:80/x http://[::1 http://::1 http://::1:80
	http://[1:2:3:4:5:6:7:8] http://[1:2:3:4:5:6:7] http://[::ffff:1.2.3.4] http://[FE80::1] http://[fe80::1%25eth0] http://[fe80::1%eth0]
	http://[fe80::1%25] http://[::1]x http://[] http://[v1.x] http://[v1.a:b] http://[vx.1] http://[v.1] http://[::G] http://u@[::1]/ http://[0:0::1]
	ssh://::1 ssh://u@::1 ssh://u@fe80::1%eth0 ssh://fe80::1%25eth0 ssh://[fe80::1%eth0] ssh:::1 ssh://::1?a=b ssh://::1/x ssh://1.2.3.4 ssh://u@h ssh-ng://u@h/p?x=y
	ssh://::ffff:1.2.3.4 ssh://1::2::3 ssh://[::1%] ssh://::1% x:[::1] 1x://::1 u@::1 ://::1
	file:///x file:///x/ file:/x file:x file: file:// file://h/x file://localhost/x file://:80/x file://u@/x x+file:///y x+file://h/y file+x://h/y
	s3://bucket s3://bucket/p?region=eu&endpoint=http://h s3:bucket unix:///run/s unix://run/s unix:// unix:/x unix://?root=/x dummy:// mounted-ssh-ng://h
	local:///x local://x local:x local:/x?root=/y a+b.c-d://h 1a://h a_b://h +a://h a:b a:b:c example.com:80/x localhost:8080 h/x?y h/x#y
	://h :h : / // . .. ? ?? & = % # [ ] [::1] ::1 http://h?a=1?b=2&c=%3F%26%3D%25 http://h?%26=%3D http://h?a=%00 http://h?a=%FF http://h?a=~-._
	http://h/?store=/nix/store&trusted=1&priority=10 http://h///// http://h//a//b http://h/%2e%2e/x http://h:80:81/ http://h:+80 http://h:80a http://h:%38
`)

// askRefs has real Nix 2.34 read every reference and tells for each what it
// printed, or the message it refused it with. One process reads them all: a
// refused value on the command line is only warned of.
func askRefs(t *testing.T, nix realnix.Nix, list []string) (printed []string, refused map[string]bool) {
	args := []string{"--option", "substituters", ""}
	for _, r := range list {
		args = append(args, "--option", "extra-substituters", r)
	}
	got := show(t, nix, setup{env: []string{"HOME=/nowhere"}, dir: "/"}, args...)
	if got.code != 0 {
		t.Fatalf("Nix failed: %s", got.err)
	}
	if err := json.Unmarshal(got.values["substituters"], &printed); err != nil {
		t.Fatal(err)
	}
	refused = map[string]bool{}
	for _, w := range got.warnings {
		if s, ok := strings.CutPrefix(w, "Cannot parse Nix store '"); ok {
			refused[strings.TrimSuffix(s, "'")] = true
		} else if !strings.HasPrefix(w, "dubious URI query") {
			t.Errorf("unexpected warning %q", w)
		}
	}
	return printed, refused
}

func checkRefs(t *testing.T, nix realnix.Nix, list []string) {
	// A query that cannot be decoded ends Nix even on the command line.
	var rest []string
	singles := 0
	for _, r := range list {
		_, err := nixconf.ParseStoreRef(r)
		if err == nil || !strings.HasPrefix(err.Error(), "invalid URI query") {
			rest = append(rest, r)
			continue
		}
		if singles++; singles <= 15 {
			got := show(t, nix, setup{env: []string{"HOME=/nowhere"}, dir: "/"}, "--option", "substituters", r)
			if got.code == 0 || got.err != "error: "+err.Error() {
				t.Errorf("%q: Nix exits with %d and says %q, here %q", r, got.code, got.err, err)
			}
		}
	}
	list = rest
	printed, refused := askRefs(t, nix, list)
	i := 0
	for _, r := range list {
		ref, err := nixconf.ParseStoreRef(r)
		if refused[r] {
			if err == nil {
				t.Errorf("%q: Nix refuses it, read as %q", r, ref)
			} else if want := "Cannot parse Nix store '" + r + "'"; err.Error() != want {
				t.Errorf("%q: error %q, want %q", r, err, want)
			}
			continue
		}
		if i >= len(printed) {
			t.Fatalf("%q: Nix printed too little: %q", r, printed)
		}
		want := printed[i]
		i++
		if err != nil {
			t.Errorf("%q: Nix reads it as %q, here: %v", r, want, err)
		} else if ref.String() != want {
			t.Errorf("%q: Nix prints %q, here %q", r, want, ref)
		}
	}
	if i != len(printed) {
		t.Errorf("Nix printed %d references, %d expected: %q", len(printed), i, printed[i:])
	}
}

func TestStoreReferencesAreReadAsByRealNix(t *testing.T) {
	checkRefs(t, realnix.Get(t, "2.34"), refs)
}

func TestGeneratedStoreReferencesAreReadAsByRealNix(t *testing.T) {
	nix := realnix.Get(t, "2.34")
	r := rand.New(rand.NewPCG(number2("NIX_TRUST_SEED", 1), 2))
	parts := strings.Fields(`http https HTTP s3 file ssh-ng x+file local daemon auto : : :// :// :// / / / // . .. @ @ ? ? & & = = a b é %20 %2F %zz % [ ] [::1] ::1
		1.2.3.4 :80 :0 :99999 cache.nixos.org h u:p@ + ~ _ - ! $ ' ( ) * , ; " ^ | \ { } < > # trusted=1 priority=10`)
	for range 4 {
		var list []string
		seen := map[string]bool{}
		for len(list) < 800 {
			var s string
			for range 1 + r.IntN(8) {
				s += parts[r.IntN(len(parts))]
			}
			// A # ends a line of nix.conf, but not a value on the command line.
			if !seen[s] {
				seen[s] = true
				list = append(list, s)
			}
		}
		checkRefs(t, nix, list)
	}
}

func number2(key string, usual int) uint64 { return uint64(number(key, usual)) }

func TestSetsOfStoreReferencesAreSortedAsByRealNix(t *testing.T) {
	nix := realnix.Get(t, "2.34")
	var good []string
	for _, r := range refs {
		if _, err := nixconf.ParseStoreRef(r); err == nil && !strings.Contains(r, "#") {
			good = append(good, r)
		}
	}
	good = append(good, good...)
	rand.New(rand.NewPCG(3, 3)).Shuffle(len(good), func(i, j int) { good[i], good[j] = good[j], good[i] })
	got := show(t, nix, setup{env: []string{"HOME=/nowhere"}, dir: "/"}, "--option", "trusted-substituters", strings.Join(good, " "))
	var want []string
	if err := json.Unmarshal(got.values["trusted-substituters"], &want); err != nil {
		t.Fatalf("%v in %+v", err, got.err)
	}
	c := nixconf.Load(rootFiles{root: nix.Root}, nixconf.Environment{}, nix.Version)
	if d := c.Apply(nixconf.Origin{Layer: nixconf.LayerFlag}, "trusted-substituters", strings.Join(good, " ")); d != nil {
		t.Fatal(d)
	}
	if have := c.Tokens("trusted-substituters"); !slices.Equal(have, want) {
		t.Errorf("order differs:\nNix  %q\nhere %q", want, have)
	}
}

func TestStoreReferencesThatDifferInAParameterAreDifferent(t *testing.T) {
	parse := func(s string) nixconf.StoreRef {
		r, err := nixconf.ParseStoreRef(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, x := range []struct {
		a, b  string
		equal bool
	}{
		{"https://h", "https://h", true},
		{"https://h", "https://h/", false},
		{"https://h?a=1&b=2", "https://h?b=2&a=1", true},
		{"https://h?trusted=1", "https://h", false},
		{"https://h/a%2Bb", "https://h/a+b", true},
		{"HTTPS://h", "https://h", false},
		{"https://H", "https://h", false},
		{"daemon", "unix://", false},
		{"https://h:443", "https://h", false},
	} {
		if got := parse(x.a).Equal(parse(x.b)); got != x.equal {
			t.Errorf("%s and %s: equal is %v", x.a, x.b, got)
		}
	}
	if r, ok := parse("https://h?a=1").WithSlash(); !ok || r.String() != "https://h/?a=1" {
		t.Errorf("with a slash: %v %v", r, ok)
	}
	if _, ok := parse("https://h/").WithSlash(); ok {
		t.Error("a second slash was added")
	}
}
