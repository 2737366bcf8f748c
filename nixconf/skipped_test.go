package nixconf_test

import (
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func TestWhatNixReadsAndWeDoNotIsSkippedAndNotTakenForNothing(t *testing.T) {
	const home = "/home/a/.config/nix/nix.conf"
	huge := strings.Repeat("#", nixconf.MaxFileSize+1)
	env := nixconf.Environment{Home: "/home/a"}
	for name, tc := range map[string]struct {
		files nixconf.Files
		env   nixconf.Environment
		where string
	}{
		"all is read":             {mapFiles{home: "cores = 1"}, env, ""},
		"a missing file":          {mapFiles{}, env, ""},
		"a huge file":             {mapFiles{home: huge}, env, home},
		"a huge include":          {mapFiles{home: "cores = 1\n!include big", "/home/a/.config/nix/big": huge}, env, home + ":2:1"},
		"a pipe":                  {mapFiles{home: nixconf.ErrNotRegular}, env, home},
		"an include of a pipe":    {mapFiles{home: "!include p", "/home/a/.config/nix/p": nixconf.ErrNotRegular}, env, home + ":1:1"},
		"a home that is unknown":  {mapFiles{}, nixconf.Environment{HomeUnknown: true}, "~/.config/nix/nix.conf"},
		"a home named by nothing": {mapFiles{}, nixconf.Environment{}, ""},
	} {
		for _, v := range []nixconf.Version{{2, 8, 0}, {2, 26, 3}, {2, 34, 8}} {
			cfg := nixconf.Load(tc.files, tc.env, v)
			got := ""
			if at := cfg.Skipped(); at != nil {
				got = at.String()
			}
			if got != tc.where {
				t.Errorf("%s, %v: skipped %q, want %q", name, v, got, tc.where)
			}
			if homeless := name == "a home named by nothing"; homeless != (cfg.Fatal != nil) {
				t.Errorf("%s, %v: fatal is %v", name, v, cfg.Fatal)
			}
		}
	}
}
