// Package gateprocess runs a gate as a process of its own: its sockets, those that
// a service manager hands over, its log, and its end.
package gateprocess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
)

// A Process is a gate with all that it listens on.
type Process struct {
	Gate      *gate.Gate
	Log       *slog.Logger
	Listeners []net.Listener // where Nix asks
	Control   *Control       // nil for a gate for a while
	Metrics   net.Listener   // or nil
}

// Serve serves until ctx ends, a signal says so, nobody has come for idle, or
// something breaks.
func (p *Process) Serve(ctx context.Context, idle time.Duration, m Manager) error {
	defer p.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	clients := newClients()
	ended := make(chan error, len(p.Listeners)+2)
	for _, l := range p.Listeners {
		go func() { ended <- p.Gate.Serve(ctx, clients.count(l)) }()
	}
	servers := len(p.Listeners)
	if p.Control != nil {
		servers++
		go func() { ended <- serveAside(ctx, p.Control.Listener, p.Gate.Control()) }()
	}
	if p.Metrics != nil {
		servers++
		go func() { ended <- serveAside(ctx, p.Metrics, p.Gate.Metrics()) }()
	}
	var broken error
	stopping := func(why string) {
		p.Log.Info("the gate stops", "why", why)
		m.Tell("STOPPING=1")
		cancel()
	}
	done, gone := ctx.Done(), clients.gone(ctx, idle)
	for servers > 0 {
		select {
		case <-done:
			stopping("it was interrupted")
			done = nil
		case <-gone:
			stopping("nobody has come for " + idle.String())
			done, gone = nil, nil
		case s := <-signals:
			if s == syscall.SIGTERM {
				stopping("it was told to")
				done = nil
				continue
			}
			p.Log.Info("the grants are looked at", "changed", p.Gate.Reload())
		case err := <-ended:
			servers--
			if err != nil && broken == nil {
				broken = err
			}
			if done != nil {
				stopping("a part of it has ended")
				done = nil
			}
		}
	}
	return broken
}

// Close lets go of all that is open. What the servers have closed stays so.
func (p *Process) Close() {
	for _, l := range p.Listeners {
		l.Close()
	}
	if p.Metrics != nil {
		p.Metrics.Close()
	}
	if p.Control != nil {
		p.Control.Close()
	}
}

// serveAside answers what is no store path until ctx ends.
func serveAside(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s is not answered any more: %w", l.Addr(), err)
	}
	return nil
}
