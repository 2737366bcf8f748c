package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// A Gate is a real gate before the made-up caches, with a key that is in memory
// alone and that no daemon but the made-up host's believes, and the client that
// asks it. All of it listens on the loopback interface alone, and has one folder
// that is removed at the end.
type Gate struct {
	*gate.Gate
	Address string // where it serves, HOST:PORT
	Dir     string // the scratch folder

	host     *Host
	caches   *loopback
	upstream bincache.Source
	self     bincache.Source
	client   *bincache.Client
	ring     *bincache.Keyring
	stop     context.CancelFunc
	guests   *guestbook
	ended    chan error
	fetching sync.Mutex
}

// The parts of the scratch folder.
const (
	storeIn = "store" // what was fetched
	workIn  = "work"  // what is being fetched
)

// patience is how long the demo's gate waits for a cache to begin.
const patience = 2 * time.Second

// OpenGate starts a gate that serves nothing yet.
func (h *Host) OpenGate(ctx context.Context) (_ *Gate, err error) {
	g := &Gate{host: h, ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("the demo's gate cannot be started: %w", err), g.tidy(false))
		}
	}()
	if g.Dir, err = os.MkdirTemp("", "nix-trust-demo-"); err != nil {
		return nil, err
	}
	for _, dir := range []string{storeIn, workIn} {
		if err := os.Mkdir(filepath.Join(g.Dir, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if g.caches, err = h.listen(ctx); err != nil {
		return nil, err
	}
	limits := bincache.Limits{Attempts: 1, Request: patience, Answer: patience, NarSize: mostNar}
	g.upstream = detour{bincache.NewWeb(limits), g.caches.addr}
	g.Gate, err = gate.New(gate.Options{Key: h.key, Unheard: true, Client: bincache.NewClient(bincache.Options{Source: g.upstream, Limits: limits}), Deadline: patience})
	if err != nil {
		return nil, err
	}
	l, err := gate.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g.Address, g.guests = l.Addr().String(), &guestbook{Listener: l}
	limits.Request, limits.Answer = time.Minute, time.Minute // it waits for the caches
	g.self = bincache.NewWeb(limits)
	g.ring = bincache.NewKeyring([]string{h.key.Public().String()})
	g.client = bincache.NewClient(bincache.Options{Source: g.self, Limits: limits})
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	go func() { g.ended <- g.Serve(life, g.guests) }()
	return g, nil
}

// Load takes these grants in place of those before. A cache of the demo turns
// hostile once its lock was accepted: what was verified then is not what it
// delivers.
func (g *Gate) Load(standings []grants.Standing) {
	for _, s := range standings {
		if s.Serves() && s.Grant.Seen == harborFolder {
			g.host.turned.Store(true)
		}
	}
	g.Gate.Load(standings)
}

// Caches are the made-up caches as the servers that they are here: what is asked
// of any host goes to the loopback interface.
func (g *Gate) Caches() bincache.Source { return g.upstream }

// URL is under what the gate is asked now.
func (g *Gate) URL() string { return "http://" + g.Address + "/e" + strconv.Itoa(g.Status().Epoch) }

// Asked is how many questions the gate has asked the caches.
func (g *Gate) Asked() int64 { return g.caches.asked.Load() }

// Close ends all that goes on and removes the folder, unless it is to be kept.
func (g *Gate) Close(keep bool) error {
	g.fetching.Lock() // one that goes on has been stopped, and ends soon
	defer g.fetching.Unlock()
	return g.tidy(keep)
}

func (g *Gate) tidy(keep bool) (err error) {
	if g.self != nil {
		closeIdle(g.self)
	}
	if g.stop != nil {
		g.stop()
		g.guests.hangUp()
		err = <-g.ended
	}
	if d, ok := g.upstream.(detour); ok {
		closeIdle(d.web)
	}
	if g.caches != nil {
		g.caches.close()
	}
	switch {
	case g.Dir == "":
		return err
	case keep:
		return errors.Join(err, os.Remove(filepath.Join(g.Dir, workIn)))
	}
	return errors.Join(err, os.RemoveAll(g.Dir))
}
