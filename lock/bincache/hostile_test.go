package bincache

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// A hostileCache serves one path, and whatever a test puts in its place.
type hostileCache struct {
	*httptest.Server
	info     *NarInfo
	data     []byte // the file of the NAR
	narInfo  http.HandlerFunc
	nar      http.HandlerFunc
	requests atomic.Int32
	limits   Limits
}

func newHostileCache(t testing.TB) *hostileCache {
	h := &hostileCache{data: narPattern(200_000), limits: Limits{Backoff: time.Nanosecond}}
	h.info = parsed(t, someInfo)
	h.info.FileHash, h.info.FileSize = "", 0
	h.describe(h.data)
	h.sign()
	h.narInfo = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, h.info.String()) }
	h.nar = func(w http.ResponseWriter, _ *http.Request) { w.Write(h.data) }
	mux := http.NewServeMux()
	mux.HandleFunc("/"+h.info.Path.Digest()+".narinfo", func(w http.ResponseWriter, r *http.Request) { h.narInfo(w, r) })
	mux.HandleFunc("/nar/x.nar", func(w http.ResponseWriter, r *http.Request) { h.nar(w, r) })
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

// describe makes the narinfo say that data is the NAR.
func (h *hostileCache) describe(data []byte) {
	h.info.NarHash, h.info.NarSize = sha256.Sum256(data), uint64(len(data))
}

func (h *hostileCache) sign() { h.info.Signatures = []string{newSigner("good-1", 1).sign(h.info)} }

// hasten is for tests of what comes too slowly; a busy machine is not to be
// mistaken for that in the others.
func (h *hostileCache) hasten() {
	h.limits.Request, h.limits.Answer, h.limits.Stall = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
}

