package safetext

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestSuspectHostKnowsTheTricks(t *testing.T) {
	for url, want := range map[string]string{
		"https://cache.nixos.org@evil.example/":      "the host is evil.example",
		"https://cache.nixos.org:443@evil.example":   "the host is evil.example",
		"https://c\u0430che.nixos.org/":              "looks like cache.nixos.org",
		"https://cache.nix\u043es.org":               "letters of Latin and Cyrillic",
		"https://\u0441achix.org":                    "looks like cachix.org",
		"https://xn--80ak6aa92e.com/":                "Cyrillic",
		"https://xn--cche-nixos-org.example/":        "where other alphabets are shown",
		"https://cache.nixo5.org":                    "looks like cache.nixos.org",
		"https://cache.n1xos.org/":                   "looks like cache.nixos.org",
		"https://cache.nixos.org.evil.example/":      "looks like cache.nixos.org",
		"https://cache-nixos.org/":                   "looks like cache.nixos.org",
		"https://cache.nixoss.org/":                  "looks like cache.nixos.org",
		"https://cache.nxios.org":                    "looks like cache.nixos.org",
		"https://cache.nixos.com":                    "looks like cache.nixos.org",
		"https://x.cach1x.org":                       "looks like cachix.org",
		"https://nix-comunity.cachix.org":            "looks like nix-community.cachix.org",
		"https://hyprIand.cachix.org":                "looks like hyprland.cachix.org",
		"https://cache.nixos.org\\@evil.example/":    "does not belong",
		"https://cache.nixos.org%2f.evil.example":    "does not belong",
		"https://cache\u202e.nixos.org":              "does not belong",
		"https://cache.nixos.org\u3002evil.example/": "letters of Latin",
	} {
		reason, ok := SuspectHost(url)
		if !ok || !strings.Contains(reason.String(), want) {
			t.Errorf("SuspectHost(%q) = %q, %v; want %q in it", url, reason, ok, want)
		}
	}
}

func TestSuspectHostTrustsHonestNames(t *testing.T) {
	for _, url := range []string{
		"https://cache.nixos.org", "https://cache.nixos.org/", "https://CACHE.nixos.org./", "http://cache.nixos.org:80/x", "https://hydra.nixos.org",
		"https://staging.nixos.org", "https://nix-community.cachix.org", "https://my-team.cachix.org", "https://cache.example.org",
		"https://cache.garnix.io", "https://attic.example.com/main?priority=30", "file:///tmp/cache", "/nix/store", "daemon", "local", "s3://bucket?region=eu-west-1",
		"http://127.0.0.1:5000", "http://[::1]:5000/", "ssh-ng://builder@host.example", "https://user:pass@cache.example/", "https://nixcache.reflex-frp.org", "",
		"https://", "unix://", "https://cache.flakehub.com", "https://attic.xuyh0120.win/lantian",
		"https://hydra.iohk.io", "https://cache.zw3rk.com", "https://cosmic.cachix.org", "https://ai.cachix.org", "https://cache.ngi0.nixos.org", "https://cache.saumon.network/proxmox-nixos",
		"https://cache.m7.rs", "https://nixpkgs-unfree.cachix.org", "https://niri.cachix.org", "https://walker.cachix.org", "https://yazi.cachix.org", "https://felix.cachix.org",
		"https://cache.flox.dev", "https://nix-darwin.cachix.org", "https://mirrors.ustc.edu.cn/nix-channels/store", "https://mirror.sjtu.edu.cn/nix-channels/store",
		"https://cache.clan.lol", "https://cache.thalheim.io", "https://nixos-raspberrypi.cachix.org", "https://lean4.cachix.org", "https://cache.ion.io", "https://cache.nix.systems",
		"http://cache:8080", "http://localhost:5000/x", "https://nix-cache.my-company.example:8443/main", "https://cache.lix.systems",
	} {
		if reason, ok := SuspectHost(url); ok {
			t.Errorf("SuspectHost(%q) says %q", url, reason)
		}
	}
}

func TestSuspectHostEscapesOnceAndKnowsItsWidth(t *testing.T) {
	reason, ok := SuspectHost("https://c\u0430che.nixos.org")
	if want := `the host is written with letters of Latin and Cyrillic: c\u{430}che.nixos.org, and looks like cache.nixos.org`; !ok || reason.String() != want {
		t.Errorf("the reason is %q, %v; want %q", reason, ok, want)
	}
	for _, url := range []string{"https://c\u0430che.nixos.org", "https://xn--80ak6aa92e.com/", "https://cache.nixo5.org", "https://a.b@c/", "https://x\x1by/"} {
		if reason, _ := SuspectHost(url); reason.Width() != ansi.StringWidth(reason.String()) || reason.Width() == 0 {
			t.Errorf("%q: %q has %d cells, it says %d", url, reason, ansi.StringWidth(reason.String()), reason.Width())
		}
	}
}

func TestTextWritesURLsInASCII(t *testing.T) {
	for in, want := range map[string]string{
		"für https://c\u0430che.nixos.org, «née»": `für https://c\u{430}che.nixos.org, «née»`,
		"'https://u:p@h.example/\u0430' \u202e":   `'https://***@h.example/\u{430}' \u{202e}`,
		"c\u0430fé  x":                            "c\u0430fé  x",
		"":                                        "",
	} {
		if got := Text(in); got.String() != want || got.Width() != ansi.StringWidth(want) {
			t.Errorf("Text(%q) = %q with %d cells, want %q", in, got, got.Width(), want)
		}
	}
}

func TestPunycodeReadsTheStandardSamples(t *testing.T) {
	// RFC 3492, section 7.1, and two that are common.
	for in, want := range map[string]string{
		"egbpdaj6bu4bxfgehfvwxn":         "ليهمابتكلموشعربي؟",
		"ihqwcrb4cv8a8dqg056pqjye":       "他们为什么不说中文",
		"Proprostnemluvesky-uyb24dma41a": "Pročprostěnemluvíčesky",
		"3B-ww4c5e180e575a65lsy2b":       "3年B組金八先生",
		"80ak6aa92e":                     "аррӏе",
		"mnchen-3ya":                     "münchen",
	} {
		if got, ok := punycode(in); !ok || got != want {
			t.Errorf("punycode(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
	for _, bad := range []string{"99999999", "a-é", strings.Repeat("9", 300), "zzzzzzzzzzz"} {
		if got, ok := punycode(bad); ok {
			t.Errorf("punycode(%q) = %q", bad, got)
		}
	}
}
