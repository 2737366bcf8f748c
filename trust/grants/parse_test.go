package grants

import (
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

const (
	digestA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	key1    = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func sample() *File {
	return &File{
		Version: Version,
		Grants: []Grant{{
			Flake: "git:/home/mira/proj/.git?dir=sub", Lock: digestA, Systems: []string{"aarch64-linux", "x86_64-linux"},
			Caches:  []lock.Cache{{URL: "https://a.example"}, {URL: "https://cache.example", Keys: []string{key1}}},
			Granted: noon, Expires: noon.AddDate(0, 0, 30), Note: `say "hi" \o/ – é`, Seen: "/home/mira/proj/sub", Replaced: []string{digestB},
		}, {
			Flake: "github:owner/repo", Lock: digestB, Systems: []string{"x86_64-linux"},
			Caches: []lock.Cache{{URL: "file:///srv/cache", Keys: []string{key1}}}, Granted: noon,
		}},
		Denies: []Deny{{Flake: "path:/tmp/x%20y", Since: noon, Note: "no"}, {Flake: "github:owner/repo", Since: noon}},
	}
}

func TestPrintAndParseAgree(t *testing.T) {
	text, err := sample().Print()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("grants.toml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := f.Print()
	if err != nil || string(again) != string(text) {
		t.Fatalf("%v\n%s\nbecame\n%s", err, text, again)
	}
	if g, _ := f.Grant("git:/home/mira/proj/.git?dir=sub"); g.Note != sample().Grants[0].Note || !g.Expires.Equal(noon.AddDate(0, 0, 30)) || len(g.Caches) != 2 {
		t.Errorf("the grant was changed: %+v", g)
	}
	if !strings.Contains(string(text), "[[deny]]") {
		t.Error(string(text))
	}
}