func packWith(t testing.TB, method string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch method {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func redirectTo(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

// drip sends a byte now and then, for as long as anybody listens.
func drip(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := range data {
			if _, err := w.Write(data[i : i+1]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

func endless(start string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, start)
		junk := bytes.Repeat([]byte("Junk: junk\n"), 1000)
		for r.Context().Err() == nil {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	}
}

// zeros is a NAR of one file of size zeros, which packs to nearly nothing.
func zeros(size int) []byte { return fileNar(string(make([]byte, size))) }

var hostileCases = []struct {
	name string
	set  func(*testing.T, *hostileCache)
	kind Kind
	says string
}{
	{"wrong hash", func(t *testing.T, h *hostileCache) { h.data[100] ^= 1 }, Misbehaved, "NarHash should be sha256-"},
	{"truncated by the server", func(t *testing.T, h *hostileCache) { h.data = h.data[:1000] }, Misbehaved, "ends too early"},
	{"truncated on the way", func(t *testing.T, h *hostileCache) {
		h.nar = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(h.data)))
			w.Write(h.data[:1000])
		}
	}, Unreachable, "broke off"},
	{"truncated zstd", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "zstd"
		h.data = packWith(t, "zstd", h.data)
		h.data = h.data[:len(h.data)/2]
	}, Misbehaved, "cannot be unpacked as zstd"},
	{"truncated xz on the way", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "xz"
		h.data = packWith(t, "xz", h.data)
		h.nar = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(h.data)))
			w.Write(h.data[:len(h.data)/2])
		}
	}, Unreachable, "broke off"},
	{"bytes behind the NAR", func(t *testing.T, h *hostileCache) { h.data = append(h.data, "extra"...) }, Misbehaved, "more than the 200"},
	{"bytes behind the NAR that the narinfo counts", func(t *testing.T, h *hostileCache) {
		h.data = append(h.data, "extra"...)
		h.describe(h.data)
	}, Misbehaved, "5 bytes follow the end of the NAR"},
	{"junk behind the xz file", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "xz"
		h.data = append(packWith(t, "xz", h.data), "junk and more junk"...)
	}, Misbehaved, "cannot be unpacked as xz"},
	{"junk behind the brotli file", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "br"
		h.data = append(packWith(t, "br", h.data), "junk"...)
	}, Misbehaved, "cannot be unpacked as br"},
	{"no NAR at all", func(t *testing.T, h *hostileCache) {
		h.data = []byte("<html>please log in</html>")
	}, Misbehaved, "does not start as a NAR"},
	{"wrong StorePath", func(t *testing.T, h *hostileCache) { h.info.Path = "1mwvy4z6aqch1z9rnv9ffjsp8z96rjd2-dep-3" }, Misbehaved, "was asked for"},
	{"a StorePath of the same hash with another name", func(t *testing.T, h *hostileCache) { h.info.Path += "-evil" }, Misbehaved, "was asked for"},
	{"a huge narinfo", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, h.info.String()+strings.Repeat("Junk: junk\n", 1<<17))
		}
	}, Misbehaved, "longer than 1048576 bytes"},
	{"an endless narinfo", func(t *testing.T, h *hostileCache) { h.narInfo = endless(h.info.String()) }, Misbehaved, "longer than 1048576 bytes"},
	{"a narinfo that unpacks without end", func(t *testing.T, h *hostileCache) {
		packed := packWith(t, "zstd", make([]byte, 16<<20))
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "zstd")
			w.Write(packed)
		}
	}, Misbehaved, "longer than 1048576 bytes"},
	{"an endless NAR", func(t *testing.T, h *hostileCache) { h.nar = endless(string(h.data)) }, Misbehaved, "more than the 200"},
	{"an endless compressed file that unpacks to nothing", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "gzip"
		empty := packWith(t, "gzip", nil)
		h.nar = func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat(empty, 100)); err != nil {
					return
				}
			}
		}
	}, Misbehaved, "goes on after more bytes"},
	{"a narinfo that trickles", func(t *testing.T, h *hostileCache) {
		h.hasten()
		h.narInfo = drip([]byte(h.info.String()))
	}, Unreachable, "too slow"},
	{"a NAR that trickles", func(t *testing.T, h *hostileCache) {
		h.hasten()
		h.nar = drip(h.data)
	}, Unreachable, "too slow"},
	{"an answer that never starts", func(t *testing.T, h *hostileCache) {
		h.hasten()
		h.narInfo = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	}, Unreachable, ""},
	{"a redirect to another host", func(t *testing.T, h *hostileCache) { h.narInfo = redirectTo("http://elsewhere.example/x") }, Misbehaved, "redirects to \"http://elsewhere.example/x\""},
	{"a redirect to another port", func(t *testing.T, h *hostileCache) { h.narInfo = redirectTo("http://127.0.0.1:1/x") }, Misbehaved, "redirects to"},
	{"a redirect to a file", func(t *testing.T, h *hostileCache) { h.narInfo = redirectTo("file:///etc/passwd") }, Misbehaved, "redirects to"},
	{"a redirect to another scheme", func(t *testing.T, h *hostileCache) { h.narInfo = redirectTo("gopher://127.0.0.1/x") }, Misbehaved, "redirects to"},
	{"a redirect with a password", func(t *testing.T, h *hostileCache) {
		h.narInfo = redirectTo(strings.Replace(h.URL, "://", "://u:secret@", 1) + "/x")
	}, Misbehaved, "redirects to"},
	{"redirects in a circle", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, r *http.Request) { redirectTo(r.URL.Path)(w, r) }
	}, Misbehaved, "more than 5 times"},
	{"a NAR's redirect to another host", func(t *testing.T, h *hostileCache) { h.nar = redirectTo("http://elsewhere.example/x") }, Misbehaved, "redirects to"},
	{"a URL that climbs", func(t *testing.T, h *hostileCache) { h.info.URL = "../nar/x.nar" }, Misbehaved, "climbs out"},
	{"a URL that climbs in disguise", func(t *testing.T, h *hostileCache) { h.info.URL = "nar/%2e%2e/%2e%2e/x.nar" }, Misbehaved, "climbs out"},
	{"a URL with backslashes", func(t *testing.T, h *hostileCache) { h.info.URL = `..\..\x.nar` }, Misbehaved, "not a URL"},
	{"an absolute path", func(t *testing.T, h *hostileCache) { h.info.URL = "/etc/passwd" }, Misbehaved, "not relative"},
	{"an absolute URL of another host", func(t *testing.T, h *hostileCache) { h.info.URL = "http://elsewhere.example/x.nar" }, Misbehaved, "not on the cache's own host"},
	{"a URL with only a host", func(t *testing.T, h *hostileCache) { h.info.URL = "//elsewhere.example/x.nar" }, Misbehaved, "not on the cache's own host"},
	{"a URL of a file", func(t *testing.T, h *hostileCache) { h.info.URL = "file:///etc/passwd" }, Misbehaved, "not on the cache's own host"},
	{"a wrong Compression", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "xz"
		h.data = packWith(t, "zstd", h.data)
	}, Misbehaved, "says Compression: xz, but the file is in the format zstd"},
	{"a plain NAR that is said to be zstd", func(t *testing.T, h *hostileCache) { h.info.Compression = "zstd" }, Misbehaved, "plain NAR"},
	{"a Compression that cannot be read", func(t *testing.T, h *hostileCache) { h.info.Compression = "lzip" }, Unsupported, "\"lzip\" is not one of"},
	{"a zstd bomb", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "zstd"
		h.data = packWith(t, "zstd", zeros(16<<20))
	}, Misbehaved, "unpacks to more than the 200"},
	{"an xz bomb", func(t *testing.T, h *hostileCache) {
		h.info.Compression = "xz"
		h.data = packWith(t, "xz", zeros(1<<20))
	}, Misbehaved, "unpacks to more than the 200"},
	{"a NarSize of everything", func(t *testing.T, h *hostileCache) { h.info.NarSize = 1 << 62 }, Unsupported, "more than the limit"},
	{"a NarSize that is too large", func(t *testing.T, h *hostileCache) { h.info.NarSize++ }, Misbehaved, "NarSize should be"},
	{"a field twice", func(t *testing.T, h *hostileCache) {
		text := h.info.String() + "NarSize: 1\n"
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}, Misbehaved, "NarSize stands there twice, first in line"},
	{"CR line ends", func(t *testing.T, h *hostileCache) {
		text := strings.ReplaceAll(h.info.String(), "\n", "\r\n")
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}, Misbehaved, "line 1: the line ends with a carriage return"},
	{"401", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }
	}, Refused, "netrc"},
	{"403", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }
	}, Refused, "credentials"},
	{"410", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }
	}, Absent, "does not have it"},
	{"418", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }
	}, Misbehaved, "418"},
	{"503 for good", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
	}, Unreachable, "503"},
	{"a wait without end", func(t *testing.T, h *hostileCache) {
		h.narInfo = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(429)
		}
	}, Unreachable, "asks to wait 24h"},
}

