package probe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Options are how to probe. The zero value asks the real network for no path.
type Options struct {
	Source   bincache.Source // nil: the real ones
	Netrc    *bincache.Netrc // may be nil
	StoreDir string          // empty: /nix/store
	Deadline time.Duration   // of one request, to its last byte; 5 s when zero
	Times    int             // how often each thing is asked; 4 when zero, at most 16
	AtOnce   int             // caches that are probed at a time; 8 when zero
	// Paths are real ones, which a cache learns are of interest. Keys judge their
	// signatures, and Known only tell a wrong key from a bad signature.
	Paths []bincache.StorePath
	Keys  *bincache.Keyring
	Known []bincache.PublicKey
	// KeysOf, when not nil, has the keys that judge one cache in the place of Keys;
	// nil for a cache leaves it to those.
	KeysOf func(storeURL string) *bincache.Keyring
	// Unlike, when not nil, says what of a narinfo is otherwise than it has to be,
	// "" when nothing is: a signature of other contents proves nothing then.
	Unlike func(n *bincache.NarInfo) string
	// Progress is told how many caches are done, from one goroutine at a time.
	Progress func(done, all int)
}

func (o Options) orDefault() Options {
	if o.Deadline <= 0 {
		o.Deadline = 5 * time.Second
	}
	if o.Times <= 0 {
		o.Times = 4
	}
	o.Times = min(o.Times, 16)
	if o.AtOnce <= 0 {
		o.AtOnce = 8
	}
	if o.StoreDir == "" {
		o.StoreDir = bincache.DefaultStoreDir
	}
	return o
}

