package trust

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// What Nix remembers of a binary cache's answers. They change no state: a cache
// stays usable that will be asked again, and what it is not asked for is said.
const (
	CodeCachedMiss Code = "cached-miss"
	CodeCachedHit  Code = "cached-hit"
)

// rememberedEntries describe them. Nix is silent about both.
// Nix: src/libstore/nar-info-disk-cache.cc.
var rememberedEntries = map[Code]Entry{
	CodeCachedMiss: {
		Title:    "Nix remembers that the cache does not have a path",
		Explain:  "When a cache answers that it does not have a path, Nix remembers that for an hour (narinfo-cache-negative-ttl) and does not ask again, whatever the cache has by then. It is remembered by the cache's URL, in the cache folder of whoever asked: root's for everything that a daemon substitutes. --refresh makes Nix ask again only where it opens the store itself; it is not sent to a daemon.",
		Severity: Warn,
	},
	CodeCachedHit: {
		Title:   "Nix remembers that the cache has a path",
		Explain: "When a cache has a path, Nix remembers its description, with the signatures that it had then, for 30 days (narinfo-cache-positive-ttl). A cache that has deleted the path since, or signs with another key now, is not noticed before that.",
	},
}

// A Remembered is one of Nix's databases of what binary caches have answered.
// The zero one was not looked at.
type Remembered struct {
	File   string
	Daemon bool // root's, by which a daemon goes; else that of this user's own commands
	State  nixconf.SourceState
	Err    string // why it is not known, for a person
	// MissTTL and HitTTL are for how long an answer counts. What is older than
	// that is not listed.
	MissTTL, HitTTL time.Duration
	Caches          []RememberedCache
	// Complete says that every answer was counted, and not the newest alone.
	Complete bool
}

// A RememberedCache is what is remembered of one cache.
type RememberedCache struct {
	URL          string // as Nix keeps it: no parameters, no slash at its end
	Misses, Hits AnswerTally
	Paths        []RememberedPath // of those that some flake's lock has among its outputs
}

// An AnswerTally counts answers.
type AnswerTally struct {
	Count          int
	Oldest, Newest time.Time // zero without any
}

// A RememberedPath is the answer about one path.
type RememberedPath struct {
	Path    string // the name of the store path
	Present bool
	Since   time.Time
}

// A LockedOutput is one output of a flake as the flake.cache-lock beside it says.
type LockedOutput struct {
	Name string // "packages.default"
	Path string // the name of its store path
}

// of finds a cache by its URL.
func (m Remembered) of(cache string) (RememberedCache, bool) {
	want := strings.TrimRight(cache, "/")
	if u, err := url.Parse(cache); err == nil {
		u.RawQuery, u.Fragment = "", ""
		want = strings.TrimRight(u.String(), "/")
	}
	i := slices.IndexFunc(m.Caches, func(c RememberedCache) bool { return c.URL == want })
	if i < 0 {
		return RememberedCache{}, false
	}
	return m.Caches[i], true
}

// decisive is the database by which this user's builds go, and whether it could
// be read.
func (e *engine) decisiveMemory() (Remembered, bool) {
	for _, m := range e.f.Remembered {
		if m.Daemon == (e.f.Nix.Store == StoreDaemon) && (e.f.Nix.Store == StoreDaemon || e.f.Nix.Store == StoreLocal) {
			return m, m.State == nixconf.SourceRead
		}
	}
	return Remembered{}, false
}

// remember adds what is remembered about a flake's locked outputs to the caches
// that would be asked for them.
func (e *engine) remember(r *Report) {
	r.Remembered = e.f.Remembered
	for i, f := range e.f.Flakes {
		r.Flakes[i].Locked = f.CacheLock != nil || len(f.Locked) > 0
	}
	memory, known := e.decisiveMemory()
	if !known {
		return
	}
	for i := range r.Flakes {
		locked := e.f.Flakes[i].Locked
		for k := range r.Flakes[i].Caches {
			c := &r.Flakes[i].Caches[k]
			said, ok := memory.of(c.URL)
			if !ok || c.State != StateUsable {
				continue
			}
			if reasons := e.rememberedOf(memory, said, c.URL, locked); len(reasons) > 0 {
				// The last step is the one that a good verdict rests on.
				last := len(c.Reasons)
				if last > 0 {
					last--
				}
				c.Reasons = slices.Insert(slices.Clone(c.Reasons), last, reasons...)
			}
		}
	}
}

