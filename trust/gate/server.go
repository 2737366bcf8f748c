package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers GET and HEAD of nix-cache-info, of the narinfos of pinned
// paths and of their contents, to programs on this machine, and GET of
// nix-trust-probe with a store path that it then serves for some minutes. All
// else is a 404.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !fromHere(r) {
		forbidden(w)
		return
	}
	if (r.Method != http.MethodGet && r.Method != http.MethodHead) || r.ContentLength != 0 {
		// Nobody reads the body, or waits for it.
		w.Header().Set("Connection", "close")
		http.NewResponseController(w).SetReadDeadline(time.Now())
		notFound(w)
		return
	}
	epoch, path := cutEpoch(strings.TrimPrefix(r.URL.Path, "/"))
	if path == "nix-cache-info" {
		send(w, cacheInfoType, g.cacheInfo)
		return
	}
	digest, isInfo := strings.CutSuffix(path, ".narinfo")
	if isInfo {
		if text := g.current().narinfo(digest); text != nil {
			g.tally.infos.Add(1)
			if r.Method == http.MethodGet {
				g.ahead.tell(digest)
			}
			send(w, narinfoType, text)
			return
		}
	} else if s, ok := g.current().nar(path); ok {
		g.serveNar(w, r, s)
		return
	}
	switch {
	case path == probePath && r.Method == http.MethodGet:
		g.serveProbe(w)
		return
	case g.probed(w, path):
		return
	case isInfo:
		g.tally.misses.Add(1)
		g.log.Debug("not pinned", "asked", path)
		g.epochs.miss(epoch, g.now())
	}
	notFound(w)
}

// The types of what is sent. net/http changes none of them.
var (
	cacheInfoType = []string{"text/x-nix-cache-info"}
	narinfoType   = []string{"text/x-nix-narinfo"}
	narType       = []string{"application/x-nix-nar"}
	plainType     = []string{"text/plain; charset=utf-8"}
	metricsType   = []string{"text/plain; version=0.0.4; charset=utf-8"}
	jsonType      = []string{"application/json"}
	noSniff       = []string{"nosniff"}

	notFoundText   = []byte("404\n")
	notFoundLength = []string{strconv.Itoa(len(notFoundText))}
)

// send answers with a text that is there. It sets headers by their canonical
// names, which saves a tenth of the time that a narinfo takes.
func send(w http.ResponseWriter, kind []string, text []byte) {
	h := w.Header()
	h["Content-Type"] = kind
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.Write(text) // for HEAD net/http sends none of it
}

func forbidden(w http.ResponseWriter) {
	http.Error(w, "this is for programs on this machine, under the address it listens on", http.StatusForbidden)
}

func notFound(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = plainType
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = notFoundLength
	w.WriteHeader(http.StatusNotFound)
	w.Write(notFoundText)
}

// writePatience is how long a client may take to read what one write sends.
const writePatience = time.Minute

// patience starts the client's time anew. Not every ResponseWriter can.
func patience(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writePatience))
}

// fromHere says whether a request comes from this machine and was meant for this
// server. A page in a browser whose name leads here sends that name as Host. Any
// other page may not read an answer, but is told whether there was one, and so
// which paths are pinned: browsers say that a page asks (Fetch Metadata, 2.3).
func fromHere(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return false
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !remote.Addr().Unmap().IsLoopback() {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" || r.Header.Get("Origin") != "" {
		return false
	}
	name, port, hasPort := cutPort(r.Host)
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); name != "localhost" && (err != nil || !ip.IsLoopback()) {
		return false
	}
	return !hasPort && local.Port == 80 || hasPort && port == strconv.Itoa(local.Port)
}

func cutPort(host string) (name, port string, ok bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i], host[i+1:], true
	}
	return host, "", false
}

// Listen opens an address such as "127.0.0.1:8128", which has to be on the
// loopback interface; port 0 is a free one.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if !OnLoopback(address) {
		return nil, fmt.Errorf("the gate listens on the loopback interface alone, say on 127.0.0.1:8128 or [::1]:8128, not on %q", address)
	}
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

// OnLoopback says whether an address is one of the loopback interface, and
// nothing besides: it ends up in configurations.
func OnLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback() && at.Addr().Zone() == ""
}

// Serve answers on the listener until ctx ends; then answers that are on their
// way have five seconds.
func (g *Gate) Serve(ctx context.Context, listener net.Listener) error {
	g.self.add(listener.Addr().String())
	defer func() {
		g.ahead.stop()
		g.ahead.running.Wait()
		if err := g.epochs.keep(); err != nil {
			g.log.Error("the epochs cannot be kept", "error", err.Error())
		}
	}()
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
