package bundle

import (
	"encoding/json"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// Beside is what the program found out beside the look: how grants and gates
// stood when the bundle was made, and what probes had said. Their files are not
// in the bundle.
type Beside struct {
	Grants   []trust.Granted                `json:"grants"`
	Files    []trust.GrantFile              `json:"files"`
	Disputes []trust.GrantDispute           `json:"disputes"`
	Gate     trust.Gate                     `json:"gate"`
	Locks    map[string][]trust.OfferedLock `json:"locks"` // beside flakes, by their folder
	Probes   []probed                       `json:"probes"`
	Notes    []trust.Note                   `json:"notes"`
	// Listing is what the command that lists grants said; null when it could not.
	Listing json.RawMessage `json:"listing"`
}

// probed is how one cache answered.
type probed struct {
	URL   string    `json:"url"`
	At    time.Time `json:"at"`
	Reach string    `json:"reachability"`
	Asked string    `json:"asked"`
	Stops bool      `json:"stops"`
}

// BesideOf is what facts have beside the look, which left that many notes.
func BesideOf(f *trust.Facts, notes int) *Beside {
	b := &Beside{Grants: f.Grants, Files: f.GrantFiles, Disputes: f.Disputes, Gate: f.Gate, Notes: f.Notes[notes:], Locks: map[string][]trust.OfferedLock{}}
	for _, fl := range f.Flakes {
		if fl.CacheLock != nil {
			b.Locks[fl.ID.Path] = []trust.OfferedLock{*fl.CacheLock}
		}
	}
	for _, p := range f.Probes {
		b.Probes = append(b.Probes, probed{p.URL, p.At, p.Reach.String(), p.Asked.String(), p.Stops})
	}
	return b
}

// Add adds it to the facts of a look at the bundle.
func (b *Beside) Add(f *trust.Facts) {
	f.Grants, f.GrantFiles, f.Disputes, f.Gate = b.Grants, b.Files, b.Disputes, b.Gate
	f.Notes = append(f.Notes, b.Notes...)
	for i := range f.Flakes {
		if l := b.Locks[f.Flakes[i].ID.Path]; len(l) > 0 {
			f.Flakes[i].CacheLock = &l[0]
		}
	}
	for _, p := range b.Probes {
		out := trust.Probed{URL: p.URL, At: p.At, Reach: trust.ParseReachability(p.Reach), Stops: p.Stops}
		for _, o := range []trust.Outcome{trust.Pass, trust.Fail} {
			if o.String() == p.Asked {
				out.Asked = o
			}
		}
		f.Probes = append(f.Probes, out)
	}
}
