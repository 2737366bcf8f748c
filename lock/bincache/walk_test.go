package bincache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A madeUp source serves narinfos from memory, by host and digest.
type madeUp struct {
	files map[string]string // "host/digest"
	delay time.Duration
	asked atomic.Int32
	busy  atomic.Int32
	most  atomic.Int32
}

func (m *madeUp) Get(ctx context.Context, at *url.URL, _ *url.Userinfo) (*Reply, error) {
	m.asked.Add(1)
	now := m.busy.Add(1)
	defer m.busy.Add(-1)
	for {
		most := m.most.Load()
		if now <= most || m.most.CompareAndSwap(most, now) {
			break
		}
	}
	if err := sleep(ctx, m.delay); err != nil {
		return nil, err
	}
	text, ok := m.files[at.Host+"/"+strings.TrimSuffix(strings.TrimPrefix(at.Path, "/"), ".narinfo")]
	if !ok {
		return &Reply{Status: 404, Body: http.NoBody}, nil
	}
	return &Reply{Status: 200, Length: -1, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// numbered is a store path with a number in its hash.
func numbered(i int) StorePath {
	const digits = "0123456789abcdfghijklmnpqrsvwxyz"
	hash := []byte(strings.Repeat("0", digestLen))
	for at := digestLen - 1; i > 0; at, i = at-1, i/32 {
		hash[at] = digits[i%32]
	}
	return StorePath(string(hash) + "-p")
}

// tree makes narinfos of n paths: number i refers to 3i+1, 3i+2, 3i+3 and
// itself, and the last to the first.
func tree(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		info := NarInfo{StoreDir: DefaultStoreDir, Path: numbered(i), URL: fmt.Sprintf("nar/%d", i), Compression: "none",
			NarHash: Hash{1}, NarSize: 1, References: []StorePath{numbered(i)}}
		for _, to := range []int{3*i + 1, 3*i + 2, 3*i + 3} {
			if to < n {
				info.References = append(info.References, numbered(to))
			}
		}
		if i == n-1 {
			info.References = append(info.References, numbered(0))
		}
		files[info.Path.Digest()] = info.String()
	}
	return files
}

func madeUpClient(t testing.TB, m *madeUp, hosts ...string) []*Cache {
	t.Helper()
	client := NewClient(Options{Source: m, Limits: Limits{PerHost: 8}})
	var caches []*Cache
	for _, h := range hosts {
		k, err := client.Cache("https://" + h)
		if err != nil {
			t.Fatal(err)
		}
		caches = append(caches, k)
	}
	return caches
}

func onHost(host string, files map[string]string, into map[string]string) {
	for digest, text := range files {
		into[host+"/"+digest] = text
	}
}

func TestWalkFindsTheWholeClosureOnceAndInOrder(t *testing.T) {
	m := &madeUp{files: map[string]string{}, delay: time.Millisecond}
	onHost("a", tree(200), m.files)
	caches := madeUpClient(t, m, "a")
	calls := 0
	found, err := Walk(t.Context(), caches, []StorePath{numbered(0), numbered(0)}, WalkOptions{
		Workers: 50, Progress: func(done, known int) {
			if calls++; done != calls || known < done {
				t.Errorf("progress %d of %d at call %d", done, known, calls)
			}
		}})
	if err != nil || len(found) != 200 || calls != 200 || m.asked.Load() != 200 {
		t.Fatalf("%d paths by %d requests, %v", len(found), m.asked.Load(), err)
	}
	for i, f := range found {
		if f.Path != numbered(i) || f.Accepted() == nil || f.Accepted().Path != f.Path {
			t.Fatalf("number %d is %+v", i, f)
		}
	}
	if most := m.most.Load(); most > 8 || most < 2 {
		t.Errorf("%d requests at a time, and 8 are allowed", most)
	}
}

func TestWalkAsksTheNextCacheWhenOneIsNoUse(t *testing.T) {
	m := &madeUp{files: map[string]string{}}
	onHost("good", tree(10), m.files)
	onHost("bad", tree(10), m.files)
	m.files["broken/"+numbered(0).Digest()] = "junk"
	caches := madeUpClient(t, m, "empty", "broken", "bad", "good", "never")
	refused := errors.New("not signed")
	found, err := Walk(t.Context(), caches, []StorePath{numbered(0)}, WalkOptions{Accept: func(k *Cache, _ *NarInfo) error {
		if strings.Contains(k.URL(), "bad") {
			return refused
		}
		return nil
	}})
	if err != nil || len(found) != 10 {
		t.Fatalf("%d paths, %v", len(found), err)
	}
	a := found[0].Answers
	if len(a) != 4 || !errors.Is(a[0].Err, Absent) || !errors.Is(a[1].Err, Misbehaved) || a[2].Err != refused || a[2].Info == nil || a[3].Err != nil {
		t.Errorf("the answers are %+v", a)
	}
	all, err := Walk(t.Context(), caches, []StorePath{numbered(0)}, WalkOptions{All: true, Shallow: true})
	if err != nil || len(all) != 1 || len(all[0].Answers) != 5 || all[0].Answers[4].Cache != caches[4] {
		t.Errorf("all: %+v, %v", all, err)
	}
}

func TestWalkSaysWhatIsNowhere(t *testing.T) {
	m := &madeUp{files: map[string]string{}}
	onHost("a", tree(10), m.files)
	delete(m.files, "a/"+numbered(4).Digest())
	found, err := Walk(t.Context(), madeUpClient(t, m, "a"), []StorePath{numbered(0), "junk"}, WalkOptions{
		Skip: func(p StorePath) bool { return p == numbered(2) }})
	if err != nil {
		t.Fatal(err)
	}
	missing := slices.DeleteFunc(slices.Clone(found), func(f Found) bool { return f.Accepted() != nil })
	if len(missing) != 2 || missing[0].Path != numbered(4) || !errors.Is(missing[0].Answers[0].Err, Absent) {
		t.Errorf("missing: %+v", missing)
	}
	if missing[1].Path != "junk" || KindOf(missing[1].Answers[0].Err) == Absent {
		t.Errorf("what is no path is %v", missing[1].Answers[0].Err)
	}
	for _, f := range found {
		if f.Path == numbered(2) || f.Path == numbered(7) {
			t.Errorf("%s was to be skipped", f.Path)
		}
	}
}

func TestWalkGoesWhereNextLeadsAndNowhereElse(t *testing.T) {
	m := &madeUp{files: map[string]string{}}
	onHost("a", tree(10), m.files)
	var calls []StorePath
	found, err := Walk(t.Context(), madeUpClient(t, m, "a"), []StorePath{numbered(1)}, WalkOptions{Shallow: true, Next: func(f Found) []StorePath {
		calls = append(calls, f.Path) // one call at a time
		if f.Path == numbered(20) {
			return []StorePath{numbered(2), numbered(1), numbered(20)}
		}
		return []StorePath{numbered(20)} // which is nowhere
	}})
	if err != nil || len(found) != 3 || len(calls) != 3 {
		t.Fatalf("%d paths by %v, %v", len(found), calls, err)
	}
	for i, want := range []StorePath{numbered(1), numbered(2), numbered(20)} {
		if found[i].Path != want {
			t.Errorf("number %d is %s", i, found[i].Path)
		}
	}
}

// An endless source makes up a closure without end.
type endlessClosure struct{ at atomic.Int32 }

func (e *endlessClosure) Get(_ context.Context, at *url.URL, _ *url.Userinfo) (*Reply, error) {
	digest := strings.TrimSuffix(strings.TrimPrefix(at.Path, "/"), ".narinfo")
	n := NarInfo{StoreDir: DefaultStoreDir, Path: StorePath(digest + "-p"), URL: "x", Compression: "none", NarHash: Hash{1}, NarSize: 1}
	for range 50 {
		n.References = append(n.References, numbered(int(e.at.Add(1))))
	}
	return &Reply{Status: 200, Body: io.NopCloser(strings.NewReader(n.String()))}, nil
}

func TestWalkEndsOnAnEndlessClosureAndWhenCancelled(t *testing.T) {
	cache, err := NewClient(Options{Source: &endlessClosure{}}).Cache("https://a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Walk(t.Context(), []*Cache{cache}, []StorePath{numbered(0)}, WalkOptions{MaxPaths: 1000}); err == nil || !strings.Contains(err.Error(), "more than 1000 paths") {
		t.Errorf("endless: %v", err)
	}
	m := &madeUp{files: map[string]string{}, delay: time.Hour}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if found, err := Walk(ctx, madeUpClient(t, m, "a"), []StorePath{numbered(0), numbered(1)}, WalkOptions{}); !errors.Is(err, context.Canceled) || found != nil {
		t.Errorf("cancelled: %v, %v", found, err)
	}
	if _, err := Walk(t.Context(), nil, nil, WalkOptions{}); err == nil {
		t.Error("a walk without caches says nothing")
	}
}

// A deadHost never answers; the test's clock is the count of requests.
type deadHost struct{ asked atomic.Int32 }

func (d *deadHost) Get(context.Context, *url.URL, *url.Userinfo) (*Reply, error) {
	d.asked.Add(1)
	return nil, errors.New("no route to host")
}

func TestWalkGivesUpACacheThatNeverAnswers(t *testing.T) {
	dead := &deadHost{}
	cache, err := NewClient(Options{Source: dead}).Cache("https://a")
	if err != nil {
		t.Fatal(err)
	}
	var roots []StorePath
	for i := range 500 {
		roots = append(roots, numbered(i))
	}
	found, err := Walk(t.Context(), []*Cache{cache}, roots, WalkOptions{Workers: 4})
	if err != nil || len(found) != 500 {
		t.Fatalf("%d paths, %v", len(found), err)
	}
	for _, f := range found {
		if !errors.Is(f.Answers[0].Err, Unreachable) {
			t.Fatalf("%s: %v", f.Path, f.Answers[0].Err)
		}
	}
	if n := dead.asked.Load(); n < patience || n > patience+4 {
		t.Errorf("it was asked %d times", n)
	}
}
