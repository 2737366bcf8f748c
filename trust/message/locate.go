package message

import (
	"strings"

	"github.com/nix-trust/nix-trust/trust"
)

// A Place is what the engine says of the very thing that a message is about.
type Place struct {
	Flake   *trust.FlakeReport // nil when it is no flake's
	Setting *trust.SettingVerdict
	Cache   *trust.CacheVerdict
	Reasons []trust.Reason // of the machine, when it is neither
}

// Known reports whether the engine knows of it.
func (p Place) Known() bool { return p.Setting != nil || p.Cache != nil || len(p.Reasons) > 0 }

// Locate finds what a message is about in a report. flake is the one that the
// command was about, nil when that is not known: then a flake is named only
// when a single one has it.
func Locate(r *trust.Report, flake *trust.FlakeReport, m Message) Place {
	switch m.Kind {
	case UserRefused, ConnectionClosed:
		return Place{Reasons: r.TrustReasons}
	case SettingIgnored, SettingSaved, SettingAsked, SettingRestricted:
		return setting(r, flake, m)
	}
	if m.URL == "" {
		return Place{}
	}
	return cache(r, flake, m.URL)
}

// one returns the flake that a search finds something in: the given one, else
// the only one.
func one(r *trust.Report, flake *trust.FlakeReport, has func(*trust.FlakeReport) bool) *trust.FlakeReport {
	if flake != nil {
		if has(flake) {
			return flake
		}
		return nil
	}
	var found *trust.FlakeReport
	for i := range r.Flakes {
		if has(&r.Flakes[i]) {
			if found != nil {
				return nil
			}
			found = &r.Flakes[i]
		}
	}
	return found
}

// setting finds a flake's setting. The daemon names a setting by its own name,
// whatever the flake has put before it.
func setting(r *trust.Report, flake *trust.FlakeReport, m Message) Place {
	find := func(f *trust.FlakeReport) *trust.SettingVerdict {
		for i, v := range f.Settings {
			same := v.Name == m.Setting || m.Kind == SettingRestricted && strings.TrimPrefix(v.Name, "extra-") == strings.TrimPrefix(m.Setting, "extra-")
			if same && (m.Value == "" || v.Value == m.Value) {
				return &f.Settings[i]
			}
		}
		return nil
	}
	f := one(r, flake, func(f *trust.FlakeReport) bool { return find(f) != nil })
	if f == nil {
		return Place{}
	}
	return Place{Flake: f, Setting: find(f)}
}

// cache finds a cache by its URL or by that of a file in it.
func cache(r *trust.Report, flake *trust.FlakeReport, url string) Place {
	find := func(caches []trust.CacheVerdict, claimed bool) (best *trust.CacheVerdict) {
		for i, c := range caches {
			if (c.Claimed || !claimed) && within(url, c.URL) && (best == nil || len(c.URL) > len(best.URL)) {
				best = &caches[i]
			}
		}
		return best
	}
	if flake != nil {
		if c := find(flake.Caches, false); c != nil {
			return Place{Flake: flake, Cache: c}
		}
	}
	if f := one(r, nil, func(f *trust.FlakeReport) bool { return find(f.Caches, true) != nil }); f != nil && flake == nil {
		return Place{Flake: f, Cache: find(f.Caches, true)}
	}
	for _, c := range r.Caches {
		if within(url, c.URL) {
			v := trust.CacheVerdict{URL: c.URL, Keys: c.Keys, State: c.State, Reasons: c.Reasons}
			if len(c.Origins) > 0 {
				v.Where = c.Origins[0].Pos
			}
			return Place{Cache: &v}
		}
	}
	return Place{}
}

// within says whether a URL is that of a cache, or of a file in it.
func within(url, cache string) bool {
	cache, _, _ = strings.Cut(cache, "?")
	url, _, _ = strings.Cut(url, "?")
	cache, url = strings.TrimRight(cache, "/"), strings.TrimRight(url, "/")
	return cache != "" && (url == cache || strings.HasPrefix(url, cache+"/"))
}
