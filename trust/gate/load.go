package gate

import (
	"time"

	"github.com/nix-trust/nix-trust/trust/grants"
)

// askAgain is how old the word of Options.Grants may be.
const askAgain = 5 * time.Millisecond

// Load takes these grants in place of those before. Answers that are on their
// way go on: what they send was pinned when they began.
func (g *Gate) Load(standings []grants.Standing) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.standings = standings
	g.renew(g.now())
}

// Reload asks Options.Grants now, and tells whether there was anything new.
func (g *Gate) Reload() (changed bool) {
	if g.grants == nil {
		return false
	}
	g.asking.Lock()
	defer g.asking.Unlock()
	return g.askGrants()
}

// askGrants is called with asking held.
func (g *Gate) askGrants() (changed bool) {
	began := time.Since(g.born)
	standings, changed := g.grants()
	if changed {
		g.Load(standings)
	}
	g.asked.Store(int64(began))
	return changed
}

// renew is called with mu held.
func (g *Gate) renew(now time.Time) *catalogue {
	before := g.catalogue.Load()
	c := newCatalogue(g.standings, now, g.client.StoreDir(), g.key, before)
	for _, conflict := range c.pool.Conflicts() {
		g.log.Error("grants disagree", "conflict", conflict.String())
	}
	for _, url := range g.self.among(c.caches) {
		g.log.Error("a grant names this gate as a cache; it is not asked", "cache", url)
	}
	if err := g.epochs.follow(c.digest, c.within(before), c.pool.Len() == 0); err != nil {
		g.log.Error("the epochs cannot be kept", "error", err.Error())
	}
	g.catalogue.Store(c)
	return c
}

// current is the catalogue of this moment: what a grant pins that has expired
// since it was loaded is not in it, nor what was revoked some milliseconds ago.
// Who comes while Options.Grants is asked waits for what it says.
func (g *Gate) current() *catalogue {
	if g.grants != nil {
		if came := int64(time.Since(g.born)); came >= g.asked.Load()+int64(askAgain) {
			g.asking.Lock()
			if came >= g.asked.Load()+int64(askAgain) {
				g.askGrants()
			}
			g.asking.Unlock()
		}
	}
	now := g.now()
	if c := g.catalogue.Load(); c.covers(now) {
		return c
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.catalogue.Load(); c.covers(now) {
		return c
	}
	return g.renew(now)
}

// Conflicts are the paths that active grants disagree on now. None of their
// sides is served.
func (g *Gate) Conflicts() []grants.Conflict { return g.current().pool.Conflicts() }

// Evidence is what caches had instead of what is pinned, the oldest first. What
// earlier runs left in Options.Evidence is in it.
func (g *Gate) Evidence() []Evidence { return g.evidence.all() }
