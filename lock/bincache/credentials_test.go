package bincache

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestNetrcIsReadAsCurlDoes(t *testing.T) {
	n := ParseNetrc([]byte(`# comment login no
machine a.example login me password p1
machine B.example
  login "you \"x\"" account z
  password "p 2"
macdef init
machine c.example login macro password macro

machine a.example login later password later
default login anyone password p3
`))
	for host, want := range map[string]string{
		"a.example": "me:p1", "A.EXAMPLE": "me:p1", "b.example": "you%20%22x%22:p%202", "c.example": "anyone:p3",
	} {
		if got := n.Find(host); got == nil || got.String() != want {
			t.Errorf("%s: %v, want %s", host, got, want)
		}
	}
	if ParseNetrc(nil).Find("a.example") != nil || (*Netrc)(nil).Find("x") != nil {
		t.Error("credentials from nowhere")
	}
	if named := n.Named(); named.Find("c.example") != nil || named.Find("a.example") == nil || (*Netrc)(nil).Named() != nil {
		t.Error("a host that no entry names has credentials, or one that is named has none")
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", n, n, n, n); strings.Contains(shown, "p1") {
		t.Errorf("printing shows %s", shown)
	}
}

func TestCredentialsReachTheirHostAndNoError(t *testing.T) {
	h, other := newHostileCache(t), newHostileCache(t)
	honest := h.narInfo
	h.narInfo = func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.WriteHeader(401)
			return
		}
		honest(w, r)
	}
	leaked := false
	other.nar = func(w http.ResponseWriter, r *http.Request) {
		_, _, leaked = r.BasicAuth()
		w.Write(other.data)
	}
	allowed, _ := url.Parse(strings.Replace(other.URL, "127.0.0.1", "localhost", 1))
	options := Options{Netrc: ParseNetrc([]byte("machine 127.0.0.1 login me password secret")), Hosts: []string{allowed.Host}}
	for name, storeURL := range map[string]string{"netrc": h.URL, "in the URL": strings.Replace(h.URL, "://", "://me:secret@", 1)} {
		h.nar = redirectTo(allowed.String() + "/nar/x.nar")
		cache, err := NewClient(options).Cache(storeURL)
		if err != nil {
			t.Fatal(err)
		}
		n, err := cache.NarInfo(t.Context(), h.info.Path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := cache.Contents(t.Context(), n, nil); err != nil || leaked {
			t.Errorf("%s: %v; credentials sent to another host: %v", name, err, leaked)
		}
		if strings.Contains(cache.URL(), "secret") {
			t.Errorf("%s: shown as %s", name, cache.URL())
		}
		h.nar = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "junk") }
		if _, err := cache.Contents(t.Context(), n, nil); err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "secret") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if _, err := NewClient(Options{}).Cache("https://me:secret@exa mple/"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a URL that cannot be read: %v", err)
	}
}

func TestNothingMeantForHTTPSGoesOverHTTP(t *testing.T) {
	cache, err := NewClient(Options{Netrc: ParseNetrc([]byte("default login me password secret"))}).Cache("https://cache.example")
	if err != nil {
		t.Fatal(err)
	}
	plain := &url.URL{Scheme: "http", Host: "cache.example", Path: "/x"}
	if cache.userFor(plain) != nil {
		t.Error("credentials for https are sent over http")
	}
	if cache.mayLeadTo(cache.base, plain) {
		t.Error("a redirect may drop encryption")
	}
	if _, err := cache.resolve("http://cache.example/nar/x"); !errors.Is(err, Misbehaved) {
		t.Errorf("a narinfo may drop encryption: %v", err)
	}
	if u, err := cache.resolve("https://cache.example:443/nar/x?a=b"); err != nil || u.RawQuery != "a=b" {
		t.Errorf("an absolute URL of the cache's own host: %v, %v", u, err)
	}
}

func TestACacheIsHTTPOrAFolder(t *testing.T) {
	for _, bad := range []string{"", "ssh://h", "s3://bucket", "daemon", "http://", "https:/x", "file://host/x", "http:x", "x y"} {
		if _, err := NewClient(Options{}).Cache(bad); !errors.Is(err, Unsupported) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for given, want := range map[string]string{"https://X.example/a/?priority=1#f": "https://X.example/a/", "/c": "file:///c"} {
		cache, err := NewClient(Options{}).Cache(given)
		if err != nil || !strings.EqualFold(cache.URL(), want) {
			t.Errorf("%q: %v", given, err)
		}
	}
}
