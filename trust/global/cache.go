// Package global works out what it takes to turn a cache that a machine trusts
// for everything into one that single flakes are granted: where it is listed,
// which keys are its own, what remains trusted without it, and what the user's
// own configuration becomes.
package global

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
)

// Default is Nix's own cache, which most of what a machine builds comes from.
const Default = "https://cache.nixos.org"

// The lists of a configuration that trust a cache or a key.
const (
	listAsked   = "substituters"
	listAllowed = "trusted-substituters"
	listKeys    = "trusted-public-keys"
)

var lists = []string{listAsked, listAllowed, listKeys}

// A Cache is one that the configuration trusts whatever the flake. The zero
// Cache is none.
type Cache struct {
	URL     string          // as a lock spells it
	Entries []trust.Listing // where it is listed, at least once
	Keys    []Key
	Flakes  []int // indexes into the report's flakes: those that claim it
}

// A Key is one that the cache's paths may be signed with, as far as is known.
type Key struct {
	Text    string
	Name    string
	Own     bool            // known to be the cache's
	Goes    bool            // it goes with the cache
	Why     string          // a sentence: why it goes, or stays
	Entries []trust.Listing // where it is listed
}

// Asked reports whether every build asks the cache, and not only who names it.
func (c Cache) Asked() bool {
	return slices.ContainsFunc(c.Entries, func(l trust.Listing) bool { return l.Setting == listAsked })
}

// Default reports whether it is Nix's own cache.
func (c Cache) Default() bool { return trust.SameItem(c.URL, Default) }

