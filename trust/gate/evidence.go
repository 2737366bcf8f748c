package gate

import (
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

// Evidence is something that a cache said of a path, or delivered for it, that
// is not what is pinned.
type Evidence struct {
	When   time.Time
	Path   lock.StorePath
	Cache  string    // its URL
	Pinned lock.Hash // SHA-256 of the NAR
	Got    string    // what came instead; text from outside is quoted
}

// mostEvidence is how many pieces are kept, the latest ones.
const mostEvidence = 256

type evidence struct {
	mu   sync.Mutex
	list []Evidence
}

func (e *evidence) add(one Evidence) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.list) == mostEvidence {
		e.list = slices.Delete(e.list, 0, 1)
	}
	e.list = append(e.list, one)
}

func (e *evidence) all() []Evidence {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}
