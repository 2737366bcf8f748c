package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// asKey reads a word as a public key.
func asKey(word string) (bincache.PublicKey, bool) {
	key, err := bincache.ParsePublicKey(word)
	return key, err == nil
}

// keyLines yields the public keys that count, each with its line.
func (l *linter) keyLines(yield func(*line, nixconf.Item) bool) {
	for n := range l.inForce {
		if !n.is("trusted-public-keys") {
			continue
		}
		for _, it := range n.items {
			if !yield(n, it) {
				return
			}
		}
	}
}

func (l *linter) keyMalformed() {
	for _, it := range l.keyLines {
		_, err := bincache.ParsePublicKey(it.Text)
		switch {
		case err == nil || punctuated(it.Text) != "":
		case strings.Contains(it.Text, "://"):
			l.tell(it.Origin.Pos, it.Text, "This is a URL, and the list is one of keys. While it is there, no signature of any cache is accepted.", "")
		default:
			l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("The key cannot be read: %v. While it is in force, no signature of any cache is accepted.", err), "")
		}
	}
}

// keyNameClash finds keys that are never tried, because another one of the same
// name comes first: in the list that results, or in what a flake adds to it.
func (l *linter) keyNameClash() {
	type first struct {
		key string
		at  nixconf.Pos
	}
	known := func(items []nixconf.Item, seen map[string]first, clash func(nixconf.Item, bincache.PublicKey, first)) {
		for _, it := range items {
			key, ok := asKey(it.Text)
			if !ok {
				continue
			}
			switch have, dup := seen[key.Name]; {
			case !dup:
				seen[key.Name] = first{key.String(), it.Origin.Pos}
			case have.key != key.String():
				clash(it, key, have)
			}
		}
	}
	tell := func(it nixconf.Item, key bincache.PublicKey, have first) {
		where := place(have.at)
		if where == "" {
			where = "Nix itself"
		}
		l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("Another key called %s comes before it, from %s. Only that one is tried: what this one signed is refused.", key.Name, where), "")
	}
	if l.configuration && !l.crowded {
		for _, cfg := range []*nixconf.Config{l.client, l.system} {
			if val := cfg.Get("trusted-public-keys"); val != nil {
				known(val.Items, map[string]first{}, tell)
			}
		}
	}
	for _, f := range l.flakes {
		seen := map[string]first{}
		known(l.base.keys, seen, func(nixconf.Item, bincache.PublicKey, first) {})
		for _, n := range l.linesOf(f, "trusted-public-keys") {
			if !n.extra {
				clear(seen)
			}
			known(n.items, seen, tell)
		}
	}
}

// keyUndeclared finds caches for which no key is declared or believed, as far as
// the names of keys tell: in flakes, and in the daemon's own configuration.
func (l *linter) keyUndeclared() {
	for _, f := range l.flakes {
		var keys, urls []nixconf.Item
		for _, n := range l.linesOf(f, "trusted-public-keys") {
			keys = append(keys, n.items...)
		}
		for _, n := range l.linesOf(f, "substituters") {
			urls = append(urls, n.items...)
		}
		for _, it := range keyless(urls, keys) {
			if len(inForce(l.base, it.Text)) == 0 {
				l.tell(it.Origin.Pos, it.Text, "The flake declares no key for it, and none that is believed is named after it: unless one signs for it all the same, it is asked for everything and nothing of it is taken.", "")
			}
		}
	}
	if subs := l.system.Get("substituters"); l.configuration && !l.crowded && subs != nil {
		for _, it := range keyless(subs.Items, l.systemItems("trusted-public-keys")) {
			l.tell(it.Origin.Pos, it.Text, "No believed key is its own: each is named after another cache. Unless it is a mirror of one of those, it is asked for everything and nothing of it is taken.", "")
		}
	}
}

// keyless are the caches that none of the keys can be meant for.
func keyless(urls, keys []nixconf.Item) []nixconf.Item {
	declared := make([]declaredKey, len(keys))
	for i, k := range keys {
		declared[i] = declaredKey{text: k.Text, by: -1}
	}
	var out []nixconf.Item
	for _, it := range urls {
		if trustedParam(it.Text) || openable(it.Text) != Pass || SameItem(it.Text, officialCache) {
			continue
		}
		if len(keysFor(it.Text, declared, texts(urls))) == 0 {
			out = append(out, it)
		}
	}
	return out
}

// keyWithoutCache finds keys that are left over from a cache: named after a
// host of which no cache is listed or asked for by a known flake, while each
// cache that is listed has a key of its own.
func (l *linter) keyWithoutCache() {
	if !l.configuration || l.crowded {
		return
	}
	var urls []nixconf.Item
	for _, cfg := range []*nixconf.Config{l.system, l.client} {
		for _, name := range []string{"substituters", "trusted-substituters"} {
			if val := cfg.Get(name); val != nil {
				urls = append(urls, val.Items...)
			}
		}
	}
	keys := l.systemItems("trusted-public-keys")
	named := func(host string) bool {
		return slices.ContainsFunc(keys, func(k nixconf.Item) bool { return keyHost(k.Text) == host })
	}
	for _, it := range urls {
		if !named(hostOf(it.Text)) {
			return // one of the keys may be for this one, whatever its name
		}
	}
	for _, k := range keys {
		host := keyHost(k.Text)
		if _, ok := asKey(k.Text); !ok || !strings.Contains(host, ".") || k.Text == OfficialKey {
			continue
		}
		if !slices.ContainsFunc(urls, func(u nixconf.Item) bool { return hostOf(u.Text) == host }) && !l.claimed(host) {
			l.tell(k.Origin.Pos, k.Text, "No cache of "+host+" is listed, and what this key signs is believed all the same, whoever brings it.", "")
		}
	}
}

// claimed reports whether a known flake asks for a cache of the host.
func (l *linter) claimed(host string) bool {
	for n, it := range l.urls {
		if n.flake != nil && hostOf(it.Text) == host {
			return true
		}
	}
	return false
}