// rememberedOf are the steps about the outputs that a cache was asked for.
func (e *engine) rememberedOf(m Remembered, c RememberedCache, cache string, locked []LockedOutput) (out []Reason) {
	var missing, there []RememberedPath
	var missed, had []string
	for _, o := range locked {
		i := slices.IndexFunc(c.Paths, func(p RememberedPath) bool { return p.Path == o.Path })
		switch {
		case i < 0:
		case c.Paths[i].Present:
			there, had = append(there, c.Paths[i]), append(had, outputText(o))
		default:
			missing, missed = append(missing, c.Paths[i]), append(missed, outputText(o))
		}
	}
	where := nixconf.Pos{File: m.File}
	if len(missing) > 0 {
		first, last := spread(missing)
		until := clock(last.Add(m.MissTTL), last)
		r := e.reason(CodeCachedMiss, Fail, cache, fmt.Sprintf("Nix believes until %s that it does not have %s, as it said at %s, and does not ask it again before.",
			until, several(missed), clock(first, last)))
		r.Where, r.Fixes = where, e.askAgain(cache, missing, until)
		out = append(out, r)
	}
	if len(there) > 0 {
		first, last := spread(there)
		r := e.reason(CodeCachedHit, Pass, cache, fmt.Sprintf("Nix believes until %s that it has %s, as it said at %s, with the signatures of then.",
			clock(first.Add(m.HitTTL), last), several(had), clock(first, last)))
		r.Where = where
		out = append(out, r)
	}
	return out
}

// askAgain are the ways to make Nix ask at once.
func (e *engine) askAgain(cache string, paths []RememberedPath, until string) []Fix {
	switch {
	case e.f.Nix.Store == StoreLocal:
		return []Fix{{
			Title: "Let Nix ask again", Detail: "Add --refresh to the command. It also asks anew for what flakes have been locked to by a branch.",
			Command: "nix build --refresh",
		}}
	case e.trust == Trusted:
		return []Fix{{
			Title: "Let the daemon ask again", Detail: "--refresh is not sent to a daemon; this setting is, and taken from a user whom it trusts.",
			Command: "nix build --option narinfo-cache-negative-ttl 0",
		}}
	}
	wait := Fix{Title: "Wait until " + until, Detail: "The daemon takes neither --refresh nor narinfo-cache-negative-ttl from this user."}
	plain := func(s string) bool {
		return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?=/:%@") == "" && !strings.HasPrefix(s, "-")
	}
	base, _, _ := strings.Cut(cache, "?")
	if safetext.Redact(base) != base || !plain(base) || !slices.ContainsFunc(paths, func(p RememberedPath) bool { return plain(p.Path) }) {
		return []Fix{wait}
	}
	// "?" would be the shell's; the row is the same without parameters.
	command := "sudo -H nix --extra-experimental-features nix-command path-info --refresh --store " + base
	for _, p := range paths {
		if plain(p.Path) && !strings.Contains(p.Path, "?") {
			command += " " + e.f.Nix.StoreDir + "/" + p.Path
		}
	}
	return []Fix{wait, {
		Title:  "Have the administrator ask the cache",
		Detail: "Root's nix asks it again and writes the answer down where the daemon finds it. Nothing is downloaded, and nobody becomes trusted.", Command: command, Admin: true,
	}}
}

func spread(ps []RememberedPath) (first, last time.Time) {
	first, last = ps[0].Since, ps[0].Since
	for _, p := range ps[1:] {
		if p.Since.Before(first) {
			first = p.Since
		}
		if p.Since.After(last) {
			last = p.Since
		}
	}
	return first, last
}

// clock is a time as a person says it on a given day.
func clock(t, today time.Time) string {
	if t.YearDay() == today.YearDay() && t.Year() == today.Year() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// outputText names an output with the short form of its path.
func outputText(o LockedOutput) string {
	hash, name, ok := strings.Cut(o.Path, "-")
	if !ok || len(hash) < 8 {
		return o.Name
	}
	return o.Name + " (" + hash[:4] + "…-" + name + ")"
}

// several lists a few things in words.
func several(words []string) string {
	const most = 3
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}
