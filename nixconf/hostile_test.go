package nixconf_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
)

func TestAHugeFileIsUnreadAndSaidAndCostsNothing(t *testing.T) {
	huge := strings.Repeat("extra-trusted-users = mallory\n", 100<<20/30)
	files := mapFiles{"/etc/nix/nix.conf": "cores = 3\ninclude /huge\n", "/huge": huge, "/home/alice/.config/nix/nix.conf": huge}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := nixconf.Load(files, alice(), nixconf.Newest)
	runtime.ReadMemStats(&after)
	if c.Fatal != nil || len(c.Warnings) != 2 {
		t.Fatalf("%+v %+v", c.Fatal, c.Warnings)
	}
	for i, where := range []string{"/etc/nix/nix.conf:2:1", "/home/alice/.config/nix/nix.conf"} {
		if w := c.Warnings[i]; w.Kind != "too-large" || w.Pos.String() != where || w.Text == "" {
			t.Errorf("%+v, want too-large at %s", w, where)
		}
		if r := c.Read[min(i*2, len(c.Read)-1)]; r.State != nixconf.SourceUnreadable {
			t.Errorf("%+v passes for read", r)
		}
	}
	// The files in memory are copied once each by mapFiles; nothing else may grow with them.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 250<<20 {
		t.Errorf("it cost %d MiB", grown>>20)
	}
}

func TestTheLargestFileReadStaysAffordable(t *testing.T) {
	for name, line := range map[string]string{
		"newlines": "\n", "assignments": "cores = 1\n", "unknown": "a = \n", "lists": "extra-trusted-users = a b c d\n",
		"sets": "trusted-substituters = https://a https://b\n", "one line": "x",
	} {
		text := strings.Repeat(line, nixconf.MaxFileSize/len(line))
		if name == "one line" {
			text = "trusted-users = " + text[:len(text)-20]
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := nixconf.Load(mapFiles{"/etc/nix/nix.conf": text}, alice(), nixconf.Newest)
		if c.Fatal != nil {
			t.Errorf("%s: %+v", name, c.Fatal)
		}
		runtime.ReadMemStats(&after)
		if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 1024 {
			t.Errorf("%s: %d MiB for %d MiB of text", name, grown, len(text)>>20)
		}
		if c.Read[0].State != nixconf.SourceRead {
			t.Errorf("%s: %+v", name, c.Read[0])
		}
	}
}

func TestASourceAfterAnErrorIsNotCalledRead(t *testing.T) {
	files := mapFiles{"/etc/nix/nix.conf": "cores\n", "/home/alice/.config/nix/nix.conf": "cores = 1\n"}
	for _, v := range versions {
		c := nixconf.Load(files, alice("NIX_CONFIG=cores = 2"), v)
		if c.Fatal == nil || c.Fatal.Pos != (nixconf.Pos{File: "/etc/nix/nix.conf", Line: 1, Col: 1}) {
			t.Errorf("%v: %+v", v, c.Fatal)
		}
		for i, want := range []nixconf.SourceState{nixconf.SourceRead, nixconf.SourceNotRead, nixconf.SourceNotRead, nixconf.SourceNotRead} {
			if c.Read[i].State != want {
				t.Errorf("%v: %+v, want %v", v, c.Read[i], want)
			}
		}
	}
}
