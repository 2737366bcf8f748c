package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// A heldGate is a gate for the length of a command: one that the command opened,
// or one that runs anyway.
type heldGate struct {
	place gatePlace
	base  string // http://HOST:PORT
	key   string // NAME:BASE64, that it signs with
	own   bool   // the command opened it
	ask   func(context.Context) (gate.Status, error)
	stop  func() // closes what the command opened
}

// url is where Nix is to ask it now. A gate that serves something else than
// before is asked under another name, for which no miss is remembered.
func (h *heldGate) url(s gate.Status) string { return fmt.Sprintf("%s/e%d/", h.base, s.Epoch) }

// holdOwn opens the gate of a place at an address, whose port may be 0. It
// answers once holdOwn returns, and until stop or until ctx ends.
// Without a key it is the place's.
func (a *app) holdOwn(ctx context.Context, place gatePlace, b *grantBook, address string, key *gate.Key) (*heldGate, error) {
	place.address = address
	o := gate.Options{Key: key}
	if key == nil && place.system && os.Geteuid() == 0 {
		// Root may read the machine's key, and leaves that gate's files alone.
		owner, err := place.owner()
		if err != nil {
			return nil, err
		}
		if o.Key, err = gate.ReadKeyOf(place.keyFile(), owner.uid); err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error()}
		}
		if place.dir, err = ledger.StateDir(0, os.Getenv); err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error()}
		}
	}
	g, err := a.openGate(place, b, o)
	if err != nil {
		return nil, err
	}
	listener, err := listenShared(ctx, address)
	if err != nil {
		return nil, portProblem(address, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(ctx, listener) // its end is seen by what asks it
	}()
	return &heldGate{
		place: place, base: "http://" + listener.Addr().String(), key: g.Status().PublicKey, own: true,
		ask:  func(context.Context) (gate.Status, error) { return g.Status(), nil },
		stop: func() { cancel(); <-done },
	}, nil
}

// listenShared listens on an address that other commands of the same user may
// listen on too: each serves the same, and who asks reaches one of them. So two
// builds at once have a gate each, for as long as each takes.
func listenShared(ctx context.Context, address string) (net.Listener, error) {
	if !gate.OnLoopback(address) {
		return nil, errors.New(addressProblem(address))
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

// portProblem is why a gate cannot listen, and who does.
func portProblem(address string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return &problem{code: exitUnknown, text: fmt.Sprintf("the gate cannot listen on %s: %v", address, cause(err))}
	}
	who := portHolder(address)
	if who == "" {
		who = "another program"
	}
	return &problem{
		code: exitUnknown, text: fmt.Sprintf("the gate cannot listen on %s: %s does already, and it is no gate that serves this", address, who),
		hints: []string{
			"if it is the machine's gate, root grants what it serves: sudo nix-trust grant",
			"for a gate at another address give --gate 127.0.0.1:PORT, which the administrator has to admit: `nix-trust setup --gate 127.0.0.1:PORT`",
		},
	}
}

// running is the gate that answers on a place's socket. An error that is
// fs.ErrNotExist says that none does.
func running(ctx context.Context, place gatePlace) (*heldGate, gate.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := place.status(ctx)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, s, fs.ErrNotExist // what a gate that was killed leaves
	case err != nil:
		return nil, s, err
	case s.Address == "":
		return nil, s, fmt.Errorf("the gate behind %s does not listen yet", place.socket)
	}
	h := &heldGate{place: place, base: "http://" + s.Address, key: s.PublicKey, stop: func() {}}
	h.ask = func(ctx context.Context) (gate.Status, error) {
		s, err := place.status(ctx)
		if err != nil && h.answers(ctx) == nil { // it had ended for want of work
			s, err = place.status(ctx)
		}
		return s, err
	}
	return h, s, h.answers(ctx)
}

// waken is running for a gate that a service manager starts once somebody comes
// to its address: for the machine's that may be another one than was asked for.
func waken(ctx context.Context, place gatePlace) (*heldGate, gate.Status, error) {
	h, s, err := running(ctx, place)
	addresses := []string{place.address}
	if place.system {
		addresses = append(addresses, systemGatePlace("").address)
	}
	for _, at := range slices.Compact(addresses) {
		if errors.Is(err, fs.ErrNotExist) && (&heldGate{base: "http://" + at}).answers(ctx) == nil {
			h, s, err = running(ctx, place)
		}
	}
	return h, s, err
}

// answers asks the gate something that it always knows.
func (h *heldGate) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base+"/nix-cache-info", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy, and nothing leads elsewhere
	got, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("the gate at %s does not answer: %w", h.base, cause(err))
	}
	got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("what answers at %s is no gate: it says %s", h.base, got.Status)
	}
	return nil
}

// serves reports whether a gate serves what a grant pins.
func serves(s gate.Status, g granted) bool {
	for _, one := range s.Grants {
		if one.Flake == string(g.flake) && one.State == g.State.String() {
			return true
		}
	}
	return false
}

// machineMay reports whether the machine's gate may have a grant: it serves what
// root has granted.
func (g granted) machineMay() bool { return g.file == filepath.Join(systemGrants, "grants.toml") }