// Hosts are the hosts that would learn of a probe of these caches, each once:
// a folder has none.
func Hosts(urls []string) (hosts []string) {
	for _, s := range urls {
		if u, err := url.Parse(s); err == nil && u.Host != "" && probed(u.Scheme) {
			hosts = append(hosts, strings.ToLower(u.Host))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func probed(scheme string) bool { return scheme == "http" || scheme == "https" }

// All probes caches, each on its own, and returns their results in order.
func All(ctx context.Context, urls []string, o Options) []Result {
	o = o.orDefault()
	out := make([]Result, len(urls))
	places := make(chan struct{}, o.AtOnce)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i, u := range urls {
		places <- struct{}{}
		wg.Go(func() {
			out[i] = Cache(ctx, u, o)
			<-places
			mu.Lock()
			defer mu.Unlock()
			if done++; o.Progress != nil {
				o.Progress(done, len(urls))
			}
		})
	}
	wg.Wait()
	return out
}

// Cache probes one cache. It asks one thing at a time, each once and within
// Deadline, and stops at the first that shows that the rest is in vain.
func Cache(ctx context.Context, storeURL string, o Options) Result {
	o = o.orDefault()
	if o.KeysOf != nil {
		if keys := o.KeysOf(storeURL); keys != nil {
			o.Keys = keys
		}
	}
	source := o.Source
	limits := bincache.Limits{Attempts: 1, PerHost: 2, Request: o.Deadline, Answer: o.Deadline}
	if source == nil {
		source = bincache.NewMachine(limits)
	}
	seen := &watch{Source: source}
	client := bincache.NewClient(bincache.Options{Source: seen, Limits: limits, StoreDir: o.StoreDir, Netrc: o.Netrc})
	r := Result{URL: bare(storeURL), At: time.Now(), Encrypted: strings.HasPrefix(strings.ToLower(storeURL), "https://")}
	k, err := client.Cache(storeURL)
	if err != nil {
		r.Text = err.Error()
		return r
	}
	r.URL = k.URL()
	p := &prober{k, o, seen, &r}
	if p.info(ctx, storeURL) {
		p.misses(ctx)
		p.paths(ctx)
	}
	r.Credentials = seen.sent
	if ctx.Err() != nil {
		return Result{URL: r.URL, At: r.At, Encrypted: r.Encrypted, Text: "the probe was interrupted"}
	}
	return r
}

// bare is a store URL without what may be secret in it.
func bare(storeURL string) string {
	u, err := url.Parse(storeURL)
	if err != nil {
		return "a URL that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path}).String()
}

// A prober fills in the result of one cache.
type prober struct {
	cache *bincache.Cache
	o     Options
	seen  *watch
	r     *Result
}

// info asks for nix-cache-info and reports whether it makes sense to go on.
func (p *prober) info(ctx context.Context, storeURL string) bool {
	start := time.Now()
	info, err := p.cache.Info(ctx)
	p.r.Hit = Latency{First: time.Since(start), Times: 1}
	p.r.Status, p.r.Info = p.seen.status, info
	p.r.TLS = tlsOf(p.seen.tls, err)
	p.judge(info, err, storeURL)
	if err != nil {
		p.r.Hit = Latency{}
		// A cache that would stop Nix for its priority is one all the same.
		return p.r.Outcome == Reachable
	}
	var took []time.Duration
	for range p.o.Times - 1 {
		start := time.Now()
		if _, err := p.cache.Info(ctx); err != nil {
			p.r.Text += fmt.Sprintf(" Asked again it failed: %v.", err)
			break
		}
		took = append(took, time.Since(start))
	}
	p.r.Hit.Times += len(took)
	p.r.Hit.Typical = middle(took)
	return p.r.Outcome == Reachable
}

// judge says what an answer about nix-cache-info means.
func (p *prober) judge(info bincache.CacheInfo, err error, storeURL string) {
	r := p.r
	r.Priority = info.Priority
	n, set, ok := priorityOf(storeURL)
	if set && ok {
		r.Priority = n
	}
	switch kind := bincache.KindOf(err); {
	case err == nil && info.Told():
		r.Outcome, r.Effect = Reachable, Asks
		r.Text = "It answers as a binary cache."
	case err == nil:
		r.Outcome, r.Effect = NotACache, Asks
		r.Text = fmt.Sprintf("It answers with something that says nothing a nix-cache-info should say. Nix takes it for a cache all the same, with priority %d.", r.Priority)
	case errors.Is(err, bincache.ErrPriority):
		r.Outcome, r.Effect = Reachable, Stops
		r.Text = err.Error() + ": no command that opens this cache works until it is corrected or taken out of substituters."
		return
	case info.StoreDir != "" && info.StoreDir != p.o.StoreDir:
		r.Outcome, r.Effect, r.Text = WrongStore, Skips, err.Error()
	case kind == bincache.Refused:
		r.Outcome, r.Effect, r.Text = Forbidden, Skips, err.Error()
	case kind == bincache.Absent:
		r.Outcome, r.Effect, r.Text = NotACache, Skips, "It has no nix-cache-info, so that Nix says that it does not appear to be a binary cache, and goes on without it."
	case distrusted(err):
		// Nix goes by a list of authorities of its own (ssl-cert-file).
		r.Text = err.Error() + ". Nix may know an authority that this program does not (ssl-cert-file, NIX_SSL_CERT_FILE), so that it is not known whether Nix reaches it."
	case kind == bincache.Unreachable:
		r.Outcome, r.Effect = Unreachable, Skips
		r.Text = err.Error() + ". Nix tries for some seconds and goes on without it; when it remembers the cache's nix-cache-info, the build fails instead, unless fallback is on."
	case kind == bincache.Misbehaved && r.Status >= 400:
		r.Outcome, r.Effect, r.Text = NotACache, Skips, err.Error()
	default: // Nix could take what this program does not
		r.Text = err.Error()
	}
	if !ok && r.Effect != EffectUnknown {
		r.Effect = Skips
		r.Text += " The priority in its URL is not a number, and Nix leaves it out for that."
	}
}

// misses asks for paths that do not exist.
func (p *prober) misses(ctx context.Context) {
	m := &p.r.Miss
	var took []time.Duration
	for range p.o.Times {
		start := time.Now()
		_, err := p.cache.NarInfo(ctx, madeUp())
		took = append(took, time.Since(start))
		kind := bincache.KindOf(err)
		if kind == bincache.Absent && m.Answer == MissRefused {
			continue // it refuses some
		}
		m.Status = p.seen.status
		switch kind {
		case bincache.Absent:
			m.Answer = MissAbsent
			continue
		case bincache.Refused:
			m.Answer = MissRefused
			m.Text = "Nix up to 2.34 takes this for a path that is not there; later ones stop at a 401 or 407 unless fallback is on. Some caches answer so because they do not let files be listed, others because they want credentials."
			continue
		case bincache.Unreachable:
			m.Answer, m.Text = MissFailed, "Nix tries again a few times, and then the build fails, unless fallback is on: "+err.Error()
		default:
			m.Answer, m.Text = MissOdd, "Nix fails where it asks this cache for a path that it does not have, unless fallback is on: it does not say 404, and what it sends is no description of a path."
		}
		break
	}
	m.Typical = middle(took)
}

// madeUp is a path that no cache has. Only its first 32 characters are sent, and
// they are as random as a real path's.
func madeUp() bincache.StorePath {
	const alphabet = "0123456789abcdfghijklmnpqrsvwxyz"
	digest := make([]byte, 32)
	for i := range digest {
		digest[i] = alphabet[rand.IntN(len(alphabet))]
	}
	return bincache.StorePath(string(digest) + "-probe")
}

// middle is the median, of the two middle ones the quicker.
func middle(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[(len(took)-1)/2]
}
