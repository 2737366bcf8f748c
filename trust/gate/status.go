package gate

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/trust/grants"
)

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
	Result string    `json:"result"`
}

// How a question for contents ends.
const (
	Served  = "served"  // whole and right
	Refused = "refused" // no cache delivers: a 404
	Cut     = "cut"     // the cache failed, or was wrong, when a part had left
	Left    = "left"    // the client went away
)

// Status is how the gate does now. It asks Options.Grants before.
func (g *Gate) Status() Status {
	g.Reload()
	c := g.current()
	now := g.now()
	s := Status{
		Version: 1, Started: g.started, PublicKey: g.key.PublicText(), Address: g.self.address(), Paths: c.pool.Len(),
		Grants: []GrantStatus{}, Conflicts: []string{}, Problems: []string{},
		Served: g.tally.counts(), Caches: []CacheStatus{}, Recent: append([]Event{}, g.tally.recent()...), Evidence: append([]Evidence{}, g.Evidence()...),
	}
	s.Epoch, s.Fresh = g.epochs.current()
	g.mu.Lock()
	standings := g.standings
	g.mu.Unlock()
	for _, one := range standings {
		s.Grants = append(s.Grants, grantStatus(one, now))
	}
	for _, conflict := range c.pool.Conflicts() {
		s.Conflicts = append(s.Conflicts, conflict.String())
	}
	for _, url := range g.self.among(c.caches) {
		s.Problems = append(s.Problems, "A grant names this gate, "+url+", as a cache. It is not asked.")
	}
	for _, problem := range []error{g.epochs.trouble(), g.evidence.trouble()} {
		if problem != nil {
			s.Problems = append(s.Problems, problem.Error())
		}
	}
	if g.problems != nil {
		s.Problems = append(s.Problems, g.problems()...)
	}
	s.Caches = append(s.Caches, g.cacheStatus(c)...)
	return s
}

// grantStatus looks at the time again, as a grant ends without being loaded.
func grantStatus(s grants.Standing, now time.Time) GrantStatus {
	state := s.State
	switch {
	case state == grants.Active && now.Before(s.Grant.Granted):
		state = grants.NotYet
	case state == grants.Active && !s.Grant.Expires.IsZero() && !now.Before(s.Grant.Expires):
		state = grants.Expired
	}
	return GrantStatus{Flake: string(s.Grant.Flake), State: state.String(), Paths: s.Count(), Expires: s.Grant.Expires}
}

// cacheStatus has the caches of the grants, and those that were asked before.
func (g *Gate) cacheStatus(c *catalogue) []CacheStatus {
	all := g.health.status()
	for _, url := range c.caches {
		if _, ok := all[url]; !ok {
			all[url] = CacheStatus{URL: url}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b CacheStatus) int { return cmp.Compare(a.URL, b.URL) })
}
