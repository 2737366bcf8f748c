package gate

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
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

const (
	// mostEvidence is how many pieces are kept, the latest ones.
	mostEvidence = 256
	// mostGot is how many bytes of what came instead are told.
	mostGot = 1 << 10
)

// An evidenceRecord is a piece in JSON.
type evidenceRecord struct {
	When   time.Time `json:"when"`
	Path   string    `json:"path"`
	Cache  string    `json:"cache"`
	Pinned string    `json:"pinned"` // "sha256-" and base 64
	Got    string    `json:"got"`
}

// MarshalJSON writes an object of "when", "path", "cache", "pinned" and "got".
func (e Evidence) MarshalJSON() ([]byte, error) {
	return json.Marshal(evidenceRecord{e.When, string(e.Path), e.Cache, e.Pinned.String(), e.Got})
}

// UnmarshalJSON takes what MarshalJSON writes, of a valid path and hash.
func (e *Evidence) UnmarshalJSON(text []byte) error {
	var r evidenceRecord
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	path, err := bincache.ParseStorePath(r.Path)
	if err != nil {
		return err
	}
	pinned, err := lock.ParseHash(r.Pinned)
	if err != nil {
		return err
	}
	*e = Evidence{r.When, path, r.Cache, pinned, r.Got}
	return nil
}

// evidence keeps the latest pieces in memory, and all of them in a file while it
// has room.
type evidence struct {
	file string
	log  *slog.Logger

	mu      sync.Mutex
	list    []Evidence
	problem error // the latest one with the file
}

// openEvidence reads what is in the file.
func openEvidence(file string, log *slog.Logger) *evidence {
	e := &evidence{file: file, log: log}
	if file != "" {
		if e.list, e.problem = ReadEvidence(file); e.problem != nil {
			log.Error("the evidence of earlier runs cannot be read", "error", e.problem.Error())
		}
	}
	return e
}

func (e *evidence) add(one Evidence) {
	one.Got = strings.ToValidUTF8(one.Got[:min(len(one.Got), mostGot)], "")
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.list) >= mostEvidence {
		e.list = slices.Delete(e.list, 0, len(e.list)-mostEvidence+1)
	}
	e.list = append(e.list, one)
	if e.file != "" {
		if e.problem = appendEvidence(e.file, one); e.problem != nil {
			e.log.Error("evidence is kept in memory alone", "error", e.problem.Error())
		}
	}
}

func (e *evidence) all() []Evidence {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// trouble is why the file does not have all of it.
func (e *evidence) trouble() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.problem
}

// EvidenceSince is what caches had instead of what is pinned since an earlier
// status of the gate: evidence is kept for long, and has whole seconds.
func (s *Status) EvidenceSince(before Status) (out []Evidence) {
	type piece struct {
		when int64
		rest Evidence
	}
	of := func(e Evidence) piece {
		p := piece{e.When.Unix(), e}
		p.rest.When = time.Time{}
		return p
	}
	known := map[piece]int{}
	for _, e := range before.Evidence {
		known[of(e)]++
	}
	for _, e := range s.Evidence {
		if p := of(e); known[p] > 0 {
			known[p]--
			continue
		}
		out = append(out, e)
	}
	return out
}
