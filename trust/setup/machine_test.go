package setup

import (
	"os"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

const gateKey = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

// What is not known is not taken for listed, and not for missing either.
func TestAListThatCouldNotBeReadIsUnknown(t *testing.T) {
	key, err := bincache.ParsePublicKey(gateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	load := func(text string) *nixconf.Config {
		if err := os.WriteFile(dir+"/nix.conf", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return nixconf.Load(host.Under("/"), nixconf.Environment{Home: dir, Root: true, System: "x86_64-linux", Lookup: func(n string) (string, bool) { return dir, n == "NIX_CONF_DIR" }}, nixconf.Version{Major: 2, Minor: 34})
	}
	url := "http://127.0.0.1:8128/e0/"
	for _, c := range []struct {
		name     string
		cfg      *nixconf.Config
		key, url trust.Outcome
	}{
		{"nothing was read", nil, trust.Unknown, trust.Unknown},
		{"empty", load(""), trust.Fail, trust.Fail},
		{"both", load("extra-trusted-public-keys = " + gateKey + "\nextra-trusted-substituters = " + url + "\n"), trust.Pass, trust.Pass},
		{"a global substituter", load("extra-substituters = " + url + "\n"), trust.Fail, trust.Pass},
		{"no slash", load("extra-trusted-substituters = " + strings.TrimSuffix(url, "/") + "\n"), trust.Fail, trust.Fail},
		{"two slashes", load("extra-trusted-substituters = " + url + "/\n"), trust.Fail, trust.Fail},
		{"a broken key before it", load("trusted-public-keys = nonsense " + gateKey + "\n"), trust.Fail, trust.Fail},
		{"replaced later", load("extra-trusted-public-keys = " + gateKey + "\ntrusted-public-keys = \n"), trust.Fail, trust.Fail},
		{"a file that is not there to read", load("include /no/such/file\n"), trust.Unknown, trust.Unknown},
	} {
		facts := &trust.Facts{System: c.cfg, Nix: trust.Nix{Store: trust.StoreDaemon}, Daemon: trust.Daemon{State: trust.DaemonAnswered, Trust: trust.Untrusted}}
		m := Machine{facts, trust.Decide(facts)}
		if k, u := m.KeyListing(key), m.URLListing(url); k.Outcome != c.key || u.Outcome != c.url || k.Text == "" || u.Text == "" {
			t.Errorf("%s: the key %v, the address %v: %s %s", c.name, k.Outcome, u.Outcome, k.Text, u.Text)
		}
	}
}