func TestNothingAHostileCacheDoesIsBelieved(t *testing.T) {
	for _, c := range hostileCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHostileCache(t)
			asked := h.info.Path
			c.set(t, h)
			err := get(t, h, asked)
			if KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Fatalf("got %v (%v), want %v with %q", err, KindOf(err), c.kind, c.says)
			}
			if !strings.Contains(err.Error(), h.URL) || strings.Contains(err.Error(), "secret") {
				t.Errorf("the cache is not named, or too much is told: %v", err)
			}
			for _, r := range err.Error() {
				if r < ' ' {
					t.Fatalf("a control character in %q", err)
				}
			}
		})
	}
}

// get gets the narinfo and the contents.
func get(t *testing.T, h *hostileCache, p StorePath) error {
	t.Helper()
	cache, err := NewClient(Options{Limits: h.limits}).Cache(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	n, err := cache.NarInfo(ctx, p)
	if err != nil {
		return err
	}
	got, err := cache.Contents(ctx, n, nil)
	if err != nil && got != (Contents{}) {
		t.Errorf("an error and contents: %+v, %v", got, err)
	}
	return err
}

func TestAnHonestCacheIsReadInEveryCompression(t *testing.T) {
	for _, method := range []string{"none", "zstd", "xz", "gzip", "br"} {
		h := newHostileCache(t)
		h.info.Compression = method
		if method != "none" {
			h.data = packWith(t, method, h.data)
		}
		if err := get(t, h, h.info.Path); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestChangedReferencesWithTheSameNARLoseTheirSignature(t *testing.T) {
	h := newHostileCache(t)
	h.info.References = append(h.info.References, "47kd2nw8c68d1mcxrwhxcljnam5z4410-evil")
	if err := get(t, h, h.info.Path); err != nil {
		t.Fatalf("the NAR itself is unchanged: %v", err)
	}
	ring := NewKeyring([]string{newSigner("good-1", 1).public()})
	if c := CheckSignatures(parsed(t, h.info.String()), ring); c.Verdict != BadSignature {
		t.Errorf("got %v", c.Verdict)
	}
}

func TestAMissIsNeitherRetriedNorRemembered(t *testing.T) {
	h := newHostileCache(t)
	honest := h.narInfo
	h.narInfo = func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
	cache, err := NewClient(Options{}).Cache(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.NarInfo(t.Context(), h.info.Path); !errors.Is(err, Absent) || h.requests.Load() != 1 {
		t.Fatalf("%v after %d requests", err, h.requests.Load())
	}
	h.narInfo = honest
	if _, err := cache.NarInfo(t.Context(), h.info.Path); err != nil {
		t.Error(err)
	}
}

func TestOnlyServerTroubleIsRetriedAndWithBackoff(t *testing.T) {
	for _, status := range []int{500, 502, 503, 429} {
		h := newHostileCache(t)
		honest := h.narInfo
		h.narInfo = func(w http.ResponseWriter, r *http.Request) {
			if h.requests.Load() < 3 {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(status)
				return
			}
			honest(w, r)
		}
		var waits []time.Duration
		cache, err := NewClient(Options{Limits: Limits{Request: time.Minute}, Sleep: func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}}).Cache(h.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cache.NarInfo(t.Context(), h.info.Path); err != nil || len(waits) != 2 || waits[0] < 7*time.Second {
			t.Errorf("%d: %v after waiting for %v", status, err, waits)
		}
	}
}

func TestCancellationEndsEverythingAtOnceAndBlamesNobody(t *testing.T) {
	h := newHostileCache(t)
	h.nar = drip(h.data)
	cache, err := NewClient(Options{}).Cache(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = cache.Contents(ctx, h.info, nil)
	if !errors.Is(err, context.Canceled) || KindOf(err) != Unknown {
		t.Errorf("got %v of kind %v", err, KindOf(err))
	}
}

func TestNobodyListeningIsUnreachable(t *testing.T) {
	h := newHostileCache(t)
	h.Close()
	if err := get(t, h, h.info.Path); !errors.Is(err, Unreachable) {
		t.Errorf("got %v", err)
	}
}

func TestARedirectIsFollowedOnTheHostOrWhereAllowed(t *testing.T) {
	h, cdn := newHostileCache(t), newHostileCache(t)
	h.nar = redirectTo(cdn.URL + "/nar/x.nar?signature=secret")
	if err := get(t, h, h.info.Path); !errors.Is(err, Misbehaved) || strings.Contains(err.Error(), "secret") {
		t.Errorf("not allowed: %v", err)
	}
	u, _ := url.Parse(cdn.URL)
	cache, err := NewClient(Options{Hosts: []string{u.Host}}).Cache(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Contents(t.Context(), h.info, nil); err != nil {
		t.Errorf("allowed: %v", err)
	}
}
