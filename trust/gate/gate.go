package gate

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// Options are what a gate needs. Only Key has to be there.
type Options struct {
	Key      *Key
	StoreDir string          // whose paths are served; "": /nix/store
	Netrc    *bincache.Netrc // credentials for the caches; nil: none
	// Client asks the caches, in place of one for StoreDir with Netrc that never
	// asks twice.
	Client   *bincache.Client
	Priority int           // in nix-cache-info, lower is asked first; 0: 30, before cache.nixos.org's 40
	Deadline time.Duration // until a cache begins to send contents; 0: 2 s
	Streams  int           // contents sent at a time, others wait; 0: 32, as Nix asks for 25 files at a time
	Now      func() time.Time
	Log      *slog.Logger // nil: nothing is logged

	// Grants is asked before an answer, though not again for some milliseconds,
	// and says what Load is told otherwise. It returns standings when they are
	// others than those of the time before, which changed says; the first time
	// they always are. Answers that have begun are not held up by it.
	Grants func() (standings []grants.Standing, changed bool)
	// Problems are sentences about what Grants could not read, for Status.
	Problems func() []string
	// Address is where the gate will be asked, HOST:PORT; "": what Serve listens on.
	Address string
	// Epochs is the file that has the epochs, so that the gate goes on under the
	// same one when it is started again; "": they are in memory alone.
	Epochs string
	// Unheard says that nobody has asked at its address before, as on a free port:
	// without a file of epochs nobody knows that otherwise.
	Unheard bool
	// Remembered is how long a daemon remembers a miss: its
	// narinfo-cache-negative-ttl; 0: an hour, as Nix has it.
	Remembered time.Duration
	// Evidence is the file that keeps the evidence; "": it is in memory alone.
	Evidence string
}

// A Gate is an http.Handler. It serves nothing until Load.
type Gate struct {
	key       *Key
	client    *bincache.Client
	cacheInfo []byte
	deadline  time.Duration
	streams   chan struct{}
	room      *semaphore.Weighted // bytes, for decoders
	now       func() time.Time
	log       *slog.Logger
	health    *health
	evidence  *evidence
	tally     tally
	epochs    *epochs
	probes    probes
	self      self
	ahead     *ahead

	grants   func() ([]grants.Standing, bool)
	problems func() []string
	started  time.Time // by Options.Now
	born     time.Time
	asked    atomic.Int64 // when grants was asked last, since born
	asking   sync.Mutex   // of asking it

	mu        sync.Mutex // of standings, and of making a catalogue
	standings []grants.Standing
	catalogue atomic.Pointer[catalogue]
}

// stalls is how many deadlines a cache may pause in the middle.
const stalls = 5

// New makes a gate. Of files it reads the evidence alone, and it asks nothing
// but Options.Grants.
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
		o.Client = bincache.NewClient(bincache.Options{StoreDir: o.StoreDir, Netrc: o.Netrc, Limits: bincache.Limits{
			Attempts: 1, PerHost: 2 * o.Streams, Request: o.Deadline, Answer: o.Deadline, Stall: stalls * o.Deadline,
		}})
	}
	g := &Gate{
		key: o.Key, client: o.Client, deadline: o.Deadline, streams: make(chan struct{}, o.Streams), room: semaphore.NewWeighted(roomSize),
		now: o.Now, log: o.Log, health: newHealth(), ahead: newAhead(), started: o.Now(), born: time.Now(), grants: o.Grants, problems: o.Problems,
		evidence: openEvidence(o.Evidence, o.Log), epochs: newEpochs(o.Epochs, o.Unheard, o.Remembered, o.Now),
		cacheInfo: fmt.Appendf(nil, "StoreDir: %s\nWantMassQuery: 1\nPriority: %d\n", o.Client.StoreDir(), o.Priority),
	}
	if o.Address != "" {
		g.self.add(o.Address)
	}
	g.catalogue.Store(newCatalogue(nil, g.now(), o.Client.StoreDir(), o.Key, nil))
	g.Reload()
	return g, nil
}
