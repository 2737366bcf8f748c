package trust

import (
	"github.com/nix-trust/nix-trust/nixconf"
)

// A Listing is one item of the configuration that trusts a cache or a key,
// whatever the flake.
type Listing struct {
	Setting string // "substituters", "trusted-substituters" or "trusted-public-keys"
	Item    nixconf.Item
}

// listings are the settings that trust a cache or a key, with what that means.
var listings = []struct{ setting, text string }{
	{"substituters", "The configuration has it among the caches that are asked for everything."},
	{"trusted-substituters", "The administrator lists it in trusted-substituters, so any user may ask for it."},
	{"trusted-public-keys", "The configuration believes the key, for every path and from every cache."},
}

// Text is what the listing means, in a sentence.
func (l Listing) Text() string {
	for _, k := range listings {
		if k.setting == l.Setting {
			return k.text
		}
	}
	return ""
}

// Listings are the items in force for the user's own nix and for the daemon, as
// far as both could be read; see Doubt for the rest.
func (r *Report) Listings() []Listing {
	if r.Client == nil {
		return nil
	}
	type told struct {
		setting, text string
		at            nixconf.Pos
	}
	var out []Listing
	seen := map[told]bool{}
	add := func(setting string, v *nixconf.Value) {
		if v == nil {
			return
		}
		for _, it := range v.Items {
			if t := (told{setting, it.Text, it.Origin.Pos}); !seen[t] {
				seen[t] = true
				out = append(out, Listing{setting, it})
			}
		}
	}
	for _, k := range listings {
		add(k.setting, r.Client.Get(k.setting))
		for _, s := range r.Settings {
			if s.Value != nil && s.Value.Setting.Name == k.setting {
				add(k.setting, s.Daemon)
			}
		}
	}
	return out
}
