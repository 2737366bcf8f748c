package trustix

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

const (
	store     = "/nix/store"
	some      = bincache.StorePath("a0000000000000000000000000000000-hello")
	other     = bincache.StorePath("b0000000000000000000000000000000-libc")
	someHash  = "sha256-ZN0qz6dKtNMnMn8HXAiXHdRt5VxZkUBzm8hCO7tRXcE="
	otherHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
)

func value(p bincache.StorePath, hash string, size int, refs ...string) []byte {
	if refs == nil {
		refs = []string{}
	}
	v, _ := json.Marshal(map[string]any{"path": p.In(store), "narHash": hash, "narSize": size, "references": refs})
	return v
}

func digest(v []byte) []byte { d := sha256.Sum256(v); return d[:] }

// A fake is a node as its gateway speaks: JSON by the names of the protocol.
// Trustix: packages/trustix-proto/rpc/rpc.proto; no node was run.
type fake struct {
	decisions map[string]any // by key
	values    map[string][]byte
	logs      any
	raw       http.HandlerFunc // in place of all
	asked     []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.raw != nil {
		io.Copy(io.Discard, r.Body) // before that a server does not see that nobody waits
		f.raw(w, r)
		return
	}
	var in struct {
		Key, Digest []byte
		Protocol    string
	}
	data, _ := io.ReadAll(r.Body)
	if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(data, &in) != nil {
		http.Error(w, "", http.StatusUnsupportedMediaType)
		return
	}
	var out any
	switch r.URL.Path {
	case "/node/trustix_rpc.v1.RPCApi/Decide":
		f.asked = append(f.asked, string(in.Key))
		if in.Protocol != nixProtocol {
			connectError(w, "Unknown protocol")
			return
		}
		if out = f.decisions[string(in.Key)]; out == nil {
			connectError(w, noOutputs)
			return
		}
	case "/node/trustix_rpc.v1.RPCApi/GetValue":
		v, ok := f.values[string(in.Digest)]
		if !ok {
			connectError(w, "Value could not be retreived")
			return
		}
		out = map[string]any{"Value": v}
	case "/node/trustix_rpc.v1.RPCApi/Logs":
		out = f.logs
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

func connectError(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(500)
	json.NewEncoder(w).Encode(map[string]string{"code": "unknown", "message": message})
}

func node(t *testing.T, f *fake) *Node {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	n, err := NewNode(s.URL + "/node/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func decision(v []byte, more map[string]any) map[string]any {
	d := map[string]any{"Decision": map[string]any{"LogIDs": []string{"l1", "l2"}, "Digest": digest(v), "Confidence": 66, "Value": v}}
	for k, x := range more {
		d[k] = x
	}
	return d
}

func TestADecisionIsRead(t *testing.T) {
	v := value(some, someHash, 120, other.In(store), some.In(store))
	n := node(t, &fake{decisions: map[string]any{some.In(store): decision(v, map[string]any{"Misses": []string{"l3"}})}})
	d, err := n.Decide(context.Background(), store, some)
	if err != nil {
		t.Fatal(err)
	}
	if d.NAR.String() != someHash || d.Size != 120 || len(d.References) != 2 || d.References[0] != some || d.Confidence != 66 || len(d.Logs) != 2 || len(d.Others) != 0 {
		t.Errorf("%+v", d)
	}
	if s := d.String(); !strings.Contains(s, "2 logs behind it agree (confidence 66)") || !strings.Contains(s, "no signature") || !strings.Contains(s, "1 log does not have it") {
		t.Error(s)
	}
}

func TestANodeIsAskedByTheHashOnlyWhereThePathIsNotKnown(t *testing.T) {
	key, _ := pathHash.DecodeString(some.Digest())
	v := value(some, someHash, 120)
	f := &fake{decisions: map[string]any{string(key): decision(v, nil)}}
	if d, err := node(t, f).Decide(context.Background(), store, some); err != nil || d.Size != 120 || len(f.asked) != 2 {
		t.Errorf("%+v, %v, asked %d times", d, err, len(f.asked))
	}
	f = &fake{}
	_, err := node(t, f).Decide(context.Background(), store, some)
	var fail *Failure
	if !errors.As(err, &fail) || fail.Misbehaved || fail.Unreached || !strings.Contains(fail.Text, "no log behind it") {
		t.Errorf("%v", err)
	}
}

// A log that says the same in other words does not disagree; one whose words
// cannot be had does.
func TestOnlyLogsThatSaySomethingElseDisagree(t *testing.T) {
	v := value(some, someHash, 120)
	hash, _ := bincache.ParseHash(someHash)
	same, lie := value(some, hash.Nix32(), 120), value(some, otherHash, 120)
	f := &fake{values: map[string][]byte{string(digest(same)): same, string(digest(lie)): lie}}
	f.decisions = map[string]any{some.In(store): decision(v, map[string]any{"Mismatches": []map[string]any{
		{"LogID": "words", "Digest": digest(same)}, {"LogID": "liar", "Digest": digest(lie)}, {"LogID": "mute", "Digest": digest([]byte("x"))},
	}})}
	d, err := node(t, f).Decide(context.Background(), store, some)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(d.Logs, " ") != "l1 l2 words" || strings.Join(d.Others, " ") != "liar mute" {
		t.Errorf("%q and %q", d.Logs, d.Others)
	}
	if !strings.Contains(d.String(), "2 logs say something else") {
		t.Error(d)
	}
}

func TestNothingThatIsWrongIsADecision(t *testing.T) {
	good := value(some, someHash, 120)
	with := func(v []byte, change func(d map[string]any)) map[string]any {
		d := decision(v, nil)
		if change != nil {
			change(d["Decision"].(map[string]any))
		}
		return d
	}
	many := make([]string, maxLogs+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, c := range map[string]any{
		"of another path":        with(value(other, someHash, 120), nil),
		"of another digest":      with(good, func(d map[string]any) { d["Digest"] = digest([]byte("x")) }),
		"without a digest":       with(good, func(d map[string]any) { delete(d, "Digest") }),
		"without logs":           with(good, func(d map[string]any) { d["LogIDs"] = []string{} }),
		"of too many logs":       with(good, func(d map[string]any) { d["LogIDs"] = many }),
		"with no value":          with([]byte{}, nil),
		"with a value of junk":   with([]byte("junk"), nil),
		"with another hash":      with(value(some, "sha1:x", 120), nil),
		"with a zero hash":       with(value(some, "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 120), nil),
		"with no size":           with(value(some, someHash, 0), nil),
		"with a negative size":   with(value(some, someHash, -1), nil),
		"with a stray reference": with(value(some, someHash, 120, "/etc/passwd"), nil),
		"of another type":        []int{1},
		"of strings":             map[string]any{"Decision": "yes"},
	} {
		_, err := node(t, &fake{decisions: map[string]any{some.In(store): c}}).Decide(context.Background(), store, some)
		var f *Failure
		if !errors.As(err, &f) || !f.Misbehaved {
			t.Errorf("a decision %s: %v", name, err)
		}
	}
}

func TestAHostileNodeIsBounded(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer away.Close()
	for name, c := range map[string]struct {
		raw                   http.HandlerFunc
		misbehaved, unreached bool
		says                  string
	}{
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, true, false, "longer than"},
		"deep": {func(w http.ResponseWriter, _ *http.Request) { jsonSay(w, strings.Repeat("[", 1<<19)) }, true, false, "cannot be read"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, away.URL, http.StatusTemporaryRedirect)
		}, true, false, "307"},
		"a web page": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, true, false, "is the URL right"},
		"no page":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 404) }, true, false, "404"},
		"broken":     {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) }, false, true, "502"},
		"cut off":    {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "99"); jsonSay(w, "{") }, false, true, "cannot be reached"},
		"null":       {func(w http.ResponseWriter, _ *http.Request) { jsonSay(w, "null") }, false, false, "no decision"},
		"no quorum":  {func(w http.ResponseWriter, _ *http.Request) { connectError(w, "Could not reach the minimum 66 quorum") }, false, false, "quorum"},
		"an error that paints": {func(w http.ResponseWriter, _ *http.Request) {
			connectError(w, "\x1b[31m\u202e"+strings.Repeat("x", 9999))
		}, false, false, `\x1b[31m\u202e`},
	} {
		_, err := node(t, &fake{raw: c.raw}).Decide(context.Background(), store, some)
		var f *Failure
		if !errors.As(err, &f) || f.Misbehaved != c.misbehaved || f.Unreached != c.unreached || !strings.Contains(f.Text, c.says) || len(f.Text) > 2000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func jsonSay(w http.ResponseWriter, s string) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, s)
}

