package gate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Epochs is how many names a gate has: the paths /e0/ to /e7/ of its address
// serve the same as /. Nix remembers for an hour under a cache's URL which paths
// it does not have, and nobody but root can make a daemon forget it. After a
// change of the grants another name is used, for which nothing is remembered.
const Epochs = 8

// cutEpoch takes the epoch off a path without its first slash; -1 is none.
func cutEpoch(path string) (epoch int, rest string) {
	if len(path) > 3 && path[0] == 'e' && path[1] >= '0' && path[1] < '0'+Epochs && path[2] == '/' {
		return int(path[1] - '0'), path[3:]
	}
	return -1, path
}

// epochs chooses the name to be asked under. The file says how things are, also
// to other gates that use it; without one all this lasts as long as the gate.
type epochs struct {
	file       string
	unheard    bool // without a file: none was ever asked under
	remembered time.Duration
	now        func() time.Time
	missed     [Epochs]atomic.Int64 // when a miss was answered last, Unix seconds

	mu      sync.Mutex
	decided bool // book is what this gate goes by
	book    epochBook
	problem error // the latest one with the file
}

// An epochBook is what the file has.
type epochBook struct {
	Version int       `json:"version"`
	Current int       `json:"current"`
	Served  string    `json:"served"` // the digest of what is served under it
	Since   time.Time `json:"since"`  // when it became the current one
	// Left says until when misses were answered under each epoch that may be
	// none any more; zero: never. It does not speak of the current one's present
	// use, in which no path came to those that are served.
	Left [Epochs]time.Time `json:"left"`
}

func newEpochs(file string, unheard bool, remembered time.Duration, now func() time.Time) *epochs {
	if remembered <= 0 {
		remembered = time.Hour
	}
	return &epochs{file: file, unheard: unheard, remembered: remembered, now: now}
}

// follow is told what is served from now on. A shrink says that all of it was
// served before, alike, by this gate: then no miss is remembered that is none
// now. nothing is served: that is one of anything.
//
// A gate that is started again with the same goes on with its epoch. Otherwise
// the one is taken that was left longest ago. The error is that of the file: the
// choice counts all the same, for as long as this gate runs.
func (e *epochs) follow(digest string, shrink, nothing bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.decided && e.book.Served == digest {
		return nil
	}
	e.problem = e.withFile(func(book *epochBook) (write bool) {
		defer func() { e.book, e.decided = *book, true }()
		switch {
		case !e.decided && book.Current >= 0 && book.Served == digest:
			return false
		case nothing && book.Current >= 0,
			e.decided && shrink && book.Current == e.book.Current && book.Served == e.book.Served:
			book.Served = digest
			return true
		}
		book.change(e.now(), e.noted(), e.decided, e.book.Current, digest)
		return true
	})
	return e.problem
}

// change chooses another epoch than the one in the book, and than the one that
// this gate used if it did.
func (b *epochBook) change(now time.Time, missed [Epochs]time.Time, used bool, ours int, digest string) {
	if b.Since.After(now) {
		now = b.Since // the clock was turned back; what Nix has noted it has from before
	}
	next := -1
	for i := range b.Left {
		if i == b.Current || used && i == ours {
			b.Left[i] = latest(b.Left[i], now)
			continue
		}
		b.Left[i] = latest(b.Left[i], missed[i])
		if next < 0 || b.Left[i].Before(b.Left[next]) {
			next = i
		}
	}
	b.Version, b.Current, b.Served, b.Since = epochVersion, next, digest, now
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// noted are the times at which misses were answered, of all epochs.
func (e *epochs) noted() (out [Epochs]time.Time) {
	for i := range out {
		if at := e.missed[i].Load(); at != 0 {
			out[i] = time.Unix(at, 0).UTC().Add(time.Second)
		}
	}
	return out
}

// miss notes that a miss was answered under an epoch.
func (e *epochs) miss(epoch int, now time.Time) {
	if epoch >= 0 {
		e.missed[epoch].Store(now.Unix())
	}
}

// current is the epoch to ask under, and whether no daemon can remember a miss
// under it that is none now. A time that is still to come tells nothing.
func (e *epochs) current() (epoch int, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.decided {
		return 0, false
	}
	left := e.book.Left[e.book.Current]
	return e.book.Current, left.IsZero() || e.now().Sub(left) >= e.remembered
}

// trouble is why the file does not say how things are.
func (e *epochs) trouble() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.problem
}

// keep writes down which misses were answered under other epochs than the
// current one, by programs that began before it was.
func (e *epochs) keep() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.decided {
		return nil
	}
	return e.withFile(func(book *epochBook) (write bool) {
		for i, at := range e.noted() {
			if i != book.Current && i != e.book.Current && at.After(book.Left[i]) {
				book.Left[i], write = at, true
			}
		}
		return write
	})
}

// emptyBook is for when nothing was asked under any.
func emptyBook() epochBook { return epochBook{Version: epochVersion, Current: -1} }

// unknownBook is for when nothing is known of what was asked under which epoch:
// each may have been in use until now.
func unknownBook(now time.Time) epochBook {
	b := epochBook{Version: epochVersion, Current: rand.IntN(Epochs)}
	for i := range b.Left {
		b.Left[i] = now
	}
	return b
}

func (b *epochBook) check() error {
	switch {
	case b.Version != epochVersion:
		return fmt.Errorf("its version is %d, and this program knows %d", b.Version, epochVersion)
	case b.Current < 0 || b.Current >= Epochs:
		return fmt.Errorf("it names epoch %d, and there are 0 to %d", b.Current, Epochs-1)
	case len(b.Served) != 64 || strings.Trim(b.Served, "0123456789abcdef") != "":
		return fmt.Errorf("it does not say what was served")
	case b.Since.IsZero():
		return fmt.Errorf("it does not say since when")
	}
	return nil
}
