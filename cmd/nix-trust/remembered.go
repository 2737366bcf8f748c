package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// jsonRemembered is one of Nix's databases of what caches have answered.
type jsonRemembered struct {
	File     string                `json:"file"`
	Daemon   bool                  `json:"daemon"`
	State    string                `json:"state"`
	Error    string                `json:"error"`
	Complete bool                  `json:"complete"`
	Caches   []jsonRememberedCache `json:"caches"`
}

type jsonRememberedCache struct {
	URL    string    `json:"url"`
	Misses jsonTally `json:"misses"`
	Hits   jsonTally `json:"hits"`
}

type jsonTally struct {
	Count  int    `json:"count"`
	Oldest string `json:"oldest"`
	Newest string `json:"newest"`
	Until  string `json:"until"` // when the newest is asked again
}

func rememberedOf(r *trust.Report) []jsonRemembered {
	return list(r.Remembered, func(m trust.Remembered) jsonRemembered {
		return jsonRemembered{
			m.File, m.Daemon, m.State.String(), safetext.Redact(m.Err), m.Complete,
			list(m.Caches, func(c trust.RememberedCache) jsonRememberedCache {
				return jsonRememberedCache{safetext.Redact(c.URL), tallyOf(c.Misses, m.MissTTL), tallyOf(c.Hits, m.HitTTL)}
			}),
		}
	})
}

func tallyOf(t trust.AnswerTally, ttl time.Duration) jsonTally {
	if t.Count == 0 {
		return jsonTally{}
	}
	stamp := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	return jsonTally{t.Count, stamp(t.Oldest), stamp(t.Newest), stamp(t.Newest.Add(ttl))}
}

// rememberedLines tell of each of some caches how much Nix remembers of it. What
// a daemon remembers of them is root's: where it cannot be read, that is said
// when it could decide something, which is when a lock is there.
func rememberedLines(r *trust.Report, caches []trust.CacheVerdict, locked bool, s explain.Style) []string {
	var out []string
	for _, m := range r.Remembered {
		if m.Daemon && locked && m.State != nixconf.SourceRead && m.State != nixconf.SourceMissing {
			out = append(out, "What the daemon remembers of these caches is in "+safetext.Line(m.File).String()+", which cannot be read here ("+safetext.Line(m.Err).String()+"): whether it asks them is not known.")
		}
		for _, c := range m.Caches {
			asked := slices.ContainsFunc(caches, func(v trust.CacheVerdict) bool { return diskcache.URL(v.URL) == c.URL })
			if !asked || c.Misses.Count+c.Hits.Count == 0 {
				continue
			}
			who := "Your own Nix remembers of "
			if m.Daemon {
				who = "The daemon remembers of "
			}
			out = append(out, who+safetext.URL(c.URL).String()+": "+strings.Join(slices.DeleteFunc([]string{
				tallied(c.Misses, m, m.MissTTL, "it does not have", r.Made), tallied(c.Hits, m, m.HitTTL, "it has", r.Made),
			}, func(t string) bool { return t == "" }), "; "))
		}
	}
	return out
}

// tallied says one tally, "" when there is nothing.
func tallied(t trust.AnswerTally, m trust.Remembered, ttl time.Duration, what string, now time.Time) string {
	if t.Count == 0 {
		return ""
	}
	least := ""
	if !m.Complete {
		least = "at least "
	}
	return fmt.Sprintf("%s %s%s, since %s, until %s", what, least, plural(t.Count, "path"), onDay(t.Oldest, now), onDay(t.Newest.Add(ttl), now))
}

// onDay is a time as a person says it on a given day.
func onDay(t, today time.Time) string {
	t = t.Local()
	if y, m, d := today.Local().Date(); t.Year() == y && t.Month() == m && t.Day() == d {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}
