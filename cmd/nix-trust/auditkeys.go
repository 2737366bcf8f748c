package main

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
)

// keys are the keys whose signatures are looked for: those that are believed,
// then what flakes claim, the gates' and Nix's own. Only the first vouch for
// anything; the others say whose a signature is. more was named by the user.
func (got *audited) keys(more string) []audit.Key {
	var out []audit.Key
	at := map[string]int{} // by the key as Nix writes it
	add := func(text, from string) *audit.Key {
		parsed, err := bincache.ParsePublicKey(text)
		if err != nil {
			return &audit.Key{}
		}
		i, ok := at[parsed.String()]
		if !ok {
			i = len(out)
			at[parsed.String()] = i
			out = append(out, audit.Key{PublicKey: parsed})
		}
		if !slices.Contains(out[i].From, from) {
			out[i].From = append(out[i].From, from)
		}
		return &out[i]
	}
	for _, it := range got.believed() {
		from := "trusted-public-keys, " + where(it.Origin.Pos)
		if it.Origin.Layer == nixconf.LayerDefault {
			from = "built into Nix"
		}
		add(it.Text, from).Believed = true
	}
	for _, k := range got.trust.Keys {
		for _, i := range k.Flakes {
			add(k.Text, "claimed by "+flakeName(&got.trust.Flakes[i]))
		}
	}
	for _, g := range got.trust.Gates {
		if g.State == nixconf.SourceRead {
			whose := "the user's gate"
			if g.Machine {
				whose = "the machine's gate"
			}
			add(g.Key, whose).Gate = true
		}
	}
	add(trust.OfficialKey, "Nix's own cache")
	add(more, "named on the command line")
	return out
}

// believed is the list of keys that Nix goes by, nil where it goes by none. What
// makes that unsure is added to the doubts.
func (got *audited) believed() []nixconf.Item {
	r, f := got.trust, got.facts
	var list []nixconf.Item
	for _, k := range r.Keys {
		if k.InEffect && len(k.Origins) > 0 {
			list = append(list, nixconf.Item{Text: k.Text, Origin: k.Origins[0]})
		}
	}
	if len(list) == 0 && f.Nix.Store != trust.StoreLocal && f.Daemon.State != trust.DaemonAnswered && f.System != nil {
		if v := f.System.Get("trusted-public-keys"); v != nil {
			list = v.Items
		}
		got.doubts = append(got.doubts, "The daemon did not answer, so which keys it believes is not known: those in its files are taken.")
	}
	if r.Doubt != nil {
		got.doubts = append(got.doubts, "Which keys are believed is not certain. "+r.Doubt.Text)
	}
	texts := make([]string, len(list))
	for i, it := range list {
		texts[i] = it.Text
	}
	if bad := bincache.NewKeyring(texts).Bad(); bad != nil {
		got.doubts = append(got.doubts, fmt.Sprintf("Nix believes no signature at all, as the key %q in trusted-public-keys cannot be read: %v.", bad.Text, bad.Err))
		return nil
	}
	return list
}

// owns reports whether a key is one of a cache's, as far as is known: it is named
// after its host, or a flake lists it for it. Nothing in Nix ties the two.
func (got *audited) owns(url string, k audit.Key) bool {
	if !k.Gate && trust.PairKeys([]string{url, "https://none.invalid"}, []string{k.String()})[1] == nil {
		return true
	}
	for _, f := range got.trust.Flakes {
		for _, v := range f.Caches {
			if v.Claimed && trust.SameItem(v.URL, url) && slices.ContainsFunc(v.Keys, func(text string) bool { return trust.SameItem(k.String(), text) }) {
				return true
			}
		}
	}
	return false
}
