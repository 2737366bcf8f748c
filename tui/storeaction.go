package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// What the keys of the Store screen do, and those of others that lead to it.

// The places of screens that others lead to.
const (
	cachesAt = 1
	storeAt  = 7
)

// auditing reports whether the store is being audited.
func (m *root) auditing() bool { return m.store.reading.current != nil }

// sortStore sorts the list in focus in the next way.
func (m *root) sortStore() tea.Cmd {
	s := m.store
	if s.b.last == 1 {
		s.byPath = (s.byPath + 1) % orders
	} else {
		s.byGroup = (s.byGroup + 1) % orders
	}
	s.list()
	s.follow()
	return nil
}

func (m *root) whyNoSort() string {
	switch {
	case m.store.stock == nil:
		return "The store was not audited yet, so there is nothing to sort."
	case m.store.b.onDetail():
		return "Only lists are sorted: press tab first."
	}
	return ""
}

// cacheOf is where the Caches screen has a cache of the selected key, -1 for
// nowhere.
func (s *store) cacheOf(r *trust.Report) int {
	g := s.group()
	if g == nil || g.kind != groupKey {
		return -1
	}
	for _, c := range s.stock.cachesOf(g.signer.Key) {
		if i := slices.IndexFunc(r.Caches, func(x trust.CacheReport) bool { return x.URL == c.URL }); i >= 0 {
			return i
		}
	}
	return -1
}

// toCache shows a cache of the selected key.
func (m *root) toCache() tea.Cmd {
	i := m.store.cacheOf(m.view.report)
	goTo(cachesAt)(m)
	m.refill()
	s := m.caches
	s.urls.setFilter("")
	s.urls.choose(i)
	s.b.zoom = false
	s.b.focusOn(0)
	return nil
}

func (m *root) whyNoCacheOf() string {
	switch g := m.store.group(); {
	case g == nil || g.kind != groupKey:
		return "No key is selected."
	case m.store.cacheOf(m.view.report) < 0:
		return "Which cache the key belongs to is not known."
	}
	return ""
}

// keyHere is the key that the Caches screen has selected, or that of the selected
// cache, "" for none.
func (s *caches) keyHere() string {
	if s.onKeys() {
		if k := s.key(); k != nil {
			return k.Text
		}
		return ""
	}
	c := s.cache()
	if c == nil {
		return ""
	}
	if len(c.Keys) > 0 {
		return c.Keys[0]
	}
	for _, i := range c.Flakes { // what they claim for it
		if i < 0 || i >= len(s.report.Flakes) {
			continue
		}
		for _, v := range s.report.Flakes[i].Caches {
			if v.Claimed && v.URL == c.URL && len(v.Keys) > 0 {
				return v.Keys[0]
			}
		}
	}
	return ""
}

// toStore shows what came by the selected key.
func (m *root) toStore() tea.Cmd {
	m.store.key = m.caches.keyHere()
	goTo(storeAt)(m)
	m.store.groups.setFilter("")
	m.store.b.zoom = false
	m.refill()
	if m.store.stock == nil || m.store.readOf != m.view.report {
		return nil // it is sought once the store was read
	}
	want := "key " + m.store.key
	m.store.list()
	if g := m.store.group(); g == nil || g.id(m.store.stock) != want {
		return m.say(explain.Plain, safetext.Line("The key is not believed, and nothing in the store is signed by it."))
	}
	return nil
}

func (m *root) whyNoKeyHere() string {
	if m.caches.keyHere() == "" {
		return "No key of this cache is known."
	}
	return ""
}
