// Package setup holds the configuration of a machine against what a gate needs:
// what the files say, and what is missing. It looks at nothing itself.
package setup

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// A Machine is one as it was looked at. Both are set.
type Machine struct {
	Facts  *trust.Facts
	Report *trust.Report
}

// A Listing is what the files say of one thing that the gate needs: whether it
// is in the list that counts. What the running daemon goes by is another matter.
type Listing struct {
	Outcome trust.Outcome
	Where   nixconf.Pos
	Text    string        // a sentence
	Also    string        // what stands there in its stead: a key under the same name, a URL with other slashes
	Bad     *nixconf.Item // what keeps Nix from reading the list
}

// Deciding is the configuration that says what is believed: the daemon's for a
// user whom it does not trust, else this user's own. Where not all of it is
// known, doubt says why; what it has counts, and what it lacks is unknown then.
func (m Machine) Deciding() (cfg *nixconf.Config, doubt string) {
	f := m.Facts
	if cfg = f.System; m.OwnCounts() {
		cfg = f.Client
	}
	switch {
	case cfg == nil:
		return nil, "The configuration could not be read."
	case cfg.Fatal != nil:
		return nil, "Nix refuses to run with the configuration: " + cfg.Fatal.Text
	case cfg.Skipped() != nil:
		return cfg, "The configuration could not be read whole (" + spot(*cfg.Skipped()) + ")."
	}
	for _, s := range cfg.Read {
		if s.State == nixconf.SourceUnreadable || s.State == nixconf.SourceUnseen {
			return cfg, s.Path + " could not be read, and may have more."
		}
	}
	return cfg, ""
}

// OwnCounts reports whether this user's own configuration is what counts: where
// the user opens the store without a daemon, or the daemon trusts the user.
func (m Machine) OwnCounts() bool {
	return m.Facts.Nix.Store == trust.StoreLocal || m.Facts.Nix.Store == trust.StoreDaemon && m.Report.Trust == trust.Trusted
}

// Stale reports whether the daemon is older than its files.
func (m Machine) Stale() bool {
	return m.Facts.Nix.Store == trust.StoreDaemon && slices.ContainsFunc(m.Report.Findings, func(f trust.Finding) bool { return f.Code == trust.CodeDaemonStale })
}

func spot(p nixconf.Pos) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// KeyListing looks for the key among those that are believed.
func (m Machine) KeyListing(want bincache.PublicKey) Listing {
	cfg, doubt := m.Deciding()
	if cfg == nil {
		return Listing{Text: doubt}
	}
	items := cfg.Get("trusted-public-keys").Items
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = it.Text
	}
	ring := bincache.NewKeyring(texts)
	if bad := ring.Bad(); bad != nil {
		return Listing{Outcome: trust.Fail, Where: items[bad.Index].Origin.Pos, Text: fmt.Sprintf("trusted-public-keys has %q, which is no key, so that Nix believes none at all.", bad.Text), Bad: &items[bad.Index]}
	}
	have, i, found := ring.Find(want.Name)
	switch {
	case found && bytes.Equal(have.Key, want.Key):
		return Listing{Outcome: trust.Pass, Where: items[i].Origin.Pos, Text: "trusted-public-keys has the gate's key."}
	case found:
		return Listing{Outcome: trust.Fail, Where: items[i].Origin.Pos, Also: have.String(), Text: fmt.Sprintf("trusted-public-keys has another key called %s. Nix tries the first one of a name alone, so the gate's own would not be believed.", want.Name)}
	case doubt != "":
		return Listing{Text: "The gate's key is in none of the files that could be read. " + doubt}
	}
	return Listing{Outcome: trust.Fail, Text: "trusted-public-keys does not have the gate's key."}
}

// URLListing looks for one address of the gate among the caches that a user may
// ask for. Nix: src/libstore/daemon.cc, ClientSettings::apply.
func (m Machine) URLListing(url string) Listing {
	cfg, doubt := m.Deciding()
	if cfg == nil {
		return Listing{Text: doubt}
	}
	out := Listing{Outcome: trust.Fail, Text: "trusted-substituters does not have " + url + "."}
	for _, list := range []string{"trusted-substituters", "substituters"} {
		for _, it := range cfg.Get(list).Items {
			switch {
			case it.Text == url:
				return Listing{Outcome: trust.Pass, Where: it.Origin.Pos, Text: list + " has " + url + "."}
			case trust.SameItem(it.Text, url):
				out.Where, out.Also = it.Origin.Pos, it.Text
				out.Text = fmt.Sprintf("%s has %s, and not %s: the daemon compares them letter by letter, and the slash at the end is one.", list, it.Text, url)
			}
		}
	}
	if doubt != "" && out.Also == "" {
		return Listing{Text: url + " is in none of the files that could be read. " + doubt}
	}
	return out
}

// Wanted is what is not listed yet of the gate's key and of some addresses, and why
// that is in doubt. Where it is unknown it is wanted: an entry that comes twice
// does no harm.
func (m Machine) Wanted(key bincache.PublicKey, urls []string) (w trust.Want, doubt string) {
	_, doubt = m.Deciding()
	if m.KeyListing(key).Outcome != trust.Pass {
		w.Keys = []string{key.String()}
	}
	if m.OwnCounts() {
		return w, doubt // who is believed asks for any address
	}
	for _, u := range urls {
		if m.URLListing(u).Outcome != trust.Pass {
			w.Caches = append(w.Caches, u)
		}
	}
	return w, doubt
}

// Mentioned are the items of a list in every configuration that is known.
func (m Machine) Mentioned(list string) (out []string) {
	for _, cfg := range []*nixconf.Config{m.Facts.System, m.Facts.Client} {
		if cfg != nil {
			out = append(out, cfg.Tokens(list)...)
		}
	}
	return out
}

// ListedURLs are those of some addresses that some configuration has.
func (m Machine) ListedURLs(urls []string) (out []string) {
	have := slices.Concat(m.Mentioned("trusted-substituters"), m.Mentioned("substituters"))
	for _, u := range urls {
		if slices.ContainsFunc(have, func(it string) bool { return trust.SameItem(it, u) }) {
			out = append(out, u)
		}
	}
	return out
}

// Removals are where an item has to be taken out of a configuration that is
// written as modules.
func (m Machine) Removals(item string) (out []trust.Fix) {
	if m.Facts.System == nil {
		return nil
	}
	for _, list := range []string{"trusted-public-keys", "trusted-substituters", "substituters"} {
		for _, it := range m.Facts.System.Get(list).Items {
			if trust.SameItem(it.Text, item) {
				out = append(out, m.Report.Platform.Removal(it.Origin, it.Text))
			}
		}
	}
	return out
}
