package challenge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/bincache/bincachetest"
)

var (
	alice   = bincachetest.NewSigner("alice-1", 1)
	bob     = bincachetest.NewSigner("bob-1", 2)
	mallory = bincachetest.NewSigner("alice-1", 3) // another key of Alice's name
)

// A served is what a cache has: a NAR and a narinfo of it.
type served struct {
	nar  []byte
	info *bincache.NarInfo
	raw  string // in the narinfo's place
}

func serve(path lock.StorePath, nar []byte, by ...bincachetest.Signer) *served {
	n := &bincache.NarInfo{
		StoreDir: bincache.DefaultStoreDir, Path: path, URL: "nar/" + path.Digest() + ".nar", Compression: "none",
		NarHash: hashOf(nar), NarSize: uint64(len(nar)),
	}
	for _, s := range by {
		n.Signatures = append(n.Signatures, s.Sign(n))
	}
	return &served{nar: nar, info: n}
}

// cacheWith serves paths over loopback.
func cacheWith(t *testing.T, all ...*served) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, s := range all {
			switch {
			case r.URL.Path != "/"+s.info.Path.Digest()+".narinfo" && r.URL.Path != "/"+s.info.URL:
				continue
			case r.URL.Path == "/"+s.info.URL:
				w.Write(s.nar)
			case s.raw != "":
				io.WriteString(w, s.raw)
			default:
				io.WriteString(w, s.info.String())
			}
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func client() *bincache.Client {
	return bincache.NewClient(bincache.Options{Limits: bincache.Limits{Attempts: 1}})
}

func challengeOne(t *testing.T, o Options) (*Report, Item) {
	t.Helper()
	if o.Client == nil {
		o.Client = client()
	}
	r, err := Run(context.Background(), []lock.StorePath{somePath}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Items) != 1 || len(r.Items[0].Votes) != len(r.Voters) {
		t.Fatalf("%+v", r)
	}
	return r, r.Items[0]
}

var plainNar, otherNar = narOf(folder{"a": "1"}), narOf(folder{"a": "2"})

func TestWhoSignedIsToldAndCounted(t *testing.T) {
	honest := serve(somePath, plainNar, alice)
	for _, c := range []struct {
		name     string
		all      []*served
		keys     []string
		want     Verdict
		distinct int
		signed   []bincache.Verdict
	}{
		{"two keys", []*served{honest, serve(somePath, plainNar, bob)}, []string{alice.Public(), bob.Public()}, Match, 2, []bincache.Verdict{bincache.Verified, bincache.Verified}},
		{"a mirror", []*served{honest, honest}, []string{alice.Public()}, Inconclusive, 1, []bincache.Verdict{bincache.Verified, bincache.Verified}},
		{"a mirror, and nobody has the key", []*served{honest, honest}, nil, Inconclusive, 1, []bincache.Verdict{bincache.UnknownSigner, bincache.UnknownSigner}},
		{"unsigned", []*served{serve(somePath, plainNar), serve(somePath, plainNar)}, nil, Match, 2, []bincache.Verdict{bincache.Unsigned, bincache.Unsigned}},
		{"a proxy that signs as well", []*served{honest, serve(somePath, plainNar, alice, bob)}, []string{alice.Public(), bob.Public()}, Inconclusive, 1, []bincache.Verdict{bincache.Verified, bincache.Verified}},
		{"one that signs under another's name", []*served{honest, serve(somePath, plainNar, mallory)}, []string{alice.Public()}, Inconclusive, 1, []bincache.Verdict{bincache.Verified, bincache.BadSignature}},
		{"its key in the list changes nothing", []*served{honest, serve(somePath, plainNar, mallory)}, []string{alice.Public(), mallory.Public()}, Inconclusive, 1, []bincache.Verdict{bincache.Verified, bincache.WrongKey}},
		{"a key that cannot be read hides no other", []*served{honest, honest}, []string{"broken", alice.Public()}, Inconclusive, 1, []bincache.Verdict{bincache.Verified, bincache.Verified}},
		{"a signed lie", []*served{honest, serve(somePath, otherNar, bob)}, []string{alice.Public(), bob.Public()}, Mismatch, 1, []bincache.Verdict{bincache.Verified, bincache.Verified}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Keys: c.keys}
			for _, s := range c.all {
				o.Caches = append(o.Caches, lock.Cache{URL: cacheWith(t, s)})
			}
			_, item := challengeOne(t, o)
			if item.Verdict != c.want || item.Sides[0].Distinct != c.distinct {
				t.Errorf("%v %q %+v", item.Verdict, item.Text, item.Sides)
			}
			for i, v := range item.Votes {
				if v.Signed != c.signed[i] || (v.Signed == bincache.Verified) != (len(v.By) > 0) {
					t.Errorf("vote %d: %v by %q", i, v.Signed, v.By)
				}
			}
		})
	}
}