// readableKey reports whether the user has a key for a gate at a place.
func readableKey(place gatePlace) error {
	f, err := os.OpenFile(place.keyFile(), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would keep it waiting
	if err != nil {
		return err
	}
	return f.Close()
}

// anyPort is a port that nobody has.
const anyPort = "127.0.0.1:0"

// holdForWord is a gate for who is believed at their word: with a key of the
// command's own, which is passed along, nothing has to be set up. Nothing else
// can believe it, so it is on a port of its own.
func (a *app) holdForWord(ctx context.Context, place gatePlace, b *grantBook) (*heldGate, error) {
	key, err := gate.NewKey("nix-trust-gate-once-1")
	if err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	return a.holdOwn(ctx, place, b, anyPort, key)
}

// holdForCopy is a gate to copy from: the machine's that runs when the place is
// that, or for who has no key; or else one of the command's own on a free port.
// believed says that the user's word counts with the store.
func (a *app) holdForCopy(ctx context.Context, place gatePlace, b *grantBook, g granted, believed bool) (*heldGate, error) {
	noKey := readableKey(place)
	if noKey == nil && !place.system {
		return a.holdOwn(ctx, place, b, anyPort, nil)
	}
	if g.machineMay() {
		switch h, s, err := waken(ctx, systemGatePlace(place.address)); {
		case err == nil && serves(s, g):
			return h, nil
		case noKey == nil || believed: // the command's own will do
		case err == nil:
			return nil, notServed(g, h)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, &problem{code: exitUnknown, text: err.Error(), hints: []string{"`nix-trust gate status` asks the machine's gate"}}
		}
	}
	switch {
	case noKey == nil:
		return a.holdOwn(ctx, place, b, anyPort, nil)
	case believed && errors.Is(noKey, fs.ErrNotExist):
		return a.holdForWord(ctx, place, b)
	}
	return nil, keyProblem(place, noKey)
}

// holdForBuild is a gate at a fixed address for a daemon to ask: the user's that
// runs, the machine's that runs, or else one of the command's own. g is zero when
// any grant will do.
func (a *app) holdForBuild(ctx context.Context, place gatePlace, b *grantBook, g granted, believed bool) (*heldGate, error) {
	places := []gatePlace{place}
	if !place.system && (g.flake == "" || g.machineMay()) {
		places = append(places, systemGatePlace(place.address))
	}
	var other error
	for _, p := range places {
		h, s, err := waken(ctx, p)
		switch {
		case err == nil && (g.flake == "" || serves(s, g)):
			return h, nil
		case err == nil:
			other = notServed(g, h)
		case !errors.Is(err, fs.ErrNotExist):
			other = &problem{code: exitUnknown, text: err.Error(), hints: []string{"`nix-trust gate status` asks the gate"}}
		}
	}
	if err := readableKey(place); err != nil {
		if believed && errors.Is(err, fs.ErrNotExist) {
			return a.holdForWord(ctx, place, b)
		}
		if other != nil {
			return nil, other
		}
		return nil, keyProblem(place, err)
	}
	return a.holdOwn(ctx, place, b, place.address, nil)
}

func notServed(g granted, h *heldGate) error {
	return &problem{
		code: exitUnknown, text: fmt.Sprintf("the gate at %s does not serve %s", h.base, g.flake),
		hints: []string{"`nix-trust gate status` says what it serves, and what it could not read"},
	}
}

// keyProblem is why there is no gate of the user's own.
func keyProblem(place gatePlace, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &problem{
			code: exitUnknown, text: "the gate has no key: there is no " + place.keyFile(),
			hints: []string{"`nix-trust setup` makes one, and shows what the administrator does once"},
		}
	}
	return &problem{code: exitUnknown, text: fmt.Sprintf("the gate's key cannot be read: %v", cause(err)), hints: []string{"`nix-trust setup --check` says what is wrong"}}
}

// newEvidence is what caches had instead of what is pinned since an earlier
// status of a gate: evidence is kept for long, and has whole seconds.
func newEvidence(before, now gate.Status) (out []gate.Evidence) {
	type piece struct {
		when int64
		rest gate.Evidence
	}
	of := func(e gate.Evidence) piece {
		p := piece{e.When.Unix(), e}
		p.rest.When = time.Time{}
		return p
	}
	known := map[piece]int{}
	for _, e := range before.Evidence {
		known[of(e)]++
	}
	for _, e := range now.Evidence {
		if p := of(e); known[p] > 0 {
			known[p]--
			continue
		}
		out = append(out, e)
	}
	return out
}

// namesake is a key in effect with the name of another one and other bytes, ""
// for none. Of two keys of one name Nix tries the first alone.
// Nix: src/libstore/keys.cc, getDefaultPublicKeys.
func namesake(r *trust.Report, key string) string {
	name, _, _ := strings.Cut(key, ":")
	for _, k := range r.Keys {
		if k.InEffect && k.Name == name && k.Text != key {
			return k.Text
		}
	}
	return ""
}
