package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/cachix"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// cachixTold is what cachix.org says of the keys of a cache that was named
// cachix:NAME, beside those that are claimed for it here. It is shown, and
// decides nothing: no key is believed because of it.
type cachixTold struct {
	name    string
	told    []string
	claimed []string
	verdict cachix.Verdict
	err     error
}

type jsonCachix struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Keys    string   `json:"keys"`    // "same", "other" or "unknown"
	Told    []string `json:"told"`    // by cachix.org
	Claimed []string `json:"claimed"` // by the lock, a flake, --key or this host
	Text    string   `json:"text"`
}

// cacheArg is the URL that the name of a cache on the command line stands for:
// cachix:NAME is that of the cache at cachix.org, and anything else itself. Nobody
// is asked, and no key comes with it.
func cacheArg(arg string) (string, error) {
	u, _, err := cachix.StoreURL(arg)
	if err != nil {
		return "", usage(fmt.Sprintf("%s: %v", safetext.Redact(arg), err))
	}
	return u, nil
}

// cacheArgs makes URLs of names, in place.
func cacheArgs(args []string) error {
	for i, arg := range args {
		u, err := cacheArg(arg)
		if err != nil {
			return err
		}
		args[i] = u
	}
	return nil
}

// cachixNames picks the names of caches at cachix.org out of those that were given.
func cachixNames(caches []string) (names []string, err error) {
	for _, arg := range caches {
		name, ok, err := cachix.Name(arg)
		if err != nil {
			return nil, usage(fmt.Sprintf("%s: %v", safetext.Redact(arg), err))
		}
		if ok {
			names = append(names, name)
		}
	}
	return onceEach(names), nil
}

// cachixAlso is what a user agrees to beside the rest, "" without a name.
func cachixAlso(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "cachix.org would be asked for the keys of " + strings.Join(names, ", ")
}

// askCachix asks cachix.org for the keys of caches, to be compared with those
// that are claimed for them and those that are believed here. The user was asked
// whether it may.
func (a *app) askCachix(ctx context.Context, names, claimed []string, r *trust.Report) (told []cachixTold) {
	if len(names) == 0 {
		return nil
	}
	claimed = slices.Clone(claimed)
	for _, k := range r.Keys { // in effect, or of a flake
		claimed = append(claimed, k.Text)
	}
	source := bincache.NewWeb(bincache.DefaultLimits())
	if a.demo {
		g, err := a.demoGate(ctx)
		if err != nil {
			return list(names, func(name string) cachixTold { return cachixTold{name: name, err: err} })
		}
		source = g.Caches()
	}
	for _, name := range names {
		t := cachixTold{name: name, claimed: cachix.Named(name, claimed)}
		t.told, t.err = cachix.Keys(ctx, source, cachix.API, name)
		t.verdict = cachix.Compare(t.told, t.claimed)
		told = append(told, t)
	}
	return told
}

// cachixLines say how the keys compare.
func cachixLines(told []cachixTold, s explain.Style) (out []string) {
	for _, t := range told {
		role := explain.Unsure
		if t.verdict == cachix.Other {
			role = explain.Bad
		}
		out = append(out, paint(s, role, "key")+"  "+safetext.Text(t.text()).String())
	}
	return out
}

func (t cachixTold) json() jsonCachix {
	return jsonCachix{t.name, cachix.URL(t.name), t.verdict.String(), list(t.told, same), list(t.claimed, same), t.text()}
}

// text is the comparison in a sentence.
func (t cachixTold) text() string {
	switch {
	case t.err != nil:
		return fmt.Sprintf("whose key %s signs with is not known: %v", cachix.URL(t.name), t.err)
	case t.verdict == cachix.Same:
		return fmt.Sprintf("cachix.org says the key of %s that is claimed here", t.name)
	case t.verdict == cachix.Other:
		return fmt.Sprintf("cachix.org says another key of %s than is claimed here: it says %s, and claimed is %s", t.name, strings.Join(t.told, " "), strings.Join(t.claimed, " "))
	}
	return fmt.Sprintf("no key of %s is claimed here that could be compared; cachix.org says %s, which is not believed for that", t.name, strings.Join(t.told, " "))
}
