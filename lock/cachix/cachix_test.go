package cachix

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

const (
	key   = "some.cachix.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	other = "some.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
)

func TestANameStandsForItsHostAlone(t *testing.T) {
	for arg, want := range map[string]string{
		"cachix:some": "https://some.cachix.org", "cachix:nix-community": "https://nix-community.cachix.org",
		"https://x.example": "https://x.example", "": "", "cachix": "cachix",
		"cachix:": "!", "cachix:a.b": "!", "cachix:evil.example/": "!", "cachix:a@b": "!", "cachix:-a": "!", "cachix:a-": "!", "cachix:A": "!",
		"cachix:a\n": "!", "cachix:\u0430": "!", "cachix:a/../b": "!", "cachix:a?x": "!", "cachix:" + strings.Repeat("a", 64): "!",
	} {
		got, _, err := StoreURL(arg)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", arg, got, want)
		}
	}
}

// What cachix.org answers: Types/BinaryCache.hs; the service was not asked.
func TestWhatIsSaidOfKeysIsReadStrictly(t *testing.T) {
	good := `{"name":"some","uri":"https://some.cachix.org","isPublic":true,"publicSigningKeys":["` + key + `"],"githubUsername":"","permission":"Read","preferredCompressionMethod":"ZSTD"}`
	for name, c := range map[string]struct {
		status int
		body   string
		keys   int
	}{
		"good":            {200, good, 1},
		"private":         {401, "{}", 0},
		"absent":          {404, "", 0},
		"elsewhere":       {302, good, 0},
		"broken":          {500, good, 0},
		"another name":    {200, strings.Replace(good, `"some"`, `"other"`, 1), 0},
		"another host":    {200, strings.Replace(good, "https://some.cachix.org", "https://evil.example", 1), 0},
		"no key":          {200, strings.Replace(good, `"`+key+`"`, "", 1), 0},
		"junk for a key":  {200, strings.Replace(good, key, "junk", 1), 0},
		"a key and junk":  {200, strings.Replace(good, `"`+key+`"`, `"`+key+`","junk"`, 1), 0},
		"a key of zeroes": {200, strings.Replace(good, key, "some.cachix.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1), 0},
		"too many keys":   {200, strings.Replace(good, `"`+key+`"`, strings.Repeat(`"`+key+`",`, maxKeys)+`"`+key+`"`, 1), 0},
		"too long":        {200, good + strings.Repeat(" ", maxAnswer), 0},
		"deep":            {200, strings.Repeat("[", maxAnswer/2), 0},
		"no JSON":         {200, "<html>", 0},
		"null":            {200, "null", 0},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/cache/some" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: asked for %s", name, r.URL)
			}
			w.Header().Set("Location", "/cache/some")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		keys, err := Keys(context.Background(), bincache.NewWeb(bincache.DefaultLimits()), s.URL+"/cache/", "some")
		if len(keys) != c.keys || (err == nil) != (c.keys > 0) {
			t.Errorf("%s: %q, %v", name, keys, err)
		}
		if v := Compare(keys, []string{key}); v == Same != (c.keys > 0) {
			t.Errorf("%s: compared: %v", name, v)
		}
		s.Close()
	}
}

func TestOnlyKeysOfBothSidesAreCompared(t *testing.T) {
	for i, c := range []struct {
		told, claimed []string
		want          Verdict
	}{
		{nil, nil, Unknown}, {[]string{key}, nil, Unknown}, {nil, []string{key}, Unknown},
		{[]string{key}, []string{key}, Same}, {[]string{key, other}, []string{key}, Same},
		{[]string{key}, []string{other}, Other}, {[]string{key}, []string{key, other}, Other}, {[]string{key}, []string{"junk"}, Other},
	} {
		if got := Compare(c.told, c.claimed); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
	if got := fmt.Sprint(Named("some", []string{other, "awesome.cachix.org-1:x", key, "some.cachix.organic-1:x", key})); got != fmt.Sprint([]string{key, other}) {
		t.Error(got)
	}
	if (Verdict(0)).String() != "unknown" {
		t.Error("the zero verdict says something")
	}
}
