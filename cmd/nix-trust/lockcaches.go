package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

// defaultCache is Nix's own, which flakes name for no reason of theirs.
const defaultCache = "https://cache.nixos.org"

// lockCaches are the caches that a lock is made with.
type lockCaches struct {
	claimed []lock.Cache // of the lock
	trusted []lock.Cache // what this machine trusts anyway
	skipped []string     // trusted stores that cannot be compared with, and why
	refused []string     // claimed caches that a lock cannot have, and why
	// named has the keys, by URL, of caches that are named beside the lock.
	named map[string][]string
}

// findCaches finds the caches: those that the lock has, those that the flake
// asks for, those of the command line, and the others that are trusted anyway.
func (j *lockJob) findCaches(ctx context.Context) (*lockCaches, error) {
	m, o, err := j.machine(j.sourceFolder())
	if err != nil {
		return nil, err
	}
	facts := host.Look(ctx, m, o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := &lockCaches{}
	for _, old := range j.old.Caches {
		c.add(old.URL, old.Keys)
	}
	c.named = map[string][]string{}
	for i, keys := range trust.PairKeys(j.f.caches, j.f.keys) {
		c.add(j.f.caches[i], keys)
	}
	if j.src != nil {
		if err := j.flakeCaches(c, facts); err != nil {
			return nil, err
		}
	}
	report := trust.Decide(facts)
	if p := c.impostor(report.Keys); p != nil {
		return nil, p
	}
	c.trust(report, j.f.without)
	if len(c.claimed) == 0 {
		p := &problem{code: exitFindings, text: "no cache is named that the binaries would come from", hints: []string{"give --cache URL and --key KEY"}}
		if j.src != nil {
			p.hints = []string{"the flake asks for no cache of its own: give --cache URL and --key KEY, or --inputs for the caches of its inputs"}
		}
		if len(c.refused) > 0 {
			p.text += ": " + strings.Join(c.refused, "; ")
		}
		return nil, p
	}
	j.warnOfKept(c)
	return c, nil
}

// warnOfKept says which keys of a cache the lock has, and neither the flake nor
// the command line any more: a publisher who takes a stolen key out of the flake
// does not take it out of the lock.
func (j *lockJob) warnOfKept(c *lockCaches) {
	for _, old := range j.old.Caches {
		named := c.named[old.URL]
		for _, key := range old.Keys {
			if len(named) > 0 && !slices.Contains(named, key) {
				name, _, _ := strings.Cut(key, ":")
				j.warn("%s still lists the key %s of %s, which is not asked for any more; if it shall not count, delete it from the lock", j.file, name, old.URL)
			}
		}
	}
}

// sourceFolder is the folder with the flake.nix that is locked, in the store:
// what was evaluated, and not what lies elsewhere by now.
func (j *lockJob) sourceFolder() string {
	if j.src == nil {
		return ""
	}
	return filepath.Join(j.src.Path.In(j.nix.StoreDir), j.src.Dir)
}

// add adds a cache and its keys.
func (c *lockCaches) add(storeURL string, keys []string) {
	u, err := lock.CanonicalURL(storeURL)
	if err != nil {
		c.refused = append(c.refused, fmt.Sprintf("%s: %v", storeURL, err))
		return
	}
	at := slices.IndexFunc(c.claimed, func(k lock.Cache) bool { return k.URL == u })
	if at < 0 {
		at = len(c.claimed)
		c.claimed = append(c.claimed, lock.Cache{URL: u})
	}
	if c.named != nil {
		c.named[u] = append(c.named[u], keys...)
	}
	for _, k := range keys {
		if !slices.Contains(c.claimed[at].Keys, k) {
			c.claimed[at].Keys = append(c.claimed[at].Keys, k)
		}
	}
}

// checkCaches refuses caches of the command line that could not be used.
func (f lockFlags) checkCaches() error {
	if len(f.keys) > 0 && len(f.caches) == 0 {
		return usage("--key was given without --cache", "a key is for the caches of the command line; a lock's own are in its file")
	}
	if len(f.caches) > 0 && len(f.keys) == 0 {
		return usage("--cache was given without --key", "without a key of the cache nothing that it says is proved")
	}
	for flag, urls := range map[string][]string{"--cache": f.caches, "--without": f.without} {
		for _, u := range urls {
			if _, err := lock.CanonicalURL(u); err != nil {
				return usage(fmt.Sprintf("%s %s: %v", flag, u, err))
			}
		}
	}
	for _, k := range f.keys {
		if _, err := bincache.ParsePublicKey(k); err != nil {
			return usage(fmt.Sprintf("--key %s: %v", k, err), "a key is NAME:BASE64, as in trusted-public-keys")
		}
	}
	return nil
}

// flakeCaches adds those that the flake asks for, and with --inputs those that
// its inputs ask for.
func (j *lockJob) flakeCaches(c *lockCaches, facts *trust.Facts) error {
	folder := j.sourceFolder()
	at := slices.IndexFunc(facts.Flakes, func(f trust.Flake) bool { return f.ID.Path == folder })
	if at < 0 {
		return &problem{code: exitUnknown, text: folder + " could not be looked at, so that the caches it asks for are not known"}
	}
	f := facts.Flakes[at]
	if f.Err != "" || f.Rejection != nil {
		text := f.Err
		if f.Rejection != nil {
			text = f.Rejection.Message
		}
		return &problem{code: exitUnknown, text: "the flake's nixConfig could not be read: " + text}
	}
	c.declare(f.Config)
	if !j.f.inputs {
		return nil
	}
	for _, in := range f.Inputs {
		if in.IsFlake && !in.Present {
			j.warn("the caches that the input %s asks for are not known, as its source is not in the store", in.Name)
		}
		c.declare(in.Config)
	}
	return nil
}

// declare adds the caches of one nixConfig. A claim on Nix's own cache is none:
// where it is trusted it is so without the flake, and elsewhere not by its word.
func (c *lockCaches) declare(settings []flake.Setting) {
	var urls, keys []string
	for _, s := range settings {
		row, _, ok := nixconf.Lookup(s.Name)
		switch {
		case ok && row.Name == "substituters":
			urls = append(urls, strings.Fields(s.Value)...)
		case ok && row.Name == "trusted-public-keys":
			keys = append(keys, strings.Fields(s.Value)...)
		}
	}
	for i, ks := range trust.PairKeys(urls, keys) {
		if u, err := lock.CanonicalURL(urls[i]); err == nil && u == defaultCache {
			continue
		}
		c.add(urls[i], ks)
	}
}

// impostor is the problem that a claimed cache has another key under the name of
// one that this machine believes, or nil. Nix would go by its own, and a lock
// would name that as the signer of what it never signed.
func (c *lockCaches) impostor(keys []trust.KeyReport) *problem {
	mine := map[string]bincache.PublicKey{}
	for _, k := range keys {
		if key, err := bincache.ParsePublicKey(k.Text); err == nil && k.InEffect {
			if _, taken := mine[key.Name]; !taken { // Nix tries only the first
				mine[key.Name] = key
			}
		}
	}
	for _, cache := range c.claimed {
		for _, text := range cache.Keys {
			key, err := bincache.ParsePublicKey(text)
			if own, has := mine[key.Name]; err == nil && has && own.String() != key.String() {
				return &problem{code: exitBad,
					text:  fmt.Sprintf("the key %s of %s is not the one that this machine believes under that name: %s, and here %s", key.Name, cache.URL, key, own),
					hints: []string{"if the cache's owner has a new key, correct trusted-public-keys in your nix.conf; otherwise the flake, or the lock, passes its own key off as another's"}}
			}
		}
	}
	return nil
}

// trust takes the caches that this machine uses whatever the flake, with every
// key that it believes. Those of the lock are not among them: a publisher's own
// machine mostly trusts them, and the lock is for those who do not.
func (c *lockCaches) trust(r *trust.Report, without []string) {
	var keys []string
	for _, k := range r.Keys {
		if k.InEffect && k.Problem == nil {
			keys = append(keys, k.Text)
		}
	}
	for _, cache := range r.Caches {
		if !cache.InEffect {
			continue
		}
		u, err := lock.CanonicalURL(cache.URL)
		switch {
		case err != nil:
			c.skipped = append(c.skipped, fmt.Sprintf("%s: %v", cache.URL, err))
		case slices.ContainsFunc(slices.Concat(c.claimed, c.trusted), func(k lock.Cache) bool { return k.URL == u }):
			// Of the trusted ones again: nix.conf often has one in two spellings.
		case slices.ContainsFunc(without, func(w string) bool { v, err := lock.CanonicalURL(w); return err == nil && v == u }):
			c.skipped = append(c.skipped, u+": left out by --without")
		case cache.State == trust.StateUsable || cache.State == trust.StateUnknown:
			// What is not known without asking, such as whose signatures it shows,
			// the comparison finds out: only what one of these keys signed is left
			// out. Nothing may differ from a cache because its key's name is odd.
			c.trusted = append(c.trusted, lock.Cache{URL: u, Keys: keys})
		default:
			c.skipped = append(c.skipped, fmt.Sprintf("%s: this machine would take nothing from it (%s)", u, cache.State))
		}
	}
}
