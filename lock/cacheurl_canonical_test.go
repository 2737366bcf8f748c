package lock

import "testing"

func TestACacheHasOneSpellingHoweverItIsWritten(t *testing.T) {
	for in, want := range map[string]string{
		"https://cache.example":                          "https://cache.example",
		"https://cache.example/":                         "https://cache.example",
		"HTTPS://Cache.Example:443/?priority=10&trusted": "https://cache.example",
		"http://cache.example:80/a/b/":                   "http://cache.example/a/b",
		"http://127.0.0.1:8080/":                         "http://127.0.0.1:8080",
		"https://cache.example//a/../b#x":                "https://cache.example/b",
		"/var/cache/nix":                                 "file:///var/cache/nix",
		"file:///var/cache/nix?compression=zstd":         "file:///var/cache/nix",
	} {
		got, err := CanonicalURL(in)
		if got != want || err != nil {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "s3://bucket", "ssh://host", "daemon", "auto", "https://", "https://me:pw@cache.example", "https:cache", "\x00"} {
		if got, err := CanonicalURL(in); err == nil {
			t.Errorf("%q is taken for %q", in, got)
		}
	}
}
