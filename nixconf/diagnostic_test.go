package nixconf_test

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func TestDiagnosticsAreSentencesWithAPlace(t *testing.T) {
	c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": "\n  cores = x\n"}, alice(), nixconf.Newest)
	if got := c.Fatal.Error(); !strings.HasPrefix(got, "/etc/nix/nix.conf:2:3: \"x\" is not a value that cores can have") {
		t.Error(got)
	}
	c = nixconf.Load(mapFiles{}, alice("NIX_CONF_DIR=etc"), nixconf.Newest)
	if got := c.Fatal.Error(); !strings.HasPrefix(got, "NIX_CONF_DIR: ") {
		t.Error(got)
	}
	for _, x := range []struct{ got, want string }{
		{nixconf.SeverityFatal.String(), "error"}, {nixconf.SeverityNote.String(), "note"},
		{nixconf.LayerDefault.String(), "default"}, {nixconf.LayerFlag.String(), "command line"}, {nixconf.Layer(99).String(), "unknown"},
		{nixconf.SourceNotRead.String(), "not read"}, {nixconf.SourceUnseen.String(), "unseen"}, {nixconf.SourceState(99).String(), "not read"},
		{nixconf.Pos{File: "f", Line: 3}.String(), "f:3"}, {nixconf.Pos{}.String(), ""},
		{nixconf.Newest.String(), "2.34.8"}, {nixconf.Version{}.String(), "unknown"},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
}

func TestVersionsAreReadFromWhatNixSays(t *testing.T) {
	for s, want := range map[string]string{
		"nix (Nix) 2.8.0": "2.8.0", "2.35.0pre20260101_abc": "2.35.0", "nix (Nix) 2.26.3": "2.26.3", "2.18": "2.18.0",
		"": "unknown", "nix": "unknown", "2": "unknown", "2.x.1": "unknown", "1.2.3.4": "unknown", "2.-1.0": "unknown",
		"nix (Lix, like Nix) 2.93.3": "2.93.3",
	} {
		v, ok := nixconf.ParseVersion(s)
		if v.String() != want || ok != (want != "unknown") {
			t.Errorf("%q is %v, %v; want %s", s, v, ok, want)
		}
	}
	if !(nixconf.Version{}).AtLeast(2, 34) || (nixconf.Version{Major: 2, Minor: 33}).AtLeast(2, 34) || !(nixconf.Version{Major: 3}).AtLeast(2, 34) {
		t.Error("versions are compared wrongly")
	}
	lix := nixconf.Version{Major: 2, Minor: 93, Patch: 3}
	if !lix.Lix() || lix.AtLeast(2, 34) || !lix.AtLeast(2, 18) || nixconf.Newest.Lix() {
		t.Error("Lix compares caches as text, as Nix did before 2.34")
	}
	c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": "substituters = https://h/a+b\n"}, alice(), lix)
	if got := c.Tokens("substituters"); c.Fatal != nil || got[0] != "https://h/a+b" {
		t.Errorf("%q %v", got, c.Fatal)
	}
}

func TestAnItemStandsForTheReferenceItWasReadFrom(t *testing.T) {
	c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": "trusted-substituters = a:b:c https://h/x?q=1 daemon auto\n"}, alice(), nixconf.Newest)
	for i, s := range []string{"auto", "a:b:c", "https://h/x?q=1", "daemon"} {
		want, err := nixconf.ParseStoreRef(s)
		if got := c.Get("trusted-substituters").Items[i].StoreRef(); err != nil || !got.Equal(want) {
			t.Errorf("item %d is %#v, want %#v", i, got, want)
		}
	}
}

// Lix: libfetchers/fetch-settings.cc and libstore/file-transfer-settings, read
// as of 2.90.0 to 2.95.3; none was run.
func TestLixReadsAcceptFlakeConfigInItsOwnWay(t *testing.T) {
	for _, tc := range []struct {
		minor          int
		value, is, err string
	}{
		{34, "ask", "", "Boolean setting 'accept-flake-config' has invalid value 'ask'"},
		{90, "ask", "", "Boolean setting 'accept-flake-config' has invalid value 'ask'"},
		{90, "yes", "true", ""},
		{91, "", "ask", ""},
		{91, "ask", "ask", ""},
		{91, "true", "true", ""},
		{95, "false", "false", ""},
		{95, "yes", "", "option 'accept-flake-config' has invalid value 'yes'"},
		{95, "1", "", "option 'accept-flake-config' has invalid value '1'"},
	} {
		conf := "experimental-features = flakes\n"
		if tc.value != "" {
			conf += "accept-flake-config = " + tc.value + "\n"
		}
		c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": conf}, alice(), nixconf.Version{Major: 2, Minor: tc.minor})
		switch {
		case tc.err != "" && (c.Fatal == nil || c.Fatal.Message != tc.err):
			t.Errorf("2.%d, %q: %+v, want %q", tc.minor, tc.value, c.Fatal, tc.err)
		case tc.err == "" && (c.Fatal != nil || c.Get("accept-flake-config").Text != tc.is || c.Bool("accept-flake-config") != (tc.is == "true")):
			t.Errorf("2.%d, %q: %+v %+v", tc.minor, tc.value, c.Fatal, c.Get("accept-flake-config"))
		}
	}
}

func TestLixHasTwoTimeoutsForConnecting(t *testing.T) {
	load := func(minor int) *nixconf.Config {
		return nixconf.Load(mapFiles{"/etc/nix/nix.conf": "connect-timeout = 7\ninitial-connect-timeout = 3\n"}, alice(), nixconf.Version{Major: 2, Minor: minor})
	}
	c := load(94)
	if v := c.Get("max-connect-timeout"); v == nil || v.Text != "7" {
		t.Errorf("max-connect-timeout: %+v", v)
	}
	if v := c.Get("initial-connect-timeout"); v == nil || v.Text != "3" {
		t.Errorf("initial-connect-timeout: %+v", v)
	}
	c = load(93)
	if v := c.Get("connect-timeout"); v == nil || v.Text != "7" {
		t.Errorf("connect-timeout: %+v", v)
	}
	if v := c.Get("initial-connect-timeout"); v != nil {
		t.Errorf("2.93 has %+v", v)
	}
}
