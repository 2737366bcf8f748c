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