// Signers are the keys that a lock made from the cache takes: its own, or where
// none is known to be, all that may be.
func (c Cache) Signers() []string {
	var own, all []string
	for _, k := range c.Keys {
		all = append(all, k.Text)
		if k.Own {
			own = append(own, k.Text)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}

// Going are the keys that go with the cache.
func (c Cache) Going() []string {
	var out []string
	for _, k := range c.Keys {
		if k.Goes {
			out = append(out, k.Text)
		}
	}
	return out
}

// Listed are the entries that are to go: the cache's, and those of its keys.
func (c Cache) Listed() []trust.Listing {
	out := slices.Clone(c.Entries)
	for _, k := range c.Keys {
		if k.Goes {
			out = append(out, k.Entries...)
		}
	}
	return out
}

// Gone reports whether an item of a list is the cache or a key that goes.
func (c Cache) Gone(item string) bool {
	return trust.SameItem(item, c.URL) || slices.ContainsFunc(c.Going(), func(k string) bool { return trust.SameItem(item, k) })
}

// An Options says what the report does not.
type Options struct {
	// Keys are said by the user to be the cache's own.
	Keys []string
	// KeepKeys lets every key stay.
	KeepKeys bool
	// Apart are caches and keys that are none of these, such as the gate's.
	Apart []string
}

func (o Options) apart(item string) bool {
	return slices.ContainsFunc(o.Apart, func(s string) bool { return trust.SameItem(item, s) })
}

// Caches are the caches that the machine trusts whatever the flake, each once,
// in the order of the lists; without those that no lock can have. It is nil
// when the configuration is not known.
func Caches(r *trust.Report, o Options) []Cache {
	var out []Cache
	for _, l := range r.Listings() {
		if l.Setting == listKeys || o.apart(l.Item.Text) {
			continue
		}
		if slices.ContainsFunc(out, func(c Cache) bool { return trust.SameItem(l.Item.Text, c.URL) }) {
			continue
		}
		if c, ok := Find(r, l.Item.Text, o); ok {
			out = append(out, c)
		}
	}
	return out
}

// Find finds a cache by its URL, in any spelling that is the same cache to Nix.
func Find(r *trust.Report, url string, o Options) (Cache, bool) {
	u, err := lock.CanonicalURL(url)
	if err != nil {
		return Cache{}, false
	}
	c := Cache{URL: u}
	var others []string // caches that stay
	all := r.Listings()
	for _, l := range all {
		switch {
		case l.Setting == listKeys:
		case trust.SameItem(l.Item.Text, u):
			c.Entries = append(c.Entries, l)
		case !o.apart(l.Item.Text) && !slices.Contains(others, l.Item.Text):
			others = append(others, l.Item.Text)
		}
	}
	if len(c.Entries) == 0 {
		return Cache{}, false
	}
	for i, f := range r.Flakes {
		if slices.ContainsFunc(f.Caches, func(v trust.CacheVerdict) bool { return v.Claimed && trust.SameItem(v.URL, u) }) {
			c.Flakes = append(c.Flakes, i)
		}
	}
	c.keys(r, all, others, o)
	return c, true
}

// keys finds the keys of the cache among those that are believed. Nothing in Nix
// ties a key to a cache: one is the cache's own that is named after its host, or
// that a flake lists for it, or that the user says. It goes unless it is in the
// same way known for another cache that stays.
func (c *Cache) keys(r *trust.Report, all []trust.Listing, others []string, o Options) {
	var unknown []Key
	for _, l := range all {
		if l.Setting != listKeys || o.apart(l.Item.Text) {
			continue
		}
		parsed, err := bincache.ParsePublicKey(l.Item.Text)
		if err != nil {
			continue
		}
		same := func(k Key) bool { return trust.SameItem(k.Text, l.Item.Text) }
		if i := slices.IndexFunc(c.Keys, same); i >= 0 {
			c.Keys[i].Entries = append(c.Keys[i].Entries, l)
			continue
		}
		if i := slices.IndexFunc(unknown, same); i >= 0 {
			unknown[i].Entries = append(unknown[i].Entries, l)
			continue
		}
		k := Key{Text: l.Item.Text, Name: parsed.Name, Entries: []trust.Listing{l}}
		said := slices.ContainsFunc(o.Keys, func(s string) bool { return trust.SameItem(l.Item.Text, s) })
		why := owns(r, c.URL, k.Text)
		var needs []string
		for _, other := range others {
			if w := owns(r, other, k.Text); w != "" {
				needs = append(needs, fmt.Sprintf("%s, which stays, needs it: %s", other, w))
			}
		}
		switch {
		case why == "" && !said && len(needs) > 0:
			continue // another's
		case why == "" && !said:
			k.Why = "It stays: whose it is is not known, as it is named after no cache and no flake lists it for this one. If it is the cache's own, name it with --key."
			unknown = append(unknown, k)
			continue
		}
		k.Own = true
		switch {
		case o.KeepKeys:
			k.Why = "It stays, as you said."
		case len(needs) > 0:
			k.Why = "It stays. " + needs[0] + "."
		case said:
			k.Goes, k.Why = true, "It goes: you named it as the cache's own."
		default:
			k.Goes, k.Why = true, "It goes: "+why+"."
		}
		c.Keys = append(c.Keys, k)
	}
	if len(c.Keys) == 0 {
		c.Keys = unknown
	}
}

// owns says why a key is one of a cache's, "" when that is not known.
func owns(r *trust.Report, url, key string) string {
	// Beside a cache of another host, a key that is named after this one is
	// not paired with the other.
	if trust.PairKeys([]string{url, "https://none.invalid"}, []string{key})[1] == nil {
		return "it is named after the cache's host"
	}
	for _, f := range r.Flakes {
		for _, v := range f.Caches {
			if v.Claimed && trust.SameItem(v.URL, url) && slices.ContainsFunc(v.Keys, func(k string) bool { return trust.SameItem(key, k) }) {
				return "a flake lists it for the cache (" + f.ID.Ref + ")"
			}
		}
	}
	return ""
}

// After is the report of the machine once the cache and its keys are gone from
// every list, as far as comparing with the trusted caches goes.
func (c Cache) After(r *trust.Report) *trust.Report {
	after := *r
	after.Caches, after.Keys = slices.Clone(r.Caches), slices.Clone(r.Keys)
	for i, o := range after.Caches {
		if c.Gone(o.URL) {
			after.Caches[i].InEffect, after.Caches[i].State = false, trust.StateOff
		}
	}
	for i, k := range after.Keys {
		if c.Gone(k.Text) {
			after.Keys[i].InEffect = false
		}
	}
	return &after
}
