package challenge

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nix-trust/nix-trust/lock"
)

func TestHostileCachesHaveNoVote(t *testing.T) {
	good := cacheWith(t, serve(somePath, plainNar))
	raw := func(text string) *served {
		s := serve(somePath, plainNar)
		s.raw = text
		return s
	}
	elsewhere := serve(somePath, plainNar)
	elsewhere.raw = serve(somePath+"-evil", plainNar).info.String()
	huge := strings.Replace(serve(somePath, plainNar).info.String(), fmt.Sprintf("NarSize: %d", len(plainNar)), "NarSize: 18446744073709551615", 1)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://other.example/", http.StatusFound)
	}))
	defer away.Close()
	private := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer private.Close()
	for _, c := range []struct {
		name, url string
		want      Answer
	}{
		{"a page", cacheWith(t, raw("<html>")), Misbehaved},
		{"another path of the same hash", cacheWith(t, elsewhere), Misbehaved},
		{"a field twice", cacheWith(t, raw(serve(somePath, plainNar).info.String()+"NarSize: 1\n")), Misbehaved},
		{"more bytes than there are", cacheWith(t, raw(huge)), Misbehaved},
		{"endless", cacheWith(t, raw(strings.Repeat("Junk: junk\n", 1<<18))), Misbehaved},
		{"a redirect to another host", away.URL, Misbehaved},
		{"nobody there", closed.URL, Unreachable},
		{"no right to ask", private.URL, Silent},
		{"without it", cacheWith(t), Missing},
		{"a store that is not asked", "s3://bucket", Silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, item := challengeOne(t, Options{Caches: []lock.Cache{{URL: good}, {URL: c.url}}})
			v := item.Votes[1]
			if v.Answer != c.want || v.Text == "" || item.Verdict != Inconclusive || item.Sides[0].Distinct != 1 {
				t.Errorf("%v %q: %v", v.Answer, v.Text, item.Verdict)
			}
		})
	}
}

// The NAR behind a narinfo is compared only when it is the one that was told.
func TestNARsThatAreNotAsToldAreNotCompared(t *testing.T) {
	good := cacheWith(t, serve(somePath, plainNar))
	pack := func(data []byte) []byte {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
		w.Close()
		return b.Bytes()
	}
	for _, c := range []struct {
		name, says string
		change     func(s *served)
	}{
		{"other bytes", "NarHash should be", func(s *served) { s.nar = plainNar }},
		{"cut off", "ends too early", func(s *served) { s.nar = s.nar[:100] }},
		{"bytes behind its end", "more than", func(s *served) { s.nar = append(slices.Clone(s.nar), 1) }},
		{"no NAR", "does not start as a NAR", func(s *served) { s.nar = []byte("<html>please log in and come back</html>") }},
		{"a bomb", "more than the", func(s *served) { s.nar, s.info.Compression = pack(narOf(string(make([]byte, 50<<20)))), "zstd" }},
		{"gone", "does not have it", func(s *served) { s.info.URL = "nar/gone.nar" }},
		{"on another host", "not on the cache's own host", func(s *served) { s.info.URL = "http://other.example/x.nar" }},
		{"a format that is not read", "compression", func(s *served) { s.info.Compression = "lzip" }},
		{"in a pack that is fine", "", func(s *served) { s.nar, s.info.Compression = pack(s.nar), "zstd" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(somePath, otherNar)
			c.change(s)
			bad := cacheWith(t, s)
			if c.name == "gone" {
				s.info.URL = "elsewhere"
				s.raw = strings.Replace(s.info.String(), "elsewhere", "nar/gone.nar", 1)
			}
			o := Options{Caches: []lock.Cache{{URL: good}, {URL: bad}}}
			r, item := challengeOne(t, o)
			a, okA := r.Tree(o, item, 0)
			b, okB := r.Tree(o, item, 1)
			if !okA || !okB || item.Verdict != Mismatch {
				t.Fatalf("%v %+v", item.Verdict, item.Votes)
			}
			d, err := Compare(context.Background(), a, b, 10)
			if c.says == "" && (err != nil || len(d.Files) != 1) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%+v %v, want %q", d, err, c.says)
			}
			root, err := OpenEmpty(filepath.Join(t.TempDir(), "in"))
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := Unpack(context.Background(), b, root, "b"); (err == nil) != (c.says == "") {
				t.Errorf("unpacked: %v", err)
			}
		})
	}
}