// A lock from a stranger cannot take a trusted name for its own key.
func TestTheKeysOfALockDoNotReplaceTrustedOnes(t *testing.T) {
	s := serve(somePath, plainNar, mallory)
	_, item := challengeOne(t, Options{Keys: []string{alice.Public()}, Caches: []lock.Cache{{URL: cacheWith(t, s), Keys: []string{mallory.Public()}}}, Require: 1})
	if v := item.Votes[0]; !v.Forged() || len(v.By) > 0 || item.Verdict == Match {
		t.Errorf("%v %+v", item.Verdict, v)
	}
}

func TestWhatCannotBeChallengedIsRefused(t *testing.T) {
	cache := []lock.Cache{{URL: "file:///nowhere"}}
	for name, c := range map[string]struct {
		paths []lock.StorePath
		o     Options
	}{
		"no path":                 {nil, Options{Client: client(), Caches: cache}},
		"no voter":                {[]lock.StorePath{somePath}, Options{Client: client()}},
		"no store path":           {[]lock.StorePath{"../../etc/passwd"}, Options{Client: client(), Caches: cache}},
		"a rebuild without store": {[]lock.StorePath{somePath}, Options{Build: rebuilder{}}},
	} {
		if r, err := Run(context.Background(), c.paths, c.o); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestEachPathAndCacheIsAskedOnce(t *testing.T) {
	url := cacheWith(t, serve(somePath, plainNar))
	var last, all int
	r, err := Run(context.Background(), []lock.StorePath{somePath, "b0000000000000000000000000000000-x", somePath}, Options{
		Client: client(), Caches: []lock.Cache{{URL: url}, {URL: url + "/"}, {URL: strings.Replace(url, "http", "HTTP", 1)}}, Lock: lock.New(), Store: shelf{},
		Progress: func(done, of int) { last, all = done, of },
	})
	if err != nil || len(r.Items) != 2 || len(r.Voters) != 3 || last != all || all != 6 {
		t.Errorf("%+v %v, %d of %d", r, err, last, all)
	}
}

func TestHostsNamesWhoLearnsOfThePaths(t *testing.T) {
	o := Options{Client: client(), Caches: []lock.Cache{{URL: "https://b.example/x"}, {URL: "https://B.example"}, {URL: "http://a.example:8080"}, {URL: "/srv/cache"}, {URL: "s3://bucket"}}}
	if got := o.Hosts(); !slices.Equal(got, []string{"a.example:8080", "b.example"}) {
		t.Errorf("%q", got)
	}
	for in, want := range map[string]string{
		"https://me:secret@cache.example/?key=secret": "https://cache.example",
		"s3://me:secret@bucket?secret=x":              "s3://bucket",
		"::":                                          "a cache whose URL cannot be read",
	} {
		if got := CacheName(in); got != want {
			t.Errorf("%s is called %s", in, got)
		}
	}
}

func TestChallengingEndsWhenItIsCancelled(t *testing.T) {
	stop := make(chan struct{})
	held := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	}))
	defer held.Close()
	defer close(stop)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, []lock.StorePath{somePath}, Options{Client: client(), Caches: []lock.Cache{{URL: held.URL}}, Store: shelf{}})
	if !errors.Is(err, context.DeadlineExceeded) || r != nil {
		t.Errorf("%+v %v", r, err)
	}
}

func TestTheOutputOfAPathIsInItsName(t *testing.T) {
	const hash = "a0000000000000000000000000000000-"
	for _, c := range []struct{ drv, path, want string }{
		{"hello-2.drv", "hello-2", "out"}, {"hello-2.drv", "hello-2-dev", "dev"}, {"hello.drv", "hello-a-b", "a-b"},
		{"hello.drv", "hell", ""}, {"hello.drv", "hello-", ""}, {"hello", "hello", ""}, {"hello.drv", "hellodev", ""},
	} {
		got, ok := outputOf(hash+lock.StorePath(c.drv), hash+lock.StorePath(c.path))
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%v: %q %v", c, got, ok)
		}
	}
}
