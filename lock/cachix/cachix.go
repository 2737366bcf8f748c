// Package cachix reads names of caches at cachix.org, and what cachix.org says
// of them. What it says is never a reason to believe a key: it is a stranger's
// word like the cache's own, good for comparing with a key that is claimed
// elsewhere.
//
// Cachix: cachix-api/src/Cachix/API.hs, getCache, and Types/BinaryCache.hs. Known
// from its source; the service was not asked.
package cachix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// API is where cachix.org tells of its caches.
const API = "https://cachix.org/api/v1/cache/"

const (
	maxAnswer = 64 << 10
	maxTime   = 20 * time.Second
	maxKeys   = 32
)

// prefix is how a cache's name stands where a URL is expected.
const prefix = "cachix:"

// Name reads cachix:NAME; ok is false for what is not of that form. The name has
// to be one that is a host's: lower-case letters, digits and hyphens.
func Name(arg string) (name string, ok bool, err error) {
	name, ok = strings.CutPrefix(arg, prefix)
	if !ok {
		return "", false, nil
	}
	plain := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }
	if name == "" || len(name) > 63 || strings.Trim(name, "-") != name || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return "", true, fmt.Errorf("the name of a cache at cachix.org has lower-case letters, digits and hyphens, as in %snixpkgs", prefix)
	}
	return name, true, nil
}

// URL is the cache's own URL.
func URL(name string) string { return "https://" + name + ".cachix.org" }

// StoreURL is the URL that an argument stands for: that of cachix:NAME, or the
// argument itself. name is "" for the latter.
func StoreURL(arg string) (storeURL, name string, err error) {
	name, ok, err := Name(arg)
	if err != nil || !ok {
		return arg, "", err
	}
	return URL(name), name, nil
}

// Keys asks cachix.org which keys a cache signs with. api is API but in tests.
// cachix.org learns that the name was asked for.
func Keys(ctx context.Context, source bincache.Source, api, name string) (keys []string, err error) {
	at, err := url.Parse(api + name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	reply, err := source.Get(ctx, at, nil)
	if err != nil {
		return nil, errors.New("cachix.org cannot be reached")
	}
	defer reply.Body.Close()
	switch s := reply.Status; {
	case s == http.StatusNotFound || s == http.StatusUnauthorized || s == http.StatusForbidden:
		return nil, fmt.Errorf("cachix.org tells of no such cache (%d); it may be private", s)
	case s != http.StatusOK:
		return nil, fmt.Errorf("cachix.org answers %d %s", s, http.StatusText(s))
	case reply.Encoding != "":
		return nil, errors.New("cachix.org answers in a form that was not asked for")
	}
	data, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer+1))
	if err != nil {
		return nil, errors.New("the answer of cachix.org broke off")
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("the answer of cachix.org is longer than %d bytes", maxAnswer)
	}
	var said struct {
		Name string   `json:"name"`
		URI  string   `json:"uri"`
		Keys []string `json:"publicSigningKeys"`
	}
	if json.Unmarshal(data, &said) != nil {
		return nil, errors.New("the answer of cachix.org cannot be read")
	}
	switch {
	case said.Name != name || strings.TrimRight(said.URI, "/") != URL(name):
		return nil, errors.New("cachix.org answers about another cache than was asked for")
	case len(said.Keys) == 0 || len(said.Keys) > maxKeys:
		return nil, fmt.Errorf("cachix.org says %d keys of the cache", len(said.Keys))
	}
	for _, k := range said.Keys {
		key, err := bincache.ParsePublicKey(k)
		if err != nil || key.Weak() {
			return nil, errors.New("cachix.org says a key that cannot be read")
		}
		keys = append(keys, key.String())
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// A Verdict is how the keys that cachix.org says compare with those that are
// claimed. The zero value says nothing. None of them makes a key trusted.
type Verdict uint8

const (
	Unknown Verdict = iota // one of the two sides is not known
	Same                   // every key that is claimed is one that cachix.org says
	Other                  // a key is claimed that cachix.org does not say
)

func (v Verdict) String() string {
	switch v {
	case Same:
		return "same"
	case Other:
		return "other"
	}
	return "unknown"
}

// Compare holds what cachix.org says against the keys that are claimed for the
// cache. Claims that cannot be read are other ones.
func Compare(told, claimed []string) Verdict {
	if len(told) == 0 || len(claimed) == 0 {
		return Unknown
	}
	for _, c := range claimed {
		key, err := bincache.ParsePublicKey(c)
		if err != nil || !slices.Contains(told, key.String()) {
			return Other
		}
	}
	return Same
}

// Named picks the keys that are named after the cache, as cachix.org names them:
// NAME.cachix.org-1.
func Named(name string, keys []string) (named []string) {
	for _, k := range keys {
		if strings.HasPrefix(k, name+".cachix.org-") {
			named = append(named, k)
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}
