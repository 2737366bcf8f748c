package demo

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A loopback is the made-up caches as a real server on the loopback interface,
// each host in a folder of its name.
type loopback struct {
	server *http.Server
	addr   string
	asked  atomic.Int64
	ended  chan struct{}
}

// goneHost is a cache of the demo that does not answer.
const goneHost = "orbit.example"

func (h *Host) listen(ctx context.Context) (*loopback, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &loopback{addr: l.Addr().String(), ended: make(chan struct{})}
	b.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		cache, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if cache == goneHost {
			panic(http.ErrAbortHandler) // hangs up, as if nobody were there
		}
		data, err := h.answer(r.Context(), cache, file)
		if err != nil || data == nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	})}
	go func() {
		defer close(b.ended)
		_ = b.server.Serve(l)
	}()
	return b, nil
}

func (b *loopback) close() {
	_ = b.server.Close()
	<-b.ended
}

// A detour gets what is asked of any host from the loopback.
type detour struct {
	web bincache.Source
	to  string
}

func (d detour) Get(ctx context.Context, at *url.URL, _ *url.Userinfo) (*bincache.Reply, error) {
	return d.web.Get(ctx, &url.URL{Scheme: "http", Host: d.to, Path: "/" + at.Host + at.Path}, nil)
}

func closeIdle(s bincache.Source) {
	if c, ok := s.(interface{ CloseIdle() }); ok {
		c.CloseIdle()
	}
}

// A guestbook is a listener that can hang up on all who have come: a server that
// ends would wait seconds for a connection on which nothing was asked yet.
type guestbook struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	over  bool
}

func (b *guestbook) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.conns = append(b.conns, c); b.over {
			c.Close()
		}
	}
	return c, err
}

func (b *guestbook) hangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	for _, c := range b.conns {
		c.Close()
	}
}
