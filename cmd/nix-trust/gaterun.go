package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/grants"
)

type gateStartedJSON struct {
	Version   int    `json:"version"`
	URL       string `json:"url"`     // to be asked under now
	Address   string `json:"address"` // HOST:PORT
	Socket    string `json:"socket"`  // of gate status, "" for an ephemeral gate
	Metrics   string `json:"metrics"` // HOST:PORT, "" for none
	PublicKey string `json:"publicKey"`
	PID       int    `json:"pid"`
}

// gateBook is where the grants of a place are. Nothing is read yet.
func (a *app) gateBook(place gateplace.Place) (*grantBook, error) {
	system := shelf{Source: grants.Source{Path: filepath.Join(systemGrants, "grants.toml")}, locks: filepath.Join(systemState, "locks")}
	b := &grantBook{store: storeDir()}
	if !place.System {
		dir, err := grantsDir(os.Geteuid(), os.Getenv)
		if err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error(), hints: []string{"set HOME to your home folder"}}
		}
		own := shelf{Source: grants.Source{Path: filepath.Join(dir, "grants.toml")}, locks: filepath.Join(place.Dir, "locks")}
		b.shelves = append(b.shelves, own)
		if dir == systemGrants {
			return b, nil
		}
	}
	b.shelves = append(b.shelves, system)
	return b, nil
}

// A runningGate is a gate with all that it listens on.
type runningGate struct {
	*gate.Gate
	log       *slog.Logger
	listeners []net.Listener // where Nix asks
	control   *controlSocket // nil for an ephemeral gate
	metrics   net.Listener   // or nil
	clients   *clients
}

// gateHeap is where memory is looked for before more is taken. A hundred
// thousand pins live in half of it; while grants are read again there are two of
// everything.
const gateHeap = 120 << 20

// runGate serves until it is told to stop.
func (a *app) runGate(ctx context.Context, f gateFlags) error {
	if err := f.check(a); err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gateHeap)
	}
	m := managerOf(os.Getenv, os.Unsetenv)
	r, err := a.startGate(ctx, f)
	if err != nil {
		return err
	}
	out := r.started()
	switch {
	case a.json:
		err = a.writeJSON(out)
	case f.ephemeral:
		a.print(out.URL)
	}
	if err != nil {
		r.close()
		return err
	}
	r.log.Info("the gate listens", "address", out.Address, "key", out.PublicKey, "socket", out.Socket, "metrics", out.Metrics)
	m.tell("READY=1", "STATUS=Serving on "+out.Address)
	err = r.serve(ctx, f.idle, m)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	if ctx.Err() != nil {
		return silent(exitInterrupted)
	}
	return nil
}

// startGate opens everything that a gate needs.
func (a *app) startGate(ctx context.Context, f gateFlags) (_ *runningGate, err error) {
	place, err := f.place(a)
	if err != nil {
		return nil, err
	}
	place.Netrc = f.netrc
	b, err := a.gateBook(place)
	if err != nil {
		return nil, err
	}
	r := &runningGate{log: gateLog(a.err, f.log, f.verbose), clients: newClients()}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.listeners, err = passedListeners(os.Getenv, os.Unsetenv); err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	if len(r.listeners) > 0 {
		place.Address = r.listeners[0].Addr().String()
	}
	if r.Gate, err = a.openGate(place, b, gate.Options{Priority: f.priority, Log: r.log}); err != nil {
		return nil, err
	}
	if !f.ephemeral {
		if r.control, err = openControl(place, place.Address); err != nil {
			return nil, controlProblem(place, err)
		}
	}
	if len(r.listeners) == 0 {
		l, err := gate.Listen(ctx, place.Address)
		if err != nil {
			return nil, listenProblem(place.Address, err)
		}
		r.listeners = append(r.listeners, l)
	}
	if f.metrics != "" {
		if r.metrics, err = gate.Listen(ctx, f.metrics); err != nil {
			return nil, listenProblem(f.metrics, err)
		}
	}
	return r, nil
}

// controlProblem says why a place could not be taken.
func controlProblem(place gateplace.Place, err error) error {
	p := &problem{code: exitUnknown, text: fmt.Sprintf("the socket %s cannot be opened: %v", place.Socket, err)}
	var alive gateAlive
	switch {
	case errors.As(err, &alive):
		p.text = alive.Error()
		p.hints = []string{"`nix-trust gate status` says how it does; --ephemeral runs one beside it for a while"}
	case errors.Is(err, os.ErrNotExist) && place.System:
		p.hints = []string{"the unit that `sudo nix-trust gate install` writes makes its folder, with RuntimeDirectory="}
	}
	return p
}

// listenProblem says why an address could not be listened on.
func listenProblem(address string, err error) error {
	p := &problem{code: exitUnknown, text: err.Error()}
	if errors.Is(err, syscall.EADDRINUSE) {
		p.text = address + " is in use by another program"
		p.hints = []string{"give another address with --listen, or as gate in config.toml; it may be a gate of another user, or one that a service manager listens for"}
	}
	return p
}

// started is what there is to know of a gate that listens.
func (r *runningGate) started() gateStartedJSON {
	s := r.Status()
	at := r.listeners[0].Addr().String()
	out := gateStartedJSON{Version: 1, URL: "http://" + at + "/", Address: at, PublicKey: s.PublicKey, PID: os.Getpid()}
	if r.control != nil {
		out.Socket, out.URL = r.control.path, gateplace.Place{Address: at}.URL(s.Epoch)
	}
	if r.metrics != nil {
		out.Metrics = r.metrics.Addr().String()
	}
	return out
}

// serve serves until ctx ends, a signal says so, nobody has come for idle, or
// something breaks.
func (r *runningGate) serve(ctx context.Context, idle time.Duration, m manager) error {
	defer r.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	ended := make(chan error, len(r.listeners)+2)
	for _, l := range r.listeners {
		go func() { ended <- r.Serve(ctx, r.clients.count(l)) }()
	}
	servers := len(r.listeners)
	if r.control != nil {
		servers++
		go func() { ended <- serveAside(ctx, r.control.Listener, r.Control()) }()
	}
	if r.metrics != nil {
		servers++
		go func() { ended <- serveAside(ctx, r.metrics, r.Metrics()) }()
	}
	var broken error
	stopping := func(why string) {
		r.log.Info("the gate stops", "why", why)
		m.tell("STOPPING=1")
		cancel()
	}
	done, gone := ctx.Done(), r.clients.gone(ctx, idle)
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
			r.log.Info("the grants are looked at", "changed", r.Reload())
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

// close lets go of all that is open. What the servers have closed stays so.
func (r *runningGate) close() {
	for _, l := range r.listeners {
		l.Close()
	}
	if r.metrics != nil {
		r.metrics.Close()
	}
	if r.control != nil {
		r.control.Close()
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
