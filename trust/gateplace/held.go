package gateplace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/guard"
)

// A Held is a gate for the length of a command: one that the command opened,
// or one that runs anyway.
type Held struct {
	Place Place
	Base  string // http://HOST:PORT
	Key   string // NAME:BASE64, that it signs with
	// Ask is how it does now.
	Ask func(context.Context) (gate.Status, error)
	// Stop closes what the command opened.
	Stop func()
}

// URL is where Nix is to ask it now. A gate that serves something else than
// before is asked under another name, for which no miss is remembered.
func (h *Held) URL(s gate.Status) string { return fmt.Sprintf("%s/e%d/", h.Base, s.Epoch) }

// Serve runs a gate on a listener. It answers until Stop, or until ctx ends.
func Serve(ctx context.Context, p Place, g *gate.Gate, l net.Listener) *Held {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(ctx, l) // its end is seen by what asks it
	}()
	return &Held{
		Place: p, Base: "http://" + l.Addr().String(), Key: g.Status().PublicKey,
		Ask:  func(context.Context) (gate.Status, error) { return g.Status(), nil },
		Stop: func() { cancel(); <-done },
	}
}

// ListenShared listens on an address that other commands of the same user may
// listen on too: each serves the same, and who asks reaches one of them. So two
// builds at once have a gate each, for as long as each takes.
func ListenShared(ctx context.Context, address string) (net.Listener, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var refused error
		err := c.Control(func(fd uintptr) {
			refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, refused)
	}}
	return config.Listen(ctx, "tcp", address)
}

// Running is the gate that answers on a place's socket. An error that is
// fs.ErrNotExist says that none does.
func Running(ctx context.Context, place Place) (*Held, gate.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := place.Status(ctx)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, s, fs.ErrNotExist // what a gate that was killed leaves
	case err != nil:
		return nil, s, err
	case s.Address == "":
		return nil, s, fmt.Errorf("the gate behind %s does not listen yet", place.Socket)
	}
	h := &Held{Place: place, Base: "http://" + s.Address, Key: s.PublicKey, Stop: func() {}}
	h.Ask = func(ctx context.Context) (gate.Status, error) {
		s, err := place.Status(ctx)
		if err != nil && h.answers(ctx) == nil { // it had ended for want of work
			s, err = place.Status(ctx)
		}
		return s, err
	}
	return h, s, h.answers(ctx)
}

// Waken is Running for a gate that a service manager starts once somebody comes
// to its address: for the machine's that may be another one than was asked for.
func Waken(ctx context.Context, place Place) (*Held, gate.Status, error) {
	h, s, err := Running(ctx, place)
	addresses := []string{place.Address}
	if place.System {
		addresses = append(addresses, OfMachine("").Address)
	}
	for _, at := range slices.Compact(addresses) {
		if errors.Is(err, fs.ErrNotExist) && (&Held{Base: "http://" + at}).answers(ctx) == nil {
			h, s, err = Running(ctx, place)
		}
	}
	return h, s, err
}

// answers asks the gate something that it always knows.
func (h *Held) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Base+"/nix-cache-info", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy, and nothing leads elsewhere
	got, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("the gate at %s does not answer: %w", h.Base, guard.Cause(err))
	}
	got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("what answers at %s is no gate: it says %s", h.Base, got.Status)
	}
	return nil
}
