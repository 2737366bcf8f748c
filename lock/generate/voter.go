package generate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A voter is a cache that is asked: one of the lock, one that the host trusts,
// or both.
type voter struct {
	url    string
	cache  *bincache.Cache
	listed *bincache.Keyring // the lock's keys for it; nil when it is none of the lock's
	host   *bincache.Keyring // the host's keys for it; nil when the host does not trust it
	known  bool              // its nix-cache-info was asked for
	info   error             // what is wrong with that
	failed failures
}

// owes reports whether the voter gave some answer that does not count.
func (v *voter) owes() bool { return v.info != nil || v.failed.count > 0 }

// greet asks whether there is a binary cache for this store at all. Where there
// is none every path is a 404, and nothing would be compared with anything.
// Nix: src/libstore/http-binary-cache-store.cc, init.
func (v *voter) greet(ctx context.Context) {
	_, err := v.cache.Info(ctx)
	if bincache.KindOf(err) == bincache.Absent {
		err = &bincache.Error{Kind: bincache.Misbehaved, Cache: v.url,
			Text: "it has no nix-cache-info, and so it is no binary cache; is the URL right?"}
	}
	v.info = err
}

// trouble is what is wrong with a voter, and with which path, if it is one.
func (v *voter) trouble() (path lock.StorePath, err error) {
	if v.failed.count == 0 || v.info != nil && gravity(v.info) > gravity(v.failed.err) {
		return "", v.info
	}
	return v.failed.path, v.failed.err
}

// failures are the answers that a voter owes.
type failures struct {
	count int
	path  lock.StorePath // the one that the text is of
	err   error
}

// add keeps the failure that says most, whatever the order in which they came.
func (f *failures) add(path lock.StorePath, err error) {
	f.count++
	if f.err == nil || cmp.Or(cmp.Compare(gravity(err), gravity(f.err)), cmp.Compare(f.path, path)) > 0 {
		f.path, f.err = path, err
	}
}

func gravity(err error) int {
	return slices.Index([]bincache.Kind{bincache.Unreachable, bincache.Unknown, bincache.Unsupported, bincache.Refused, bincache.Misbehaved}, bincache.KindOf(err))
}

// canonicalCaches spells caches as a lock does, and joins those of one URL.
func canonicalCaches(list []lock.Cache) ([]lock.Cache, error) {
	var caches []lock.Cache
	for i, c := range list {
		at, err := canonicalURL(c.URL)
		if err != nil {
			// The URL itself may hold a password.
			return nil, fmt.Errorf("cache %d of the lock: %w", i+1, err)
		}
		var keys []string
		for _, text := range c.Keys {
			k, err := bincache.ParsePublicKey(text)
			if err != nil {
				return nil, fmt.Errorf("the key %+q of the cache %s cannot be read: %w", text, at, err)
			}
			keys = append(keys, k.String())
		}
		known := slices.IndexFunc(caches, func(o lock.Cache) bool { return o.URL == at })
		if known < 0 {
			known = len(caches)
			caches = append(caches, lock.Cache{URL: at})
		}
		caches[known].Keys = distinct(append(caches[known].Keys, keys...))
	}
	slices.SortFunc(caches, func(a, b lock.Cache) int { return cmp.Compare(a.URL, b.URL) })
	return caches, nil
}

// canonicalURL is the one spelling that lock.CheckURL takes, where there is one:
// store parameters are left out, as they do not belong to the cache.
func canonicalURL(s string) (string, error) {
	if strings.HasPrefix(s, "/") {
		s = (&url.URL{Scheme: "file", Path: s}).String()
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", errors.New("its URL cannot be read")
	}
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	if u.Path != "" && u.RawPath == "" {
		u.Path = strings.TrimSuffix(path.Clean(u.Path), "/")
	}
	s = u.String()
	return s, lock.CheckURL(s)
}

// newVoters makes a voter of each cache, those of the lock first.
func newVoters(client *bincache.Client, claimed, trusted []lock.Cache) ([]*voter, error) {
	var voters []*voter
	for _, c := range claimed {
		k, err := client.Cache(c.URL)
		if err != nil {
			return nil, err
		}
		voters = append(voters, &voter{url: c.URL, cache: k, listed: bincache.NewKeyring(c.Keys)})
	}
	for i, c := range trusted {
		k, err := client.Cache(c.URL)
		if err != nil {
			return nil, fmt.Errorf("cache %d of those that this machine trusts cannot be asked whether it has other bytes: %w", i+1, err)
		}
		at, err := canonicalURL(k.URL())
		if err != nil {
			at = k.URL()
		}
		known := slices.IndexFunc(voters, func(v *voter) bool { return v.url == at })
		if known < 0 {
			known = len(voters)
			voters = append(voters, &voter{url: at})
		}
		v := voters[known]
		v.cache = k // its URL may have the host's credentials
		if v.host != nil {
			return nil, fmt.Errorf("the cache %s is twice among those that this machine trusts", at)
		}
		v.host = bincache.NewKeyring(c.Keys)
		if bad := v.host.Bad(); bad != nil {
			return nil, fmt.Errorf("the key %+q that this machine trusts for %s is malformed (%w), and Nix checks no signature with such a list; correct or remove it", bad.Text, at, bad.Err)
		}
	}
	return voters, nil
}

// accept refuses what a lock has no room for.
func accept(v *voter, n *bincache.NarInfo) error {
	text := ""
	switch {
	case n.NarSize > math.MaxInt64:
		text = fmt.Sprintf("a NAR of %d bytes is larger than any file", n.NarSize)
	case len(n.References) > maxRefs:
		text = fmt.Sprintf("it has %d references, and a lock holds %d for a path", len(n.References), maxRefs)
	default:
		return nil
	}
	return &bincache.Error{Kind: bincache.Misbehaved, Cache: v.url, File: n.Path.Digest() + ".narinfo", Text: text}
}

// maxRefs is the limit of the format, docs/cache-lock.md.
const maxRefs = 16_000
