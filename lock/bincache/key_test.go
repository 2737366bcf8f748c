package bincache

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const (
	keyA  = "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	keyA2 = "cache-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
)

var keyCases = []struct {
	name, text string
	ok         bool
}{
	{"a key as published", keyA, true},
	{"padding left out", strings.TrimSuffix(keyA, "="), true},
	{"junk behind the padding", keyA + "junk", true},
	{"unused bits set", "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjZ=", true},
	{"a name with a space is cut by the list, not here", "x y:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", true},
	{"no name", ":6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", false},
	{"no colon", "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", false},
	{"nothing after the colon", "cache-1:", false},
	{"only padding", "cache-1:=", false},
	{"too short", "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDS", false},
	{"too long", "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY6NCH", false},
	{"one character left over", "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjYA", false},
	{"the other alphabet", "cache-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDSh-_=", false},
	{"a second colon", "cache-1:x:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", false},
}

func TestParsePublicKeyTakesWhatNixTakes(t *testing.T) {
	for _, c := range keyCases {
		t.Run(c.name, func(t *testing.T) {
			k, err := ParsePublicKey(c.text)
			if (err == nil) != c.ok {
				t.Fatalf("ParsePublicKey(%q) = %v, want ok %v", c.text, err, c.ok)
			}
			if err == nil && len(k.Key) != 32 {
				t.Errorf("key has %d bytes", len(k.Key))
			}
		})
	}
}

// Real Nix reads the whole list of keys when it verifies a signed path; a bad
// key stops it before it looks at any signature.
func TestRealNixTakesTheSameKeys(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, dir := nix.Dir(t)
		_ = outside
		env := []string{
			"HOME=" + dir, "NIX_STORE_DIR=" + dir + "/store", "NIX_STATE_DIR=" + dir + "/state",
			"NIX_LOG_DIR=" + dir + "/log", "NIX_CONF_DIR=" + dir + "/etc",
			"NIX_CONFIG=experimental-features = nix-command\nsubstituters =",
		}
		script := "mkdir -p " + dir + "/etc && cd " + dir + ` && echo hi > f && P=$(nix-store --add f) &&
nix key generate-secret --key-name other-1 > sec && (nix store sign -k sec $P || nix store sign --key-file sec $P) && echo $P`
		r := nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: env})
		if r.Code != 0 {
			t.Fatalf("preparing: %s%s", r.Stdout, r.Stderr)
		}
		lines := strings.Fields(r.Stdout)
		path := lines[len(lines)-1]
		for _, c := range keyCases {
			if strings.Contains(c.text, " ") {
				continue
			}
			r := nix.Run(t, realnix.Cmd{Env: env, Args: []string{"nix", "store", "verify", "--no-contents",
				"--sigs-needed", "1", "--option", "trusted-public-keys", c.text, path}})
			stopped := strings.Contains(r.Stderr, "corrupt") || strings.Contains(r.Stderr, "not valid") || strings.Contains(r.Stderr, "invalid character")
			if stopped == c.ok {
				t.Errorf("%s: real Nix stopped = %v (exit %d: %s), want %v", c.name, stopped, r.Code, r.Stderr, !c.ok)
			}
		}
	})
}

func TestKeyringTriesTheFirstKeyOfANameAlone(t *testing.T) {
	r := NewKeyring([]string{"junk", keyA, keyA2})
	k, i, ok := r.Find("cache-1")
	if !ok || i != 1 || k.String() != keyA {
		t.Errorf("Find = %v, %d, %v; want the first key", k, i, ok)
	}
	if bad := r.Bad(); bad == nil || bad.Index != 0 || bad.Err != ErrKeyCorrupt {
		t.Errorf("Bad = %+v, want the first entry", bad)
	}
	if _, _, ok := r.Find("cache"); ok {
		t.Error("found a key by a part of its name")
	}
}
