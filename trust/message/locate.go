package message

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// A Place is what the engine says of the very thing that a message is about.
type Place struct {
	Flake   *trust.FlakeReport // nil when it is no flake's
	Setting *trust.SettingVerdict
	Cache   *trust.CacheVerdict
	Reasons []trust.Reason // when it is neither: of the machine, or the step that fails
	Finding *trust.Finding // when there is nothing else
}

// Known reports whether the engine knows of it.
func (p Place) Known() bool {
	return p.Setting != nil || p.Cache != nil || len(p.Reasons) > 0 || p.Finding != nil
}

// Chain is what the engine says step by step, whatever it is about.
func (p Place) Chain() []trust.Reason {
	switch {
	case p.Cache != nil:
		return p.Cache.Reasons
	case p.Setting != nil:
		return p.Setting.Reasons
	}
	return p.Reasons
}

// Locate finds what a message is about in a report. flake is the one that the
// command was about, nil when that is not known: then a flake is named only
// when a single one has it.
func Locate(r *trust.Report, flake *trust.FlakeReport, m Message) Place {
	codes := m.Kind.Means().Codes
	switch m.Kind {
	case UserRefused, ConnectionClosed, DaemonAbsent, NotPrivileged:
		if (m.User == "" || m.User == r.User.Name) && slices.ContainsFunc(r.TrustReasons, func(x trust.Reason) bool { return slices.Contains(codes, x.Code) }) {
			return Place{Reasons: r.TrustReasons}
		}
		return Place{}
	case SettingIgnored, SettingSaved, SettingAsked:
		return setting(r, flake, m)
	case SettingRestricted:
		if p := setting(r, flake, m); p.Known() {
			return p
		}
	case LacksSignature, NotSigned:
		return cache(r, flake, m)
	default:
		if p := cache(r, flake, m); p.Known() {
			return p
		}
	}
	return step(r, flake, m)
}

// step finds the one step, or the finding, that says what a message says: why Nix
// refuses the flake, or what keeps every cache from being asked.
func step(r *trust.Report, flake *trust.FlakeReport, m Message) Place {
	codes := m.Kind.Means().Codes
	says := func(x trust.Reason) bool {
		return x.Outcome != trust.Pass && slices.Contains(codes, x.Code) && (m.Kind != SettingInvalid || x.Subject == m.Setting || strings.Contains(x.Text, m.Setting))
	}
	find := func(f *trust.FlakeReport) []trust.Reason {
		if f.Rejected != nil && says(*f.Rejected) {
			return []trust.Reason{*f.Rejected}
		}
		for _, c := range f.Caches {
			if i := slices.IndexFunc(c.Reasons, says); i >= 0 {
				return c.Reasons[i : i+1]
			}
		}
		return nil
	}
	if f := one(r, flake, func(f *trust.FlakeReport) bool { return find(f) != nil }); f != nil {
		return Place{Flake: f, Reasons: find(f)}
	}
	for _, c := range r.Caches {
		if i := slices.IndexFunc(c.Reasons, says); i >= 0 {
			return Place{Reasons: c.Reasons[i : i+1]}
		}
	}
	for i, f := range r.Findings {
		about := m.Setting == "" || m.Kind == FlakesOff || same(f.Subject, m.Setting) || strings.Contains(f.Text, "'"+m.Setting+"'")
		if about && slices.Contains(codes, f.Code) {
			return Place{Finding: &r.Findings[i]}
		}
	}
	return Place{}
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

// same reports whether two names are of one setting: an alias, and what is added
// to it, are.
func same(a, b string) bool {
	x, _, xok := nixconf.Lookup(a)
	y, _, yok := nixconf.Lookup(b)
	return a == b || xok && yok && x.Name == y.Name
}

// squeezed is a value without its spaces: what a terminal broke has lost some.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

// setting finds a flake's setting. The daemon names a setting by its own name,
// whatever the flake calls it.
func setting(r *trust.Report, flake *trust.FlakeReport, m Message) Place {
	find := func(f *trust.FlakeReport) *trust.SettingVerdict {
		for i, v := range f.Settings {
			if (v.Name == m.Setting || m.Kind == SettingRestricted && same(v.Name, m.Setting)) && (m.Value == "" || squeezed(v.Value) == squeezed(m.Value)) {
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

// cache finds a cache by its URL, by that of a file in it, or by its kind where
// Nix names nothing else.
func cache(r *trust.Report, flake *trust.FlakeReport, m Message) Place {
	url := m.URL
	if url == "" {
		return Place{}
	}
	is := func(cache string) bool {
		scheme, _, ok := strings.Cut(cache, "://")
		return within(url, cache) || m.Kind == UnknownScheme && ok && scheme == url
	}
	find := func(caches []trust.CacheVerdict, claimed bool) (best *trust.CacheVerdict) {
		for i, c := range caches {
			if (c.Claimed || !claimed) && is(c.URL) && (best == nil || len(c.URL) > len(best.URL)) {
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
		if is(c.URL) {
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
