package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// Options are what a gate needs. Only Key has to be there.
type Options struct {
	Key *Key
	// Client asks the caches, for the store whose paths are served. nil: one for
	// /nix/store without credentials that never asks twice.
	Client   *bincache.Client
	Priority int           // in nix-cache-info, lower is asked first; 0: 30, before cache.nixos.org's 40
	Deadline time.Duration // until a cache begins to send contents; 0: 2 s
	Streams  int           // contents sent at a time, others wait; 0: 32, as Nix asks for 25 files at a time
	Now      func() time.Time
	Log      *slog.Logger // nil: nothing is logged
}

// A Gate is an http.Handler. It serves nothing until Load.
type Gate struct {
	key       *Key
	client    *bincache.Client
	cacheInfo []byte
	deadline  time.Duration
	streams   chan struct{}
	now       func() time.Time
	log       *slog.Logger
	health    *health
	evidence  evidence

	mu        sync.Mutex // of standings, and of making a catalogue
	standings []grants.Standing
	catalogue atomic.Pointer[catalogue]
}

// stalls is how many deadlines a cache may pause in the middle.
const stalls = 5

// New makes a gate. It asks nothing and opens nothing.
func New(o Options) (*Gate, error) {
	if o.Key == nil {
		return nil, errors.New("a gate needs a key; nothing it serves would be accepted without one")
	}
	if o.Deadline <= 0 {
		o.Deadline = 2 * time.Second
	}
	if o.Streams <= 0 {
		o.Streams = 32
	}
	if o.Priority == 0 {
		o.Priority = 30
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = bincache.NewClient(bincache.Options{Limits: bincache.Limits{
			Attempts: 1, PerHost: 2 * o.Streams, Request: o.Deadline, Answer: o.Deadline, Stall: stalls * o.Deadline,
		}})
	}
	g := &Gate{
		key: o.Key, client: o.Client, deadline: o.Deadline, streams: make(chan struct{}, o.Streams),
		now: o.Now, log: o.Log, health: newHealth(),
		cacheInfo: fmt.Appendf(nil, "StoreDir: %s\nWantMassQuery: 1\nPriority: %d\n", o.Client.StoreDir(), o.Priority),
	}
	g.Load(nil)
	return g, nil
}

// Load takes these grants in place of those before. Answers that are on their
// way go on: what they send was pinned when they began.
func (g *Gate) Load(standings []grants.Standing) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.standings = standings
	g.renew(g.now())
}

// renew is called with mu held.
func (g *Gate) renew(now time.Time) *catalogue {
	c := newCatalogue(g.standings, now, g.client.StoreDir(), g.key)
	for _, conflict := range c.pool.Conflicts() {
		g.log.Error("grants disagree", "conflict", conflict.String())
	}
	g.catalogue.Store(c)
	return c
}

// current is the catalogue of this moment: what a grant pins that has expired
// since it was loaded is not in it.
func (g *Gate) current() *catalogue {
	now := g.now()
	if c := g.catalogue.Load(); c.covers(now) {
		return c
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.catalogue.Load(); c.covers(now) {
		return c
	}
	return g.renew(now)
}

// Conflicts are the paths that active grants disagree on now. None of their
// sides is served.
func (g *Gate) Conflicts() []grants.Conflict { return g.current().pool.Conflicts() }

// Evidence is what caches had instead of what is pinned, the oldest first.
func (g *Gate) Evidence() []Evidence { return g.evidence.all() }

// ServeHTTP answers GET and HEAD of nix-cache-info, of the narinfos of pinned
// paths and of their contents, to programs on this machine. All else is a 404.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !fromHere(r) {
		http.Error(w, "this is for programs on this machine, under the address it listens on", http.StatusForbidden)
		return
	}
	patience(w)
	if (r.Method != http.MethodGet && r.Method != http.MethodHead) || r.ContentLength != 0 {
		// Nobody reads the body, or waits for it.
		w.Header().Set("Connection", "close")
		http.NewResponseController(w).SetReadDeadline(time.Now())
		notFound(w)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if path == "nix-cache-info" {
		send(w, "text/x-nix-cache-info", g.cacheInfo)
		return
	}
	if digest, ok := strings.CutSuffix(path, ".narinfo"); ok {
		if text := g.current().narinfo(digest); text != nil {
			send(w, "text/x-nix-narinfo", text)
			return
		}
	} else if s, ok := g.current().nar(path); ok {
		g.serveNar(w, r, s)
		return
	}
	notFound(w)
}

func send(w http.ResponseWriter, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text) // for HEAD net/http sends none of it
}

func notFound(w http.ResponseWriter) { http.Error(w, "404", http.StatusNotFound) }

// writePatience is how long a client may take to read what one write sends.
const writePatience = time.Minute

// patience starts the client's time anew. Not every ResponseWriter can.
func patience(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writePatience))
}

// fromHere says whether a request comes from this machine and was meant for this
// server. A page in a browser whose name leads here sends that name as Host.
func fromHere(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return false
	}
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !net.ParseIP(remote).IsLoopback() {
		return false
	}
	port := strconv.Itoa(local.Port)
	for _, name := range []string{"127.0.0.1", "[::1]", "localhost"} {
		if r.Host == name+":"+port || port == "80" && r.Host == name {
			return true
		}
	}
	return false
}

// Listen opens an address such as "127.0.0.1:8128", which has to be on the
// loopback interface; port 0 is a free one.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("the gate listens on the loopback interface alone, say on 127.0.0.1:8128 or [::1]:8128, not on %q", address)
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

// Serve answers on the listener until ctx ends; then answers that are on their
// way have five seconds.
func (g *Gate) Serve(ctx context.Context, listener net.Listener) error {
	s := &http.Server{
		Handler: g, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: writePatience,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	defer close(stopped)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if s.Shutdown(grace) != nil {
				s.Close()
			}
		case <-stopped:
		}
	}()
	err := s.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		<-ended
		return nil
	}
	return fmt.Errorf("the gate has stopped: %w", err)
}
