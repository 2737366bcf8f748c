package gate

import "time"

// A Status is how a gate does, for a person and for programs. It has no secret:
// of paths it names those alone that were pinned when they were asked for.
type Status struct {
	Version   int       `json:"version"` // 1
	Started   time.Time `json:"started"`
	PublicKey string    `json:"publicKey"` // NAME:BASE64
	Address   string    `json:"address"`   // HOST:PORT, "" before it listens
	Epoch     int       `json:"epoch"`     // the one to ask under now
	Fresh     bool      `json:"fresh"`     // no daemon can remember a miss under it that is none now
	Paths     int       `json:"paths"`     // that are served now

	Grants    []GrantStatus `json:"grants"`
	Conflicts []string      `json:"conflicts"`
	Problems  []string      `json:"problems"` // sentences: what could not be read

	Served   Counts        `json:"served"`
	Caches   []CacheStatus `json:"caches"` // by URL
	Recent   []Event       `json:"recent"` // the latest 256, newest first
	Evidence []Evidence    `json:"evidence"`
}

// A GrantStatus is one grant that the gate was told of.
type GrantStatus struct {
	Flake   string    `json:"flake"`
	State   string    `json:"state"` // a word of docs/grants.md
	Paths   int       `json:"paths"` // that it pins for its systems
	Expires time.Time `json:"expires,omitzero"`
}

// Counts are since the gate was started.
type Counts struct {
	Infos    int64 `json:"infos"`    // narinfos
	Misses   int64 `json:"misses"`   // narinfos of paths that nobody pinned
	Contents int64 `json:"contents"` // whole and right
	Refused  int64 `json:"refused"`  // contents that nobody delivered, or that were cut
	Bytes    int64 `json:"bytes"`    // of contents sent
	Wrong    int64 `json:"wrong"`    // answers of caches that were not what is pinned
}

// A CacheStatus is how one cache behind the gate does.
type CacheStatus struct {
	URL       string        `json:"url"`
	Delivered int64         `json:"delivered"`      // contents, whole and right
	Bytes     int64         `json:"bytes"`          // of contents
	Absent    int64         `json:"absent"`         // pinned paths that it does not have
	Failed    int64         `json:"failed"`         // questions without an answer
	Wrong     int64         `json:"wrong"`          // answers that are not what is pinned
	Until     time.Time     `json:"until,omitzero"` // it is not asked before
	Begins    time.Duration `json:"begins"`         // until contents begin, smoothed, ns
}

// An Event is one question for contents that were pinned.
type Event struct {
	When   time.Time `json:"when"`
	Path   string    `json:"path"`
	Cache  string    `json:"cache"` // that delivered it last, "" for none
	Bytes  int64     `json:"bytes"`
	Result string    `json:"result"` // "served", "refused", "cut", "left": the client went away
}
