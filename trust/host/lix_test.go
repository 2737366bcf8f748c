package host

import (
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// Lix: libutil/users.cc and libstore/globals.cc, as of 2.90.0 to 2.95.3; none
// was run.
func TestLixLooksInItsOwnPlaces(t *testing.T) {
	env := map[string]string{
		"HOME": "/home/a", "NIX_DATA_HOME": "/d", "NIX_CONFIG_HOME": "/c", "NIX_CACHE_HOME": "/k", "NIX_STATE_HOME": "/s",
		"CACHE_DIRECTORY": "/var/cache/x", "LIX_DAEMON_SOCKET_DIR": "/run/lix", "XDG_DATA_HOME": "/xdg",
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	const usual = "/nix/var/nix/daemon-socket/socket"
	for _, tc := range []struct {
		minor                         int
		answers, config, cache, where string
	}{
		{34, "/d/trusted-settings.json", "/c", "/k", usual},
		{24, "/xdg/nix/trusted-settings.json", "/home/a/.config/nix", "/home/a/.cache/nix", usual},
		{90, "/xdg/nix/trusted-settings.json", "/home/a/.config/nix", "/home/a/.cache/nix", usual},
		{94, "/xdg/nix/trusted-settings.json", "/home/a/.config/nix", "/home/a/.cache/nix", usual},
		{95, "/xdg/nix/trusted-settings.json", "/home/a/.config/nix", "/var/cache/x/nix", "/run/lix/socket"},
	} {
		p := placesFor(lookup, "/home/a", "/w", nixconf.Version{Major: 2, Minor: tc.minor})
		if p.answers() != tc.answers || p.config != tc.config || p.cache != tc.cache || p.socket != tc.where {
			t.Errorf("2.%d: %s, %s, %s, %s", tc.minor, p.answers(), p.config, p.cache, p.socket)
		}
	}
}

// Which rules hold is taken from what the daemon and the command say they are.
func TestTheImplementationIsTakenFromTheVersionItSays(t *testing.T) {
	for said, want := range map[string]struct {
		version string
		lix     bool
	}{
		"2.34.8":                              {"2.34.8", false},
		"2.93.3":                              {"2.93.3", true},
		"2.96.0-dev":                          {"2.96.0", true},
		"2.94.0-dev-pre20251104-3142ad2":      {"2.94.0", true},
		"nix (Lix, like Nix) 2.95.3":          {"2.95.3", true},
		"nix (Determinate Nix 3.22.2) 2.34.7": {"2.34.7", false},
		"nix (Nix) 2.26.3":                    {"2.26.3", false},
		"3.8.2 or so":                         {"3.8.2", false},
		"Lix":                                 {"unknown", false},
		"":                                    {"unknown", false},
	} {
		v, _ := nixconf.ParseVersion(said)
		if v.String() != want.version || v.Lix() != want.lix {
			t.Errorf("%q: %v, Lix %v", said, v, v.Lix())
		}
	}
	conf := trust.Daemon{}
	if conf.Version.Lix() || (nixconf.Version{}).LixAtLeast(0) {
		t.Error("an unknown version is taken for Lix")
	}
}
