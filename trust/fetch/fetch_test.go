package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

func somePath(n int, name string) lock.StorePath {
	return lock.StorePath(fmt.Sprintf("%032d-%s", n, name))
}

func TestAClosureHasReferencesBeforeWhatRefersToThem(t *testing.T) {
	a, b, c, d, out, left := somePath(1, "a"), somePath(2, "b"), somePath(3, "c"), somePath(4, "d"), somePath(5, "unrelated"), somePath(9, "left")
	l := lock.New()
	s := l.Section("x")
	pin := func(refs ...lock.StorePath) lock.Pin { return lock.Pin{Size: 10, Refs: refs} }
	s.Paths[a], s.Paths[b], s.Paths[c], s.Paths[out] = pin(a, b, c), pin(c, left), pin(), pin()
	s.Outputs["packages.a"], s.Outputs["packages.a^doc"], s.Outputs["packages.d"] = a, c, d
	w, err := Of(l, []string{"x"}, []string{"packages.a"})
	if err != nil || !slices.Equal(w.Pinned, []lock.StorePath{c, b, a}) || !slices.Equal(w.Left, []lock.StorePath{left}) {
		t.Errorf("%v, left %v, %v", w.Pinned, w.Left, err)
	}
	if tops := w.Tops(); !slices.Equal(tops, []lock.StorePath{a}) {
		t.Errorf("tops: %v", tops)
	}
	if w, err := Of(l, []string{"x"}, []string{"packages.a^doc"}); err != nil || !slices.Equal(w.Pinned, []lock.StorePath{c}) {
		t.Errorf("one output of several: %v, %v", w.Pinned, err)
	}
	if w, err := Of(l, []string{"x"}, nil); err != nil || len(w.Pinned) != 4 || !slices.Equal(w.Left, []lock.StorePath{d, left}) {
		t.Errorf("all: %v, left %v, %v", w.Pinned, w.Left, err)
	}
	var none *NoOutput
	if _, err := Of(l, []string{"x"}, []string{"packages.none"}); !errors.As(err, &none) || !slices.Equal(none.Known, []string{"packages.a", "packages.d"}) {
		t.Errorf("an output that is not there: %v", err)
	}
	if got := w.Without(w.Pinned, map[lock.StorePath]bool{left: true}); !slices.Equal(got, []lock.StorePath{c}) {
		t.Errorf("without what is left out: %v", got)
	}
	if got := w.Without(w.Pinned, map[lock.StorePath]bool{b: true}); !slices.Equal(got, []lock.StorePath{c}) {
		t.Errorf("without b: %v", got)
	}
}

func TestAClosureOfAnyShapeEnds(t *testing.T) {
	const n = 50_000
	l := lock.New()
	s := l.Section("x")
	for i := range n {
		s.Paths[somePath(i, "p")] = lock.Pin{Refs: []lock.StorePath{somePath((i+1)%n, "p")}} // a ring
	}
	s.Outputs["o"] = somePath(0, "p")
	w, err := Of(l, []string{"x"}, []string{"o"})
	if err != nil || len(w.Pinned) != n || len(w.Left) != 0 {
		t.Errorf("%d pinned, %d left, %v", len(w.Pinned), len(w.Left), err)
	}
}

// A spool hands out each path's contents whole, whatever becomes of the asking
// ahead, and leaves nothing running.
func TestASpoolHandsOutWhatTheGateHas(t *testing.T) {
	contents := map[string]string{}
	infos := map[string]string{}
	var paths []lock.StorePath
	for i, kind := range []string{"plain", "cut-once", "refused-once", "absent", "plain"} {
		p := somePath(i, kind)
		paths = append(paths, p)
		text := strings.Repeat(fmt.Sprint(i), 1000)
		if kind != "absent" {
			contents["/nar/"+p.Digest()+".nar"] = text
		}
		infos["/"+p.Digest()+".narinfo"] = fmt.Sprintf("StorePath: %s\nURL: nar/%s.nar\nCompression: none\nNarHash: sha256:%052d\nNarSize: 1000\nReferences: \n", p.In("/nix/store"), p.Digest(), 0)
	}
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if info, ok := infos[r.URL.Path]; ok {
			fmt.Fprint(w, info)
			return
		}
		text, ok := contents[r.URL.Path]
		mu.Lock()
		asked[r.URL.Path]++
		first := asked[r.URL.Path] == 1
		mu.Unlock()
		switch {
		case !ok || first && strings.Contains(r.URL.Path, paths[2].Digest()):
			http.NotFound(w, r)
		case first && strings.Contains(r.URL.Path, paths[1].Digest()):
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, text[:500])
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, text)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	s, err := NewSpool(server.URL, "/nix/store", dir)
	if err != nil {
		t.Fatal(err)
	}
	base, stop, err := s.Serve(context.Background(), paths)
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string) (string, int) {
		t.Helper()
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), r.StatusCode
	}
	for _, p := range paths[1:3] { // whose first answer is not for nix
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			n := asked["/nar/"+p.Digest()+".nar"]
			mu.Unlock()
			if n > 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("nothing is got ahead")
			}
		}
	}
	for range 2 { // the second time nothing lies in wait any more
		for i, p := range paths {
			name := "/nar/" + p.Digest() + ".nar"
			text, code := get(base + name)
			if want, ok := contents[name]; ok && (text != want || code != 200) || !ok && code != 404 {
				t.Errorf("%d: %d %q", i, code, text)
			}
			if text, _ := get(base + "/" + p.Digest() + ".narinfo"); text != infos["/"+p.Digest()+".narinfo"] {
				t.Errorf("%d: %q", i, text)
			}
		}
	}
	r, err := http.NewRequest(http.MethodGet, base+"/nar/"+paths[0].Digest()+".nar", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "attacker.example"
	if a, err := http.DefaultClient.Do(r); err != nil || a.StatusCode != http.StatusForbidden {
		t.Errorf("under another name: %v %v", a, err)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if s.used != 0 || len(s.items) != 0 {
		t.Errorf("%d bytes and %d items are left", s.used, len(s.items))
	}
}

func TestWhatListensInPlaceOfAGateSendsNoSpoolElsewhere(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	squatter := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer squatter.Close()
	s, err := NewSpool(squatter.URL, "/nix/store", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if body, err := s.ask(t.Context(), "nix-cache-info"); err == nil || asked {
		body.Close()
		t.Errorf("%v, asked %v", err, asked)
	}
}