func TestASilentNodeDoesNotOutliveItsCaller(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	n := node(t, &fake{raw: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }})
	start := time.Now()
	if _, err := n.Decide(ctx, store, some); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestANodeMayBeOnASocket(t *testing.T) {
	v := value(some, someHash, 120)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{decisions: map[string]any{some.In(store): decision(v, nil)}}
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { r.URL.Path = "/node" + r.URL.Path; f.ServeHTTP(w, r) })}
	go s.Serve(l)
	defer s.Close()
	n, err := NewNode("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := n.Decide(context.Background(), store, some); err != nil || d.Size != 120 || n.Host() != "" {
		t.Errorf("%+v, %v, host %q", d, err, n.Host())
	}
}

func TestOnlyANodesAddressIsOne(t *testing.T) {
	for address, want := range map[string]bool{
		"http://node:8080": true, "https://node/x": true, "unix:///run/trustix-daemon.socket": true,
		"": false, "node:8080": false, "ftp://node": false, "http://": false, "http://user:pass@node": false, "http://node?x=1": false,
		"unix://run/x": false, "unix:x": false, "http://[": false, "file:///x": false,
	} {
		if _, err := NewNode(address); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestUpstreamsAreTheLogs(t *testing.T) {
	n := node(t, &fake{logs: map[string]any{"Logs": []map[string]any{{"LogID": "l1", "Meta": map[string]string{"upstream": "https://c"}}, {"LogID": "l2"}}}})
	got, err := n.Upstreams(context.Background())
	if err != nil || got["l1"] != "https://c" || got["l2"] != "" || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzDecision(f *testing.F) {
	v := value(some, someHash, 120, other.In(store))
	good, _ := json.Marshal(decision(v, nil))
	f.Add(good)
	f.Add([]byte(`{"Decision":{"LogIDs":["a"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out decided
		if json.Unmarshal(data, &out) != nil {
			return
		}
		if d, err := out.read(store, some); err == nil && (d.NAR.IsZero() || d.Size == 0 || len(d.Logs) == 0) {
			t.Errorf("%+v", d)
		}
	})
}
