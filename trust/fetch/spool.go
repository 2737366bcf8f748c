package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

const (
	spoolAhead = 16        // contents that are got at a time
	spoolRoom  = 256 << 20 // bytes that may lie in wait
	spoolLarge = 32 << 20  // what is larger is not got ahead: it streams anyway

	spoolPatience = time.Second // with who takes what was asked for, in the end
)

// A Spool stands between nix and a gate. `nix copy` gets one path after the
// other, each of which costs the caches' way there and back; the spool asks the
// gate for what comes next meanwhile, and keeps it in files until nix asks. What
// it hands out is what the gate has let through whole, and Nix holds it against
// the signed hash once more.
type Spool struct {
	gate     string // its URL, without a slash at the end
	storeDir string
	dir      string
	address  string // where it answers
	client   *http.Client
	proxy    http.Handler

	leaving sync.WaitGroup // of items

	mu    sync.Mutex
	freed *sync.Cond
	used  int64
	items map[string]*spooled // by the path of the URL
}

// A spooled is one file, or will be.
type spooled struct {
	size int64
	done chan struct{} // closed when ok says whether the file is there
	ok   bool
}

// NewSpool is one for the gate at a URL, which keeps what it gets in a folder that is
// its own.
func NewSpool(gate, storeDir, dir string) (*Spool, error) {
	to, err := url.Parse(gate)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * spoolAhead, DisableCompression: true} // no proxy
	s := &Spool{gate: gate, storeDir: storeDir, dir: dir, client: &http.Client{Transport: transport, CheckRedirect: noRedirect}, items: map[string]*spooled{}}
	s.freed = sync.NewCond(&s.mu)
	s.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: transport,
		ErrorLog: log.New(io.Discard, "", 0), // nix says it
	}
	return s, nil
}

// noRedirect has a redirect be an answer that is none of a gate's.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Serve answers on a free port until stop, and gets paths meanwhile, in this order.
func (s *Spool) Serve(ctx context.Context, paths []lock.StorePath) (base string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{Handler: s, BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: log.New(io.Discard, "", 0)}
	context.AfterFunc(ctx, func() { // nobody waits for room any more
		s.mu.Lock()
		defer s.mu.Unlock()
		s.freed.Broadcast()
	})
	var all sync.WaitGroup
	all.Go(func() { _ = server.Serve(listener) })
	next := make(chan lock.StorePath)
	all.Go(func() {
		defer close(next)
		for _, p := range paths {
			select {
			case next <- p:
			case <-ctx.Done():
				return
			}
		}
	})
	for range spoolAhead {
		all.Go(func() {
			for p := range next {
				s.get(ctx, p)
			}
		})
	}
	return "http://" + s.address, func() {
		cancel()
		// What is being handed out ends first, unless nobody takes it.
		patience, done := context.WithTimeout(context.Background(), spoolPatience)
		defer done()
		if server.Shutdown(patience) != nil {
			server.Close()
		}
		all.Wait()
		s.leaving.Wait()
		s.client.CloseIdleConnections()
	}, nil
}

// get gets one path's contents. What cannot be got is nix's to ask for.
func (s *Spool) get(ctx context.Context, p lock.StorePath) {
	text, err := s.ask(ctx, p.Digest()+".narinfo")
	if err != nil {
		return
	}
	defer text.Close()
	data, err := io.ReadAll(io.LimitReader(text, 4<<20))
	if err != nil {
		return
	}
	info, err := bincache.ParseNarInfo(s.storeDir, data)
	if err != nil || info.NarSize > spoolLarge || strings.Contains(info.URL, "://") {
		return
	}
	item := &spooled{size: int64(info.NarSize), done: make(chan struct{})}
	if !s.enter(ctx, info.URL, item) {
		return
	}
	defer close(item.done)
	item.ok = s.download(ctx, info.URL, item.size) == nil
}

// enter waits for room, and notes what is being got.
func (s *Spool) enter(ctx context.Context, name string, item *spooled) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.used+item.size > spoolRoom && ctx.Err() == nil {
		s.freed.Wait()
	}
	if ctx.Err() != nil || s.items[name] != nil {
		return false
	}
	s.items[name] = item
	s.used += item.size
	return true
}

// take takes an item out, nil when there is none.
func (s *Spool) take(name string) *spooled {
	s.mu.Lock()
	defer s.mu.Unlock()
	item := s.items[name]
	if item != nil {
		delete(s.items, name)
	}
	return item
}

// leave gives an item's room back.
func (s *Spool) leave(name string, item *spooled) {
	os.Remove(s.file(name))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= item.size
	s.freed.Broadcast()
}

func (s *Spool) file(name string) string {
	return filepath.Join(s.dir, strings.ReplaceAll(name, "/", "-"))
}

func (s *Spool) ask(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.gate+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, errors.New(answer.Status)
	}
	return answer.Body, nil
}

func (s *Spool) download(ctx context.Context, name string, size int64) error {
	body, err := s.ask(ctx, name)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.OpenFile(s.file(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(body, size+1))
	if err = errors.Join(err, f.Close()); err == nil && n != size {
		err = fmt.Errorf("%d bytes instead of %d", n, size)
	}
	return err
}

// ServeHTTP hands out what lies in wait, once, and asks the gate for the rest.
func (s *Spool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != s.address { // a page in a browser whose name leads here
		http.Error(w, "this is for programs on this machine", http.StatusForbidden)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if r.Method == http.MethodGet && r.Header.Get("Range") == "" {
		if item := s.take(name); item != nil {
			select {
			case <-item.done:
			case <-r.Context().Done():
			}
			ok := s.hand(w, name, item)
			s.leaving.Go(func() { // a download that goes on still needs its file
				<-item.done
				s.leave(name, item)
			})
			if ok {
				return
			}
		}
	}
	s.proxy.ServeHTTP(w, r)
}

// hand sends a file, and reports whether there was one.
func (s *Spool) hand(w http.ResponseWriter, name string, item *spooled) bool {
	select {
	case <-item.done:
	default:
		return false
	}
	if !item.ok {
		return false
	}
	f, err := os.Open(s.file(name))
	if err != nil {
		return false
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/x-nix-nar")
	w.Header().Set("Content-Length", fmt.Sprint(item.size))
	_, _ = io.Copy(w, f)
	return true
}
