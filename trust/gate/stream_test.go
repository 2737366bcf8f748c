package gate

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

func TestTheEndIsHeldBackUntilItIsReleased(t *testing.T) {
	for _, size := range []int{0, 1, holdSize - 1, holdSize, holdSize + 1, 2*holdSize - 1, 2 * holdSize, 2*holdSize + 1, 7*holdSize + 5} {
		all := contents(1, size)
		for name, reader := range map[string]func(io.Reader) io.Reader{
			"plain": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader, "half": iotest.HalfReader, "with its end": iotest.DataErrReader,
		} {
			var out bytes.Buffer
			h := newHold(&out, int64(size))
			r := reader(bytes.NewReader(all))
			var err error
			for err == nil {
				err = h.from(r)
			}
			if err != io.EOF || h.got != int64(size) || h.stop() != sha256.Sum256(all) || h.stop() != sha256.Sum256(all) {
				t.Errorf("%d, %s: %d, %v", size, name, h.got, err)
			}
			if kept := size - out.Len(); kept < min(size, holdSize) || kept > 2*holdSize || !bytes.HasPrefix(all, out.Bytes()) {
				t.Errorf("%d, %s: %d are kept", size, name, kept)
			}
			if err := h.release(); err != nil || !bytes.Equal(out.Bytes(), all) {
				t.Errorf("%d, %s: %v", size, name, err)
			}
		}
	}
}

func TestNoMoreThanOneByteTooManyIsRead(t *testing.T) {
	for _, size := range []int64{0, 1, holdPart, holdSize, 3 * holdSize} {
		h := newHold(io.Discard, size)
		endless := &io.LimitedReader{R: rand.NewChaCha8([32]byte{}), N: 1 << 40}
		for h.got <= size {
			if err := h.from(endless); err != nil {
				t.Fatal(err)
			}
		}
		h.stop()
		if h.got != size+1 || endless.N != 1<<40-size-1 {
			t.Errorf("%d of %d", h.got, size)
		}
	}
}

func TestACacheThatStopsInTheMiddleIsCutOffAndSkipped(t *testing.T) {
	nar := contents(1, big)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	for name, then := range map[string]func(r *http.Request){
		"hangs":  func(r *http.Request) { <-r.Context().Done() },
		"breaks": func(*http.Request) { panic(http.ErrAbortHandler) },
	} {
		slow, good := newUpstream(t), newUpstream(t)
		for _, u := range []*upstream{slow, good} {
			u.put(storePath(1), pins[storePath(1)], "none", nar)
		}
		slow.handle(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, ".narinfo") {
				return false
			}
			w.Write(nar[:big/2])
			w.(http.Flusher).Flush()
			then(r)
			return true
		})
		g := serve(t, Options{Deadline: 300 * time.Millisecond}, standing(t, "a", time.Time{}, pins, slow.URL, good.URL))
		g.health.answered(good.URL, 10*time.Second, time.Now()) // asked after the other
		start := time.Now()
		if code, body, err := g.nar(t, storePath(1)); code != 200 || err == nil || len(body) > big/2 || time.Since(start) > 20*time.Second {
			t.Errorf("%s: %d %d %v after %v", name, code, len(body), err, time.Since(start))
		}
		if code, body, err := g.nar(t, storePath(1)); code != 200 || err != nil || !bytes.Equal(body, nar) {
			t.Errorf("%s: the other cache: %d %v", name, code, err)
		}
		if len(g.Evidence()) != 0 {
			t.Errorf("%s: %v", name, g.Evidence())
		}
	}
}

func TestABodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	g := serve(t, Options{})
	address := strings.TrimPrefix(g.url, "http://")
	for _, length := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, "GET /nix-cache-info HTTP/1.1\r\nHost: "+address+"\r\n"+length+"\r\n\r\n")
		answer, err := io.ReadAll(c)
		c.Close()
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404") {
			t.Errorf("%s: %v %s", length, err, answer)
		}
	}
}

func TestLoadingWhileServingGivesTheRightBytesOrNone(t *testing.T) {
	nar := contents(1, 300_000)
	up := newUpstream(t)
	pin := pinOf(nar)
	up.put(storePath(1), pin, "zstd", packed(t, nar))
	with := []grants.Standing{standing(t, "a", time.Time{}, map[lock.StorePath]lock.Pin{storePath(1): pin}, up.URL)}
	g := serve(t, Options{}, with...)
	url := narURL(grants.Served{Path: storePath(1), Pin: pin})
	stop := make(chan struct{})
	var loading, asking sync.WaitGroup
	loading.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			g.Load(with[:i%2])
			time.Sleep(time.Millisecond)
		}
	})
	var mu sync.Mutex
	seen := map[int]int{}
	for range 8 {
		asking.Go(func() {
			for range 25 {
				code, body, err := g.get(t, url)
				if err != nil || code == 200 && !bytes.Equal(body, nar) || code != 200 && code != 404 {
					t.Errorf("%d, %d bytes, %v", code, len(body), err)
				}
				mu.Lock()
				seen[code]++
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	close(stop)
	loading.Wait()
	if seen[200]+seen[404] != 200 {
		t.Error(seen)
	}
}

func TestARequestWaitsForOneCacheThatHangsInTheMiddle(t *testing.T) {
	nar := contents(1, 5000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar)}
	var urls []string
	for range 3 {
		u := newUpstream(t)
		u.put(storePath(1), pins[storePath(1)], "none", nar)
		u.handle(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, ".narinfo") {
				return false
			}
			w.Write(nar[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		})
		urls = append(urls, u.URL)
	}
	const deadline = 200 * time.Millisecond
	g := serve(t, Options{Deadline: deadline}, standing(t, "a", time.Time{}, pins, urls...))
	start := time.Now()
	if code, _, _ := g.nar(t, storePath(1)); code != 404 {
		t.Error(code)
	}
	if took := time.Since(start); took < stalls*deadline || took >= 2*stalls*deadline {
		t.Errorf("three caches that hang took %v", took)
	}
}

func TestAPrivateCacheIsAskedWithItsCredentialsAndNobodyElseIs(t *testing.T) {
	nar := contents(1, 1000)
	pins := map[lock.StorePath]lock.Pin{storePath(1): pinOf(nar), storePath(2): pinOf(nar)}
	private, public := newUpstream(t), newUpstream(t)
	private.put(storePath(1), pins[storePath(1)], "none", nar)
	public.put(storePath(2), pins[storePath(2)], "none", nar)
	private.handle(func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, ok := r.BasicAuth(); ok && user == "mira" && password == "secret" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	var leaked atomic.Bool
	public.handle(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		return false
	})
	// Names tell the two apart: credentials are looked up by host, without the port.
	at := strings.Replace(private.URL, "127.0.0.1", "localhost", 1)
	for _, netrc := range []*bincache.Netrc{nil, bincache.ParseNetrc([]byte("machine localhost login mira password secret\n"))} {
		g := serve(t, Options{Netrc: netrc}, standing(t, "a", time.Time{}, pins, at, public.URL))
		want := 404
		if netrc != nil {
			want = 200
		}
		if code, _, _ := g.nar(t, storePath(1)); code != want {
			t.Errorf("with credentials: %v: %d, want %d", netrc != nil, code, want)
		}
		if code, _, _ := g.nar(t, storePath(2)); code != 200 {
			t.Errorf("the public cache: %d", code)
		}
	}
	if leaked.Load() {
		t.Error("the credentials of one cache were sent to another")
	}
}
