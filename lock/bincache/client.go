package bincache

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are what a client may use and where it may go. The zero value is a
// client of /nix/store with the default limits, without credentials, that never
// leaves a cache's host.
type Options struct {
	Source   Source // nil: NewMachine(Limits)
	Limits   Limits // zero fields: the defaults
	StoreDir string // empty: /nix/store
	Netrc    *Netrc // credentials for http(s) caches; may be nil
	// Hosts are further hosts ("cdn.example:8443", or without the port for the
	// scheme's own) that a cache's redirects and narinfos may lead to.
	// Credentials are sent there only by an entry of their own in Netrc.
	Hosts []string
	// Sleep waits between attempts; nil: real time.
	Sleep func(context.Context, time.Duration) error
}

// A Client gets things from binary caches. It may be used by many goroutines;
// connections and the bound on requests are shared by host.
type Client struct {
	source   Source
	limits   Limits
	storeDir string
	netrc    *Netrc
	hosts    []string
	sleep    func(context.Context, time.Duration) error

	mu    sync.Mutex
	slots map[string]chan struct{} // by host
}

// NewClient makes a client. It asks nothing yet.
func NewClient(o Options) *Client {
	c := &Client{
		source: o.Source, limits: o.Limits.orDefault(), storeDir: o.StoreDir,
		netrc: o.Netrc, hosts: o.Hosts, sleep: o.Sleep, slots: map[string]chan struct{}{},
	}
	if c.source == nil {
		c.source = NewMachine(c.limits)
	}
	if c.storeDir == "" {
		c.storeDir = DefaultStoreDir
	}
	if c.sleep == nil {
		c.sleep = sleep
	}
	return c
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// StoreDir returns the folder of the store whose caches are asked.
func (c *Client) StoreDir() string { return c.storeDir }

// A Cache is one binary cache seen through a client.
type Cache struct {
	client *Client
	base   *url.URL // no user, no query, no fragment, a path that ends in a slash
	user   *url.Userinfo
	shown  string
}

// Cache names a cache by its store URL: http, https or file, or an absolute
// path. Store parameters (?priority=…) are ignored; a user and password in the
// URL are used and never shown. It asks nothing yet.
func (c *Client) Cache(storeURL string) (*Cache, error) {
	if strings.HasPrefix(storeURL, "/") {
		storeURL = (&url.URL{Scheme: "file", Path: storeURL}).String()
	}
	u, err := url.Parse(storeURL)
	if err != nil {
		return nil, failf(Unsupported, "the cache's URL cannot be read; http://, https:// or file:// and a host or folder are expected")
	}
	switch {
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Opaque == "":
	case u.Scheme == "file" && u.Host == "" && u.Path != "":
	default:
		return nil, failf(Unsupported, "%s is not an http, https or file cache; only these are read", quote(shown(u)))
	}
	k := &Cache{client: c, base: &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath}}
	k.shown = shown(k.base)
	if !strings.HasSuffix(k.base.Path, "/") {
		k.base = k.base.JoinPath("/")
	}
	if k.user = u.User; k.user == nil {
		k.user = c.netrc.Find(u.Hostname())
	}
	return k, nil
}

// URL returns the cache's URL without user, password and parameters.
func (k *Cache) URL() string { return k.shown }

// shown is a URL as it may be shown: credentials and signed queries are left out.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// resolve finds the URL of a file that a narinfo names, relative to the cache
// or absolute, and refuses to leave the cache for a host that was not allowed.
func (k *Cache) resolve(ref string) (*url.URL, error) {
	u, err := url.Parse(ref)
	if err != nil || strings.IndexFunc(ref, isControl) >= 0 || strings.Contains(ref, "\\") {
		return nil, failf(Misbehaved, "the narinfo names the file %s, which is not a URL", quote(ref))
	}
	// Path is unescaped, so that %2e%2e is seen too.
	if slices.Contains(strings.Split(u.Path, "/"), "..") {
		return nil, failf(Misbehaved, "the narinfo names the file %s, which climbs out of the cache with \"..\"; it is not fetched", quote(ref))
	}
	if !u.IsAbs() && u.Host == "" {
		if u.Path == "" || strings.HasPrefix(u.Path, "/") {
			return nil, failf(Misbehaved, "the narinfo names the file %s, which is not relative to the cache; it is not fetched", quote(ref))
		}
		whole := k.base.JoinPath(u.EscapedPath())
		whole.RawQuery = u.RawQuery
		return whole, nil
	}
	if u.User != nil || !k.mayLeadTo(k.base, u) {
		return nil, failf(Misbehaved, "the narinfo names the file %s, which is not on the cache's own host; allow that host if the cache is meant to use it", quote(shown(u)))
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}, nil
}

// mayLeadTo says whether something at from may send the client to another URL:
// the same host in the same scheme or from http to https, or an allowed host;
// never from https to http, and never into or out of this machine's files.
func (k *Cache) mayLeadTo(from, to *url.URL) bool {
	if to.Opaque != "" || to.Host == "" {
		return false
	}
	switch {
	case to.Scheme == "https" && (from.Scheme == "https" || from.Scheme == "http"):
	case to.Scheme == "http" && from.Scheme == "http":
	default:
		return false
	}
	target := hostPort(to)
	if target == hostPort(k.base) || strings.EqualFold(to.Hostname(), k.base.Hostname()) && defaultPort(to) && defaultPort(k.base) {
		return true
	}
	return slices.ContainsFunc(k.client.hosts, func(h string) bool {
		return strings.EqualFold(h, target) || strings.EqualFold(h, to.Host) && defaultPort(to)
	})
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

func defaultPort(u *url.URL) bool {
	p := u.Port()
	return p == "" || u.Scheme == "https" && p == "443" || u.Scheme == "http" && p == "80"
}

// userFor returns the credentials for a URL: the cache's own for its own host,
// and for others what the netrc file says. Nothing is ever sent over http that
// was meant for https.
func (k *Cache) userFor(at *url.URL) *url.Userinfo {
	if at.Scheme == "file" || k.base.Scheme == "https" && at.Scheme != "https" {
		return nil
	}
	if strings.EqualFold(at.Hostname(), k.base.Hostname()) && (hostPort(at) == hostPort(k.base) || defaultPort(at) && defaultPort(k.base)) {
		return k.user
	}
	return k.client.netrc.Find(at.Hostname())
}

// slot takes one of the host's places for a request.
func (c *Client) slot(ctx context.Context, host string) (release func(), err error) {
	c.mu.Lock()
	s, ok := c.slots[host]
	if !ok {
		s = make(chan struct{}, c.limits.PerHost)
		c.slots[host] = s
	}
	c.mu.Unlock()
	select {
	case s <- struct{}{}:
		return sync.OnceFunc(func() { <-s }), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a free connection: %w", ctx.Err())
	}
}
