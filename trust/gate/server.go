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
	patience(w)
	if (r.Method != http.MethodGet && r.Method != http.MethodHead) || r.ContentLength != 0 {
		// Nobody reads the body, or waits for it.
		w.Header().Set("Connection", "close")
		http.NewResponseController(w).SetReadDeadline(time.Now())
		notFound(w)
		return
	}
	epoch, path := cutEpoch(strings.TrimPrefix(r.URL.Path, "/"))
	if path == "nix-cache-info" {
		send(w, "text/x-nix-cache-info", g.cacheInfo)
		return
	}
	digest, isInfo := strings.CutSuffix(path, ".narinfo")
	if isInfo {
		if text := g.current().narinfo(digest); text != nil {
			g.tally.infos.Add(1)
			send(w, "text/x-nix-narinfo", text)
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

func send(w http.ResponseWriter, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Write(text) // for HEAD net/http sends none of it
}

func forbidden(w http.ResponseWriter) {
	http.Error(w, "this is for programs on this machine, under the address it listens on", http.StatusForbidden)
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
	g.self.add(listener.Addr().String())
	defer func() {
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
