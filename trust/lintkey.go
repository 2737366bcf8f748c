package trust

import (
	"fmt"
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
	if l.configuration {
		for _, cfg := range []*nixconf.Config{l.client, l.system} {
			if val := cfg.Get("trusted-public-keys"); val != nil {
				known(val.Items, map[string]first{}, tell)
			}
		}
	}
	for _, f := range l.flakes {
		seen := map[string]first{}
		known(l.base.keys, seen, func(nixconf.Item, bincache.PublicKey, first) {})
		for _, n := range l.of(f, "trusted-public-keys") {
			if !n.extra {
				clear(seen)
			}
			known(n.items, seen, tell)
		}
	}
}

// keyUndeclared finds caches of a flake for which it declares no key, and for
// which none is believed that is named after them.
func (l *linter) keyUndeclared() {
	for _, f := range l.flakes {
		var keys []declaredKey
		for _, n := range l.of(f, "trusted-public-keys") {
			for _, it := range n.items {
				keys = append(keys, declaredKey{text: it.Text, where: it.Origin.Pos, by: -1})
			}
		}
		var urls []string
		for _, n := range l.of(f, "substituters") {
			urls = append(urls, texts(n.items)...)
		}
		for _, n := range l.of(f, "substituters") {
			for _, it := range n.items {
				if trustedParam(it.Text) || openable(it.Text) != Pass || SameItem(it.Text, officialCache) {
					continue
				}
				if len(keysFor(it.Text, keys, urls)) == 0 && len(inForce(l.base, it.Text)) == 0 {
					l.tell(it.Origin.Pos, it.Text, "The flake declares no key for it, and none that is believed is named after it: unless one signs for it all the same, it is asked for everything and nothing of it is taken.", "")
				}
			}
		}
	}
}
